"""Aspects made from what was counted: an effect against its threshold, bars, one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from warehouse.checks.drift.bars import bars_of, side_of
from warehouse.checks.drift.evidence import gather_evidence
from warehouse.checks.drift.parts import Aspect, AspectBar
from warehouse.checks.drift.verdicts import Effect, EffectName, Verdict
from warehouse.checks.drift.words import number_text, quoted, share_text
from warehouse.engine.base import Engine
from warehouse.sql import Relation, identifier
from warehouse.statistics.distance import Counts, measure_jensen_shannon
from warehouse.statistics.kinds import Kind, is_numeric
from warehouse.statistics.pair import ColumnPair
from warehouse.statistics.tallies import CommonCells


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all aspects of one column share."""

    column: str
    threshold: float
    left_name: str
    right_name: str


def effect_of(
    setting: Setting,
    name: str,
    *,
    value: float,
    low: float,
    high: float,
    p_value: float,
    verdict: Verdict | None = None,
) -> Effect:
    """An aspect's effect, not judged yet."""
    return Effect(
        name=EffectName.ASPECT,
        subject=name,
        value=value,
        low=low,
        high=high,
        threshold=setting.threshold,
        p_value=p_value,
        verdict=verdict or Verdict.UNDECIDED,
    )


def counted_aspect(
    setting: Setting,
    name: str,
    counts: tuple[Counts, Counts],
    *,
    bars: Sequence[AspectBar],
    explanation: str,
    means: tuple[float | None, float | None] = (None, None),
) -> Aspect:
    """An aspect by its cells' counts, in independent items or rows."""
    measured = measure_jensen_shannon(*counts)
    return Aspect(
        name=name,
        effect=effect_of(
            setting,
            name,
            value=measured.effect,
            low=measured.low,
            high=measured.high,
            p_value=measured.p_value,
        ),
        jensen_shannon=measured.distance,
        noise_floor=measured.noise_floor,
        left_mean=means[0],
        right_mean=means[1],
        bars=tuple(bars),
        explanation=explanation,
    )


def tally_aspect(setting: Setting, name: str, cells: CommonCells, *, note: str = "") -> Aspect | None:
    """An aspect of things counted within rows; None when a side has none of them."""
    if not cells.left.sum() or not cells.right.sum():
        return None
    shares = zip(cells.labels, cells.left / cells.left.sum(), cells.right / cells.right.sum(), strict=True)
    bars = [AspectBar(label=label, left_share=float(p), right_share=float(q)) for label, p, q in shares]
    if len(bars) < 2:
        return None
    return counted_aspect(
        setting, name, cells.independent_counts, bars=bars, explanation=f"{opening(name)}: {change(bars)}{note}."
    )


def pair_aspect(
    engine: Engine,
    sides: tuple[Relation, Relation],
    pair: ColumnPair,
    setting: Setting,
    name: str,
    *,
    groups: Sequence[str] = (),
    is_count: bool = False,
    note: str = "",
) -> Aspect | None:
    """An aspect that is a column of its own; None where there is nothing to compare.

    Args:
        engine: runs the queries.
        sides: where the column is, on the left and on the right.
        pair: the column's facts.
        setting: of the column that it is an aspect of.
        name: what people call it.
        groups: columns of both relations whose values bind rows together.
        is_count: a row without a value has nothing to count, which is no aspect of it.
        note: what the sentence says in the end.
    """
    left, right = sides
    if is_count:
        present = f"{identifier(pair.name)} is not null"
        left, right = (Relation(f"(select * from {side.sql} where {present})", side.name) for side in sides)
        pair = replace(
            pair,
            left=replace(pair.left, row_count=pair.left.present_count),
            right=replace(pair.right, row_count=pair.right.present_count),
        )
    if pair.kind is Kind.IDENTIFIER or not pair.left.row_count or not pair.right.row_count:
        return None
    evidence = gather_evidence(engine, left, right, pair, groups)
    bars = [AspectBar(label=bar.label, left_share=bar.left_share, right_share=bar.right_share) for bar in bars_of(pair)]
    if len(bars) < 2:
        # One value on both sides: the column's own missing values say all there is.
        return None
    means = (
        side_of(pair, pair.left, pair.left_histogram, is_left=True).mean,
        side_of(pair, pair.right, pair.right_histogram, is_left=False).mean,
    )
    told = change(bars)
    if is_numeric(pair.family) and means[0] is not None and means[1] is not None:
        was, now = number_text(means[0]), number_text(means[1])
        told = (
            f"{was} on average on both sides"
            if was == now
            else f"{was} on average in {setting.left_name}, {now} in {setting.right_name}"
        )
        told += f"; {change(bars)}"
    return counted_aspect(
        setting,
        name,
        evidence.independent_counts,
        bars=bars,
        explanation=f"{opening(name)}: {told}{note}.",
        means=means,
    )


def opening(name: str) -> str:
    """The name as the beginning of a sentence."""
    return name[:1].upper() + name[1:]


def change(bars: Sequence[AspectBar]) -> str:
    """What changed most among the bars."""
    if not bars:
        return "nothing to compare"
    most = max(bars, key=lambda bar: abs(bar.right_share - bar.left_share))
    was, now = share_text(most.left_share), share_text(most.right_share)
    if was == now:
        return f"{quoted(most.label)} stayed at {was}"
    return f"{quoted(most.label)} {'rose' if most.right_share > most.left_share else 'fell'} from {was} to {now}"
