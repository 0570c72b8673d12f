"""The slices, of one feature or two, in which a model errs more than elsewhere.

Every cell of every feature and of every pair is tested in the rows where slices are looked for, corrected for how many
they are (Benjamini and Hochberg 1995, for either number of features by itself and then doubled); those that are left
are tested again in rows that had no part in the choice (Holm 1979). What ranks them is by how much the error of all
rows would fall if the slice erred as the rest does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from warehouse.checks.diagnosis.slice_cells import CODES, Cells
from warehouse.checks.diagnosis.slice_choice import (
    SHORTLIST,
    Candidate,
    by_explained,
    chosen_slices,
    excess_of,
    explained_by,
    varied,
)
from warehouse.checks.diagnosis.slice_cubes import RowSet, read_pairs, read_singles
from warehouse.checks.diagnosis.slice_measuring import (
    LEAST_ROWS,
    Codes,
    SliceSums,
    compared_tails,
    read_sums,
    slice_errors,
)
from warehouse.checks.diagnosis.slice_result import (
    LeftOut,
    Slice,
    SliceAnswer,
    SliceErrors,
    SliceFeature,
    SliceReport,
)
from warehouse.engine.base import Engine
from warehouse.sql import Query, Step
from warehouse.statistics.estimates import Mean, mean_estimate, rate_estimate
from warehouse.statistics.excess import Numbers, Sums
from warehouse.statistics.session_tables import SessionTables
from warehouse.statistics.significance import benjamini_hochberg, holm

if TYPE_CHECKING:
    from warehouse.checks.diagnosis.result import MetricName

LEVEL = 0.05
LEAST_SET_ROWS = 200
"""Fewer rows are not cut at all."""
PAIRED_FEATURES = 20
"""So many features are combined with each other, those by which the error varies most."""
MOST_SLICES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """All slices of one feature, or all of two, in flat arrays."""

    cells: list[tuple[tuple[int, int, int], ...]]
    inside: Sums
    sides: tuple[Sums, ...]
    p_values: list[float]

    def sums(self, place: int) -> SliceSums:
        """Of one of them."""
        return SliceSums(inside=self.inside.at(place), sides=tuple(side.at(place) for side in self.sides))


def find_slices(
    engine: Engine,
    tables: SessionTables,
    found: RowSet,
    verify: Callable[[Collection[int]], RowSet],
    features: Sequence[Cells],
    left_out: Sequence[LeftOut],
    metric: MetricName,
    *,
    split: str,
) -> tuple[SliceReport, list[Codes]]:
    """The worst slices of the first set, verified in the second, and each by its cells.

    Args:
        engine: runs the queries.
        tables: keeps tables in between.
        found: where to look.
        verify: gives the rows to verify in, with the cells of these features.
        features: what the sets' columns `c<i>` are cells of.
        left_out: columns that are no features.
        metric: what the sets' losses are.
        split: what the first set is of.
    """
    singles = read_singles(engine, found, range(len(features)))
    paired = _paired(singles, found.whole)
    pairs = read_pairs(engine, found, paired)
    families = (_tested_singles(found, features, singles), _tested_pairs(found, features, pairs))
    tested = [each for each in families if each.cells]
    worse = _worse(engine, found, tested)
    chosen = chosen_slices(engine, found, worse, features)[:MOST_SLICES]
    verified = verify({feature for each in chosen for feature, _, _ in each.codes.cells})
    slices = _verified(engine, (found, verified), chosen, features)
    order = sorted(range(len(slices)), key=lambda i: (list(SliceAnswer).index(slices[i].answer), -_gain(slices[i])))
    listed = [chosen[i].codes for i in order]
    row_share, error_share = _listed_shares(engine, found, listed)
    mean = Mean(
        value=found.mean,
        standard_error=float(np.sqrt(found.whole.variance[0] / found.whole.count[0])),
        row_count=found.row_count,
    )
    report = SliceReport(
        metric=metric,
        split=split,
        found_on=found.name,
        found_row_count=found.row_count,
        verified_on=verified.name,
        verified_row_count=verified.row_count,
        error=rate_estimate(mean) if found.is_rate else mean_estimate(mean),
        level=LEVEL,
        tested_count=sum(len(each.cells) for each in tested),
        worse_count=len(worse),
        overlapping_count=len(worse) - len(chosen),
        slices=tuple(slices[i] for i in order),
        listed_row_share=row_share,
        listed_error_share=error_share,
        features=tuple(
            SliceFeature(
                name=cells.part.name,
                column=cells.part.column,
                cell_count=int((singles[place].count > 0).sum()),
                in_pairs=place in paired and len(paired) > 1,
            )
            for place, cells in enumerate(features)
        ),
        left_out=tuple(left_out),
    )
    return report, listed


def _gain(each: Slice) -> float:
    return each.found.removable.value


def _paired(singles: Mapping[int, Sums], whole: Sums) -> list[int]:
    """The features by whose cells the error varies most, ascending."""

    def spread(feature: int) -> float:
        sums = singles[feature]
        means = np.where(sums.count >= LEAST_ROWS, sums.mean, whole.mean)
        return float(np.nansum(sums.count * (means - whole.mean) ** 2))

    return sorted(sorted(singles, key=lambda feature: -spread(feature))[:PAIRED_FEATURES])


def _tested_singles(rows: RowSet, features: Sequence[Cells], singles: Mapping[int, Sums]) -> Tested:
    parts = [_ranges_of(features[feature], sums) for feature, sums in singles.items()]
    cells = [((feature, first, last),) for feature in singles for first, last in features[feature].ranges]
    return _tested(rows, cells, _joined(parts), ())


def _tested_pairs(rows: RowSet, features: Sequence[Cells], pairs: Mapping[tuple[int, int], Sums]) -> Tested:
    inside, first, second = [], [], []
    cells: list[tuple[tuple[int, int, int], ...]] = []
    for (a, b), grid in pairs.items():
        left, right = _indicators(features[a]), _indicators(features[b])
        squares = [values.reshape(CODES, CODES) for values in (grid.count, grid.total, grid.squares)]
        inside.append(Sums(*((left @ each @ right.T).ravel() for each in squares)))
        first.append(Sums(*(np.repeat(left @ each.sum(axis=1), len(right)) for each in squares)))
        second.append(Sums(*(np.tile(right @ each.sum(axis=0), len(left)) for each in squares)))
        cells += [((a, *left), (b, *right)) for left, right in product(features[a].ranges, features[b].ranges)]
    return _tested(rows, cells, _joined(inside), (_joined(first), _joined(second)))


def _indicators(cells: Cells) -> Numbers:
    """One row per range: 1 for each cell that is in it."""
    codes = np.arange(CODES)
    return np.array([(codes >= first) & (codes <= last) for first, last in cells.ranges], dtype=np.float64)


def _ranges_of(cells: Cells, sums: Sums) -> Sums:
    indicators = _indicators(cells)
    return Sums(indicators @ sums.count, indicators @ sums.total, indicators @ sums.squares)


def _each(sums: Sums, places: npt.NDArray[np.int64]) -> Sums:
    return Sums(sums.count[places], sums.total[places], sums.squares[places])


def _joined(parts: Sequence[Sums]) -> Sums:
    names = ("count", "total", "squares")
    return Sums(*(np.concatenate([np.zeros(0), *(getattr(each, name) for each in parts)]) for name in names))


def _tested(
    rows: RowSet, cells: Sequence[tuple[tuple[int, int, int], ...]], inside: Sums, sides: tuple[Sums, ...]
) -> Tested:
    """Those with enough rows on either side."""
    kept = np.flatnonzero((inside.count >= LEAST_ROWS) & (rows.whole.count - inside.count >= LEAST_ROWS))
    inside, sides = _each(inside, kept), tuple(_each(side, kept) for side in sides)
    others = [rows.whole - inside, *(side - inside for side in sides)]
    p_values = compared_tails(inside, others, is_rate=rows.is_rate).tolist() if len(kept) else []
    return Tested(cells=[cells[i] for i in kept.tolist()], inside=inside, sides=sides, p_values=p_values)


def _worse(engine: Engine, rows: RowSet, tested: Sequence[Tested]) -> list[Candidate]:
    """Slices that are worse than the rest after correction, those that explain most first."""
    candidates = _significant(rows, tested, [each.p_values for each in tested])
    if rows.clusters is None:
        return candidates
    # Clusters only raise p-values: what is not significant without them is not with them. Others count as 1.
    known = {
        each.codes: slice_errors(engine, rows, each.codes, each.sums).p_value
        for each in varied(candidates, most=SHORTLIST)
    }
    p_values = [[known.get(Codes(cells), 1.0) for cells in each.cells] for each in tested]
    return _significant(rows, tested, p_values)


def _significant(rows: RowSet, tested: Sequence[Tested], p_values: Sequence[Sequence[float]]) -> list[Candidate]:
    found = []
    for each, values in zip(tested, p_values, strict=True):
        for place, adjusted in enumerate(benjamini_hochberg(values)):
            adjusted = min(1.0, adjusted * len(tested))
            if adjusted <= LEVEL:
                sums = each.sums(place)
                found.append(
                    Candidate(
                        codes=Codes(each.cells[place]),
                        sums=sums,
                        p_value=values[place],
                        adjusted=adjusted,
                        excess=excess_of(sums.inside, rows.whole),
                        explained=explained_by(sums.inside, rows.whole),
                    )
                )
    return by_explained(found)


def _verified(
    engine: Engine, sets: tuple[RowSet, RowSet], chosen: Sequence[Candidate], features: Sequence[Cells]
) -> list[Slice]:
    found, verified = sets
    sums = read_sums(engine, verified, [each.codes for each in chosen])
    errors: list[SliceErrors | None] = []
    for each, there in zip(chosen, sums, strict=True):
        is_there = there.inside.count[0] > 0 and there.inside.count[0] < verified.whole.count[0]
        errors.append(slice_errors(engine, verified, each.codes, there) if is_there else None)
    adjusted = holm([each.p_value if each is not None else 1.0 for each in errors])
    slices = []
    for candidate, other, p_value in zip(chosen, errors, adjusted, strict=True):
        own = slice_errors(engine, found, candidate.codes, candidate.sums)
        other = replace(other, adjusted_p_value=p_value) if other is not None else None
        conditions = tuple(features[feature].condition(first, last) for feature, first, last in candidate.codes.cells)
        slices.append(
            Slice(
                name=" and ".join(each.text for each in conditions),
                conditions=conditions,
                where=" and ".join(each.sql for each in conditions),
                found=replace(own, adjusted_p_value=candidate.adjusted),
                verified=other,
                answer=_answer(own, other),
            )
        )
    return slices


def _answer(found: SliceErrors, verified: SliceErrors | None) -> SliceAnswer:
    if verified is None:
        return SliceAnswer.UNDECIDED
    if verified.adjusted_p_value <= LEVEL:
        return SliceAnswer.CONFIRMED
    is_less = verified.difference.high < found.difference.value / 2
    return SliceAnswer.REFUTED if is_less else SliceAnswer.UNDECIDED


def _listed_shares(engine: Engine, rows: RowSet, listed: Sequence[Codes]) -> tuple[float, float]:
    """Shares of rows and of errors that are in any of these."""
    if not listed:
        return 0.0, 0.0
    condition = " or ".join(f"({codes.sql})" for codes in listed)
    sums = f"count(*) as row_count, coalesce(sum(loss), 0) as loss from {rows.table} where {condition}"
    (found,) = engine.rows(Query.of(Step("listed_rows", f"select {sums}")))
    total = float(rows.whole.total[0])
    return found["row_count"] / rows.row_count, found["loss"] / total if total > 0 else 0.0
