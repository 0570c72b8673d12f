"""Sharing builds through a real server that speaks S3, with processes of their own that race and are killed."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from machines import Machine, Team
from s3_server import BUCKET, Server

from warehouse.build_sharing import list_stored_builds, open_warehouse, read_pointer
from warehouse.build_sharing.layout import chunk_key, read_index
from warehouse.errors import StoreError
from warehouse.object_store import open_store

pytestmark = pytest.mark.slow

SCRIPT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import obstore
from warehouse.build_sharing import describing, pull_build, push_build
from warehouse.project import Project
describing.CHUNK_BYTES = 2**14
act = {"push": push_build, "pull": pull_build}[sys.argv[1]]
project = Project.find(Path(sys.argv[2]))
print("ready", flush=True)
for url in sys.stdin:
    try:
        print("done", act(project, now=datetime.now(UTC), store=url.strip()).id, flush=True)
    except Exception as error:
        print(type(error).__name__, str(error).splitlines()[0], flush=True)
"""


@pytest.fixture
def team(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    """The store is a prefix of its own on the server."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    team = Team(tmp_path, monkeypatch)
    team.store = open_store(f"s3://{BUCKET}/{tmp_path.name}/a prefix 名前")
    return team


class Process:
    """Pushes or pulls as often as it is told to."""

    def __init__(self, action: str, machine: Machine) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, action, str(machine.project.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Process:
        assert self.answer() == "ready"
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        with self.process:
            pass

    def start(self, url: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{url}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")


def test_a_build_goes_to_s3_and_back(team: Team, server: Server) -> None:
    first = team.builder.build(50_000)
    assert team.builder.push(team.store).is_moved
    assert team.reader.pull(team.store).id == first
    assert team.reader.count() == 50_000
    second = team.builder.build_on(first, "create table more as select 1 as x")
    pushed = team.builder.push(team.store)

    assert (pushed.replaced, [entry.id for entry in list_stored_builds(team.store)]) == (first, [first, second])
    assert pushed.sent_bytes < pushed.byte_count / 3
    assert team.reader.pull(team.store).fetched_bytes <= pushed.sent_bytes
    before = len(server.requests())
    assert not team.reader.pull(team.store).is_new
    assert [method for method, _, _ in server.requests()[before:]] == ["GET", "GET"]


def test_of_two_publishers_at_once_the_newer_build_stays(team: Team, tmp_path: Path) -> None:
    """Each round two machines move the pointer at the same moment; none undoes the other unseen."""
    other = Machine(tmp_path / "another builder", first=100)
    with Process("push", team.builder) as left, Process("push", other) as right:
        for number in range(4):
            ids = (team.builder.build(1000 + number), other.build(5000 + number))
            for process in (left, right):
                process.start(team.store.url)
            answers = left.answer(), right.answer()

            # The newer one always gets through; the older one before it, or it is told why not.
            assert answers[1] == f"done {ids[1]}"
            assert answers[0] == f"done {ids[0]}" or "which is newer than" in answers[0], answers
            pointer = read_pointer(team.store)
            assert pointer is not None
            assert pointer.build == ids[1]
            assert team.reader.pull(team.store).id == ids[1]
            assert team.reader.count() == 5000 + number


def test_two_pulls_at_once_fetch_a_build_once(team: Team, server: Server) -> None:
    build_id = team.builder.build(100_000)
    team.builder.push(team.store)
    before = len(server.requests())
    with Process("pull", team.reader) as left, Process("pull", team.reader) as right:
        for process in (left, right):
            process.start(team.store.url)

        assert left.answer() == right.answer() == f"done {build_id}"
    chunks = [path for _, path, _ in server.requests()[before:] if "/chunks/" in path]
    index = read_index(team.store, build_id)
    assert index is not None
    assert len(chunks) <= sum(len(file.chunks) for file in index.files)
    assert team.reader.count() == 100_000


def test_kills_at_random_moments_lose_nothing(team: Team) -> None:
    """A push, then a pull, is killed again and again; what is published stays whole, and each goes on."""
    chance = random.Random(5)
    published = team.builder.build(10)
    team.builder.push(team.store)
    team.reader.pull(team.store)
    newer = team.builder.build(150_000)
    for action, machine in (("push", team.builder), ("pull", team.reader)):
        started = time.monotonic()
        for _ in range(4):
            with Process(action, machine) as process:
                process.start(team.store.url)
                time.sleep(chance.uniform(0, 0.4))
            pointer = read_pointer(team.store)
            assert pointer is not None
            assert pointer.build in (published, newer)
            for build_id in {entry.id for entry in list_stored_builds(team.store)}:
                index = read_index(team.store, build_id)
                assert index is not None
                present = {item.key for item in team.store.objects("warehouse-builds/chunks")}
                assert index.chunk_keys <= present
            assert team.reader.count() in (10, 150_000)
        with Process(action, machine) as process:
            process.start(team.store.url)
            assert process.answer() == f"done {newer}"
        # Nobody waited for a lock of the dead.
        assert time.monotonic() - started < 600
    assert team.reader.count() == 150_000
    assert team.reader.leftovers() == []


def test_a_flipped_bit_is_refused(team: Team) -> None:
    build_id = team.builder.build(50_000)
    team.builder.push(team.store)
    index = read_index(team.store, build_id)
    assert index is not None
    key = chunk_key(index.files[-1].chunks[3])
    content = bytearray(team.store.read(key) or b"")
    content[17] ^= 4
    team.store.put_bytes(key, bytes(content))

    with pytest.raises(StoreError, match="is not what its name says: it was cut off or changed"):
        team.reader.pull(team.store)
    with pytest.raises(StoreError, match="is not what its name says: it was cut off or changed"):
        open_warehouse(team.store.url)


def test_readers_without_a_project_ask_twice_when_nothing_is_new(
    team: Team, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_CACHE", str(tmp_path / "cache"))
    team.builder.build(100)
    team.builder.push(team.store)
    open_warehouse(team.store.url).close()
    before = len(server.requests())

    with open_warehouse(team.store.url) as connection:
        assert connection.execute("select count(*) from examples").fetchall() == [(100,)]
    assert len(server.requests()) == before + 2
