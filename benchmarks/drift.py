"""Drift of 1,000,000 against 200,000 rows x 20 columns, beside Evidently's data drift preset.

    python benchmarks/drift.py                                 # ours; Evidently too when installed (extra `bench`)
    python benchmarks/drift.py --peer-python OTHER/bin/python  # Evidently from another environment

Ours includes: opening DuckDB, reading both Parquet files, every statistic (Kolmogorov-Smirnov and Wasserstein over all
rows), HTML and JSON written to disk. Evidently's includes: reading both Parquet files with pandas, its preset, HTML and
JSON written. Imports are left out on both sides. Both get the same columns; the key is left out. Evidently trains a
model on the free-text column, which ours compares by its length, so its time without that column is printed too.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

# How the peers' own environments find `measure` is by this folder; they need nothing else of ours.
sys.path.insert(0, str(Path(__file__).parent))

from measure import OUT, print_bound, run_process

FOLDER = OUT / "drift"
TRAIN_ROWS, TEST_ROWS = 1_000_000, 200_000
RATIO, PEAK_MB = 10.0, 700.0
DRIFTED = {"n2", "n8", "n10", "c3", "c5"}
"""Columns of test whose law differs; all others do not."""
NUMBERS = [f"n{index}" for index in range(1, 11)]
CATEGORIES = [f"c{index}" for index in range(1, 7)]


def generate() -> None:
    """Writes both sides, if they are not there: every value is a hash of its row, so they are always the same."""
    import duckdb

    FOLDER.mkdir(parents=True, exist_ok=True)
    if (FOLDER / "test.parquet").is_file():
        return
    connection = duckdb.connect()
    connection.execute(
        "create macro u(i, s) as (hash(i * 1000003 + s * 7919) >> 11)::double / 9007199254740992.0 + 1e-17;"
        "create macro z(i, s) as sqrt(-2 * ln(u(i, s))) * cos(2 * pi() * u(i, s + 500))"
    )
    for name, first, last, d in (("train", 0, TRAIN_ROWS, 0), ("test", TRAIN_ROWS, TRAIN_ROWS + TEST_ROWS, 1)):
        connection.execute(f"""
            copy (
                select
                    i as id,
                    timestamp '2025-01-01' + to_seconds(floor(u(i, 17) * 86400 * 365)::bigint) as ts,
                    u(i, 21) < 0.3 as flag,
                    ['red', 'green', 'blue', 'black', 'white', 'gold', 'grey'][1 + floor(7 * u(i, 18))::int] || ' '
                        || ['shoe', 'shirt', 'lamp', 'chair', 'phone'][1 + floor(5 * u(i, 19))::int] || ' '
                        || ['new', 'used', 'broken', 'as new', 'sale'][1 + floor(5 * u(i, 20))::int] || ' '
                        || floor(1000 * u(i, 22))::int as note,
                    z(i, 1) as n1,
                    exp(0.8 * (z(i, 2) + 0.30 * {d})) as n2,
                    case when u(i, 31) >= 0.10 then -ln(u(i, 3)) * 10 end as n3,
                    tan(pi() * (u(i, 4) - 0.5)) * 0.5 + 100 as n4,
                    floor(-ln(u(i, 5)) * 4)::integer as n5,
                    case when u(i, 61) < 0.6 then 0 else exp(z(i, 6)) end as n6,
                    u(i, 7) * 100 as n7,
                    case when u(i, 81) >= 0.05 + 0.10 * {d} then 50 + 5 * z(i, 8) end as n8,
                    round(exp(3 + 0.5 * z(i, 9)), 2) as n9,
                    z(i, 10) + case when u(i, 101) < 0.10 * {d} then 4 else 0 end as n10,
                    'c1_' || floor(5 * pow(u(i, 11), 1.5))::int as c1,
                    'c2_' || floor(20 * pow(u(i, 12), 2))::int as c2,
                    case when u(i, 131) < 0.10 * {d} then 'c3_0'
                        else 'c3_' || floor(50 * pow(u(i, 13), 2))::int end as c3,
                    case when u(i, 141) >= 0.08 then 'c4_' || floor(200 * pow(u(i, 14), 2))::int end as c4,
                    case when u(i, 151) < 0.03 * {d} then 'new_' || floor(20 * u(i, 152))::int
                        else 'c5_' || floor(1000 * pow(u(i, 15), 2))::int end as c5,
                    'c6_' || floor(5000 * pow(u(i, 16), 2))::int as c6
                from range({first}, {last}) as rows(i)
            ) to '{FOLDER / name}.parquet' (format parquet, compression zstd)
        """)


def run_ours() -> None:
    """One comparison from files to files; prints its seconds and the columns it calls drifted."""
    from warehouse.checks.drift import compare
    from warehouse.checks.drift_verdicts import Verdict
    from warehouse.engine.local import LocalEngine
    from warehouse.reports.drift_json import drift_json
    from warehouse.reports.html import drift_html
    from warehouse.sql import Relation
    from warehouse.storage import connect, write_file

    started = time.perf_counter()
    with connect(None) as connection:
        result = compare(
            LocalEngine(connection),
            Relation.parquet([str(FOLDER / "train.parquet")], name="train"),
            Relation.parquet([str(FOLDER / "test.parquet")], name="test"),
            left_name="train",
            right_name="test",
            excluded={"id": "key"},
            label="flag",
        )
    write_file(FOLDER / "drift.json", drift_json(result))
    write_file(FOLDER / "drift.html", drift_html(result))
    print(f"seconds={time.perf_counter() - started}")
    print("drifted=" + ",".join(sorted(column.name for column in result.with_verdict(Verdict.DRIFTED))))


def run_evidently(*, with_text: bool) -> None:
    """The same for Evidently; prints its seconds and the columns whose test failed."""
    import json
    import warnings

    warnings.filterwarnings("ignore")
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    started = time.perf_counter()
    texts = ["note"] if with_text else []
    columns = ["ts", "flag", *NUMBERS, *CATEGORIES, *texts]
    train, test = (pd.read_parquet(FOLDER / f"{name}.parquet", columns=columns) for name in ("train", "test"))
    definition = DataDefinition(
        timestamp="ts", numerical_columns=NUMBERS, categorical_columns=[*CATEGORIES, "flag"], text_columns=texts
    )
    snapshot = Report([DataDriftPreset()], include_tests=True).run(
        current_data=Dataset.from_pandas(test, data_definition=definition),
        reference_data=Dataset.from_pandas(train, data_definition=definition),
    )
    text = snapshot.json()
    (FOLDER / "evidently.json").write_text(text)
    snapshot.save_html(str(FOLDER / "evidently.html"))
    print(f"seconds={time.perf_counter() - started}")
    failed = [test for test in json.loads(text)["tests"] if str(test["status"]).upper().endswith("FAIL")]
    named = {column for column in columns for test in failed if test["name"] == f"Value Drift for column {column}"}
    print("drifted=" + ",".join(sorted(named)))


def verdicts(output: str) -> str:
    """How the columns called drifted compare with those that are."""
    line = next(line for line in output.splitlines() if line.startswith("drifted="))
    called = set(filter(None, line.removeprefix("drifted=").split(",")))
    return f"missed {sorted(DRIFTED - called) or 'none'}, false alarms {sorted(called - DRIFTED) or 'none'}"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("side", nargs="?", choices=["ours", "evidently", "evidently-without-text"])
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    if options.side:
        if options.side == "ours":
            run_ours()
        else:
            run_evidently(with_text=options.side == "evidently")
        return 0
    generate()
    ours = run_process(__file__, "ours", repeat=options.repeat)
    print(f"ours       {ours.seconds:8.2f} s  {ours.peak_mb:8.0f} MB  {verdicts(ours.output)}")
    holds = [print_bound("drift, 1M against 200k rows x 20 columns: peak memory", ours.peak_mb, PEAK_MB, unit="MB")]
    probe = subprocess.run([options.peer_python, "-c", "import evidently"], capture_output=True)
    if probe.returncode:
        print("skip  Evidently is not installed: pip install 'ml-warehouse[bench]', or give --peer-python")
    else:
        peer = run_process(options.peer_python, __file__, "evidently")
        print(f"evidently  {peer.seconds:8.2f} s  {peer.peak_mb:8.0f} MB  {verdicts(peer.output)}")
        bare = run_process(options.peer_python, __file__, "evidently-without-text")
        print(f"  without the text column {bare.seconds:.2f} s, {bare.seconds / ours.seconds:.2f} x ours with it")
        ratio = peer.seconds / ours.seconds
        holds.append(print_bound("drift: times faster than Evidently's preset", ratio, RATIO, at_least=True))
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
