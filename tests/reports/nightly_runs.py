"""Nightly runs to render: a good one, a bad one, one with hostile texts, one as large as they come."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from warehouse.findings import Finding, Severity
from warehouse.records import Status
from warehouse.stages import Night, Nightly, StageName, StageResult, StageStatus

START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
HOSTILE = (
    "<script>alert(1)</script>\"'>&#x27; {{ 7*7 }} \x1b[31m\u202e @channel <!here> | `x` \x00 [a](javascript:alert(1))"
)


def stage(name: StageName, message: str, *, start: float = 0.0, seconds: float = 1.0, **more: Any) -> StageResult:
    values: dict[str, Any] = {
        "name": name,
        "status": StageStatus.PASSED,
        "message": message,
        "started_at": (START + timedelta(seconds=start)).isoformat(),
        "seconds": seconds,
        **more,
    }
    if values["status"] is StageStatus.SKIPPED:
        values |= {"started_at": "", "seconds": 0.0}
    return StageResult(**values)


def finding(severity: Severity, subject: str, message: str, **more: Any) -> Finding:
    return Finding(severity=severity, **{"check": "expectation", "subject": subject, "message": message, **more})


def run(*stages: StageResult, **more: Any) -> Nightly:
    values: dict[str, Any] = {
        "id": "20261124T020000Z",
        "status": Status.PASSED,
        "started_at": START.isoformat(),
        "seconds": sum(result.seconds for result in stages),
        "resumed_from": None,
        "stages": stages,
        **more,
    }
    return Nightly(**values)


def good() -> Nightly:
    return run(
        stage(StageName.SOURCES, "5 sources are fresh", seconds=2.1),
        stage(StageName.LOAD, "nothing to load", start=2, status=StageStatus.SKIPPED),
        stage(
            StageName.BUILD,
            "published build 20261124T020003Z: 12 models, 84 tests, 20 expectations",
            start=3,
            seconds=31,
            details={
                "build_id": "20261124T020003Z",
                "reports": [{"title": "validation", "path": "var/reports/validation/index.html"}],
            },
        ),
        stage(StageName.DRIFT, "2 datasets compared with prod, no drift", start=34, seconds=12.4),
        stage(
            StageName.EXPORT,
            "late_arrivals 1.3.0",
            start=46.4,
            seconds=6.2,
            details={"versions": [{"dataset": "late_arrivals", "version": "1.3.0"}]},
        ),
        stage(StageName.RETENTION, "1 old build deleted", start=52.6, seconds=0.3),
    )


def bad() -> Nightly:
    drifted = [
        finding(
            Severity.CRITICAL if place == 0 else Severity.WARNING,
            f"late_arrivals.{name}",
            f"{name} drifted: distance 0.2{place}, at least 0.1{place}",
            check="drift",
            measured=0.2 + place / 100,
            threshold=0.1,
            advice="look at its card in the report, then tag a new version prod" if place == 0 else "",
        )
        for place, name in enumerate(["departure_delay_minutes", "carrier", "origin"])
    ]
    return run(
        stage(
            StageName.SOURCES,
            "5 sources are fresh",
            seconds=2.1,
            findings=(
                finding(
                    Severity.WARNING,
                    "nyc.weather",
                    "weather.csv has a new column 'gust'",
                    check="source",
                    advice="accept it",
                ),
                finding(Severity.INFO, "nyc.planes", "planes.csv is as it was", check="source"),
            ),
        ),
        stage(StageName.LOAD, "nothing asks for it", status=StageStatus.SKIPPED),
        stage(
            StageName.BUILD,
            "published build 20261124T020003Z: 12 models, 84 tests, 20 expectations",
            start=3,
            seconds=31,
            details={"build_id": "20261124T020003Z"},
        ),
        stage(
            StageName.DRIFT,
            "drift of late_arrivals: 3 columns",
            start=34,
            seconds=12.4,
            status=StageStatus.FAILED,
            findings=tuple(drifted),
            details={
                "reports": [{"title": "late_arrivals 1.2.0 to today", "path": "var/reports/drift/late_arrivals.html"}]
            },
        ),
        stage(
            StageName.EXPORT,
            "turnaround cannot be exported: groups is 'tail', which is no column of 'turnaround_examples'\n"
            "  declared in models/datasets/operations/_operations__exposures.yml\n  did you mean 'tail_number'?",
            start=46.4,
            seconds=0.9,
            status=StageStatus.ERROR,
        ),
        stage(StageName.RETENTION, "1 old build deleted", start=52.6, seconds=0.3, kept=True),
        status=Status.ERROR,
        resumed_from="20261123T020000Z",
    )


def held_back() -> Nightly:
    return run(
        stage(StageName.SOURCES, "5 sources are fresh"),
        stage(
            StageName.BUILD,
            "build 20261124T020003Z is not published: 1 critical finding",
            status=StageStatus.FAILED,
            findings=(
                finding(
                    Severity.CRITICAL,
                    "fct_flights",
                    "unique_fct_flights_flight_id: 2 rows",
                    check="dbt_test",
                    advice="see the rows with: warehouse validate --build 20261124T020003Z",
                ),
            ),
        ),
        stage(
            StageName.EXPORT,
            "not run, since build did not pass",
            status=StageStatus.SKIPPED,
            details={"blocked_by": ["build"]},
        ),
        status=Status.FAILED,
    )


def hostile() -> Nightly:
    found = [
        finding(
            severity, HOSTILE, HOSTILE, check=HOSTILE, advice=HOSTILE, measured=float("nan"), threshold=float("inf")
        )
        for severity in Severity
    ]
    stages = [
        stage(
            name,
            f"{HOSTILE}\n{HOSTILE}" * 3,
            status=StageStatus.ERROR,
            findings=tuple(found),
            started_at="no time" if name is StageName.LOAD else START.isoformat(),
            details={
                "build_id": HOSTILE,
                "versions": [{"dataset": HOSTILE, "version": "x" * 500}, 7],
                "reports": [
                    {"title": HOSTILE, "path": "javascript:alert(1)"},
                    {"title": HOSTILE, "path": "../../etc/passwd"},
                    {"title": HOSTILE, "path": "/etc/passwd"},
                    {"title": "w" * 300, "path": f"var/{HOSTILE}".replace("\x00", "")},
                    "x",
                ],
            },
        )
        for name in StageName
    ]
    return run(*stages, id=HOSTILE, started_at=HOSTILE, resumed_from=HOSTILE, status=Status.ERROR)


def large() -> Nightly:
    found = tuple(
        finding(severity, f"table.column_{number}", "as many as there are", advice="look at it")
        for severity in Severity
        for number in range(2000)
    )
    return replace(bad(), stages=(replace(bad().stages[2], findings=found, status=StageStatus.FAILED),))


def history(count: int = 30) -> tuple[Night, ...]:
    """The newest is the run of `good` and `bad`."""
    statuses = {3: Status.FAILED, 4: Status.FAILED, 11: Status.INTERRUPTED, 20: Status.ERROR}
    return tuple(
        Night(
            id=(START - timedelta(days=back)).strftime("%Y%m%dT%H%M%SZ"),
            status=statuses.get(back, Status.PASSED),
            started_at=(START - timedelta(days=back)).isoformat(),
            seconds=50 + 7 * (back % 5) + (90 if back == 11 else 0) - (45 if back == 20 else 0),
        )
        for back in reversed(range(count))
    )
