"""`warehouse leakage` from a published build to a report in the version."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1]))
import fake_builds

ROWS = """
    select
        i as id,
        timestamp '2013-01-01' + to_hours(i::int) as happened_at,
        (hash(i) % 100) < 30 as is_late,
        (hash(i * 7) % 100000) / 7 as distance,
        (hash(i * 11) % 100000) / 9 as weight,
        {part} as part,
    from range(4000) as rows(i)
"""
DATASET: dict[str, Any] = {
    "key": "id",
    "label": "is_late",
    "time": "happened_at",
    "split": {"method": "time", "cutoffs": {"test": "2013-05-20"}},
}


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any]) -> Callable[..., Path]:
    """Exports a dataset whose declaration has these additions; gives the folder of its reports."""

    def export(*, part: str = "i % 2 = 0", **more: Any) -> Path:
        fake = fake_builds.Fake(tmp_path / "project")
        fake.build({**DATASET, **more}, rows=ROWS.format(part=part))
        monkeypatch.chdir(fake.project.root)
        outcome = run("export", "late")
        assert outcome.code in (0, 1), outcome.err
        return fake.project.datasets_path / "late" / "1.0.0" / "reports"

    return export


def test_a_clean_version_exits_with_zero_and_keeps_its_report(
    exported: Callable[..., Path], run: Callable[..., Any]
) -> None:
    reports = exported()

    outcome = run("leakage", "late")

    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("late@1.0.0: no leak found in 4,000 rows (train ")
    assert outcome.out.splitlines()[-1] == "report: var/datasets/late/1.0.0/reports/leakage.json"
    document = json.loads((reports / "leakage.json").read_text())
    assert document["format"] == "ml-warehouse leakage"
    assert document["findings"] == []
    assert document["keys"]["value_count"] == 0


def test_a_suspicion_is_printed_with_its_advice(exported: Callable[..., Path], run: Callable[..., Any]) -> None:
    exported(part="case when (hash(i) % 100) < 30 then 'paid' else 'open' end")

    outcome = run("leakage", "late@1.0.0")

    assert outcome.code == 0
    assert "warning part: “part” alone tells the label: in test it removes 100% of the errors" in outcome.out
    assert "find out when and from what it is made" in outcome.out
    assert run("leakage", "late", "--fail-on", "warning").code == 1


def test_json_is_the_report(exported: Callable[..., Path], run: Callable[..., Any]) -> None:
    reports = exported()

    outcome = run("leakage", "late", "--json")

    assert json.loads(outcome.out) == json.loads((reports / "leakage.json").read_text())


@pytest.mark.parametrize(
    ("reference", "message"),
    [("lat", "dataset 'lat' has no version; did you mean 'late'?"), ("late@9.0.0", "'9.0.0'; did you mean '1.0.0'?")],
)
def test_a_wrong_name_is_said_and_exits_with_two(
    exported: Callable[..., Path], run: Callable[..., Any], reference: str, message: str
) -> None:
    exported()

    outcome = run("leakage", reference)

    assert outcome.code == 2
    assert message in outcome.err
