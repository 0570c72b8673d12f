"""From our SQL, written for DuckDB, to Spark SQL.

The parser only reads: every clause, function and operator is checked against our own table and written by our own
rules. What is not in the table is an error that names it, never a guess.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError

from warehouse.engine.spark_expressions import Expressions
from warehouse.engine.spark_nested import UntranslatableError
from warehouse.engine.spark_reading import DuckDBAsWritten
from warehouse.engine.spark_unnesting import histogram_sql, is_histogram, is_unnested_aside, unnested_aside_sql
from warehouse.engine.spark_values import is_spark_pattern, spark_identifier
from warehouse.errors import QueryError
from warehouse.sql import ARROW_NAME, Query

CATALOG = "warehouse"
"""The catalog that builds' tables are named by; on Spark, schemas stand for it."""


@dataclass(slots=True)
class SparkStatement:
    """A statement for Spark, and the files that it reads."""

    sql: str = ""
    """The question; of a statement that makes or fills a table, its rows."""
    files: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By the view that it expects them as."""
    creates: str = ""
    """The temporary table that it makes; empty when it makes none."""
    inserts: str = ""
    """The one that it adds rows to."""
    drops: str = ""

    @property
    def is_change(self) -> bool:
        """Whether it makes, fills or drops a table, and asks nothing."""
        return bool(self.creates or self.inserts or self.drops)


def spark_statement(
    query: Query, *, schemas: Mapping[str, str], tables: Mapping[str, str] | None = None
) -> SparkStatement:
    """The query as one statement for Spark.

    Args:
        query: As for DuckDB.
        schemas: Where each schema of the catalog `warehouse` lies on Spark.
        tables: What stands behind `from` for each temporary table, by its name in small letters.

    Raises:
        QueryError: something in it is not in the table; the message names it.
    """
    try:
        (node,) = [one for one in parse(query.text, read=DuckDBAsWritten) if one is not None]
        return _Statements(query.parameters, schemas, tables or {}).statement(node)
    except (SqlglotError, ValueError) as error:
        raise QueryError(f"it cannot be read for Spark: {error}", step=query.name, statement=query.text) from error
    except RecursionError as error:
        raise QueryError("it is nested too deeply for Spark", step=query.name, statement=query.text) from error
    except UntranslatableError as error:
        reason = (
            f"not available on Spark: {error}\n  DuckDB can do it: export the rows and ask there, or leave this out"
        )
        raise QueryError(reason, step=query.name, statement=query.text) from error


class _Statements:
    """Writes queries, clause by clause."""

    def __init__(self, parameters: Mapping[str, Any], schemas: Mapping[str, str], tables: Mapping[str, str]) -> None:
        self._schemas = schemas
        self._tables = tables
        self._ctes: list[str] = []
        self._expressions = Expressions(parameters, self.query)
        self._found = SparkStatement()

    def statement(self, node: exp.Expression) -> SparkStatement:
        """A question, or what makes, fills or drops a temporary table."""
        found = self._found
        if isinstance(node, exp.Create):
            self._check(node, "this", "kind", "replace", "expression", "properties")
            properties = node.args["properties"].expressions if node.args.get("properties") else []
            if node.args["kind"] != "TABLE" or [type(one) for one in properties] != [exp.TemporaryProperty]:
                raise UntranslatableError("create of anything but a temporary table")
            found.creates = node.this.name
            found.sql = self.query(node.expression)
        elif isinstance(node, exp.Insert):
            self._check(node, "this", "expression")
            found.inserts = self._temporary(node.this)
            found.sql = self.query(node.expression)
        elif isinstance(node, exp.Drop):
            self._check(node, "exists", "kind", "tables")
            (table,) = node.args["tables"]
            found.drops = self._temporary(table)
        else:
            found.sql = self.query(node)
        return found

    def _temporary(self, node: exp.Expression) -> str:
        """The name of a temporary table that a statement fills or drops."""
        if not isinstance(node, exp.Table) or node.catalog or node.db not in ("", "temp"):
            raise UntranslatableError("insert or drop of anything but a temporary table")
        return str(node.name)

    def _check(self, node: exp.Expression, *names: str) -> None:
        self._expressions.check(node, *names)

    def query(self, node: exp.Expression) -> str:
        """A select, a union of them, or one in parentheses."""
        ctes, outer = "", list(self._ctes)
        if node.args.get("with_"):
            self._check(node.args["with_"], "expressions")
            ctes = f"with {', '.join(map(self._cte, node.args['with_'].expressions))} "
        writers: dict[type, Callable[[Any], str]] = {
            exp.Select: self._select,
            exp.Union: self._union,
            exp.Subquery: lambda one: f"({self.query(one.this)})",
        }
        if type(node) not in writers:
            raise UntranslatableError(type(node).__name__.lower())
        text = ctes + writers[type(node)](node)
        self._ctes = outer
        return text

    def _cte(self, node: exp.CTE) -> str:
        self._check(node, "this", "alias")
        self._check(node.args["alias"], "this")
        text = f"{spark_identifier(node.alias)} as ({self.query(node.this)})"
        self._ctes.append(node.alias)
        return text

    def _union(self, node: exp.Union) -> str:
        self._check(node, "this", "expression", "distinct", "with_", "order", "limit")
        sides = [self.query(side) for side in (node.this, node.expression)]
        return f" union {'' if node.args.get('distinct') else 'all '}".join(sides) + self._ending(node)

    def _select(self, node: exp.Select) -> str:
        clauses = ("with_", "distinct", "expressions", "from_", "joins", "where", "group", "having", "qualify")
        self._check(node, *clauses, "order", "limit")
        qualify = node.args.get("qualify")
        if any(map(is_histogram, node.expressions)):
            return histogram_sql(node, self._expressions, self._source)
        if is_unnested_aside(node):
            return unnested_aside_sql(node, self._expressions, self._source)
        terms = [self._term(term) for term in node.expressions]
        if qualify is not None:
            terms.append(f"{self._expressions.sql(qualify.this)} as {spark_identifier(_QUALIFIED)}")
        if node.args.get("distinct"):
            self._check(node.args["distinct"])
        text = f"select {'distinct ' if node.args.get('distinct') else ''}{', '.join(terms)}"
        if node.args.get("from_"):
            text += f" from {self._source(node.args['from_'].this)}"
            text += "".join(map(self._join, node.args.get("joins") or []))
        for clause in ("where", "having"):
            if node.args.get(clause):
                text += f" {clause} {self._expressions.sql(node.args[clause].this)}"
            if clause == "where" and node.args.get("group"):
                text += f" {self._expressions.group_sql(node.args['group'])}"
        text += self._ending(node)
        if qualify is None:
            return text
        names = ", ".join(spark_identifier(term.alias_or_name) for term in node.expressions)
        return f"select {names} from ({text}) where {spark_identifier(_QUALIFIED)}"

    def _term(self, node: exp.Expression) -> str:
        if isinstance(node, exp.Star):
            self._check(node)
            return "*"
        if isinstance(node, exp.Alias):
            self._check(node, "this", "alias")
            return f"{self._expressions.sql(node.this)} as {spark_identifier(node.alias)}"
        return self._expressions.sql(node)

    def _ending(self, node: exp.Expression) -> str:
        text = f" {self._expressions.order_sql(node.args['order'])}" if node.args.get("order") else ""
        if node.args.get("limit"):
            self._check(node.args["limit"], "expression")
            text += f" limit {self._expressions.sql(node.args['limit'].expression)}"
        return text

    def _source(self, node: exp.Expression) -> str:
        if isinstance(node, exp.Subquery):
            self._check(node, "this", "alias")
            text = f"({self.query(node.this)})"
        elif isinstance(node, exp.Table):
            self._check(node, "this", "db", "catalog", "alias")
            text = self._temporary_table(node) or self._table(node)
        else:
            raise UntranslatableError(f"from {type(node).__name__.lower()}")
        if node.args.get("alias"):
            self._check(node.args["alias"], "this", "columns")
            text += f" as {spark_identifier(node.alias)}"
            columns = [spark_identifier(column.name) for column in node.args["alias"].args.get("columns") or []]
            text += f"({', '.join(columns)})" if columns else ""
        return text

    def _temporary_table(self, node: exp.Table) -> str:
        """A temporary table by the name that it is called; empty for any other, and for a step of the query."""
        if node.catalog or node.db not in ("", "temp") or not isinstance(node.this, exp.Identifier):
            return ""
        source = "" if not node.db and node.name in self._ctes else self._tables.get(node.name.lower(), "")
        return source if not source or node.args.get("alias") else f"{source} as {spark_identifier(node.name)}"

    def _table(self, node: exp.Table) -> str:
        if isinstance(node.this, exp.ReadParquet):
            return self._files(node.this)
        if not isinstance(node.this, exp.Identifier):
            raise UntranslatableError(f"the table function {type(node.this).__name__.lower()}")
        if node.name.startswith(ARROW_NAME):
            raise UntranslatableError("Arrow files; Parquet files can be read")
        parts = [node.catalog, node.db, node.name]
        if node.catalog == CATALOG or (not node.catalog and node.db in self._schemas):
            if node.db not in self._schemas:
                raise UntranslatableError(f"the schema {node.db!r}, which this build does not have")
            parts = ["", self._schemas[node.db], node.name]
        elif not node.catalog and node.db == "temp":
            parts = ["", "", node.name]
        return ".".join(spark_identifier(part) for part in parts if part)

    def _files(self, node: exp.ReadParquet) -> str:
        """Files, columns by name, as `Relation.parquet` has them."""
        paths, *options = node.expressions
        known = {"union_by_name": True, "hive_partitioning": False}
        said = {one.this.name: one.expression.this for one in options if isinstance(one, exp.EQ)}
        if not isinstance(paths, exp.Array) or said != known:
            raise UntranslatableError("read_parquet but with union_by_name = true, hive_partitioning = false")
        names = tuple(path.name for path in paths.expressions)
        if any(map(is_spark_pattern, names)):
            raise UntranslatableError(
                "files whose paths hold *, ?, [, ], {, } or a backslash, which are patterns to it"
            )
        # Named by what it reads: Spark asks for a view that another one reads by its name, whenever that is read.
        view = f"parquet_{sha256(json.dumps(names).encode()).hexdigest()[:16]}"
        self._found.files[view] = names
        return spark_identifier(view)

    def _join(self, node: exp.Join) -> str:
        self._check(node, "this", "side", "kind", "on", "using")
        side, kind = node.side.lower(), node.kind.lower()
        if (side, kind) not in _JOINS:
            raise UntranslatableError(f"{side} {kind} join".strip())
        text = f" {_JOINS[side, kind]} {self._source(node.this)}"
        if node.args.get("on"):
            return f"{text} on {self._expressions.sql(node.args['on'])}"
        if node.args.get("using"):
            return f"{text} using ({', '.join(spark_identifier(one.name) for one in node.args['using'])})"
        return text if kind == "cross" else text.replace(" join ", " cross join ", 1)


_JOINS = {
    ("", ""): "join",
    ("", "inner"): "join",
    ("left", ""): "left join",
    ("", "cross"): "cross join",
    ("", "semi"): "left semi join",
    ("", "anti"): "left anti join",
    ("full", ""): "full join",
}
_QUALIFIED = "is_qualified"
