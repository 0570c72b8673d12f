"""`warehouse diagnose` from a published build to a report in the version."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

sys.path.append(str(Path(__file__).parents[1]))
import fake_builds

ROWS = """
    select
        i as id,
        timestamp '2013-01-01' + to_hours(i::int) as happened_at,
        (hash(i) % 100) < 30 as is_late,
    from range(4000) as rows(i)
"""
DATASET: dict[str, Any] = {
    "key": "id",
    "label": "is_late",
    "time": "happened_at",
    "split": {"method": "time", "cutoffs": {"dev": "2013-04-20", "test": "2013-05-20"}, "train_dev": 0.1},
}


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any]) -> Path:
    """A version of a dataset, and beside the project predictions that err more from April on; its reports' folder."""
    fake = fake_builds.Fake(tmp_path / "project")
    fake.build(DATASET, rows=ROWS)
    monkeypatch.chdir(fake.project.root)
    assert run("export", "late").code == 0
    with duckdb.connect() as connection:
        wrong = "hash(id * 31) % 100 < (case when happened_at < '2013-04-20' then 10 else 40 end)"
        for suffix in ("csv", "parquet"):
            connection.execute(
                f"copy (select id, case when {wrong} then not is_late else is_late end as prediction from ({ROWS}))"
                f" to 'predictions.{suffix}'"
            )
    return fake.project.datasets_path / "late" / "1.0.0" / "reports"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_mismatch_is_told_and_kept(reports: Path, run: Callable[..., Any], suffix: str) -> None:
    outcome = run("diagnose", "late", "--predictions", f"predictions.{suffix}", "--human", "0.08")

    assert outcome.code == 0, outcome.err
    assert "The largest gap is data mismatch, from train_dev to dev: " in outcome.out
    assert "against data mismatch:" in outcome.out
    assert outcome.out.splitlines()[-1] == "report: var/datasets/late/1.0.0/reports/diagnosis.json"
    document = json.loads((reports / "diagnosis.json").read_text())
    assert document["format"] == "ml-warehouse diagnosis"
    assert document["largest"]["causes"] == ["data_mismatch"]


def test_json_is_the_report(reports: Path, run: Callable[..., Any]) -> None:
    outcome = run("diagnose", "late@1.0.0", "--predictions", "predictions.parquet", "--json", "--fail-on", "warning")

    assert outcome.code == 1
    assert json.loads(outcome.out) == json.loads((reports / "diagnosis.json").read_text())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--predictions", "prediction.csv"), "no file matches 'prediction.csv'; did you mean 'predictions.csv'?"),
        (("--predictions", "examples", "--column", "prediction=is_lat"), "did you mean 'is_late'?"),
        (("--predictions", "predictions.csv", "--column", "prediction"), "--column must be ROLE=NAME"),
        (("--predictions", "predictions.csv", "--metric", "acc"), "--metric must be one of error_rate, log_loss"),
        (("--predictions", "predictions.csv", "--human", "8"), "--human must be a share from 0 to 1"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    reports: Path, run: Callable[..., Any], words: tuple[str, ...], message: str
) -> None:
    outcome = run("diagnose", "late", *words)

    assert outcome.code == 2
    assert message in outcome.err
    assert not (reports / "diagnosis.json").exists()


def test_a_table_of_the_build_can_hold_predictions(reports: Path, run: Callable[..., Any]) -> None:
    outcome = run("diagnose", "late", "--predictions", "examples", "--column", "prediction=is_late")

    assert outcome.code == 0, outcome.err
    assert "0%" in outcome.out
