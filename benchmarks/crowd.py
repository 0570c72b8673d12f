"""Many at once: readers, exporters and a builder on one warehouse, for as long as one likes.

    python benchmarks/crowd.py --seconds 600

Every reader checks what it reads: all tables of one build are from one delivery of rows. Every export is verified.
Prints how long opening took at most, and what each process needed; exits with 1 when anything went wrong, or when a
reader waited longer than nobody waits who is not blocked.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

TINY = Path(__file__).parent.parent / "tests" / "projects" / "tiny"
EXPOSURE = """\
  - name: {name}
    type: ml
    owner: {{name: crowd}}
    depends_on: [ref('orders')]
    config:
      meta:
        dataset: {{key: order_id, split: {{method: hash, shares: {{train: 0.8, dev: 0.1, test: 0.1}}}}}}
"""
THINK_SECONDS = 0.05
"""Between two readings of one reader, who looks at what was read."""


def make_project(root: Path, *, exporters: int, rows: int) -> None:
    shutil.copytree(TINY, root)
    names = [f"orders_{number}" for number in range(exporters)]
    (root / "models/exposures.yml").write_text("exposures:\n" + "".join(EXPOSURE.format(name=name) for name in names))
    models = (root / "models/models.yml").read_text()
    (root / "models/models.yml").write_text(models[: models.index("unit_tests:")])
    deliver(root, rows)


def deliver(root: Path, rows: int) -> None:
    """A new delivery, whole in one rename: so many orders, each of the amount that counts the deliveries' rows."""
    path = root / "data/orders.csv"
    new = path.with_name("orders.new")
    with new.open("w") as file:
        file.write("order_id,customer,amount\n")
        file.writelines(f"{number},customer{number % 100},{rows}\n" for number in range(rows))
    new.rename(path)


def check_one_delivery(connection: Any) -> None:
    """All tables come from the same rows: each amount says how many there are."""
    (facts,) = connection.execute(
        "select (select count(*) from orders), (select min(amount) from orders), (select max(amount) from orders),"
        " (select sum(amount) from customers)"
    ).fetchall()
    count, least, most, total = facts
    assert count == least == most, facts
    assert total == count * count, facts


def read_current(root: Path) -> Iterator[float]:
    """Plain DuckDB on the link, as any tool opens it."""
    import duckdb

    path = str(root / "var/warehouse/current/warehouse.duckdb")
    while True:
        started = time.perf_counter()
        connection = duckdb.connect(path, read_only=True)
        opened = time.perf_counter() - started
        with connection:
            check_one_delivery(connection)
        yield opened


def read_build(root: Path) -> Iterator[float]:
    """The library's own way."""
    from warehouse.project import Project
    from warehouse.published import open_build

    project = Project.find(root)
    while True:
        started = time.perf_counter()
        _, connection = open_build(project)
        opened = time.perf_counter() - started
        with connection:
            check_one_delivery(connection)
        yield opened


def read_long(root: Path) -> Iterator[float]:
    """Somebody who keeps what was opened through several builds, and reads the same all the time."""
    from warehouse.project import Project
    from warehouse.published import open_build

    project = Project.find(root)
    while True:
        started = time.perf_counter()
        _, connection = open_build(project)
        opened = time.perf_counter() - started
        with connection:
            counts = set()
            for _ in range(40):
                check_one_delivery(connection)
                counts.add(connection.execute("select count(*) from orders").fetchall()[0])
                time.sleep(5 * THINK_SECONDS)
            assert len(counts) == 1, counts
        yield opened


def ask(root: Path) -> Iterator[float]:
    """`warehouse sql`, opened anew for each question."""
    from warehouse.project import Project
    from warehouse.questions.session import Subject, open_session

    project = Project.find(root)
    while True:
        started = time.perf_counter()
        with open_session(project, Subject()) as session:
            opened = time.perf_counter() - started
            check_one_delivery(session.connection)
        yield opened


def load(root: Path) -> Iterator[float]:
    """The newest version of a dataset, all its rows."""
    from warehouse import load_dataset
    from warehouse.project import Project

    project = Project.find(root)
    while True:
        started = time.perf_counter()
        dataset = load_dataset("orders_0", project=project)
        opened = time.perf_counter() - started
        splits = {name: dataset[name].select("amount").collect() for name in ("train", "dev", "test")}
        counts = {name: rows.height for name, rows in splits.items()}
        amounts = {amount for rows in splits.values() for amount in rows["amount"].unique()}
        assert amounts == {sum(counts.values())}, (counts, amounts)
        yield opened


def export(root: Path, number: int) -> Iterator[float]:
    from warehouse.datasets.verification import verify_version
    from warehouse.datasets.versions import find_version
    from warehouse.exports.export import export_dataset
    from warehouse.project import Project
    from warehouse.retention import clean_up

    project = Project.find(root)
    while True:
        started = time.perf_counter()
        done = export_dataset(project, f"orders_{number}", now=datetime.now(UTC))
        version = find_version(project, f"orders_{number}@{done.manifest.version}")
        findings = verify_version(version).findings
        assert findings == (), findings
        yield time.perf_counter() - started
        if number == 0:
            clean_up(project, now=datetime.now(UTC), keep=3)


def build(root: Path, rows: int) -> Iterator[float]:
    from warehouse.builds import build_warehouse
    from warehouse.project import Project

    project = Project.find(root)
    for more in itertools.count():
        started = time.perf_counter()
        if more:
            deliver(root, rows + more)
        assert build_warehouse(project, now=datetime.now(UTC)).published
        yield time.perf_counter() - started


READERS = (read_current, read_build, ask, load, read_current, read_long, read_current, read_build)
ROLES = {reader.__name__ for reader in READERS}


def work(role: str, steps: Iterator[float], seconds: float) -> dict[str, Any]:
    """Takes steps until the time is over; what they took, and what went wrong."""
    if role != "build":
        next(steps)  # imports are no part of it
    print("ready", flush=True)
    sys.stdin.readline()
    deadline = time.monotonic() + seconds
    waits: list[float] = []
    resident: list[float] = []
    errors = []
    while time.monotonic() < deadline:
        try:
            waits.append(next(steps))
        except Exception:
            errors.append(traceback.format_exc())
            break
        resident.append(memory_mb("VmRSS"))
        if role not in ("build", "export"):
            time.sleep(THINK_SECONDS)
    half = resident[len(resident) // 2 :] or [0]
    return {
        "role": role,
        "count": len(waits),
        "longest": max(waits, default=0.0),
        "p99": sorted(waits)[int(len(waits) * 0.99)] if waits else 0.0,
        "median": sorted(waits)[len(waits) // 2] if waits else 0.0,
        "peak_mb": memory_mb("VmHWM"),
        # The least at either end: what a process holds on to, not what a step needs for a moment.
        "kept_mb": (min(resident[len(resident) // 4 : len(resident) // 2] or [0]), min(half)),
        "errors": errors,
    }


def memory_mb(field: str) -> float:
    """`VmRSS`, what this process has in memory now, or `VmHWM`, what it had at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def run_worker(arguments: argparse.Namespace) -> None:
    kind, _, number = arguments.worker.partition(":")
    root = arguments.project
    steps = {
        "read": lambda: READERS[int(number) % len(READERS)](root),
        "export": lambda: export(root, int(number)),
        "build": lambda: build(root, arguments.rows),
    }[kind]()
    role = READERS[int(number) % len(READERS)].__name__ if kind == "read" else kind
    print(json.dumps(work(role, steps, arguments.seconds)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--exporters", type=int, default=2)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument(
        "--longest", type=float, default=5.0, help="seconds that opening may take, imports and other processes aside"
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--project", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        run_worker(arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        make_project(root, exporters=arguments.exporters, rows=arguments.rows)
        results = run_all(root, arguments)
    if arguments.json:
        print(json.dumps(results))
    else:
        print_results(results)
    blocked = [result for result in results if result["role"] in ROLES and result["longest"] > arguments.longest]
    for result in blocked:
        print(f"{result['role']} waited {result['longest']:.1f} s to open what it reads", file=sys.stderr)
    if blocked or any(result["errors"] or not result["count"] for result in results):
        sys.exit(1)


def run_all(root: Path, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    # A first build and a first version of each, so that nobody finds nothing.
    next(build(root, arguments.rows))
    for number in range(arguments.exporters):
        next(export(root, number))
    names = ["build:0", *(f"export:{number}" for number in range(arguments.exporters))]
    names += [f"read:{number}" for number in range(arguments.readers)]
    words = [sys.executable, __file__, "--project", str(root), "--seconds", str(arguments.seconds)]
    words += ["--rows", str(arguments.rows), "--worker"]
    workers = [
        subprocess.Popen([*words, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for name in names
    ]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()
    for worker in workers:
        assert worker.stdin is not None
        with suppress(BrokenPipeError):  # it has died, and is told of below
            worker.stdin.write("go\n")
            worker.stdin.flush()
    results = []
    for worker in workers:
        out, _ = worker.communicate()
        lines = out.splitlines()
        ended = {"role": "?", "count": 0, "errors": [f"exited with {worker.returncode}"]}
        results.append(json.loads(lines[-1]) if worker.returncode == 0 and lines else ended)
    return results


def print_results(results: list[dict[str, Any]]) -> None:
    print("times that readers needed to open what they read, exporters and the builder for all of their work")
    print(f"{'who':14} {'times':>7} {'median':>9} {'p99':>9} {'longest':>9} {'peak MB':>8}  kept MB")
    for result in results:
        if result["count"]:
            times = " ".join(f"{result[key] * 1000:6.0f} ms" for key in ("median", "p99", "longest"))
            first, last = result["kept_mb"]
            print(
                f"{result['role']:14} {result['count']:7,} {times} {result['peak_mb']:8.0f}  {first:.0f} -> {last:.0f}"
            )
        for error in result["errors"]:
            print(f"{result['role']}: {error}")
    print(f"{sum(len(result['errors']) for result in results)} errors")


if __name__ == "__main__":
    main()
