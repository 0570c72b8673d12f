from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from warehouse.errors import StorageError
from warehouse.project import Project
from warehouse.records import new_run_id, read_records, start_record, write_record

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path) -> Project:
    (tmp_path / "dbt_project.yml").write_text("name: any\n")
    return Project.find(tmp_path)


def test_runs_of_one_second_get_numbers(place: Project) -> None:
    assert [new_run_id(place, NOW) for _ in range(3)] == [
        "20261124T030000Z",
        "20261124T030000Z-0002",
        "20261124T030000Z-0003",
    ]


def test_a_clock_that_jumps_back_gives_an_id_after_every_one_on_disk(place: Project) -> None:
    ids = [new_run_id(place, NOW), new_run_id(place, NOW - timedelta(days=400)), new_run_id(place, NOW)]

    assert ids == sorted(set(ids))
    record = start_record(place, command="build", run_id=ids[1], now=NOW - timedelta(days=400))
    assert record.started_at == "2025-10-20T03:00:00+00:00"


def test_an_id_stays_taken_when_its_run_died_before_it_wrote_its_record(place: Project) -> None:
    dead = new_run_id(place, NOW)
    alive = new_run_id(place, NOW)
    write_record(place, start_record(place, command="build", run_id=alive, now=NOW))

    assert new_run_id(place, NOW) not in (dead, alive)
    assert [record.id for record in read_records(place)] == [alive]


def test_names_of_old_runs_are_thrown_away(place: Project) -> None:
    for minute in range(120):
        new_run_id(place, NOW + timedelta(minutes=minute))

    assert len(list((place.runs_path / ".taken").iterdir())) <= 51


def test_a_process_that_slept_never_gets_an_id_whose_name_was_thrown_away_meanwhile(
    place: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its look at the folder and its try, eighty others come by: enough for the first to be forgotten."""
    new_run_id(place, NOW)
    others: list[str] = []
    touch = Path.touch

    def sleep_first(path: Path, *, exist_ok: bool = True) -> None:
        monkeypatch.setattr(Path, "touch", touch)
        others.extend(new_run_id(place, NOW) for _ in range(80))
        assert path.name == others[0]
        assert not path.exists()
        path.touch(exist_ok=exist_ok)

    monkeypatch.setattr(Path, "touch", sleep_first)

    assert new_run_id(place, NOW) > max(others)


def test_two_machines_never_get_the_same_id(place: Project) -> None:
    """Processes with host names of their own, where the system lets them; many ids of one second."""
    script = (
        "import sys\nfrom datetime import UTC, datetime\nfrom pathlib import Path\n"
        "from warehouse.project import Project\nfrom warehouse.records import new_run_id\n"
        "project = Project.find(Path(sys.argv[1]))\nprint('ready', flush=True)\nsys.stdin.readline()\n"
        "for _ in range(60):\n    print(new_run_id(project, datetime(2026, 11, 24, 3, tzinfo=UTC)))"
    )
    apart = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"']
    is_root = subprocess.run([*apart, "machine", "true"], capture_output=True).returncode == 0
    machines = [
        subprocess.Popen(
            [*([*apart, f"machine{number}"] if is_root else []), sys.executable, "-c", script, str(place.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for machine in machines:
        assert machine.stdout is not None
        assert machine.stdout.readline() == "ready\n"

    with ThreadPoolExecutor(4) as pool:
        outputs = list(pool.map(lambda machine: machine.communicate("go\n")[0].split(), machines))

    ids = [run_id for output in outputs for run_id in output]
    assert len(set(ids)) == 240
    assert all(output == sorted(output) for output in outputs)


def test_a_folder_that_cannot_be_written_is_one_clear_error(place: Project) -> None:
    place.warehouse_path.mkdir(parents=True)
    place.runs_path.write_text("in the way")

    with pytest.raises(StorageError, match=r"cannot write .*\.taken"):
        new_run_id(place, NOW)
