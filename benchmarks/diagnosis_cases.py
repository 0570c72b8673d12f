"""How often a planted cause of error is told right, and one is told where none was planted.

    python benchmarks/diagnosis_cases.py                  # 40 repetitions of every case
    python benchmarks/diagnosis_cases.py --repeat 200     # more surely

Models err at known rates: as people do, or 6 points more from one level of the chart on. Each repetition is other rows,
whose predictions are joined and diagnosed as a user's are. Told right: the largest gap that is present is the planted
one, or none is present when none was planted. Of the 95 % intervals of gaps at least 95 % should hold the truth, and at
most 2.5 % of gaps that are not there should be present. Bounds leave room for the chance of so few repetitions.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from measure import print_bound

from warehouse.checks.diagnosis.diagnose import Question, diagnose
from warehouse.checks.diagnosis.result import HUMAN, Answer, Cause
from warehouse.datasets.spec import ColumnSplit, DatasetSpec
from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation
from warehouse.storage import connect

BASE, STEP = 0.10, 0.06
ROWS = {"train": 6_000, "train_dev": 2_000, "dev": 2_000, "test": 2_000}
CAUSES = (None, Cause.BIAS, Cause.VARIANCE, Cause.MISMATCH, Cause.DEV_OVERFITTING)
KINDS = {
    "classes": "u(i, 1)",
    "classes in groups of 5": "case when u(i, 2) < 0.4 then u(i // 5, 3) else u(i, 1) end",
    "numbers": "u(i, 1)",
}
"""What makes a row's error, from 0 to 1 and each as likely; in groups, rows share it in part."""
STATED_COVERAGE, STATED_ALARMS = 0.95, 0.025


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one repetition came to."""

    told: bool
    """The planted cause, or that there is none."""
    covered: int
    """Gaps whose interval holds the truth."""
    gaps: int
    alarms: int
    """Gaps that are called present and are not there."""
    without: int
    """Gaps that are not there."""


def rates(planted: Cause | None) -> dict[str, float]:
    """The true error of each split."""
    first = len(ROWS) if planted is None else CAUSES.index(planted) - 1
    return {split: BASE + (STEP if place >= first else 0.0) for place, split in enumerate(ROWS)}


def diagnosed(engine: LocalEngine, kind: str, planted: Cause | None, seed: int) -> Outcome:
    """One repetition."""
    true = rates(planted)
    engine.connection.execute(
        f"create or replace macro u(i, s) as (hash(i * 1000003 + s * 7919 + {seed * 15485863}) >> 11)::double"
        " / 9007199254740992.0 + 1e-17"
    )
    first, parts = 0, []
    for split, count in ROWS.items():
        number = f"-{true[split]!r} * ln({KINDS[kind]})" if kind == "numbers" else "0.0"
        engine.connection.execute(
            f"create or replace table {split} as select i as id, i // 5 as owner, u(i, 4) < 0.5 as flag,"
            f" 10 * u(i, 5) as number from range({first}, {first + count}) t(i)"
        )
        wrong = f"(({KINDS[kind]}) < {true[split]!r})"
        prediction = f"number + {number}" if kind == "numbers" else f"flag <> {wrong}"
        parts.append(f"select id, {prediction} as prediction from (select id as i, * from {split})")
        first += count
    engine.connection.execute(f"create or replace table predictions as {' union all '.join(parts)}")
    spec = DatasetSpec(
        name="d",
        model="m",
        key=("id",),
        label="number" if kind == "numbers" else "flag",
        groups=("owner",) if "groups" in kind else (),
        split=ColumnSplit(column="part"),
    )
    result = diagnose(
        engine,
        {split: Relation.table(split) for split in ROWS},
        spec,
        Relation.table("predictions"),
        Question(human=BASE),
    )
    levels = {HUMAN: BASE, **true}
    truths = [levels[gap.right] - levels[gap.left] for gap in result.gaps]
    found = result.largest.causes if result.largest else ()
    return Outcome(
        told=found == ((planted,) if planted else ()),
        covered=sum(
            gap.change.low - 1e-12 <= truth <= gap.change.high + 1e-12
            for gap, truth in zip(result.gaps, truths, strict=True)
        ),
        gaps=len(truths),
        alarms=sum(
            gap.answer is Answer.PRESENT and truth < 1e-9 for gap, truth in zip(result.gaps, truths, strict=True)
        ),
        without=sum(truth < 1e-9 for truth in truths),
    )


def outcomes(kind: str, planted: Cause | None, *, repeat: int) -> Iterator[Outcome]:
    """Of so many repetitions."""
    with connect(None, memory_limit="500MB") as connection:
        engine = LocalEngine(connection)
        # No two cases have the same rows.
        case = list(KINDS).index(kind) * len(CAUSES) + CAUSES.index(planted)
        for place in range(repeat):
            yield diagnosed(engine, kind, planted, case * 10_000 + place)


def chance(stated: float, count: int) -> float:
    """How far a rate may be from what it is, of so many looks, by chance: three standard errors.

    Neighbouring gaps share a level, and are counted as if they did not.
    """
    return 3 * math.sqrt(stated * (1 - stated) / count)


def main() -> int:
    """Exit 1 when a stated rate is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=40)
    options = parser.parse_args()
    print("| errors | planted | told right | intervals that hold the truth | present and not there |")
    print("|---|---|---:|---:|---:|")
    every: list[Outcome] = []
    for kind in KINDS:
        for planted in CAUSES:
            found = list(outcomes(kind, planted, repeat=options.repeat))
            every += found
            told = sum(each.told for each in found)
            covered, gaps = sum(each.covered for each in found), sum(each.gaps for each in found)
            alarms, without = sum(each.alarms for each in found), sum(each.without for each in found)
            name = planted.value.replace("_", " ") if planted else "nothing"
            print(
                f"| {kind} | {name} | {told} of {len(found)} | {covered} of {gaps} | {alarms} of {without} |",
                flush=True,
            )
    gaps, without = sum(each.gaps for each in every), sum(each.without for each in every)
    held = [
        print_bound(
            "intervals of gaps that hold the truth",
            100 * sum(each.covered for each in every) / gaps,
            round(100 * (STATED_COVERAGE - chance(STATED_COVERAGE, gaps)), 2),
            unit="%",
            at_least=True,
        ),
        print_bound(
            "gaps that are present and not there",
            100 * sum(each.alarms for each in every) / without,
            round(100 * (STATED_ALARMS + chance(STATED_ALARMS, without)), 2),
            unit="%",
        ),
    ]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
