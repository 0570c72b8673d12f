"""Tables as dbt describes them, as the published file has them, and as checks found them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from warehouse.catalog_facts import CheckFacts, ColumnFacts, Node, SourceFacts, State, TableFacts
from warehouse.dbt_manifest import ColumnDoc, DbtManifest, Model, Source, Test
from warehouse.findings import Severity
from warehouse.site.history import History, Key
from warehouse.site.profiling import TableProfile
from warehouse.sources.freshness import Freshness, SourceFreshness, age_text
from warehouse.sources.lake_tables import TableVersion
from warehouse.sources.report import SourceReport

MOST_FILES = 50
_FRESH = {
    Freshness.PASS: State.GOOD,
    Freshness.WARN: State.WARN,
    Freshness.ERROR: State.BAD,
    Freshness.BROKEN: State.BAD,
}
Types = Mapping[tuple[str, str], Mapping[str, str]]
"""Schema and table to columns with their types, in the table's order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What tables are made of: one project's state."""

    manifest: DbtManifest
    nodes: Mapping[str, Node]
    history: History
    types: Types
    profiles: Mapping[str, TableProfile]
    """By unique id."""
    sources: SourceReport | None
    now: datetime


def table_facts(known: Known) -> tuple[TableFacts, ...]:
    """Models, seeds and snapshots by name, then sources."""
    checks = _checks_by_node(known)
    models = [_of_model(known, model, checks.get(model.unique_id, [])) for model in known.manifest.models.values()]
    states = _source_states(known.history)
    ages = {source.name: source.freshness for source in known.sources.sources} if known.sources else {}
    sources = [
        _of_source(known, source, checks.get(source.unique_id, []), states, ages)
        for source in known.manifest.sources.values()
    ]
    return (
        *sorted(models, key=lambda table: table.node.name),
        *sorted(sources, key=lambda table: table.node.name),
    )


def withheld_columns(model: Model) -> list[str]:
    """Columns that identify people."""
    return [column.name for column in model.columns.values() if column.is_pii]


def _of_model(known: Known, model: Model, checks: list[CheckFacts]) -> TableFacts:
    profile = known.profiles.get(model.unique_id)
    types = known.types.get((model.schema, model.alias), {})
    sizes = tuple(known.history.sizes.get(model.unique_id, ()))
    made = known.history.made.get(model.unique_id)
    rows = profile.row_count if profile is not None else None
    if rows is None and sizes and made is not None:
        rows = next((size.row_count for size in sizes if size.run_id == made[0]), None)
    note = profile.note if profile is not None else "it is not in the published file"
    if model.materialized in ("view", "ephemeral"):
        note = "a view is computed when it is read, so its rows are not counted; look at the tables made from it"
    return TableFacts(
        node=known.nodes[model.unique_id],
        materialized=model.materialized,
        relation=f"{model.schema}.{model.alias}",
        file_path=model.file_path,
        description=model.description,
        columns=tuple(_columns(model.columns, types, profile)),
        row_count=rows,
        checks=tuple(checks),
        sizes=sizes,
        built_in=made[0] if made is not None else "",
        built_seconds=made[1] if made is not None else None,
        profile_note=note,
        code=model.compiled_code or "",
    )


def _columns(
    docs: Mapping[str, ColumnDoc], types: Mapping[str, str], profile: TableProfile | None
) -> Iterable[ColumnFacts]:
    """Those of the file in its order, then what is only described."""
    by_name = {doc.name.lower(): doc for doc in docs.values()}
    names = [*types, *(doc.name for doc in docs.values() if doc.name.lower() not in {name.lower() for name in types})]
    for name in names:
        doc = by_name.get(name.lower())
        yield ColumnFacts(
            name=name,
            type=types.get(name) or (doc.data_type if doc else None) or "",
            description=doc.description if doc else "",
            unit=(doc.unit if doc else None) or "",
            is_pii=doc.is_pii if doc else False,
            tags=doc.tags if doc else (),
            digest=profile.columns.get(name) if profile is not None else None,
        )


def _of_source(
    known: Known,
    source: Source,
    checks: list[CheckFacts],
    states: Mapping[str, Mapping[str, Any]],
    ages: Mapping[str, SourceFreshness | None],
) -> TableFacts:
    name = f"{source.source_name}.{source.name}"
    state = states.get(name, {})
    shapes = known.history.published.details.get("source_shapes") if known.history.published else None
    shape = shapes.get(name) if isinstance(shapes, Mapping) else None
    types = shape.get("columns") if isinstance(shape, Mapping) else None
    rows = state.get("row_count")
    return TableFacts(
        node=known.nodes[source.unique_id],
        materialized="source",
        relation=source.relation_name or name,
        file_path=source.file_path,
        description=source.description,
        columns=tuple(_columns(source.columns, types if isinstance(types, Mapping) else {}, None)),
        row_count=rows if isinstance(rows, int) else None,
        checks=tuple(checks),
        sizes=(),
        built_in="",
        built_seconds=None,
        profile_note="it is read by dbt and not kept in the warehouse; look at the tables made from it",
        code="",
        source=_source_facts(known, source, state, ages.get(name)),
    )


def _source_facts(known: Known, source: Source, state: Mapping[str, Any], age: SourceFreshness | None) -> SourceFacts:
    table = state.get("table")
    # The file of a table's version is an entry of its log; what it holds is not known file by file.
    files = [file for file in state.get("files") or () if isinstance(file, Mapping) and not isinstance(table, Mapping)]
    times = sorted(str(file.get("modified_at", "")) for file in files)
    return SourceFacts(
        location=source.external_location or source.relation_name or "",
        file_count=len(files),
        byte_count=sum(int(file.get("bytes", 0)) for file in files),
        newest_file=times[-1] if times else "",
        freshness=_FRESH[age.status] if age is not None else State.NONE,
        freshness_words=_age_words(age, known) if age is not None else "",
        files=tuple(
            (str(file.get("path", "")), int(file.get("bytes", 0)), str(file.get("modified_at", "")))
            for file in files[:MOST_FILES]
        ),
        version=TableVersion(**table).sentence if isinstance(table, Mapping) else "",
    )


def _age_words(age: SourceFreshness, known: Known) -> str:
    """How old its newest rows are now: they have aged since the sources were looked at."""
    if age.age_seconds is None:
        return f"how fresh it is could not be asked: {age.message}" if age.message else "could not be asked"
    since = 0.0
    if known.sources is not None:
        since = max(0.0, (known.now - datetime.fromisoformat(known.sources.checked_at)).total_seconds())
    return f"newest rows are {age_text(age.age_seconds + since)} old"


def _source_states(history: History) -> dict[str, Mapping[str, Any]]:
    listed = history.published.details.get("sources") if history.published is not None else None
    return {
        str(state["name"]): state
        for state in (listed if isinstance(listed, list | tuple) else ())
        if isinstance(state, Mapping) and "name" in state
    }


def _checks_by_node(known: Known) -> dict[str, list[CheckFacts]]:
    """Expectations in their files' order, then dbt's tests; by the node that each is about."""
    found: dict[str, list[CheckFacts]] = {}
    by_alias = {model.alias: model for model in known.manifest.models.values()}
    by_alias |= {model.name: model for model in known.manifest.models.values()}
    for key, expectation in known.history.expectations.items():
        model = by_alias.get(expectation.table)
        if model is not None:
            found.setdefault(model.unique_id, []).append(_expectation(known, key, withheld_columns(model)))
    by_name = {model.name: model.unique_id for model in known.manifest.models.values()}
    for unique_id, node in known.history.tests.items():
        test = known.manifest.tests.get(unique_id)
        about = _about(test, known.nodes) if test is not None else by_name.get(str(node.get("tested")))
        if about is None or (test is None and node["resource_type"] == "test"):
            continue  # it is gone from the project, or about several tables
        found.setdefault(about, []).append(_test(known, unique_id, node, test))
    return found


def _about(test: Test, nodes: Collection[str]) -> str | None:
    if test.attached_node is not None:
        return test.attached_node if test.attached_node in nodes else None
    read = [unique_id for unique_id in test.depends_on if unique_id in nodes]
    return read[0] if len(read) == 1 else None


def _expectation(known: Known, key: Key, withheld: Collection[str]) -> CheckFacts:
    result = known.history.expectations[key].result
    points = known.history.points[key]
    if set(result.columns) & set(withheld) and result.unexpected_count is None:
        # What was observed is a value of such a column.
        points = [replace(point, measured="") for point in points]
    return CheckFacts(
        is_dbt=False,
        title=result.type.removeprefix("expect_").replace("_", " "),
        subject=result.subject,
        expected=" ".join(result.expected.split()),
        severity=result.severity,
        reason=result.reason,
        where=result.where,
        history=tuple(points),
    )


def _test(known: Known, unique_id: str, node: Mapping[str, Any], test: Test | None) -> CheckFacts:
    return CheckFacts(
        is_dbt=True,
        title=str(node["name"]),
        subject=(test.column_name if test is not None else None) or "table",
        expected="",
        severity=Severity.WARNING if test is not None and test.severity == "WARN" else Severity.CRITICAL,
        reason="unit test of its logic" if node["resource_type"] == "unit_test" else "",
        where=str(node.get("path") or (test.file_path if test is not None else "")),
        history=tuple(known.history.points[(unique_id,)]),
    )
