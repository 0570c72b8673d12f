"""Export and drift of 10 million, 100 million and a billion narrow rows on one machine: time, peak memory and disk.

    python benchmarks/scale.py                                  # 10 and 100 million rows
    python benchmarks/scale.py --rows 10000000 100000000 1000000000
    BENCHMARK_ROWS=1000000,10000000 python benchmarks/scale.py

Rows have four columns: a key, a customer (50 rows each), an amount, a label. DuckDB makes the table, out of core. Each
side runs in a process of its own; imports are left out. The export is the whole `export_dataset`: keys unique and not
null, splits by the customer's hash, leaks in all rows, Parquet, checksums, fsync, manifest. Drift is the whole report
on the version's own splits, with its HTML and JSON. Disk is what both leave and the most that lay in the spill folder.

Bounds: each process under 2 GB at any number of rows; CPU time per row at most 1.3 times that of the fewest rows. Time
by the clock is printed beside it: on a machine that others use, it tells of them too.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from measure import OUT, Measurement, print_bound, run_process
from table_project import database_of, make_table_project

FOLDER = OUT / "scale"
SCRIPT = str(Path(__file__))
DATASET = "late_payments"
PEAK_MB, LINEAR = 2048.0, 1.3
MEMORY_LIMIT = "1500MB"
"""The setting for drift: DuckDB takes all that it may before it spills, and the process has its own besides."""
BYTES_PER_ROW = {"table": 6, "version": 8, "spill": 30}
"""What a row takes at most, rounded up from what was measured."""
RESERVE_BYTES = 5 * 10**9
"""Stays free for everybody else."""

TABLE = """
create table examples as
with numbers as (
    select
        i as id,
        (hash(i * 1000003 + 1) >> 11) / 9007199254740992.0 as u,
        ((hash(i * 1000003 + 2) >> 11) + 1) / 9007199254740994.0 as v,
    from range($row_count) as r(i)
)
select
    id,
    floor(u * $customer_count)::integer as customer_id,
    floor(-2000 * ln(v))::integer as amount_cents,
    hash(id * 1000003 + 3) % 5 = 0 as is_late,
from numbers
"""


def project_path(row_count: int) -> Path:
    return FOLDER / f"rows_{row_count}"


def database_path(row_count: int) -> Path:
    return database_of(project_path(row_count))


def make_project(row_count: int) -> None:
    """A project whose published build has a table of this many rows; made once."""
    parameters = {"row_count": row_count, "customer_count": max(row_count // 50, 1)}
    started = time.perf_counter()
    make_table_project(project_path(row_count), TABLE, parameters, dbt_manifest(), memory_limit="1GB")
    print(f"seconds={time.perf_counter() - started}")


def dbt_manifest() -> dict[str, object]:
    dataset = {
        **{"key": "id", "label": "is_late", "groups": ["customer_id"]},
        "split": {"method": "hash", "shares": {"train": 0.8, "dev": 0.1, "test": 0.1}},
    }
    exposure = {
        **{"name": DATASET, "type": "ml", "original_file_path": "models/_exposures.yml"},
        **{"meta": {"dataset": dataset}, "depends_on": {"nodes": ["model.bench.examples"]}},
    }
    model = {
        **{"name": "examples", "schema": "main", "resource_type": "model", "original_file_path": "models/examples.sql"},
        "config": {"materialized": "table"},
    }
    return {
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "project_name": "bench"},
        **{"nodes": {"model.bench.examples": model}, "sources": {}},
        "exposures": {f"exposure.bench.{DATASET}": exposure},
    }


def folder_bytes(folder: Path) -> int:
    """What the files below it take; files that vanish meanwhile take nothing."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(path) / name).lstat().st_blocks * 512
            except FileNotFoundError:
                continue
    return total


@contextmanager
def watched(folder: Path) -> Iterator[None]:
    """Prints the most bytes that lay in this folder while the block ran."""
    ended, seen = threading.Event(), [0]

    def watch() -> None:
        while not ended.wait(0.5):
            seen.append(folder_bytes(folder))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        print(f"spill={max(seen)}")


def run_export(row_count: int) -> None:
    from warehouse.datasets.manifest import manifest_schema
    from warehouse.exports.export import export_dataset
    from warehouse.project import Project

    for module in ("duckdb", "yaml", "filelock"):
        import_module(module)
    manifest_schema()  # imports pydantic and builds its validators
    project = Project.find(project_path(row_count))
    shutil.rmtree(project.datasets_path, ignore_errors=True)
    with watched(project.temporary_path):
        started = time.perf_counter()
        result = export_dataset(project, DATASET, now=datetime.now(UTC))
        print(f"seconds={time.perf_counter() - started}")
    print(f"bytes={sum(file.byte_count for file in result.manifest.files)}")


def run_drift(row_count: int) -> None:
    from warehouse.checks.drift.splits import report_of_version
    from warehouse.datasets.versions import find_version
    from warehouse.engine.local import LocalEngine
    from warehouse.project import Project
    from warehouse.reports.drift_json import drift_json
    from warehouse.reports.html import drift_html
    from warehouse.storage import connect, write_file

    for module in ("duckdb", "jinja2", "numpy", "pandas"):
        import_module(module)
    project = Project.find(project_path(row_count))
    version = find_version(project, DATASET)
    with watched(project.temporary_path):
        started = time.perf_counter()
        spill = project.temporary_path / "drift"
        with connect(None, memory_limit=MEMORY_LIMIT, temporary_path=spill) as connection:
            report = report_of_version(LocalEngine(connection), version)
        write_file(version.reports_path / "drift.json", drift_json(report))
        write_file(version.reports_path / "drift.html", drift_html(report))
        print(f"seconds={time.perf_counter() - started}")


MODES = {"make": make_project, "export": run_export, "drift": run_drift}


def printed(measured: Measurement, name: str) -> int:
    return next(
        int(line.removeprefix(f"{name}=")) for line in measured.output.splitlines() if line.startswith(f"{name}=")
    )


def require_space(row_counts: Sequence[int], *, keep: bool) -> None:
    """Ends with one clear error when the largest size, or all that are kept, will not fit on the disk."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    bytes_of = {row_count: row_count * sum(BYTES_PER_ROW.values()) for row_count in row_counts}
    needed = sum(bytes_of.values()) if keep else max(bytes_of.values())
    free = shutil.disk_usage(FOLDER).free + folder_bytes(FOLDER)
    if needed + RESERVE_BYTES > free:
        most = (free - RESERVE_BYTES) // sum(BYTES_PER_ROW.values())
        raise SystemExit(
            f"{max(row_counts):,} rows need about {needed / 1e9:.0f} GB in {FOLDER} and {RESERVE_BYTES / 1e9:.0f} GB "
            f"stay free for others, but {free / 1e9:.0f} GB are free\n"
            f"  free some space, or ask for fewer rows: --rows {max(most // 1_000_000, 1) * 1_000_000}"
        )


def measure(row_count: int, *, repeat: int) -> dict[str, Measurement]:
    """Makes the table, unless it is there, exports it and compares its splits; prints what each cost."""
    title = f"{row_count:,} rows"
    if not (project_path(row_count) / "done").exists():
        made = run_process(SCRIPT, "make", str(row_count))
        print(f"{title:>18}  made by DuckDB {made.seconds:9.1f} s {made.peak_mb:6.0f} MB", flush=True)
    measured = {mode: run_process(SCRIPT, mode, str(row_count), repeat=repeat) for mode in ("export", "drift")}
    for mode, run in measured.items():
        spilled = printed(run, "spill")
        print(
            f"{title:>18}  {mode:<14} {run.seconds:9.1f} s {run.peak_mb:6.0f} MB peak, {run.cpu_seconds:.1f} s of CPU:"
            f" {run.cpu_seconds / row_count * 1e9:.0f} ns a row, {spilled / 1e9:.2f} GB spilled at most",
            flush=True,
        )
    table = database_path(row_count).stat().st_size
    version = printed(measured["export"], "bytes")
    print(
        f"{title:>18}  on disk: table {table / 1e9:.2f} GB ({table / row_count:.1f} bytes a row), "
        f"version {version / 1e9:.2f} GB ({version / row_count:.1f})",
        flush=True,
    )
    return measured


def main() -> int:
    if len(sys.argv) == 3 and sys.argv[1] in MODES:
        MODES[sys.argv[1]](int(sys.argv[2]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = [int(size) for size in os.environ.get("BENCHMARK_ROWS", "10000000,100000000").split(",")]
    parser.add_argument("--rows", type=int, nargs="+", default=default, help="how many rows, several sizes")
    parser.add_argument("--repeat", type=int, default=int(os.environ.get("BENCHMARK_REPEAT", "1")))
    parser.add_argument("--keep", action="store_true", help="leave tables and versions of one size beside the next")
    options = parser.parse_args()
    sizes = sorted(options.rows)
    require_space(sizes, keep=options.keep)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, DuckDB writes to {FOLDER.relative_to(OUT.parent)}")
    holds: list[bool] = []
    first: dict[str, Measurement] = {}
    for row_count in sizes:
        measured = measure(row_count, repeat=options.repeat)
        for mode, run in measured.items():
            title = f"{mode} of {row_count:,} rows"
            holds.append(print_bound(f"{title}: peak memory", run.peak_mb, PEAK_MB, unit="MB"))
            smallest = first.setdefault(mode, run)
            if row_count > sizes[0]:
                name = f"{title}: CPU a row, beside that of {sizes[0]:,}"
                rows_ratio = row_count / sizes[0]
                holds.append(print_bound(name, run.cpu_seconds / smallest.cpu_seconds / rows_ratio, LINEAR))
                print(f"      by the clock {run.seconds / smallest.seconds / rows_ratio:.2f} x")
        if not options.keep:
            shutil.rmtree(project_path(row_count))
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
