"""One column of a slice of rows, compared from counts alone: its effect, and what happened in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from warehouse.checks.drift.verdicts import Effect, EffectName, Verdict
from warehouse.checks.drift.words import number_text, quoted, share_text, time_text
from warehouse.statistics.cells import Cell, cell_counts, distribution_cells
from warehouse.statistics.coded import Coding, pair_of_counts
from warehouse.statistics.distance import Counts, measure_jensen_shannon, total_variation
from warehouse.statistics.kinds import Family, Kind
from warehouse.statistics.pair import ColumnPair
from warehouse.statistics.significance import benjamini_hochberg

SIGNIFICANT = 0.05
"""Largest share of false alarms among all slices and columns called drifted, in expectation, should nothing differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceDrift:
    """One column of one slice."""

    pair: ColumnPair
    """Its facts, as far as counts tell."""
    cells: tuple[Cell, ...]
    effect: Effect
    """The distance, not judged yet."""
    noise_floor: float


def slice_drift(
    pair: ColumnPair,
    coding: Coding,
    left: Counts,
    right: Counts,
    *,
    left_design_effect: float = 1.0,
    right_design_effect: float = 1.0,
    threshold: float,
) -> SliceDrift:
    """How the slice's counts by code differ; both sides have rows. Cells are merged to what its rows can bear."""
    told = pair_of_counts(pair, coding, left, right)
    cells = distribution_cells(told, left_weight=left_design_effect, right_weight=right_design_effect)
    left_cells, right_cells = cell_counts(cells)
    measured = measure_jensen_shannon(left_cells / left_design_effect, right_cells / right_design_effect)
    return SliceDrift(
        pair=told,
        cells=cells,
        effect=Effect(
            name=EffectName.DISTANCE,
            subject="",
            value=measured.effect,
            low=measured.low,
            high=measured.high,
            threshold=threshold,
            p_value=measured.p_value,
            verdict=Verdict.UNDECIDED,
        ),
        noise_floor=measured.noise_floor,
    )


def judged(effects: Sequence[Effect]) -> list[tuple[Effect, float]]:
    """Each with its verdict and its q-value, corrected for all of them (Benjamini and Hochberg)."""
    q_values = benjamini_hochberg([effect.p_value for effect in effects])
    found = []
    for effect, q_value in zip(effects, q_values, strict=True):
        verdict = Verdict.UNDECIDED
        if effect.low > effect.threshold and q_value <= SIGNIFICANT:
            verdict = Verdict.DRIFTED
        elif effect.high < effect.threshold:
            verdict = Verdict.STABLE
        found.append((replace(effect, verdict=verdict), q_value))
    return found


def explain_slice(drift: SliceDrift) -> str:
    """What happened from the left to the right, beginning in lower case, without a full stop.

    Medians are read off the cells, so they are about right.
    """
    pair, cells = drift.pair, drift.cells
    n, m = pair.left.row_count, pair.right.row_count
    missing = (pair.left.missing_count / n, pair.right.missing_count / m)
    if abs(missing[1] - missing[0]) >= 0.5 * total_variation(*cell_counts(cells)) > 0:
        return _changed("missing values", *missing)
    moved = _moved_median(pair, [cell for cell in cells if isinstance(cell.label, tuple)])
    if moved:
        return moved
    largest = max(cells, key=lambda cell: abs(cell.right_count / m - cell.left_count / n))
    return _changed(_cell_words(largest, pair), largest.left_count / n, largest.right_count / m)


def _moved_median(pair: ColumnPair, bins: Sequence[Cell]) -> str:
    left, right = cell_counts(bins)
    if len(bins) < 2 or not left.sum() or not right.sum():
        return ""
    whole = pair.family in (Family.INTEGER, Family.STRING)
    before, after = _median(bins, left, whole=whole), _median(bins, right, whole=whole)
    # As ranks in the left's rows, so that neither unit nor tails matter.
    below = sum(count * _part_below(cell, after) for cell, count in zip(bins, left, strict=True)) / left.sum()
    if abs(below - 0.5) < 0.1:
        return ""
    told = f"from about {_text(before, pair)} to {_text(after, pair)}"
    what = "the median length" if pair.kind is Kind.TEXT else "the median"
    if pair.kind is Kind.TIME:
        return f"{what} moved {told}"
    return f"{what} {'rose' if after > before else 'fell'} {told}"


def _part_below(cell: Cell, value: float) -> float:
    lower, upper = cell.label if isinstance(cell.label, tuple) else (value, value)
    if upper <= value:
        return 1.0
    return 0.0 if lower >= value else (value - lower) / (upper - lower)


def _median(bins: Sequence[Cell], counts: Counts, *, whole: bool) -> float:
    wanted, reached = counts.sum() / 2, 0.0
    for cell, count in zip(bins, counts, strict=True):
        if count and reached + count >= wanted and isinstance(cell.label, tuple):
            lower, upper = cell.label
            part = (wanted - reached) / count
            median = float(lower * (1 - part) + upper * part)
            return float(round(median)) if whole else median
        reached += count
    raise AssertionError("counts hold their median")


def _text(value: float, pair: ColumnPair) -> str:
    return time_text(value, pair.family) if pair.kind is Kind.TIME else number_text(value)


def _cell_words(cell: Cell, pair: ColumnPair) -> str:
    if isinstance(cell.label, tuple):
        between = f"{_text(cell.label[0], pair)} to {_text(cell.label[1], pair)}"
        return f"texts of {between} characters" if pair.kind is Kind.TEXT else f"values from {between}"
    if cell.has_value:
        return quoted(cell.label)
    return {"missing": "missing values", "present": "present values", "all rare values": "rare values"}.get(
        str(cell.label), str(cell.label) if str(cell.label).endswith("values") else f"{cell.label} values"
    )


def _changed(what: str, left: float, right: float) -> str:
    if not left:
        return f"{what} appeared: {share_text(right)} of rows, none before"
    if not right:
        return f"{what} vanished: {share_text(left)} of rows before, none now"
    if share_text(left) == share_text(right):
        return f"{what} stayed at {share_text(left)} of rows"
    return f"{what} {'rose' if right > left else 'fell'} from {share_text(left)} to {share_text(right)} of rows"
