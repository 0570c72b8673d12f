"""What any check returns: a finding, and how much it matters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters; the words are the same in dbt meta, suites, gates and on the command line."""

    CRITICAL = "critical"
    """Stops publication or an export; exit code 1."""
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a check found wrong, or worth knowing."""

    severity: Severity
    check: str
    """Which check found it: `dbt_test`, `expectation`, `drift`, `split`..."""
    subject: str
    """What it is about: a table, a column as `table.column`, a dataset, a split."""
    message: str
    """One sentence with the actual values."""
    measured: float | None = None
    threshold: float | None = None
    advice: str = ""
    """What to do next, when there is something to do."""


def is_critical(findings: Iterable[Finding]) -> bool:
    """Whether any finding is critical, so that the command must exit with 1."""
    return any(finding.severity is Severity.CRITICAL for finding in findings)
