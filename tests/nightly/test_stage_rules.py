from __future__ import annotations

import pytest

from warehouse.errors import ProjectError
from warehouse.nightly.running import WORK
from warehouse.nightly.stages import BLOCKED_BY, RULES, blocking, chosen_stages
from warehouse.stages import StageName, StageResult, StageStatus


def result(name: StageName, status: StageStatus, **details: object) -> StageResult:
    return StageResult(name=name, status=status, message="", details=details)


def test_every_stage_has_a_rule_and_comes_after_all_that_it_needs_or_follows() -> None:
    assert tuple(RULES) == tuple(WORK) == tuple(StageName)
    seen: set[StageName] = set()
    for name, rule in RULES.items():
        assert {*rule.needs, *rule.after} <= seen
        seen.add(name)


@pytest.mark.parametrize("status", [StageStatus.FAILED, StageStatus.ERROR])
def test_a_stage_that_failed_stops_what_needs_it_and_nothing_else(status: StageStatus) -> None:
    results = {StageName.SOURCES: result(StageName.SOURCES, status)}

    blocked = {name for name in StageName if blocking(name, results)}

    assert blocked == {StageName.BUILD}


def test_what_was_stopped_stops_in_turn_and_what_nobody_asked_for_does_not() -> None:
    stopped = {StageName.BUILD: result(StageName.BUILD, StageStatus.SKIPPED, **{BLOCKED_BY: ["sources"]})}
    idle = {StageName.BUILD: result(StageName.BUILD, StageStatus.SKIPPED)}

    assert blocking(StageName.EXPORT, stopped) == (StageName.BUILD,)
    assert blocking(StageName.EXPORT, idle) == ()


def test_stages_are_chosen_in_their_own_order() -> None:
    assert chosen_stages(only=["notify", "drift"]) == (StageName.DRIFT, StageName.NOTIFY)
    assert StageName.LOAD not in chosen_stages(skip=["load"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"only": ["exprot"]}, "'exprot'; did you mean 'export'?"),
        ({"only": ["load"], "skip": ["load"]}, "no stage is left to run"),
    ],
    ids=["misspelt", "none left"],
)
def test_a_choice_that_cannot_be_is_refused(options: dict[str, list[str]], message: str) -> None:
    with pytest.raises(ProjectError) as caught:
        chosen_stages(**options)

    assert message in str(caught.value)
    assert "the stages: load, sources, build" in str(caught.value)
