"""Whether a classifier can tell from a row which of two samples it belongs to.

Each row is judged by a classifier that never saw it: the rows are put into two halves, and what is learned from one is
tried on the other. Source: the classifier two-sample test (Lopez-Paz and Oquab 2017).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from warehouse.errors import import_extra
from warehouse.statistics.distance import NORMAL_QUANTILE
from warehouse.statistics.row_samples import Feature, RowSample, mixed

EXTRA = "classifier"
TREES = 50
LEAVES = 15
MOST_BINS = 63
"""Of a number; fewer bins than usual make many columns affordable."""
MOST_CODES = 60
"""Of a category the most frequent values of both samples together are told apart, all others count as one."""
SHUFFLES = 999
FEWEST_ROWS = 10
"""Of either side in each half; without so many nothing is learned or judged."""
IMPORTANCE_ROWS = 2000
"""Columns are shuffled in so many held-out rows of a half."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """How well both samples can be told apart."""

    auc: float
    """Mean of both halves; 0.5: not at all."""
    low: float
    """Lower end of its 95 % interval."""
    high: float
    null_high: float
    """95 % of the AUCs with shuffled sides lie below."""
    p_value: float
    shuffle_count: int
    importances: dict[str, float]
    """By column, most important first: by how much shuffling its values lowers the AUC. Empty when nothing is told."""


def separate(left: RowSample, right: RowSample, features: Sequence[Feature]) -> Separation | None:
    """How well the rows of both sides can be told apart; None with fewer than ten rows of a side in a half.

    The halves learn from each other's noise, so that their AUCs rise and fall nearly together by chance (for a kernel
    method they are equal); simulation shows it too. Interval and null law count them as if they did so entirely: the
    standard errors are averaged, as are the sorted AUCs of shuffled sides. Rows of one group count as one (Obuchowski
    1997), and change sides together when sides are shuffled.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    ensemble = import_extra("sklearn.ensemble", extra=EXTRA)
    sides = np.concatenate((np.zeros(left.row_count, dtype=bool), np.ones(right.row_count, dtype=bool)))
    values = _encoded(np.concatenate((left.values, right.values)), features)
    halves = _halves(left, right)
    for half in (False, True):
        inside = sides[halves == half]
        if min(inside.sum(), (~inside).sum()) < FEWEST_ROWS:
            return None
    groups, hashes = np.concatenate((left.groups, right.groups)), np.concatenate((left.hashes, right.hashes))
    # Rows without a group are each one of their own, equal ones too.
    groups = np.where(groups == hashes, np.arange(len(groups), dtype=np.uint64), groups)
    # Constant columns tell nothing and cost time.
    telling = [index for index in range(values.shape[1]) if _varies(values[:, index])]
    if not telling:
        return Separation(
            auc=0.5, low=0.5, high=0.5, null_high=0.5, p_value=1.0, shuffle_count=SHUFFLES, importances={}
        )
    used = [features[index] for index in telling]
    values = values[:, telling]
    chance = np.random.default_rng(20170303)
    tried, models = [], []
    with _one_thread():
        for half in (False, True):
            learned, held_out = halves != half, halves == half
            model = ensemble.HistGradientBoostingClassifier(
                max_iter=TREES,
                max_leaf_nodes=LEAVES,
                max_bins=MOST_BINS,
                categorical_features=[feature.is_category for feature in used],
                early_stopping=False,
                random_state=0,
            ).fit(values[learned], sides[learned])
            scores = model.decision_function(values[held_out])
            tried.append(_Tried.of(scores, sides[held_out], groups[held_out]))
            models.append((model, held_out))
        null = np.mean([one.shuffled(chance, SHUFFLES) for one in tried], axis=0)
        auc = float(np.mean([one.auc for one in tried]))
        p_value = float((1 + (null >= auc).sum()) / (1 + SHUFFLES))
        importances = {}
        if p_value <= 0.05:
            importances = _importances(models, values, sides, used, chance)
    reach = NORMAL_QUANTILE * float(np.mean([one.standard_error for one in tried]))
    return Separation(
        auc=auc,
        low=max(0.0, auc - reach),
        high=min(1.0, auc + reach),
        null_high=float(np.quantile(null, 0.95)),
        p_value=p_value,
        shuffle_count=SHUFFLES,
        importances=importances,
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keeps threads of scikit-learn from waiting for each other on a busy machine, which costs more than it gains."""
    with import_extra("threadpoolctl", extra=EXTRA).threadpool_limits(1, user_api="openmp"):
        yield


def _varies(column: Numbers) -> bool:
    missing = np.isnan(column)
    return not missing.all() and (bool(missing.any()) or bool((column != column[0]).any()))


def _encoded(values: Numbers, features: Sequence[Feature]) -> Numbers:
    """With categories numbered from 0 by frequency, the most frequent first."""
    for index, feature in enumerate(features):
        if not feature.is_category:
            continue
        present = ~np.isnan(values[:, index])
        found, codes, counts = np.unique(values[present, index], return_inverse=True, return_counts=True)
        order = np.lexsort((found, -counts))
        ranks = np.empty(len(found))
        ranks[order] = np.minimum(np.arange(len(found)), MOST_CODES)
        values[present, index] = ranks[codes.ravel()]
    return values


def _halves(left: RowSample, right: RowSample) -> npt.NDArray[np.bool_]:
    """Which half each row is in, all rows of a group in one.

    Half the groups are in either, in the order of their hashes. Equal rows without a group are spread, since few
    different rows would else leave nothing to learn from; but the first of them is in one half on both sides: two
    versions of one table must not teach that a row they share is from the other.
    """
    hashes, groups = np.concatenate((left.hashes, right.hashes)), np.concatenate((left.groups, right.groups))
    grouped = hashes != groups
    found = []
    for offset, side in ((0, left), (left.row_count, right)):
        repeats = np.arange(side.row_count) - np.searchsorted(side.hashes, side.hashes)
        # The first of equal rows has the same number on both sides, the others never have.
        found.append(np.where(repeats == 0, 0, repeats + offset).astype(np.uint64))
    halves = (mixed(hashes + np.concatenate(found) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(63)).astype(bool)
    if grouped.any():
        distinct, places = np.unique(groups[grouped], return_inverse=True)
        order = np.argsort(np.argsort(mixed(distinct)))
        halves[grouped] = (order % 2 == 1)[places.ravel()]
    return np.asarray(halves)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried:
    """One half's rows, judged by what was learned from the other."""

    auc: float
    standard_error: float
    rank_sums: Numbers
    """Of the rows that change sides together: rows of one group on one side."""
    sizes: Numbers
    right_units: npt.NDArray[np.bool_]

    @staticmethod
    def of(scores: Numbers, sides: npt.NDArray[np.bool_], groups: npt.NDArray[np.uint64]) -> _Tried:
        """AUC and its error by DeLong et al. (1988), over groups."""
        ranks = mid_ranks(scores)
        n, m = int((~sides).sum()), int(sides.sum())
        auc = (ranks[sides].sum() - m * (m + 1) / 2) / (n * m)
        influence = np.empty(len(scores))
        influence[sides] = ((ranks[sides] - mid_ranks(scores[sides])) / n - auc) / m
        influence[~sides] = (1 - (ranks[~sides] - mid_ranks(scores[~sides])) / m - auc) / n
        distinct, places = np.unique(groups, return_inverse=True)
        by_group = np.bincount(places.ravel(), weights=influence)
        count = len(distinct)
        units, of_unit = np.unique(places.ravel() * 2 + sides, return_inverse=True)
        return _Tried(
            auc=float(auc),
            standard_error=float(np.sqrt((by_group**2).sum() * count / max(count - 1, 1))),
            rank_sums=np.bincount(of_unit.ravel(), weights=ranks).astype(np.float64),
            sizes=np.bincount(of_unit.ravel()).astype(np.float64),
            right_units=units % 2 == 1,
        )

    def shuffled(self, chance: np.random.Generator, count: int) -> Numbers:
        """AUCs with the sides shuffled among the units, rising."""
        found = np.empty(count)
        total = self.sizes.sum()
        flags = self.right_units.copy()
        for index in range(count):
            chance.shuffle(flags)
            m = float(self.sizes[flags].sum())
            found[index] = (self.rank_sums[flags].sum() - m * (m + 1) / 2) / (m * (total - m))
        found.sort()
        return found


def mid_ranks(values: Numbers) -> Numbers:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[places.ravel()])


def _auc(scores: Numbers, sides: npt.NDArray[np.bool_]) -> float:
    m = int(sides.sum())
    return float((mid_ranks(scores)[sides].sum() - m * (m + 1) / 2) / (m * (len(sides) - m)))


def _importances(
    models: Sequence[tuple[Any, npt.NDArray[np.bool_]]],
    values: Numbers,
    sides: npt.NDArray[np.bool_],
    features: Sequence[Feature],
    chance: np.random.Generator,
) -> dict[str, float]:
    """Permutation importance (Breiman 2001) on held-out rows; a column's features are shuffled together."""
    by_column: dict[str, list[int]] = {}
    for index, feature in enumerate(features):
        by_column.setdefault(feature.column, []).append(index)
    found = dict.fromkeys(by_column, 0.0)
    for model, held_out in models:
        rows = np.flatnonzero(held_out)
        # Evenly spaced rows: each side is in the order of its hashes, so any are as good.
        rows = rows[:: max(1, len(rows) // IMPORTANCE_ROWS)]
        here, of_side = values[rows], sides[rows]
        whole = _auc(model.decision_function(here), of_side)
        for column, places in by_column.items():
            kept = here[:, places].copy()
            here[:, places] = kept[chance.permutation(len(rows))]
            found[column] += (whole - _auc(model.decision_function(here), of_side)) / len(models)
            here[:, places] = kept
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
