"""Whether this machine can read a build that another one wrote: DuckDB's file format, and views over raw files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

from warehouse import storage
from warehouse.engine.local import LocalEngine
from warehouse.errors import QueryError, StorageError, UnusableBuildError
from warehouse.findings import Finding, Severity
from warehouse.sql import Query, Relation, Step

HEADER_BYTES = 3 * 4096
"""DuckDB's file begins with three headers of this size together."""

_MAGIC = slice(8, 12)
_WRITER = slice(52, 84)
_PATTERN = re.compile(r"[*?\[{]")
_TEXT = re.compile(r"'((?:[^']|'')*)'")


def check_header(header: bytes, probe_path: Path, *, build_id: str) -> None:
    """Refuses a database that this DuckDB cannot read, by its first bytes alone.

    Args:
        header: The first `HEADER_BYTES` of the file, or all of a shorter one.
        probe_path: Where a file of these bytes may be put for a moment.
        build_id: For the message.

    Raises:
        UnusableBuildError: it is no DuckDB file, or one of a storage version that this DuckDB does not know.
    """
    if header[_MAGIC] != b"DUCK":
        raise UnusableBuildError(f"what the store holds as the database of build {build_id} is not a DuckDB file")
    try:
        probe_path.write_bytes(header)
        storage.connect(probe_path).close()
    except StorageError as error:
        # Any other complaint is about the rest of the file, which is not there yet.
        if "version number" in str(error):
            raise UnusableBuildError(_version_text(header, str(error), build_id)) from error
    finally:
        probe_path.unlink(missing_ok=True)


def _version_text(header: bytes, reason: str, build_id: str) -> str:
    import duckdb

    writer = header[_WRITER].split(b"\0", 1)[0].decode("ascii", "replace").lstrip("v")
    what = reason.partition(": ")[2] or reason
    return (
        f"build {build_id} was written by duckdb {writer}, in a format that duckdb {duckdb.__version__} here cannot "
        f"read\n  {what}\n  install a newer duckdb here, pip install 'duckdb>={writer}', or build with an older one"
    )


def unreadable_views(database_path: Path) -> tuple[Finding, ...]:
    """A warning per view that reads raw files by a path which this machine does not have; tables always work.

    Nothing is read from these files or asked of a network: what is not a file here is told by its name.

    Raises:
        UnusableBuildError: the file is not a DuckDB database that can be opened.
    """
    try:
        connection = storage.connect(database_path)
    except StorageError as error:
        raise UnusableBuildError(f"the database that was pulled cannot be opened: {error}") from error
    with connection:
        engine = LocalEngine(connection)
        connection.execute("set enable_external_access = false")
        views = {(row["schema_name"], row["view_name"]): row["sql"] for row in engine.rows(views_sql())}
        outside = {name: sql for name, sql in views.items() if not _is_inside(engine, *name)}
    missing = {name: lost for name, sql in outside.items() if (lost := _missing_paths(sql))}
    findings = [_finding(name, f"reads {_listed(paths)}") for name, paths in missing.items()]
    # Views over such views.
    for name, sql in outside.items():
        if name not in missing and (below := [other for other in missing if other[1] in sql]):
            findings.append(_finding(name, f"reads view {'.'.join(below[0])}"))
    return tuple(sorted(findings, key=lambda finding: finding.subject))


def views_sql() -> Query:
    """One row per view: `schema_name`, `view_name`, `sql`."""
    return Query.of(
        Step(
            "views",
            """
        select
            schema_name,
            view_name,
            sql,
        from duckdb_views()
        where not internal and database_name = current_database()
        order by all
    """,
        )
    )


def _is_inside(engine: LocalEngine, schema: str, name: str) -> bool:
    """Whether the view can be read without a look outside of the database."""
    try:
        engine.columns(Relation.table("warehouse", schema, name))
    except QueryError:
        return False
    return True


def _missing_paths(sql: str) -> list[str]:
    """Absolute paths in the view's text that are no files here; paths of other kinds cannot be told and are left."""
    paths = [text.replace("''", "'") for text in _TEXT.findall(sql)]
    return [path for path in paths if path.startswith("/") and not _is_here(Path(path))]


def _is_here(path: Path) -> bool:
    """Whether there is such a file; of a pattern, whether its folder has one. Never looks into more than one folder."""
    special = [number for number, part in enumerate(path.parts) if _PATTERN.search(part)]
    try:
        if not special:
            return path.exists()
        folder = Path(*path.parts[: special[0]])
        is_last = special[0] == len(path.parts) - 1
        return folder.is_dir() and (not is_last or any(fnmatch(item.name, path.name) for item in folder.iterdir()))
    except (OSError, ValueError):
        return False


def _listed(paths: Iterable[str]) -> str:
    first, *rest = paths
    return f"{first}{f' and {len(rest)} more' if rest else ''}, which this machine does not have"


def _finding(name: tuple[str, str], reason: str) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        check="pull",
        subject=".".join(name),
        message=f"this view cannot be read here: it {reason}",
        advice="read tables instead, have the builder materialize it as one, or put the raw files at the same path",
    )
