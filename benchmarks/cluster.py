"""The same questions of the same rows, asked of DuckDB and of a cluster of Apache Spark on this machine.

    python benchmarks/cluster.py --spark-home .venv-spark/lib/python3.11/site-packages/pyspark
    python benchmarks/cluster.py --spark-home ... --rows 10000000 100000000

`make bench-cluster` does the first. The cluster is a master, two workers of one core and 2 GB each, and a Connect
server; DuckDB has both cores. Rows are those of `scale.py`: a key, a customer, an amount, a label. Asked are the heavy
parts of an export, by the functions that exports call: `keys` (unique and not null), `splits` (rows of each by their
customer's hash), `fingerprint` (of all rows); `drift`, the comparison of nine in ten rows with the others, which come
in groups by customer; and `export`, all of it, from a build whose table lies in DuckDB's file or on the cluster.
Each is asked twice on Spark: the first time Java has not compiled it yet.

CPU of Spark is what all its processes used. Time by the clock tells of everybody else on the machine too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent.parent / "tests" / "spark"))

from measure import OUT, run_process
from scale import DATASET, TABLE, dbt_manifest, make_project, project_path
from spark_cluster import ClusterProcess, spark_cluster
from table_project import BUILD, begin_project

FOLDER = OUT / "cluster"
SCRIPT = str(Path(__file__))
TASKS = ("keys", "splits", "fingerprint", "drift", "export")
FILES = 8
MEMORY = "1500MB"


def files_path(row_count: int) -> Path:
    return FOLDER / f"rows_{row_count}"


def make_files(row_count: int) -> None:
    """Writes the rows as Parquet files, once: as many of train as both engines like to read at a time, one of test."""
    import duckdb

    folder = files_path(row_count)
    if (folder / "done").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(folder / "rows.duckdb"), config={"memory_limit": MEMORY}) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(
            TABLE.replace("create table", "create or replace table"),
            {"row_count": row_count, "customer_count": max(row_count // 50, 1)},
        )
        for part in range(FILES):
            where = f"id % 10 > 0 and id // 10 % {FILES} = {part}"
            connection.execute(f"copy (from examples where {where}) to '{folder}/train-{part}.parquet'")
        connection.execute(f"copy (from examples where id % 10 = 0) to '{folder}/test-0.parquet'")
    (folder / "rows.duckdb").unlink()
    (folder / "done").touch()


@contextmanager
def opened(remote: str) -> Iterator[Any]:
    """An engine: on Spark when there is an address, else on DuckDB."""
    from warehouse.engine.local import LocalEngine
    from warehouse.engine.spark_opening import spark_engine
    from warehouse.project import Project, Settings
    from warehouse.storage import connect

    if remote:
        with spark_engine(Project(root=FOLDER, settings=Settings(engine="spark", spark_remote=remote))) as engine:
            yield engine
    else:
        with connect(None, memory_limit=MEMORY, temporary_path=FOLDER / "spill") as connection:
            yield LocalEngine(connection)


def ask(engine: Any, row_count: int, task: str) -> Any:
    """The answer, as both engines must give it."""
    from warehouse.checks.drift.comparison import compare_with_facts
    from warehouse.datasets.fingerprints import content_fingerprint
    from warehouse.datasets.parsing import parse_spec
    from warehouse.datasets.placement_columns import placed_columns_sql
    from warehouse.datasets.row_checks import check_rows, read_table_facts
    from warehouse.sql import Query, Relation, Step

    train, test = (
        Relation.parquet(sorted(map(str, files_path(row_count).glob(f"{side}-*.parquet"))), name=side)
        for side in ("train", "test")
    )
    rows = Relation.parquet(sorted(map(str, files_path(row_count).glob("*.parquet"))), name="examples")
    exposures: Any = dbt_manifest()["exposures"]
    (exposure,) = exposures.values()
    spec, problems = parse_spec("late", exposure["meta"]["dataset"], model="examples", default_salt="bench")
    assert spec is not None, problems
    if task == "keys":
        facts = read_table_facts(engine, rows, spec, integer_key=False, numbered=False)
        check_rows(engine, rows, spec, facts)
        return repr(facts)
    if task == "splits":
        placed = placed_columns_sql(rows, spec, ["id"], place="place", part="part", fold="fold")
        counted = Step("counted", f"select place, count(*) as n from {placed.steps[-1].name} group by 1 order by 1")
        return engine.rows(Query(steps=(*placed.steps, counted), parameters=placed.parameters))
    if task == "fingerprint":
        types = {column.name: column.type for column in engine.columns(rows)}
        return content_fingerprint(engine, rows, types)
    compared = compare_with_facts(
        engine,
        train,
        test,
        left_name="train",
        right_name="test",
        excluded={"id": "key"},
        label="is_late",
        groups=("customer_id",),
    )
    # Without their words: the parts that many groups are put into are each engine's own, which moves intervals.
    return [(column.name, column.verdict.value) for column in compared.result.columns]


def project_there(row_count: int) -> Path:
    return FOLDER / f"export_{row_count}"


def load(row_count: int, remote: str) -> None:
    """Makes the projects whose published builds have the rows: one in DuckDB, one on the cluster."""
    from warehouse.engine.spark_opening import spark_engine
    from warehouse.project import Project
    from warehouse.published import SparkPlace, spark_prefix, write_spark_place

    make_project(row_count)
    root = project_there(row_count)
    schema = f"{spark_prefix(BUILD)}_main"
    build = begin_project(root, dbt_manifest())
    (root / "pyproject.toml").write_text(f'[tool.warehouse]\nengine = "spark"\nspark_remote = "{remote}"\n')
    place = SparkPlace(remote=remote, catalog="spark_catalog", schemas={"main": schema})
    write_spark_place(build / "spark.json", place)
    files = f"select * from parquet.`{files_path(row_count)}/*.parquet`"
    with spark_engine(Project.find(root)) as engine:
        for sql in (
            f"drop schema if exists {schema} cascade",
            f"create schema {schema}",
            f"create table {schema}.examples using parquet as {files}",
        ):
            engine.session.sql(sql).collect()


def export(root: Path) -> Any:
    """The whole export; rows of each split."""
    from warehouse.exports.export import export_dataset
    from warehouse.project import Project

    project = Project.find(root)
    shutil.rmtree(project.datasets_path, ignore_errors=True)
    exported = export_dataset(project, DATASET, now=datetime.now(UTC))
    return [(split.name, split.row_count) for split in exported.manifest.splits]


def run_task(row_count: int, task: str, remote: str, times: int) -> None:
    """Prints what each time took, and the answer."""
    root = project_there(row_count) if remote else project_path(row_count)
    with nullcontext() if task == "export" else opened(remote) as engine:
        for _ in range(times):
            started = time.perf_counter()
            answer = export(root) if task == "export" else ask(engine, row_count, task)
            print(json.dumps({"seconds": time.perf_counter() - started, "answer": answer}), flush=True)


def cpu_and_peak(pids: dict[str, int]) -> tuple[float, float]:
    """CPU seconds of these processes and all in their groups up to now, and the sum of their largest sizes in MiB."""
    ticks, peak, groups = 0, 0, set(pids.values())
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "stat").read_text().rpartition(")")[2].split()
            if int(words[2]) not in groups:
                continue
            ticks += int(words[11]) + int(words[12])
            status = (path / "status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        peak += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return ticks / os.sysconf("SC_CLK_TCK"), peak / 1024


def times_of(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def measure(row_count: int, task: str, spark: ClusterProcess, times: int) -> bool:
    """Prints what each engine took, and says whether both gave the same answer."""
    local = run_process(SCRIPT, "ask", str(row_count), task, "", "1")
    before, _ = cpu_and_peak(spark.pids)
    there = run_process(SCRIPT, "ask", str(row_count), task, spark.remote, str(times))
    after, peak = cpu_and_peak(spark.pids)
    (first,) = times_of(local.output)
    cold, *warm = times_of(there.output)
    cpu = (after - before + there.cpu_seconds) / times
    title = f"{row_count:>13,} rows  {task:<12}"
    print(f"{title} DuckDB {first['seconds']:7.1f} s, {local.cpu_seconds:6.1f} s of CPU, {local.peak_mb:.0f} MB")
    print(
        f"{title} Spark  {(warm or [cold])[-1]['seconds']:7.1f} s, {cpu:6.1f} s of CPU, {peak:.0f} MB, at first "
        f"{cold['seconds']:.1f} s: {cpu / local.cpu_seconds:.1f} times the CPU",
        flush=True,
    )
    differs = [run["answer"] for run in (cold, *warm) if run["answer"] != first["answer"]]
    if differs:
        print(f"  DuckDB: {first['answer']}\n  Spark:  {differs[-1]}")
    return not differs


def main() -> int:
    if len(sys.argv) > 2 and sys.argv[1] == "ask":
        row_count, task, remote, times = sys.argv[2:]
        run_task(int(row_count), task, remote, int(times))
        return 0
    if len(sys.argv) > 2 and sys.argv[1] == "load":
        load(int(sys.argv[2]), sys.argv[3])
        return 0
    if len(sys.argv) == 3 and sys.argv[1] == "make":
        make_files(int(sys.argv[2]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spark-home", type=Path, required=True, help="folder of the Python package pyspark")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000_000], help="how many rows, several sizes")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--times", type=int, default=2, help="how often each is asked on Spark")
    options = parser.parse_args()
    for row_count in options.rows:
        run_process(SCRIPT, "make", str(row_count))
    started = time.perf_counter()
    same = True
    # Java's options are Spark's own: what runs for minutes is worth compiling.
    with spark_cluster(FOLDER / "cluster", options.spark_home, memory="2g", java_options="-XX:+UseParallelGC") as spark:
        print(f"cluster started in {time.perf_counter() - started:.0f} s, load {os.getloadavg()[0]:.1f}", flush=True)
        for row_count in options.rows:
            if "export" in options.tasks:
                run_process(SCRIPT, "load", str(row_count), spark.remote)
            for task in options.tasks:
                same = measure(row_count, task, spark, options.times) and same
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
