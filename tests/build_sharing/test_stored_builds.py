"""What lies in a store: who may have written it, how long it is kept, and whose clock tells."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from machines import NOW, Team

from warehouse import records
from warehouse.build_sharing import clean_builds, list_stored_builds, opening, read_pointer, remove_stored_build
from warehouse.build_sharing.layout import DATABASE, RECORD, chunk_key, index_key, parse_index, read_index
from warehouse.build_sharing.opening import cached_build, open_warehouse
from warehouse.build_sharing.pointer import POINTER_KEY, change_pointer
from warehouse.datasets.store_contents import clean_store, list_store
from warehouse.errors import StoreError
from warehouse.published import published_id

NONE = timedelta(0)
LATER = NOW + timedelta(days=3650)


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    return Team(tmp_path, monkeypatch)


def pushed(team: Team, *counts: int) -> list[str]:
    """Builds of so many rows, each pushed."""
    ids = []
    for count in counts:
        ids.append(team.builder.build(count))
        team.builder.push(team.store)
    return ids


def test_old_builds_are_deleted_with_what_only_they_had(team: Team) -> None:
    ids = pushed(team, 10_000, 20_000, 30_000, 40_000)

    planned = clean_builds(team.store, now=LATER, keep=2, grace=NONE, dry_run=True)
    assert len(list_stored_builds(team.store)) == 4
    done = clean_builds(team.store, now=LATER, keep=2, grace=NONE)

    assert done == replace(planned, is_dry_run=False)
    assert done.builds == tuple(ids[:2])
    assert done.object_count > 0
    assert [entry.id for entry in list_stored_builds(team.store)] == ids[2:]
    named = {key for name in ids[2:] for key in read_index(team.store, name).chunk_keys}  # type: ignore[union-attr]
    assert [chunk_key(name) for name in team.stored_chunks()] == sorted(named)
    for build_id, count in zip(ids[2:], (30_000, 40_000), strict=True):
        team.reader.pull(team.store, build_id)
        assert team.reader.count() == count
    assert clean_builds(team.store, now=LATER, keep=2, grace=NONE).object_count == 0


def test_what_is_published_stays_however_old_it_is(team: Team) -> None:
    first, *_, last = pushed(team, 10, 20, 30)
    team.builder.push(team.store, first)

    assert clean_builds(team.store, now=LATER, keep=1, grace=NONE).builds == ("20261123T000002Z",)
    assert [(entry.id, entry.is_current) for entry in list_stored_builds(team.store)] == [(first, True), (last, False)]
    assert team.reader.pull(team.store).id == first


def test_what_is_young_stays(team: Team) -> None:
    pushed(team, 10_000, 20_000, 30_000)

    # A machine whose clock is years ahead deletes no more: the store's own clock tells what is young.
    cleaning = clean_builds(team.store, now=LATER, keep=1)

    assert (cleaning.builds, cleaning.object_count) == ((), 0)
    assert len(list_stored_builds(team.store)) == 3


def test_a_build_that_is_removed_is_gone_and_its_space_with_the_next_clean_up(team: Team) -> None:
    first, second = pushed(team, 10_000, 20_000)

    remove_stored_build(team.store, first, now=NOW)

    assert [entry.id for entry in list_stored_builds(team.store)] == [second]
    with pytest.raises(StoreError, match=f"publishes build {second}, so it stays"):
        remove_stored_build(team.store, second, now=NOW)
    with pytest.raises(StoreError, match=f"has no build '{first}'"):
        remove_stored_build(team.store, first, now=NOW)
    before = len(team.stored_chunks())
    assert clean_builds(team.store, now=LATER, keep=5, grace=NONE).object_count > 0
    assert len(team.stored_chunks()) < before
    assert team.reader.pull(team.store).id == second


def test_nothing_is_published_while_a_clean_up_runs_and_what_it_deleted_is_sent_again(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = pushed(team, 10_000)
    second = team.builder.build(20_000)
    during: list[str] = []
    really = type(team.store).delete

    def push_meanwhile(store: Any, keys: list[str]) -> None:
        if not during:
            with pytest.raises(StoreError, match=r"a clean-up of the builds in .* is running since"):
                team.builder.push(team.store)
            during.append("refused")
        really(store, keys)

    # Contents that somebody sent and that no build names yet: a push that was killed before its index.
    for checksum in team.stored_chunks()[:3]:
        (team.store_path / "chunks" / ("0" * 60 + checksum[:4])).write_bytes(b"x")
    monkeypatch.setattr(type(team.store), "delete", push_meanwhile)
    assert clean_builds(team.store, now=LATER, keep=5, grace=NONE).object_count == 3

    assert during == ["refused"]
    assert team.builder.push(team.store).replaced == first
    assert team.reader.pull(team.store).id == second
    assert team.reader.count() == 20_000


def test_the_mark_of_a_clean_up_counts_an_hour_by_the_store_s_clock(team: Team) -> None:
    pushed(team, 10)
    team.builder.build(20)
    pointer_path = team.object_path(POINTER_KEY)
    for since in ("2020-01-01T00:00:00+00:00", "2040-01-01T00:00:00+00:00"):

        def mark(old: Any, since: str = since) -> Any:
            return replace(old, revision=old.revision + 1, cleaning_since=since)

        change_pointer(team.store, mark)
        # Whatever the clock of the machine said that wrote the mark, it is fresh.
        with pytest.raises(StoreError, match="a clean-up"):
            team.builder.push(team.store, now=LATER)
        with pytest.raises(StoreError, match="a clean-up"):
            clean_builds(team.store, now=LATER, keep=1)
    old = time.time() - 3700
    os.utime(pointer_path, (old, old))

    assert team.builder.push(team.store).is_moved
    pointer = read_pointer(team.store)
    assert pointer is not None
    assert pointer.cleaning_since is None


def test_a_clean_up_that_fails_takes_its_mark_away(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed(team, 10, 20)

    def fail(*_: object) -> None:
        raise StoreError("the store does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(type(team.store), "delete", fail)
        with pytest.raises(StoreError, match="does not answer"):
            clean_builds(team.store, now=LATER, keep=1, grace=NONE)

    pointer = read_pointer(team.store)
    assert pointer is not None
    assert pointer.cleaning_since is None
    assert clean_builds(team.store, now=LATER, keep=1, grace=NONE).builds == ("20261123T000001Z",)


def test_a_broken_index_stops_a_clean_up_before_anything_is_deleted(team: Team) -> None:
    first, _, third = pushed(team, 10, 20, 30)
    team.object_path(index_key(third)).write_text("{")

    with pytest.raises(StoreError, match="is refused: it is no JSON"):
        clean_builds(team.store, now=LATER, keep=1, grace=NONE)
    assert team.object_path(index_key(first)).is_file()


def test_builds_and_datasets_share_a_prefix_and_leave_each_other_alone(team: Team) -> None:
    pushed(team, 10)

    assert list_store(team.store) == ()
    assert clean_store(team.store, now=LATER, grace=NONE).object_count == 0
    assert team.reader.pull(team.store).is_new


def test_a_build_of_the_future_is_refused_by_who_pulls_it(team: Team) -> None:
    (build_id,) = pushed(team, 10)

    with pytest.raises(StoreError, match=f"build {build_id} of .* is of the future[\\s\\S]*correct the clock"):
        team.reader.pull(team.store, now=NOW - timedelta(days=2))
    # Hours are no reason: the pull works, and builds that are made here next still sort after it.
    team.reader.pull(team.store, now=NOW - timedelta(hours=20))
    assert records.new_run_id(team.reader.project, NOW - timedelta(hours=20)) == f"{build_id}-0002"


def test_a_machine_whose_clock_is_behind_is_told_so_and_changes_nothing(team: Team) -> None:
    ahead = team.reader.build(10)
    team.reader.push(team.store)
    behind = team.builder.build(20)

    with pytest.raises(StoreError, match=f"publishes build {ahead}, which is newer than {behind}"):
        team.builder.push(team.store)
    # After a pull, what is built there is newer than what it has seen, whatever its clock says.
    team.builder.pull(team.store)
    assert records.new_run_id(team.builder.project, NOW - timedelta(days=30)) > ahead
    assert team.builder.push(team.store, behind, force=True).replaced == ahead


def _edited(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    def edit(content: bytes) -> bytes:
        document = json.loads(content)
        change(document)
        return (json.dumps(document, ensure_ascii=False, sort_keys=True) + "\n").encode()

    return edit


HOSTILE_INDEXES = {
    "a path outside": _edited(lambda found: found["files"][0].update(path="../../outside")),
    "an absolute path": _edited(lambda found: found["files"][0].update(path="/etc/passwd")),
    "a file twice": _edited(lambda found: found["files"].append(found["files"][0])),
    "no record": _edited(lambda found: found.update(files=[e for e in found["files"] if e["path"] != RECORD])),
    "no files": _edited(lambda found: found.update(files=[])),
    "files of text": _edited(lambda found: found.update(files="all")),
    "pieces of 0": _edited(lambda found: found.update(chunk_bytes=0)),
    "pieces of a tebibyte": _edited(lambda found: found.update(chunk_bytes=2**40)),
    "a size below 0": _edited(lambda found: found["files"][0].update(byte_count=-1)),
    "a size that is true": _edited(lambda found: found["files"][0].update(byte_count=True)),
    "a manifest of a tebibyte": _edited(lambda found: found["files"][0].update(byte_count=2**40)),
    "a piece more": _edited(lambda found: found["files"][0]["chunks"].append("0" * 64)),
    "a checksum with a path": _edited(lambda found: found["files"][0]["chunks"].__setitem__(0, "../" + "0" * 61)),
    "another build": _edited(lambda found: found.update(id="20200101T000000Z")),
    "escape codes": _edited(lambda found: found["by"].update(user="\x1b[31mroot")),
    "a format of tomorrow": _edited(lambda found: found.update(format=2)),
    "more than it means": _edited(lambda found: found.update(extra=1)),
    "a list": lambda _: b"[]",
    "nothing": lambda _: b"",
    "no text": lambda _: b"\xff\xfe\x00",
    "deep nesting": lambda _: b"[" * 100_000,
    "not a number": lambda content: content.replace(b'"chunk_bytes": 16384', b'"chunk_bytes": NaN'),
}


@pytest.mark.parametrize("harm", HOSTILE_INDEXES.values(), ids=HOSTILE_INDEXES.keys())
def test_an_index_that_is_not_one_is_refused(team: Team, harm: Callable[[bytes], bytes]) -> None:
    (build_id,) = pushed(team, 10)
    path = team.object_path(index_key(build_id))
    content = harm(path.read_bytes())
    assert content != path.read_bytes()

    with pytest.raises(StoreError, match="is refused: ") as refused:
        parse_index(content, build_id=build_id, where="the store")
    assert str(refused.value).isprintable() or "\x1b" not in str(refused.value)
    path.write_bytes(content)
    with pytest.raises(StoreError):
        team.reader.pull(team.store)
    assert published_id(team.reader.project) is None
    assert not (team.reader.project.root.parent / "outside").exists()


def test_an_index_that_is_one_but_not_the_one_that_was_pushed_is_refused(team: Team) -> None:
    first, second = pushed(team, 10, 20)
    other = read_index(team.store, first)
    assert other is not None
    team.object_path(index_key(second)).write_bytes(replace(other, id=second).content)

    with pytest.raises(StoreError, match="is not what the pointer means: it was cut off or changed"):
        team.reader.pull(team.store)


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: content[:-10],
        lambda content: content.replace(b'"build": "2026', b'"build": "../../2026'),
        lambda content: content.replace(b'"revision": 1', b'"revision": -1'),
        lambda content: content.replace(b'"cleaning_since": null', b'"cleaning_since": "soon"'),
        lambda _: b"x" * (2**20 + 1),
    ],
    ids=["cut off", "a path", "below 0", "no time", "too large"],
)
def test_a_pointer_that_is_not_one_is_refused(team: Team, harm: Callable[[bytes], bytes]) -> None:
    pushed(team, 10)
    path = team.object_path(POINTER_KEY)
    path.write_bytes(harm(path.read_bytes()))

    for act in (team.reader.pull, team.builder.push):
        with pytest.raises(StoreError, match="is refused: "):
            act(team.store)
    assert published_id(team.reader.project) is None


@pytest.mark.parametrize(
    "change",
    [{"status": "failed"}, {"id": "20200101T000000Z"}, {"command": "nightly"}, {"findings": "all"}, {"pulled": {}}],
    ids=lambda change: next(iter(change)),
)
def test_a_record_that_does_not_say_that_its_build_passed_is_refused(
    team: Team, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(record: records.Record) -> bytes:
        return (json.dumps({**record.as_document(), **change}, indent=2, ensure_ascii=False) + "\n").encode()

    with monkeypatch.context() as patch:
        patch.setattr("warehouse.build_sharing.describing.record_content", wrong)
        pushed(team, 10)

    with pytest.raises(StoreError, match=r"the record that .* holds for build .* is refused"):
        team.reader.pull(team.store)
    assert published_id(team.reader.project) is None
    assert team.reader.leftovers() == []


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WAREHOUSE_CACHE", str(tmp_path / "a cache"))
    return tmp_path / "a cache"


def rows(team: Team, build_id: str | None = None) -> int:
    with open_warehouse(team.store.url, build_id=build_id) as connection:
        ((count,),) = connection.execute("select count(*) from examples").fetchall()
        return int(count)


def test_a_store_is_opened_without_a_project_and_downloaded_once(team: Team, cache: Path) -> None:
    first, _ = pushed(team, 100, 200)

    assert (rows(team), rows(team, first)) == (200, 100)
    for path in team.store_path.glob("chunks/*"):
        path.unlink()
    assert (rows(team), rows(team, first)) == (200, 100)
    assert {path.name for path in cache.rglob(DATABASE)} == {DATABASE}
    with open_warehouse(team.builder.project) as connection:
        assert connection.execute("select count(*) from examples").fetchall() == [(200,)]


def test_who_opened_the_store_keeps_that_build_and_the_next_opening_gets_the_newest(team: Team, cache: Path) -> None:
    pushed(team, 100)
    with open_warehouse(team.store.url) as connection:
        pushed(team, 200)
        assert rows(team) == 200
        assert connection.execute("select count(*) from examples").fetchall() == [(100,)]


def test_the_cache_forgets_what_nobody_opened_for_a_day(team: Team, cache: Path) -> None:
    ids = pushed(team, 1, 2, 3, 4)
    for build_id in ids[:3]:
        old = time.time() - 90_000 + int(build_id[-3:-1])
        os.utime(cached_build(team.store, build_id), (old, old))

    cached_build(team.store)

    assert sorted(path.parent.name for path in cache.rglob(DATABASE)) == ids[2:]


def test_a_build_that_the_cache_forgets_in_the_last_moment_is_fetched_again(
    team: Team, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed(team, 100)
    forgotten = []

    def look(*words: Any, **options: Any) -> Path:
        folder = cached_build(*words, **options)
        if not forgotten:
            forgotten.append(folder)
            shutil.rmtree(folder.parent)
        return folder

    monkeypatch.setattr(opening, "cached_build", look)

    assert rows(team) == 100
    assert forgotten
