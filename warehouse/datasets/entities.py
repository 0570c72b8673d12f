"""Which rows are one entity, where more than one hash says so: linked groups, duplicates, near texts.

Rows that share a value of any link are one component. Its point on the split line is that of one of its own values: of
the earliest-named group column that has any value in it, the value whose point has the smallest fourth lane. Lanes are
independent, so choosing by the fourth leaves the first, which decides the split, uniform; and a component with one
customer lies where that customer lies in every other dataset. Duplicates link rows too, but a component has the point
of a duplicate's key only when no row of it has a group. No point depends on the order of rows, on chance, or on
components that a row is not in; a new row that joins two components does move one of them, as it must.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from warehouse.datasets.duplicates import equal_rows_link
from warehouse.datasets.placement_rows import ENTITIES, own_point_sql
from warehouse.datasets.row_checks import TableFacts
from warehouse.datasets.spec import DatasetSpec, DuplicateRule, Grouping
from warehouse.datasets.splits import canonical_key_sql, hash_text_sql, salt_of
from warehouse.engine.base import Engine
from warehouse.findings import Finding, Severity
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.components import Components, Link, find_components
from warehouse.statistics.near_text import NearTexts, find_near_texts, near_text_link
from warehouse.statistics.session_tables import SessionTables

GIANT_SHARE = 0.05
"""A component of more of the rows than this, and of at least `GIANT_ROWS`, is worth a warning."""
GIANT_ROWS = 100

_HUBS = 3
_VALUE_LENGTH = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """One of the most frequent values of the largest component."""

    link: str
    value: str | None
    """As text, cut after 60 characters; None where a version does not show the column's values."""
    row_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entities:
    """What linking rows came to; the points are in a table of the session, `ENTITIES`."""

    row_count: int
    """Of the whole table."""
    components: Components
    """What is counted of the rows that share a value with another row; its table is gone."""
    hubs: tuple[Hub, ...]
    """Of the largest component, most frequent first; empty unless it is a giant."""
    near_texts: NearTexts | None
    """What is counted of near texts, whose tables are gone; None unless near texts stay together."""

    @property
    def entity_count(self) -> int:
        """Components and rows that are alone."""
        return self.row_count - self.components.row_count + self.components.component_count

    @property
    def largest_share(self) -> float:
        """The largest component's share of all rows."""
        return self.components.largest_row_count / self.row_count if self.row_count else 0.0

    @property
    def has_giant(self) -> bool:
        """Whether one component holds so many rows that a link probably joins what does not belong together."""
        return self.components.largest_row_count >= GIANT_ROWS and self.largest_share > GIANT_SHARE


def group_members(spec: DatasetSpec) -> tuple[tuple[str, ...], ...]:
    """The columns of each group whose equal values link rows, in the order in which they choose a point."""
    if spec.grouping is Grouping.LINKED:
        return tuple((group,) for group in spec.groups)
    return (spec.groups,) if spec.groups else ()


def group_link(relation: Relation, members: Sequence[str]) -> Link:
    """Rows with equal values of all these columns; a NULL in one of them links nothing."""
    value = identifier(members[0]) if len(members) == 1 else canonical_key_sql(members)
    return Link(name=", ".join(members), sql=f"select rowid as row_number, {value} as value from {relation.sql}")


def component_points_sql(
    relation: Relation, members: Sequence[str], *, components: str, known: str, salt: str
) -> Query:
    """One row per component that has values of these columns and no point yet: `component`, `point`.

    The value whose point has the smallest fourth lane counts; of two such, the one with the smaller first lane.
    """
    present = " and ".join(f"{identifier(name)} is not null" for name in members)
    member = canonical_key_sql(members)
    return Query.of(
        Step("members", f"select rowid as row_number, {member} as member from {relation.sql} where {present}"),
        Step("unknown_components", f"select * from {components} anti join {known} using (component)"),
        Step(
            "member_points",
            f"""
            select
                unknown_components.component,
                members.row_number,
                {hash_text_sql(("member",), salt=salt)} as point,
            from members
            join unknown_components on members.row_number = unknown_components.row_number
            """,
        ),
        # NOTE: numbers, and the text looked up again: the smallest text of each of many groups would stay in memory.
        Step(
            "chosen_rows",
            """
            select
                component,
                arg_min(row_number, ('0x' || substr(point, 25, 8) || substr(point, 1, 8))::ubigint) as row_number,
            from member_points
            group by component
            """,
        ),
        Step(
            "component_points",
            f"""
            select chosen_rows.component, {hash_text_sql(("member",), salt=salt)} as point
            from members
            join chosen_rows on members.row_number = chosen_rows.row_number
            """,
        ),
    )


def entities_sql(relation: Relation, spec: DatasetSpec, *, components: str, points: str) -> Query:
    """One row per row whose component has another point than the row would have alone: `row_number`, `point`."""
    return Query.of(
        Step("own_points", f"select rowid as row_number, {own_point_sql(spec)} as own_point from {relation.sql}"),
        Step(
            "linked_points",
            f"""
            select components.row_number, points.point
            from {components} as components
            join {points} as points on components.component = points.component
            """,
        ),
        Step(
            "entities",
            """
            select linked_points.row_number, linked_points.point
            from own_points
            join linked_points on own_points.row_number = linked_points.row_number
            where own_points.own_point <> linked_points.point
            """,
        ),
    )


def hubs_sql(link: Link, *, components: str, component: int) -> Query:
    """A few rows: `value` as text, `row_count`, of the values that link most rows of this component."""
    return Query.of(
        Step("link_rows", link.sql),
        Step("members", f"select row_number from {components} where component = {component}"),
        Step(
            "hubs",
            f"""
            select left(value::varchar, {_VALUE_LENGTH}) as value, count(*) as row_count
            from link_rows
            semi join members using (row_number)
            where value is not null
            group by value
            having count(*) > 1
            order by row_count desc, value::varchar
            limit {_HUBS}
            """,
        ),
    )


def resolve_entities(
    engine: Engine, relation: Relation, spec: DatasetSpec, columns: Sequence[str], facts: TableFacts
) -> Entities | None:
    """Finds the entities of linked rows and keeps their points in the session's table `ENTITIES`.

    The table has `row_number` and `point` of the rows whose point differs from `own_point_sql`; all others have
    that one. None, and no table, when `spec.hashed` alone says which rows are one entity.

    Args:
        engine: Whose session keeps the tables.
        relation: The model's table.
        spec: The dataset.
        columns: The exported columns, by name.
        facts: Of the table.

    Raises:
        QueryError: the engine ran out of room.
    """
    if not spec.is_linked:
        return None
    members = group_members(spec)
    groups = [group_link(relation, names) for names in members]
    links = list(groups)
    near_texts = None
    with SessionTables(engine, ENTITIES) as session:
        if spec.deduplicate.exact is DuplicateRule.TOGETHER:
            equal = equal_rows_link(engine, relation, spec, columns)
            links += [equal] if equal else []
        if spec.deduplicate.text is not None:
            text = spec.deduplicate.text
            near_texts = find_near_texts(engine, relation, text.column, table=_NEAR_TEXTS, threshold=text.threshold)
            links.append(near_text_link(near_texts.pairs_table, name=text.column))
        found = find_components(engine, links, table=_COMPONENTS)
        components = identifier(found.table)
        points = session.create("points", Query.of(Step("none", "select 0 as component, '' as point where false")))
        for names in (*members, spec.key):
            if session.count(points) == found.component_count:
                break
            query = component_points_sql(relation, names, components=components, known=points, salt=salt_of(spec))
            session.insert(points, query)
        session.keep(ENTITIES, entities_sql(relation, spec, components=components, points=points))
    entities = Entities(row_count=facts.row_count, components=found, hubs=(), near_texts=near_texts)
    if entities.has_giant:
        hubs = tuple(_hubs(engine, spec, columns, found, groups, members))
        entities = replace(entities, hubs=hubs)
    # They may hold every row, and nothing reads them any more.
    for table in (_COMPONENTS, _NEAR_TEXTS, near_texts.pairs_table if near_texts else None):
        if table is not None:
            engine.rows(Query.of(Step("drop_links", f"drop table if exists temp.{identifier(table)}")))
    return entities


_COMPONENTS = "entity_components"
_NEAR_TEXTS = "near_texts"


def _hubs(
    engine: Engine,
    spec: DatasetSpec,
    columns: Sequence[str],
    components: Components,
    groups: Sequence[Link],
    members: Sequence[Sequence[str]],
) -> list[Hub]:
    hubs = []
    for link, names in zip(groups, members, strict=True):
        # What a version does not show in its files must not stand in its findings either.
        is_shown = all(name in columns and name not in spec.pseudonymise for name in names)
        for row in engine.rows(
            hubs_sql(link, components=identifier(components.table), component=components.largest or 0)
        ):
            value = row["value"] if is_shown else None
            hubs.append(Hub(link=link.name, value=value, row_count=row["row_count"]))
    return sorted(hubs, key=lambda hub: -hub.row_count)[:_HUBS]


GIANT_ADVICE = "a value that stands for 'unknown' links strangers: make it NULL in the model, which links nothing"


def giant_message(entities: Entities) -> str:
    """How large the largest entity is, and what most of its rows have in common."""
    hubs = "; ".join(
        f"{hub.link}{' (hidden)' if hub.value is None else f' = {hub.value!r}'} in {hub.row_count:,} rows"
        for hub in entities.hubs
    )
    return (
        f"one entity holds {entities.components.largest_row_count:,} of {entities.row_count:,} rows "
        f"({entities.largest_share:.1%}), and all of them lie in one split"
        + (f"; its most frequent values: {hubs}" if hubs else "")
    )


def entity_findings(entities: Entities, spec: DatasetSpec) -> Iterator[Finding]:
    """How many entities there are, and whether one of them is suspiciously large."""
    components = entities.components
    links = ", ".join(f"{name} {count:,}" for name, count in components.linked_rows.items())
    yield Finding(
        severity=Severity.INFO,
        check="entities",
        subject=spec.name,
        message=(
            f"{entities.row_count:,} rows are {entities.entity_count:,} entities; {components.row_count:,} rows are "
            f"linked to others, the largest entity has {components.largest_row_count:,} "
            f"(rows that repeat a value of an earlier row: {links})"
        ),
        measured=float(entities.entity_count),
    )
    if entities.has_giant:
        yield Finding(
            severity=Severity.WARNING,
            check="entities",
            subject=spec.name,
            message=giant_message(entities),
            measured=entities.largest_share,
            threshold=GIANT_SHARE,
            advice=GIANT_ADVICE,
        )
    if entities.near_texts is not None and entities.near_texts.unsettled_count:
        yield Finding(
            severity=Severity.WARNING,
            check="entities",
            subject=spec.name,
            message=(
                f"{entities.near_texts.unsettled_count:,} texts have so many that resemble them a little that not all "
                "were compared; some near duplicates may lie in different splits"
            ),
            measured=float(entities.near_texts.unsettled_count),
            threshold=0.0,
            advice="leave out of the column what all texts have in common, a letterhead or a signature",
        )
