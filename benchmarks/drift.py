"""Drift of 1,000,000 against 200,000 rows x 20 columns, beside Evidently, deepchecks and frouros.

    python benchmarks/drift.py                                 # ours, and the peers that are installed
    python benchmarks/drift.py --peer-python OTHER/bin/python  # Evidently and frouros from another environment
    python benchmarks/drift.py --deepchecks-python THIRD/bin/python
    python benchmarks/drift.py --scale 10000000 30000000 100000000   # ours alone: time and memory as rows grow
    python benchmarks/drift.py --wide                                # ours alone: 500 columns

Ours includes: opening DuckDB, reading both Parquet files, every statistic (Kolmogorov-Smirnov and Wasserstein over
all rows), HTML and JSON written to disk. Evidently's includes: reading both Parquet files with pandas, its preset,
HTML and JSON written. Libraries are imported before the clock starts, on all sides. All get the same columns; the
key is left out. Evidently trains a model on the free-text column, so its time without that column is printed too.
deepchecks runs its train-test validation suite, as it comes, and its drift checks alone; both look at a sample.
frouros gets no more than its Kolmogorov-Smirnov test of the ten numeric columns, read from the same files by pandas,
and judges nothing: no bins, no intervals, no report. The like of it here is `kolmogorov_smirnov`, the same test of the
same columns of the same files and nothing else, and the bound is on that. How long the whole comparison takes,
of the ten columns and of all twenty, is printed beside it.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# How the peers' own environments find `measure` is by this folder; they need nothing else of ours.
sys.path.insert(0, str(Path(__file__).parent))

from measure import OUT, Measurement, print_bound, run_process

FOLDER = OUT / "drift"
TRAIN_ROWS, TEST_ROWS = 1_000_000, 200_000
EVIDENTLY_RATIO, DEEPCHECKS_RATIO, FROUROS_RATIO, PEAK_MB = 15.0, 40.0, 1.0, 600.0
SCALE_PEAK_MB, LINEAR = 2048.0, 1.3
"""At any number of rows; ten times the rows may take at most 1.3 times ten times the time."""
WIDE_COLUMNS, WIDE_ROWS, WIDE_SECONDS, WIDE_PEAK_MB = 500, 100_000, 120.0, 1500.0
DRIFTED = {"n2", "n8", "n10", "c3", "c5"}
"""Columns of test whose law differs; all others do not."""
NUMBERS = [f"n{index}" for index in range(1, 11)]
CATEGORIES = [f"c{index}" for index in range(1, 7)]


def columns_sql(d: int, salt: int = 0) -> dict[str, str]:
    """Each column's expression; `d` is 1 where those that drift have drifted, other salts give other values."""

    def u(number: int, row: str = "i") -> str:
        return f"u({row}, {number + salt})"

    def z(number: int) -> str:
        return f"z(i, {number + salt})"

    return {
        "ts": f"timestamp '2025-01-01' + to_seconds(floor({u(17)} * 86400 * 365)::bigint)",
        "flag": f"{u(21)} < 0.3",
        "note": f"""['red', 'green', 'blue', 'black', 'white', 'gold', 'grey'][1 + floor(7 * {u(18)})::int] || ' '
            || ['shoe', 'shirt', 'lamp', 'chair', 'phone'][1 + floor(5 * {u(19)})::int] || ' '
            || ['new', 'used', 'broken', 'as new', 'sale'][1 + floor(5 * {u(20)})::int] || ' '
            || floor(1000 * {u(22)})::int""",
        "n1": z(1),
        "n2": f"exp(0.8 * ({z(2)} + 0.30 * {d}))",
        "n3": f"case when {u(31)} >= 0.10 then -ln({u(3)}) * 10 end",
        "n4": f"tan(pi() * ({u(4)} - 0.5)) * 0.5 + 100",
        "n5": f"floor(-ln({u(5)}) * 4)::integer",
        "n6": f"case when {u(61)} < 0.6 then 0 else exp({z(6)}) end",
        "n7": f"{u(7)} * 100",
        "n8": f"case when {u(81)} >= 0.05 + 0.10 * {d} then 50 + 5 * {z(8)} end",
        "n9": f"round(exp(3 + 0.5 * {z(9)}), 2)",
        "n10": f"{z(10)} + case when {u(101)} < 0.10 * {d} then 4 else 0 end",
        "c1": f"'c1_' || floor(5 * pow({u(11)}, 1.5))::int",
        "c2": f"'c2_' || floor(20 * pow({u(12)}, 2))::int",
        "c3": f"case when {u(131)} < 0.10 * {d} then 'c3_0' else 'c3_' || floor(50 * pow({u(13)}, 2))::int end",
        "c4": f"case when {u(141)} >= 0.08 then 'c4_' || floor(200 * pow({u(14)}, 2))::int end",
        "c5": f"case when {u(151)} < 0.03 * {d} then 'new_' || floor(20 * {u(152)})::int"
        f" else 'c5_' || floor(1000 * pow({u(15)}, 2))::int end",
        "c6": f"'c6_' || floor(5000 * pow({u(16)}, 2))::int",
    }


def generate(folder: Path = FOLDER, rows: int = TRAIN_ROWS, *, column_count: int = 20) -> None:
    """Writes both sides, if they are not there: every value is a hash of its row, so they are always the same.

    Test has a fifth of train's rows. Beyond 20, columns are those of other salts.
    """
    if (folder / "test.parquet").is_file():
        return
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute(
        "create macro u(i, s) as (hash(i * 1000003 + s * 7919) >> 11)::double / 9007199254740992.0 + 1e-17;"
        "create macro z(i, s) as sqrt(-2 * ln(u(i, s))) * cos(2 * pi() * u(i, s + 500));"
        "set preserve_insertion_order = false"
    )
    for name, first, last, d in (("train", 0, rows, 0), ("test", rows, rows + rows // 5, 1)):
        columns = {"id": "i", **columns_sql(d)}
        for repeat in range(1, (column_count - 2) // 19 + 1):
            columns |= {f"{column}_{repeat}": sql for column, sql in columns_sql(d, 10_000 * repeat).items()}
        listed = ", ".join(f"{sql} as {column}" for column, sql in list(columns.items())[:column_count])
        # First under another name: a run that was cut short leaves no half of a table.
        half = folder / f"{name}.half"
        connection.execute(
            f"copy (select {listed} from range({first}, {last}) as rows(i))"
            f" to '{half}' (format parquet, compression zstd)"
        )
        half.rename(folder / f"{name}.parquet")


def import_libraries() -> None:
    """What ours needs, so that no import is measured; DuckDB imports pandas, where it is installed, for arrays."""
    for library in ("duckdb", "jinja2", "numpy", "pandas"):
        if importlib.util.find_spec(library):
            importlib.import_module(library)


def run_ours(folder: Path = FOLDER, *, only: Sequence[str] = ()) -> None:
    """One comparison from files to files; prints its seconds and the columns it calls drifted.

    Of all columns but the key, or of these columns `only`.
    """
    import_libraries()
    from warehouse.checks.drift.comparison import compare
    from warehouse.checks.drift.verdicts import Verdict
    from warehouse.engine.local import LocalEngine
    from warehouse.reports.drift_json import drift_json
    from warehouse.reports.html import drift_html
    from warehouse.sql import Relation
    from warehouse.storage import connect, write_file

    started = time.perf_counter()
    with connect(None) as connection:
        result = compare(
            LocalEngine(connection),
            Relation.parquet([str(folder / "train.parquet")], name="train"),
            Relation.parquet([str(folder / "test.parquet")], name="test"),
            left_name="train",
            right_name="test",
            excluded={"id": "key"} | {name: "not asked for" for name in columns_sql(0) if only and name not in only},
            label=None if only else "flag",
        )
    write_file(folder / "drift.json", drift_json(result))
    write_file(folder / "drift.html", drift_html(result))
    print(f"seconds={time.perf_counter() - started}")
    print("drifted=" + ",".join(sorted(column.name for column in result.with_verdict(Verdict.DRIFTED))))


def run_ours_bare() -> None:
    """The Kolmogorov-Smirnov test of each numeric column and nothing else, as frouros gets it; prints its seconds."""
    import_libraries()
    from warehouse.engine.local import LocalEngine
    from warehouse.sql import Relation
    from warehouse.statistics.kolmogorov import kolmogorov_smirnov
    from warehouse.storage import connect

    started = time.perf_counter()
    with connect(None) as connection:
        train, test = (Relation.parquet([str(FOLDER / f"{name}.parquet")], name=name) for name in ("train", "test"))
        found = kolmogorov_smirnov(LocalEngine(connection), train, test, NUMBERS)
    called = [name for name, one in found.items() if one.p_value < 0.05]
    print(f"seconds={time.perf_counter() - started}")
    print("drifted=" + ",".join(called))


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


def run_deepchecks(*, suite: bool) -> None:
    """The suite that compares train and test, or its checks of drift alone; prints its seconds."""
    import warnings

    warnings.filterwarnings("ignore")
    import pandas as pd
    from deepchecks.tabular import Dataset
    from deepchecks.tabular.checks import FeatureDrift, LabelDrift, MultivariateDrift, NewCategoryTrainTest
    from deepchecks.tabular.suites import train_test_validation

    started = time.perf_counter()
    sides = []
    for name in ("train", "test"):
        frame = pd.read_parquet(FOLDER / f"{name}.parquet").drop(columns="note")
        frame["flag"] = frame["flag"].astype(int)
        sides.append(Dataset(frame, label="flag", index_name="id", datetime_name="ts", cat_features=CATEGORIES))
    if suite:
        train_test_validation().run(*sides).save_as_html(str(FOLDER / "deepchecks.html"), as_widget=False)
        print(f"seconds={time.perf_counter() - started}\ndrifted=")
        return
    drift = FeatureDrift().run(*sides).value
    for check in (LabelDrift(), MultivariateDrift(), NewCategoryTrainTest()):
        check.run(*sides)
    print(f"seconds={time.perf_counter() - started}")
    # Its suite's own condition: a drift score below 0.2.
    called = {name for name, found in drift.items() if (found["Drift score"] or 0) >= 0.2}
    print("drifted=" + ",".join(sorted(called)))


def run_frouros() -> None:
    """Its Kolmogorov-Smirnov test of each numeric column and nothing else; prints its seconds."""
    import pandas as pd
    from frouros.detectors.data_drift import KSTest

    started = time.perf_counter()
    train, test = (pd.read_parquet(FOLDER / f"{name}.parquet", columns=NUMBERS) for name in ("train", "test"))
    called = []
    for column in NUMBERS:
        detector = KSTest()
        detector.fit(X=train[column].dropna().to_numpy())
        (result, _) = detector.compare(X=test[column].dropna().to_numpy())
        if result.p_value < 0.05:
            called.append(column)
    print(f"seconds={time.perf_counter() - started}")
    print("drifted=" + ",".join(called))


def verdicts(output: str) -> str:
    """How the columns called drifted compare with those that are."""
    line = next(line for line in output.splitlines() if line.startswith("drifted="))
    called = set(filter(None, line.removeprefix("drifted=").split(",")))
    return f"missed {sorted(DRIFTED - called) or 'none'}, false alarms {sorted(called - DRIFTED) or 'none'}"


def measure_scale(row_counts: Sequence[int]) -> bool:
    """Ours at more and more rows: peak memory, and seconds per row beside the fewest rows'."""
    holds, first = [], None
    for rows in sorted(row_counts):
        folder = OUT / f"drift-{rows}"
        generate(folder, rows)
        run = run_process(__file__, "ours", "--folder", str(folder))
        per_row = run.seconds / rows
        first = first or per_row
        print(f"{rows:>13,} + {rows // 5:,} rows  {run.seconds:8.1f} s  {run.peak_mb:8.0f} MB  {verdicts(run.output)}")
        holds.append(print_bound(f"drift, {rows:,} rows: peak memory", run.peak_mb, SCALE_PEAK_MB, unit="MB"))
        holds.append(print_bound(f"drift, {rows:,} rows: seconds per row, beside the first", per_row / first, LINEAR))
    return all(holds)


def measure_wide() -> bool:
    """Ours on 500 columns."""
    folder = OUT / f"drift-wide-{WIDE_COLUMNS}"
    generate(folder, WIDE_ROWS, column_count=WIDE_COLUMNS)
    run = run_process(__file__, "ours", "--folder", str(folder))
    title = f"drift, {WIDE_COLUMNS} columns x {WIDE_ROWS:,} + {WIDE_ROWS // 5:,} rows"
    return all(
        [
            print_bound(f"{title}: seconds", run.seconds, WIDE_SECONDS, unit="s"),
            print_bound(f"{title}: peak memory", run.peak_mb, WIDE_PEAK_MB, unit="MB"),
        ]
    )


SIDES: dict[str, Callable[[], None]] = {
    "ours-bare": run_ours_bare,
    "ours-numbers": lambda: run_ours(only=NUMBERS),
    "evidently": lambda: run_evidently(with_text=True),
    "evidently-without-text": lambda: run_evidently(with_text=False),
    "deepchecks": lambda: run_deepchecks(suite=True),
    "deepchecks-drift": lambda: run_deepchecks(suite=False),
    "frouros": run_frouros,
}


def installed(python: str, package: str) -> bool:
    """Whether that interpreter has the package; says so when not."""
    if subprocess.run([python, "-c", f"import {package}"], capture_output=True).returncode:
        print(f"skip  {package} is not installed there: {python}")
        return False
    return True


def measure_beside(ours: Measurement, peer_python: str, deepchecks_python: str, *, repeat: int) -> bool:
    """The peers on the same tables."""
    holds = []
    if installed(peer_python, "evidently"):
        peer = run_process(peer_python, __file__, "evidently")
        print(f"evidently  {peer.seconds:8.2f} s  {peer.peak_mb:8.0f} MB  {verdicts(peer.output)}")
        bare = run_process(peer_python, __file__, "evidently-without-text")
        print(f"  without the text column {bare.seconds:.2f} s, {bare.seconds / ours.seconds:.2f} x ours with it")
        ratio = peer.seconds / ours.seconds
        holds.append(print_bound("drift: times faster than Evidently's preset", ratio, EVIDENTLY_RATIO, at_least=True))
    if installed(peer_python, "frouros"):
        peer = run_process(peer_python, __file__, "frouros", repeat=repeat)
        print(f"frouros    {peer.seconds:8.2f} s  {peer.peak_mb:8.0f} MB  {verdicts(peer.output)}")
        bare = run_process(__file__, "ours-bare", repeat=repeat)
        numbers = run_process(__file__, "ours-numbers", repeat=repeat)
        print(f"ours, the same test alone {bare.seconds:.2f} s  {bare.peak_mb:.0f} MB")
        ratio = peer.seconds / bare.seconds
        holds.append(print_bound("drift: bare KS, times as fast as frouros'", ratio, FROUROS_RATIO, at_least=True))
        ratios = [peer.seconds / one.seconds for one in (numbers, ours)]
        print(f"  all that ours tells, of its ten columns {ratios[0]:.2f} x as fast, of all twenty {ratios[1]:.2f} x")
    if installed(deepchecks_python, "deepchecks"):
        peer = run_process(deepchecks_python, __file__, "deepchecks-drift")
        print(f"deepchecks {peer.seconds:8.2f} s  {peer.peak_mb:8.0f} MB  {verdicts(peer.output)} (drift checks alone)")
        peer = run_process(deepchecks_python, __file__, "deepchecks")
        print(f"deepchecks {peer.seconds:8.2f} s  {peer.peak_mb:8.0f} MB  (train-test validation suite)")
        ratio = peer.seconds / ours.seconds
        holds.append(print_bound("drift: times faster than deepchecks' suite", ratio, DEEPCHECKS_RATIO, at_least=True))
    return all(holds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", nargs="?", choices=["ours", *SIDES])
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--deepchecks-python", default=sys.executable)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--scale", type=int, nargs="+", metavar="ROWS", help="ours alone at so many rows of train")
    parser.add_argument("--wide", action="store_true", help="ours alone at 500 columns")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        run_ours(options.folder) if options.side == "ours" else SIDES[options.side]()
        return 0
    if options.scale:
        return 0 if measure_scale(options.scale) else 1
    if options.wide:
        return 0 if measure_wide() else 1
    # No peer shall call home.
    os.environ["DO_NOT_TRACK"] = "1"
    generate()
    ours = run_process(__file__, "ours", repeat=options.repeat)
    print(f"ours       {ours.seconds:8.2f} s  {ours.peak_mb:8.0f} MB  {verdicts(ours.output)}")
    title = "drift, 1M against 200k rows x 20 columns: peak memory"
    holds = [
        print_bound(title, ours.peak_mb, PEAK_MB, unit="MB"),
        measure_beside(ours, options.peer_python, options.deepchecks_python, repeat=options.repeat),
        measure_wide(),
    ]
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
