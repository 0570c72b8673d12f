from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_builds import Fake

from warehouse import storage
from warehouse.datasets.verification import verify_version
from warehouse.datasets.versions import find_version
from warehouse.exports.export import Export

SPLIT = {"method": "column", "column": "part"}
DECLARED = {"key": "id", "split": SPLIT}
ROWS = """
    select i as id, case when i % 10 = 0 then 'dev' when i % 10 = 1 then 'test' else 'train' end as part,
        md5(i::varchar) || md5('x' || i) as note
    from range(200000) as r(i)
"""
CHANGED = f"select * replace (if(part = 'dev', upper(note), note) as note) from ({ROWS})"


@pytest.fixture
def versions(fake: Fake, export: Callable[..., Export]) -> tuple[Path, Path]:
    """Two versions, of which only dev is not the same: a tenth of the rows."""
    fake.build(DECLARED, rows=ROWS)
    first = export().path
    fake.build(DECLARED, rows=CHANGED)
    second = export().path
    assert first is not None
    assert second is not None
    return first, second


def blocks(*folders: Path) -> int:
    """Bytes on the disk, every inode once."""
    states = {path.stat().st_ino: path.stat() for folder in folders for path in folder.rglob("*") if path.is_file()}
    return sum(state.st_blocks * 512 for state in states.values())


def test_a_version_that_repeats_nine_tenths_costs_a_tenth(versions: tuple[Path, Path]) -> None:
    first, second = versions

    assert (blocks(first, second) - blocks(first)) / blocks(second) < 0.13
    assert (second / "data/train/part-00000.parquet").samefile(first / "data/train/part-00000.parquet")
    assert (second / "data/train/part-00000.parquet").stat().st_nlink == 2
    assert (second / "data/dev/part-00000.parquet").stat().st_nlink == 1


def test_both_versions_are_whole(fake: Fake, versions: tuple[Path, Path]) -> None:
    for number in ("1.0.0", "1.1.0"):
        assert verify_version(find_version(fake.project, f"late@{number}")).findings == ()
    assert not list(versions[1].rglob("*.tmp"))


def test_data_files_cannot_be_edited_in_place(versions: tuple[Path, Path]) -> None:
    for path in versions[1].glob("data/*/*"):
        assert path.stat().st_mode & 0o777 == 0o444


def test_a_file_that_rotted_is_not_shared(fake: Fake, export: Callable[..., Export]) -> None:
    fake.build(DECLARED, rows=ROWS)
    first = export().path
    assert first is not None
    rotten = first / "data/test/part-00000.parquet"
    content = bytearray(rotten.read_bytes())
    # In the middle of a note, where comparing the rows does not look.
    content[len(content) // 2] ^= 1
    rotten.chmod(0o644)
    rotten.write_bytes(content)
    (first / "manifest.json").rename(first / "manifest.aside")

    fake.build(DECLARED, rows=CHANGED)
    (fake.project.datasets_path / "late/1.0.0").rename(fake.project.datasets_path / "late/0.9.0")
    second = export().path

    assert second is not None
    assert (second / "data/test/part-00000.parquet").stat().st_nlink == 1
    assert (second / "data/train/part-00000.parquet").stat().st_nlink == 2
    assert verify_version(find_version(fake.project, "late")).findings == ()


def test_where_there_are_no_links_copies_stay(
    fake: Fake, export: Callable[..., Export], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    fake.build(DECLARED, rows=ROWS)
    export()
    fake.build(DECLARED, rows=CHANGED)
    path = export().path

    assert path is not None
    assert {file.stat().st_nlink for file in path.glob("data/*/*")} == {1}
    assert verify_version(find_version(fake.project, "late")).findings == ()


def test_a_list_of_checksums_cannot_point_out_of_its_version(fake: Fake, export: Callable[..., Export]) -> None:
    fake.build(DECLARED, rows=ROWS)
    first = export().path
    assert first is not None
    secret = fake.project.root / "secret"
    (first / "data/train/part-00000.parquet").rename(secret)
    sums = first / "SHA256SUMS"
    text = sums.read_text().replace("data/train/part-00000.parquet", f"data/{os.path.relpath(secret, first / 'data')}")
    sums.write_text(text)
    (first / "manifest.json").unlink()
    first.rename(first.with_name("0.9.0"))
    second = export().path

    assert second is not None
    assert secret.stat().st_nlink == 1


def test_linking_or_copying_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "a"
    source.write_bytes(b"x" * 1000)

    storage.link_or_copy(source, tmp_path / "b")
    monkeypatch.setattr(Path, "hardlink_to", lambda *_: (_ for _ in ()).throw(OSError(18, "cross-device")))
    storage.link_or_copy(source, tmp_path / "c")

    assert (tmp_path / "b").samefile(source)
    assert not (tmp_path / "c").samefile(source)
    assert (tmp_path / "c").read_bytes() == source.read_bytes()
