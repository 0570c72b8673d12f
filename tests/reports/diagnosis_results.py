"""Diagnoses to render: all that a page can hold, the least, and one in which every word from outside is hostile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import drift_results

from warehouse.checks.diagnosis.diagnose import Question, diagnose
from warehouse.checks.diagnosis.result import Diagnosis, MetricName, SplitCoverage
from warehouse.checks.diagnosis.slice_result import (
    LeftOut,
    Slice,
    SliceAnswer,
    SliceCondition,
    SliceErrors,
    SliceReport,
    TagReport,
    TagShare,
    TagTally,
)
from warehouse.datasets.spec import ColumnSplit, DatasetSpec
from warehouse.engine.local import LocalEngine
from warehouse.findings import Finding, Severity
from warehouse.sql import Relation, identifier
from warehouse.statistics.estimates import Estimate
from warehouse.storage import connect

CUTS = {"train": (0, 3000), "train_dev": (3000, 3600), "dev": (3600, 4800), "test": (4800, 4900)}
RIGHT = "(hash(i * 7919) % 1000) / 1000.0"


def diagnosed(
    predictions: str,
    question: Question,
    *,
    label: str = "hash(i) % 10 < 3",
    subject: str = "late_arrivals@1.0.0",
    name: str = "predictions",
    groups: tuple[str, ...] = (),
) -> Diagnosis:
    """What predictions, a select over `data`, tell of rows from train's to test's."""
    with connect(None) as connection:
        connection.execute(
            f"create table data as select i, i as id, i // 5 as owner, {label} as y from range(4900) as r(i)"
        )
        for split, (first, end) in CUTS.items():
            connection.execute(f"create table {split} as from data where i >= {first} and i < {end}")
        connection.execute(f"create table {identifier(name)} as {predictions}")
        spec = DatasetSpec(name="d", model="m", key=("id",), label="y", split=ColumnSplit(column="part"), groups=groups)
        splits = {split: Relation.table(split) for split in CUTS}
        return diagnose(LocalEngine(connection), splits, spec, Relation.table(name), question, subject=subject)


def errs(train: float, train_dev: float, dev: float, test: float) -> str:
    """Whether a row is predicted wrong, so often in each split."""
    return (
        f"{RIGHT} < case when i < 3000 then {train} when i < 3600 then {train_dev} when i < 4800 then {dev}"
        f" else {test} end"
    )


@cache
def ordinary() -> Diagnosis:
    """A mismatch, with probabilities, some rows left out and some too many."""
    wrong = errs(0.15, 0.16, 0.27, 0.3)
    return diagnosed(
        f"select id, (case when (y = 0) != ({wrong}) then 0.05 else 0.55 end) + (hash(i * 3) % 400) / 1000"
        " as probability from (select id, i, y::int as y from data where i % 50 > 0"
        " union all select -1, -1, 0 union all select -2, -2, 1)",
        Question(human=0.12, human_rows=500),
    )


@cache
def plain() -> Diagnosis:
    """Numbers, nothing known of people, groups, no gap to be told."""
    return diagnosed(f"select id, y + {RIGHT} as prediction from data", Question(), label="i / 7.0", groups=("owner",))


@cache
def better() -> Diagnosis:
    """In a measure of which more is better."""
    return diagnosed(
        f"select id, (y::int + 2 * {RIGHT} + (i >= 3600)::int * hash(i * 5) % 3) / 6 as probability from data",
        Question(metric=MetricName.AUC, human=0.99),
    )


@cache
def full() -> Diagnosis:
    """With slices and tags."""
    return _with_slices(ordinary(), ["origin is “JFK”", "hour from 18 to under 21 and carrier is “EV”", "month is 12"])


@cache
def hostile() -> Diagnosis:
    """Where the data has a say, it says the worst."""
    words = drift_results.HOSTILE
    literals = ["'" + word.replace("'", "''") + "'" for word in words]
    found = diagnosed(
        f"select id, case when {errs(0.1, 0.2, 0.3, 0.4)} then {literals[0]} else y end as prediction from data",
        Question(),
        label=f"([{', '.join(literals)}])[1 + i % {len(words)}]",
        subject=words[1],
        name=words[0],
    )
    two = ordinary()
    extra = SplitCoverage(split=words[4], row_count=7, predicted_count=0, missing_count=7, unlabelled_count=0)
    found = replace(
        found,
        positive=words[0],
        classes=words[:2],
        clusters=words,
        coverage=replace(found.coverage, splits=(*found.coverage.splits, extra), extra_count=12, extra_examples=words),
        splits=(*two.splits, replace(two.splits[0], split=words[0])),
        levels=(*found.levels, replace(found.levels[0], name=words[4])),
        summary=words,
        not_judged=words,
        findings=tuple(
            Finding(
                severity=Severity.WARNING,
                check="extra_predictions",
                subject=word,
                message=word,
                measured=1.0,
                threshold=0.0,
                advice=word,
            )
            for word in words
        ),
    )
    return _with_slices(found, words)


@cache
def endless() -> Diagnosis:
    """Numbers that are none: intervals without end."""
    found = plain()
    without = replace(found.levels[-1].estimate, low=float("-inf"), high=float("inf"), standard_error=float("inf"))
    change = replace(without, value=float("nan"))
    return replace(
        found,
        levels=(*found.levels[:-1], replace(found.levels[-1], estimate=without)),
        gaps=(*found.gaps[:-1], replace(found.gaps[-1], change=change)),
    )


def estimate(value: float, spread: float = 0.02, rows: int = 300) -> Estimate:
    return Estimate(value=value, low=value - spread, high=value + spread, standard_error=spread / 2, row_count=rows)


def slice_errors(error: float, rest: float) -> SliceErrors:
    return SliceErrors(
        row_count=300,
        row_share=0.25,
        error=estimate(error, 0.05),
        rest=estimate(rest),
        difference=estimate(error - rest, 0.05),
        removable=estimate((error - rest) / 4, 0.01),
        removable_share=(error - rest) / 4 / 0.27,
        error_share=0.4,
        p_value=0.001,
        adjusted_p_value=0.01,
    )


def _with_slices(result: Diagnosis, names: Sequence[str]) -> Diagnosis:
    answers = list(SliceAnswer)
    slices = tuple(
        Slice(
            name=name,
            conditions=(SliceCondition(feature=name, column=name, text=name, sql=name),),
            where=name,
            found=slice_errors(0.5 - place / 40, 0.2),
            verified=slice_errors(0.45 - place / 40, 0.21) if place != 1 else None,
            answer=answers[place % 3],
        )
        for place, name in enumerate(names)
    )
    report = SliceReport(
        metric=MetricName.ERROR_RATE,
        split="dev",
        found_on="dev",
        found_row_count=1200,
        verified_on="test",
        verified_row_count=100,
        error=estimate(0.27),
        level=0.05,
        tested_count=321,
        worse_count=9,
        overlapping_count=6,
        slices=slices,
        listed_row_share=0.5,
        listed_error_share=0.7,
        features=(),
        left_out=tuple(LeftOut(column=name, reason=f"has {name}") for name in names),
    )
    shares = tuple(
        TagShare(tag=name, row_count=12, share=estimate(0.4, 0.1), removable=estimate(0.1, 0.03)) for name in names
    )
    tags = TagReport(
        source=names[0],
        tagged_count=30,
        unknown_count=2,
        tallies=(
            TagTally(subject="all errors of dev", error=0.27, sampled_count=100, tagged_count=30, tags=shares),
            TagTally(subject=names[0], error=0.5, sampled_count=20, tagged_count=10, tags=shares[:1]),
        ),
    )
    return replace(result, slices=report, tags=tags)
