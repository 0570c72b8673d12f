"""How synthetic rows lie among real ones, on bounded samples: distances to the closest, and what they cover."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from warehouse.checks.synthetic.result import REAL, SYNTHETIC, Closeness, Diversity
from warehouse.checks.synthetic.rows import SyntheticRows
from warehouse.engine.base import Engine
from warehouse.sql import Relation
from warehouse.statistics.estimates import Estimate, Mean, difference, rate_estimate
from warehouse.statistics.neighbours import Points, nearest_distances, points_of, resemblance
from warehouse.statistics.profile import row_count
from warehouse.statistics.row_samples import Feature, RowSample, draw_rows, features_of

SAMPLE_ROWS = 3_000
"""Of real and of synthetic rows about so many are compared with each other."""
HELD_ROWS = 2_000
"""Of every other split about so many rows are looked at..."""
OTHER_ROWS = 20_000
"""...and their closest are sought among so many synthetic rows, and as many real ones."""
SAMPLE_VALUES = 2_000_000
"""A sample has no more values than that: fewer rows when there are many columns."""
FEWEST_ROWS = 50
"""Below this many rows nothing is said."""
MOST_FEATURES = 200
NEIGHBOURS = 5
NEAR_SHARE = 0.01
"""The share of real rows that count as near each other: it sets the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What was found, and why some of it was not."""

    diversity: Diversity | None = None
    closeness: tuple[Closeness, ...] = ()
    not_judged: tuple[str, ...] = ()


def look_at_space(engine: Engine, rows: SyntheticRows) -> Space:
    """Diversity and closeness. A scan of each relation per sample: two of synthetic and of real rows, one of others."""
    features = [feature for pair in rows.features for feature in features_of(pair)][:MOST_FEATURES]
    if not features:
        return Space(not_judged=("neighbourhoods: no column can be measured",))
    most = max(FEWEST_ROWS, SAMPLE_VALUES // len(features))
    wanted = min(SAMPLE_ROWS, most)
    real = _draw(engine, rows.real, features, row_count=rows.real_count, wanted=2 * wanted, side="real")
    made_up = _draw(engine, rows.synthetic, features, row_count=rows.synthetic_count, wanted=wanted, side=SYNTHETIC)
    count = min(real.row_count // 2, made_up.row_count, wanted)
    if count < FEWEST_ROWS:
        fewest = f"{rows.synthetic_count:,} synthetic and {rows.real_count:,} real rows"
        return Space(not_judged=(f"neighbourhoods: {fewest} are too few; {FEWEST_ROWS} and {2 * FEWEST_ROWS} are not",))
    halves = [_some(real, slice(start, 2 * count, 2)) for start in (0, 1)]
    samples = [*halves, _some(made_up, slice(0, count))]
    first, second, synthetic = points_of(samples, features)
    found = [_memorised(first, second, synthetic), _alike(first, synthetic)]
    found += _held(engine, rows, features, wanted=min(OTHER_ROWS, most))
    missing = [
        f"closeness of {of} to {to}: too few rows differ from all others"
        for of, to, closeness in found
        if not closeness
    ]
    return Space(
        diversity=_diversity(first, second, synthetic),
        closeness=tuple(closeness for *_, closeness in found if closeness is not None),
        not_judged=tuple(missing),
    )


_Found = tuple[str, str, Closeness | None]


def _draw(
    engine: Engine, relation: Relation, features: list[Feature], *, row_count: int, wanted: int, side: str
) -> RowSample:
    return draw_rows(engine, relation, features, (), row_count=row_count, wanted=wanted, side=side)


def _some(sample: RowSample, rows: slice) -> RowSample:
    return RowSample(hashes=sample.hashes[rows], groups=sample.groups[rows], values=sample.values[rows])


def _diversity(first: Points, second: Points, synthetic: Points) -> Diversity:
    neighbours, count = NEIGHBOURS, first.row_count
    found = resemblance(first, synthetic, neighbours=neighbours)
    best = resemblance(first, second, neighbours=neighbours)

    def loss(value: float, at_best: float) -> Estimate:
        return difference(_rate(value, count), _rate(at_best, count))

    return Diversity(
        neighbours=neighbours,
        row_count=count,
        synthetic=found,
        real=best,
        coverage_loss=loss(found.coverage, best.coverage),
        precision_loss=loss(found.precision, best.precision),
        recall_loss=loss(found.recall, best.recall),
    )


def _memorised(first: Points, second: Points, synthetic: Points) -> _Found:
    own, other = nearest_distances(synthetic, first), nearest_distances(second, first)
    found = _closeness(
        own, other, of=SYNTHETIC, to=REAL, against_of=f"other {REAL}", against_to=REAL, among=first.row_count
    )
    return SYNTHETIC, REAL, found


def _alike(first: Points, synthetic: Points) -> _Found:
    own = nearest_distances(synthetic, synthetic, is_same=True)
    other = nearest_distances(first, first, is_same=True)
    found = _closeness(own, other, of=SYNTHETIC, to=SYNTHETIC, against_of=REAL, against_to=REAL, among=first.row_count)
    return SYNTHETIC, "each other", found


def _held(engine: Engine, rows: SyntheticRows, features: list[Feature], *, wanted: int) -> Iterator[_Found]:
    real = _draw(engine, rows.real, features, row_count=rows.real_count, wanted=wanted, side="real")
    made_up = _draw(engine, rows.synthetic, features, row_count=rows.synthetic_count, wanted=wanted, side=SYNTHETIC)
    count = min(real.row_count, made_up.row_count)
    for split, relation in rows.held.items():
        held = _draw(
            engine,
            relation,
            features,
            row_count=row_count(engine, relation),
            wanted=min(HELD_ROWS, wanted),
            side=split,
        )
        samples = [_some(real, slice(0, count)), _some(made_up, slice(0, count)), held]
        known, synthetic, asked = points_of(samples, features)
        own, other = nearest_distances(asked, synthetic), nearest_distances(asked, known)
        # A row that equals one of either kind says nothing of nearness.
        differs = (own > 0) & (other > 0)
        found = _closeness(
            own[differs],
            other[differs],
            of=split,
            to=SYNTHETIC,
            against_of=split,
            against_to=REAL,
            among=count,
        )
        yield split, SYNTHETIC, found


def _closeness(
    own: npt.NDArray[np.float64],
    other: npt.NDArray[np.float64],
    *,
    of: str,
    to: str,
    against_of: str,
    against_to: str,
    among: int,
) -> Closeness | None:
    own, other = own[own > 0], other[other > 0]
    if min(len(own), len(other)) < FEWEST_ROWS:
        return None
    limit = float(np.quantile(other, NEAR_SHARE, method="inverted_cdf"))
    near = _rate(float((own <= limit).mean()), len(own))
    against = _rate(float((other <= limit).mean()), len(other))
    return Closeness(
        of=of,
        to=to,
        against_of=against_of,
        against_to=against_to,
        row_count=len(own),
        against_row_count=len(other),
        other_count=among,
        median=float(np.median(own)),
        against_median=float(np.median(other)),
        limit=limit,
        near=near,
        excess=difference(against, near),
    )


def _rate(share: float, count: int) -> Estimate:
    return rate_estimate(Mean(value=share, standard_error=0.0, row_count=count))
