"""Selects that Spark has no words for: several lists unnested side by side, histograms per group."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from warehouse.engine.spark_expressions import Expressions
from warehouse.engine.spark_functions import bin_sql
from warehouse.engine.spark_nested import UntranslatableError, shown
from warehouse.engine.spark_values import spark_identifier, spark_text

_RUN = spark_identifier("unnested run")
_PLACE = spark_identifier("place of element")

Source = Callable[[exp.Expression], str]
"""Writes what stands behind `from`."""


def is_unnested_aside(select: exp.Select) -> bool:
    """Whether it unnests several lists side by side."""
    return sum(isinstance(term.unalias(), exp.Explode) for term in select.expressions) > 1


def unnested_aside_sql(select: exp.Select, expressions: Expressions, source: Source) -> str:
    """The lists' elements by their places, as many rows as the longest has; shorter lists end in nulls."""
    expressions.check(select, "with_", "expressions", "from_", "where")
    sizes, members, terms = [], [], []
    for term in select.expressions:
        name = spark_identifier(term.alias_or_name)
        if not isinstance(term.unalias(), exp.Explode):
            terms.append(f"{expressions.sql(term.unalias())} as {name}")
            continue
        size, element = _list_sql(term.unalias().this, expressions)
        sizes.append(size)
        members.append(f"{spark_text(term.alias_or_name)}, {element}")
        terms.append(f"{_RUN}.{name} as {name}")
    longest = f"greatest({', '.join(sizes)})"
    run = f"transform(sequence(0, {longest} - 1), {_PLACE} -> named_struct({', '.join(members)}))"
    where = f" where {expressions.sql(select.args['where'].this)}" if select.args.get("where") else ""
    rows = f"select *, explode(case when {longest} > 0 then {run} end) as {_RUN}"
    return f"select {', '.join(terms)} from ({rows} from {source(select.args['from_'].this)}{where})"


def _list_sql(node: exp.Expression, expressions: Expressions) -> tuple[str, str]:
    """How many elements a list, or `list[first:]`, has, and the one at a place, from 0."""
    part = node.expressions[0] if isinstance(node, exp.Bracket) and len(node.expressions) == 1 else None
    if not isinstance(part, exp.Slice):
        text = expressions.sql(node)
        return f"size({text})", f"get({text}, {_PLACE})"
    first = part.this
    if not isinstance(first, exp.Literal) or not first.name.isdecimal() or int(first.name) < 1 or part.expression:
        raise UntranslatableError(f"a part of a list but from a positive literal to its end, in {shown(node)}")
    text, skipped = expressions.sql(node.this), int(first.name) - 1
    return f"(size({text}) - {skipped})", f"get({text}, {_PLACE} + {skipped})"


def is_histogram(term: exp.Expression) -> bool:
    """Whether it is `histogram(...) as name`."""
    call = term.this if isinstance(term, exp.Alias) else None
    return isinstance(call, exp.Anonymous) and call.name.lower() == "histogram"


def histogram_sql(select: exp.Select, expressions: Expressions, source: Source) -> str:
    """`select key, histogram(x, edges) as h, count(*) as n from t group by key`: each histogram counts in one scan.

    Maps from edges, each the upper end of a bin, to counts; bins without rows are left out, and so are values beyond
    the last edge. Other terms are columns that are grouped by, and aggregates.
    """
    expressions.check(select, "with_", "expressions", "from_", "group")
    group = select.args.get("group")
    keys = [*map(expressions.sql, group.expressions)] if group else []
    if group:
        expressions.check(group, "expressions")
        if not all(isinstance(key, exp.Column) and not key.table for key in group.expressions):
            raise UntranslatableError(f"histograms per anything but columns, in {shown(group)}")
    cells, maps, terms, others = [], [], [], []
    for place, term in enumerate(select.expressions):
        name = spark_identifier(term.alias_or_name)
        if not is_histogram(term):
            others.append(f"{expressions.sql(term.unalias())} as {name}")
            terms.append(f"plain.{name}")
            continue
        cells.append(f"named_struct('place', {place}, 'edge', {_bin_sql(term.this, expressions)})")
        entries = f"collect_list(struct(edge, row_count)) filter (where place = {place})"
        maps.append(f"map_from_entries({entries}) as {name}")
        terms.append(f"binned.{name}")
    rows = source(select.args["from_"].this)
    by, and_by = ", ".join(keys), "".join(f"{key}, " for key in keys)
    named = [f"{key} as {_key(place)}" for place, key in enumerate(keys)]
    grouped = f" group by {by}" if keys else ""
    counted = (
        f"select {and_by}cell.place as place, cell.edge as edge, count(*) as row_count from "
        f"(select {and_by}explode(array({', '.join(cells)})) as cell from {rows}) "
        f"where cell.edge is not null group by {and_by}cell.place, cell.edge"
    )
    binned = f"(select {', '.join([*named, *maps])} from ({counted}){grouped}) as binned"
    if not others:
        return f"select {', '.join(terms)} from {binned}"
    plain = f"(select {', '.join([*named, *others])} from {rows}{grouped}) as plain"
    if not keys:
        return f"select {', '.join(terms)} from {plain} cross join {binned}"
    same = " and ".join(f"plain.{_key(place)} <=> binned.{_key(place)}" for place in range(len(keys)))
    return f"select {', '.join(terms)} from {plain} left join {binned} on {same}"


def _key(place: int) -> str:
    return spark_identifier(f"group key {place}")


def _bin_sql(call: exp.Anonymous, expressions: Expressions) -> str:
    value, edges = call.expressions if len(call.expressions) == 2 else (None, None)
    values: Sequence[str] = ()
    if isinstance(edges, exp.Placeholder):
        values = expressions.list_values(edges)
    elif isinstance(edges, exp.Cast) and isinstance(edges.this, exp.Array):
        values = [f"cast({expressions.sql(edge)} as double)" for edge in edges.this.expressions]
    if not isinstance(value, exp.Column) or not values:
        raise UntranslatableError("histogram but of a column, with edges as a parameter")
    return bin_sql(expressions.sql(value), values)
