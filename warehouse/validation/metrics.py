# ruff: noqa: N805 - GX calls a metric with its class
"""Metrics that GX computes slowly on a column store, or does not have for SQL, in DuckDB's own words.

GX looks a metric up by the class of its execution engine, so these hold for DuckDB alone. Whatever can be one aggregate
is one: GX sends all aggregates of a table together, in one scan. Importing this module registers them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from great_expectations.constants import MAX_RESULT_RECORDS
from great_expectations.core.metric_function_types import MetricFunctionTypes
from great_expectations.expectations.metrics.column_aggregate_metric_provider import (
    ColumnAggregateMetricProvider,
    column_aggregate_partial,
)
from great_expectations.expectations.metrics.column_aggregate_metrics.column_outlier_statistics import (
    OutlierStatistics,
)
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_condition_partial import (
    multicolumn_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_map_metric_provider import (
    MulticolumnMapMetricProvider,
)
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.registry import register_metric
from great_expectations.util import get_sqlalchemy_selectable

from warehouse.validation.datasource import DuckDBExecutionEngine


def _number(value: float) -> Any:
    """A number in the text: quantile() takes no bound parameter as its position."""
    return sa.literal_column(repr(float(value)))


def _column(name: str) -> Any:
    return sa.column(name)


def _source(execution_engine: DuckDBExecutionEngine, domain: Mapping[str, Any]) -> Any:
    """What stands behind `from`: the table, or its rows that meet the row condition."""
    return get_sqlalchemy_selectable(execution_engine.get_domain_records(domain_kwargs=dict(domain)))


class Median(ColumnAggregateMetricProvider):
    """GX sorts the whole column and fetches its middle."""

    metric_name = "column.median"

    @column_aggregate_partial(engine=DuckDBExecutionEngine)
    def _sqlalchemy(cls, column: Any, _metrics: Mapping[str, Any], **_: Any) -> Any:
        if _is_decimal(column.name, _metrics["table.column_types"]):
            # The mean of two decimals in the middle need not fit the column's scale.
            column = sa.cast(column, sa.Float)
        return sa.func.quantile_cont(column, _number(0.5))


def _is_decimal(column: str, types: Sequence[Mapping[str, Any]]) -> bool:
    return any(item["name"] == column and type(item["type"]).__name__.startswith("DECIMAL") for item in types)


class QuantileValues(ColumnAggregateMetricProvider):
    """GX asks for one percentile_disc() each; one list holds the column's values once."""

    metric_name = "column.quantile_values"
    value_keys = ("quantiles", "allow_relative_error")

    @column_aggregate_partial(engine=DuckDBExecutionEngine)
    def _sqlalchemy(cls, column: Any, quantiles: Sequence[float], **_: Any) -> Any:
        values = sa.func.quantile_disc(column, sa.func.list_value(*(_number(quantile) for quantile in quantiles)))
        # Of no values at all DuckDB gives one NULL, and GX reads one per quantile.
        return sa.func.coalesce(values, sa.func.list_value(*(sa.null() for _ in quantiles)))


class OutlierStatisticsByDuckDB(ColumnAggregateMetricProvider):
    """GX knows the quartiles of six dialects only."""

    metric_name = "column.outlier_statistics"
    value_keys = ("method",)

    @metric_value(engine=DuckDBExecutionEngine)
    def _sqlalchemy(
        cls,
        execution_engine: DuckDBExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        **_: Any,
    ) -> OutlierStatistics:
        source = _source(execution_engine, metric_domain_kwargs)
        column = sa.cast(_column(metric_domain_kwargs["column"]), sa.Float)
        finite = sa.func.isfinite(column)
        if metric_value_kwargs["method"] == "iqr":
            quartiles = [sa.func.quantile_cont(column, _number(share)).filter(finite) for share in (0.25, 0.75)]
            lower, upper = execution_engine.execute_query(sa.select(*quartiles).select_from(source)).one()
            spread = None if lower is None else upper - lower
            return OutlierStatistics(lower_reference=lower, upper_reference=upper, spread=spread)
        facts = [sa.func.avg(column).filter(finite), sa.func.stddev_samp(column).filter(finite)]
        mean, deviation = execution_engine.execute_query(sa.select(*facts).select_from(source)).one()
        return OutlierStatistics.symmetric(center=mean, spread=deviation)


class MostCommonValue(ColumnAggregateMetricProvider):
    """GX fetches every distinct value with its count, and looks for the greatest in pandas."""

    metric_name = "column.most_common_value"

    @metric_value(engine=DuckDBExecutionEngine)
    def _sqlalchemy(
        cls, execution_engine: DuckDBExecutionEngine, metric_domain_kwargs: dict[str, Any], **_: Any
    ) -> list[Any]:
        column = _column(metric_domain_kwargs["column"])
        rows_per_value = (
            sa.select(column.label("value"), sa.func.count().label("row_count"))
            .select_from(_source(execution_engine, metric_domain_kwargs))
            .where(column.is_not(None))
            .group_by(column)
            .cte("rows_per_value")
        )
        greatest = sa.select(sa.func.max(rows_per_value.c.row_count)).scalar_subquery()
        query = sa.select(rows_per_value.c.value).where(rows_per_value.c.row_count == greatest)
        return [row[0] for row in execution_engine.execute_query(query.order_by(rows_per_value.c.value)).fetchall()]


class Unique(ColumnMapMetricProvider):
    """GX counts over a window, which sorts the column; here the condition is for example rows alone."""

    condition_metric_name = "column_values.unique"

    @column_condition_partial(engine=DuckDBExecutionEngine)
    def _sqlalchemy(cls, column: Any, _table: Any, **_: Any) -> Any:
        return column.not_in(_repeated([column], _table))


class CompoundUnique(MulticolumnMapMetricProvider):
    """GX joins the whole table with its counts per key; here the condition is for example rows alone."""

    condition_metric_name = "compound_columns.unique"
    condition_domain_keys = (
        *("batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if"),
    )

    @multicolumn_condition_partial(engine=DuckDBExecutionEngine)  # type: ignore[untyped-decorator] # as in GX
    def _sqlalchemy(cls, column_list: Sequence[Any], _table: Any, **_: Any) -> Any:
        return sa.tuple_(*_distinct(column_list)).not_in(_repeated(column_list, _table))


def _distinct(columns: Sequence[Any]) -> list[Any]:
    """The columns without those that are named a second time."""
    return list({column.name: column for column in columns}.values())


def _repeated(columns: Sequence[Any], source: Any) -> Any:
    """The keys that more than one row has. A key with a NULL in it equals no other."""
    columns = _distinct(columns)
    keys = sa.select(*columns).select_from(get_sqlalchemy_selectable(source))
    keys = keys.where(*(column.is_not(None) for column in columns)).group_by(*columns).having(sa.func.count() > 1)
    # As a subquery of its own: SQLAlchemy would take its source for that of the statement around it, and drop it.
    return sa.select(keys.subquery())


def _repeated_rows(
    cls: type,
    execution_engine: DuckDBExecutionEngine,
    metric_domain_kwargs: dict[str, Any],
    **_: Any,
) -> int:
    """How many rows share their key with another row."""
    names = metric_domain_kwargs.get("column_list") or [metric_domain_kwargs["column"]]
    columns = [_column(name) for name in names]
    source = _source(execution_engine, metric_domain_kwargs)
    rows_per_key = (
        sa.select(sa.func.count().label("row_count"))
        .select_from(source)
        .where(*(column.is_not(None) for column in columns))
        .group_by(*columns)
        .having(sa.func.count() > 1)
        .subquery()
    )
    return int(execution_engine.execute_query(sa.select(sa.func.sum(rows_per_key.c.row_count))).scalar() or 0)


def _repeated_values(
    cls: type,
    execution_engine: DuckDBExecutionEngine,
    metric_domain_kwargs: dict[str, Any],
    metric_value_kwargs: dict[str, Any],
    metrics: Mapping[str, Any],
    **_: Any,
) -> list[Any]:
    """Keys that more than one row has: GX writes this query for its own condition, which brings its table with it."""
    condition = metrics["unexpected_condition"][0]
    names = metric_domain_kwargs.get("column_list")
    columns = [_column(name) for name in names or [metric_domain_kwargs["column"]]]
    query = sa.select(*columns).select_from(_source(execution_engine, metric_domain_kwargs)).where(condition)
    wanted = metric_value_kwargs["result_format"]
    limit = MAX_RESULT_RECORDS if wanted["result_format"] == "COMPLETE" else wanted["partial_unexpected_count"]
    rows = execution_engine.execute_query(query.limit(limit)).fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows] if names else [row[0] for row in rows]


class MatchesStrftimeFormat(ColumnMapMetricProvider):
    """GX has it for pandas and Spark only."""

    condition_metric_name = "column_values.match_strftime_format"
    condition_value_keys = ("strftime_format",)

    @column_condition_partial(engine=DuckDBExecutionEngine)
    def _sqlalchemy(cls, column: Any, strftime_format: str, **_: Any) -> Any:
        return sa.func.try_strptime(column, sa.literal(strftime_format)).is_not(None)


class IsJson(ColumnMapMetricProvider):
    """GX has it for pandas and Spark only."""

    condition_metric_name = "column_values.json_parseable"

    @column_condition_partial(engine=DuckDBExecutionEngine)
    def _sqlalchemy(cls, column: Any, **_: Any) -> Any:
        return sa.func.json_valid(column)


def _register(name: str, provider: type[Any], metric: Callable[..., Any], *value_keys: str) -> None:
    register_metric(
        metric_name=name,
        metric_domain_keys=provider.condition_domain_keys,
        metric_value_keys=value_keys,
        execution_engine=DuckDBExecutionEngine,
        metric_class=provider,
        metric_provider=metric,
        metric_fn_type=MetricFunctionTypes.VALUE,
    )


for _provider in (Unique, CompoundUnique):
    _name = _provider.condition_metric_name
    _register(f"{_name}.unexpected_count", _provider, _repeated_rows)
    _register(f"{_name}.unexpected_values", _provider, _repeated_values, "result_format")
