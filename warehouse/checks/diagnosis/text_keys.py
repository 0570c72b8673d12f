"""Keys of CSV files as they are written, where the dataset's are text: 007 is not 7."""

from __future__ import annotations

from collections.abc import Mapping

from warehouse.datasets.named_rows import NamedRows, with_text_columns
from warehouse.datasets.versions import Version
from warehouse.engine.base import Engine
from warehouse.statistics.kinds import Family, family_of


def with_text_keys(engine: Engine, version: Version, rows: NamedRows, columns: Mapping[str, str]) -> NamedRows:
    """The same rows; of CSV files the key's columns are text when the version's are.

    Args:
        engine: tells the types of both.
        version: whose key it is.
        rows: the predictions.
        columns: what a key's column is called there, if not like the key.

    Raises:
        QueryError: one of both cannot be read.
    """
    if not rows.is_csv:
        return rows
    types = {column.name: column.type for column in engine.columns(next(iter(version.relations.values())))}
    wanted = {
        columns.get(name, name).casefold()
        for name in version.manifest.spec.key
        if name in types and family_of(types[name]) is Family.STRING
    }
    guessed = [
        column.name
        for column in engine.columns(rows.relation)
        if column.name.casefold() in wanted and family_of(column.type) is not Family.STRING
    ]
    return with_text_columns(rows, guessed) if guessed else rows
