"""Great Expectations on a live DuckDB connection: its execution engine and its fluent datasource.

GX 1.24 has neither. Its own SQL engine does nearly all of the work; this one keeps what it has computed, isolates what
fails, and takes types and columns from DuckDB. Importing this module imports GX: only `gx.py` does.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any, Literal

import sqlalchemy as sa
from great_expectations.datasource.fluent.sql_datasource import SQLDatasource
from great_expectations.exceptions.exceptions import MetricResolutionError
from great_expectations.execution_engine.execution_engine import MetricComputationConfiguration
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.validator.metric_configuration import MetricConfiguration

from warehouse.validation.column_types import TypeModule
from warehouse.validation.dialect import URL

Metrics = dict[Any, Any]


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
    """GX's SQL engine on DuckDB.

    Within one batch it never computes a metric twice: the second pass over failed expectations costs nothing but its
    example rows. A metric that fails takes no other down: GX would compute the whole level again, up to three times,
    and each bundled metric with a scan of its own.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._metric_cache: Metrics = {}
        self.dialect_module = TypeModule("duckdb_types")
        self._failures: dict[Any, Exception] = {}

    def close(self) -> None:
        """Nothing to do: the connection belongs to the caller."""

    def known_metric(self, metric: MetricConfiguration) -> Any:
        """What this metric is; None when nothing has asked for it yet."""
        return self._metric_cache.get(metric.id)

    def _process_direct_and_bundled_metric_computation_configurations(
        self,
        metric_fn_direct_configurations: list[MetricComputationConfiguration],
        metric_fn_bundle_configurations: list[MetricComputationConfiguration],
    ) -> Metrics:
        direct = [item for item in metric_fn_direct_configurations if not self._is_known(item)]
        bundled = [item for item in metric_fn_bundle_configurations if not self._is_known(item)]
        for item in direct:
            try:
                value = item.metric_fn(**item.metric_provider_kwargs)  # type: ignore[misc] # GX types it as SQL too
            except Exception as error:  # GX's metrics raise anything; it is kept and shown with its expectation
                self._failures[item.metric_configuration.id] = error
            else:
                self._metric_cache[item.metric_configuration.id] = value
        self._resolve_bundle(bundled)

        everything = [*metric_fn_direct_configurations, *metric_fn_bundle_configurations]
        for item in everything:
            failure = self._failures.get(item.metric_configuration.id)
            if failure is not None:
                # One at a time: GX gives all metrics of one exception the same message. It asks again for the others.
                raise MetricResolutionError(
                    message=reason_of(failure), failed_metrics=[item.metric_configuration]
                ) from failure
        return {item.metric_configuration.id: self._metric_cache[item.metric_configuration.id] for item in everything}

    def _is_known(self, item: MetricComputationConfiguration) -> bool:
        metric_id = item.metric_configuration.id
        return metric_id in self._metric_cache or metric_id in self._failures

    def _resolve_bundle(self, bundle: Sequence[MetricComputationConfiguration]) -> None:
        """One query for all; after an error each half on its own, so that the rest still shares few scans."""
        if not bundle:
            return
        try:
            self._metric_cache.update(self.resolve_metric_bundle(bundle))
        except Exception as error:
            if len(bundle) == 1:
                self._failures[bundle[0].metric_configuration.id] = error
            else:
                middle = len(bundle) // 2
                self._resolve_bundle(bundle[:middle])
                self._resolve_bundle(bundle[middle:])


def reason_of(error: BaseException) -> str:
    """The first line of what DuckDB said, without the statement that SQLAlchemy adds."""
    original = getattr(error, "orig", None)
    text = str(original if isinstance(original, BaseException) else error).strip()
    return (text.splitlines() or [type(error).__name__])[0]


class DuckDBDatasource(SQLDatasource):
    """The tables of one schema: `context.data_sources.add_duckdb(name=..., schema_name=...)`, then `bind()` it."""

    type: Literal["duckdb"] = "duckdb"  # type: ignore[assignment] # how GX tells its datasources apart
    connection_string: str = URL
    schema_name: str = "main"

    @property
    def schema_(self) -> str:
        """The schema of all its tables."""
        return self.schema_name

    @property
    def execution_engine_type(self) -> builtins.type[SqlAlchemyExecutionEngine]:
        """The engine that computes metrics."""
        return DuckDBExecutionEngine

    def bind(self, engine: sa.Engine) -> DuckDBDatasource:
        """Uses this engine on a live connection from now on; the connection's owner closes it."""
        self._engine = engine
        self._execution_engine = None
        return self

    def get_engine(self) -> sa.Engine:
        """The SQLAlchemy engine on the connection."""
        if self._engine is None:
            raise RuntimeError("bind() the datasource to an engine first")
        engine: sa.Engine = self._engine
        return engine

    def get_execution_engine(self) -> DuckDBExecutionEngine:
        """The engine that computes metrics; never makes temporary tables."""
        if self._execution_engine is None:
            self._execution_engine = DuckDBExecutionEngine(engine=self.get_engine(), create_temp_table=False)
        return self._execution_engine

    def test_connection(self, test_assets: bool = True) -> None:
        """Nothing to test: the connection is live, and suites are checked against its tables before they run."""
