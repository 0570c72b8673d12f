"""From a table's rows to their splits: entities first, then duplicates, then the rules of the specification."""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.derived import check_downsample
from warehouse.datasets.duplicates import mark_duplicate_rows
from warehouse.datasets.entities import GIANT_ADVICE, entity_findings, giant_message, resolve_entities
from warehouse.datasets.freeze import Freeze
from warehouse.datasets.placement import Placement, place_rows
from warehouse.datasets.row_checks import TableFacts
from warehouse.datasets.spec import DatasetSpec, DuplicateRule
from warehouse.datasets.versions import Version
from warehouse.engine.base import Engine
from warehouse.findings import Finding
from warehouse.sql import Relation


def place(
    engine: Engine,
    relation: Relation,
    spec: DatasetSpec,
    facts: TableFacts,
    *,
    columns: Sequence[OutputColumn],
    freeze: Freeze,
    newest: Version | None,
) -> tuple[Placement, tuple[Finding, ...]]:
    """Every row's split, and what placing them showed.

    Args:
        engine: Keeps the placement in its session.
        relation: The model's table.
        spec: With cutoffs and frozen versions resolved.
        facts: Of the table, whose keys are known to be unique.
        columns: What a version will hold of it.
        freeze: Keys that stay where a version has them.
        newest: Whose rows keep their stratum's places; None before the first version.

    Raises:
        ExportError: a split would be empty, or a rule cannot hold.
    """
    names = tuple(column.name for column in columns)
    entities = resolve_entities(engine, relation, spec, names, facts)
    is_once = spec.deduplicate.exact is DuplicateRule.ONCE
    duplicate_count = mark_duplicate_rows(engine, relation, spec, names, facts.blocks) if is_once else 0
    placement = place_rows(
        engine,
        relation,
        spec,
        facts,
        columns=columns,
        freeze=freeze,
        newest=newest,
        has_duplicates=duplicate_count > 0,
        empty_advice=f"{giant_message(entities)}\n  {GIANT_ADVICE}" if entities and entities.has_giant else "",
    )
    check_downsample(engine, relation, spec, placement)
    linked = entity_findings(entities, spec) if entities else ()
    return placement, (*linked, *placement.findings)
