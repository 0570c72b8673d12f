"""Questions to a Connect server, each in one round trip, and their answers as Arrow tables.

`session.sql(...).collect()` takes up to four: the server analyses the statement, since it might be a command, then once
more to answer it, and the client asks for settings and the schema in between. A cluster takes longer for all that than
for an answer of few rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from warehouse.errors import import_extra

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql.connect.dataframe import DataFrame
    from pyspark.sql.connect.session import SparkSession


def question(session: SparkSession, statement: str) -> DataFrame:
    """The frame of a statement that only asks; nothing is sent, so what is wrong with it shows when it is answered."""
    plans = import_extra("pyspark.sql.connect.plan", extra="spark")
    frames: Any = import_extra("pyspark.sql.connect.dataframe", extra="spark")
    frame: DataFrame = frames.DataFrame(plans.SQL(statement), session)
    return frame


def arrow_tables(frame: DataFrame) -> Iterator[pyarrow.Table]:
    """The rows in parts, at least one, read when asked."""
    pyarrow = import_extra("pyarrow", extra="spark")
    types = import_extra("pyspark.sql.pandas.types", extra="spark")
    client: Any = frame.sparkSession.client
    schema, is_empty = None, True
    # NOTE: `collect` makes rows of it one by one, and `toArrow` asks for the schema once more.
    for part in client.to_table_as_iterator(frame._plan.to_proto(client), {}):
        if isinstance(part, pyarrow.Table):
            is_empty = False
            yield part
        else:
            schema = part
    if is_empty:
        yield types.to_arrow_schema(schema or frame.schema, timezone="UTC").empty_table()


def answers(frame: DataFrame) -> list[dict[str, Any]]:
    """All rows, each by column name."""
    pyarrow = import_extra("pyarrow", extra="spark")
    rows: list[dict[str, Any]] = pyarrow.concat_tables(list(arrow_tables(frame))).to_pylist()
    return rows


def typed_answers(frame: DataFrame) -> tuple[list[Any], list[Any]]:
    """The fields of the answer with Spark's types, and all rows as Spark's client makes them."""
    conversion = import_extra("pyspark.sql.conversion", extra="spark").ArrowTableToRowsConversion
    table, schema = frame._to_table()
    schema = schema or frame.schema
    # NOTE: `collect` asks the server for this setting each time.
    return schema.fields, conversion.convert(table, schema, binary_as_bytes=True)
