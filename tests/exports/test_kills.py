"""Kill -9 before every single change of the file system, and at random moments: whatever runs, all versions stay whole.

A process imports everything once and forks for each run. The fork counts its own changes (files opened for writing,
renames, links, deletions) and kills itself before the nth.
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import kill_points
import pytest
from fake_builds import Fake

from warehouse.datasets.marks import read_tags
from warehouse.datasets.tags import set_tag
from warehouse.datasets.verification import verify_version
from warehouse.datasets.versions import find_version, standing_numbers, version_numbers
from warehouse.exports.export import export_dataset
from warehouse.findings import is_critical

NOW = datetime(2026, 11, 23, tzinfo=UTC)
DECLARED = {"key": "id", "label": "y", "split": {"method": "hash", "shares": {"train": 0.8, "dev": 0.1, "test": 0.1}}}
ROWS = "select i as id, i % 2 = 0 as y, 'p' || i % 300 as person from range(1000) as r(i)"

SCRIPT = """
import os, signal, sys, time
from datetime import UTC, datetime
from pathlib import Path

import duckdb, filelock, yaml

sys.path.append(sys.argv[1])
from kill_points import counting_changes
from warehouse import retention
from warehouse.datasets.holdings import Entity
from warehouse.datasets.manifest import manifest_schema
from warehouse.datasets.removal import remove_version
from warehouse.exports.export import export_dataset
from warehouse.exports.forgetting import forget
from warehouse.project import Project

manifest_schema()
now = datetime(2026, 11, 23, tzinfo=UTC)
ACTIONS = {
    "export": lambda project: export_dataset(project, "late", now=now),
    "forget": lambda project: forget(project, Entity(values={"person": "p7"}), now=now),
    "rm": lambda project: remove_version(project, "late@1.1.0", now=now),
    "gc": lambda project: retention.clean_up(project, now=now, keep=1),
}


def run(root, action, step):
    count = counting_changes(step)
    ACTIONS[action](Project.find(Path(root)))
    return count()


print("ready", flush=True)
for line in sys.stdin:
    root, action, step, seconds = line.rstrip("\\n").split("\\t")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, str(run(root, action, int(step))).encode())
            os._exit(0)
        except BaseException as error:
            os.write(writer, repr(error).encode())
            os._exit(1)
    os.close(writer)
    if seconds:
        time.sleep(float(seconds))
        os.kill(child, signal.SIGKILL)  # not waited for yet, so its number is nobody else's
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), os.read(reader, 10_000).decode(), flush=True)
    os.close(reader)
"""


class Runner:
    """Runs actions in processes of their own, as many times as one likes."""

    def __init__(self) -> None:
        tests = str(Path(kill_points.__file__).parent)
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, tests], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def __call__(self, fake: Fake, action: str, *, step: int = 0, seconds: float | None = None) -> tuple[int, str]:
        """How it ended (-9 when killed) and what it said: how many changes it made, or its error."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{fake.project.root}\t{action}\t{step}\t{seconds or ''}\n")
        self.process.stdin.flush()
        code, _, text = self._line().partition(" ")
        return int(code), text


@pytest.fixture(scope="module")
def run() -> Iterator[Runner]:
    runner = Runner()
    yield runner
    # Closes both pipes and waits.
    with runner.process:
        pass


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    """Versions 1.0.0 (tagged), 1.1.0 and 1.2.0, and a build from which the next export writes 1.3.0."""
    fake = Fake(tmp_path_factory.mktemp("kills") / "a project")
    for count in (1000, 1100, 1200):
        fake.build(DECLARED, rows=ROWS.replace("1000", str(count)))
        export_dataset(fake.project, "late", now=NOW)
    set_tag(fake.project, "late@1.0.0", "prod")
    fake.build(DECLARED, rows=ROWS.replace("1000", "1300"))
    return fake


Check = Callable[[Fake], None]


def exported(fake: Fake) -> None:
    assert version_numbers(fake.project, "late") == ["1.0.0", "1.1.0", "1.2.0", "1.3.0"]
    assert read_tags(fake.project.datasets_path / "late") == {"prod": "1.0.0"}
    assert find_version(fake.project, "late").manifest.row_count == 1300


def forgotten(fake: Fake) -> None:
    assert standing_numbers(fake.project, "late") == ["1.0.1", "1.3.0"]
    assert read_tags(fake.project.datasets_path / "late") == {"prod": "1.0.1"}
    assert find_version(fake.project, "late").manifest.row_count == 1196


def removed(fake: Fake) -> None:
    assert version_numbers(fake.project, "late") == ["1.0.0", "1.2.0"]


def cleaned(fake: Fake) -> None:
    assert version_numbers(fake.project, "late") == ["1.0.0", "1.2.0"]
    assert find_version(fake.project, "late@prod").number == "1.0.0"


DONE: dict[str, Check] = {"export": exported, "forget": forgotten, "rm": removed, "gc": cleaned}


def check_whole(fake: Fake) -> None:
    for number in version_numbers(fake.project, "late"):
        version = find_version(fake.project, f"late@{number}", allow_withdrawn=True)
        assert not is_critical(verify_version(version).findings)
    assert find_version(fake.project, "late").number in ("1.2.0", "1.3.0")
    tags = read_tags(fake.project.datasets_path / "late")
    assert find_version(fake.project, f"late@{tags['prod']}", allow_withdrawn=True).manifest.row_count in (996, 1000)


def check_finished(fake: Fake, run: Runner, action: str) -> None:
    """Running it again, or finding that nothing is left to do, ends where an undisturbed run does."""
    code, text = run(fake, action)
    assert code == 0 or (action == "rm" and "was deleted on" in text), text
    DONE[action](fake)
    check_whole(fake)
    if action != "rm":
        assert not list((fake.project.datasets_path / "late").glob(".tmp-*"))


@pytest.mark.slow
@pytest.mark.parametrize("action", list(DONE))
def test_a_kill_before_any_change_is_made_good_by_running_again(
    made: Fake, run: Runner, tmp_path: Path, action: str
) -> None:
    whole = made.copied_to(tmp_path / "whole")
    code, text = run(whole, action)
    assert code == 0, text
    DONE[action](whole)
    change_count = int(text)
    assert change_count > 5
    # All of them, or 12 spread over them.
    steps = sorted({1 + i * change_count // 12 for i in range(12)})
    for step in steps:
        fake = made.copied_to(tmp_path / f"step {step}")
        code, text = run(fake, action, step=step)
        # How often a lock is asked for may differ; then it was through before.
        assert code == -signal.SIGKILL or (code == 0 and step > change_count - 3), text
        check_whole(fake)
        check_finished(fake, run, action)
        shutil.rmtree(fake.project.root)


@pytest.mark.slow
def test_a_hundred_kills_at_random_moments_of_an_export_leave_the_old_version_or_the_new_one(
    made: Fake, run: Runner, tmp_path: Path
) -> None:
    whole = made.copied_to(tmp_path / "whole")
    started = time.perf_counter()
    assert run(whole, "export")[0] == 0
    seconds = time.perf_counter() - started
    chance = random.Random(3)
    ends: list[int] = []
    fake = made.copied_to(tmp_path / "killed")
    while len(ends) < 100 or ends.count(-signal.SIGKILL) <= 50:
        assert len(ends) < 400, "hardly a kill came before the export's end"
        started = time.perf_counter()
        code, _ = run(fake, "export", seconds=chance.uniform(0, seconds * 1.05))
        if code == 0:
            # A machine that was busy at first is faster now, and kills must fall within the run.
            seconds = min(seconds, time.perf_counter() - started)
        ends.append(code)
        check_whole(fake)
        if version_numbers(fake.project, "late")[-1] == "1.3.0":
            exported(fake)
            shutil.rmtree(fake.project.root)
            fake = made.copied_to(tmp_path / "killed")

    check_finished(fake, run, "export")
