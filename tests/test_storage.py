from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from warehouse import storage
from warehouse.errors import LockedError, StorageError


def test_a_written_file_is_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "a.json"

    storage.write_json(path, {"name": "名前"})
    storage.write_file(path, b"second")

    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_keeps_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    storage.write_file(path, "old")
    script = (
        "import resource, sys\nfrom pathlib import Path\nfrom warehouse import storage\n"
        "from warehouse.errors import StorageError\nresource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
        "try:\n    storage.write_file(Path(sys.argv[1]), 'x' * 1000)\nexcept StorageError as error:\n    print(error)"
    )

    output = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    ).stdout

    assert "File too large" in output
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_switched_in_one_step_and_relative(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / "builds" / name).mkdir(parents=True)
    link = tmp_path / "current"

    storage.switch_link(link, tmp_path / "builds/one")
    storage.switch_link(link, tmp_path / "builds/two")

    assert str(link.readlink()) == "builds/two"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["builds", "current"]


def test_publishing_a_folder_never_replaces_one(tmp_path: Path) -> None:
    (tmp_path / "final").mkdir()
    (tmp_path / "new").mkdir()

    with pytest.raises(StorageError, match="exists already"):
        storage.publish_folder(tmp_path / "new", tmp_path / "final")


def test_a_lock_is_free_again_after_its_block(tmp_path: Path) -> None:
    for _ in range(2):
        with storage.lock(tmp_path / "x.lock", purpose="work"):
            assert (tmp_path / "x.holder.json").is_file()
        assert not (tmp_path / "x.holder.json").exists()


def test_a_held_lock_is_refused_also_within_the_process(tmp_path: Path) -> None:
    with (
        storage.lock(tmp_path / "x.lock", purpose="work"),
        pytest.raises(LockedError, match="work is already running"),
        storage.lock(tmp_path / "x.lock", purpose="work"),
    ):
        pass


def test_a_missing_or_foreign_database_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no DuckDB file at"):
        storage.connect(tmp_path / "missing.duckdb")
    foreign = tmp_path / "foreign.duckdb"
    foreign.write_text("this is not a database" * 1000)
    with pytest.raises(StorageError, match="cannot open"):
        storage.connect(foreign)


def test_an_open_reader_in_another_process_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    storage.connect(path, read_only=False).close()
    assert not storage.has_reader(path)
    reader = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys\nconnection = duckdb.connect(sys.argv[1], read_only=True)\n"
            "print(1, flush=True)\nsys.stdin.read()",
            str(path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert reader.stdout is not None
    reader.stdout.readline()

    assert storage.has_reader(path)
    reader.communicate()
    assert not storage.has_reader(path)


def test_only_builds_open_a_database_to_write() -> None:
    root = Path(__file__).parent.parent
    sources = [*root.glob("warehouse/**/*.py"), *root.glob("cli/**/*.py")]
    writers = {
        path.relative_to(root).as_posix() for path in sources if "read_only=False" in path.read_text(encoding="utf-8")
    }

    # The seal of a new build, and the analyst's own file; dbt itself writes into either before anybody reads it.
    assert writers == {"warehouse/builds/targets.py", "warehouse/builds/dev.py"}
