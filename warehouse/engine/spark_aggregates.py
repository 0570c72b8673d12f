"""Aggregates and windows in Spark's words: the smallest few, exact quantiles, running sums."""

from __future__ import annotations

from sqlglot import exp

from warehouse.engine.spark_nested import NestedExpressions, UntranslatableError, shown


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
        return f"array_sort(collect_list({self.sql(node.this)}))"

    def _few(self, node: exp.Expression, values: str) -> str:
        count = node.args["count"]
        if not isinstance(count, exp.Literal) or not count.name.isdecimal():
            raise UntranslatableError(f"min or max of so many but a literal, in {shown(node)}")
        return f"case when count({self.sql(node.this)}) > 0 then slice({values}, 1, {count.name}) end"

    def _write_percentiledisc(self, node: exp.PercentileDisc) -> str:
        """Numbers, doubles say, at these shares of the sorted ones; null without any."""
        self.check(node, "this", "expression")
        if not isinstance(node.expression, exp.Array):
            raise UntranslatableError(f"quantile_disc but at a list of shares, in {shown(node)}")
        shares = ", ".join(f"cast({self.sql(share)} as double)" for share in node.expression.expressions)
        return f"percentile_disc(array({shares})) within group (order by {self.sql(node.this)})"

    def _write_ignorenulls(self, node: exp.IgnoreNulls) -> str:
        """`any_value`: one that is not null, whichever."""
        if not isinstance(node.this, exp.AnyValue):
            raise UntranslatableError(shown(node))
        self.check(node.this, "this")
        return f"any_value({self.sql(node.this.this)}) ignore nulls"

    def _write_window(self, node: exp.Window) -> str:
        self.check(node, "this", "partition_by", "order", "over")
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


_IN_WINDOWS = (exp.RowNumber, exp.Lag, exp.DenseRank, exp.Rank, exp.FirstValue, exp.Sum, exp.Count, exp.Min, exp.Max)
