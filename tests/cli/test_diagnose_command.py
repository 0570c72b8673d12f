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
    assert outcome.out.splitlines()[-1] == "report: var/datasets/late/1.0.0/reports/diagnosis.html"
    assert '<p class="verdict">The largest gap is data mismatch' in (reports / "diagnosis.html").read_text()
    document = json.loads((reports / "diagnosis.json").read_text())
    assert document["format"] == "ml-warehouse diagnosis"
    assert document["largest"]["causes"] == ["data_mismatch"]


def test_a_ranking_is_judged_by_query(reports: Path, run: Callable[..., Any]) -> None:
    with duckdb.connect() as connection:
        noise = "(case when happened_at < '2013-04-20' then 1 else 4 end) * (hash(id * 31) % 1000) / 1000"
        connection.execute(
            f"copy (select id, id // 8 as screen, is_late::int + {noise} as score from ({ROWS})) to 'scores.csv'"
        )
    outcome = run("diagnose", "late", "--predictions", "scores.csv", "--column", "query=screen", "--at", "5")

    assert outcome.code == 0, outcome.err
    assert "The largest gap is data mismatch, from train_dev to dev: " in outcome.out
    assert "ranked by screen, NDCG of the first 5" in outcome.out
    document = json.loads((reports / "diagnosis.json").read_text())
    assert (document["task"], document["metric"], document["ranking"]["at"]) == ("ranking", "ndcg", 5)
    assert "NDCG" in (reports / "diagnosis.html").read_text()


def test_json_is_the_report(reports: Path, run: Callable[..., Any]) -> None:
    outcome = run("diagnose", "late@1.0.0", "--predictions", "predictions.parquet", "--json", "--fail-on", "warning")

    assert outcome.code == 1
    assert json.loads(outcome.out) == json.loads((reports / "diagnosis.json").read_text())


def test_the_page_has_the_other_model_and_what_more_rows_would_give(reports: Path, run: Callable[..., Any]) -> None:
    Path("errors.csv").write_text(
        "fraction,split,error\n" + "".join(f"{f},dev,{0.2 + 0.1 * f**-0.5}\n" for f in (0.1, 0.2, 0.4, 0.7, 1))
    )
    outcome = run(
        *("diagnose", "late", "--predictions", "predictions.parquet", "--against", "predictions.csv"),
        *("--curve", "errors.csv"),
    )

    assert outcome.code == 0, outcome.err
    page = (reports / "diagnosis.html").read_text()
    assert '<h2 id="comparison">Beside the other model</h2>' in page
    assert '<h2 id="curve">What more rows would give</h2>' in page
    assert "error = " in page


@pytest.mark.parametrize(
    ("suffix", "start"), [("html", "<!doctype html>"), ("json", "{"), ("md", "### Diagnosis of `late@1.0.0`")]
)
def test_the_report_goes_where_it_is_wanted_and_nowhere_else(
    reports: Path, run: Callable[..., Any], suffix: str, start: str
) -> None:
    path = reports.parents[4] / f"report.{suffix}"
    outcome = run("diagnose", "late", "--predictions", "predictions.parquet", "--report", str(path), "--markdown")

    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("### Diagnosis of `late@1.0.0`")
    assert path.read_text().lstrip().startswith(start)
    assert not list(reports.glob("diagnosis*"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--predictions", "predictions.csv", "--report", "x.pdf"), "--report must end in .html, .json, .md, not"),
        (("--predictions", "prediction.csv"), "no file matches 'prediction.csv'; did you mean 'predictions.csv'?"),
        (("--predictions", "examples", "--column", "prediction=is_lat"), "did you mean 'is_late'?"),
        (("--predictions", "predictions.csv", "--column", "prediction"), "--column must be ROLE=NAME"),
        (("--predictions", "predictions.csv", "--metric", "acc"), "--metric must be one of error_rate, log_loss"),
        (("--predictions", "predictions.csv", "--human", "8"), "--human must be a share from 0 to 1"),
        ((), "give --predictions, a model's predictions of the version's rows, or --curve"),
        (("--curve", "predictions.csv"), "there is neither a column 'fraction' nor 'rows'; "),
        (
            ("--predictions", "predictions.csv", "--slices", "tset"),
            "--slices must be one of train, train_dev, dev, test",
        ),
        (("--predictions", "predictions.csv", "--slices", "none", "--sheet", "s.csv"), "--sheet needs slices"),
        (("--predictions", "predictions.csv", "--sheet", "predictions.csv"), "predictions.csv is there already"),
        (("--predictions", "predictions.csv", "--sheet", "s.xlsx"), "--sheet writes CSV, and 's.xlsx' does not end"),
        (("--predictions", "predictions.csv", "--tags", "no.csv"), "no.csv cannot be read"),
        (("--predictions", "predictions.csv", "--tags", "predictions.csv"), "has no column 'row' and no column 'tag'"),
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


def test_a_learning_curve_needs_no_predictions(reports: Path, run: Callable[..., Any]) -> None:
    lines = [f"{share},dev,{0.06 + 0.04 * share**-0.5:.6f}" for share in (0.1, 0.2, 0.4, 0.7, 1)]
    Path("errors.csv").write_text("\n".join(["fraction,split,error", *lines]))

    outcome = run("diagnose", "late", "--curve", "errors.csv", "--human", "0.02")

    assert outcome.code == 0, outcome.err
    assert "ten times 7.3% (7.3% to 7.3%); now it is 10.0% (10.0% to 10.0%)." in outcome.out
    assert "More rows like these help: ten times as many take off 2.7 points (2.7 to 2.7)." in outcome.out
    assert "No number of rows like these would bring it to the level of people (2.0%)" in outcome.out
    document = json.loads((reports / "learning_curve.json").read_text())
    assert "<h1>Learning curve of <bdi>late@1.0.0</bdi></h1>" in (reports / "learning_curve.html").read_text()
    assert document["format"] == "ml-warehouse learning curve"
    assert document["splits"][0]["fit"]["answer"] == "helps"

    outcome = run("diagnose", "late", "--predictions", "predictions.parquet", "--curve", "errors.csv", "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["curve"]["target"] == "dev"


def test_errors_are_sampled_into_a_sheet_and_its_tags_are_tallied(reports: Path, run: Callable[..., Any]) -> None:
    outcome = run("diagnose", "late", "--predictions", "predictions.parquet", "--sheet", "errors.csv")

    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines()[-2].startswith("sheet: errors.csv; fill its column tag")
    sheet = Path("errors.csv")
    first, *rest = sheet.read_text(encoding="utf-8-sig").splitlines()
    assert first == "tag,note,row,slices,label,prediction,probability,loss,id,happened_at,is_late"
    tagged = [f"fog{line}" if place % 2 else f"night{line}" for place, line in enumerate(rest[:10])]
    sheet.write_text("\n".join([first, *tagged, *rest[10:]]), encoding="utf-8")

    outcome = run("diagnose", "late", "--predictions", "predictions.parquet", "--tags", "errors.csv")

    assert outcome.code == 0, outcome.err
    assert "tags of all errors of dev: 10 of 100 sampled errors" in outcome.out
    tags = json.loads((reports / "diagnosis.json").read_text())["tags"]
    assert [(each["tag"], each["row_count"]) for each in tags["tallies"][0]["tags"]] == [("fog", 5), ("night", 5)]


def test_two_models_are_compared(reports: Path, run: Callable[..., Any]) -> None:
    outcome = run(
        *("diagnose", "late", "--predictions", "predictions.csv", "--against", "examples", "--slices", "none"),
        *("--column", "prediction=is_late", "--fail-on", "warning"),
    )
    assert outcome.code == 1
    assert "predictions.csv is worse than examples in test: " in outcome.out, outcome.out
    document = json.loads((reports / "diagnosis.json").read_text())["comparison"]
    assert document["splits"][-1]["answer"] == "worse"
    assert document["splits"][-1]["metrics"][0]["against"] == 0

    outcome = run("diagnose", "late", "--predictions", "predictions.csv", "--against", "predictions.parquet")
    assert outcome.code == 0, outcome.err
    assert "predictions.csv and predictions.parquet are alike in test: " in outcome.out
    assert "0 won, 0 lost, " in outcome.out

    outcome = run("diagnose", "late", "--against", "predictions.csv", "--curve", "predictions.csv")
    assert outcome.code == 2
    assert "--against is what --predictions are compared with" in outcome.err


def test_keys_that_are_text_are_read_from_csv_as_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any]
) -> None:
    rows = ROWS.replace("i as id", "lpad(i::varchar, 5, '0') as id")
    fake = fake_builds.Fake(tmp_path / "project")
    fake.build(DATASET, rows=rows)
    monkeypatch.chdir(fake.project.root)
    assert run("export", "late").code == 0
    with duckdb.connect() as connection:
        connection.execute(f"copy (select id as \"i'd\", is_late as prediction from ({rows})) to 'predictions.csv'")

    outcome = run(
        *("diagnose", "late", "--predictions", "predictions.csv", "--column", "id=i'd"),
        *("--against", "predictions.csv", "--json"),
    )

    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    assert document["coverage"]["extra_count"] == 0
    assert all(split["missing_count"] == 0 for split in document["coverage"]["splits"])
