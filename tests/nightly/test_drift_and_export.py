"""The stages on what is published, without a build of their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fake_builds import Fake, exposure_node

from warehouse.datasets.profiles import make_profile, write_profile
from warehouse.datasets.tags import set_tag
from warehouse.datasets.versions import find_version, version_numbers
from warehouse.engine.local import LocalEngine
from warehouse.exports.outcome import Export
from warehouse.findings import Severity
from warehouse.nightly.running import run_nightly
from warehouse.records import Status
from warehouse.stages import Nightly, StageName, StageResult, StageStatus
from warehouse.storage import connect

NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
ROWS = """
    select
        i as id,
        timestamp '2026-10-01' + to_hours((i % 700)::int) as t,
        i % 3 = 0 as y,
        i * 1.5 + {shift} as x,
    from range(2000) as r(i)
"""
SPEC: dict[str, Any] = {
    "key": "id",
    "label": "y",
    "split": {"method": "hash", "shares": {"train": 0.8, "test": 0.2}},
    "refresh": "nightly",
}
SAME, MOVED = ROWS.format(shift=0), ROWS.format(shift=5000)


def night(fake: Fake, *only: str, now: datetime = NOW) -> Nightly:
    result = run_nightly(fake.project, now=now, only=only or ("drift", "export"), quiet=True)
    assert result is not None
    return result


def stage(result: Nightly, name: StageName) -> StageResult:
    return next(stage for stage in result.stages if stage.name is name)


def in_use(fake: Fake, export: Callable[..., Export], spec: dict[str, Any] = SPEC) -> None:
    """One version, tagged `prod`."""
    fake.build(spec, rows=SAME)
    export()
    set_tag(fake.project, "late", "prod")


def test_without_a_tagged_version_there_is_nothing_to_compare(fake: Fake, export: Callable[..., Export]) -> None:
    fake.build(SPEC, rows=SAME)
    export()

    result = stage(night(fake), StageName.DRIFT)

    assert result.status is StageStatus.SKIPPED
    assert result.message == "no version is tagged prod"


def test_rows_like_those_in_use_pass_and_rows_that_moved_are_found(fake: Fake, export: Callable[..., Export]) -> None:
    in_use(fake, export)
    fake.build(SPEC, rows=SAME)
    same = stage(night(fake, "drift"), StageName.DRIFT)
    fake.build(SPEC, rows=MOVED)
    moved = stage(night(fake, "drift"), StageName.DRIFT)

    assert (same.status, same.findings) == (StageStatus.PASSED, ())
    assert moved.status is StageStatus.PASSED
    assert {finding.severity for finding in moved.findings} == {Severity.WARNING}
    assert {finding.subject for finding in moved.findings} >= {"late: x"}
    assert moved.message.startswith("late@1.0.0: 1 of ")
    (report,) = moved.details["reports"]
    assert (fake.project.root / report["path"]).is_file()


def test_the_gate_declared_today_says_how_much_drift_matters(fake: Fake, export: Callable[..., Export]) -> None:
    in_use(fake, export)
    fake.build({**SPEC, "gates": {"drift": "critical"}}, rows=MOVED)

    result = night(fake)

    assert stage(result, StageName.DRIFT).status is StageStatus.FAILED
    held_back = stage(result, StageName.EXPORT)
    assert held_back.status is StageStatus.FAILED
    assert held_back.findings[0].message == "no new version was written, since its drift is critical (gates: drift)"
    assert version_numbers(fake.project, "late") == ["1.0.0"]
    assert result.status is Status.FAILED


def test_rows_with_a_time_are_compared_by_day(fake: Fake, export: Callable[..., Export]) -> None:
    in_use(fake, export, {**SPEC, "time": "t"})

    (told,) = stage(night(fake), StageName.DRIFT).details["datasets"]

    assert (told["every"], told["by_profile"]) == ("day", False)


def test_a_profile_stands_for_rows_without_a_time_and_for_rows_that_are_gone(
    fake: Fake, export: Callable[..., Export]
) -> None:
    in_use(fake, export)
    version = find_version(fake.project, "late")
    with connect(None) as connection:
        write_profile(version, make_profile(LocalEngine(connection), version))
    kept = stage(night(fake), StageName.DRIFT).details["datasets"][0]
    for path in version.files("train"):
        path.unlink()
    fake.build(SPEC, rows=MOVED)
    gone = stage(night(fake, "drift"), StageName.DRIFT).details["datasets"][0]

    assert (kept["by_profile"], gone["by_profile"]) == (True, True)
    assert (kept["drifted_count"], gone["drifted_count"]) == (0, 1)


def test_the_same_is_not_compared_twice(fake: Fake, export: Callable[..., Export]) -> None:
    in_use(fake, export)
    fake.build(SPEC, rows=MOVED)
    first = night(fake, "drift")
    second = stage(night(fake, "drift", now=NOW + timedelta(days=1)), StageName.DRIFT)
    third = stage(night(fake, "drift", now=NOW + timedelta(days=2)), StageName.DRIFT)

    found = stage(first, StageName.DRIFT)
    assert second.details["compared_by"] == third.details["compared_by"] == first.id
    assert second.findings == third.findings == found.findings
    assert second.message == third.message == f"{found.message} (compared by {first.id}; nothing has changed)"


def test_a_report_that_was_deleted_is_made_again(fake: Fake, export: Callable[..., Export]) -> None:
    in_use(fake, export)
    path = fake.project.root / stage(night(fake), StageName.DRIFT).details["reports"][0]["path"]
    path.unlink()

    assert "compared_by" not in stage(night(fake), StageName.DRIFT).details
    assert path.is_file()


def test_one_dataset_that_cannot_be_compared_leaves_the_others_alone(fake: Fake, export: Callable[..., Export]) -> None:
    both = [exposure_node("late", SPEC), exposure_node("other", SPEC)]
    fake.build(exposures=both, rows=SAME)
    for name in ("late", "other"):
        export(name)
        set_tag(fake.project, name, "prod")
    for path in find_version(fake.project, "late").path.glob("data/**/*.parquet"):
        path.write_bytes(b"broken")

    result = stage(night(fake, "drift"), StageName.DRIFT)

    assert result.status is StageStatus.ERROR
    late, other = result.details["datasets"]
    assert "error" in late
    assert other["drifted_count"] == 0
    assert result.details["key"] is None


def test_only_datasets_that_ask_for_it_are_exported_and_only_when_something_changed(
    fake: Fake, export: Callable[..., Export]
) -> None:
    manual = {key: value for key, value in SPEC.items() if key != "refresh"}
    fake.build(exposures=[exposure_node("late", SPEC), exposure_node("other", manual)], rows=SAME)

    first = stage(night(fake), StageName.EXPORT)
    second = stage(night(fake), StageName.EXPORT)

    assert (first.message, second.message) == ("wrote late@1.0.0", "late@1.0.0 stands")
    assert version_numbers(fake.project, "other") == []


def test_to_ask_for_nightly_versions_makes_no_new_version(fake: Fake, export: Callable[..., Export]) -> None:
    manual = {key: value for key, value in SPEC.items() if key != "refresh"}
    fake.build(manual, rows=SAME)
    export()
    fake.build(SPEC, rows=SAME)

    assert stage(night(fake), StageName.EXPORT).message == "late@1.0.0 stands"
    assert "refresh" not in find_version(fake.project, "late").manifest.declared


def test_an_export_that_its_gates_refuse_is_a_failure_and_one_that_cannot_be_is_an_error(
    fake: Fake, export: Callable[..., Export]
) -> None:
    labels_missing = "select i as id, case when i % 2 = 0 then true end as y from range(500) as r(i)"
    refused = {**SPEC, "gates": {"missing_labels": "critical"}}
    fake.build(exposures=[exposure_node("late", refused), exposure_node("other", SPEC)], rows=labels_missing)
    result = stage(night(fake), StageName.EXPORT)
    fake.build({**SPEC, "key": "nothing"}, rows=labels_missing)
    broken = stage(night(fake), StageName.EXPORT)

    assert result.status is StageStatus.FAILED
    assert [told["outcome"] for told in result.details["datasets"]] == ["refused", "written"]
    assert any(finding.subject.startswith("late: ") for finding in result.findings)
    assert broken.status is StageStatus.ERROR
    assert "late was not exported" in broken.message


@pytest.mark.parametrize("word", ["daily", 1, ["nightly"]])
def test_a_refresh_that_is_no_word_of_ours_is_refused(fake: Fake, export: Callable[..., Export], word: object) -> None:
    from warehouse.errors import SpecError

    fake.build({**SPEC, "refresh": word}, rows=SAME)

    with pytest.raises(SpecError, match="refresh must be one of manual, nightly"):
        export()


def test_before_the_first_build_there_is_nothing_to_compare_and_no_export(fake: Fake) -> None:
    result = night(fake)

    assert stage(result, StageName.DRIFT).status is StageStatus.SKIPPED
    assert stage(result, StageName.EXPORT).status is StageStatus.ERROR
    assert "no build is published yet" in stage(result, StageName.EXPORT).message
