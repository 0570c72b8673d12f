"""What is done about the sources of a project: stop, quarantine, warn, accept; and what is remembered of them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from common import source_of_shop

from warehouse import records, storage
from warehouse.builds import build_warehouse
from warehouse.dbt_manifest import Source
from warehouse.errors import ProjectError
from warehouse.findings import Severity
from warehouse.project import Project
from warehouse.published import published_id
from warehouse.records import Status
from warehouse.sources.inspection import Inspection, inspect_sources
from warehouse.sources.quarantine import quarantined, release
from warehouse.sources.report import check_sources, read_source_report
from warehouse.sources.rules import Trouble
from warehouse.sources.shapes import shape_document

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def folder(project: Project) -> Path:
    path = project.root / "drops"
    path.mkdir()
    return path


def source(location: str = "drops/*.csv", **checks: Any) -> Source:
    return source_of_shop("visits", location, file_path="models/shop.yml", meta={"checks": checks} if checks else {})


def look(project: Project, *, move: bool = True, location: str = "drops/*.csv", **checks: Any) -> Inspection:
    return inspect_sources(project, [source(location, **checks)], now=NOW, move=move)


def publish_shape(project: Project, inspection: Inspection, *, number: int = 1) -> None:
    """As a build does that read these files."""
    run = records.new_run_id(project, NOW + timedelta(seconds=number))
    shapes = {one.name: shape_document(one.shape) for one in inspection.sources}
    record = records.start_record(project, command="build", run_id=run, now=NOW)
    document = record.as_document() | {"status": "passed", "source_shapes": shapes}
    records.record_path(project, run).parent.mkdir(parents=True, exist_ok=True)
    records.record_path(project, run).write_text(json.dumps(document))
    build = project.builds_path / run
    build.mkdir(parents=True)
    project.current_path.unlink(missing_ok=True)
    project.current_path.symlink_to(build)


def troubles(inspection: Inspection) -> list[tuple[str, str]]:
    """Trouble and policy, as the findings name them."""
    return [
        tuple(finding.advice.rpartition("(")[2].rstrip(")").split(": "))  # type: ignore[misc]
        for finding in inspection.findings
    ]


def test_good_files_give_no_finding_and_their_shape(project: Project, folder: Path) -> None:
    (folder / "1.csv").write_text("id,at\n1,2026-01-01\n")
    (folder / "2.csv").write_text("id,at\n2,2026-01-02\n3,2026-01-03\n")
    found = look(project)
    assert found.findings == ()
    assert dict(found.sources[0].shape.columns) == {"id": "BIGINT", "at": "DATE"}
    assert [file.row_count for file in found.sources[0].files] == [1, 2]


@pytest.mark.parametrize(
    ("later", "expected", "said"),
    [
        ("id,at,colour\n9,2026-02-01,red\n", ("new_columns", "warn"), "1 new column: 'colour' (VARCHAR)"),
        ("id\n9\n", ("vanished_columns", "stop"), "lacks 1 column that the source had: 'at'"),
        ("id,at\nx9,2026-02-01\n7,2026-02-02\n", ("retyped_columns", "stop"), "1 of 2 values of 'id' are no BIGINT"),
        ("id,at\n9.5,2026-02-01\n", None, ""),
        ("id,at\n,2026-02-01\n", None, ""),
        ("id,at\n", None, ""),
        ("id,at\n9,2026-02-01", ("unfinished", "warn"), "does not end with the end of a line"),
    ],
    ids=["new", "vanished", "retyped", "wider numbers", "nothing but missing values", "no rows", "no end of line"],
)
def test_a_file_is_held_against_what_was_published(
    project: Project, folder: Path, later: str, expected: tuple[str, str] | None, said: str
) -> None:
    (folder / "1.csv").write_text("id,at\n1,2026-01-01\n")
    publish_shape(project, look(project))
    (folder / "2.csv").write_text(later)
    found = look(project)
    assert troubles(found) == ([expected] if expected else [])
    assert all(said in finding.message and "drops/2.csv" in finding.message for finding in found.findings)


def test_older_files_may_lack_the_columns_that_were_accepted_since(project: Project, folder: Path) -> None:
    (folder / "1.csv").write_text("id\n1\n")
    publish_shape(project, look(project))
    (folder / "2.csv").write_text("id,colour\n9,red\n")
    found = look(project)
    assert troubles(found) == [("new_columns", "warn")]
    publish_shape(project, found, number=2)
    assert look(project).findings == ()
    (folder / "1.csv").write_text("id\n7\n")
    assert troubles(look(project)) == [("vanished_columns", "stop")]


def test_semicolons_instead_of_commas_are_noticed_where_the_build_would_see_one_column(
    project: Project, folder: Path
) -> None:
    location = "read_csv('drops/*.csv', delim = ',', header = true)"
    (folder / "1.csv").write_text("id,at\n1,2026-01-01\n")
    publish_shape(project, look(project, location=location))
    (folder / "2.csv").write_text("id;at\n1;2026-01-01\n")
    found = look(project, location=location)
    assert ("vanished_columns", "stop") in troubles(found)
    assert not found.may_build


def test_without_a_published_build_files_are_held_against_each_other(project: Project, folder: Path) -> None:
    for name in ("1", "2", "3"):
        (folder / f"{name}.csv").write_text(f"id,at\n{name},2026-01-01\n")
    (folder / "4.csv").write_text("id,when\n4,2026-01-01\n")
    found = look(project)
    assert {trouble for trouble, _ in troubles(found)} == {"new_columns", "vanished_columns"}
    assert all("drops/4.csv" in finding.message for finding in found.findings)


def test_a_delivery_that_came_twice_is_named_with_its_twin(project: Project, folder: Path) -> None:
    (folder / "1.csv").write_text("id\n1\n")
    (folder / "1 (copy).csv").write_text("id\n1\n")
    found = look(project)
    assert troubles(found) == [("duplicate", "warn")]
    assert "drops/1.csv has the same content as drops/1 (copy).csv" in found.findings[0].message


def test_a_file_that_was_published_and_is_gone_is_named(project: Project, folder: Path) -> None:
    (folder / "1.csv").write_text("id\n1\n")
    (folder / "2.csv").write_text("id\n2\n")
    publish_shape(project, look(project))
    (folder / "2.csv").unlink()
    found = look(project)
    assert troubles(found) == [("vanished_file", "warn")]
    assert "drops/2.csv" in found.findings[0].message


def test_no_file_at_all_stops_the_build(project: Project, folder: Path) -> None:
    found = look(project)
    assert troubles(found) == [("no_match", "stop")]
    assert "no file matches drops/*.csv" in found.findings[0].message


def test_workbooks_that_the_build_would_leave_out_are_noticed(project: Project, folder: Path) -> None:
    from openpyxl import Workbook

    for name in ("1", "2"):
        book = Workbook()
        book.active.append([f"only in {name}"])
        book.save(folder / f"{name}.xlsx")
    found = look(project, location="drops/*.xlsx")
    assert ("unread", "stop") in troubles(found)
    assert "2 workbooks match drops/*.xlsx" in found.findings[-1].message
    assert troubles(look(project, location="drops/1.xlsx")) == []


def test_a_quarantined_file_can_come_back(project: Project, folder: Path) -> None:
    (folder / "1.csv").write_text("id,b\n1,2\n")
    bad = folder / "it's [a] *file*.csv"
    bad.write_text("id,b\n1\n2,3\n")
    found = look(project, ragged="quarantine")
    assert found.may_build
    assert [finding.severity for finding in found.findings] == [Severity.WARNING]
    assert not bad.exists()
    (moved,) = quarantined(project)
    assert moved.came_from == bad
    assert "ragged: has 2 columns, and 1 row does not" in moved.reasons[0]
    assert look(project).findings == ()
    assert release(project, moved.name) == bad
    assert bad.read_text() == "id,b\n1\n2,3\n"
    assert quarantined(project) == ()


def test_the_command_lists_what_is_in_quarantine_and_lets_it_out(
    project: Project, folder: Path, run: Callable[..., Any]
) -> None:
    assert run("sources", "--quarantine").out == "quarantine is empty\n"
    (folder / "1.csv").write_text("id,b\n1\n")
    look(project, ragged="quarantine")
    listed = run("sources", "--quarantine")
    assert "drops/1.csv" in listed.out
    assert "next: warehouse sources --release 20261123T120000Z-1.csv" in listed.out
    (document,) = json.loads(run("sources", "--quarantine", "--json").out)
    assert (document["name"], document["source"]) == ("20261123T120000Z-1.csv", "shop.visits")
    wrong = run("sources", "--release", "1.csv")
    assert (wrong.code, wrong.out) == (2, "")
    assert "no file '1.csv' is in quarantine; known: 20261123T120000Z-1.csv" in wrong.err
    released = run("sources", "--release", document["name"])
    assert (released.code, released.out) == (0, f"{document['name']} is back at drops/1.csv\n")
    assert (folder / "1.csv").exists()


def test_nothing_is_moved_by_a_mere_look_nor_when_the_build_stops_anyway(project: Project, folder: Path) -> None:
    (folder / "1.csv").write_text("id,b\n1\n2,3\n")
    look(project, move=False, ragged="quarantine")
    (folder / "2.csv").write_text("")
    found = look(project, ragged="quarantine")
    assert not found.may_build
    assert quarantined(project) == ()
    assert (folder / "1.csv").exists()


def test_a_good_file_does_not_answer_for_the_ragged_one_before_it(project: Project, folder: Path) -> None:
    (folder / "1.csv").write_text("id,b\n1\n")
    (folder / "2.csv").write_text("id,b\n1,2\n")
    found = look(project)
    assert [file.troubles for file in found.sources[0].files] == [(Trouble.RAGGED,), ()]


def test_a_file_does_not_come_back_over_another(project: Project, folder: Path) -> None:
    (folder / "1.csv").write_text("")
    (folder / "2.csv").write_text("id\n1\n")
    look(project, empty="quarantine")
    (folder / "1.csv").write_text("id\n2\n")
    (moved,) = quarantined(project)
    with pytest.raises(ProjectError, match="cannot go back"):
        release(project, moved.name)
    assert ((folder / "1.csv").read_text(), moved.path.read_text()) == ("id\n2\n", "")
    with pytest.raises(ProjectError, match="no file 'x' is in quarantine"):
        release(project, "x")


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a_name_that_is_taken_in_the_last_moment_is_not_written_over(
    tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, target = tmp_path / "moved", tmp_path / "target"
    path.write_text("moved")
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", lambda *_: os.link(tmp_path / "nothing", tmp_path / "there"))

    storage.move_to_free(path, target)
    assert (target.read_text(), path.exists()) == ("moved", False)
    path.write_text("another")
    with pytest.raises(FileExistsError):
        storage.move_to_free(path, target)

    assert (target.read_text(), path.read_text()) == ("moved", "another")


def test_what_is_accepted_is_not_told(project: Project, folder: Path) -> None:
    (folder / "1.csv").write_text("id\n1\n")
    (folder / "2.csv").write_text("id\n1\n")
    assert look(project, duplicate="accept").findings == ()


def test_a_link_out_of_the_project_is_named(project: Project, folder: Path, tmp_path: Path) -> None:
    (folder / "1.csv").write_text("id\n1\n")
    outside = tmp_path / "outside.csv"
    outside.write_text("id\n2\n")
    (folder / "link.csv").symlink_to(outside)
    (folder / "inside.csv").symlink_to(folder / "1.csv")
    assert set(troubles(look(project))) == {("link", "warn"), ("duplicate", "warn")}


def test_a_pipe_is_named_and_never_opened(project: Project, folder: Path) -> None:
    (folder / "1.csv").write_text("id\n1\n")
    os.mkfifo(folder / "pipe.csv")
    (folder / "folder.csv").mkdir()
    # The build's own patterns pass over pipes and folders; by its name a pipe would be waited for without end.
    assert look(project).findings == ()
    found = look(project, location="drops/pipe.csv")
    assert troubles(found) == [("no_file", "stop")]
    assert "drops/pipe.csv is no file" in found.findings[0].message


def test_files_with_hostile_names_are_read_as_what_they_are(project: Project, folder: Path) -> None:
    for name in ("it's.csv", "a [b] *c*.csv", "שלום‮.csv", "new\nline.csv", "-rf.csv"):
        (folder / name).write_text(f"id,b\n{len(name)},2\n")
    (folder / "$(touch x).csv").write_text("id,b\n1\n")
    found = look(project)
    assert troubles(found) == [("ragged", "stop")]
    assert len(found.sources[0].files) == 6


def test_a_file_is_read_again_only_when_it_has_changed(
    project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from warehouse.sources import inspection

    read: list[str] = []
    real = inspection.read_file
    monkeypatch.setattr(
        inspection, "read_file", lambda engine, path, *rest: (read.append(path.name), real(engine, path, *rest))[1]
    )
    for name in ("1", "2"):
        (folder / f"{name}.csv").write_text(f"id\n{name}\n")
    look(project)
    look(project)
    assert read == ["1.csv", "2.csv"]
    (folder / "2.csv").write_text("id\n22\n")
    look(project)
    assert read == ["1.csv", "2.csv", "2.csv"]


def test_every_wrong_rule_is_named_at_once(project: Project, folder: Path) -> None:
    with pytest.raises(ProjectError) as error:
        look(project, new_colums="warn", ragged="explode", vanished_file="quarantine")
    text = str(error.value)
    assert "no 'new_colums'; did you mean 'new_columns'?" in text
    assert "ragged must be one of stop, quarantine, warn, accept, not 'explode'" in text
    assert "vanished_file cannot be quarantine" in text
    assert "models/shop.yml: source shop.visits" in text


@pytest.mark.slow
def test_a_build_does_not_start_from_broken_files_and_goes_on_when_they_are_mended(project: Project) -> None:
    orders = project.root / "data" / "orders.csv"
    good = orders.read_text()
    first = build_warehouse(project, now=NOW)
    assert first.published
    orders.write_text(good + "1,2,3,4,5,6,7\n")
    stopped = build_warehouse(project, now=NOW)
    assert (stopped.status, stopped.published, stopped.nodes) == (Status.FAILED, False, ())
    assert published_id(project) == first.id
    record = records.read_record(project, stopped.id)
    assert record is not None
    assert record.status is Status.FAILED
    assert "ragged" in record.details["findings"][0]["advice"]
    orders.write_text(good)
    assert build_warehouse(project, now=NOW).published


@pytest.mark.slow
def test_the_command_tells_the_state_of_the_sources_and_keeps_it(project: Project, run: Callable[..., Any]) -> None:
    text = (project.root / "models" / "models.yml").read_text()
    fresh = (
        "    config:\n      freshness: {error_after: {count: 1, period: day}}\n"
        "      loaded_at_field: to_timestamp(amount)\n"
    )
    text = text.replace("    config:\n", fresh, 1)
    (project.root / "models" / "models.yml").write_text(text)
    result = run("sources")
    assert result.code == 1
    assert "shop.orders" in result.out
    assert "days old" in result.out
    report = read_source_report(project)
    assert report is not None
    (kept,) = report.sources
    assert kept.freshness is not None
    assert kept.freshness.error_after_seconds == 86400
    assert [finding.severity for finding in report.findings] == [Severity.CRITICAL]
    assert run("sources", "--no-freshness").code == 0
    shutil.copy(project.root / "data" / "orders.csv", project.root / "data" / "orders (1).csv")
    assert run("sources", "nothing").err.startswith("error: there is no source 'nothing'")
    assert check_sources(project, now=NOW, names=["shop"], freshness=False).findings == ()
    # Rows that cannot be read have no age, and that is no second finding.
    with (project.root / "data" / "orders.csv").open("a") as file:
        file.write("1,2,3,4,5,6,7\n")
    damaged = check_sources(project, now=NOW)
    assert damaged.sources[0].freshness is not None
    assert damaged.sources[0].freshness.age_seconds is None
    assert [finding.check for finding in damaged.findings] == ["source_file"]
