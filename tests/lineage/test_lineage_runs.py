"""Runs as a catalog hears of them: over HTTP, into a file, or not at all."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pytest
from fake_builds import Fake
from loopback import Loopback, serving
from machines import Machine

from warehouse import lineage, records, runs, storage
from warehouse.catalog_facts import RunFacts, State
from warehouse.datasets.store_push import push_version
from warehouse.datasets.versions import find_version
from warehouse.errors import StorageError
from warehouse.exports.export import export_dataset
from warehouse.exports.pulling import pull_on_record
from warehouse.exports.reproduction import reproduce
from warehouse.lineage.sending import Sender, open_sender
from warehouse.object_store import open_store
from warehouse.project import Project
from warehouse.records import Record, Status
from warehouse.scrubbing import Secrets, secrets_of
from warehouse.site.run_facts import run_facts

pytest.importorskip("openlineage.client")
NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
SPEC: dict[str, Any] = {"key": "id", "label": "y", "split": {"method": "hash", "shares": {"train": 0.8, "test": 0.2}}}
ROWS = "select i as id, i % 3 = 0 as y from range(100) as r(i)"
PARENT = "airflow/team/nightly_dag.warehouse/01941f29-7c00-7087-9a92-80b0a3f1b2c3"


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("OPENLINEAGE"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def catalog(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    with serving() as server:
        monkeypatch.setenv("OPENLINEAGE_URL", server.url)
        monkeypatch.setenv("OPENLINEAGE_API_KEY", "planted-secret")
        yield server


def told(catalog: Loopback) -> list[Any]:
    return [json.loads(request.body) for request in catalog.requests]


def record(status: Status = Status.PASSED, **details: Any) -> Record:
    started_at = NOW.isoformat()
    return Record(
        id="20261124T023000Z", command="nightly", status=status, started_at=started_at, seconds=61.5, details=details
    )


def start(project: Project, job: str = "nightly", run_id: str = "20261124T023000Z") -> lineage.Run:
    return lineage.start_run(project, job=job, run_id=run_id, started_at=NOW.isoformat())


def test_a_run_starts_and_completes_under_one_id_that_is_its_own(project: Project, catalog: Loopback) -> None:
    start(project).end_record(record())
    start(project).end_record(record())
    start(project, run_id="20261124T023000Z-0002").end_record(record())

    events = told(catalog)
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"] * 3
    ids = [event["run"]["runId"] for event in events]
    assert len(set(ids[:4])) == 1
    assert len(set(ids)) == 2
    assert UUID(ids[0]).version == 7
    assert events[0]["eventTime"] == "2026-11-24T02:30:00.000+00:00"
    assert events[1]["eventTime"] == "2026-11-24T02:31:01.500+00:00"
    assert (events[0]["job"]["namespace"], events[0]["job"]["name"]) == ("a project", "nightly")
    tags = events[0]["run"]["facets"]["tags"]["tags"]
    assert ("warehouse_run", "20261124T023000Z") in [(tag["key"], tag["value"]) for tag in tags]
    assert "parent" not in events[0]["run"]["facets"]
    assert {request.headers["Authorization"] for request in catalog.requests} == {"Bearer planted-secret"}


@pytest.mark.parametrize(
    ("status", "state"),
    [(Status.FAILED, "FAIL"), (Status.ERROR, "FAIL"), (Status.INTERRUPTED, "ABORT")],
    ids=str,
)
def test_what_stopped_a_run_is_told_without_secrets(
    project: Project, catalog: Loopback, status: Status, state: str
) -> None:
    findings = [{"severity": "critical", "subject": "orders", "message": "3 rows with planted-secret"}]

    start(project).end_record(record(status, findings=findings))

    last = told(catalog)[-1]
    assert last["eventType"] == state
    assert last["run"]["facets"]["errorMessage"]["message"] == "orders: 3 rows with ***"


def test_the_run_that_a_scheduler_names_is_the_parent_and_parts_name_theirs(
    project: Project, catalog: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_PARENT_ID", PARENT)
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "flights")

    night = start(project)
    with night.as_parent():
        start(project, "build").end_record(record())
    night.end_record(record())

    events = told(catalog)
    parents = {event["job"]["name"]: event["run"]["facets"]["parent"] for event in events}
    own = next(event["run"]["runId"] for event in events if event["job"]["name"] == "nightly")
    assert {event["job"]["namespace"] for event in events} == {"flights"}
    assert parents["nightly"]["job"] == {"namespace": "airflow/team", "name": "nightly_dag.warehouse", "facets": {}}
    assert parents["build"]["run"]["runId"] == own
    assert parents["build"]["root"]["run"]["runId"] == PARENT.rpartition("/")[2]
    assert os.environ["OPENLINEAGE_PARENT_ID"] == PARENT
    assert "OPENLINEAGE_ROOT_PARENT_ID" not in os.environ


@pytest.mark.parametrize("named", ["", "nonsense", "a/b/no-uuid", "//01941f29-7c00-7087-9a92-80b0a3f1b2c3"])
def test_a_parent_that_is_none_is_passed_over(
    project: Project, catalog: Loopback, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("OPENLINEAGE_PARENT_ID", named)

    start(project).end_record(record())

    assert "parent" not in told(catalog)[0]["run"]["facets"]


def test_a_run_whose_process_died_is_told_of_by_the_run_after_it(project: Project, catalog: Loopback) -> None:
    dead = start(project)
    records.write_record(project, record(Status.INTERRUPTED))
    lineage.abort_run(project, job="nightly", record=record(Status.INTERRUPTED), now=NOW.replace(hour=5))
    dead.end(Status.PASSED, seconds=0)  # lets its thread end

    aborted = next(event for event in told(catalog) if event["eventType"] == "ABORT")
    begun = next(event for event in told(catalog) if event["eventType"] == "START")
    assert aborted["run"]["runId"] == begun["run"]["runId"]
    assert aborted["eventTime"] == "2026-11-24T05:30:00.000+00:00"


@pytest.mark.parametrize("reason", ["nothing is configured", "it is switched off"])
def test_without_a_configuration_nothing_is_imported_and_nothing_sent(
    project: Project, catalog: Loopback, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    if reason == "it is switched off":
        monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    else:
        monkeypatch.delenv("OPENLINEAGE_URL")
    script = (
        "import sys\nfrom pathlib import Path\nfrom warehouse import lineage\nfrom warehouse.project import Project\n"
        "from warehouse.records import Status\n"
        "run = lineage.start_run(Project.find(Path('.')), job='x', run_id='1', started_at='2026-11-24T02:30+00:00')\n"
        "assert not run.is_told\nwith run.as_parent():\n    run.end(Status.PASSED, seconds=1)\n"
        "print([name for name in sys.modules if name.partition('.')[0] in ('openlineage', 'requests')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
    assert catalog.requests == []


def test_a_file_in_the_project_counts_wherever_a_job_is_started(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    monkeypatch.chdir(tmp_path)
    (project.root / "openlineage.yml").write_text(
        f"transport:\n  type: file\n  log_file_path: {path}\n  append: true\n"
    )

    start(project).end_record(record())

    assert [json.loads(line)["eventType"] for line in path.read_text().splitlines()] == ["START", "COMPLETE"]
    assert not [name for name in os.environ if name.startswith("OPENLINEAGE")]


@pytest.mark.parametrize(
    ("answer", "words"),
    [(401, "401 Client Error"), (None, "ConnectionError")],
    ids=["refused", "nobody there"],
)
def test_a_catalog_that_cannot_be_told_is_logged_once_and_stops_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, answer: int | None, words: str
) -> None:
    with serving([answer or 200]) as server:
        url = server.url if answer else "http://127.0.0.1:9"
        transport = {
            "type": "http",
            "url": url,
            "auth": {"type": "api_key", "apiKey": "planted-secret"},
            "retry": {"total": 0, "connect": 0},
        }
        monkeypatch.setenv("OPENLINEAGE__TRANSPORT", json.dumps(transport))
        with caplog.at_level(logging.WARNING, "warehouse"):
            run = start(project)
            run.end_record(record())

    (line,) = caplog.records
    assert line.getMessage().startswith("OpenLineage events were not sent after the first 0: ")
    assert words in line.getMessage()
    assert "planted-secret" not in caplog.text
    assert len(server.requests) == (1 if answer else 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("transport: {type: pigeon}", "pigeon"),
        ("transport: {type: http}", "url"),
        ("transport: [", "no transport is named"),
        ("", "no transport is named"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_logged_and_stops_nothing(
    project: Project, caplog: pytest.LogCaptureFixture, text: str, words: str
) -> None:
    (project.root / "openlineage.yml").write_text(text)

    with caplog.at_level(logging.WARNING, "warehouse"):
        run = start(project)
        run.end_record(record())

    assert not run.is_told
    assert "OpenLineage events cannot be sent" in caplog.text
    assert words in caplog.text


def test_a_catalog_that_hangs_holds_up_a_run_for_a_limited_time(
    project: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Hanging:
        def emit(self, _: object) -> None:
            server.pause.wait(30)

    with serving(hangs=True) as server:
        sender = Sender(Hanging(), Secrets(), close_seconds=0.1)
        sender.send([object(), object()])
        with caplog.at_level(logging.WARNING, "warehouse"):
            sender.close()

    assert "not all were sent within 0 s" in caplog.text


def test_what_is_wrong_with_an_event_is_logged_and_stops_nothing(
    project: Project, catalog: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    from warehouse.published import BuildFiles

    broken = record(Status.FAILED, nodes=[{"no": "type"}], sources=7)
    with caplog.at_level(logging.WARNING, "warehouse"):
        folder = project.builds_path / broken.id
        (folder / "dbt").mkdir(parents=True)
        manifest = {"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json"}}
        (folder / "dbt/manifest.json").write_text(json.dumps({**manifest, "nodes": {}, "sources": {}, "exposures": {}}))
        lineage.end_build(start(project, "build"), broken, BuildFiles(id=broken.id, path=folder))
        start(project).end(Status.PASSED, seconds=1, outputs=["no dataset"])  # type: ignore[list-item]

    assert [event["eventType"] for event in told(catalog)] == ["START", "FAIL", "START"]
    assert caplog.text.count("OpenLineage events could not be made") == 2


def test_the_client_s_copies_of_the_key_do_not_stay_in_the_environment(project: Project, catalog: Loopback) -> None:
    before = dict(os.environ)

    sender = open_sender(project, secrets_of(os.environ))

    assert sender is not None
    sender.close()
    assert dict(os.environ) == before


def test_an_export_reads_a_table_and_writes_a_version(fake: Fake, catalog: Loopback) -> None:
    fake.build(SPEC, rows=ROWS)
    export_dataset(fake.project, "late", now=NOW)
    export_dataset(fake.project, "late", now=NOW, dry_run=True)

    begun, done = told(catalog)
    assert (begun["eventType"], done["eventType"], done["job"]["name"]) == ("START", "COMPLETE", "export.late")
    assert [use["name"] for use in done["inputs"]] == ["warehouse.main.examples"]
    (version,) = done["outputs"]
    assert (version["namespace"], version["name"]) == ("file", str(fake.project.datasets_path / "late"))
    assert version["facets"]["version"]["datasetVersion"] == "1.0.0"
    assert version["outputFacets"]["outputStatistics"]["rowCount"] == 100
    assert [field["name"] for field in version["facets"]["schema"]["fields"]] == ["id", "y"]


def test_an_export_that_is_refused_or_cannot_be_done_has_failed(fake: Fake, catalog: Loopback) -> None:
    from warehouse.errors import ExportError

    labels = "select i as id, case when i % 2 = 0 then true end as y from range(500) as r(i)"
    fake.build({**SPEC, "gates": {"missing_labels": "critical"}}, rows=labels)
    export_dataset(fake.project, "late", now=NOW)
    fake.build(SPEC, rows="select 1 as id, true as y from range(9)")
    with pytest.raises(ExportError):
        export_dataset(fake.project, "late", now=NOW)

    _, refused, _, broken = told(catalog)
    assert (refused["eventType"], broken["eventType"]) == ("FAIL", "FAIL")
    assert refused["outputs"] == broken["outputs"] == []
    assert "250 rows have no label" in refused["run"]["facets"]["errorMessage"]["message"]


def by_job(catalog: Loopback) -> dict[str, list[Any]]:
    events: dict[str, list[Any]] = {}
    for event in told(catalog):
        events.setdefault(event["job"]["name"], []).append(event)
    return events


def pages(project: Project) -> dict[str, RunFacts]:
    """What the site says of each run, by command."""
    return {record.command: run_facts(record) for record in records.read_records(project)}


def test_a_version_that_comes_out_again_and_one_that_is_pulled_are_on_record_and_told(
    fake: Fake, tmp_path: Path, catalog: Loopback
) -> None:
    fake.build(SPEC, rows=ROWS)
    store = open_store(f"file://{tmp_path}/store")
    push_version(
        store, find_version(fake.project, export_dataset(fake.project, "late", now=NOW).manifest.name), now=NOW
    )
    other = Fake(tmp_path / "another machine").project

    reproduce(fake.project, "late@1.0.0", now=NOW)
    pulls = [pull_on_record(other, store, "late", now=NOW) for _ in range(2)]

    events = by_job(catalog)
    assert [event["eventType"] for event in events["reproduce.late"]] == ["START", "COMPLETE"]
    (version,) = events["reproduce.late"][1]["inputs"]
    assert (version["name"], version["facets"]["version"]["datasetVersion"]) == (
        str(fake.project.datasets_path / "late"),
        "1.0.0",
    )
    assert [pull.is_new for pull in pulls] == [True, False]
    assert [event["eventType"] for event in events["pull.late"]] == ["START", "COMPLETE"]
    ended = events["pull.late"][1]
    assert [one["name"] for one in ended["inputs"]] == [f"{tmp_path}/store/late"]
    (written,) = ended["outputs"]
    assert written["name"] == str(other.datasets_path / "late")
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 100
    again = pages(fake.project)["reproduce"]
    assert (again.status, again.summary) == ("passed", "late@1.0.0")
    assert [(step.name, step.status) for step in again.steps] == [("train", "bytes"), ("test", "bytes")]
    assert pages(other)["pull"].summary == f"late@1.0.0 from file://{tmp_path}/store"
    assert len(records.run_ids(other)) == 1


def test_a_version_that_comes_out_otherwise_fails_for_catalogs_too(fake: Fake, catalog: Loopback) -> None:
    fake.build(SPEC, rows=ROWS)
    export = export_dataset(fake.project, "late", now=NOW)
    build_id = export.manifest.provenance.build_id
    path = fake.project.builds_path / build_id / "warehouse.duckdb"
    path.chmod(0o644)
    with duckdb.connect(str(path)) as connection:
        connection.execute("delete from examples where id < 10")

    reproduce(fake.project, "late", now=NOW)

    ended = by_job(catalog)["reproduce.late"][1]
    assert ended["eventType"] == "FAIL"
    assert "does not come out again" in ended["run"]["facets"]["errorMessage"]["message"]
    assert pages(fake.project)["reproduce"].state is State.BAD


def test_a_pulled_build_is_told_with_its_tables_and_who_pulled_it_is_on_record(
    tmp_path: Path, catalog: Loopback
) -> None:
    builder, reader = Machine(tmp_path / "builder"), Machine(tmp_path / "reader")
    store = open_store(f"file://{tmp_path}/store")
    first = builder.build(10)
    builder.push(store)
    reader.pull(store)
    second = builder.build(20)
    builder.push(store)
    reader.pull(store)
    reader.pull(store)

    events = by_job(catalog)["pull"]
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"] * 2
    (table,) = events[-1]["outputs"]
    assert table["name"] == "warehouse.main.examples"
    assert [field["name"] for field in table["facets"]["schema"]["fields"]] == ["id", "note"]
    pulls = [found for found in records.read_records(reader.project) if found.command == "pull"]
    assert [(found.details["from"], found.details["to"]) for found in pulls] == [(None, first), (first, second)]
    assert {found.by["user"] for found in pulls} == {records.whoami()["user"]}
    # Builds of other machines keep their ids, so a run of this one never takes such an id.
    assert all(found.id.endswith(("-1000", "-1001")) for found in pulls)


def test_what_stops_a_command_is_on_record_and_told(project: Project, catalog: Loopback) -> None:
    def load(error: BaseException) -> None:
        with runs.on_record(project, "load", now=NOW) as run:
            run.details = {"tables": []}
            raise error

    with pytest.raises(KeyError):
        load(KeyError("planted-secret and more"))
    with pytest.raises(KeyboardInterrupt):
        load(KeyboardInterrupt())

    events = by_job(catalog)["load"]
    assert [event["eventType"] for event in events] == ["START", "FAIL", "START", "ABORT"]
    first, second = records.read_records(project)
    assert (first.status, second.status) == (Status.ERROR, Status.INTERRUPTED)
    assert (first.details["tables"], second.details["error"]) == ([], "KeyboardInterrupt")
    assert "planted-secret" not in json.dumps([*events, first.details])


def test_a_command_whose_process_died_is_marked_and_told_of(project: Project, catalog: Loopback) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    living = records.start_record(project, command="load", run_id="20261124T020000Z-1000", now=NOW)
    here = {**living.by, "pid": child.pid}
    dead = replace(living, id="20261124T010000Z-1000", by=here, details={"dataset": "late"}, command="reproduce")
    elsewhere = replace(dead, id="20261124T000000Z-1000", by={**here, "host": "another"})
    old = replace(elsewhere, id="20261122T000000Z-1000", started_at="2026-11-22T00:00:00+00:00", command="publish")
    for one in (living, dead, elsewhere, old):
        records.write_record(project, one)

    runs.sweep_dead(project, now=NOW)

    found = {one.id: one.status for one in records.read_records(project)}
    assert {run_id for run_id, status in found.items() if status is Status.INTERRUPTED} == {dead.id, old.id}
    assert found[living.id] is found[elsewhere.id] is Status.RUNNING
    assert [event["eventType"] for event in by_job(catalog)["reproduce.late"]] == ["ABORT"]


def test_a_command_that_ends_while_it_is_looked_at_is_not_marked(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = records.start_record(project, command="load", run_id="20261124T010000Z-1000", now=NOW)
    records.write_record(project, begun)

    def ends(*_: object) -> bool:
        records.write_record(project, replace(begun, status=Status.PASSED))
        return False

    monkeypatch.setattr(storage, "may_live", ends)
    runs.sweep_dead(project, now=NOW)

    assert [found.status for found in records.read_records(project)] == [Status.PASSED]


def test_who_may_not_write_records_reads_without_one(project: Project, catalog: Loopback) -> None:
    project.warehouse_path.mkdir(parents=True)
    project.runs_path.write_text("a file where the folder should be")

    with runs.on_record(project, "validate", now=NOW, is_reading=True) as run:
        run.details = {"build_id": "1"}
    with pytest.raises(StorageError, match="cannot write"), runs.on_record(project, "load", now=NOW):
        pytest.fail("a load is on record or does not begin")

    assert [event["eventType"] for event in by_job(catalog)["validate"]] == ["START", "COMPLETE"]


def test_what_goes_wrong_while_catalogs_are_told_fails_no_command(
    project: Project, catalog: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    with runs.on_record(project, "load", now=NOW) as run, run.telling() as is_told:
        assert is_told
        raise KeyError("columns")

    (found,) = records.read_records(project)
    assert found.status is Status.PASSED
    assert "OpenLineage events could not be made: KeyError" in caplog.text
