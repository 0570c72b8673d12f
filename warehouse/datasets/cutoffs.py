"""Cutoffs of a time split that is declared by shares: found in the data once, then written down."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from math import ceil
from typing import Any

from warehouse.datasets.reading import exact
from warehouse.datasets.spec import DatasetSpec, TimeSplit
from warehouse.datasets.versions import Version
from warehouse.engine.base import Engine
from warehouse.errors import ExportError
from warehouse.sql import Query, Relation, Step, identifier


def cutoffs_sql(relation: Relation, time: str, rows_before: dict[str, int]) -> Query:
    """One row: per split, the first moment that has at least so many rows before it; NULL when none has."""
    columns = ", ".join(f"min(moment) filter (rows_before >= ${split}) as {split}" for split in rows_before)
    return Query.of(
        Step(
            "rows_per_moment",
            f"select {identifier(time)}::timestamp as moment, count(*) as n from {relation.sql} "
            f"group by {identifier(time)}::timestamp",
        ),
        Step("moments", "select moment, sum(n) over (order by moment) - n as rows_before from rows_per_moment"),
        Step("cutoffs", f"select {columns} from moments"),
        **rows_before,
    )


def resolve_cutoffs(
    engine: Engine, relation: Relation, spec: DatasetSpec, *, row_count: int, declared: Any, previous: Version | None
) -> DatasetSpec:
    """The specification with its cutoffs as moments.

    Shares are resolved once: as long as the declared split and time stay what the previous version was made from, its
    cutoffs stand, so that new rows move no old one to another split.

    Raises:
        ExportError: too many rows share a moment, so that no cutoff leaves rows on both sides.
    """
    split = spec.split
    if not isinstance(split, TimeSplit) or split.cutoffs is not None or split.shares is None:
        return spec
    if previous is not None and isinstance(previous.manifest.spec.split, TimeSplit):
        manifest = previous.manifest
        if manifest.declared.get("split") == declared.get("split") and manifest.spec.time == spec.time:
            return replace(spec, split=replace(split, cutoffs=previous.manifest.spec.split.cutoffs))
    shares = {name: Fraction(exact(share)) for name, share in split.shares.items()}
    rows_before = {"test": ceil((1 - shares["test"]) * row_count)}
    if "dev" in shares:
        rows_before = {"dev": ceil(shares["train"] * row_count), **rows_before}
    (row,) = engine.rows(cutoffs_sql(relation, spec.time or "", rows_before))
    moments: dict[str, datetime | None] = dict(row)
    found = {name: moment.replace(tzinfo=UTC) for name, moment in moments.items() if moment is not None}
    if len(set(found.values())) < len(rows_before):
        raise ExportError(
            f"dataset {spec.name!r}: no moments of {spec.time!r} divide the rows into these shares, "
            "since too many rows have the same\n  give split.cutoffs instead of split.shares"
        )
    return replace(spec, split=replace(split, cutoffs=found))
