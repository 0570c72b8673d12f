"""What a validation found, as plain data: no part of it needs Great Expectations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from warehouse.findings import Finding, Severity

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationResult:
    """What one expectation found."""

    type: str
    """In GX's vocabulary: `expect_column_values_to_be_between`."""
    arguments: Mapping[str, Any]
    """As declared, without severity and reason."""
    severity: Severity
    reason: str
    """Why the bound is where it is."""
    path: Path
    line: int
    success: bool
    column: str | None = None
    """The column, or the columns joined by a comma; None when it is about the table."""
    observed: Any = None
    """The value that was compared, when there is one."""
    row_count: int | None = None
    """Rows it looked at, when it judges row by row."""
    null_count: int | None = None
    """How many of these were left out because they are null."""
    unexpected_count: int | None = None
    unexpected_share: float | None = None
    """Of the rows that were judged, 0 to 1; None when there were none."""
    examples: tuple[Row, ...] = ()
    """Rows that failed, whole, at most as many as were asked for, in the table's order."""
    details: Mapping[str, Any] | None = None
    """What GX adds: missing columns, values out of the set."""
    error: str | None = None
    """Why it could not be evaluated; it has failed then."""

    @property
    def where(self) -> str:
        """File and line of the declaration."""
        return f"{self.path.name}:{self.line}"

    @property
    def subject(self) -> str:
        """What it is about, apart from the table."""
        return self.column or "table"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is about."""
        return named_columns(self.arguments)

    @property
    def expected(self) -> str:
        """The arguments other than columns, as they were written."""
        return ", ".join(
            f"{name}: {_short(value)}" for name, value in self.arguments.items() if name not in COLUMN_ARGUMENTS
        )

    @property
    def measured(self) -> str:
        """What was found, in a few words."""
        if self.error is not None:
            return f"could not be evaluated: {self.error}"
        if self.unexpected_count is not None:
            judged = (self.row_count or 0) - (self.null_count or 0)
            share = f" ({self.unexpected_share:.3%})" if self.unexpected_share else ""
            return f"{self.unexpected_count:,} of {judged:,} rows unexpected{share}"
        if self.type == "unexpected_rows_expectation":
            return f"{self.observed or 0:,} rows"
        words = "" if self.observed is None else _short(_observed(self.observed))
        if self.success:
            return words
        details = [
            f"{name}: {_short(value)}" for name, value in (self.details or {}).items() if name not in LONG_DETAILS
        ]
        return "; ".join(filter(None, (words, *details)))


def named_columns(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns among an expectation's arguments."""
    single = [arguments.get(name) for name in ("column", "column_A", "column_B")]
    several = arguments.get("column_list") or ()
    return tuple(str(name) for name in (*single, *several) if name is not None)


LONG_DETAILS = (*("success_details", "observed_partition", "expected_partition", "observed_cdf", "expected_cdf"),)
"""Details that only a machine reads."""
COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list")


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    """What the expectations about one table found."""

    name: str
    table: str
    path: Path
    row_count: int | None
    """Rows of the table; None when even this could not be counted."""
    seconds: float
    expectations: tuple[ExpectationResult, ...]
    """In the order of the file."""

    @property
    def failed(self) -> tuple[ExpectationResult, ...]:
        """Those that did not hold."""
        return tuple(result for result in self.expectations if not result.success)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationResult:
    """What all suites found."""

    database_path: Path
    suites: tuple[SuiteResult, ...]
    seconds: float
    """Wall time, without importing Great Expectations."""

    @property
    def expectation_count(self) -> int:
        """How many expectations were evaluated."""
        return sum(len(suite.expectations) for suite in self.suites)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """One per expectation that did not hold, with its declared severity; the most severe first."""
        order = list(Severity)
        found = [_finding(suite, result) for suite in self.suites for result in suite.failed]
        return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))

    @property
    def success(self) -> bool:
        """Whether no critical expectation failed."""
        return not any(finding.severity is Severity.CRITICAL for finding in self.findings)


def _finding(suite: SuiteResult, result: ExpectationResult) -> Finding:
    words = result.type.replace("_", " ")
    expected = f" ({result.expected})" if result.expected else ""
    return Finding(
        severity=result.severity,
        check="expectation",
        subject=f"{suite.table}.{result.column}" if result.column else suite.table,
        message=f"{words}{expected}: {result.measured}",
        measured=result.unexpected_share if result.unexpected_share is not None else _number(result.observed),
        threshold=_allowed_share(result),
        advice=f"{result.reason} ({result.where})",
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _allowed_share(result: ExpectationResult) -> float | None:
    mostly = _number(result.arguments.get("mostly", 1))
    return None if result.unexpected_share is None or mostly is None else 1 - mostly


def _observed(value: Any) -> Any:
    """A value as people read it: numbers with separators or six digits, quantiles by their position."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping) and {"quantiles", "values"} == set(value):
        pairs = zip(value["quantiles"], value["values"], strict=False)
        return ", ".join(f"{_observed(found)} at {position:g}" for position, found in pairs)
    return value


def _short(value: Any, limit: int = 120) -> str:
    text = value if isinstance(value, str) else repr(value) if isinstance(value, float) else str(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def as_record(result: ValidationResult) -> dict[str, Any]:
    """The result as plain JSON for the record of a run: text, numbers, lists, dictionaries; no NaN, no infinity."""
    record = _plain(result)
    assert isinstance(record, dict)
    record["success"] = result.success
    record["expectation_count"] = result.expectation_count
    record["failed_count"] = len(result.findings)
    return record


def suites_of_record(document: object) -> tuple[SuiteResult, ...]:
    """The suites of a result that `as_record` wrote, without the rows that failed; nothing of what cannot be read."""
    try:
        return tuple(_suite(suite) for suite in document["suites"])  # type: ignore[index]  # checked right here
    except (KeyError, TypeError, ValueError):
        return ()


_KEPT_FIELDS = tuple(field.name for field in fields(ExpectationResult) if field.name != "examples")


def _suite(document: Mapping[str, Any]) -> SuiteResult:
    path = Path(document["path"])
    results = []
    for entry in document["expectations"]:
        known = {name: entry[name] for name in _KEPT_FIELDS if name in entry}
        # All of a suite are in its file; making a path of each would take most of the time.
        known |= {"severity": Severity(known["severity"]), "path": path}
        results.append(ExpectationResult(**known))
    return SuiteResult(
        name=document["name"],
        table=document["table"],
        path=path,
        row_count=document["row_count"],
        seconds=document["seconds"],
        expectations=tuple(results),
    )


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes | bytearray):
        return [_plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
