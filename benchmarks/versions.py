"""What versions cost: `verify` against `sha256sum -c`, and the space of a version that repeats 90 % of its files.

Bounds: `verify` takes at most 1.2 times what `sha256sum` takes for the same files, one after the other; a version of
which only dev changed, a tenth of the rows, takes at most 13 % of the space of a whole one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from measure import OUT, print_bound, run_process

FOLDER = OUT / "versions"
ROWS = int(os.environ.get("BENCHMARK_ROWS", "5000000").split(",")[0])
SCRIPT = str(Path(__file__))
TABLE = """
create or replace table examples as
select
    i as id, case when i % 10 = 0 then 'dev' when i % 10 = 1 then 'test' else 'train' end as part,
    md5(i::varchar) as a, md5('x' || i) as b, hash(i) / 1e19 as x, hash(i + {shift} * (i % 10 = 0)::int) / 1e19 as y
from range({rows}) as r(i)
"""


def make_build(build: str, *, shift: int) -> None:
    import duckdb

    folder = FOLDER / "var/warehouse/builds" / build
    (folder / "dbt").mkdir(parents=True)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(TABLE.format(rows=ROWS, shift=shift))
    dataset = {"key": "id", "split": {"method": "column", "column": "part"}}
    exposure = {
        **{"name": "late", "type": "ml", "original_file_path": "models/_exposures.yml", "meta": {"dataset": dataset}},
        "depends_on": {"nodes": ["model.bench.examples"]},
    }
    model = {
        **{"name": "examples", "schema": "main", "resource_type": "model", "original_file_path": "models/examples.sql"},
        "config": {"materialized": "table"},
    }
    document = {
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "project_name": "bench"},
        **{"nodes": {"model.bench.examples": model}, "sources": {}, "exposures": {"exposure.bench.late": exposure}},
    }
    (folder / "dbt/manifest.json").write_text(json.dumps(document))


def make() -> None:
    from warehouse.exports.export import export_dataset
    from warehouse.project import Project

    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    (FOLDER / "dbt_project.yml").write_text("name: bench\n")
    for build, shift in (("20261123T000001Z", 0), ("20261123T000002Z", 1)):
        make_build(build, shift=shift)
        export_dataset(Project.find(FOLDER), "late", now=datetime.now(UTC), build=build)


def verify() -> None:
    from warehouse.datasets.manifest import manifest_schema
    from warehouse.datasets.verification import verify_version
    from warehouse.datasets.versions import find_version
    from warehouse.project import Project

    manifest_schema()  # imports pydantic and builds its validators
    started = time.perf_counter()
    result = verify_version(find_version(Project.find(FOLDER), "late@1.1.0"))
    print(f"seconds={time.perf_counter() - started}")
    assert not result.findings


def blocks(*folders: Path) -> int:
    """Bytes on the disk, every inode once."""
    states = {path.stat().st_ino: path.stat() for folder in folders for path in folder.rglob("*") if path.is_file()}
    return sum(state.st_blocks * 512 for state in states.values())


def main() -> None:
    if len(sys.argv) > 1:
        return make() if sys.argv[1] == "make" else verify()
    run_process(SCRIPT, "make")
    first, second = (FOLDER / "var/datasets/late" / number for number in ("1.0.0", "1.1.0"))
    ours = run_process(SCRIPT, "verify", repeat=3)
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=second, check=True)
        seconds.append(time.perf_counter() - started)
    size = sum(path.stat().st_size for path in second.rglob("*.parquet"))
    print(f"      verify {ours.seconds:.2f} s, sha256sum {min(seconds):.2f} s, {size / 2**20:.0f} MiB")
    holds = [
        print_bound("verify / sha256sum -c of the same files", ours.seconds / min(seconds), 1.2),
        print_bound(
            "a version that repeats 90 % of its rows' files",
            (blocks(first, second) - blocks(first)) / blocks(second),
            0.13,
        ),
    ]
    sys.exit(0 if all(holds) else 1)


if __name__ == "__main__":
    main()
