"""Kill -9 at random moments of builds, publications, nights and clean-ups: nothing is lost, and running again is all.

    python benchmarks/faults.py --kills 200

After each kill: the published build is the one before or the one that was to come, whole, with a record that says that
it passed; every version of the dataset verifies; a reader that has opened a build keeps it. Then the same is run again,
or something else is killed on top, several times in a row; when it ends, nothing is left that only a kill leaves.
Half of the kills come after a random time, half before a random change of the file system. Exits with 1 at the first
thing that is wrong, and says which numbers lead there again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from crowd import check_one_delivery, deliver, make_project
from kill_points import counting_changes

ROWS = 2_000
WEIGHTS = {"build": 30, "nightly": 30, "publish": 45, "rollback": 30, "retention": 65}


def act(root: Path, action: str, target: str) -> None:
    """Does it once, in this process."""
    from warehouse import retention
    from warehouse.builds import build_warehouse, publish_by_hand, roll_back
    from warehouse.nightly.running import run_nightly
    from warehouse.project import Project

    os.chdir(root)
    project, now = Project.find(root), datetime.now(UTC)
    match action:
        case "build":
            assert build_warehouse(project, now=now).published
        case "nightly":
            night = run_nightly(project, now=now, quiet=True)
            assert night is not None
            assert night.status.value == "passed", [stage.message for stage in night.stages]
        case "publish":
            publish_by_hand(project, target, now=now)
        case "rollback":
            roll_back(project, now=now, build_id=target)
        case "retention":
            retention.clean_up(project, now=now, keep=2)


def serve() -> None:
    """Imports everything once; then does each thing in a fork of its own, which kills itself when it is told to."""
    import great_expectations  # noqa: F401  # what a fork would import otherwise
    import polars  # noqa: F401
    import yaml  # noqa: F401

    import warehouse.datasets.manifest
    import warehouse.exports.export
    import warehouse.nightly.running
    import warehouse.validation.running

    warehouse.datasets.manifest.manifest_schema()
    print("ready", flush=True)
    for line in sys.stdin:
        root, action, target, step, seconds = line.rstrip("\n").split("\t")
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_RDWR), 1)
            code = 1
            try:
                count = counting_changes(int(step))
                act(Path(root), action, target)
                os.write(writer, str(count()).encode())
                code = 0
            except BaseException as error:
                os.write(writer, repr(error).encode()[:10_000])
            os._exit(code)
        os.close(writer)
        killer = threading.Timer(float(seconds), os.kill, (child, signal.SIGKILL))
        if float(seconds) > 0:
            killer.start()
        _, status = os.waitpid(child, 0)
        killer.cancel()
        if killer.is_alive():
            killer.join()
        print(os.waitstatus_to_exitcode(status), os.read(reader, 10_000).decode(), flush=True)
        os.close(reader)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a fork ended."""

    code: int
    text: str
    """How many changes it made, or its error."""
    seconds: float

    @property
    def is_killed(self) -> bool:
        """Whether it was killed before it ended."""
        return self.code == -signal.SIGKILL


class Server:
    """The process that forks for each thing to do."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.process = subprocess.Popen(
            # What watches over semaphores of dbt's says at each kill that it deletes them.
            [sys.executable, "-W", "ignore::UserWarning:multiprocessing.resource_tracker", __file__, "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def __call__(self, action: str, target: str = "", *, step: int = 0, seconds: float = 0.0) -> Ended:
        """Does it, killed before its change number `step` or after so many seconds, unless they are 0."""
        assert self.process.stdin is not None
        started = time.monotonic()
        self.process.stdin.write(f"{self.root}\t{action}\t{target}\t{step}\t{seconds}\n")
        self.process.stdin.flush()
        code, _, text = self._line().partition(" ")
        return Ended(code=int(code), text=text, seconds=time.monotonic() - started)


@contextmanager
def serving(root: Path) -> Iterator[Server]:
    server = Server(root)
    try:
        yield server
    finally:
        assert server.process.stdin is not None
        server.process.stdin.close()
        server.process.wait(timeout=600)


@dataclass(kw_only=True)
class Siege:
    """One project, killed again and again."""

    root: Path
    server: Server
    chance: random.Random
    delivered: int = 0
    usual: dict[str, Ended] = field(default_factory=dict)
    """What each action takes when nobody kills it."""
    killed: Counter[str] = field(default_factory=Counter)
    again: Counter[str] = field(default_factory=Counter)
    switched: Counter[str] = field(default_factory=Counter)
    """Kills after which the new build was published already."""

    def __post_init__(self) -> None:
        from warehouse.project import Project

        self.project = Project.find(self.root)

    def undisturbed(self, action: str, target: str = "") -> Ended:
        """Does it to its end."""
        ended = self.server(action, target)
        assert ended.code == 0, f"{action} run again: {ended.text}"
        return ended

    def measure(self) -> None:
        """Runs everything once: how long each takes, and how often it changes the file system."""
        for action in ("build", "nightly"):
            self.deliver()
            self.usual[action] = self.undisturbed(action)
        for action in ("publish", "rollback", "retention"):
            self.usual[action] = self.undisturbed(action, self.target(action))

    def deliver(self) -> None:
        """New rows in the source, so that there is something to build and to export."""
        self.delivered += 1
        deliver(self.root, ROWS + self.delivered)

    def target(self, action: str) -> str:
        """A build that can be published, and is not; the published one when it is the only one."""
        from warehouse.builds import list_builds
        from warehouse.published import published_id

        passed = [entry.id for entry in list_builds(self.project) if entry.status.value == "passed"]
        others = [build_id for build_id in passed if build_id != published_id(self.project)]
        return self.chance.choice(others or passed) if action in ("publish", "rollback") else ""

    def strike(self, action: str) -> bool:
        """Does it, kills it on the way, looks at what is left; whether it was killed before it ended."""
        from warehouse.published import published_id

        if action in ("build", "nightly"):
            self.deliver()
        before, target, usual = published_id(self.project), self.target(action), self.usual[action]
        if self.chance.random() < 0.5:
            ended = self.server(action, target, seconds=self.chance.uniform(0.0005, max(usual.seconds, 0.02)))
        else:
            # A clean-up does more the more there is to delete.
            changes = int(usual.text) * (3 if action == "retention" else 1)
            ended = self.server(action, target, step=self.chance.randint(1, max(changes, 1)))
        assert ended.is_killed or ended.code == 0, f"{action}: {ended.text}"
        after = published_id(self.project)
        expected = {before, target} if target else {before} if action == "retention" else None
        self.check_published()
        assert after is not None, "nothing is published any more"
        assert expected is None or after in expected, (action, before, target, after)
        assert expected is not None or after >= str(before), (action, before, after)
        self.switched[action] += ended.is_killed and after != before
        self.killed[action] += ended.is_killed
        return ended.is_killed

    def check_published(self) -> None:
        """The published build is whole and has passed; every version verifies."""
        from warehouse import records, storage
        from warehouse.datasets.verification import verify_version
        from warehouse.datasets.versions import find_version, standing_numbers
        from warehouse.published import find_build

        files = find_build(self.project)
        record = records.read_record(self.project, files.id)
        assert record is not None, f"build {files.id} is published and has no record"
        assert record.status.value == "passed", f"build {files.id} is published and {record.status.value}"
        assert files.dbt_manifest_path.is_file()
        with storage.connect(files.database_path) as connection:
            check_one_delivery(connection)
        for number in standing_numbers(self.project, "orders_0"):
            findings = verify_version(find_version(self.project, f"orders_0@{number}")).findings
            assert findings == (), findings

    def run_again(self, action: str) -> None:
        """The same once more, to its end; and after a build, nothing is left of those that were killed."""
        self.undisturbed(action, self.target(action))
        self.again[action] += 1
        self.check_published()

    def check_clean(self) -> None:
        """After a night and a clean-up nothing is left that only a kill leaves."""
        from warehouse import records
        from warehouse.builds import list_builds

        self.deliver()
        self.undisturbed("nightly")
        self.undisturbed("retention")
        self.check_published()
        running = [record.id for record in records.read_records(self.project) if record.status.value == "running"]
        assert not running, f"still said to run: {running}"
        known = {entry.id for entry in list_builds(self.project)}
        left = [path.name for path in self.project.builds_path.iterdir() if path.name not in known]
        left += [str(path) for path in self.project.datasets_path.glob("*/.tmp-*")]
        assert not left, f"left behind: {left}"


def besiege(siege: Siege, kills: int) -> None:
    """So many kills, in an order that chance decides."""
    from warehouse.published import open_build

    siege.measure()
    _, connection = open_build(siege.project)
    with connection:
        ((opened,),) = connection.execute("select count(*) from orders").fetchall()
        while siege.killed.total() < kills:
            (action,) = siege.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
            # Builds and nights take long: of those, one in four is run again at once, the others are killed on top.
            is_killed = siege.strike(action)
            if is_killed and (action not in ("build", "nightly") or siege.chance.random() < 0.25):
                siege.run_again(action)
            assert connection.execute("select count(*) from orders").fetchall() == [(opened,)]
            if is_killed and siege.killed.total() % 10 == 0:
                print(f"{siege.killed.total()} of {kills} kills", file=sys.stderr, flush=True)
    siege.check_clean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
        return
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp())
    root = folder / "a project"
    make_project(root, exporters=1, rows=ROWS)
    exposures = root / "models/exposures.yml"
    exposures.write_text(exposures.read_text().replace("dataset: {", "dataset: {refresh: nightly, "))
    with serving(root) as server:
        siege = Siege(root=root, server=server, chance=random.Random(arguments.seed))
        try:
            besiege(siege, arguments.kills)
        except AssertionError as error:
            print(
                f"after {siege.killed.total()} kills, seed {arguments.seed}: {error}\nlook at {root}", file=sys.stderr
            )
            sys.exit(1)
    shutil.rmtree(folder)
    result = {
        "kills": siege.killed.total(),
        "by_action": dict(siege.killed),
        "published_before_the_kill": dict(siege.switched),
        "run_again": dict(siege.again),
        "seconds": round(time.monotonic() - started, 1),
    }
    if arguments.json:
        print(json.dumps(result))
        return
    for action in WEIGHTS:
        print(
            f"{action:10} killed {siege.killed[action]:4}, of these {siege.switched[action]:3} after the switch; "
            f"run again to the end {siege.again[action]:3}"
        )
    print(f"{result['kills']} kills in {result['seconds']:.0f} s: no published build lost, none half")


if __name__ == "__main__":
    main()
