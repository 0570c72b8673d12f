"""Connected components out of core: rows that share a value of any link, directly or through others, are one entity.

Each round every row picks the smallest of itself and its neighbours in a fresh pseudo-random order, rows that picked
the same one melt into it, and the links between the melted rows go on. Half of the rows or more go in a round, also on
a chain, so that rounds grow with the logarithm of the longest chain and all of them together cost little more than the
first. Source: Boegeholz, Brand and Todor (2020), "In-database connected component analysis"; against Kiveris et al.
(2014), "Connected components in MapReduce and beyond" (alternating stars), whose links stay as many in every round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import md5

from warehouse.engine.base import Engine
from warehouse.sql import Query, Step, identifier
from warehouse.statistics.session_tables import SessionTables

MOST_ROWS = 1 << 32
"""Row numbers are from 0 to below this; the pseudo-random order is a permutation of 32 bits."""

_MOST_ROUNDS = 200
"""Far more than 2 ** 32 rows take, at half or less in each round."""

_NO_EDGES = "select 0::uinteger as u, 0::uinteger as v where false"
_NO_LABELS = "select 0::uinteger as node, 0::bigint as label where false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One reason why rows belong together; values of different links never meet."""

    name: str
    """What people call it, for messages: a column's name."""
    sql: str
    """A query of `row_number` (an integer from 0) and `value` (of any type that groups).

    Rows with equal values belong together, NULL links nothing, and a row may stand in it with several values.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Which rows belong together, as a table of the engine's session."""

    table: str
    """`row_number`, `component` (its smallest row number); only rows that share a value with another row."""
    component_count: int
    """Of two rows or more."""
    row_count: int
    """Rows in all of them."""
    largest: int | None
    """The component of the most rows (of several, the smallest number); None when no rows are linked."""
    largest_row_count: int
    linked_rows: Mapping[str, int]
    """Per link, how many rows share a value with an earlier row (of several values, once for each)."""
    round_count: int
    """How many rounds it took."""


def link_edges_sql(link: Link) -> Query:
    """One row per row that shares a value with an earlier row: `u`, and `v`, the first row of that value."""
    return Query.of(
        Step("link_rows", link.sql),
        Step(
            "shared_values",
            """
            select value, min(row_number) as first_row
            from link_rows
            where value is not null
            group by value
            having count(*) > 1
            """,
        ),
        Step(
            "link_edges",
            """
            select
                link_rows.row_number::uinteger as u,
                shared_values.first_row::uinteger as v,
            from link_rows
            join shared_values on link_rows.value = shared_values.value
            where link_rows.row_number <> shared_values.first_row
            """,
        ),
    )


def order_sql(number: str, seed: int, *, is_signed: bool = False) -> str:
    """A pseudo-random permutation of the numbers of 32 bits, as an expression of a number; another for each seed.

    `is_signed` is the same for engines without unsigned numbers, by halves whose products are small.

    Source: the finishing step of Appleby's MurmurHash3, which maps 32 bits one to one.
    """
    kind = "bigint" if is_signed else "ubigint"
    word = f"xor({number}::{kind}, {_seed(seed)}::{kind})"
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        mixed = f"xor({word}, {word} >> {shift})"
        if is_signed:
            upper = f"((({mixed} >> 16) * {factor}) & 65535) << 16"
            word = f"(((({mixed} & 65535) * {factor}) + ({upper})) & {MOST_ROWS - 1})"
        else:
            word = f"(({mixed} * {factor}::ubigint) & {MOST_ROWS - 1}::ubigint)"
    return f"{word}::uinteger"


def _seed(number: int) -> int:
    return int(md5(f"components {number}".encode(), usedforsecurity=False).hexdigest()[:8], 16)


def choices_sql(edges: str, seed: int, *, is_signed: bool = False) -> Query:
    """One row per row of the edges: `node`, and `choice`, the first of itself and its neighbours in this order."""
    left, right = (order_sql(end, seed, is_signed=is_signed) for end in "uv")
    return Query.of(
        Step("ordered_edges", f"select u, v, least({left}, {right}) as code from {edges}"),
        Step("edge_ends", "select u as node, code from ordered_edges union all select v, code from ordered_edges"),
        Step("choices", "select node, min(code) as choice from edge_ends group by node"),
    )


def melted_edges_sql(edges: str, choices: str) -> Query:
    """One row per pair of different choices that an edge joins: `u`, `v`."""
    return Query.of(
        Step(
            "joined_choices",
            f"""
            select
                left_choices.choice as a,
                right_choices.choice as b,
            from {edges} as edges
            join {choices} as left_choices on edges.u = left_choices.node
            join {choices} as right_choices on edges.v = right_choices.node
            where left_choices.choice <> right_choices.choice
            """,
        ),
        Step("melted_edges", "select distinct least(a, b) as u, greatest(a, b) as v from joined_choices"),
    )


def labels_sql(choices: str, later_labels: str, *, round_number: int) -> Query:
    """One row per node of a round: `node`, `label` (equal for all of a component, for no others).

    A choice that had no neighbours left is the label, together with its round: rounds number their nodes anew.
    """
    return Query.of(
        Step(
            "labels",
            f"""
            select
                choices.node,
                coalesce(later_labels.label, ({round_number}::bigint << 32) + choices.choice) as label,
            from {choices} as choices
            left join {later_labels} as later_labels on choices.choice = later_labels.node
            """,
        )
    )


def components_sql(labels: str) -> Query:
    """One row per linked row: `row_number`, `component`."""
    return Query.of(
        Step("first_rows", f"select label, min(node) as first_row from {labels} group by label"),
        Step(
            "components",
            f"""
            select
                labels.node::bigint as row_number,
                first_rows.first_row::bigint as component,
            from {labels} as labels
            join first_rows on labels.label = first_rows.label
            """,
        ),
    )


def component_facts_sql(components: str) -> Query:
    """One row: `component_count`, `row_count`, `largest`, `largest_row_count`."""
    return Query.of(
        Step("component_sizes", f"select component, count(*) as n from {components} group by component"),
        Step(
            "component_facts",
            """
            select
                count(*) as component_count,
                coalesce(sum(n), 0)::bigint as row_count,
                (select component from component_sizes order by n desc, component limit 1) as largest,
                coalesce(max(n), 0) as largest_row_count,
            from component_sizes
            """,
        ),
    )


def find_components(engine: Engine, links: Sequence[Link], *, table: str) -> Components:
    """Writes which rows belong together into a temporary table of this name, and tells how many there are.

    Costs a grouping of each link's values and, over the rows that share one, about three times what one grouping and
    two joins of them cost; memory is the engine's own limit, the rest goes to its temporary folder.

    Raises:
        QueryError: a link's query fails, or a row number is not from 0 to below 2 ** 32.
    """
    with SessionTables(engine, table) as session:
        edges = session.create("edges_0", Query.of(Step("none", _NO_EDGES)))
        linked_rows = {link.name: session.insert(edges, link_edges_sql(link)) for link in links}
        choices: list[str] = []
        while session.count(edges):
            number = len(choices)
            assert number < _MOST_ROUNDS, "components do not melt"
            chosen = choices_sql(edges, number, is_signed=engine.is_distributed)
            choices.append(session.create(f"choices_{number}", chosen))
            melted = session.create(f"edges_{number + 1}", melted_edges_sql(edges, choices[-1]))
            session.drop(edges)
            edges = melted
        labels = session.create("labels", Query.of(Step("none", _NO_LABELS)))
        for number in reversed(range(len(choices))):
            earlier = session.create(f"labels_{number}", labels_sql(choices[number], labels, round_number=number))
            session.drop(choices[number])
            session.drop(labels)
            labels = earlier
        session.keep(table, components_sql(labels))
    (row,) = engine.rows(component_facts_sql(identifier(table)))
    return Components(table=table, linked_rows=linked_rows, round_count=len(choices), **row)
