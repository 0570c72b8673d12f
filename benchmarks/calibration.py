"""How often drift is called where there is none, and seen where there is: ours beside Evidently, deepchecks, NannyML.

    python benchmarks/calibration.py                                    # ours alone
    python benchmarks/calibration.py --peer evidently=PEERS/bin/python --peer deepchecks=OTHER/bin/python ...
    python benchmarks/calibration.py --quick                            # fewer repetitions

Every tool compares the same pairs of tables, in the same run, with its defaults: 14 columns of one law on both sides
(false alarms), and 14 columns that each change by a stated size (power). Ours must stay under the rate that it states:
of the comparisons of tables that do not differ, at most 5 % may hold a false alarm. Tools that know two answers only
have no column `undecided`. Peers run in environments of their own; they need pandas, pyarrow and themselves.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from measure import OUT, print_bound, run_process

FOLDER = OUT / "calibration"
STATED = 0.05
SIZES = ((500, 500, 60), (2_000, 2_000, 40), (10_000, 10_000, 20), (100_000, 20_000, 6), (1_000_000, 200_000, 2))
"""Rows of the left, rows of the right, repetitions."""
POWER_SIZES = ((500, 500, 15), (2_000, 2_000, 10), (10_000, 2_000, 8), (100_000, 20_000, 2))
OURS_MORE = 4
"""Ours is repeated so many times more at up to 10,000 rows: a rate near zero takes many looks."""

NULL = {
    "normal": "z(i, 1)",
    "lognormal": "exp(0.8 * z(i, 2))",
    "cauchy": "tan(pi() * (u(i, 3) - 0.5))",
    "gaps": "case when u(i, 31) >= 0.1 then -ln(u(i, 4)) end",
    "mostly_zero": "case when u(i, 51) < 0.6 then 0 else exp(z(i, 5)) end",
    "rounded": "round(exp(3 + 0.5 * z(i, 6)), 2)",
    "count": "floor(-ln(u(i, 7)) * 4)::integer",
    "flag": "u(i, 8) < 0.3",
    "rare_flag": "u(i, 9) < 0.01",
    "few": "'a' || floor(5 * pow(u(i, 10), 1.5))::int",
    "fifty": "'b' || floor(50 * pow(u(i, 11), 2))::int",
    "thousand": "'c' || floor(1000 * pow(u(i, 12), 2))::int",
    "many": "'d' || floor(20000 * pow(u(i, 13), 2))::int",
    "moment": "timestamp '2025-01-01' + to_seconds(floor(u(i, 14) * 31536000)::bigint)",
}
CATEGORIES = ("few", "fifty", "thousand", "many", "new", "category_share", "category_new")
SHIFTS = {
    "mean by 0.1 sd": ("z(i, 21)", "z(i, 21) + 0.1"),
    "mean by 0.25 sd": ("z(i, 22)", "z(i, 22) + 0.25"),
    "mean by 0.5 sd": ("z(i, 23)", "z(i, 23) + 0.5"),
    "spread x 1.5": ("z(i, 24)", "z(i, 24) * 1.5"),
    "10 % into a second mode": ("z(i, 25)", "z(i, 25) + case when u(i, 251) < 0.1 then 4 else 0 end"),
    "missing 5 to 8 %": (
        "case when u(i, 261) >= 0.05 then z(i, 26) end",
        "case when u(i, 261) >= 0.08 then z(i, 26) end",
    ),
    "missing 5 to 15 %": (
        "case when u(i, 271) >= 0.05 then z(i, 27) end",
        "case when u(i, 271) >= 0.15 then z(i, 27) end",
    ),
    "flag 30 to 32 %": ("u(i, 28) < 0.3", "u(i, 28) < 0.32"),
    "flag 30 to 40 %": ("u(i, 29) < 0.3", "u(i, 29) < 0.4"),
    "10 % to one of 50 categories": (
        "'b' || floor(50 * pow(u(i, 32), 2))::int",
        "case when u(i, 321) < 0.1 then 'b0' else 'b' || floor(50 * pow(u(i, 32), 2))::int end",
    ),
    "1 % in new categories": (
        "'b' || floor(50 * pow(u(i, 33), 2))::int",
        "case when u(i, 331) < 0.01 then 'new' else 'b' || floor(50 * pow(u(i, 33), 2))::int end",
    ),
    "3 % in new categories": (
        "'b' || floor(50 * pow(u(i, 34), 2))::int",
        "case when u(i, 341) < 0.03 then 'new' else 'b' || floor(50 * pow(u(i, 34), 2))::int end",
    ),
    "counts 4 to 5 on average": ("floor(-ln(u(i, 35)) * 4)::integer", "floor(-ln(u(i, 35)) * 5)::integer"),
    "a month later": (
        "timestamp '2025-01-01' + to_seconds(floor(u(i, 36) * 15552000)::bigint)",
        "timestamp '2025-02-01' + to_seconds(floor(u(i, 36) * 15552000)::bigint)",
    ),
}
"""What a column is on the left and on the right."""


def generate(folder: Path, rows: tuple[int, int], *, seed: int, shifts: bool) -> None:
    """Writes both sides; every value is a hash of its row and the seed."""
    if (folder / "right.parquet").is_file():
        return
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute(
        f"create macro u(i, s) as (hash(i * 1000003 + s * 7919 + {104729 * seed}) >> 11)::double"
        " / 9007199254740992.0 + 1e-17;"
        "create macro z(i, s) as sqrt(-2 * ln(u(i, s))) * cos(2 * pi() * u(i, s + 5000))"
    )
    for side, name, first in ((0, "left", 0), (1, "right", 1_000_000_000)):
        columns = {name: pair[side] for name, pair in SHIFTS.items()} if shifts else NULL
        listed = ", ".join(f'{sql} as "{column}"' for column, sql in columns.items())
        connection.execute(
            f"copy (select {listed} from range({first}, {first + rows[side]}) as t(i))"
            f" to '{folder / name}.parquet' (format parquet)"
        )


def folders(sizes: Iterable[tuple[int, int, int]], *, shifts: bool, more: int = 1) -> dict[str, list[Path]]:
    """Pairs of tables by size; those beyond a size's repetitions are for ours alone."""
    made: dict[str, list[Path]] = {}
    for left, right, repeat in sizes:
        times = repeat * (more if left <= 10_000 else 1)
        title = f"{left:,} + {right:,}"
        made[title] = [
            FOLDER / f"{'shift' if shifts else 'null'}-{left}-{right}-{seed}" for seed in range(1, times + 1)
        ]
        for seed, folder in enumerate(made[title], start=1):
            generate(folder, (left, right), seed=seed + left, shifts=shifts)
    return made


def read(folder: Path) -> Any:
    import pandas as pd

    return [pd.read_parquet(folder / f"{side}.parquet") for side in ("left", "right")]


def kinds_of(frame: Any) -> tuple[list[str], list[str], list[str]]:
    """Numeric, categorical (booleans among them) and time columns."""
    numbers = [name for name in frame if frame[name].dtype.kind in "if"]
    times = [name for name in frame if frame[name].dtype.kind == "M"]
    return numbers, [name for name in frame if name not in numbers and name not in times], times


def called_by_ours(folder: Path) -> dict[str, str]:
    from warehouse.checks.drift.comparison import compare
    from warehouse.engine.local import LocalEngine
    from warehouse.sql import Relation
    from warehouse.storage import connect

    with connect(None) as connection:
        sides = [Relation.parquet([str(folder / f"{side}.parquet")], name=side) for side in ("left", "right")]
        result = compare(LocalEngine(connection), *sides, left_name="left", right_name="right")
    return {column.name: column.verdict.value for column in result.columns}


def called_by_evidently(folder: Path) -> dict[str, str]:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    left, right = read(folder)
    numbers, categories, times = kinds_of(left)
    for frame in (left, right):
        frame.drop(columns=times, inplace=True)
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    snapshot = Report([DataDriftPreset()], include_tests=True).run(
        current_data=Dataset.from_pandas(right, data_definition=definition),
        reference_data=Dataset.from_pandas(left, data_definition=definition),
    )
    tests = json.loads(snapshot.json())["tests"]
    failed = {test["name"] for test in tests if str(test["status"]).upper().endswith("FAIL")}
    return {
        name: "drifted" if f"Value Drift for column {name}" in failed else "stable" for name in (*numbers, *categories)
    }


def called_by_deepchecks(folder: Path) -> dict[str, str]:
    from deepchecks.tabular import Dataset
    from deepchecks.tabular.checks import FeatureDrift

    left, right = read(folder)
    numbers, categories, times = kinds_of(left)
    for frame in (left, right):
        frame.drop(columns=times, inplace=True)
        for name in categories:
            if frame[name].dtype == bool:
                frame[name] = frame[name].astype(int)
    sides = [Dataset(frame, cat_features=categories) for frame in (left, right)]
    found = FeatureDrift().run(*sides, with_display=False).value
    # The default condition of its suite: a drift score below 0.2.
    return {
        name: "drifted" if (found[name]["Drift score"] or 0) >= 0.2 else "stable" for name in (*numbers, *categories)
    }


def called_by_nannyml(folder: Path) -> dict[str, str]:
    import nannyml

    left, right = read(folder)
    numbers, categories, times = kinds_of(left)
    for frame in (left, right):
        frame.drop(columns=times, inplace=True)
        for name in categories:
            frame[name] = frame[name].astype("string").astype("category")
    columns = [*numbers, *categories]
    calculator = nannyml.UnivariateDriftCalculator(column_names=columns, treat_as_categorical=categories)
    found = calculator.fit(left).calculate(right).filter(period="analysis").to_df()
    # It cuts the right into ten chunks: drifted when more than half of them alert.
    return {
        name: "drifted" if found[(name, "jensen_shannon", "alert")].astype(bool).mean() > 0.5 else "stable"
        for name in columns
    }


TOOLS: dict[str, Callable[[Path], dict[str, str]]] = {
    "ours": called_by_ours,
    "evidently": called_by_evidently,
    "deepchecks": called_by_deepchecks,
    "nannyml": called_by_nannyml,
}


def run_tool(tool: str, listing: Path) -> None:
    """Prints the calls of one tool on all the folders that the file lists, as JSON."""
    warnings.filterwarnings("ignore")
    called = {}
    for folder in json.loads(listing.read_text()):
        called[folder] = TOOLS[tool](Path(folder))
    print("called=" + json.dumps(called))


def calls(tool: str, python: str, chosen: list[Path]) -> dict[str, dict[str, str]]:
    """What a tool calls the columns of each pair, by folder; in a process of its own."""
    listing = FOLDER / f"{tool}.json"
    listing.write_text(json.dumps([str(folder) for folder in chosen]))
    output = run_process(python, __file__, "--tool", tool, "--listing", str(listing)).output
    line = next(line for line in output.splitlines() if line.startswith("called="))
    found: dict[str, dict[str, str]] = json.loads(line.removeprefix("called="))
    return found


def print_false_alarms(tools: dict[str, str], sizes: tuple[tuple[int, int, int], ...]) -> bool:
    """Rates of columns and of whole comparisons that are called drifted though nothing differs."""
    made = folders(sizes, shifts=False, more=OURS_MORE)
    print("\nFalse alarms without drift, % of columns / % of comparisons with one or more (ours: undecided / stable)\n")
    print("| rows | " + " | ".join(tools) + " |\n|---" + "|---" * len(tools) + "|")
    holds = True
    worst: dict[str, int] = defaultdict(int)
    for (_, _, repeat), (title, chosen) in zip(sizes, made.items(), strict=True):
        cells = []
        for tool, python in tools.items():
            found = calls(tool, python, chosen if tool == "ours" else chosen[:repeat])
            verdicts = [verdict for one in found.values() for verdict in one.values()]
            alarms = sum(verdict == "drifted" for verdict in verdicts)
            touched = sum("drifted" in one.values() for one in found.values())
            text = f"{alarms / len(verdicts):.1%} / {touched / len(found):.0%}"
            if tool == "ours":
                shares = [verdicts.count(word) / len(verdicts) for word in ("undecided", "stable")]
                text += f" ({shares[0]:.0%} / {shares[1]:.0%})"
                holds &= touched <= most_by_chance(len(found))
                for one in found.values():
                    for name, verdict in one.items():
                        worst[name] += verdict == "drifted"
            cells.append(text)
        print(f"| {title} ({len(chosen[:repeat])} pairs) | " + " | ".join(cells) + " |", flush=True)
    if any(worst.values()):
        print("\nours, false alarms by column: " + ", ".join(f"{n} {k}" for n, k in worst.items() if k))
    return holds


def most_by_chance(count: int) -> float:
    """So many alarms among `count` comparisons still agree with the stated rate (three standard deviations)."""
    return STATED * count + 3 * math.sqrt(STATED * (1 - STATED) * count)


def print_power(tools: dict[str, str], sizes: tuple[tuple[int, int, int], ...]) -> None:
    """How often each shift is called drifted; ours: drifted / undecided / stable."""
    made = folders(sizes, shifts=True)
    for title, chosen in made.items():
        print(f"\nPower, {title} rows ({len(chosen)} pairs), % called drifted (ours: drifted / undecided / stable)\n")
        print("| shift | " + " | ".join(tools) + " |\n|---" + "|---" * len(tools) + "|")
        found = {tool: calls(tool, python, chosen) for tool, python in tools.items()}
        for shift in SHIFTS:
            cells = []
            for tool in tools:
                verdicts = [one[shift] for one in found[tool].values() if shift in one]
                rates = [
                    f"{100 * verdicts.count(word) / len(verdicts):.0f}" if verdicts else "-"
                    for word in ("drifted", "undecided", "stable")
                ]
                cells.append(" / ".join(rates) if tool == "ours" else rates[0])
            print(f"| {shift} | " + " | ".join(cells) + " |", flush=True)


def main() -> int:
    """Exit 1 when ours gives more false alarms than it states."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", action="append", default=[], metavar="TOOL=PYTHON")
    parser.add_argument("--quick", action="store_true", help="a third of the repetitions, up to 100,000 rows")
    parser.add_argument("--tool", choices=TOOLS, help=argparse.SUPPRESS)
    parser.add_argument("--listing", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.tool:
        run_tool(options.tool, options.listing)
        return 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    # No peer shall call home.
    os.environ |= {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}
    tools = {"ours": sys.executable, **dict(peer.split("=", 1) for peer in options.peer)}
    sizes, power_sizes = SIZES, POWER_SIZES
    if options.quick:
        sizes = tuple((left, right, max(1, times // 3)) for left, right, times in SIZES[:-1])
        power_sizes = tuple((left, right, max(1, times // 3)) for left, right, times in POWER_SIZES)
    holds = print_false_alarms(tools, sizes)
    print_power(tools, power_sizes)
    print()
    print_bound("false alarms: comparisons beyond the stated 5 %", 0.0 if holds else 1.0, 0.0, unit="")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
