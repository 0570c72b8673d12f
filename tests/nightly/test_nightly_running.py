"""Whole nights: with dbt, on the tiny project and a dataset of its orders."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from warehouse import records, storage
from warehouse.build_sharing import pull_build
from warehouse.builds import publish_by_hand, roll_back
from warehouse.datasets.tags import set_tag
from warehouse.datasets.verification import verify_version
from warehouse.datasets.versions import find_version, version_numbers
from warehouse.errors import LockedError, ProjectError
from warehouse.nightly.history import last_nightly, nightly_records
from warehouse.nightly.planning import plan_nightly
from warehouse.nightly.running import run_nightly
from warehouse.project import Project
from warehouse.published import find_build, published_id
from warehouse.records import Status
from warehouse.stages import Nightly, StageName, StageResult, StageStatus

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
PROJECTS = Path(__file__).parent.parent / "projects"
EXPOSURES = """
exposures:
  - name: spending
    type: ml
    maturity: low
    owner: {name: Shop, email: shop@example.com}
    depends_on: [ref('orders')]
    config:
      meta:
        dataset:
          key: order_id
          label: amount
          split: {method: hash, shares: {train: 0.8, test: 0.2}}
          refresh: nightly
"""


def night(project: Project, *, day: int = 0, **options: Any) -> Nightly:
    result = run_nightly(project, now=NOW + timedelta(days=day), quiet=True, **options)
    assert result is not None
    return result


def stage(result: Nightly, name: str) -> StageResult:
    return next(stage for stage in result.stages if stage.name.value == name)


def ends(result: Nightly) -> dict[str, str]:
    return {stage.name.value: stage.status.value for stage in result.stages}


def write_orders(project: Project, *, count: int = 200, more: str = "") -> None:
    lines = [f"{i},customer {i % 7},{i % 50}\n" for i in range(count)]
    (project.root / "data/orders.csv").write_text("order_id,customer,amount\n" + "".join(lines) + more)


@pytest.fixture(scope="module")
def after_first_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose first night built, exported 1.0.0, and whose version is in use."""
    root = tmp_path_factory.mktemp("night") / "a project"
    shutil.copytree(PROJECTS / "tiny", root)
    (root / "expectations").mkdir()
    (root / "models/exposures.yml").write_text(EXPOSURES)
    project = Project.find(root)
    write_orders(project)
    with pytest.MonkeyPatch.context() as patch:
        transport = {"type": "file", "log_file_path": str(root.with_name("lineage.jsonl")), "append": True}
        patch.setenv("OPENLINEAGE__TRANSPORT", json.dumps(transport))
        first = night(project)
    assert ends(first) == {
        "load": "skipped",
        "sources": stage(first, "sources").status.value,
        "build": "passed",
        "drift": "skipped",
        "export": "passed",
        "retention": "passed",
        "report": "passed",
        "notify": "passed",
    }
    set_tag(project, "spending", "prod")
    night(project, only=["drift"])
    shutil.copytree(root, root.with_name("kept"), symlinks=True)
    return root


@pytest.fixture
def project(after_first_night: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project as the first night left it; in the same folder, as a build holds its path."""
    restore(after_first_night)
    monkeypatch.chdir(after_first_night)
    return Project.find(after_first_night)


@pytest.fixture(scope="module")
def second_night(after_first_night: Path) -> Nightly:
    """The night after, whose orders were more; the project as it left it is kept too."""
    restore(after_first_night)
    project = Project.find(after_first_night)
    write_orders(project, count=260)
    result = night(project, day=1)
    shutil.copytree(after_first_night, after_first_night.with_name("kept-second"), symlinks=True)
    return result


@pytest.fixture
def project_later(second_night: Nightly, project: Project) -> Project:
    """The project as the second night left it."""
    restore(project.root, kept="kept-second")
    return project


def restore(root: Path, *, kept: str = "kept") -> None:
    shutil.rmtree(root)
    shutil.copytree(root.with_name(kept), root, symlinks=True)
    os.chdir(root)  # the working directory was in the folder that is gone


def test_the_record_says_what_every_stage_did(project: Project) -> None:
    kept = Nightly.from_record(list(nightly_records(project))[-1])

    assert kept is not None
    assert kept.status is Status.PASSED
    assert stage(kept, "build").details["published"] is True
    assert stage(kept, "build").message.endswith("built because nothing is published yet")
    assert stage(kept, "export").details["versions"][0]["version"] == "1.0.0"
    assert all(result.started_at for result in kept.stages if result.status is StageStatus.PASSED)
    assert "running" not in records.read_record(project, kept.id).details  # type: ignore[union-attr]
    page = project.root / stage(kept, "report").details["reports"][0]["path"]
    assert page.is_file()
    assert "notify" in page.with_suffix(".json").read_text()


def test_catalogs_are_told_of_the_night_its_build_every_model_the_checks_and_the_export(project: Project) -> None:
    lines = project.root.with_name("lineage.jsonl").read_text().splitlines()
    events: dict[str, list[Any]] = {}
    for event in map(json.loads, lines):
        events.setdefault(event["job"]["name"], []).append(event)

    assert list(events) == [
        *("nightly", "build", "build.stg_orders", "build.orders", "build.customers", "build.checks"),
        "export.spending",
    ]
    assert all([event["eventType"] for event in told] == ["START", "COMPLETE"] for told in events.values())
    parents = {
        name: told[1]["run"]["facets"].get("parent", {}).get("job", {}).get("name") for name, told in events.items()
    }
    assert parents == {name: name.rpartition(".")[0] or "nightly" for name in events} | {
        "nightly": None,
        "export.spending": "nightly",
    }
    build, orders, checks = (events[name][1] for name in ("build", "build.orders", "build.checks"))
    (source,) = build["inputs"]
    assert (source["namespace"], source["name"]) == ("file", str(project.root / "data/orders.csv"))
    assert source["inputFacets"]["inputStatistics"]["rowCount"] == 200
    assert {table["name"] for table in build["outputs"]} == {
        "warehouse.main.stg_orders",
        "warehouse.main.orders",
        "warehouse.main.customers",
    }
    assert [table["name"] for table in orders["inputs"]] == ["warehouse.main.stg_orders"]
    (table,) = orders["outputs"]
    assert table["outputFacets"]["outputStatistics"]["rowCount"] == 200
    columns = {column["name"]: column["type"] for column in table["facets"]["schema"]["fields"]}
    assert columns["order_id"] == "BIGINT"
    assert "stg_orders" in orders["job"]["facets"]["sql"]["query"]
    checked = {table["name"].rpartition(".")[2]: table["inputFacets"] for table in checks["inputs"]}
    unique = [
        check for check in checked["stg_orders"]["dataQualityAssertions"]["assertions"] if "unique" in check["name"]
    ]
    assert [(check["column"], check["success"]) for check in unique] == [("order_id", True)]


def test_a_second_run_does_no_work_twice_and_says_why(project: Project) -> None:
    build_id = published_id(project)
    builds = sorted(project.builds_path.iterdir())

    second = night(project, day=1)

    assert second.status is Status.PASSED
    assert stage(second, "build").details["needed"] is False
    assert stage(second, "build").message == (
        f"build {build_id} stands: the sources, the project and the tools are what it was made from"
    )
    assert stage(second, "export").message == "spending@1.0.0 stands"
    assert sorted(project.builds_path.iterdir()) == builds
    assert "dbt" not in stage(second, "build").details


def test_what_is_published_is_shared_when_the_settings_say_so(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"file://{tmp_path}/store"
    monkeypatch.setenv("WAREHOUSE_STORE", url)
    monkeypatch.setenv("WAREHOUSE_SHARE_BUILDS", "true")
    sharing = Project.find(project.root)
    only = ["sources", "build"]

    first, second = night(sharing, day=1, only=only), night(sharing, day=2, only=only)
    shutil.copytree(PROJECTS / "tiny", tmp_path / "another machine")
    elsewhere = Project.find(tmp_path / "another machine")
    pulled = pull_build(elsewhere, now=NOW + timedelta(days=2))
    (pointer,) = (tmp_path / "store/warehouse-builds").glob("current")
    pointer.write_text("{")
    third = night(sharing, day=3, only=only)

    assert stage(first, "build").message.endswith(f"; shared in {url}")
    assert published_id(elsewhere) == pulled.id == published_id(project)
    # What dbt's staging views read lies on the machine that built, and here too: the path is absolute.
    assert pulled.findings == ()
    assert "shared" not in stage(second, "build").message
    assert stage(third, "build").message.endswith("; not shared")
    assert stage(third, "build").status is StageStatus.PASSED
    (finding,) = stage(third, "build").findings
    assert (finding.severity.value, finding.check) == ("warning", "share")
    assert "is published here, but not shared" in finding.message


def test_a_changed_source_is_built_compared_and_exported(project_later: Project, second_night: Nightly) -> None:
    project, result = project_later, second_night

    assert result.status is Status.PASSED
    build = stage(result, "build")
    assert "built because source shop.orders has changed: data/orders.csv" in build.message
    assert stage(result, "drift").details["build_id"] == build.details["build_id"] == published_id(project)
    assert version_numbers(project, "spending") == ["1.0.0", "1.1.0"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda root: (root / "models/new.sql").write_text("select 1 as one"), "the project's files or suites"),
        (lambda root: (root / "expectations/orders.yml").write_text("expectations: []"), "files or suites"),
        (lambda root: shutil.rmtree(root / "data"), "source shop.orders has changed: data/orders.csv"),
    ],
    ids=["model", "suite", "no files"],
)
def test_a_plan_says_what_made_the_build_necessary(
    project: Project, change: Callable[[Path], object], why: str
) -> None:
    change(project.root)
    plan = {planned.name: planned for planned in plan_nightly(project, now=NOW + timedelta(days=1))}

    assert plan[StageName.BUILD].runs
    assert why in plan[StageName.BUILD].message
    assert not plan[StageName.EXPORT].message.startswith("cannot")


def test_a_build_is_made_again_after_so_many_hours(project: Project) -> None:
    from warehouse.nightly.unchanged import find_same_build

    old = find_same_build(project, now=NOW + timedelta(days=8))

    assert old.build_id is None
    assert old.why.endswith("is older than 168 hours (nightly_rebuild_hours)")


def test_a_build_that_somebody_went_back_from_is_not_forced_on_them(project_later: Project) -> None:
    project = project_later
    newer = published_id(project)
    older, _ = roll_back(project, now=NOW + timedelta(days=1, hours=1))[::-1]

    result = night(project, day=2)

    assert published_id(project) == older != newer
    assert stage(result, "build").findings[0].check == "rollback"
    assert f"warehouse publish {newer}" in stage(result, "build").findings[0].advice


def test_a_build_that_somebody_published_stays_until_there_is_something_new(project_later: Project) -> None:
    project = project_later
    older, newer = sorted(path.name for path in project.builds_path.iterdir())
    assert publish_by_hand(project, older, now=NOW + timedelta(days=1, hours=1)) == newer

    quiet = night(project, day=2)

    assert published_id(project) == older
    (finding,) = stage(quiet, "build").findings
    assert f"by a publish of {records.whoami()['user']} at 2026-11-25T03:30:00+00:00" in finding.message
    assert stage(quiet, "drift").details["build_id"] == older

    write_orders(project, count=270)
    busy = night(project, day=3)

    assert published_id(project) == stage(busy, "build").details["build_id"] > newer
    publish_by_hand(project, older, now=NOW + timedelta(days=3, hours=1))
    publish_by_hand(project, newest := stage(busy, "build").details["build_id"], now=NOW + timedelta(days=3, hours=2))
    assert stage(night(project, day=4), "build").findings == ()
    assert published_id(project) == newest


def test_a_failed_build_stops_the_export_and_nothing_else_and_is_resumed_once_it_is_repaired(
    project: Project,
) -> None:
    before = published_id(project)
    write_orders(project, count=260, more="5,eve,1\n")
    failed = night(project, day=1)

    assert failed.status is Status.FAILED
    assert published_id(project) == before
    assert stage(failed, "export").message == "not run, since build did not pass"
    assert ends(failed)["drift"] == ends(failed)["retention"] == ends(failed)["report"] == "passed"
    assert version_numbers(project, "spending") == ["1.0.0"]

    builds = sorted(project.builds_path.iterdir())
    again = night(project, day=1, resume=True)

    assert stage(again, "build").message == (
        f"build {builds[-1].name} was held back, and a new one would be made from the same"
    )
    assert stage(again, "build").findings == stage(failed, "build").findings
    assert (again.status, ends(again)["export"]) == (Status.FAILED, "skipped")
    assert sorted(project.builds_path.iterdir()) == builds

    failed = again
    write_orders(project, count=260)
    resumed = night(project, day=1, resume=True)

    assert resumed.resumed_from == failed.id
    assert resumed.status is Status.PASSED
    assert published_id(project) == stage(resumed, "build").details["build_id"]
    assert not stage(resumed, "drift").kept
    assert version_numbers(project, "spending") == ["1.0.0", "1.1.0"]


def test_with_nothing_to_resume_nothing_is_done(project: Project) -> None:
    records_before = records.run_ids(project)

    assert run_nightly(project, now=NOW + timedelta(hours=1), resume=True, quiet=True) is None
    assert records.run_ids(project) == records_before


def set_tags_again(project: Project) -> None:
    (project.datasets_path / "spending/tags.json").unlink()
    set_tag(project, "spending", "prod")


def test_options_of_a_resumed_run_are_those_of_the_run_before(project: Project) -> None:
    (project.datasets_path / "spending/tags.json").write_text("broken")
    failed = night(project, skip=["load", "sources", "build", "export", "retention", "notify"])
    assert ends(failed)["drift"] == "error"
    set_tags_again(project)

    resumed = night(project, resume=True)

    assert {name for name, end in ends(resumed).items() if end != "skipped"} == {"drift", "report"}
    with pytest.raises(ProjectError, match="leave out --only, --skip and --force"):
        run_nightly(project, now=NOW, resume=True, only=["drift"])


def test_a_run_of_some_stages_alone_is_no_night_to_go_on_from(project: Project) -> None:
    (project.datasets_path / "spending/tags.json").write_text("broken")
    failed = night(project, skip=["load", "sources", "build", "notify"])
    alone = night(project, only=["drift"])
    set_tags_again(project)
    cleaned = night(project, only=["retention"])

    assert alone.way_on == "warehouse nightly --only drift"
    assert (failed.way_on, failed.status, cleaned.status) == ("warehouse nightly --resume", Status.ERROR, Status.PASSED)
    plan = {planned.name.value: planned.runs for planned in plan_nightly(project, now=NOW, resume=True)}
    resumed = night(project, resume=True)

    assert (resumed.resumed_from, resumed.status) == (failed.id, Status.PASSED)
    assert plan["retention"]
    assert ends(resumed)["build"] == "skipped"
    assert not stage(resumed, "retention").kept
    assert run_nightly(project, now=NOW + timedelta(hours=1), resume=True, quiet=True) is None


def test_only_one_nightly_runs_at_a_time(project: Project) -> None:
    with (
        storage.lock(project.warehouse_path / "nightly.lock", purpose="a nightly run"),
        pytest.raises(LockedError, match="a nightly run is already running: process"),
    ):
        night(project, day=1)


def test_what_nobody_foresaw_is_one_stage_s_error(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from warehouse.nightly import running

    def broken(_: object) -> None:
        raise RuntimeError("a bug with planted-secret\nand more lines")

    monkeypatch.setenv("DB_PASSWORD", "planted-secret")
    monkeypatch.setitem(running.WORK, StageName.DRIFT, broken)  # type: ignore[misc]

    result = night(project, day=1)

    assert stage(result, "drift").message == "unexpected RuntimeError: a bug with ***"
    record = (project.runs_path / f"{result.id}.json").read_text()
    assert "planted-secret" not in record
    assert ends(result)["retention"] == "passed"
    assert result.status is Status.ERROR


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path

from warehouse.nightly.running import run_nightly
from warehouse.nightly.tonight import Listener
from warehouse.project import Project

# Everything is imported before the fork, so that each night starts at once; no thread runs yet.
for name in map(str.strip, sys.stdin):
    if os.fork() == 0:
        os.chdir(sys.argv[1])
        stop = lambda stage, at=name: os.kill(os.getpid(), signal.SIGKILL) if stage.value == at else None
        now = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
        # dbt takes its time to parse, in the first stages alone.
        skip = () if name in ("load", "sources") else ("load", "sources")
        run_nightly(Project.find(Path(sys.argv[1])), now=now, quiet=True, skip=skip, listener=Listener(on_start=stop))
        os._exit(0)
    _, status = os.wait()
    print("killed" if os.WIFSIGNALED(status) else status, flush=True)
"""


@contextmanager
def killer(project: Project, script: str = KILLED) -> Iterator[Callable[[str], str]]:
    """What starts a night in a process of its own, kills it when this stage begins, and says whether it could."""
    command = [sys.executable, "-c", script, str(project.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def kill(name: str) -> str:
            print(name, file=process.stdin, flush=True)
            return process.stdout.readline().strip()

        yield kill
        process.stdin.close()


def test_a_night_killed_at_any_stage_goes_on_from_there(project: Project) -> None:
    with killer(project) as kill:
        for name in StageName:
            restore(project.root)
            assert kill(name.value) == "killed"
            _goes_on_from(project, name)


def _goes_on_from(project: Project, name: StageName) -> None:
    interrupted = last_nightly(project)
    assert interrupted is not None
    assert interrupted.status is Status.RUNNING
    resumed = night(project, resume=True)

    marked = records.read_record(project, interrupted.id)
    assert marked is not None
    assert marked.status is Status.INTERRUPTED
    assert marked.details["stages"][-1]["name"] == name.value
    assert marked.details["stages"][-1]["message"] == "the process ended while this stage ran"
    assert (resumed.status, resumed.resumed_from) == (Status.PASSED, interrupted.id)
    for before in interrupted.stages:
        if before.status is StageStatus.PASSED and before.name is not StageName.REPORT:
            assert stage(resumed, before.name.value).kept
    assert not stage(resumed, name.value).kept
    assert not verify_version(find_version(project, "spending")).findings


def test_a_night_killed_in_the_middle_of_its_build_publishes_nothing_half(project: Project) -> None:
    before = published_id(project)
    write_orders(project, count=260)
    script = KILLED.replace(
        "listener=Listener(on_start=stop)",
        "listener=Listener(build=BuildListener(on_node=lambda _: os.kill(os.getpid(), signal.SIGKILL)))",
    ).replace("import os", "from warehouse.builds import Listener as BuildListener\nimport os")
    with killer(project, script) as kill:
        assert kill("build") == "killed"

    assert published_id(project) == before
    resumed = night(project, resume=True)

    assert resumed.status is Status.PASSED
    assert published_id(project) == stage(resumed, "build").details["build_id"] != before
    with storage.connect(find_build(project).database_path) as connection:
        assert connection.execute("select count(*) from orders").fetchone() == (260,)
    left = [record.status for record in records.read_records(project) if record.status is Status.RUNNING]
    assert left == []


def test_a_build_that_passed_and_was_never_published_is_published_and_not_made_again(project_later: Project) -> None:
    project = project_later
    first, newest = sorted(path.name for path in project.builds_path.iterdir())
    # What a kill between the record and the switch leaves.
    storage.switch_link(project.current_path, project.builds_path / first)

    result = night(project, day=2)

    assert published_id(project) == newest
    assert stage(result, "build").message.startswith(f"published build {newest}, which had passed")
