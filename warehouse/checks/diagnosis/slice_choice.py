"""Which of the slices that are worse are worth listing, and as what: the same rows are told once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from warehouse.checks.diagnosis.slice_cells import FIRST, Cells
from warehouse.checks.diagnosis.slice_cubes import RowSet
from warehouse.checks.diagnosis.slice_measuring import Codes, SliceSums
from warehouse.engine.base import Engine
from warehouse.sql import Query, Step
from warehouse.statistics.excess import Sums

SHORTLIST = 50
"""So many of the worse slices, those that explain most, are looked at for overlaps, and for clusters."""
OVERLAP_ROWS = 50_000
OVERLAPPING = 0.5
"""A slice that owes more than this share of its excess to rows of listed ones is not listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A slice that was tested and what it was found to be."""

    codes: Codes
    sums: SliceSums
    p_value: float
    adjusted: float
    excess: float
    """Sum of its losses beyond what as many rows of the rest have."""
    explained: float
    """How much of the losses' variation it accounts for: of slices that overlap, the one that says it best has most."""


def chosen_slices(
    engine: Engine, rows: RowSet, worse: Sequence[Candidate], features: Sequence[Cells]
) -> list[Candidate]:
    """Those to list, the ones that explain most first.

    Args:
        engine: runs the query that looks for overlaps.
        rows: where they were found.
        worse: all that are worse, so sorted.
        features: what their cells are of.
    """
    kept = merged_bins(together(worse, rows.whole), rows.whole, features)
    return without_overlaps(engine, rows, without_parents(kept, rows.whole))


def together(worse: Sequence[Candidate], whole: Sums) -> list[Candidate]:
    """Without pairs that are no worse than their conditions, each by itself, let expect.

    Where two conditions add up, each is a slice of its own, and that they also meet is no news.
    """
    kept = []
    for each in worse:
        if each.sums.sides:
            inside, (first, second) = each.sums.inside, each.sums.sides
            neither = whole - first - second + inside
            rest = (whole - inside).mean[0]
            base = neither.mean[0] if neither.count[0] > 0 else rest
            expected = (first - inside).mean[0] + (second - inside).mean[0] - base
            if inside.mean[0] - expected < (inside.mean[0] - rest) / 2:
                continue
        kept.append(each)
    return kept


def merged_bins(worse: Sequence[Candidate], whole: Sums, features: Sequence[Cells]) -> list[Candidate]:
    """Bins that lie side by side as one slice, if all else is the same; as sure as the least sure of them."""
    found = list(worse)
    for axis in (0, 1):
        runs: dict[object, list[Candidate]] = {}
        merged: list[Candidate] = []
        for each in found:
            cells = each.codes.cells
            if axis < len(cells) and features[cells[axis][0]].is_ordered and FIRST <= cells[axis][1] == cells[axis][2]:
                others = tuple(cell for place, cell in enumerate(cells) if place != axis)
                runs.setdefault((len(cells), cells[axis][0], others), []).append(each)
            else:
                merged.append(each)
        for run in runs.values():
            run.sort(key=lambda each: each.codes.cells[axis])
            last = run[0]
            for each in run[1:]:
                if last.codes.cells[axis][2] + 1 == each.codes.cells[axis][1]:
                    last = _sum(last, each, axis, whole)
                else:
                    merged.append(last)
                    last = each
            merged.append(last)
        found = merged
    return by_explained(found)


def _sum(left: Candidate, right: Candidate, axis: int, whole: Sums) -> Candidate:
    feature, first, _ = left.codes.cells[axis]
    _, _, last = right.codes.cells[axis]
    cells = tuple((feature, first, last) if place == axis else cell for place, cell in enumerate(left.codes.cells))
    inside = left.sums.inside + right.sums.inside
    sides = tuple(
        side + right.sums.sides[place] if place == axis else side for place, side in enumerate(left.sums.sides)
    )
    return Candidate(
        codes=Codes(cells),
        sums=SliceSums(inside=inside, sides=sides),
        p_value=max(left.p_value, right.p_value),
        adjusted=max(left.adjusted, right.adjusted),
        excess=excess_of(inside, whole),
        explained=explained_by(inside, whole),
    )


def excess_of(inside: Sums, whole: Sums) -> float:
    """The sum of its losses beyond what as many rows of the rest have."""
    return float(inside.total[0] - inside.count[0] * (whole - inside).mean[0])


def explained_by(inside: Sums, whole: Sums) -> float:
    """The sum of squares between the slice and the rest."""
    count, rest = inside.count[0], whole.count[0] - inside.count[0]
    return float((inside.mean[0] - (whole - inside).mean[0]) ** 2 * count * rest / whole.count[0])


def by_explained(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that explain most first, and always in the same order."""
    return sorted(candidates, key=lambda candidate: (-candidate.explained, candidate.codes.cells))


def without_parents(worse: Sequence[Candidate], whole: Sums) -> list[Candidate]:
    """Without slices of one feature that owe most of their excess to a worse part of them, one with two conditions."""
    explained = set()
    parents = [each for each in worse if len(each.codes.cells) == 1]
    for child in worse:
        for parent in parents if len(child.codes.cells) > 1 else ():
            if child.codes.is_within(parent.codes):
                left, rest = parent.sums.inside - child.sums.inside, whole - parent.sums.inside
                if left.total[0] - left.count[0] * rest.mean[0] <= parent.excess / 2:
                    explained.add(parent.codes)
    return [each for each in worse if each.codes not in explained]


def varied(candidates: Sequence[Candidate], *, most: int) -> list[Candidate]:
    """The first ones, but of those that cut the same features across each other the first alone."""
    kept: dict[tuple[int, ...], list[Candidate]] = {}
    found: list[Candidate] = []
    for each in candidates:
        features = tuple(feature for feature, _, _ in each.codes.cells)
        rivals = kept.setdefault(features, [])
        if any(_meet(each.codes, rival.codes) for rival in rivals):
            continue
        rivals.append(each)
        found.append(each)
        if len(found) == most:
            break
    return found


def _meet(left: Codes, right: Codes) -> bool:
    pairs = zip(left.cells, right.cells, strict=True)
    return all(first <= other_last and other_first <= last for (_, first, last), (_, other_first, other_last) in pairs)


def overlaps_sql(rows: RowSet, slices: Sequence[Codes], *, keep_one_in: int) -> Query:
    """One row per set of these slices that sampled rows are in: `mask`, a bit for each, `row_count`, `loss`."""
    bits = " + ".join(f"(case when {codes.sql} then {2**i} else 0 end)" for i, codes in enumerate(slices))
    kept = f"hash(k, 'overlaps') % {keep_one_in} = 0" if keep_one_in > 1 else "true"
    return Query.of(
        Step("masks", f"select ({bits})::double as mask, loss from {rows.table} where {kept}"),
        Step(
            "overlaps",
            "select mask, count(*)::double as row_count, sum(loss) as loss from masks where mask > 0 group by mask",
        ),
    )


def without_overlaps(engine: Engine, rows: RowSet, worse: Sequence[Candidate]) -> list[Candidate]:
    """Without those that owe most of their excess to rows of the ones before, parts and wholes of it excepted.

    By a sample of rows, chosen by a hash: what is listed is measured on all.
    """
    listed = varied(worse, most=SHORTLIST)
    if len(listed) < 2:
        return listed
    keep_one_in = max(1, rows.row_count // OVERLAP_ROWS)
    masks, counts, losses = engine.number_columns(
        overlaps_sql(rows, [each.codes for each in listed], keep_one_in=keep_one_in)
    )
    bits = masks.astype(np.int64)
    kept: list[int] = []
    for place, candidate in enumerate(listed):
        before = 0
        for other in kept:
            codes = listed[other].codes
            if not candidate.codes.is_within(codes) and not codes.is_within(candidate.codes):
                before |= 1 << other
        excess = losses - counts * (rows.whole - candidate.sums.inside).mean[0]
        own = ((bits >> place) & 1) == 1
        covered = float(excess[own & ((bits & before) != 0)].sum())
        if covered <= OVERLAPPING * float(excess[own].sum()):
            kept.append(place)
    return [listed[place] for place in kept]
