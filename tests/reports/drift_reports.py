"""Reports to render: all that a report can hold, and one as large as they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import drift_results

from warehouse.checks.drift.parts import (
    Aspect,
    AspectBar,
    DomainColumn,
    DomainDrift,
    LabelRelation,
    RelationBin,
    Segment,
    SegmentColumn,
    Segments,
)
from warehouse.checks.drift.report import DriftPair, DriftReport, report_of_pairs
from warehouse.checks.drift.result import DriftResult
from warehouse.checks.drift.series_result import ChangePoint, DriftSeries, Gap, Period, SeriesColumn, SeriesPoint
from warehouse.checks.drift.summary import summarise
from warehouse.checks.drift.verdicts import Effect, EffectName, Verdict
from warehouse.findings import Severity
from warehouse.statistics.coded import Every
from warehouse.statistics.kinds import Kind

SPLITS = (("train", "test"), ("train", "train_dev"), ("train_dev", "dev"), ("dev", "test"))


def effect(name: EffectName = EffectName.DISTANCE, subject: str = "", value: float = 0.3) -> Effect:
    return Effect(
        name=name,
        subject=subject,
        value=value,
        low=value * 0.8,
        high=value * 1.2,
        threshold=0.1,
        p_value=0.0,
        verdict=Verdict.DRIFTED if value > 0.125 else Verdict.STABLE,
    )


def aspect(name: str, labels: Sequence[str]) -> Aspect:
    share = 1 / len(labels)
    return Aspect(
        name=name,
        effect=effect(EffectName.ASPECT, name),
        jensen_shannon=0.31,
        noise_floor=0.01,
        left_mean=3.5,
        right_mean=None,
        bars=tuple(AspectBar(label=label, left_share=share, right_share=share) for label in labels),
        explanation=f"the {name} changed.",
    )


def relation(feature: str, *, verdict: Verdict = Verdict.DRIFTED, labels: Sequence[str] = ("a", "b")) -> LabelRelation:
    return LabelRelation(
        feature=feature,
        left_dependence=0.25,
        right_dependence=0.2,
        change=0.12,
        low=0.1,
        high=0.14,
        threshold=0.05,
        p_value=0.0,
        q_value=0.0,
        verdict=verdict,
        bins=tuple(
            RelationBin(
                label=label,
                left_count=100 * (index + 1),
                right_count=50,
                left_mean=0.1 + 0.5 * (index % 2),
                right_mean=None if index == 5 else 0.3,
            )
            for index, label in enumerate(labels)
        ),
        outcome="true",
        explanation=f"For “{feature}” “a”, the label rose.",
    )


def domain(columns: Sequence[str]) -> DomainDrift:
    return DomainDrift(
        auc=0.83,
        low=0.81,
        high=0.85,
        null_high=0.53,
        p_value=0.01,
        threshold=0.6,
        verdict=Verdict.DRIFTED,
        left_sample_rows=5000,
        right_sample_rows=4000,
        shuffle_count=99,
        columns=tuple(DomainColumn(name=name, importance=0.1 / (place + 1)) for place, name in enumerate(columns)),
        beyond_columns=False,
        explanation="A model tells both sides apart.",
    )


def segments(by: str, values: Sequence[str], columns: Sequence[str]) -> Segments:
    return Segments(
        by=by,
        segments=tuple(
            Segment(
                by=by,
                value=value,
                left_row_count=500,
                right_row_count=300,
                verdict=Verdict.DRIFTED,
                columns=tuple(
                    SegmentColumn(name=name, effect=effect(), q_value=0.0, explanation=f"{name} changed.")
                    for name in columns
                ),
                drifted_count=len(columns),
                undecided_count=0,
                stable_count=1,
            )
            for value in values
        ),
        left_out_count=4,
        hidden=(columns[0],),
        explanation=f"{len(values)} values of “{by}” drifted.",
    )


def series(columns: Sequence[str], *, label: str | None = None, periods: int = 60) -> DriftSeries:
    starts = [
        (date(2013, 1, 1) + timedelta(days=index + (9 if index > 20 else 0))).isoformat() for index in range(periods)
    ]
    found = []
    for place, name in enumerate(columns):
        values = [
            0.02 + (0.25 if index > periods / 2 and place % 2 == 0 else 0.0) + index % 5 / 100
            for index in range(periods)
        ]
        found.append(
            SeriesColumn(
                name=name,
                kind=Kind.NUMBER,
                is_label=name == label,
                threshold=0.1,
                verdict=Verdict.DRIFTED if values[-1] > 0.1 else Verdict.STABLE,
                drifted_since=starts[periods // 2 + 1] if values[-1] > 0.1 else None,
                drifted_count=sum(value > 0.1 for value in values),
                undecided_count=0,
                points=tuple(
                    SeriesPoint(
                        period=start,
                        row_count=100,
                        is_thin=index == 3,
                        is_unfinished=False,
                        value=value,
                        low=value * 0.7,
                        high=value * 1.3 if index != 3 else 1.0,
                        noise_floor=0.03,
                        missing_share=0.0,
                        q_value=0.01,
                        verdict=Verdict.DRIFTED if value > 0.1 else Verdict.STABLE,
                    )
                    for index, (start, value) in enumerate(zip(starts, values, strict=True))
                ),
                change_points=(
                    (
                        ChangePoint(
                            period=starts[periods // 2 + 1],
                            value=0.3,
                            low=0.2,
                            high=0.4,
                            p_value=0.01,
                            explanation=f"“{name}” became larger.",
                        ),
                    )
                    if place % 2 == 0
                    else ()
                ),
                explanation=f"“{name}” is what it is.",
            )
        )
    return DriftSeries(
        subject="late_arrivals@1.0.0",
        baseline_name="train",
        rows_name="today's table",
        time="departed_at",
        every=Every.DAY,
        baseline_row_count=4000,
        row_count=100 * periods,
        untimed_row_count=0,
        label=label,
        label_value=None,
        baseline_label_mean=0.2 if label else None,
        periods=tuple(
            Period(
                start=start,
                end=start,
                row_count=100,
                is_thin=index == 3,
                is_unfinished=False,
                label_mean=0.2 + index / 200 if label else None,
                drifted_count=1,
                undecided_count=0,
            )
            for index, start in enumerate(starts)
        ),
        gaps=(Gap(start="2013-01-22", end="2013-01-30", period_count=9),),
        columns=tuple(found),
        left_out=(),
        summary=("1 column has drifted by the last day.",),
        severity=Severity.WARNING,
    )


def full() -> DriftReport:
    """Four pairs of splits, and everything that can be found beside columns."""
    result = drift_results.ordinary()
    names = [column.name for column in result.columns]
    return _report(
        result,
        relations=(
            relation("carrier"),
            relation("delay", verdict=Verdict.UNDECIDED, labels=[f"{i} to {i + 1}" for i in range(30)]),
        ),
        by=segments("carrier", ["c1", "c2"], ["delay", "weekday"]),
        over=series([name for name in names if name != "departed_at"], label="is_late"),
        extra=aspect("number of words", [str(i) for i in range(20)]),
    )


def hostile() -> DriftReport:
    """The same, with all words from outside trying to be more than words."""
    words = drift_results.HOSTILE
    return _report(
        drift_results.hostile(),
        relations=(relation(words[0], labels=words), relation(words[4])),
        by=segments(words[1], words, [words[3], words[2]]),
        over=series(words, label=words[0]),
        extra=aspect(words[4], words),
    )


def large(columns: int) -> DriftReport:
    """So many columns, all of them drifted, in each of four pairs."""
    result = drift_results.wide(columns)
    names = [column.name for column in result.columns]
    bins = [f"{i} to {i + 1}" for i in range(20)]
    return _report(
        result,
        relations=tuple(relation(name, labels=bins) for name in names),
        by=segments(names[0], [f"value {i}" for i in range(100)], names[:10]),
        over=series(names, periods=365),
        extra=aspect("number of words", bins),
    )


def _report(
    result: DriftResult,
    *,
    relations: tuple[LabelRelation, ...],
    by: Segments,
    over: DriftSeries,
    extra: Aspect,
) -> DriftReport:
    names = [column.name for column in result.columns]
    whole = replace(
        result,
        columns=tuple(replace(column, aspects=(extra,)) for column in result.columns),
        relations=relations,
        segments=(by,),
        domain=domain(names[:6]),
    )
    whole = replace(whole, summary=summarise(whole))
    pairs = []
    for left, right in SPLITS:
        named = (whole.left_name, whole.right_name) if (left, right) == SPLITS[0] else (left, right)
        this = whole if not pairs else replace(result, left_name=left, right_name=right)
        pairs.append(
            DriftPair(
                result=replace(this, left_name=named[0], right_name=named[1]),
                purpose=f"what {left} is against what {right} is",
                expected_alike=(left, right) in (SPLITS[1], SPLITS[3]),
                advice="draw both from the same rows",
                notes=("Groups are not told apart here.",) if right == "dev" else (),
            )
        )
    return report_of_pairs(result.subject, pairs, series=over)
