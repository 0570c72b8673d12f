"""Delta and Iceberg tables as other tools write them: deltalake and pyiceberg, whose rows are read back by both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from warehouse.sql import literal

COLUMNS: dict[str, Any] = {
    "order_id": pa.int64(),
    "day": pa.date32(),
    "ordered_at": pa.timestamp("us", "UTC"),
    "local_at": pa.timestamp("us"),
    "price": pa.decimal128(12, 2),
    "tags": pa.list_(pa.string()),
    "buyer": pa.struct([("name", pa.string()), ("age", pa.int32())]),
}


def rows(numbers: Sequence[int], **further: Any) -> Any:
    """Orders with these numbers; every third has no tags, and nobody knows its buyer's age."""
    plain: dict[str, list[Any]] = {
        "order_id": list(numbers),
        "day": [date(2026, 1, 1 + n % 3) for n in numbers],
        "ordered_at": [datetime(2026, 1, 1, 23, 30, n % 60, 123456, UTC) for n in numbers],
        "local_at": [datetime(2026, 3, 29, 2, 30, n % 60) for n in numbers],
        "price": [Decimal(n) + Decimal("0.10") for n in numbers],
        "tags": [None if n % 3 == 0 else ["a", "b,'c"] for n in numbers],
        "buyer": [{"name": f"n {n}", "age": None if n % 3 == 0 else n} for n in numbers],
    }
    table = pa.table({name: pa.array(plain[name], type_) for name, type_ in COLUMNS.items()})
    for name, values in further.items():
        table = table.append_column(name, pa.array(values))
    return table


@dataclass(frozen=True)
class Lake:
    """One table that is written version by version."""

    kind: str
    path: Path
    table: Any

    def location(self, *options: str) -> str:
        """The call that DuckDB reads it by."""
        options = (*(("version = '?'",) if self.kind == "iceberg" and not options else ()), *options)
        return f"{self.kind}_scan({', '.join((literal(str(self.path)), *options))})"

    def append(self, numbers: Sequence[int], **further: Any) -> None:
        """Adds these orders, and new columns."""
        if self.kind == "delta":
            import deltalake

            deltalake.write_deltalake(str(self.path), rows(numbers, **further), mode="append", schema_mode="merge")
            return
        if further:
            with self.table.update_schema() as update:
                update.union_by_name(rows(numbers, **further).schema)
        self.table.append(rows(numbers, **further))

    def delete(self, number: int) -> None:
        """Deletes an order."""
        if self.kind == "delta":
            import deltalake

            deltalake.DeltaTable(str(self.path)).delete(f"order_id = {number}")
        else:
            self.table.delete(f"order_id = {number}")

    def version(self) -> str:
        """Of the newest version, by the library that wrote it."""
        if self.kind == "delta":
            import deltalake

            return str(deltalake.DeltaTable(str(self.path)).version())
        snapshot = self.table.current_snapshot()
        return "" if snapshot is None else str(snapshot.snapshot_id)


def make_lake(kind: str, path: Path, *, partitioned: bool = False) -> Lake:
    """An empty table, in the folder `path` or, of Iceberg, below it."""
    if kind == "delta":
        import deltalake

        by = ["day"] if partitioned else None
        deltalake.DeltaTable.create(str(path), schema=rows([]).schema, partition_by=by)
        return Lake(kind, path, None)
    from pyiceberg.catalog.sql import SqlCatalog

    path.mkdir(parents=True, exist_ok=True)
    catalog = SqlCatalog("lake", uri=f"sqlite:///{path}/catalog.db", warehouse=f"file://{path}")
    catalog.create_namespace("shop")
    table = catalog.create_table("shop.orders", schema=rows([]).schema)
    if partitioned:
        with table.update_spec() as update:
            update.add_identity("day")
    return Lake(kind, path / "shop" / "orders", table)
