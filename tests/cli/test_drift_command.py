"""`warehouse drift` from a published build to a report in the version."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "datasets"))
import fake_builds

ROWS = """
    select
        i as id,
        timestamp '2013-01-01' + to_hours(i::int) as happened_at,
        i % 3 = 0 as is_late,
        case when i < 6000 then 'winter' else 'summer' end as season,
        (hash(i) % 1000) / 10 as distance,
    from range(8000) as rows(i)
"""
DATASET: dict[str, Any] = {
    "key": "id",
    "label": "is_late",
    "time": "happened_at",
    "split": {"method": "time", "cutoffs": {"dev": "2013-07-20", "test": "2013-09-08"}},
}


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any]) -> Callable[..., Path]:
    """Exports a dataset whose declaration has these additions; gives the folder of its reports."""

    def export(**more: Any) -> Path:
        fake = fake_builds.Fake(tmp_path / "project")
        fake.build({**DATASET, **more}, rows=ROWS)
        monkeypatch.chdir(fake.project.root)
        outcome = run("export", "late")
        assert outcome.code == 0, outcome.err
        return fake.project.datasets_path / "late" / "1.0.0" / "reports"

    return export


def test_the_report_is_written_and_the_worst_columns_are_printed(
    exported: Callable[..., Path], run: Callable[..., Any]
) -> None:
    reports = exported()

    outcome = run("drift", "late")

    assert outcome.code == 0, outcome.err
    assert "1 of 3 columns drifted from train to test." in outcome.out
    assert "is_late (label)" in outcome.out
    assert outcome.out.splitlines()[-1] == "report: var/datasets/late/1.0.0/reports/drift.html"
    document = json.loads((reports / "drift.json").read_text())
    assert document["subject"] == "late@1.0.0"
    assert {entry["name"] for entry in document["left_out"]} == {"id", "happened_at"}
    assert "<!doctype html>" in (reports / "drift.html").read_text()[:20]


def test_a_critical_gate_exits_with_one(exported: Callable[..., Path], run: Callable[..., Any]) -> None:
    exported(gates={"drift": "critical"})

    assert run("drift", "late").code == 1


def test_fail_on_warning_exits_with_one(exported: Callable[..., Path], run: Callable[..., Any]) -> None:
    exported()

    assert run("drift", "late", "--fail-on", "warning").code == 1
    assert run("drift", "late", "--left", "train", "--right", "train", "--fail-on", "warning").code == 0


def test_other_pairs_have_files_of_their_own(exported: Callable[..., Path], run: Callable[..., Any]) -> None:
    reports = exported()

    outcome = run("drift", "late@1.0.0", "--left", "dev", "--right", "test", "--json")

    assert json.loads(outcome.out)["left_name"] == "dev"
    assert (reports / "drift-dev-test.html").is_file()
    assert not (reports / "drift.html").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("late", "--right", "tset"), "has no split 'tset'; did you mean 'test'?"),
        (("lat",), "dataset 'lat' has no version; did you mean 'late'?"),
        (("late@9.0.0",), "has no version or tag '9.0.0'"),
    ],
)
def test_a_wrong_name_is_said_and_nothing_is_written(
    exported: Callable[..., Path], run: Callable[..., Any], words: tuple[str, ...], message: str
) -> None:
    reports = exported()

    outcome = run("drift", *words)

    assert outcome.code == 2
    assert message in outcome.err
    assert not list(reports.glob("drift*"))
