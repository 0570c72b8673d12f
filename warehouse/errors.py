"""Every exception this library raises on purpose, one tree.

A message says what is wrong with the actual names and values, where that was written, and what to do next.
A failed *check* is a `Finding`, never an exception.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any


class WarehouseError(Exception):
    """Base of all; the command line prints its message and exits with 2."""


class ProjectError(WarehouseError):
    """The project, its settings or its folders cannot be used."""


class StorageError(WarehouseError):
    """A file could not be read or written: no space, no permission, not what it should be."""


class LockedError(StorageError):
    """Another process holds a lock that this one needs."""


class BuildError(WarehouseError):
    """Dbt could not do what was asked: broken YAML, broken SQL, a selection that matches nothing."""


class ValidationError(WarehouseError):
    """A suite of expectations cannot be run as written; lists every problem of every suite."""


class QueryError(WarehouseError):
    """The engine refused a statement.

    `reason` is the engine's own, `step` names the part of the query, `statement` is its full text. Parameters may hold
    data, so the message never shows them.
    """

    def __init__(self, reason: str, *, step: str, statement: str) -> None:
        self.reason = reason
        self.step = step
        self.statement = statement
        super().__init__(f"query {step!r} failed: {reason}")

    @property
    def first_line(self) -> str:
        """The reason without what Apache Spark says below it: where it searched, and how its settings are called."""
        return (self.reason.splitlines() or [""])[0]


class StatementError(WarehouseError):
    """A statement that a user typed cannot be run; the message is the engine's own."""


class SpecError(WarehouseError):
    """A dataset's declaration is wrong; lists every problem at once."""


class ExportError(WarehouseError):
    """A dataset version could not be written from this data."""


class VersionError(WarehouseError):
    """A dataset version does not exist, or what lies there is not whole."""


class StoreError(WarehouseError):
    """An object store cannot be reached or used, or does not hold what was asked for."""


class UnusableBuildError(StoreError):
    """The build that a store holds is not whole, is not what it says it is, or cannot be read by this DuckDB."""


class LoadError(WarehouseError):
    """Rows of a source could not be loaded as declared; lists every problem of every table."""


class PredictionError(WarehouseError):
    """A model's predictions cannot be used: wrong columns, keys or values; lists every problem."""


class MissingExtraError(WarehouseError):
    """A package that only some users need is not installed."""


def import_extra(module: str, *, extra: str) -> Any:
    """The module, of a package that only the extra installs.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module} is needed for this and is not installed\n  install it with: pip install 'ml-warehouse[{extra}]'"
        ) from error


def problem_list(title: str, problems: Iterable[str]) -> str:
    """`title`, then one indented line per problem; a problem's own further lines are indented once more."""
    lines = [title]
    for problem in problems:
        first, *rest = problem.splitlines() or [""]
        lines += [f"  - {first}", *(f"    {line}" for line in rest)]
    return "\n".join(lines)


def suggestion(word: str, known: Sequence[str]) -> str:
    """`did you mean 'x'?` for the closest known word, otherwise the known words; empty when there are none."""
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(known[:30])}{', ...' if len(known) > 30 else ''}" if known else ""
