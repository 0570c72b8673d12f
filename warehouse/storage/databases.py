"""Connections to DuckDB files. Nothing else calls `duckdb.connect`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.errors import StorageError
from warehouse.extensions import extension_folder
from warehouse.sql import Relation, identifier, literal

if TYPE_CHECKING:
    import duckdb


def connect(
    path: Path | None,
    *,
    read_only: bool = True,
    memory_limit: str = "2GB",
    threads: int = 0,
    temporary_path: Path | None = None,
    ordered: bool = True,
) -> duckdb.DuckDBPyConnection:
    """A connection to this DuckDB file; None means in memory. Nothing is ever downloaded or installed by it.

    When not `ordered`, rows have any order in tables and in answers that do not ask for one; that takes less time.

    Raises:
        StorageError: the file is missing, locked by a writer, or not a DuckDB file.
    """
    import duckdb

    if path is not None and read_only and not path.is_file():
        raise StorageError(f"no DuckDB file at {path}")
    # Without the last one, a table's name that nobody knows would find a variable of ours that is called like it.
    config: dict[str, Any] = {
        "autoinstall_known_extensions": False,
        "memory_limit": memory_limit,
        "preserve_insertion_order": ordered,
        "python_enable_replacements": False,
    }
    if threads:
        config["threads"] = threads
    if temporary_path is not None:
        config["temp_directory"] = str(temporary_path)
    try:
        connection = duckdb.connect(
            ":memory:" if path is None else str(path), read_only=read_only and path is not None, config=config
        )
    except duckdb.Error as error:
        raise StorageError(f"cannot open {path}: {_first_line(error)}") from error
    use_extensions(connection)
    # Times are UTC everywhere; a reader's own zone must not change what a query returns.
    connection.execute("set timezone = 'UTC'")
    # DuckDB draws its bar on stdout, in the middle of what a command prints there.
    connection.execute("set enable_progress_bar = false")
    return connection


def use_extensions(connection: duckdb.DuckDBPyConnection) -> Path | None:
    """Lets DuckDB find the extensions that are installed as packages, when some are; it loads them as it needs them."""
    import duckdb

    ((platform,),) = connection.execute("pragma platform").fetchall()
    folder = extension_folder(duckdb_version=f"v{duckdb.__version__}", platform=platform)
    if folder is not None:
        connection.execute(f"set extension_directory = {literal(str(folder))}")
    return folder


def attach_read_only(connection: duckdb.DuckDBPyConnection, path: Path, *, name: str) -> None:
    """Makes the tables of this DuckDB file a catalog of the connection that nobody can write through it.

    Raises:
        StorageError: the file is missing, locked by a writer, or not a DuckDB file.
    """
    import duckdb

    if not path.is_file():
        raise StorageError(f"no DuckDB file at {path}")
    try:
        connection.execute(f"attach {literal(str(path))} as {identifier(name)} (read_only)")
    except duckdb.Error as error:
        raise StorageError(f"cannot open {path}: {_first_line(error)}") from error


def look_into(connection: duckdb.DuckDBPyConnection, catalogs: Sequence[str]) -> None:
    """Lets a table's bare name mean that of the first of these attached catalogs that has it, in its schema main."""
    path = ",".join(f"{identifier(catalog)}.main" for catalog in catalogs)
    connection.execute(f"set search_path = {literal(path)}")


def confine(connection: duckdb.DuckDBPyConnection, *, folders: Iterable[Path] = (), files: Iterable[str] = ()) -> None:
    """From now on the connection reaches no file but its own database, spill files, and what is named here.

    It loads no extension and changes no setting either. Links in the folders that lead out of them are refused too, but
    for those that are named here themselves.
    """
    ((spill,),) = connection.execute("select current_setting('temp_directory')").fetchall()
    below = {f"{folder}/" for folder in (*folders, spill) if folder}
    # NOTE: a path with `[` or `*` is given to DuckDB as a pattern, and checked as it is written.
    below |= set(Relation.escaped(sorted(below)))
    for setting, values in (("allowed_directories", sorted(below)), ("allowed_paths", sorted(files))):
        if values:
            connection.execute(f"set {setting} = [{', '.join(map(literal, values))}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
