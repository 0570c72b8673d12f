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
    assert [pair["title"] for pair in document["pairs"]] == ["train to test", "dev to test"]
    assert {entry["name"] for entry in document["pairs"][0]["result"]["left_out"]} == {"id", "happened_at"}
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

    (pair,) = json.loads(outcome.out)["pairs"]
    assert pair["title"] == "dev to test"
    assert pair["expected_alike"]
    assert (reports / "drift-dev-test.html").is_file()
    assert not (reports / "drift.html").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("late", "--right", "tset"), "has no split 'tset'; did you mean 'test'?"),
        (("lat",), "'lat' is neither a dataset with a version, nor a table of the published build, nor files"),
        (("lat",), "did you mean 'late'?"),
        (("late@9.0.0",), "has no version or tag '9.0.0'"),
        (("late:test",), "compare late:test with what? for example: warehouse drift late:test @build"),
        (("late:tset", "@build"), "late@1.0.0 has no split 'tset'; did you mean 'test'?"),
        (("late:", "@build"), "'late:' names no split; late@1.0.0 has train, dev, test"),
        (("late", "@biuld"), "'@biuld' names nothing; did you mean '@build'?"),
        (("@build", "@build"), "@build cannot be compared with itself"),
        (("@build", "examples"), "@build is the table of a dataset's model, and neither side names a dataset"),
        (("late", "nothing*.parquet"), "no file matches 'nothing*.parquet'"),
        (("late", "s3://bucket/x.parquet"), "is an address, and only local files are read"),
        (("late", "models/x.txt"), "no file matches 'models/x.txt'"),
        (("late", "var"), "'var' is a folder and no dataset version"),
        (("late", "dbt_project.yml", "--output", "x.html"), "nor files"),
        (("late", "./dbt_project.yml"), "'./dbt_project.yml' is of no kind that is read"),
        (("late", "@build", "--left", "dev"), "--left and --right choose splits of one version"),
        (("late", "@build", "--label", "late"), "--label late: late@1.0.0 and examples today have no such column"),
        (("late", "@build", "--by", "seasn"), "did you mean 'season'?"),
        (("late", "@build", "--time", "season"), "--time season: in late@1.0.0 it is VARCHAR, no date or timestamp"),
        (("late", "--label", "is_late"), "--label, --time and --group are for tables and files"),
        (("late", "--over", "wek"), "--over must be one of day, week, month, not 'wek'; did you mean 'week'?"),
        (("late", "--output", "x.pdf"), "--output must end in .html, .json, .md, not 'x.pdf'"),
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


def reports_on(outcome: Any) -> dict[str, Any]:
    assert outcome.code == 0, outcome.err
    document: dict[str, Any] = json.loads(outcome.out)
    return document


def drifted(document: dict[str, Any], index: int = 0) -> list[str]:
    columns = document["pairs"][index]["result"]["columns"]
    return [column["name"] for column in columns if column["verdict"] == "drifted"]


def test_a_version_is_compared_with_the_table_it_was_made_from(
    exported: Callable[..., Path], run: Callable[..., Any]
) -> None:
    exported(columns={"exclude": ["season"]})

    document = reports_on(run("drift", "late@1.0.0", "@build", "--no-together", "--json"))

    (pair,) = document["pairs"]
    assert pair["title"] == "late@1.0.0 to examples today"
    assert drifted(document) == []
    assert {entry["name"]: entry["reason"] for entry in pair["result"]["left_out"]} == {
        "id": "part of the key, different in every row",
        "season": "not part of the dataset",
    }
    (report,) = Path("var/reports/drift").glob("*.html")
    assert report.name.startswith("late@1.0.0-to-examples-today-")


def test_rows_that_changed_since_the_export_drift(
    exported: Callable[..., Path], run: Callable[..., Any], tmp_path: Path
) -> None:
    exported()
    fake = fake_builds.Fake(tmp_path / "project")
    fake.count = 1
    fake.build(DATASET, rows=ROWS.replace("/ 10 as distance", "/ 5 as distance"))

    document = reports_on(run("drift", "@build", "late:train", "--json"))

    assert document["pairs"][0]["title"] == "examples today to train of late@1.0.0"
    assert "distance" in drifted(document)


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".csv.gz", ".jsonl", ".ndjson.gz"])
def test_files_are_compared_by_pattern(
    exported: Callable[..., Path], run: Callable[..., Any], ending: str, tmp_path: Path
) -> None:
    import duckdb

    exported()
    folder = tmp_path / "it's [here]"
    folder.mkdir()
    options = {"parquet": "format parquet", "csv": "format csv, header"}.get(ending.split(".")[1], "format json")
    if ending.endswith(".gz"):
        options += ", compression gzip"
    for index, season in enumerate(("winter", "summer")):
        path = str(folder / f"part-{index}{ending}").replace("'", "''")
        duckdb.sql(f"copy (from ({ROWS}) where season = '{season}') to '{path}' ({options})")
    pattern = str(folder).replace("[", "[[]") + f"/part-*{ending}"

    same = reports_on(run("drift", "examples", pattern, "--label", "is_late", "--json", "--no-together"))
    winter = reports_on(run("drift", str(folder / f"part-1{ending}"), str(folder / f"part-0{ending}"), "--json"))

    assert drifted(same) == []
    assert same["pairs"][0]["result"]["left_row_count"] == same["pairs"][0]["result"]["right_row_count"] == 8000
    assert "season" in drifted(winter)


def test_rows_of_which_nothing_can_be_compared_are_no_all_clear(
    exported: Callable[..., Path], run: Callable[..., Any]
) -> None:
    import duckdb

    exported()
    duckdb.sql(f"copy (from ({ROWS}) limit 0) to 'none.parquet'")
    duckdb.sql("copy (select 'far' as distance, 1 as season) to 'others.parquet'")

    empty = run("drift", "examples", "none.parquet")
    others = run("drift", "examples", "others.parquet")
    alone = run("drift", "others.parquet")

    assert (empty.code, empty.err) == (2, "error: nothing could be compared: none.parquet has no rows\n")
    assert others.code == 2
    assert "no column of main.examples and others.parquet could be compared:" in others.err
    assert "  - distance: its type differs: DOUBLE in main.examples, VARCHAR in others.parquet" in others.err
    assert "  - happened_at: only in main.examples" in others.err
    assert alone.err.startswith("error: compare others.parquet with what? for example: warehouse drift others.parquet ")
    assert not Path("var/reports/drift").exists()


def test_a_damaged_file_is_one_clear_error(exported: Callable[..., Path], run: Callable[..., Any]) -> None:
    exported()
    Path("broken.parquet").write_text("nothing of the kind")

    outcome = run("drift", "late", "broken.parquet")

    assert outcome.code == 2
    assert outcome.err.startswith("error: cannot read broken.parquet: ")


def test_two_versions_are_compared_split_by_split(
    exported: Callable[..., Path], run: Callable[..., Any], tmp_path: Path
) -> None:
    exported()
    fake = fake_builds.Fake(tmp_path / "project")
    fake.count = 1
    fake.build(DATASET, rows=ROWS.replace("(hash(i) % 1000) / 10", "(hash(i) % 1000) / 5"))
    assert run("export", "late").code == 0

    document = reports_on(run("drift", "late@1.0.0", "late@newest", "--json"))

    assert [pair["title"].split(" of ")[0] for pair in document["pairs"]] == ["train", "dev", "test"]
    assert drifted(document) == ["distance"]
    one = reports_on(run("drift", "late@1.0.0:dev", "late@newest", "--json"))
    assert [pair["title"].split(" of ")[0] for pair in one["pairs"]] == ["dev"]


def test_output_is_the_only_file_that_is_written(exported: Callable[..., Path], run: Callable[..., Any]) -> None:
    reports = exported()

    for suffix in ("html", "json", "md"):
        assert run("drift", "late", "--output", f"out/report.{suffix}").code == 0

    assert sorted(path.name for path in Path("out").iterdir()) == ["report.html", "report.json", "report.md"]
    assert not list(reports.glob("drift*"))


def test_rows_are_read_and_nothing_in_the_warehouse_changes(
    exported: Callable[..., Path], run: Callable[..., Any]
) -> None:
    exported()
    (database,) = Path("var/warehouse/builds").glob("*/warehouse.duckdb")
    before = database.read_bytes()

    assert run("drift", "late", "@build").code == 0

    assert database.read_bytes() == before
    assert not list(Path("var/tmp").glob("*"))


def test_a_profile_stands_for_rows_that_are_gone(exported: Callable[..., Path], run: Callable[..., Any]) -> None:
    reports = exported()
    made = run("profile", "late")
    assert made.code == 0, made.err
    assert made.out.splitlines()[-1].startswith("profile of 4 columns: var/datasets/late/1.0.0/reports/profile.json (")
    by_rows = reports_on(run("drift", "late:train", "@build", "--json", "--no-together"))
    for path in (reports.parent / "data").rglob("*.parquet"):
        path.unlink()

    by_profile = reports_on(run("drift", "late:train", "@build", "--json"))
    for words in (("late",), ("@build", "late")):
        refused = run("drift", *words)
        assert refused.code == 2
        assert refused.err.startswith("error: files of late@1.0.0 are gone, so its rows cannot be read")

    assert set(drifted(by_profile)) == set(drifted(by_rows)) == {"season", "happened_at"}
    (pair,) = by_profile["pairs"]
    assert pair["notes"][0].startswith("The rows of train of late@1.0.0 were not read: their profile stands for them.")
    assert pair["result"]["left_row_count"] == by_rows["pairs"][0]["result"]["left_row_count"]


def test_a_profile_is_made_when_it_is_first_asked_for(exported: Callable[..., Path], run: Callable[..., Any]) -> None:
    reports = exported()

    outcome = run("drift", "late", "@build", "--profile")

    assert outcome.code == 0, outcome.err
    assert (reports / "profile.json").is_file()
    assert "late@1.0.0 were not read" in outcome.out
    document = json.loads(run("profile", "late", "--json").out)
    assert document["format"] == "ml-warehouse profile"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("examples", "late", "--profile"), "main.examples has no profile: only versions of datasets do"),
        (("late", "--profile"), "--profile stands for the rows of A when they are compared with others"),
        (("late", "@build", "--profile", "--over", "week"), "--over, --by and --together need the rows of late@1.0.0"),
    ],
)
def test_what_a_profile_cannot_do_is_said(
    exported: Callable[..., Path], run: Callable[..., Any], words: tuple[str, ...], message: str
) -> None:
    exported()

    outcome = run("drift", *words)

    assert outcome.code == 2
    assert message in outcome.err


def test_every_month_of_todays_table_is_compared_with_train(
    exported: Callable[..., Path], run: Callable[..., Any]
) -> None:
    exported()

    document = reports_on(run("drift", "late:train", "--over", "month", "--json", "--no-together"))

    assert document["pairs"][0]["title"] == "train of late@1.0.0 to examples today"
    assert document["series"]["every"] == "month"
    assert [period["start"] for period in document["series"]["periods"]][:2] == ["2013-01-01", "2013-02-01"]
