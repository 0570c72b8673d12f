"""Expressions of our SQL in Spark's words: what the parser read is checked against the table, node by node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from warehouse.engine.spark_aggregates import AggregateExpressions, values_by
from warehouse.engine.spark_functions import (
    FLAGS,
    NAMES,
    OPERATORS,
    double_bits_sql,
    function_sql,
    hexadecimal_sql,
    quotient_sql,
    special_double_sql,
)
from warehouse.engine.spark_nested import UntranslatableError, shown
from warehouse.engine.spark_types import SPARK_TYPES
from warehouse.engine.spark_values import spark_identifier, spark_literal, spark_text

_UNSIGNED = {"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", *_UNSIGNED})
_TYPE_NAMES = {
    "TEXT": "VARCHAR",
    "INT": "INTEGER",
    "INT128": "HUGEINT",
    "UINT": "UINTEGER",
    "VARBINARY": "BLOB",
    "TIMESTAMPNTZ": "TIMESTAMP",
    "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE",
}
_COUNTS = (exp.Count, exp.Length, exp.ArraySize, exp.DateDiff, exp.Year, exp.Month)
_BITS = (exp.BitwiseRightShift, exp.BitwiseLeftShift, exp.BitwiseAnd, exp.BitwiseXor)
_WHOLE = (exp.Column, exp.Unicode, exp.Floor, exp.Ceil, *_COUNTS, *_BITS, exp.Null)
"""What may be cast to an integer type: Spark cuts off where DuckDB rounds. Columns must be of whole numbers."""
_WHOLE_CALLS = ("epoch_us", "hash", "cardinality", "list_count", "list_position", "enum_code")
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In, exp.Contains)
_TRUTHS = (exp.Boolean, *_COMPARISONS, exp.Not, exp.And, exp.Or)


def _hexadecimal_digits(node: exp.Expression) -> list[exp.Expression]:
    """The parts of `'0x' || digits || digits`; none of anything else."""
    parts: list[exp.Expression] = []
    while isinstance(node, exp.DPipe):
        parts.insert(0, node.expression)
        node = node.this
    return parts if isinstance(node, exp.Literal) and node.name == "0x" else []


class Expressions(AggregateExpressions):
    """Writes expressions; what is below a query is asked of `query`."""

    def __init__(self, parameters: Mapping[str, Any], query: Callable[[exp.Expression], str]) -> None:
        self._parameters = parameters
        self._query = query

    def sql(self, node: exp.Expression) -> str:
        """The expression, in parentheses where it is an operator's.

        Raises:
            UntranslatableError: something in it is not in the table.
        """
        name = type(node).__name__
        called = f"_call_{node.name}" if isinstance(node, exp.Anonymous) else f"_write_{name}"
        write = getattr(self, called.lower(), None)
        if write is not None:
            return str(write(node))
        if name in OPERATORS:
            left, right = self._operands(node, "this", "expression")
            return f"({left} {OPERATORS[name]} {right})"
        return self._function(node)

    def _operands(self, node: exp.Expression, *names: str) -> list[str]:
        """The operands of these names, and nothing else may be said of the node."""
        self.check(node, *names)
        return [self.sql(node.args[name]) for name in names if node.args.get(name) is not None]

    def check(self, node: exp.Expression, *names: str) -> None:
        """Refuses a node of which something is said that is not among these names."""
        for key, value in node.args.items():
            if value not in (None, False, []) and key not in names and key not in FLAGS:
                raise UntranslatableError(f"{key.strip('_')!r} of {shown(node)}")

    def _function(self, node: exp.Expression) -> str:
        name = str(node.this).lower() if isinstance(node, exp.Anonymous) else NAMES.get(type(node).__name__)
        values = [node.expressions] if isinstance(node, exp.Anonymous) else _values(node)
        operands = []
        for value in values:
            for operand in value if isinstance(value, list) else [value]:
                if not isinstance(operand, exp.Expression):
                    raise UntranslatableError(shown(node))
                operands.append("*" if isinstance(operand, exp.Star) else self.sql(operand))
        if "*" in operands and name != "count":
            raise UntranslatableError(shown(node))
        written = function_sql(name, operands) if name else None
        if written is None:
            raise UntranslatableError(shown(node))
        return written

    # Leaves.

    def _write_column(self, node: exp.Column) -> str:
        # With three parts, the last is a member of a struct: tables of ours are called by one name here.
        self.check(node, "this", "table", "db", "catalog")
        parts = [node.args[key] for key in ("db", "table", "this") if node.args.get(key)]
        if node.args.get("catalog"):
            raise UntranslatableError(f"the column {shown(node)} with a schema")
        for star in (part for part in parts if isinstance(part, exp.Star)):
            self.check(star)
        return ".".join("*" if isinstance(part, exp.Star) else spark_identifier(part.name) for part in parts)

    def _write_literal(self, node: exp.Literal) -> str:
        if node.is_string:
            return spark_text(node.name)
        text = node.name.lower()
        if "e" in text:
            return f"{text}D"
        return spark_literal(int(text)) if text.isdecimal() else text

    def _write_boolean(self, node: exp.Boolean) -> str:
        return "true" if node.this else "false"

    def _write_null(self, node: exp.Null) -> str:
        return "null"

    def _write_placeholder(self, node: exp.Placeholder) -> str:
        if node.name not in self._parameters:
            raise UntranslatableError(f"the parameter ${node.name}, which has no value")
        try:
            return spark_literal(self._parameters[node.name])
        except TypeError as error:
            raise UntranslatableError(f"the parameter ${node.name}: {error}") from error

    # Operators that need words of their own.

    def _write_paren(self, node: exp.Paren) -> str:
        return self._operands(node, "this")[0]

    def _write_nullsafeneq(self, node: exp.NullSafeNEQ) -> str:
        left, right = self._operands(node, "this", "expression")
        return f"(not ({left} <=> {right}))"

    def _write_neg(self, node: exp.Neg) -> str:
        return f"(-{self._operands(node, 'this')[0]})"

    def _write_not(self, node: exp.Not) -> str:
        return f"(not {self._operands(node, 'this')[0]})"

    def _write_is(self, node: exp.Is) -> str:
        value, what = self._operands(node, "this", "expression")
        if not isinstance(node.expression, exp.Null):
            raise UntranslatableError(shown(node))
        return f"({value} is {what})"

    def _write_in(self, node: exp.In) -> str:
        self.check(node, "this", "expressions", "query")
        query = node.args.get("query")
        if query is not None and not self._is_unnested(query):
            if node.find_ancestor(exp.Where, exp.Select, exp.Join, exp.Having).__class__ is not exp.Where:
                raise UntranslatableError(f"in (select ...) but in where, in {shown(node)}")
            return f"({self.sql(node.this)} in ({self._query(query.this)}))"
        values = [*map(self.sql, node.expressions)] or self._unnested(query)
        # As `in` of no rows at all, which SQL lets nobody write down.
        return f"({self.sql(node.this)} in ({', '.join(values)}))" if values else "false"

    def _is_unnested(self, query: exp.Expression) -> bool:
        """Whether it is `(select unnest($values))`."""
        select = query.this
        is_plain = isinstance(select, exp.Select) and len(select.expressions) == 1 and not select.args.get("from_")
        return is_plain and isinstance(select.expressions[0], exp.Explode)

    def _unnested(self, query: exp.Expression) -> list[str]:
        """The values of `(select unnest($values))`."""
        self.check(query.this, "expressions")
        (term,) = query.this.expressions
        if not isinstance(term.this, exp.Placeholder):
            raise UntranslatableError(shown(query))
        return self.list_values(term.this)

    def list_values(self, node: exp.Placeholder) -> list[str]:
        """The values of a parameter that is a list, as literals."""
        values = self._parameters.get(node.name)
        if not isinstance(values, list | tuple):
            raise UntranslatableError(f"the parameter ${node.name}, which is no list")
        return [*map(spark_literal, values)]

    def _write_between(self, node: exp.Between) -> str:
        value, low, high = self._operands(node, "this", "low", "high")
        return f"({value} between {low} and {high})"

    def _write_div(self, node: exp.Div) -> str:
        left, right = self._operands(node, "this", "expression")
        return quotient_sql(left, right, is_safe=self._is_known_nonzero(node.expression))

    def _write_intdiv(self, node: exp.IntDiv) -> str:
        left, right = self._operands(node, "this", "expression")
        if not self._is_known_nonzero(node.expression):
            raise UntranslatableError(f"// by what is no literal, in {shown(node)}")
        return f"({left} div {right})"

    def _write_mod(self, node: exp.Mod) -> str:
        left, right = self._operands(node, "this", "expression")
        if not self._is_known_nonzero(node.expression):
            raise UntranslatableError(f"% by what is no literal, in {shown(node)}")
        return f"({left} % {right})"

    def _is_known_nonzero(self, node: exp.Expression) -> bool:
        if isinstance(node, exp.Paren | exp.Cast):
            return self._is_known_nonzero(node.this)
        if isinstance(node, exp.Case) and node.args.get("default"):
            branches = [one.args["true"] for one in node.args["ifs"]]
            return all(map(self._is_known_nonzero, [*branches, node.args["default"]]))
        if isinstance(node, exp.Placeholder):
            value = self._parameters.get(node.name)
            return isinstance(value, int | float) and value != 0
        return isinstance(node, exp.Literal) and not node.is_string and float(node.name) != 0

    def _write_pow(self, node: exp.Pow) -> str:
        left, right = self._operands(node, "this", "expression")
        return f"power(cast({left} as double), cast({right} as double))"

    def _write_bitwiserightshift(self, node: exp.BitwiseRightShift) -> str:
        value, count = self._operands(node, "this", "expression")
        return f"shiftright({value}, {count})"

    def _write_bitwiseleftshift(self, node: exp.BitwiseLeftShift) -> str:
        value, count = self._operands(node, "this", "expression")
        return f"shiftleft({value}, {count})"

    def _write_case(self, node: exp.Case) -> str:
        self.check(node, "this", "ifs", "default")
        head = f" {self.sql(node.this)}" if node.this else ""
        branches = "".join(f" when {self.sql(one.this)} then {self.sql(one.args['true'])}" for one in node.args["ifs"])
        default = f" else {self.sql(node.args['default'])}" if node.args.get("default") else ""
        return f"case{head}{branches}{default} end"

    def _write_substring(self, node: exp.Substring) -> str:
        start = node.args.get("start")
        if not isinstance(start, exp.Literal) or not start.name.isdecimal() or int(start.name) < 1:
            raise UntranslatableError(f"substr from a place that is no positive literal, in {shown(node)}")
        return f"substr({', '.join(self._operands(node, 'this', 'start', 'length'))})"

    def _write_left(self, node: exp.Left) -> str:
        if not isinstance(node.expression, exp.Literal):
            raise UntranslatableError(f"left of a length that is no literal, in {shown(node)}")
        value, length = self._operands(node, "this", "expression")
        # NOTE: what Sail's own `left` gives, its patterns cannot read.
        return f"substr({value}, 1, {length})"

    def _write_chr(self, node: exp.Chr) -> str:
        (code,) = node.expressions
        # NOTE: beyond 255, Spark begins anew.
        if not isinstance(code, exp.Literal) or not 0 <= int(code.name) < 128:
            raise UntranslatableError(f"chr of what is no literal of ASCII, in {shown(node)}")
        return f"chr({code.name})"

    def _write_cast(self, node: exp.Cast) -> str:
        self.check(node, "this", "to")
        value, target = node.this, self.type_name(node.args["to"])
        while isinstance(value, exp.Paren):
            value = value.this
        if isinstance(value, exp.Cast) and value.args["to"].this.name == "BIT" and target == "BIGINT":
            return double_bits_sql(self.sql(value.this))
        if target in INTEGERS and (digits := _hexadecimal_digits(value)):
            return f"cast({self._hexadecimal(digits, node)} as {SPARK_TYPES[target]})"
        if isinstance(value, exp.Literal) and value.is_string:
            found = special_double_sql(value.name) if target in ("DOUBLE", "FLOAT") else None
            return found or f"cast({self.sql(value)} as {self.type_sql(node.args['to'])})"
        is_twice = isinstance(value, exp.Cast) and isinstance(value.this, exp.Literal) and value.this.is_string
        if is_twice and self.type_name(value.args["to"]) == "VARCHAR" != target:
            # The parser reads `date '2013-01-01'::varchar` like this, and DuckDB does not.
            raise UntranslatableError(f"a cast of a cast of a literal, in {shown(node)}")
        if target in INTEGERS and not self._is_whole(value):
            raise UntranslatableError(f"a cast to {target} of what may have a fraction, in {shown(node)}")
        return f"cast({self.sql(value)} as {self.type_sql(node.args['to'])})"

    def _is_whole(self, node: exp.Expression) -> bool:
        """Whether it has no fraction, whatever the types of columns are taken for."""
        match node:
            case exp.Paren() | exp.Neg() | exp.Sum() | exp.Filter() | exp.Min() | exp.Max():
                return self._is_whole(node.this)
            case exp.Coalesce() | exp.Least() | exp.Greatest():
                return all(map(self._is_whole, [node.this, *node.expressions]))
            case exp.Case():
                branches = [one.args["true"] for one in node.args["ifs"]]
                return all(map(self._is_whole, [*branches, *filter(None, [node.args.get("default")])]))
            case exp.Add() | exp.Sub() | exp.Mul() | exp.Mod() | exp.IntDiv():
                return self._is_whole(node.this) and self._is_whole(node.expression)
            case exp.Literal():
                return not node.is_string and node.name.isdecimal()
            case exp.Cast():
                # The difference of two dates is a number of days.
                return self.type_name(node.args["to"]) in INTEGERS | {"DATE"}
            case exp.Anonymous():
                return node.name.lower() in _WHOLE_CALLS
        return isinstance(node, _WHOLE + _TRUTHS)

    def _hexadecimal(self, digits: Sequence[exp.Expression], node: exp.Expression) -> str:
        lengths = [part.args.get("length") if isinstance(part, exp.Substring) else None for part in digits]
        counts = [int(length.name) if isinstance(length, exp.Literal) else 0 for length in lengths]
        if not all(counts) or sum(counts) > 16:
            raise UntranslatableError(f"hexadecimal digits that are not substr(..., start, count), in {shown(node)}")
        return hexadecimal_sql(" || ".join(map(self.sql, digits)), count=sum(counts))

    def type_name(self, node: exp.DataType) -> str:
        """DuckDB's name of a type, without its parameters."""
        name = str(node.this.name if hasattr(node.this, "name") else node.this)
        return _TYPE_NAMES.get(name, name)

    def type_sql(self, node: exp.DataType) -> str:
        """The type on Spark."""
        name = self.type_name(node)
        if name == "DECIMAL":
            parameters = [parameter.name for parameter in node.expressions] or ["18", "3"]
            return f"decimal({', '.join(parameters)})"
        if name == "ARRAY" and len(node.expressions) == 1:
            return f"array<{self.type_sql(node.expressions[0])}>"
        if name not in SPARK_TYPES or node.expressions:
            raise UntranslatableError(f"the type {name}")
        return SPARK_TYPES[name]

    # Aggregates and windows.

    def _write_count(self, node: exp.Count) -> str:
        self.check(node, "this")
        if isinstance(node.this, exp.Distinct):
            self.check(node.this, "expressions")
            (value,) = node.this.expressions
            if isinstance(value, exp.Struct):
                # One value made of several: a null among them is a value too, so none is left out.
                members = ", ".join(self.sql(member.expression) for member in value.expressions)
                return f"count(distinct struct({members}))"
            return f"count(distinct {self.sql(value)})"
        return f"count({'*' if isinstance(node.this, exp.Star) else self.sql(node.this)})"

    def _write_filter(self, node: exp.Filter) -> str:
        self.check(node, "this", "expression")
        if node.this.args.get("count") is not None or isinstance(node.this, exp.PercentileDisc | exp.IgnoreNulls):
            raise UntranslatableError(f"a filter, in {shown(node)}")
        condition = node.expression.this if isinstance(node.expression, exp.Where) else node.expression
        return f"{self.sql(node.this)} filter (where {self.sql(condition)})"

    def _write_arrayagg(self, node: exp.ArrayAgg) -> str:
        self.check(node, "this")
        if isinstance(node.this, exp.Array):
            return f"collect_list({self.sql(node.this)})"
        if isinstance(node.this, exp.Order) and len(node.this.expressions) == 1:
            (term,) = node.this.expressions
            self.check(node.this, "this", "expressions")
            self.check(term, "this")
            return values_by(self.sql(term.this), self.sql(node.this.this))
        if isinstance(node.this, exp.Column):
            # In any order, as DuckDB's.
            return f"transform(collect_list(named_struct('v', {self.sql(node.this)})), one -> one.v)"
        raise UntranslatableError(f"a list without order, in {shown(node)}")

    def group_sql(self, node: exp.Group) -> str:
        """What is grouped by: expressions, or sets of them."""
        self.check(node, "expressions")
        return f"group by {', '.join(map(self._group_term, node.expressions))}"

    def _group_term(self, node: exp.Expression) -> str:
        if not isinstance(node, exp.GroupingSets):
            return self.sql(node)
        self.check(node, "expressions")
        sets = (one.expressions if isinstance(one, exp.Tuple) else [one] for one in node.expressions)
        return f"grouping sets ({', '.join('(' + ', '.join(map(self.sql, one)) + ')' for one in sets)})"

    def _write_subquery(self, node: exp.Subquery) -> str:
        self.check(node, "this")
        return f"({self._query(node.this)})"


def _values(node: exp.Expression) -> list[Any]:
    return [value for key, value in node.args.items() if key not in FLAGS and value not in (None, False)]
