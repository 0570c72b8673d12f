"""The columns that a version has: the table's own, as files can hold them, and those that an export adds."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.datasets.manifest import Pseudonym
from warehouse.sql import identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputColumn:
    """One column as it is written."""

    name: str
    type: str
    """As it is in a Parquet file."""
    value: str
    """Expression over a row of the model's table."""
    pseudonym: Pseudonym | None = None
    """How a keyed hash took the place of the value; None when none did."""
    description: str = ""
    """Of a column that the export adds; the table's own are described by dbt."""
    unit: str | None = None
    is_compared: bool = True
    """Whether a row has changed when this value has."""

    @property
    def sql(self) -> str:
        """The column as a term of a select."""
        name = identifier(self.name)
        return name if self.value == name else f"{self.value} as {name}"


def output_column(name: str, type_name: str) -> OutputColumn:
    """The column in a type that Parquet keeps as it is: an enum and JSON become text, other clocks microseconds."""
    upper = type_name.upper()
    kept = {"TIMESTAMP_S": "TIMESTAMP", "TIMESTAMP_MS": "TIMESTAMP"}.get(upper, type_name)
    # JSON in Parquet has a type of its own, which polars reads as bytes.
    kept = "VARCHAR" if upper == "JSON" or (upper.startswith("ENUM(") and upper.endswith(")")) else kept
    value = identifier(name)
    return OutputColumn(name=name, type=kept, value=value if kept == type_name else f"{value}::{kept}")
