"""Drift said in plain words: what a reader who knows no statistics can act on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from warehouse.checks.drift.result import Bar, Measures, Role, Side, Strangers
from warehouse.checks.drift.verdicts import Effect, EffectName, Verdict
from warehouse.statistics.bins import to_datetime
from warehouse.statistics.kinds import PRESENCE_KINDS, Family, Kind

NAMED = 3
"""As many columns are named in a sentence; one more rather than `and 1 more`."""

FEW = 0.1
"""A value whose change is less of the whole change than this does not tell what happened."""


def number_text(value: float) -> str:
    """A number as people write it: four digits that count, thousands apart."""
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    if size >= 1e15 or (0 < size < 1e-4):
        return f"{value:.3g}"
    if size >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.4g}"


def share_text(share: float) -> str:
    """A share as a percentage; small ones keep a digit that counts."""
    percent = share * 100
    if share in (0, 1):
        return f"{percent:.0f}%"
    if 0 < percent < 0.01:
        return "under 0.01%"
    if percent < 1 or 99 < percent < 100:
        return f"{percent:.2f}%"
    return f"{percent:.1f}%"


def points_text(left: float, right: float) -> str:
    """How far two shares lie apart: `15 points`, `3.8 points`, `0.2 points`."""
    points = abs(right - left) * 100
    rounded = f"{points:.0f}" if points >= 9.95 else f"{points:.2g}"
    return f"{rounded} point{'' if rounded == '1' else 's'}"


def count_text(count: int, noun: str, plural: str = "") -> str:
    """`1 column`, `2 columns`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def time_text(microseconds: float, family: Family) -> str:
    """A time in UTC as ISO 8601, a date when it is midnight; a time of day for clocks."""
    if family is Family.CLOCK:
        seconds, rest = divmod(round(microseconds), 1_000_000)
        text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}"
        return text if seconds % 60 == 0 and not rest else f"{text}:{seconds % 60:02}"
    moment = to_datetime(microseconds)
    if moment is None:
        return f"{microseconds / 31_556_952_000_000 + 1970:,.0f} (year)"
    if moment.second or moment.microsecond:
        return f"{moment:%Y-%m-%dT%H:%M:%S}Z"
    return f"{moment:%Y-%m-%dT%H:%M}Z" if moment.hour or moment.minute else f"{moment:%Y-%m-%d}"


def quoted(label: object) -> str:
    """A value in quotes, cut when it is long."""
    text = number_text(label) if isinstance(label, float) else str(label)
    return f"“{text if len(text) <= 40 else text[:39] + '…'}”"


def explain_column(
    *,
    kind: Kind,
    verdict: Verdict,
    leading: Effect | None,
    left: Side,
    right: Side,
    measures: Measures | None,
    bars: Sequence[Bar],
    new: Strangers | None,
    left_name: str,
    right_name: str,
    aspects: Mapping[str, str] | None = None,
) -> str:
    """What happened to this column, in one or two sentences; `aspects` says it of each aspect by its name."""
    if leading is None or measures is None:
        empty = " and ".join(name for name, side in ((left_name, left), (right_name, right)) if not side.row_count)
        return f"Not compared: {empty} has no rows." if empty else "Not compared."
    if verdict is Verdict.STABLE:
        most, threshold = (_effect_number(leading, n) for n in (leading.high, leading.threshold))
        words = "change of its shares" if kind is Kind.BOOLEAN and leading.name is EffectName.SHARE else None
        return f"Alike: the {words or _effect_words(leading)} is at most {most}, below {threshold}."
    of_aspect = (aspects or {}).get(leading.subject) if leading.name is EffectName.ASPECT else None
    happening = of_aspect or _happening(kind, leading, left, right, measures, bars, new, left_name)
    if verdict is Verdict.DRIFTED:
        return happening[0].upper() + happening[1:]
    low, high = (_effect_number(leading, n).removesuffix(" points") for n in (leading.low, leading.high))
    threshold = _effect_number(leading, leading.threshold)
    told = happening.removesuffix(".")
    interval = f"the {_effect_words(leading)} may be {low} to {high}, on either side of {threshold}."
    return f"{told[0].upper()}{told[1:]}; {interval}"


def _effect_words(effect: Effect) -> str:
    return {
        EffectName.DISTANCE: "distance",
        EffectName.SHARE: f"change of {effect.subject}",
        EffectName.NEW: "share of rows with a new value",
        EffectName.ASPECT: f"distance of the {effect.subject}",
    }[effect.name]


def _effect_number(effect: Effect, value: float) -> str:
    if effect.name in (EffectName.DISTANCE, EffectName.ASPECT):
        return f"{value:.3f}"
    return f"{value * 100:.1f} points" if effect.name is EffectName.SHARE else share_text(value)


def _happening(
    kind: Kind,
    leading: Effect,
    left: Side,
    right: Side,
    measures: Measures,
    bars: Sequence[Bar],
    new: Strangers | None,
    left_name: str,
) -> str:
    if leading.name is EffectName.NEW and new is not None:
        named = quoted(new.examples[0][0]) if new.examples else "unnamed"
        which = (
            f"a value that {left_name} never had: {named}"
            if new.distinct_count == 1
            else f"one of {new.distinct_count:,} values that {left_name} never had, {named} above all"
        )
        told = f"{share_text(new.row_share)} of rows hold {which}"
        # Where many values are rare, others come up in any rows of the same law.
        expected = new.row_share - leading.value
        if expected > 0.1 * new.row_share:
            much = share_text(expected) if leading.value else "as many"
            told += f", where {much} were to be expected, so many values being rare"
        return f"{told}."
    missing_weight = abs(right.missing_share - left.missing_share)
    if leading.subject == "missing values" or missing_weight >= 0.5 * measures.total_variation > 0:
        return _changed("missing values", left.missing_share, right.missing_share)
    moved = _moved_median(kind, left, right, measures)
    if moved:
        return moved
    truth = next((bar for bar in bars if bar.label == "true"), None)
    if kind is Kind.BOOLEAN and truth is not None and truth.left_share != truth.right_share:
        return _changed(quoted("true"), truth.left_share, truth.right_share)
    ranked = sorted(bars, key=lambda bar: -_weight(bar.left_share, bar.right_share))
    if not ranked:
        return "the distribution changed."
    top = ranked[0]
    if kind is Kind.CATEGORY and abs(top.right_share - top.left_share) < FEW * measures.total_variation:
        shares = f"from {share_text(top.left_share)} to {share_text(top.right_share)} of rows"
        return f"many values changed a little, {_bar_words(top, kind)} above all, {shares}."
    return _changed(_bar_words(top, kind), top.left_share, top.right_share)


def _moved_median(kind: Kind, left: Side, right: Side, measures: Measures) -> str:
    """`the median rose from 1 to 2`; empty when the median does not tell what happened."""
    if not left.quantiles or not right.quantiles or kind in (Kind.CATEGORY, Kind.BOOLEAN):
        return ""
    before, after = left.quantiles[2], right.quantiles[2]
    if isinstance(before, str) or isinstance(after, str):
        return f"the median moved from {before} to {after}." if before != after else ""
    deviation = left.standard_deviation or 0.0
    smd = measures.standardised_mean_difference or 0.0
    shift = (after - before) / deviation if deviation else 0.0
    # A second mode far away moves the mean, and the median hardly: then the bar that grew says more.
    if abs(smd) < 0.15 or shift / smd < 0.5:
        return ""
    what = "the median length" if kind is Kind.TEXT else "the median"
    return f"{what} {'rose' if after > before else 'fell'} from {number_text(before)} to {number_text(after)}."


def _weight(left: float, right: float) -> float:
    """How much one cell adds to the Jensen-Shannon divergence."""
    middle = (left + right) / 2
    return sum(share * math.log(share / middle) for share in (left, right) if share > 0)


def _bar_words(bar: Bar, kind: Kind) -> str:
    if bar.role is Role.MISSING:
        return "missing values" if bar.label == "missing" else f"{bar.label} values"
    if bar.role is Role.OTHER:
        return "rare values"
    if kind is Kind.TEXT:
        return f"texts of {bar.label} characters"
    if kind in (Kind.NUMBER, Kind.TIME):
        return f"values {bar.label}" if bar.role is not Role.VALUE else f"values in {bar.label}"
    return "present values" if kind in PRESENCE_KINDS else quoted(bar.label)


def _changed(what: str, left: float, right: float) -> str:
    if left == 0:
        return f"{what} appeared: {share_text(right)} of rows, none before."
    if right == 0:
        return f"{what} vanished: {share_text(left)} of rows before, none now."
    if share_text(left) == share_text(right):
        return f"{what} stayed at {share_text(left)} of rows."
    way = "rose" if right > left else "fell"
    return f"{what} {way} from {share_text(left)} to {share_text(right)} of rows ({points_text(left, right)})."


def listed(words: Sequence[str]) -> str:
    """`a, b and c`; of one word or more."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def some(names: Sequence[str]) -> str:
    """The first `NAMED` of the names, and how many more there are."""
    return listed(names) if len(names) <= NAMED + 1 else f"{', '.join(names[:NAMED])} and {len(names) - NAMED:,} more"


def lowered(sentence: str) -> str:
    """A sentence as part of another: it starts small, unless with a quote."""
    return sentence if sentence[:1] in "“" else sentence[:1].lower() + sentence[1:]
