"""Aggregates and windows in Spark's words: the smallest few, exact quantiles, running sums."""

from __future__ import annotations

from sqlglot import exp

from warehouse.engine.spark_nested import NestedExpressions, UntranslatableError, shown
from warehouse.engine.spark_values import spark_literal


def values_by(key: str, value: str) -> str:
    """All values of a group in the order of their keys, nulls too.

    Spark leaves nulls out of lists and has no order in them: structs are never null, and sort by their first.
    """
    return f"transform(array_sort(collect_list(named_struct('k', {key}, 'v', {value}))), pair -> pair.v)"


class AggregateExpressions(NestedExpressions):
    """Writes what is asked of many rows, by the names of the parser's nodes."""

    def _write_min(self, node: exp.Min) -> str:
        """The smallest value; with a second operand, a list of so many, without nulls."""
        self.check(node, "this", "count")
        if node.args.get("count") is None:
            return f"min({self.sql(node.this)})"
        return self._few(node, self._sorted(node))

    def _write_max(self, node: exp.Max) -> str:
        """The greatest value; with a second operand, a list of so many, the greatest first, without nulls."""
        self.check(node, "this", "count")
        if node.args.get("count") is None:
            return f"max({self.sql(node.this)})"
        return self._few(node, f"reverse({self._sorted(node)})")

    def _sorted(self, node: exp.Expression) -> str:
        # NOTE: all values of a group in one place: for groups of what was found, not for all rows.
        value = self.sql(node.this)
        if not isinstance(node.this, exp.Array):
            return f"array_sort(collect_list({value}))"
        # Engines differ in where a list's nulls sort: here after all else, as in DuckDB.
        place = f"transform({value}, one -> named_struct('n', one is null, 'v', one))"
        return values_by(place, value)

    def _few(self, node: exp.Expression, values: str) -> str:
        count = node.args["count"]
        if not isinstance(count, exp.Literal) or not count.name.isdecimal():
            raise UntranslatableError(f"min or max of so many but a literal, in {shown(node)}")
        return f"case when count({self.sql(node.this)}) > 0 then slice({values}, 1, {count.name}) end"

    def _write_percentiledisc(self, node: exp.PercentileDisc) -> str:
        """Numbers, doubles say, at these shares of the sorted ones; null without any."""
        self.check(node, "this", "expression")
        return self._quantiles(node, node.expression)

    def _write_approxquantile(self, node: exp.ApproxQuantile) -> str:
        """Exact here: whoever asks for rough quantiles asks of bounded rows."""
        self.check(node, "this", "quantile")
        return self._quantiles(node, node.args["quantile"])

    def _quantiles(self, node: exp.Expression, levels: exp.Expression) -> str:
        shares = levels.expressions if isinstance(levels, exp.Array) else [levels]
        if not isinstance(levels, exp.Array) or not all(isinstance(share, exp.Literal) for share in shares):
            raise UntranslatableError(f"quantiles but at a list of shares, in {shown(node)}")
        # NOTE: DuckDB multiplies such shares exactly; as a double, 0.07 of 100 rows is a little more than 7 of them.
        least = [max(0.0, float(share.name) - 1e-12) if float(share.name) < 1 else 1.0 for share in shares]
        listed = ", ".join(map(spark_literal, least))
        return f"percentile_disc(array({listed})) within group (order by {self.sql(node.this)})"

    def _write_arraysort(self, node: exp.ArraySort) -> str:
        """Of `list(distinct x) filter (...)`: all values but null, in their order."""
        self.check(node, "this", "nulls_first")
        values = node.this
        chosen = values.this if isinstance(values, exp.Filter) else values
        if not isinstance(chosen, exp.ArrayAgg) or not isinstance(chosen.this, exp.Distinct):
            raise UntranslatableError(f"list_sort but of different values of a column, in {shown(node)}")
        (value,) = chosen.this.expressions
        where = ""
        if isinstance(values, exp.Filter):
            where = f" filter (where {self.sql(values.expression.this)})"
        return f"array_sort(collect_set({self.sql(value)}){where})"

    def _write_ignorenulls(self, node: exp.IgnoreNulls) -> str:
        """`any_value`: one that is not null, whichever."""
        if not isinstance(node.this, exp.AnyValue):
            raise UntranslatableError(shown(node))
        self.check(node.this, "this")
        return f"any_value({self.sql(node.this.this)}) ignore nulls"

    def _write_window(self, node: exp.Window) -> str:
        self.check(node, "this", "partition_by", "order", "over", "spec")
        parts = []
        if node.args.get("partition_by"):
            parts.append(f"partition by {', '.join(map(self.sql, node.args['partition_by']))}")
        if node.args.get("order"):
            parts.append(self.order_sql(node.args["order"]))
        elif not isinstance(node.this, exp.RowNumber | exp.Sum | exp.Count | exp.Min | exp.Max):
            raise UntranslatableError(f"a window without order, in {shown(node)}")
        if not isinstance(node.this, _IN_WINDOWS):
            raise UntranslatableError(shown(node))
        if not parts and isinstance(node.this, exp.RowNumber):
            # NOTE: Spark would bring all rows to one place to number them one by one; these numbers have gaps.
            return "monotonically_increasing_id()"
        if node.args.get("spec"):
            spec = {key: str(value).upper() for key, value in node.args["spec"].args.items() if value}
            if spec not in _SO_FAR:
                raise UntranslatableError(f"a frame but rows unbounded preceding, in {shown(node)}")
            parts.append("rows between unbounded preceding and current row")
        written = f"{self.sql(node.this)} over ({' '.join(parts)})"
        # Spark's own numbers of rows are of 32 bits.
        return f"cast({written} as bigint)" if isinstance(node.this, exp.RowNumber | exp.DenseRank) else written

    def order_sql(self, node: exp.Order) -> str:
        """`order by`, with nulls last unless something else is said: Spark has them first."""
        self.check(node, "expressions")
        terms = []
        for term in node.expressions:
            self.check(term, "this", "desc", "nulls_first")
            direction = "desc" if term.args.get("desc") else "asc"
            nulls = "first" if term.args.get("nulls_first") else "last"
            terms.append(f"{self.sql(term.this)} {direction} nulls {nulls}")
        return f"order by {', '.join(terms)}"


_SO_FAR = [{"kind": "ROWS", "start": "UNBOUNDED", "start_side": "PRECEDING"}]
_IN_WINDOWS = (exp.RowNumber, exp.Lag, exp.DenseRank, exp.Rank, exp.FirstValue, exp.Sum, exp.Count, exp.Min, exp.Max)
