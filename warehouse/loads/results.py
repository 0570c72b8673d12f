"""What a load did: a result per table, as it stands in the run's record."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from warehouse.findings import Finding
from warehouse.records import Status


class TableStatus(StrEnum):
    """How the load of one table ended."""

    LOADED = "loaded"
    """New rows are there."""
    UNCHANGED = "unchanged"
    """The source has nothing that is not there yet."""
    FAILED = "failed"
    """Nothing was changed; a critical finding says why."""
    PLANNED = "planned"
    """A dry run: this is what would be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLoad:
    """One table."""

    name: str
    """`source.table`."""
    kind: str
    """Where its rows come from: `postgres`, `files`, ..."""
    mode: str
    """`incremental` or `full`: what was done, which with `--full-refresh` is not what is declared."""
    status: TableStatus
    row_count: int = 0
    """Rows that this load added; all rows when it replaced them. A dry run does not count."""
    byte_count: int = 0
    """Size of what it wrote."""
    batch_count: int = 0
    """Parquet files that it wrote."""
    total_row_count: int = 0
    """Rows that are there now, of all batches; of a key there can be several."""
    high_mark: str | None = None
    """The cursor's highest value so far, as text; None without a cursor and before the first row."""
    seconds: float = 0.0
    message: str = ""
    """One sentence: what was or would be done, or why not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loads:
    """One load of one or many tables. Its record has command `load` and these fields."""

    id: str
    """Of its record; empty for a dry run, which leaves none."""
    status: Status
    """`passed`, or `failed` when a critical finding stands; then the other tables were loaded all the same."""
    dry_run: bool
    tables: tuple[TableLoad, ...]
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def row_count(self) -> int:
        """Rows that were added, of all tables."""
        return sum(table.row_count for table in self.tables)
