"""A build that one machine pushes is, byte for byte, the one that another pulls and publishes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
import pytest
from machines import NOW, Machine, Team

from warehouse import records, retention
from warehouse.build_sharing import list_stored_builds, read_pointer
from warehouse.build_sharing.layout import DATABASE, MANIFEST, index_key, read_index
from warehouse.build_sharing.push import share_published
from warehouse.builds import list_builds, publish, roll_back
from warehouse.errors import BuildError, ProjectError, StoreError
from warehouse.project import Project
from warehouse.published import find_build, open_build, published_id


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    return Team(tmp_path, monkeypatch)


def test_what_is_pulled_is_what_was_pushed_and_is_published(team: Team) -> None:
    build_id = team.builder.build(5000)

    pushed = team.builder.push(team.store)
    pulled = team.reader.pull(team.store)

    assert (pushed.id, pushed.is_new, pushed.is_moved, pushed.replaced) == (build_id, True, True, None)
    # Pieces that are alike, of zeros say, are sent once.
    assert 0 < pushed.sent_bytes <= pushed.byte_count == pulled.byte_count
    assert (pulled.id, pulled.is_new, pulled.replaced) == (build_id, True, None)
    assert (pulled.by, pulled.findings) == ({"user": "ana", "host": "build-host"}, ())
    theirs, ours = (find_build(machine.project, build_id).path for machine in (team.builder, team.reader))
    for name in (DATABASE, MANIFEST):
        assert (ours / name).read_bytes() == (theirs / name).read_bytes()
    assert (ours / DATABASE).stat().st_mode & 0o777 == 0o444
    assert published_id(team.reader.project) == build_id
    assert team.reader.count() == 5000
    assert team.reader.leftovers() == []


def test_a_pulled_build_is_listed_with_its_own_record_that_says_whence(team: Team) -> None:
    build_id = team.builder.build()
    team.builder.push(team.store)
    team.reader.pull(team.store)

    (entry,) = list_builds(team.reader.project)
    record = records.read_record(team.reader.project, build_id)
    assert (entry.id, entry.published, entry.status.value) == (build_id, True, "passed")
    assert record is not None
    assert record.by["user"] == "ana"
    assert record.details["pulled"] == {"from": team.store.url, "at": "2026-11-23T12:00:00+00:00"}
    assert not (find_build(team.reader.project).path / "record.json").exists()
    # Pushed on by who pulled it, it is the same build.
    again = team.reader.push(team.store)
    assert (again.is_new, again.is_moved, again.sent_bytes) == (False, False, 0)


def test_a_second_time_nothing_is_sent_or_fetched(team: Team) -> None:
    team.builder.build(1000)
    team.builder.push(team.store)
    team.reader.pull(team.store)
    before = read_pointer(team.store)

    pushed, pulled = team.builder.push(team.store), team.reader.pull(team.store)

    assert (pushed.is_new, pushed.is_moved, pushed.sent_bytes) == (False, False, 0)
    assert (pulled.is_new, pulled.replaced, pulled.fetched_bytes) == (False, None, 0)
    assert read_pointer(team.store) == before


def test_pieces_that_two_builds_share_go_once(team: Team) -> None:
    first = team.builder.build(50_000)
    team.builder.push(team.store)
    team.reader.pull(team.store)
    second = team.builder.build_on(first, "create table more as select 1 as x")

    pushed, pulled = team.builder.push(team.store), team.reader.pull(team.store)

    assert (pushed.replaced, pulled.replaced) == (first, first)
    assert 0 < pushed.sent_bytes < pushed.byte_count / 3
    assert pulled.fetched_bytes <= pushed.sent_bytes
    assert team.reader.count() == 50_000
    listed = list_stored_builds(team.store)
    assert [(entry.id, entry.is_current) for entry in listed] == [(first, False), (second, True)]
    assert listed[1].own_bytes == pushed.sent_bytes


def test_a_reader_keeps_what_it_opened_while_newer_builds_are_pulled(team: Team) -> None:
    first = team.builder.build(10)
    team.builder.push(team.store)
    team.reader.pull(team.store)
    _, connection = open_build(team.reader.project)
    with connection:
        for count in (20, 30, 40):
            team.builder.build(count)
            team.builder.push(team.store)
            team.reader.pull(team.store)

        assert connection.execute("select count(*) from examples").fetchall() == [(10,)]
    assert team.reader.count() == 40
    assert team.reader.count(first) == 10


def test_an_older_build_can_be_pulled_by_its_id(team: Team) -> None:
    first = team.builder.build(10)
    team.builder.push(team.store)
    second = team.builder.build(20)
    team.builder.push(team.store)

    assert team.reader.pull(team.store, first).replaced is None
    assert team.reader.count() == 10
    assert team.reader.pull(team.store).replaced == first
    assert published_id(team.reader.project) == second
    with pytest.raises(StoreError, match="has no build '20261123T000009Z'; did you mean '20261123T00000"):
        team.reader.pull(team.store, "20261123T000009Z")
    with pytest.raises(StoreError, match="is not the id of a build"):
        team.reader.pull(team.store, "../escape")


def test_an_empty_store_says_what_to_do(team: Team) -> None:
    with pytest.raises(StoreError, match=r"has no build yet\n.*warehouse push"):
        team.reader.pull(team.store)
    with pytest.raises(ProjectError, match="no build is published yet"):
        team.reader.push(team.store)
    assert list_stored_builds(team.store) == ()


@pytest.mark.parametrize("status", ["failed", "error", "running", "interrupted"])
def test_a_build_that_did_not_pass_is_not_pushed(team: Team, status: str) -> None:
    build_id = team.builder.build()
    team.builder.record(build_id, details={}, status=records.Status(status))

    with pytest.raises(BuildError, match=f"is not pushed: its status is '{status}'"):
        team.builder.push(team.store, build_id)
    assert read_pointer(team.store) is None


def test_an_interrupted_push_leaves_what_is_published_and_goes_on(team: Team) -> None:
    first = team.builder.build(10)
    team.builder.push(team.store)
    second = team.builder.build(50_000)
    sent: list[int] = []

    def interrupt(size: int) -> None:
        sent.append(size)
        if len(sent) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        team.builder.push(team.store, on_bytes=interrupt)
    assert team.reader.pull(team.store).id == first
    assert [entry.id for entry in list_stored_builds(team.store)] == [first]

    pushed = team.builder.push(team.store)

    assert pushed.sent_bytes <= pushed.byte_count - sum(sent[:4])
    assert team.reader.pull(team.store).id == second
    assert team.reader.count() == 50_000


def test_an_interrupted_pull_leaves_what_is_published_and_goes_on(team: Team) -> None:
    team.builder.build(10)
    team.builder.push(team.store)
    first = team.reader.pull(team.store).id
    team.builder.build(50_000)
    team.builder.push(team.store)
    placed: list[int] = []

    def interrupt(size: int) -> None:
        placed.append(size)
        if len(placed) == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        team.reader.pull(team.store, on_bytes=interrupt)
    assert published_id(team.reader.project) == first
    assert [entry.id for entry in list_builds(team.reader.project)] == [first]
    assert len(team.reader.leftovers()) == 1
    # Neither a build nor retention takes what lies there for a build.
    retention.sweep_interrupted(team.reader.project)

    pulled = team.reader.pull(team.store)

    assert pulled.fetched_bytes <= pulled.byte_count - 7 * 2**14
    assert team.reader.count() == 50_000
    assert team.reader.leftovers() == []


def test_what_an_interrupted_pull_of_another_build_left_is_deleted(team: Team) -> None:
    (team.reader.project.builds_path / ".pull-20261122T000000Z").mkdir(parents=True)
    team.builder.build()
    team.builder.push(team.store)

    team.reader.pull(team.store)

    assert team.reader.leftovers() == []


@pytest.mark.parametrize("harm", ["flipped", "cut", "longer", "missing"])
def test_a_piece_that_is_not_what_was_pushed_is_refused(team: Team, harm: str) -> None:
    first = team.builder.build(10)
    team.builder.push(team.store)
    team.reader.pull(team.store)
    second = team.builder.build(50_000)
    team.builder.push(team.store)
    before, index = read_index(team.store, first), read_index(team.store, second)
    assert before is not None
    assert index is not None
    harmed = min(index.chunk_keys - before.chunk_keys)
    path = team.object_path(harmed)
    content = bytearray(path.read_bytes())
    if harm == "flipped":
        content[1000] ^= 1
    path.write_bytes({"cut": content[:-1], "longer": content + b"x"}.get(harm, content))
    if harm == "missing":
        path.unlink()

    with pytest.raises(StoreError, match=f"{harmed}"):
        team.reader.pull(team.store)
    assert published_id(team.reader.project) == first
    assert [entry.id for entry in list_builds(team.reader.project)] == [first]

    # What is wrong by its size is sent again; what has the right one must be deleted first, as the message says.
    if harm == "flipped":
        path.unlink()
    assert team.builder.push(team.store).sent_bytes == len(content)
    assert team.reader.pull(team.store).id == second
    assert team.reader.count() == 50_000


def test_a_build_whose_database_was_changed_is_not_pushed_under_the_same_id(team: Team) -> None:
    build_id = team.builder.build(10)
    team.builder.push(team.store)
    with duckdb.connect(str(find_build(team.builder.project).database_path)) as connection:
        connection.execute("insert into examples values (99, 'x')")

    with pytest.raises(StoreError, match=f"has another build {build_id}, made by ana on build-host in the same second"):
        team.builder.push(team.store)


def test_two_machines_that_built_in_the_same_second_do_not_mix(team: Team, tmp_path: Path) -> None:
    other = Machine(tmp_path / "another builder")
    build_id = team.builder.build(10)
    assert other.build(20) == build_id
    team.builder.push(team.store)

    with pytest.raises(StoreError, match="the store stands as it was\n  build again, then push that one"):
        other.push(team.store)
    with pytest.raises(BuildError, match=f"another build {build_id} is here already"):
        other.pull(team.store)
    assert other.count() == 20
    assert team.reader.pull(team.store).id == build_id
    assert team.reader.count() == 10


def test_a_run_here_that_has_the_id_of_a_build_there_is_not_overwritten(team: Team) -> None:
    build_id = team.builder.build(10)
    team.builder.push(team.store)
    team.reader.record(build_id, details={})

    with pytest.raises(BuildError, match="a run of this project has the id"):
        team.reader.pull(team.store)
    assert team.reader.leftovers() == []


def test_an_older_build_takes_the_place_of_a_newer_one_only_by_who_put_that_there(team: Team) -> None:
    first = team.builder.build(10)
    second = team.builder.build(20)
    team.builder.push(team.store)
    newer = team.reader.build(30)
    team.reader.push(team.store)

    with pytest.raises(StoreError, match=rf"publishes build {newer}, which is newer than {second}[\s\S]*--force"):
        team.builder.push(team.store)
    assert team.builder.push(team.store, force=True).replaced == newer
    # Its own it may take back at any time, as a rollback does.
    roll_back(team.builder.project, now=NOW)
    assert published_id(team.builder.project) == first
    assert team.builder.push(team.store).replaced == second
    pointer = read_pointer(team.store)
    assert pointer is not None
    assert pointer.build == first


def test_builds_of_two_projects_do_not_mix(team: Team) -> None:
    team.builder.build(10)
    team.builder.push(team.store)
    team.reader.build(20, details={"dbt_project": "another"})

    with pytest.raises(StoreError, match=r"holds builds of dbt project 'fake', and build .* is of 'another'"):
        team.reader.push(team.store)


def test_pulled_builds_do_not_push_own_ones_out_and_are_not_kept_forever(team: Team) -> None:
    own = [team.reader.build(number) for number in range(1, 4)]
    pulled = []
    for number in range(10, 18):
        pulled.append(team.builder.build(number))
        team.builder.push(team.store)
        team.reader.pull(team.store)

    kept = [entry.id for entry in list_builds(team.reader.project)]

    assert kept == sorted([*own, *pulled[-team.reader.project.settings.keep_builds :]])


def test_views_over_raw_files_that_are_not_here_are_named(team: Team, tmp_path: Path) -> None:
    raw = tmp_path / "raw.csv"
    raw.write_text("id\n1\n")
    first = team.builder.build(3)
    team.builder.build_on(
        first, f"create view staged as from read_csv('{raw}'); create view upon as from staged; create view fine as "
        "from examples"
    )  # fmt: skip
    team.builder.push(team.store)
    raw.unlink()

    findings = team.reader.pull(team.store).findings

    assert [finding.subject for finding in findings] == ["main.staged", "main.upon"]
    assert f"reads {raw}, which this machine does not have" in findings[0].message
    assert team.reader.count() == 3


def test_a_file_of_a_newer_duckdb_is_refused_before_all_of_it_is_fetched(team: Team) -> None:
    build_id = team.builder.build(50_000)
    path = find_build(team.builder.project, build_id).database_path
    content = bytearray(path.read_bytes())
    content[12:20] = (9_999).to_bytes(8, "little")
    path.write_bytes(content)
    # DuckDB says itself what the checksum of such a header would be.
    with pytest.raises(duckdb.Error) as refused:
        duckdb.connect(str(path), read_only=True)
    content[:8] = int(re.findall(r"computed checksum (\d+)", str(refused.value))[0]).to_bytes(8, "little")
    path.write_bytes(content)
    team.builder.push(team.store)
    placed: list[int] = []

    with pytest.raises(StoreError, match=r"in a format that duckdb .* here cannot read[\s\S]*install a newer duckdb"):
        team.reader.pull(team.store, on_bytes=placed.append)
    assert len(placed) <= 1
    assert published_id(team.reader.project) is None
    assert team.reader.leftovers() == []


def test_what_is_published_is_shared_when_the_settings_say_so(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = team.builder.build(1), team.builder.build(2)
    assert share_published(team.builder.project, now=NOW, build_id=second) is None
    monkeypatch.setenv("WAREHOUSE_SHARE_BUILDS", "true")
    monkeypatch.setenv("WAREHOUSE_STORE", team.store.url)
    project = Project.find(team.builder.project.root)

    shared = share_published(project, now=NOW, build_id=second)
    assert shared is not None
    assert shared.id == second
    publish(project, first)
    assert share_published(project, now=NOW, build_id=first) is not None

    assert team.reader.pull(team.store).id == first
    shutil.rmtree(team.store_path)
    team.store_path.write_text("no folder")
    with pytest.raises(StoreError, match=rf"build {first} is published here, but not shared: [\s\S]*warehouse push"):
        share_published(project, now=NOW, build_id=first)


def test_the_index_is_written_after_all_that_it_names(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    build_id = team.builder.build(50_000)
    order: list[str] = []
    monkeypatch.setattr(
        "warehouse.object_store.Store.put_bytes", lambda _self, key, content: order.append(key), raising=True
    )
    monkeypatch.setattr(
        "warehouse.object_store.Store.create", lambda _self, key, content: not order.append(key), raising=True
    )

    team.builder.push(team.store)

    first_index = order.index(index_key(build_id))
    index = order[:first_index]
    assert len(index) > 10
    assert all("/chunks/" in key for key in index)
    assert order[-1].endswith("/current")
