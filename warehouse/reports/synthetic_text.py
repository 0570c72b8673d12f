"""What is known of synthetic rows as lines and rows for a terminal."""

from __future__ import annotations

from warehouse.checks.diagnosis.synthetic_effect import SyntheticEffect
from warehouse.checks.diagnosis.words import METRIC_WORDS, change_interval_text, change_text, value_text
from warehouse.checks.drift.words import share_text
from warehouse.checks.synthetic.result import SyntheticResult

MEASURE_HEADERS = ("measure", "synthetic rows", "as many real rows", "what it is")
MEASURE_RIGHT = ("synthetic rows", "as many real rows")
CHANGE_HEADERS = ("split", "rows", "measure", "without", "with synthetic", "change", "95% interval", "effect")
CHANGE_RIGHT = ("rows", "without", "with synthetic", "change")


def synthetic_opening(result: SyntheticResult) -> str:
    """What was examined, in one sentence."""
    rows = ", ".join(
        f"{split.split} {split.synthetic_count:,} of {split.synthetic_count + split.real_count:,}"
        for split in result.splits
        if split.synthetic_count
    )
    return f"{result.subject}: synthetic rows by {result.column}: {rows}"


def measure_rows(result: SyntheticResult) -> list[tuple[str, ...]]:
    """How synthetic rows lie among real ones, beside what real rows would; of `MEASURE_HEADERS`."""
    rows: list[tuple[str, ...]] = []
    if result.diversity is not None:
        synthetic, real = result.diversity.synthetic, result.diversity.real
        for name, own, best, words in (
            ("coverage", synthetic.coverage, real.coverage, "real rows that have one within reach"),
            ("recall", synthetic.recall, real.recall, "real rows within reach of one"),
            ("precision", synthetic.precision, real.precision, "of them within reach of a real row"),
        ):
            rows.append((name, share_text(own), share_text(best), words))
        rows.append(("density", f"{synthetic.density:.2f}", f"{real.density:.2f}", "real rows that reach one, over k"))
    if result.repeats is not None:
        repeats = result.repeats
        rows.append(
            (
                "repeats",
                share_text(repeats.synthetic_share),
                share_text(repeats.real_share),
                "equal to another of their kind",
            )
        )
        rows.append(("copies of train", share_text(repeats.copied_share), "", "equal to a real row of train"))
    for closeness in result.closeness:
        expected = closeness.near.value - closeness.excess.value
        rows.append(
            (
                f"{closeness.of} near {closeness.to}",
                share_text(closeness.near.value),
                share_text(expected),
                f"within {closeness.limit:.3g}; to the closest: median {closeness.median:.3g} for "
                f"{closeness.against_median:.3g}",
            )
        )
    return rows


def change_rows(effect: SyntheticEffect) -> list[tuple[str, ...]]:
    """What two models' errors differ by in every split; of `CHANGE_HEADERS`."""
    return [
        (
            change.split,
            f"{change.row_count:,}",
            METRIC_WORDS[change.metric],
            value_text(change.metric, change.without),
            value_text(change.metric, change.with_synthetic),
            change_text(change.metric, change.change.value),
            change_interval_text(change.metric, change.change),
            change.effect.value,
        )
        for change in effect.changes
    ]
