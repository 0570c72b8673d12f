"""Spark, through a Connect session: the same queries, run where the data lies; only answers come back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from warehouse.engine.base import Column
from warehouse.engine.spark_errors import spark_errors
from warehouse.engine.spark_frames import arrow_tables, question
from warehouse.engine.spark_schemas import spark_is_sail
from warehouse.engine.spark_scratch import ScratchTables
from warehouse.engine.spark_types import duckdb_type
from warehouse.errors import QueryError, import_extra
from warehouse.sql import Query, Relation, Step

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow
    from pyspark.sql.connect.dataframe import DataFrame
    from pyspark.sql.connect.session import SparkSession

    from warehouse.engine.spark_sql import SparkStatement


class SparkEngine:
    """Runs queries on a session that the caller opened (`connect_spark`) and stops; `spark_engine` does both.

    Files are what they are when the engine first reads them: it never looks for other ones at the same paths.
    """

    is_distributed = True

    hash_bits = 63

    def __init__(
        self, session: SparkSession, *, tables: ScratchTables, schemas: Mapping[str, str] | None = None
    ) -> None:
        """An engine on the session.

        Args:
            session: As `connect_spark` gives it: its zone is UTC, and what cannot be computed is an error.
            tables: Where temporary tables go.
            schemas: Where each schema of a build lies: `"warehouse"."marts"."x"` is read from the schema that stands
                here for `marts`.
        """
        self.session = session
        self.tables = tables
        self.schemas = dict(schemas or {})
        self._named_files: set[str] = set()
        self._is_sail: bool | None = None

    @property
    def version(self) -> str:
        """Of Spark, as the server says it.

        Raises:
            QueryError: it does not answer.
        """
        with spark_errors("version"):
            return str(self.session.version)

    def rows(self, query: Query) -> list[dict[str, Any]]:
        """All rows of the result, each by column name."""
        table = self._table(query)
        rows: list[dict[str, Any]] = table.to_pylist()
        pyarrow = import_extra("pyarrow", extra="spark")
        for name in (field.name for field in table.schema if pyarrow.types.is_map(field.type)):
            for row in rows:
                row[name] = None if row[name] is None else dict(row[name])
        return rows

    def numbers(self, query: Query) -> npt.NDArray[np.float64]:
        """The result's only column, of doubles without nulls, as an array."""
        (column,) = self.number_columns(query)
        return column

    def number_columns(self, query: Query) -> list[npt.NDArray[np.float64]]:
        """The result's columns, all of doubles without nulls, each as an array that the caller may change."""
        import numpy as np

        return [np.require(column.to_numpy(), np.float64, ["W", "O"]) for column in self._table(query).columns]

    def arrays(self, query: Query) -> list[npt.NDArray[Any]]:
        """The result's columns, without nulls, each as an array of its own type."""
        import numpy as np

        return [np.asarray(column.to_numpy()) for column in self._table(query).columns]

    def batches(self, query: Query, *, row_count: int) -> pyarrow.RecordBatchReader:
        """The rows of the result in their order, in record batches of at most `row_count` rows, read when asked."""
        reader = import_extra("pyarrow", extra="spark").RecordBatchReader
        tables = self._tables(query)
        first = next(tables)

        def batches() -> Iterator[Any]:
            yield from first.to_batches(max_chunksize=row_count)
            for table in tables:
                yield from table.cast(first.schema).to_batches(max_chunksize=row_count)

        return reader.from_batches(first.schema, batches())

    def columns(self, relation: Relation) -> tuple[Column, ...]:
        """The relation's columns in order, with DuckDB's names of their types; reads no data."""
        query = Query.of(Step("columns", f"select * from {relation.sql}"))
        with self.errors(query):
            fields = self._frame(self._statement(query)).schema.fields
        return tuple(Column(field.name, duckdb_type(field.dataType)) for field in fields)

    def frame(self, query: Query) -> DataFrame:
        """The query for Spark's own ways with it, such as writing; nothing is computed yet.

        Raises:
            QueryError: something in it is not available on Spark.
        """
        with self.errors(query):
            return self._frame(self._statement(query))

    def errors(self, query: Query) -> AbstractContextManager[None]:
        """Turns what the session raises in the block into a `QueryError` about this query."""
        return spark_errors(query.text, step=query.name)

    def _table(self, query: Query) -> pyarrow.Table:
        """The whole answer: no rows when something was made or dropped, a count when rows were added."""
        pyarrow = import_extra("pyarrow", extra="spark")
        return pyarrow.concat_tables(list(self._tables(query)))

    def _tables(self, query: Query) -> Iterator[pyarrow.Table]:
        """The answer in parts, at least one."""
        pyarrow = import_extra("pyarrow", extra="spark")
        statement = self._statement(query)
        with self.errors(query):
            if statement.is_change:
                yield pyarrow.table(self._changed(statement))
                return
            yield from arrow_tables(self._frame(statement))

    def _statement(self, query: Query) -> SparkStatement:
        # Here, since it needs the parser of the extra, and this module is imported without it.
        from warehouse.engine.spark_sql import spark_statement

        return spark_statement(query, schemas=self.schemas, tables=self.tables.sources)

    def _changed(self, statement: SparkStatement) -> dict[str, list[int]]:
        """What the statement answers once it has made, filled or dropped its table."""
        self._name_files(statement)
        if statement.creates:
            self.tables.create(statement.creates, statement.sql)
        elif statement.inserts:
            return {"Count": [self.tables.insert(statement.inserts, statement.sql)]}
        else:
            self.tables.drop(statement.drops)
        return {}

    def _frame(self, statement: SparkStatement) -> DataFrame:
        self._name_files(statement)
        return question(self.session, statement.sql)

    def _name_files(self, statement: SparkStatement) -> None:
        """Makes views of files that have none yet: finding out what columns files have is a job of its own."""
        for view, paths in statement.files.items():
            if view not in self._named_files:
                self._check_are_seen(paths)
                files = self.session.read.option("mergeSchema", "true").parquet(*paths)
                files.createOrReplaceTempView(view)
                self._named_files.add(view)

    def _check_are_seen(self, paths: Sequence[str]) -> None:
        # NOTE: Sail takes files that are not there for files without rows, and Spark refuses them.
        if self._is_sail is None:
            self._is_sail = spark_is_sail(self.session)
        if self._is_sail:
            for path in paths:
                if not self.session.read.parquet(path).schema.fields:
                    raise QueryError(f"PATH_NOT_FOUND: there is no file {path}", step="files", statement=path)
