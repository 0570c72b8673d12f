from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from warehouse.nightly.resuming import can_resume, kept_stages
from warehouse.nightly.stages import BLOCKED_BY
from warehouse.records import Status
from warehouse.stages import Nightly, StageName, StageResult, StageStatus

NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
PASSED, FAILED, ERROR, SKIPPED = StageStatus
WORDS = {"p": PASSED, "f": FAILED, "e": ERROR, "s": SKIPPED, "b": SKIPPED}


def night(letters: str, *, status: Status = Status.ERROR) -> Nightly:
    """A run whose stages ended so: passed, failed, error, skipped, blocked; those without a letter were not reached."""
    stages = tuple(
        StageResult(
            name=name,
            status=WORDS[letter],
            message="",
            details={BLOCKED_BY: ["sources"]} if letter == "b" else {},
        )
        for name, letter in zip(StageName, letters, strict=False)
    )
    return Nightly(id="1", status=status, started_at=NOW.isoformat(), seconds=1, resumed_from=None, stages=stages)


@pytest.mark.parametrize(
    ("letters", "kept"),
    [
        ("ppe", "load sources"),
        ("ppf", "load sources"),
        ("fpbp", ""),
        ("pppe", "load sources build"),
        ("ppppep", "load sources build drift"),
        ("ppppppe", "load sources build drift export retention"),
        ("sppe", "sources build"),
        ("pfbpbppp", "load"),
        ("", ""),
    ],
    ids=lambda value: value or "none",
)
def test_what_passed_is_kept_unless_a_stage_before_it_runs_again(letters: str, kept: str) -> None:
    assert " ".join(kept_stages(night(letters), now=NOW + timedelta(hours=1))) == kept


def test_report_and_notices_are_always_made_again() -> None:
    assert not {StageName.REPORT, StageName.NOTIFY} & set(kept_stages(night("pppppppp"), now=NOW))


def test_what_was_found_more_than_a_day_ago_is_found_anew() -> None:
    assert kept_stages(night("ppe"), now=NOW + timedelta(hours=23))
    assert not kept_stages(night("ppe"), now=NOW + timedelta(hours=25))


def test_kept_results_say_so() -> None:
    assert all(result.kept for result in kept_stages(night("ppe"), now=NOW).values())


@pytest.mark.parametrize("status", list(Status), ids=str)
def test_only_a_run_that_did_not_pass_can_be_resumed(status: Status) -> None:
    assert can_resume(night("p", status=status)) is (status is not Status.PASSED)
    assert not can_resume(None)
