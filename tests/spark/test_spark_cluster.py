"""What only a real cluster can show: processes that die while they work, and what Spark itself refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from spark_cluster import ClusterProcess, java_problem

from warehouse.engine.spark import SparkEngine
from warehouse.errors import QueryError
from warehouse.sql import Query, Step


def test_without_java_it_is_said_what_a_cluster_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert java_problem() == f"a Spark cluster needs Java 17 or later, and there is no {tmp_path}/bin/java"

    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/java").write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2")
    (tmp_path / "bin/java").chmod(0o755)
    assert java_problem().endswith('is: openjdk version "11.0.2"')


@pytest.mark.slow
@pytest.mark.spark_cluster
def test_a_worker_that_dies_costs_no_answer(cluster: ClusterProcess, there: SparkEngine) -> None:
    there.session.range(0, 1000, 1, 4).createOrReplaceTempView("numbers")
    count = Query.of(Step("count", "select count(*) as n, sum(id % 7)::bigint as s from numbers"))
    before = there.rows(count)

    cluster.kill("worker1")
    after = there.rows(count)
    cluster.start("worker")

    assert before == after == there.rows(count) == [{"n": 1000, "s": 2997}]


@pytest.mark.slow
@pytest.mark.spark_cluster
def test_a_refusal_is_one_line_without_plan_and_trace(there: SparkEngine, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(QueryError, match=r"UNRESOLVED_COLUMN.*nope") as caught:
        there.rows(Query.of(Step("wrong", "select nope from (select 1 as x)")))

    assert "\n" not in caught.value.reason
    assert capfd.readouterr().err == ""


@pytest.mark.slow
@pytest.mark.spark_cluster
def test_maps_have_hashes(there: SparkEngine) -> None:
    there.session.sql("select map('a', 1) as m, map('a', 1) as same").createOrReplaceTempView("maps")
    query = Query.of(Step("hashes", "select hash(m) = hash(same) as is_same from maps"))

    assert there.rows(query) == [{"is_same": True}]
