"""What a source looked like when it was last published, and how a file differs from that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from warehouse import records
from warehouse.engine.base import Engine
from warehouse.project import Project
from warehouse.published import published_id
from warehouse.sources.file_facts import Fault, FileFacts
from warehouse.sources.locations import Location, Reader
from warehouse.sources.rules import Trouble
from warehouse.sql import Query, Step, identifier

_WIDTH = {
    name: width
    for width, names in enumerate(
        (
            "BOOLEAN",
            "TINYINT UTINYINT",
            "SMALLINT USMALLINT",
            "INTEGER UINTEGER",
            "BIGINT UBIGINT",
            "HUGEINT UHUGEINT",
            "FLOAT DECIMAL",
            "DOUBLE",
        )
    )
    for name in names.split()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Columns of a source, and how its lines end."""

    columns: Mapping[str, str]
    """Type by name."""
    ends_line: bool | None
    """Whether every file ends with the end of a line; None where it does not matter."""
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 by path, relative to the project, of the files that were read."""


def known_shapes(project: Project) -> dict[str, Shape]:
    """By source, what the published build read; empty before there is one, or when it did not say."""
    build_id = published_id(project)
    record = records.read_record(project, build_id) if build_id else None
    found: dict[str, Shape] = {}
    shapes = record.details.get("source_shapes") if record else None
    for name, shape in shapes.items() if isinstance(shapes, dict) else ():
        try:
            found[name] = Shape(
                columns={str(column): str(kind) for column, kind in shape["columns"].items()},
                ends_line=shape["ends_line"],
                files={str(path): str(digest) for path, digest in shape["files"].items()},
            )
        except (TypeError, KeyError, AttributeError):
            continue  # a record of another version of this library; the next build writes a new one
    return found


def shape_document(shape: Shape) -> dict[str, Any]:
    """As it stands in a build's record."""
    return {"columns": dict(shape.columns), "ends_line": shape.ends_line, "files": dict(shape.files)}


def shape_of(files: Mapping[str, FileFacts]) -> Shape:
    """What these files (by path) have together: every column, with a type that holds the values of all."""
    columns: dict[str, str] = {}
    for facts in files.values():
        for name, kind in facts.columns:
            columns[name] = _common(columns[name], kind) if name in columns else kind
    ends = [facts.ends_line for facts in files.values() if facts.ends_line is not None]
    digests = {path: facts.sha256 for path, facts in files.items()}
    return Shape(columns=columns, ends_line=all(ends) if ends else None, files=digests)


def _common(one: str, other: str) -> str:
    if one == other:
        return one
    widths = [_WIDTH.get(_plain(kind)) for kind in (one, other)]
    if None in widths:
        return "VARCHAR"
    return max((one, other), key=lambda kind: _WIDTH[_plain(kind)])


def _plain(kind: str) -> str:
    return kind.upper().partition("(")[0]


def differences(
    engine: Engine, path: str, facts: FileFacts, location: Location, known: Shape, *, others: Iterable[FileFacts] = ()
) -> list[Fault]:
    """How this file differs from what is known of its source.

    Args:
        engine: reads the file again where a type seems to have changed.
        path: the file.
        facts: what it is.
        location: how the build reads it.
        known: what is known.
        others: the source's other files, whose lines may say how lines should end.
    """
    faults: list[Fault] = []
    names = dict(facts.columns)
    if not names:
        return faults
    new = [name for name in names if name not in known.columns]
    gone = [name for name in known.columns if name not in names]
    if new and known.columns:
        shown = ", ".join(f"{name!r} ({names[name]})" for name in new[:10])
        faults.append(
            Fault(
                trouble=Trouble.NEW_COLUMNS,
                message=f"has {_count(new, 'new column')}: {shown}",
                advice="models that select columns by name do not see them; describe them in the source's YAML",
            )
        )
    if gone:
        shown = ", ".join(map(repr, gone[:10]))
        hint = f"; it has {', '.join(map(repr, list(names)[:10]))}" if new else ""
        faults.append(
            Fault(
                trouble=Trouble.VANISHED_COLUMNS,
                message=f"lacks {_count(gone, 'column')} that the source had: {shown}{hint}",
                advice="renamed, or another delimiter? if it is meant, set vanished_columns: warn in the source's "
                "meta.checks for one build",
            )
        )
    faults += _retyped(engine, path, facts, location, known)
    ends = {other.ends_line for other in others} - {None}
    if facts.ends_line is False and (known.ends_line or ends == {True}):
        faults.append(
            Fault(
                trouble=Trouble.UNFINISHED,
                message="does not end with the end of a line, as the source's files do",
                advice="was its delivery cut off?",
            )
        )
    return faults


def _retyped(engine: Engine, path: str, facts: FileFacts, location: Location, known: Shape) -> list[Fault]:
    suspects = [
        (name, known.columns[name], kind)
        for name, kind in facts.columns
        if name in known.columns and facts.row_count != 0 and not _holds(known.columns[name], kind)
    ]
    if location.reader in (Reader.CSV, Reader.JSON):
        # Types of text are guessed from the values: only those that do not fit the known type count.
        found = [told for name, before, after in suspects if (told := _misfits(engine, path, location, name, before))]
    else:
        found = [f"{name!r} was {before} and is {after}" for name, before, after in suspects]
    if not found:
        return []
    return [
        Fault(
            trouble=Trouble.RETYPED_COLUMNS,
            message=f"has columns of another type than before: {'; '.join(found[:10])}",
            advice="if it is meant, set retyped_columns: warn in the source's meta.checks for one build",
        )
    ]


def _holds(known: str, kind: str) -> bool:
    """Whether values of this type are nothing new: the same type, wider or narrower numbers, or text before."""
    if known == kind or _plain(known) == "VARCHAR":
        return True
    return _plain(known) in _WIDTH and _plain(kind) in _WIDTH and "BOOLEAN" not in (_plain(known), _plain(kind))


def misfits_sql(path: str, location: Location, name: str, kind: str) -> Query:
    """One row: `value_count`, `misfits`, values that are not of this type, and `example`, the smallest of them."""
    value = identifier(name)
    return Query.of(
        Step(
            "misfits",
            f"""
            select
                count({value}) as value_count,
                count(*) filter ({value} is not null and try_cast({value}::varchar as {kind}) is null) as misfits,
                min({value}::varchar) filter (try_cast({value}::varchar as {kind}) is null) as example,
            from {location.of_file(path)}
            """,
        )
    )


def _misfits(engine: Engine, path: str, location: Location, name: str, known: str) -> str:
    if _plain(known).startswith(("STRUCT", "MAP")) or known.endswith("]"):
        return f"{name!r} was {known}"
    (row,) = engine.rows(misfits_sql(path, location, name, known))
    if not row["misfits"]:
        return ""
    return (
        f"{row['misfits']:,} of {row['value_count']:,} values of {name!r} are no {known}, for example "
        f"{str(row['example'])[:60]!r}"
    )


def _count(names: Sequence[str], what: str) -> str:
    return f"{len(names):,} {what}{'' if len(names) == 1 else 's'}"
