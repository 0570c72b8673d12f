from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from warehouse.findings import Finding, Severity
from warehouse.notices.deciding import decide
from warehouse.records import Status
from warehouse.stages import Nightly, StageName, StageResult, StageStatus

NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)


def night(
    *severities: Severity,
    drift: StageStatus = StageStatus.PASSED,
    notices: dict[str, Any] | None = None,
    started_at: str = NOW.isoformat(),
) -> Nightly:
    findings = tuple(
        Finding(severity=severity, check="drift", subject=f"column {place}", message="", advice="")
        for place, severity in enumerate(severities)
    )
    stages = [StageResult(name=StageName.DRIFT, status=drift, message="", findings=findings, started_at=started_at)]
    if notices is not None:
        stages.append(StageResult(name=StageName.NOTIFY, status=StageStatus.ERROR, message="", details=notices))
    status = Status.FAILED if drift is StageStatus.FAILED else Status.PASSED
    return Nightly(
        id="1", status=status, started_at=NOW.isoformat(), seconds=1, resumed_from=None, stages=tuple(stages)
    )


LEFT_OUT = night(drift=StageStatus.SKIPPED, started_at="")
GOOD, WARNED, INFORMED = night(), night(Severity.WARNING), night(Severity.INFO)
BAD = night(Severity.CRITICAL, drift=StageStatus.FAILED)
NOT_TOLD = night(Severity.CRITICAL, drift=StageStatus.FAILED, notices={"not_sent": ["slack"], "sent": []})
PARTLY_TOLD = night(Severity.CRITICAL, drift=StageStatus.FAILED, notices={"not_sent": ["slack"], "sent": ["mail"]})


@pytest.mark.parametrize(
    ("notify_on", "now", "before", "due", "reason"),
    [
        ("change", GOOD, None, False, "nothing changed for the worse"),
        ("change", BAD, None, True, "drift failed and had not before"),
        ("change", BAD, GOOD, True, "drift failed and had not before"),
        ("change", BAD, BAD, False, "nothing changed"),
        ("change", BAD, NOT_TOLD, True, "the notices of the run before did not get through"),
        ("change", BAD, PARTLY_TOLD, False, "nothing changed"),
        ("change", GOOD, NOT_TOLD, True, "what had failed is well again"),
        ("change", GOOD, BAD, True, "what had failed is well again"),
        ("change", LEFT_OUT, BAD, False, "nothing changed"),
        ("change", WARNED, GOOD, True, "there are findings that were not there before"),
        ("change", GOOD, WARNED, False, "nothing changed"),
        ("change", INFORMED, GOOD, False, "nothing changed"),
        ("failure", BAD, BAD, True, "drift failed"),
        ("failure", WARNED, None, False, "nothing failed"),
        ("finding", WARNED, WARNED, True, "there are findings"),
        ("finding", INFORMED, None, False, "there is no finding"),
        ("always", GOOD, GOOD, True, "every run is told of"),
        ("never", BAD, GOOD, False, "notify_on is never"),
    ],
)
def test_who_is_told_when(notify_on: str, now: Nightly, before: Nightly | None, due: bool, reason: str) -> None:
    decision = decide(now, before, notify_on)

    assert decision.due is due
    assert reason in decision.reason


def test_equal_outcomes_are_one_notice_and_others_are_others() -> None:
    resumed = replace(BAD, id="2", resumed_from="1", seconds=99)

    assert decide(BAD, None, "change").notice == decide(resumed, BAD, "always").notice
    assert decide(BAD, None, "change").notice != decide(WARNED, None, "change").notice
