"""Leaks between 1,000,000 and 200,000 rows x 20 columns, beside deepchecks' train-test validation suite.

    python benchmarks/leakage.py                                 # ours alone
    python benchmarks/leakage.py --peer-python OTHER/bin/python  # deepchecks from an environment of its own
    python benchmarks/leakage.py --cases --peer-python ...       # which planted defects each of them finds

Ours includes reading both Parquet files, every check over all rows, and the JSON report; deepchecks' includes reading
both files with pandas and its suite as it comes, which looks at a sample for most checks. Imports are left out on both
sides. deepchecks 0.19 needs numpy < 2, scikit-learn < 1.6, pandas < 2.3 and setuptools < 81.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from measure import OUT, print_bound, run_process

FOLDER = OUT / "leakage"
DATA = OUT / "drift"
RATIO, PEAK_MB = 20.0, 700.0
CATEGORIES = [f"c{index}" for index in range(1, 7)]
CASE_ROWS = (20_000, 5_000)

BASE = {
    "id": "i",
    "moment": "timestamp '2025-01-01' + to_seconds(i * 60)",
    "label": "u(i, 1) < 0.3",
    "number": "z(i, 2)",
    "count": "floor(-ln(u(i, 3)) * 400)::integer",
    "word": "'word ' || floor(20 * pow(u(i, 4), 2))::int",
    "kind": "'kind ' || chr(97 + floor(5 * u(i, 5))::int)",
}
"""Columns that tell nothing about each other; test is later than train."""

CASES: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "none": ({}, {}, ""),
    "IndexTrainTestLeakage": (
        {},
        {},
        "select * replace (number + 1 as number, moment + interval 30 day as moment) from train where id % 40 = 0",
    ),
    "DateTrainTestLeakageDuplicates": ({}, {"moment": "timestamp '2025-01-01' + to_seconds((i % 5000) * 60)"}, ""),
    "DateTrainTestLeakageOverlap": ({}, {"moment": "timestamp '2025-01-10' + to_seconds((i - 20000) * 60 + 7)"}, ""),
    "TrainTestSamplesMix": (
        {},
        {},
        "select * replace (id + 900000 as id, moment + interval 30 day as moment) from train where id % 20 = 0",
    ),
    "ConflictingLabels": (
        {},
        {},
        "select * replace (id + 900000 as id, moment + interval 30 day as moment, not label as label) from train"
        " where id % 40 = 0",
    ),
    "FeatureLabelCorrelation": (
        {"kind": "case when u(i, 1) < 0.3 then 'kind a' else 'kind b' end"},
        {"kind": "case when u(i, 1) < 0.3 then 'kind a' else 'kind b' end"},
        "",
    ),
    "FeatureLabelCorrelationChange": (
        {"number": "case when u(i, 1) < 0.3 then 3 + z(i, 2) else z(i, 2) - 1 end"},
        {},
        "",
    ),
    "IdentifierLabelCorrelation": (
        {"id": "case when u(i, 1) < 0.3 then i else 100000 + i end"},
        {"id": "case when u(i, 1) < 0.3 then 50000 + i else 150000 + i end"},
        "",
    ),
    "NewLabelTrainTest": (
        {"label": "case when u(i, 1) < 0.3 then 'yes' else 'no' end"},
        {"label": "case when u(i, 1) < 0.3 then 'yes' when u(i, 1) < 0.35 then 'perhaps' else 'no' end"},
        "",
    ),
    "NewCategoryTrainTest": ({}, {"kind": "case when u(i, 9) < 0.05 then 'kind z' else 'kind a' end"}, ""),
    "StringMismatchComparison": (
        {},
        {"kind": "case when u(i, 9) < 0.1 then 'KIND  A' else 'kind ' || chr(97 + floor(5 * u(i, 5))::int) end"},
        "",
    ),
    "FeatureDrift": ({}, {"number": "2 + z(i, 2)"}, ""),
    "LabelDrift": ({}, {"label": "u(i, 1) < 0.7"}, ""),
    "DatasetsSizeComparison": ({}, {}, "small"),
    "DataDuplicates": (
        {},
        {},
        " union all ".join(
            f"select * replace (id + {first} as id, moment + interval 30 day as moment) from train where id % 9 = 1"
            for first in (900000, 930000)
        ),
    ),
    "SpecialCharacters": (
        {},
        {"word": "case when u(i, 9) < 0.2 then '@!' else 'word ' || floor(20 * pow(u(i, 4), 2))::int end"},
        "",
    ),
    "MultivariateDrift": ({}, {"number": "2 + z(i, 2)", "count": "floor(-ln(u(i, 3)) * 900)::integer"}, ""),
}
"""What each check of deepchecks is to find: columns of train, of test, and rows that test has besides."""


def plant(folder: Path) -> None:
    import duckdb

    connection = duckdb.connect()
    connection.execute(
        "create macro u(i, s) as (hash(i * 1000003 + s * 7919) >> 11)::double / 9007199254740992.0 + 1e-17;"
        "create macro z(i, s) as sqrt(-2 * ln(u(i, s))) * cos(2 * pi() * u(i, s + 500))"
    )
    rows, tested = CASE_ROWS
    for name, (train, test, more) in CASES.items():
        count = 100 if more == "small" else tested
        for split, columns, first, last in (("train", train, 0, rows), ("test", test, rows, rows + count)):
            listed = ", ".join(f'{sql} as "{column}"' for column, sql in {**BASE, **columns}.items())
            connection.execute(f"create or replace table {split} as select {listed} from range({first}, {last}) t(i)")
        if more and more != "small":
            connection.execute(f"insert into test {more}")
        (folder / name).mkdir(parents=True, exist_ok=True)
        for split in ("train", "test"):
            connection.execute(f"copy {split} to '{folder / name / split}.parquet' (format parquet)")


def find_cases() -> dict[str, list[str]]:
    """The findings of ours on every case: of `leakage` by name, of `drift` with the column."""
    from datetime import UTC, datetime

    from warehouse.checks.drift.comparison import compare
    from warehouse.checks.drift.verdicts import Verdict
    from warehouse.checks.leakage.search import find_leaks
    from warehouse.datasets.spec import DatasetSpec, TimeSplit
    from warehouse.engine.local import LocalEngine
    from warehouse.sql import Relation
    from warehouse.storage import connect

    cutoff = datetime(2025, 1, 14, 21, 20, tzinfo=UTC)
    spec = DatasetSpec(
        name="case",
        model="m",
        key=("id",),
        label="label",
        time="moment",
        split=TimeSplit(cutoffs={"test": cutoff}, salt="s"),
    )
    found: dict[str, list[str]] = {}
    for name in CASES:
        sides = {
            split: Relation.parquet([str(FOLDER / "cases" / name / f"{split}.parquet")], name=split)
            for split in ("train", "test")
        }
        with connect(None) as connection:
            engine = LocalEngine(connection)
            leaks = find_leaks(engine, sides, spec)
            drift = compare(
                engine,
                sides["train"],
                sides["test"],
                left_name="train",
                right_name="test",
                excluded={"id": "key", "moment": "time"},
                label="label",
            )
        found[name] = [finding.check for finding in leaks.findings]
        found[name] += [f"drift of {column.name}" for column in drift.with_verdict(Verdict.DRIFTED)]
    return found


def run_peer_cases() -> None:
    """Prints which checks of deepchecks' suites fail on every case, as JSON."""
    import warnings

    warnings.filterwarnings("ignore")
    import pandas as pd
    from deepchecks.tabular import Dataset
    from deepchecks.tabular.suites import data_integrity, train_test_validation

    found: dict[str, list[str]] = {}
    for name in CASES:
        sides = []
        for split in ("train", "test"):
            frame = pd.read_parquet(FOLDER / "cases" / name / f"{split}.parquet")
            if frame["label"].dtype == bool:
                frame["label"] = frame["label"].astype(int)
            sides.append(
                Dataset(frame, label="label", index_name="id", datetime_name="moment", cat_features=["word", "kind"])
            )
        found[name] = []
        for suite in (train_test_validation(), data_integrity()):
            for check in suite.run(train_dataset=sides[0], test_dataset=sides[1]).results:
                failed = [c for c in getattr(check, "conditions_results", []) if c.category.name not in ("PASS",)]
                if failed:
                    found[name].append(type(check.check).__name__)
        found[name] = sorted(set(found[name]))
    print("found=" + json.dumps(found))


def run_ours() -> None:
    from warehouse.checks.leakage.search import find_leaks
    from warehouse.datasets.spec import DatasetSpec, HashSplit
    from warehouse.engine.local import LocalEngine
    from warehouse.reports.leakage_json import leakage_json
    from warehouse.sql import Relation
    from warehouse.storage import connect, write_file

    spec = DatasetSpec(
        name="bench",
        model="m",
        key=("id",),
        label="flag",
        time="ts",
        split=HashSplit(shares={"train": 0.8, "test": 0.2}, salt="s"),
    )
    started = time.perf_counter()
    with connect(None, memory_limit="350MB") as connection:
        result = find_leaks(
            LocalEngine(connection),
            {name: Relation.parquet([str(DATA / f"{name}.parquet")], name=name) for name in ("train", "test")},
            spec,
        )
    write_file(FOLDER / "leakage.json", leakage_json(result))
    print(f"seconds={time.perf_counter() - started}")
    print("found=" + ",".join(finding.check for finding in result.findings))


def run_peer() -> None:
    import warnings

    warnings.filterwarnings("ignore")
    import pandas as pd
    from deepchecks.tabular import Dataset
    from deepchecks.tabular.suites import train_test_validation

    started = time.perf_counter()
    sides = []
    for name in ("train", "test"):
        frame = pd.read_parquet(DATA / f"{name}.parquet").drop(columns="note")
        frame["flag"] = frame["flag"].astype(int)
        sides.append(Dataset(frame, label="flag", index_name="id", datetime_name="ts", cat_features=CATEGORIES))
    train_test_validation().run(train_dataset=sides[0], test_dataset=sides[1])
    print(f"seconds={time.perf_counter() - started}")


def run(mode: str, *, python: str | None = None) -> Any:
    return run_process(*((python,) if python else ()), str(Path(__file__)), "--run", mode)


def print_cases(peer: str | None) -> None:
    plant(FOLDER / "cases")
    ours = find_cases()
    theirs: dict[str, list[str]] = {}
    if peer:
        output = run("peer-cases", python=peer).output
        theirs = json.loads(
            next(line for line in output.splitlines() if line.startswith("found=")).removeprefix("found=")
        )
    print("| defect | deepchecks | ours |\n|---|---|---|")
    for name in CASES:
        print(f"| {name} | {', '.join(theirs.get(name, []))} | {', '.join(ours[name])} |")


def main() -> int:
    """Exit 1 when a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", help="interpreter of an environment with deepchecks")
    parser.add_argument("--cases", action="store_true", help="compare what is found, not how long it takes")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    modes = {"ours": run_ours, "peer": run_peer, "peer-cases": run_peer_cases}
    if options.run:
        modes[options.run]()
        return 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    if options.cases:
        print_cases(options.peer_python)
        return 0
    subprocess.run([sys.executable, "-c", "import drift; drift.generate()"], cwd=Path(__file__).parent, check=True)
    ours = run("ours")
    print(f"ours                {ours.seconds:8.1f} s {ours.peak_mb:8.0f} MB peak")
    held = [print_bound("ours: peak memory", ours.peak_mb, PEAK_MB, unit="MB")]
    if options.peer_python:
        peer = run("peer", python=options.peer_python)
        print(f"deepchecks          {peer.seconds:8.1f} s {peer.peak_mb:8.0f} MB peak")
        held.append(print_bound("deepchecks / ours", peer.seconds / ours.seconds, RATIO, at_least=True))
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
