"""Splitting by customer and writing Parquet, 5 and 20 million rows x 12 columns: ours, scikit-learn, Hugging Face.

    python benchmarks/peers_split.py   # needs the extra `bench` (scikit-learn, datasets)

Ours is the whole `export_dataset` by a hash of the customer: checks, splits, labels, checksums, fsync, manifest. The
peers read the same rows from a Parquet file and write one per split: pandas with `GroupShuffleSplit`, which keeps
customers whole (zstd, as ours), and Hugging Face's `train_test_split`, which has no groups (its own codec, snappy).
Each runs in a process of its own, imports left out, one after the other in one run; each may take ten minutes and four
fifths of the free memory.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from export import FOLDER, database_path, make_project_apart, project_path, run_export
from measure import Measurement, run_process

SCRIPT = str(Path(__file__))
LIMIT_SECONDS = int(os.environ.get("BENCHMARK_LIMIT", "600"))
SIDES = {
    "ours": "ml-warehouse, export by hash of the customer",
    "sklearn": "pandas + scikit-learn GroupShuffleSplit + to_parquet",
    "hugging_face": "Hugging Face train_test_split + to_parquet (no groups)",
}
SEED = 0


def source_path(row_count: int) -> Path:
    return project_path(row_count) / "source.parquet"


def make_source(row_count: int) -> None:
    """The table's rows as one Parquet file; made once."""
    import duckdb

    target = source_path(row_count)
    if target.is_file():
        return
    with duckdb.connect(str(database_path(row_count)), read_only=True) as connection:
        connection.execute("set memory_limit = '400MB'")
        connection.execute(f"copy examples to '{target}.partial' (format parquet, compression zstd)")
    Path(f"{target}.partial").rename(target)


def run_sklearn(row_count: int) -> None:
    import pandas
    import pyarrow.parquet  # noqa: F401  # pandas imports it when it first reads
    from sklearn.model_selection import GroupShuffleSplit

    folder = empty_folder("sklearn")
    started = time.perf_counter()
    frame = pandas.read_parquet(source_path(row_count))
    parts = {}
    for name, share in (("test", 0.1), ("dev", 0.1 / 0.9)):
        cut = GroupShuffleSplit(n_splits=1, test_size=share, random_state=SEED)
        stays, cut_off = next(cut.split(frame, groups=frame["customer_id"]))
        parts[name], frame = frame.iloc[cut_off], frame.iloc[stays]
    for name, part in {**parts, "train": frame}.items():
        part.to_parquet(folder / f"{name}.parquet", compression="zstd", index=False)
    print(f"seconds={time.perf_counter() - started}")


def run_hugging_face(row_count: int) -> None:
    import datasets

    datasets.disable_progress_bars()
    folder = empty_folder("hugging_face")
    started = time.perf_counter()
    rows = datasets.Dataset.from_parquet(str(source_path(row_count)), cache_dir=str(folder / "cache"))
    parts = {}
    for name, share in (("test", 0.1), ("dev", 0.1 / 0.9)):
        cut = rows.train_test_split(test_size=share, seed=SEED)
        parts[name], rows = cut["test"], cut["train"]
    for name, part in {**parts, "train": rows}.items():
        part.to_parquet(folder / f"{name}.parquet")
    print(f"seconds={time.perf_counter() - started}")


def empty_folder(side: str) -> Path:
    folder = FOLDER / "peers" / side
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def limit_memory() -> None:
    """Keeps a peer from taking the machine down: it fails when four fifths of what is free are gone."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    resource.setrlimit(resource.RLIMIT_DATA, (free * 4 // 5, free * 4 // 5))


def measured(side: str, row_count: int) -> Measurement | str:
    """What the side cost, or why it did not finish."""
    try:
        # NOTE: `timeout` waits for its child, so the child's peak is in what is measured.
        return run_process("timeout", str(LIMIT_SECONDS), sys.executable, SCRIPT, side, str(row_count))
    except SystemExit as stop:
        timed_out = " exited with 124" in str(stop)
        return f"not done after {LIMIT_SECONDS // 60} minutes" if timed_out else "failed, see above"


def main() -> None:
    if len(sys.argv) > 1:
        side, row_count = sys.argv[1], int(sys.argv[2])
        if side == "source":
            return make_source(row_count)
        if side == "ours":
            return run_export(row_count, "group")
        limit_memory()
        return run_sklearn(row_count) if side == "sklearn" else run_hugging_face(row_count)
    sizes = [int(size) for size in os.environ.get("BENCHMARK_ROWS", "5000000,20000000").split(",")]
    print("| rows | side | seconds | peak MB | times ours |")
    print("|---:|---|---:|---:|---:|")
    for row_count in sizes:
        make_project_apart(row_count)
        run_process(SCRIPT, "source", str(row_count))
        base = None
        for side, title in SIDES.items():
            found = measured(side, row_count)
            shutil.rmtree(FOLDER / "peers", ignore_errors=True)
            if isinstance(found, str):
                print(f"| {row_count // 1_000_000}M | {title} | {found} | | |", flush=True)
                continue
            base = base or found.seconds
            numbers = f"{found.seconds:.1f} | {found.peak_mb:,.0f} | {found.seconds / base:.1f}"
            print(f"| {row_count // 1_000_000}M | {title} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
