"""What it costs to look at files before a build, and to load a table of a database, beside DuckDB alone.

Bounds: a first look at CSV files takes at most twice what DuckDB's own scan of all their values takes; a second one, of
files that have not changed, at most a tenth. Loading a whole table of PostgreSQL takes at most 1.3 times what a bare
`copy` of it to the same Parquet takes; loading it again after one row in a hundred is new at most 0.3 times.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from measure import OUT, Measurement, print_bound, run_process

FOLDER = OUT / "sources"
ROWS = int(os.environ.get("BENCHMARK_ROWS", "2000000").split(",")[0])
FILES = 8
SCRIPT = str(Path(__file__))
VALUES = "i, 'customer ' || i % 5000 as who, i * 0.25 as amount, md5(i::text) as note"
AT = "timestamp '2026-01-01' + i * interval '1 second' as seen"
COPY = "format parquet, compression zstd, row_group_size 122880"


def project() -> Any:
    from warehouse.project import Project

    return Project.find(FOLDER)


def make_files() -> None:
    import duckdb

    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "drop").mkdir(parents=True)
    (FOLDER / "dbt_project.yml").write_text("name: bench\n")
    for number in range(FILES):
        rows = f"select {VALUES}, {AT} from range({number * ROWS // FILES}, {(number + 1) * ROWS // FILES}) as r(i)"
        duckdb.sql(rows).write_csv(str(FOLDER / "drop" / f"{number}.csv"))


def scan() -> None:
    import duckdb

    started = time.perf_counter()
    duckdb.sql(
        f"select count(*), {', '.join(f'count({name})' for name in ('i', 'who', 'amount', 'note', 'seen'))} "
        f"from read_csv('{FOLDER}/drop/*.csv')"
    ).fetchall()
    print(f"seconds={time.perf_counter() - started}")


def inspect() -> None:
    from warehouse import storage
    from warehouse.dbt_manifest import Source
    from warehouse.sources.inspection import inspect_sources

    source = Source(
        unique_id="source.bench.shop.visits",
        source_name="shop",
        name="visits",
        description="",
        external_location="drop/*.csv",
        relation_name=None,
        file_path="models/shop.yml",
        columns={},
        meta={},
    )
    with storage.connect(None) as connection:  # what DuckDB imports when it first binds a value is no part of a look
        connection.execute("select $one", {"one": 1})
    started = time.perf_counter()
    found = inspect_sources(project(), [source], now=datetime.now(UTC), move=False)
    print(f"seconds={time.perf_counter() - started}")
    assert not found.findings
    assert sum(file.row_count or 0 for file in found.sources[0].files) == ROWS


def copy() -> None:
    from warehouse import storage

    with storage.connect(None) as connection:
        connection.execute("set preserve_insertion_order = false")
        connection.execute(f"attach '{os.environ['BENCH_DB']}' as src (type postgres, read_only)")
        started = time.perf_counter()
        connection.execute(f"copy (select * from src.orders) to '{FOLDER}/bare.parquet' ({COPY})")
        print(f"seconds={time.perf_counter() - started}")


def load() -> None:
    from warehouse import storage
    from warehouse.loads.batches import TableFolder
    from warehouse.loads.cursors import load_database_table
    from warehouse.loads.parts import Session
    from warehouse.loads.specs import Kind, LoadSpec, Mode

    spec = LoadSpec(
        source_name="shop",
        table_name="orders",
        declared_in="models/shop.yml",
        kind=Kind.POSTGRES,
        mode=Mode.INCREMENTAL,
        connection="BENCH_DB",
        table="orders",
        cursor="seen",
        key=("i",),
    )
    folder = TableFolder(project(), "shop", "orders")
    with storage.connect(None) as connection:
        connection.execute("set preserve_insertion_order = false")
        connection.execute("load postgres_scanner")
        connection.execute("select $one", {"one": 1})
        started = time.perf_counter()
        with folder.lock():
            part = load_database_table(Session(connection), spec, folder, folder.read(), now=datetime.now(UTC))
        print(f"seconds={time.perf_counter() - started}")
    print(f"rows={part.row_count}")


@contextmanager
def postgres(binaries: Path) -> Iterator[str]:
    """A server of its own on loopback, and how to connect to it."""
    folder = OUT / "postgres"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    # PostgreSQL refuses to run as root.
    is_root = os.getuid() == 0
    words = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups") if is_root else ()
    if is_root:
        shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    make = [*words, f"{binaries}/initdb", "-D", f"{folder}/data", "-U", "bench", "-A", "trust", "--no-sync"]
    subprocess.run(make, check=True, capture_output=True)
    options = [f"-p{port}", "-clisten_addresses=127.0.0.1", "-cunix_socket_directories=", "-cfsync=off"]
    with (OUT / "postgres.log").open("wb") as log:
        server = subprocess.Popen([*words, f"{binaries}/postgres", "-D", f"{folder}/data", *options], stderr=log)
    try:
        yield f"host=127.0.0.1 port={port} user=bench dbname=postgres"
    finally:
        server.send_signal(signal.SIGINT)  # the kind of shutdown that does not wait for connections
        server.wait()


def fill(connection_text: str) -> Any:
    """Makes the table; returns a function that runs SQL on the server."""
    import psycopg

    deadline = time.monotonic() + 30
    while True:
        try:
            connection = psycopg.connect(connection_text, autocommit=True)
            break
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    connection.execute(f"create table orders as select {VALUES}, {AT} from generate_series(1, {ROWS}) i")
    connection.execute("create index on orders (seen)")
    return connection.execute


def bound_loads(binaries: Path) -> list[bool]:
    with postgres(binaries) as text:
        os.environ["BENCH_DB"] = text
        execute = fill(text)
        bare: list[Measurement] = []
        ours: list[Measurement] = []
        for _ in range(3):
            shutil.rmtree(FOLDER / "var", ignore_errors=True)
            bare.append(run_process(SCRIPT, "copy"))
            ours.append(run_process(SCRIPT, "load"))
        execute(f"insert into orders select {VALUES}, {AT} from generate_series({ROWS + 1}, {ROWS * 101 // 100}) i")
        newer = run_process(SCRIPT, "load")
        assert f"rows={ROWS // 100}" in newer.output, newer.output
    floor, first = min(one.seconds for one in bare), min(one.seconds for one in ours)
    print(f"{ROWS:,} rows: bare copy {floor:.2f} s, load {first:.2f} s, load of 1 % more {newer.seconds:.2f} s")
    print(f"peak memory: {max(one.peak_mb for one in ours):.0f} MB, bare {max(one.peak_mb for one in bare):.0f} MB")
    return [
        print_bound("load of a PostgreSQL table / bare copy of it to Parquet", first / floor, 1.3),
        print_bound("load of 1 % new rows / bare copy of the table", newer.seconds / floor, 0.3),
    ]


def main() -> int:
    if len(sys.argv) > 1:
        {"scan": scan, "inspect": inspect, "copy": copy, "load": load}[sys.argv[1]]()
        return 0
    make_files()
    scans, looks, again = [], [], []
    for _ in range(3):
        scans.append(run_process(SCRIPT, "scan").seconds)
        shutil.rmtree(FOLDER / "var", ignore_errors=True)
        looks.append(run_process(SCRIPT, "inspect"))
        again.append(run_process(SCRIPT, "inspect").seconds)
    size = sum(path.stat().st_size for path in (FOLDER / "drop").iterdir()) / 1e6
    floor, first = min(scans), min(look.seconds for look in looks)
    print(f"{FILES} files, {size:.0f} MB: scan {floor:.2f} s, look {first:.2f} s, again {min(again):.3f} s")
    print(f"peak memory of a look: {max(look.peak_mb for look in looks):.0f} MB")
    held = [
        print_bound("first look at CSV files / bare scan by read_csv", first / floor, 2.0),
        print_bound("look at files that have not changed / bare scan", min(again) / floor, 0.1),
    ]
    binaries = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"))[::-1]), None)
    if binaries is None:
        print("PostgreSQL is not installed: loads are not measured")
    else:
        held += bound_loads(binaries)
    shutil.rmtree(FOLDER, ignore_errors=True)
    shutil.rmtree(OUT / "postgres", ignore_errors=True)
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
