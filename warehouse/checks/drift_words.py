"""Drift said in plain words: what a reader who knows no statistics can act on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from warehouse.checks.drift_result import Bar, Coverage, LeftOut, Measures, Role, Side, Strangers
from warehouse.checks.drift_verdicts import Effect, EffectName, Verdict
from warehouse.statistics.bins import to_datetime
from warehouse.statistics.kinds import Family, Kind


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
) -> str:
    """What happened to this column, in one or two sentences."""
    if leading is None or measures is None:
        empty = " and ".join(name for name, side in ((left_name, left), (right_name, right)) if not side.row_count)
        return f"Not compared: {empty} has no rows." if empty else "Not compared."
    if verdict is Verdict.STABLE:
        return f"Alike: the {_effect_words(leading)} is at most {_effect_number(leading, leading.high)}."
    happening = _happening(kind, leading, left, right, measures, bars, new, left_name)
    if verdict is Verdict.DRIFTED:
        return happening[0].upper() + happening[1:]
    low, high, threshold = (_effect_number(leading, n) for n in (leading.low, leading.high, leading.threshold))
    told = happening.removesuffix(".")
    interval = f"the {_effect_words(leading)} may be {low} to {high}, on either side of {threshold}."
    return f"{told[0].upper()}{told[1:]}; {interval}"


def _effect_words(effect: Effect) -> str:
    return {
        EffectName.DISTANCE: "distance",
        EffectName.SHARE: f"change of {effect.subject}",
        EffectName.NEW: "share of rows with a new value",
    }[effect.name]


def _effect_number(effect: Effect, value: float) -> str:
    if effect.name is EffectName.DISTANCE:
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
        return f"{share_text(new.row_share)} of rows hold {which}."
    missing_weight = abs(right.missing_share - left.missing_share)
    if leading.subject == "missing values" or missing_weight >= 0.5 * measures.total_variation > 0:
        return _changed("missing values", left.missing_share, right.missing_share)
    moved = _moved_median(kind, left, right, measures)
    if moved:
        return moved
    ranked = sorted(bars, key=lambda bar: -_weight(bar.left_share, bar.right_share))
    if not ranked:
        return "the distribution changed."
    return _changed(_bar_words(ranked[0], kind), ranked[0].left_share, ranked[0].right_share)


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
    return "present values" if kind is Kind.OTHER else quoted(bar.label)


def _changed(what: str, left: float, right: float) -> str:
    if left == 0:
        return f"{what} appeared: {share_text(right)} of rows, none before."
    if right == 0:
        return f"{what} vanished: {share_text(left)} of rows before, none now."
    if share_text(left) == share_text(right):
        return f"{what} stayed at {share_text(left)} of rows."
    return f"{what} {'rose' if right > left else 'fell'} from {share_text(left)} to {share_text(right)} of rows."


def explain_result(
    *,
    left_name: str,
    right_name: str,
    left_rows: int,
    right_rows: int,
    coverage: Coverage | None,
    columns: Sequence[tuple[str, bool, Verdict, str]],
    left_out: Sequence[LeftOut],
    groups: Sequence[str] = (),
) -> tuple[str, ...]:
    """The verdict on the whole, the first sentence being enough; columns are (name, is label, verdict, explanation)."""
    if not left_rows or not right_rows:
        empty = " and ".join(name for name, rows in ((left_name, left_rows), (right_name, right_rows)) if not rows)
        return (f"Nothing could be compared: {empty} has no rows.",)
    drifted = [column for column in columns if column[2] is Verdict.DRIFTED]
    undecided = [column for column in columns if column[2] is Verdict.UNDECIDED]
    sentences = [_opening(left_name, right_name, len(columns), len(drifted), len(undecided))]
    if drifted:
        strongest = [column for column in drifted if not column[1]][:3] or drifted
        told = [f"{quoted(name)} ({_lowered(explanation).removesuffix('.')})" for name, _, _, explanation in strongest]
        sentences.append(f"Strongest: {_listed(told)}.")
    for name, is_label, verdict, explanation in columns:
        if is_label:
            words = {
                Verdict.DRIFTED: f"drifted: {_lowered(explanation)}",
                Verdict.STABLE: "is stable.",
                Verdict.UNDECIDED: "is undecided: more rows are needed to know.",
            }[verdict]
            sentences.append(f"The label {quoted(name)} {words}")
    if undecided and drifted:
        sentences.append(f"{count_text(len(undecided), 'column')} cannot be judged without more rows.")
    if coverage is not None:
        sentences.append(
            f"By {quoted(coverage.column)}, {left_name} covers {coverage.left[0]} to {coverage.left[1]} "
            f"and {right_name} {coverage.right[0]} to {coverage.right[1]}."
        )
    if groups:
        named = ", ".join(quoted(group) for group in groups)
        sentences.append(f"Rows come in groups by {named}; the intervals are as wide as that makes them.")
    problems = [column.name for column in left_out if column.is_problem]
    if problems:
        named = ", ".join(quoted(name) for name in problems[:5]) + (", …" if len(problems) > 5 else "")
        sentences.append(f"{count_text(len(problems), 'column')} could not be compared: {named}.")
    return tuple(sentences)


def _opening(left_name: str, right_name: str, total: int, drifted: int, undecided: int) -> str:
    if not total:
        return f"No column of {left_name} and {right_name} could be compared."
    if drifted:
        return f"{drifted} of {count_text(total, 'column')} drifted from {left_name} to {right_name}."
    if undecided == total:
        return f"Too few rows to tell whether {right_name} differs from {left_name}."
    if undecided:
        return (
            f"No column drifted from {left_name} to {right_name}, but {undecided} of {count_text(total, 'column')} "
            "cannot be judged without more rows."
        )
    return f"{right_name} looks like {left_name}: all {count_text(total, 'column')} are stable."


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _lowered(sentence: str) -> str:
    return sentence if sentence[:1] in "“" else sentence[:1].lower() + sentence[1:]
