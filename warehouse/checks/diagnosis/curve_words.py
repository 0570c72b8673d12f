"""A learning curve in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from warehouse.checks.diagnosis.curve_result import CurveAnswer, HumanAnswer, LearningCurve, PowerLawFit
from warehouse.checks.diagnosis.result import MetricName
from warehouse.checks.diagnosis.words import METRIC_WORDS, change_text, value_text
from warehouse.statistics.power_law import FEWEST_SIZES, Range

HUMAN_WORDS = {
    HumanAnswer.REACHED: "It is at the level of people already.",
    HumanAnswer.WITHIN_TEN: "Ten times the rows would bring it to the level of people ({human}).",
    HumanAnswer.NOT_WITHIN_TEN: "Ten times the rows would not bring it to the level of people ({human}).",
    HumanAnswer.NEVER: (
        "No number of rows like these would bring it to the level of people ({human}): its limit is {limit}. "
        "Change the model, or what it is told of each row."
    ),
    HumanAnswer.UNDECIDED: "Whether more rows would bring it to the level of people ({human}) is not to be told yet.",
}


def range_text(metric: MetricName, found: Range) -> str:
    """`12.1% (11.2% to 12.9%)`."""
    low, high = value_text(metric, found.low), value_text(metric, found.high)
    return f"{value_text(metric, found.value)} ({low} to {high})"


def gain_text(metric: MetricName, gain: Range) -> str:
    """`1.2 points (0.4 to 2)`."""
    low, high = (
        change_text(metric, end).removesuffix(" points").removesuffix(" point") for end in (gain.low, gain.high)
    )
    return f"{change_text(metric, gain.value)} ({low} to {high})"


def law_text(metric: MetricName, fit: PowerLawFit) -> str:
    """The law as a formula: `0.0512 + 0.0389 * (rows / 8,000) ^ -0.42`."""
    return f"{fit.limit.value:.4g} + {fit.scale:.4g} * (rows / {fit.unit:,}) ^ -{fit.exponent.value:.3g}"


def curve_summary(result: LearningCurve) -> tuple[str, ...]:
    """What it comes down to, most important first."""
    return tuple(_sentences(result))


def _sentences(result: LearningCurve) -> Iterator[str]:
    curve = result.of(result.target)
    if curve is None:
        return
    metric, fit = result.metric, curve.fit
    if fit is None:
        yield (
            f"Too few points to tell what more rows would give: {curve.not_fitted}."
            f" Train on {FEWEST_SIZES} shares or more, a tenth to all of train, say."
        )
        return
    twice, ten = fit.at(2.0), fit.at(10.0)
    name, wanted = f"{METRIC_WORDS[metric]} in {curve.split}", change_text(metric, result.difference)
    yield (
        f"Twice the rows would give {range_text(metric, twice.error)} of {name}, ten times "
        f"{range_text(metric, ten.error)}; now it is {range_text(metric, fit.at(1.0).error)}."
    )
    gain = gain_text(metric, ten.gain)
    yield {
        CurveAnswer.HELPS: f"More rows like these help: ten times as many take off {gain}.",
        CurveAnswer.FLAT: f"More rows like these do not help: ten times as many take off less than {wanted}: {gain}.",
        CurveAnswer.UNDECIDED: (
            f"Whether more rows like these help, these points do not tell: ten times as many take off {gain}. "
            "Train on smaller shares too, and several times on each."
        ),
    }[fit.answer]
    if fit.human is not None and result.human is not None:
        yield HUMAN_WORDS[fit.human].format(human=value_text(metric, result.human), limit=range_text(metric, fit.limit))
