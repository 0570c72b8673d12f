"""A model's predictions of 10 million rows, joined and diagnosed, beside the bare join of the same files.

    python benchmarks/diagnosis.py                  # 10 million rows
    python benchmarks/diagnosis.py --rows 2000000   # fewer

The bare join is one query of DuckDB, with the same memory and threads: every split joined to the predictions by key,
and of each split how many rows were predicted, how many of them wrong, and the mean probability. Ours also reads the
predictions for faults, finds the classes, measures errors with intervals, 15 bins of probabilities and an exact AUC in
every split, the gaps and what they mean, and writes JSON. Imports are left out on both sides. Both run by turns, so
that a busy machine slows both, and processor time is what counts.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))

from measure import OUT, Measurement, print_bound, run_process

RATIO, PEAK_MB = 3.0, 1_500.0
MEMORY_LIMIT = "1GB"
SHARES = {"train": 0.8, "train_dev": 0.04, "dev": 0.08, "test": 0.08}
ROUNDS = 3


def folder(rows: int) -> Path:
    return OUT / "diagnosis" / str(rows)


def generate(rows: int) -> None:
    """Rows of four splits, by a hash of their key; a customer has ten. Predictions are in the order of the key."""
    import duckdb

    target = folder(rows)
    if (target / "predictions.parquet").is_file():
        return
    target.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(
            "set memory_limit = '2GB'; set preserve_insertion_order = true;"
            "create macro u(i, s) as (hash(i * 1000003 + s * 7919) >> 11)::double / 9007199254740992.0"
        )
        least = 0.0
        for split, share in SHARES.items():
            connection.execute(
                "copy (select i as id, i // 10 as owner, u(i, 1) < 0.2 as flag, u(i, 2) as number,"
                f" floor(u(i, 3) * 100)::int as count from range({rows}) t(i)"
                f" where u(i, 0) >= {least} and u(i, 0) < {least + share}) to '{target / split}.parquet'"
            )
            least += share
        connection.execute(
            f"copy (select i as id, ((u(i, 1) < 0.2)::int + 2 * u(i, 4)) / 3 as probability from range({rows}) t(i))"
            f" to '{target / 'predictions'}.parquet'"
        )


def run_bare(rows: int) -> None:
    from warehouse.storage import connect

    target = folder(rows)
    splits = " union all ".join(f"select '{split}' as s, id, flag from '{target / split}.parquet'" for split in SHARES)
    with connect(None, memory_limit=MEMORY_LIMIT, temporary_path=target / "bare") as connection:
        start = Clock()
        connection.execute(
            f"""
            select
                s,
                count(*),
                count(probability),
                avg(((probability >= 0.5) <> flag)::int),
                avg(probability),
            from ({splits}) as split_rows
            left join '{target / "predictions.parquet"}' as predictions on split_rows.id = predictions.id
            group by s
            """
        ).fetchall()
        start.print()


def run_ours(rows: int, *, groups: tuple[str, ...] = ()) -> None:
    import numpy  # noqa: F401 - imports are left out of the time

    from warehouse.checks.diagnosis.diagnose import diagnose
    from warehouse.datasets.spec import ColumnSplit, DatasetSpec
    from warehouse.engine.local import LocalEngine
    from warehouse.reports.diagnosis_json import diagnosis_json
    from warehouse.sql import Relation
    from warehouse.storage import connect, write_file

    target = folder(rows)
    spec = DatasetSpec(name="d", model="m", key=("id",), label="flag", groups=groups, split=ColumnSplit(column="part"))
    splits = {split: Relation.parquet([str(target / f"{split}.parquet")], name=split) for split in SHARES}
    with connect(None, memory_limit=MEMORY_LIMIT, temporary_path=target / "ours", ordered=False) as connection:
        start = Clock()
        result = diagnose(
            LocalEngine(connection),
            splits,
            spec,
            Relation.parquet([str(target / "predictions.parquet")], name="predictions"),
        )
        write_file(target / "diagnosis.json", diagnosis_json(result))
        start.print()


class Clock:
    """Wall and processor time since it was made."""

    def __init__(self) -> None:
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def print(self) -> None:
        """What `run_process` reads."""
        print(f"wall={time.perf_counter() - self._wall}")
        print(f"seconds={time.process_time() - self._processor}")


def run(mode: str, rows: int) -> Measurement:
    return run_process(str(Path(__file__)), "--run", mode, "--rows", str(rows))


def main() -> int:
    """Exit 1 when a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="runs of each side; the medians count")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    modes = {
        "bare": lambda: run_bare(options.rows),
        "ours": lambda: run_ours(options.rows),
        "grouped": lambda: run_ours(options.rows, groups=("owner",)),
    }
    if options.run:
        modes[options.run]()
        return 0
    generate(options.rows)
    found: dict[str, list[Measurement]] = {mode: [] for mode in modes}
    for _ in range(options.rounds):
        for mode, measured in found.items():
            measured.append(run(mode, options.rows))
    seconds = {mode: median(each.seconds for each in measured) for mode, measured in found.items()}
    peaks = {mode: max(each.peak_mb for each in measured) for mode, measured in found.items()}
    for mode in modes:
        print(f"{mode:<8} {seconds[mode]:8.2f} s of processor time {peaks[mode]:8.0f} MB peak")
    print(f"by group, groups of ten rows: {seconds['grouped'] / seconds['bare']:.2f} x the bare join")
    held = [
        print_bound("joined and diagnosed / bare join", seconds["ours"] / seconds["bare"], RATIO),
        print_bound("peak memory", max(peaks["ours"], peaks["grouped"]), PEAK_MB, unit="MB"),
    ]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
