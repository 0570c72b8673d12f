"""A search for leaks as lines and rows for a terminal."""

from __future__ import annotations

from warehouse.checks.drift.words import count_text, share_text
from warehouse.checks.leakage.result import LeakageResult

PREDICTOR_HEADERS = ("column", "role", "split", "error reduction", "information")
PREDICTOR_RIGHT = ("error reduction", "information")


def leakage_opening(result: LeakageResult) -> str:
    """What was examined and how it came out, in one sentence."""
    rows = ", ".join(f"{split} {count:,}" for split, count in result.row_counts.items())
    found = count_text(len(result.findings), "finding") if result.findings else "no leak found"
    return f"{result.subject}: {found} in {sum(result.row_counts.values()):,} rows ({rows})"


def predictor_rows(result: LeakageResult, *, limit: int) -> list[tuple[str, ...]]:
    """The columns that tell the label best, each in the split that a model is tested on; of `PREDICTOR_HEADERS`."""
    found: list[tuple[str, ...]] = []
    for predictor in result.predictors:
        score = predictor.of("test") or predictor.of("dev") or predictor.of("train")
        if score is not None and len(found) < limit:
            information = "" if score.information is None else share_text(max(0.0, score.information))
            reduction = share_text(max(0.0, score.error_reduction))
            found.append((predictor.name, predictor.role, score.split, reduction, information))
    return found
