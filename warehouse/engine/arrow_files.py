"""Arrow files as tables of a DuckDB connection: mapped into memory, so that only what a query reads is loaded."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from warehouse.errors import StorageError, import_extra
from warehouse.sql import ARROW_NAME

if TYPE_CHECKING:
    import duckdb

_NAME = re.compile(f'"{ARROW_NAME}((?:[^"]|"")*)"')


def register_arrow_files(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Gives the connection a table for every `Relation.arrow` that the statement names.

    Raises:
        StorageError: a file cannot be read.
        MissingExtraError: pyarrow is not installed.
    """
    for match in set(_NAME.findall(statement)):
        document = match.replace('""', '"')
        try:
            paths = json.loads(document)
        except ValueError:
            # A column or table that somebody named like this.
            continue
        pyarrow = import_extra("pyarrow", extra="arrow")
        ipc = import_extra("pyarrow.ipc", extra="arrow")
        try:
            tables = [ipc.open_file(pyarrow.memory_map(path)).read_all() for path in paths]
        except FileNotFoundError:
            # The same, or a file that is gone: then DuckDB says that it has no such table, by its path.
            continue
        except (OSError, pyarrow.ArrowInvalid) as error:
            raise StorageError(f"cannot read the Arrow files {', '.join(paths)}: {error}") from error
        connection.register(ARROW_NAME + document, pyarrow.concat_tables(tables))
