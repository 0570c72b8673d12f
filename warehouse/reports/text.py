"""Results as rows for a terminal."""

from __future__ import annotations

from warehouse.checks.drift.importance import rank_columns
from warehouse.checks.drift.report import DriftReport
from warehouse.checks.drift.result import ColumnDrift, DriftResult
from warehouse.checks.drift.verdicts import Verdict
from warehouse.checks.drift.words import share_text

DRIFT_HEADERS = ("column", "kind", "verdict", "effect", "interval", "threshold", "missing", "what happened")
DRIFT_RIGHT = ("effect", "interval", "threshold", "missing")
PAIR_HEADERS = ("pair", "rows", "drifted", "undecided", "stable", "together", "what for")
PAIR_RIGHT = ("rows", "drifted", "undecided", "stable", "together")


def drift_rows(result: DriftResult, *, limit: int) -> list[tuple[str, ...]]:
    """Cells of the columns that matter most, the label and those that are not stable first; of `DRIFT_HEADERS`."""
    return [_drift_row(column) for column in _ranked(result)[:limit]]


def drift_rest(result: DriftResult, *, limit: int) -> str:
    """What the table does not show; empty when it shows all."""
    rest = _ranked(result)[limit:]
    if not rest:
        return ""
    counts = [(verdict, sum(column.verdict is verdict for column in rest)) for verdict in Verdict]
    return "and " + ", ".join(f"{count} {verdict}" for verdict, count in counts if count)


def _ranked(result: DriftResult) -> list[ColumnDrift]:
    columns = {column.name: column for column in result.columns}
    return [columns[entry.name] for entry in rank_columns(result)]


def _drift_row(column: ColumnDrift) -> tuple[str, ...]:
    effect = column.leading
    return (
        f"{column.name} (label)" if column.is_label else column.name,
        column.kind,
        column.verdict,
        f"{effect.value:.3f}" if effect else "",
        f"{effect.low:.3f} to {effect.high:.3f}" if effect else "",
        f"{effect.threshold:g}" if effect else "",
        f"{share_text(column.left.missing_share)} > {share_text(column.right.missing_share)}",
        column.explanation,
    )


def pair_rows(report: DriftReport) -> list[tuple[str, ...]]:
    """One row per pair, of `PAIR_HEADERS`."""
    rows = []
    for pair in report.pairs:
        result = pair.result
        counts = [f"{len(result.with_verdict(verdict)):,}" for verdict in Verdict]
        together = "" if result.domain is None else f"AUC {result.domain.auc:.3f}"
        sizes = f"{result.left_row_count:,} > {result.right_row_count:,}"
        purpose = f"{pair.purpose} (must be alike)" if pair.expected_alike else pair.purpose
        rows.append((pair.title, sizes, *counts, together, purpose))
    return rows
