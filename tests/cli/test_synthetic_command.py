"""`warehouse synthetic` from a published build to a report in the version."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

sys.path.append(str(Path(__file__).parents[1]))
import fake_builds

from warehouse.sql import identifier

MARK = 'made "up"; --'
ROWS = """
    select
        i as id,
        (hash(concat(i % 3000, ' x')) % 100000) / 7 as "select",
        ['a', 'b', 'it''s'][1 + (hash(concat(i, ' y')) % 3)::int] as "the kind",
        hash(concat(i, ' z')) % 10 < 3 as flag,
        i >= 2400 as "made ""up""; --",
        case when i between 2000 and 2399 then 'test' else 'train' end as part,
    from range({}) as rows(i)
"""
DATASET: dict[str, Any] = {
    "key": "id",
    "label": "flag",
    "synthetic": MARK,
    "split": {"method": "column", "column": "part"},
}


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any]) -> Path:
    """A version with 600 synthetic rows and beside the project predictions of two models; its reports' folder."""
    fake = fake_builds.Fake(tmp_path / "project")
    fake.build(DATASET, rows=ROWS.format(3000))
    monkeypatch.chdir(fake.project.root)
    assert run("export", "late").code == 0
    with duckdb.connect() as connection:
        for name, error in (("with", 10), ("without", 40)):
            connection.execute(
                f"copy (select id, (hash(concat(id, ' e')) % 100 < {error}) <> flag as prediction"
                f" from ({ROWS.format(3000)})) to '{name}.parquet'"
            )
    return fake.project.datasets_path / "late" / "1.0.0" / "reports"


def test_rows_that_copy_nothing_are_reported_and_kept(reports: Path, run: Callable[..., Any]) -> None:
    words = ("--predictions", "with.parquet", "--without-synthetic", "without.parquet")
    outcome = run("synthetic", "late", *words)

    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0] == f"late@1.0.0: synthetic rows by {MARK}: train 600 of 2,600"
    assert lines[1] == "Synthetic rows copy no row of test beyond chance."
    assert "Learning from them helps on real rows of test" in outcome.out
    assert lines[-1] == "report: var/datasets/late/1.0.0/reports/synthetic.html"
    assert "<h1>Synthetic rows of <bdi>late@1.0.0</bdi></h1>" in (reports / "synthetic.html").read_text()
    document = json.loads((reports / "synthetic.json").read_text())
    assert document["format"] == "ml-warehouse synthetic"
    assert document["drift"]["title"] == "real train to synthetic"
    assert [change["effect"] for change in document["effect"]["changes"]] == ["helps", "helps"]


def test_json_is_the_report(reports: Path, run: Callable[..., Any]) -> None:
    outcome = run("synthetic", "late@1.0.0", "--json")

    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    assert document == json.loads((reports / "synthetic.json").read_text())
    assert document["effect"] is None


def test_copies_of_test_rows_exit_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any]
) -> None:
    fake = fake_builds.Fake(tmp_path / "project")
    rows = ROWS.format(3000)
    changed = f"id + 3000 as id, 'train' as part, true as {identifier(MARK)}"
    copies = f"select * replace ({changed}) from ({rows}) where part = 'test'"
    fake.build(DATASET, rows=f"{rows} union all {copies}")
    monkeypatch.chdir(fake.project.root)
    assert run("export", "late").code == 0

    outcome = run("synthetic", "late")

    assert outcome.code == 1, outcome.err
    assert re.search(r"critical test: synthetic rows copy (39\d|400) of 400 rows of test in every feature", outcome.out)
    assert "take these synthetic rows out" in outcome.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--without-synthetic", "without.parquet"), "--without-synthetic is compared with --predictions"),
        (("--predictions", "wth.parquet"), "no file matches 'wth.parquet'; did you mean 'with.parquet'?"),
        (("--predictions", "with.parquet", "--column", "prediction"), "--column must be ROLE=NAME"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    reports: Path, run: Callable[..., Any], words: tuple[str, ...], message: str
) -> None:
    outcome = run("synthetic", "late", *words)

    assert outcome.code == 2
    assert message in outcome.err
    assert not (reports / "synthetic.json").exists()


def test_a_dataset_without_synthetic_rows_is_told_so(
    fake: fake_builds.Fake, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any]
) -> None:
    fake.build({key: value for key, value in DATASET.items() if key != "synthetic"}, rows=ROWS.format(3000))
    monkeypatch.chdir(fake.project.root)
    assert run("export", "late").code == 0

    outcome = run("synthetic", "late")

    assert outcome.code == 2
    assert "dataset 'late' does not say which rows are synthetic" in outcome.err
    assert "add `synthetic: COLUMN`" in outcome.err
