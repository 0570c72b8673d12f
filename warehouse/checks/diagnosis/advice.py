"""What to do about each cause of error, as Andrew Ng teaches it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from warehouse.checks.diagnosis.result import Advice, Cause

TALK = "Andrew Ng, Nuts and Bolts of Applying Deep Learning (2016)"
BOOK = "Andrew Ng, Machine Learning Yearning (2018)"

_STEPS_AND_SOURCES: Mapping[Cause, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Cause.BIAS: (
        (
            "train a larger model, or the same one longer or with a better optimiser",
            "look at rows of train that it gets wrong: which features would a person use that it does not have?",
            "regularise less, if variance is small",
            "try another kind of model",
        ),
        (TALK, f"{BOOK}, chapters 23, 25 and 26"),
    ),
    Cause.VARIANCE: (
        (
            "get more rows of the kind that train has",
            "regularise more, or stop training earlier",
            "leave out features that cannot help; see: warehouse leakage",
            "make the model smaller, if bias stays small",
        ),
        (TALK, f"{BOOK}, chapters 23 and 27"),
    ),
    Cause.MISMATCH: (
        (
            "find out how dev differs from train, by column: warehouse drift",
            "look at rows of dev that it gets wrong, and count what they have in common",
            "get rows for train that are like dev's, or give those that train has more weight",
            "synthesise rows like dev's, and check that they are as varied as real ones",
        ),
        (TALK, f"{BOOK}, chapters 14 and 40 to 43"),
    ),
    Cause.LATER_TIME: (
        (
            "find out how test differs from dev, by column: warehouse drift",
            "diagnose a model that was not chosen by dev: what it loses from dev to test is time's part",
            "let dev and test span the same seasons: what only test has, no choice made by dev is good for",
            "train again as time goes on",
        ),
        (f"{BOOK}, chapters 5 to 7",),
    ),
    Cause.DEV_OVERFITTING: (
        (
            "get a larger dev set: choices made on the one there fit it more than what it stands for",
            "make sure that dev and test have one distribution: warehouse drift",
            "do not choose by test, or it will mislead as dev does now",
        ),
        (TALK, f"{BOOK}, chapters 7 and 11"),
    ),
}
ADVICE: Mapping[Cause, Advice] = {
    cause: Advice(cause=cause, steps=steps, sources=sources) for cause, (steps, sources) in _STEPS_AND_SOURCES.items()
}
HUMAN_SOURCE = f"{BOOK}, chapters 22, 33 and 34"


def advice_for(causes: Sequence[Cause]) -> tuple[Advice, ...]:
    """What to do about these causes."""
    return tuple(ADVICE[cause] for cause in causes)
