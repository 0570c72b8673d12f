"""The parser's reading of DuckDB's SQL, with one thing told apart that it takes for the same."""

from __future__ import annotations

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB


class DuckDBAsWritten(DuckDB):  # type: ignore[misc]  # without types where sqlglot is compiled
    """`len`, which we ask of lists, is not `length`, which we ask of texts."""

    class Parser(DuckDB.Parser):  # type: ignore[misc]  # as above
        """As above."""

        FUNCTIONS = {**DuckDB.Parser.FUNCTIONS, "LEN": exp.ArraySize.from_arg_list}  # noqa: RUF012 - as the parser has it
