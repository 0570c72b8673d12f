"""One suite through Great Expectations: its objects in, plain results out.

Importing this module imports GX, so nothing imports it at its top.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

import sqlalchemy as sa
from great_expectations.util import get_sqlalchemy_selectable
from great_expectations.validator.metric_configuration import MetricConfiguration

from warehouse.validation.datasource import DuckDBDatasource, DuckDBExecutionEngine, reason_of
from warehouse.validation.results import ExpectationResult, Row, named_columns
from warehouse.validation.suites import Expectation, Suite
from warehouse.validation.vocabulary import build

CELL_LIMIT = 500
"""Longest text of one cell among the example rows."""
# NOTE: BASIC tells counts, and no unexpected values are asked for: GX would fetch them with a query per expectation,
# whether it failed or not. With a count of 0 that query has LIMIT 0, and costs nothing.
COUNTS: dict[str, Any] = {"result_format": "BASIC", "partial_unexpected_count": 0}
# For what failed and judges no single rows: values out of the set, rows of a query.
DETAILS: dict[str, Any] = {"result_format": "COMPLETE", "partial_unexpected_count": 20}


def evaluate(
    suite: Suite, datasource: DuckDBDatasource, *, example_limit: int
) -> tuple[int | None, tuple[ExpectationResult, ...]]:
    """The table's row count (None when it could not be counted), and a result per expectation that ran, in order."""
    return _Evaluation(suite, datasource, example_limit).outcome()


class _Evaluation:
    def __init__(self, suite: Suite, datasource: DuckDBDatasource, example_limit: int) -> None:
        # A quoted name is taken as it is; GX would put others in lower case and look for quotes in them.
        asset = datasource.add_table_asset(suite.name, table_name=sa.quoted_name(suite.table, quote=True))
        request = asset.add_batch_definition_whole_table("whole table").build_batch_request()
        self._suite = suite
        self._example_limit = example_limit
        context: Any = datasource.data_context
        self._validator: Any = context.get_validator(batch_request=request)
        self._engine: DuckDBExecutionEngine = self._validator.execution_engine
        self._batch_id = self._validator.active_batch_id
        # An expectation's position tells its result, which GX returns in an order of its own.
        self._built = [
            build(item.type, item.arguments, id=str(position)) for position, item in enumerate(suite.expectations)
        ]

    def outcome(self) -> tuple[int | None, tuple[ExpectationResult, ...]]:
        by_position = self._by_position(self._built, COUNTS)
        unexplained = [
            self._built[position]
            for position, found in by_position.items()
            if not found.success and getattr(self._built[position], "map_metric", None) is None
        ]
        by_position.update(self._by_position(unexplained, DETAILS))
        results = tuple(
            self._result(position, expectation, by_position[position])
            for position, expectation in enumerate(self._suite.expectations)
            if position in by_position
        )
        return self._row_count(), results

    def _by_position(self, expectations: list[Any], result_format: dict[str, Any]) -> dict[int, Any]:
        configurations = [expectation.configuration for expectation in expectations]
        try:
            results = self._validate(configurations, result_format)
        except Exception:
            # A few expectations raise while GX plans, before it isolates them; what is computed is not computed again.
            results = [found for item in configurations for found in self._validate_alone(item, result_format)]
        return {int(found.expectation_config.id): found for found in results}

    def _validate(self, configurations: list[Any], result_format: dict[str, Any]) -> list[Any]:
        runtime = {"result_format": result_format, "catch_exceptions": True}
        return list(self._validator.graph_validate(configurations=configurations, runtime_configuration=runtime))

    def _validate_alone(self, configuration: Any, result_format: dict[str, Any]) -> list[Any]:
        from great_expectations.core import ExpectationValidationResult

        try:
            return self._validate([configuration], result_format)
        except Exception as error:
            raised = {"raised_exception": True, "exception_message": reason_of(error), "exception_traceback": ""}
            return [ExpectationValidationResult(success=False, expectation_config=configuration, exception_info=raised)]

    def _row_count(self) -> int | None:
        metric = MetricConfiguration("table.row_count", metric_domain_kwargs={"batch_id": self._batch_id})
        count = self._engine.known_metric(metric)
        if count is None:
            found, _ = self._validator.compute_metrics([metric])
            count = found.get(metric.id)
        return None if count is None else int(count)

    def _result(self, position: int, declared: Expectation, found: Any) -> ExpectationResult:
        facts: dict[str, Any] = dict(found.to_json_dict().get("result") or {})
        error = _error(found.exception_info)
        details = dict(facts.get("details") or {})
        rows = details.pop("unexpected_rows", None)
        for name, words in (("partial_unexpected_list", "unexpected"), ("partial_missing_list", "missing")):
            if facts.get(name) and "element_count" not in facts:
                # DuckDB gives distinct values in any order.
                details[words] = sorted(facts[name], key=str)
        unexpected_count, row_count, null_count = None, None, None
        if "element_count" in facts:
            unexpected_count = int(facts["unexpected_count"] or 0)
            row_count = int(facts["element_count"] or 0)
            null_count = int(facts.get("missing_count") or 0)
        judged = (row_count or 0) - (null_count or 0)
        success = bool(found.success) and error is None
        examples: tuple[Row, ...] = ()
        if not success and error is None and self._example_limit:
            examples = self._examples(position) if rows is None else _rows(rows, self._example_limit)
        return ExpectationResult(
            type=declared.type,
            arguments=declared.arguments,
            severity=declared.severity,
            reason=declared.reason,
            path=declared.path,
            line=declared.line,
            success=success,
            column=", ".join(named_columns(declared.arguments)) or None,
            observed=_cell(facts.get("observed_value")),
            row_count=row_count,
            null_count=null_count,
            unexpected_count=unexpected_count,
            unexpected_share=unexpected_count / judged if unexpected_count is not None and judged > 0 else None,
            examples=examples,
            details=_cell(details) or None,
            error=error,
        )

    def _examples(self, position: int) -> tuple[Row, ...]:
        """Rows that meet the condition that GX counted; none for an expectation about an aggregate."""
        condition = self._condition(position)
        if condition is None:
            return ()
        unexpected, compute_domain, accessor_domain = condition
        domain = {**compute_domain, **accessor_domain}
        # With its column GX would filter nothing; without one it leaves out rows that the expectation ignores.
        source = get_sqlalchemy_selectable(self._engine.get_domain_records(domain_kwargs=domain))
        query = sa.select(sa.text("*")).select_from(source).where(unexpected).limit(self._example_limit)
        try:
            rows = self._engine.execute_query(query).mappings().all()
        except sa.exc.DBAPIError:
            # A condition that only counts, or a value that cannot be shown: the result stands without examples.
            return ()
        return _rows(rows, self._example_limit)

    def _condition(self, position: int) -> Any:
        expectation = self._built[position]
        name = getattr(expectation, "map_metric", None)
        if name is None:
            return None
        configured = expectation.configuration
        configured.kwargs["batch_id"] = self._batch_id
        needed = configured.to_domain_obj().get_validation_dependencies(
            execution_engine=self._engine, runtime_configuration={"result_format": COUNTS}
        )
        count = needed.get_metric_configuration(f"{name}.unexpected_count")
        if count is None:
            return None
        return self._engine.known_metric(
            MetricConfiguration(
                f"{name}.condition",
                metric_domain_kwargs=count.metric_domain_kwargs,
                metric_value_kwargs=count.metric_value_kwargs,
            )
        )


def _error(info: Any) -> str | None:
    """Why an expectation could not be evaluated: GX tells it per expectation, or per metric that failed."""
    if not info:
        return None
    if "raised_exception" in info:
        if not info["raised_exception"]:
            return None
        messages = [info.get("exception_message")]
    else:
        messages = [item["exception_message"] for item in info.values()]
    lines = [line for message in messages for line in str(message).strip().splitlines()[:1]]
    return "; ".join(dict.fromkeys(lines)) or "unknown error"


def _rows(rows: Any, limit: int) -> tuple[Row, ...]:
    return tuple({str(name): _cell(value) for name, value in row.items()} for row in list(rows)[:limit])


def _cell(value: Any) -> Any:
    """A value as JSON knows it: text, number, list, dictionary; huge text is cut."""
    if type(value).__module__ == "numpy":
        # A number of numpy is one of Python's inside.
        value = value.tolist()
    if isinstance(value, str):
        return value if len(value) <= CELL_LIMIT else f"{value[:CELL_LIMIT]}… ({len(value):,} characters)"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): _cell(item) for name, item in list(value.items())[:50]}
    if isinstance(value, list | tuple | set):
        return [_cell(item) for item in list(value)[:50]]
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return _cell(bytes(value).hex())
    return str(value)
