"""DuckDB in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from warehouse.engine.arrow_files import register_arrow_files
from warehouse.engine.base import Column
from warehouse.errors import QueryError, import_extra
from warehouse.sql import Query, Relation, Step

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import numpy.typing as npt
    import pyarrow


class LocalEngine:
    """Runs queries on a DuckDB connection that the caller opened (`storage.connect`) and closes."""

    is_distributed = False
    hash_bits = 64

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def rows(self, query: Query) -> list[dict[str, Any]]:
        """All rows of the result, each by column name."""
        cursor = self._run(query)
        names = [description[0] for description in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def numbers(self, query: Query) -> npt.NDArray[np.float64]:
        """The result's only column, of doubles without nulls, as an array."""
        import numpy as np

        (column,) = self._run(query).fetchnumpy().values()
        return np.asarray(column, dtype=np.float64)

    def number_columns(self, query: Query) -> list[npt.NDArray[np.float64]]:
        """The result's columns, all of doubles without nulls, each as an array that the caller may change."""
        import numpy as np

        return [np.require(column, np.float64, ["W"]) for column in self._run(query).fetchnumpy().values()]

    def arrays(self, query: Query) -> list[npt.NDArray[Any]]:
        """The result's columns, without nulls, each as an array of its own type."""
        import numpy as np

        return [np.asarray(column) for column in self._run(query).fetchnumpy().values()]

    @contextmanager
    def arrays_as_rows(self, columns: Mapping[str, npt.NDArray[Any]], *, name: str) -> Iterator[Relation]:
        """Arrays of one length as the columns of a relation, while the block runs; nothing is copied."""
        relation = Relation.table(f"{name} {uuid4().hex}")
        self.connection.register(relation.name, dict(columns))
        try:
            yield relation
        finally:
            self.connection.unregister(relation.name)

    def batches(self, query: Query, *, row_count: int) -> pyarrow.RecordBatchReader:
        """The rows of the result in their order, in record batches of about `row_count` rows, read when asked."""
        import duckdb

        import_extra("pyarrow", extra="arrow")
        register_arrow_files(self.connection, query.text)
        try:
            # NOTE: not `execute`, with which DuckDB 2 holds all rows in memory first.
            relation = self.connection.sql(query.text, params=dict(query.parameters) or None)
            return relation.to_arrow_reader(row_count)
        except duckdb.Error as error:
            raise QueryError(str(error), step=query.name, statement=query.text) from error

    def columns(self, relation: Relation) -> tuple[Column, ...]:
        """The relation's columns in order; reads no data."""
        cursor = self._run(Query.of(Step("columns", f"describe select * from {relation.sql}")))
        return tuple(Column(row[0], row[1]) for row in cursor.fetchall())

    def _run(self, query: Query) -> duckdb.DuckDBPyConnection:
        import duckdb

        register_arrow_files(self.connection, query.text)
        try:
            # An empty mapping makes DuckDB refuse a statement without parameters.
            return self.connection.execute(query.text, dict(query.parameters) or None)
        except duckdb.Error as error:
            raise QueryError(str(error), step=query.name, statement=query.text) from error
        except RuntimeError as error:
            if "interrupted" in str(error).lower():
                # Ctrl-C. DuckDB goes on computing, and the next statement would wait for this one.
                self.connection.interrupt()
                raise KeyboardInterrupt from error
            raise
