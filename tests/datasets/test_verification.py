from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_builds import Fake

from warehouse.datasets.loading import load_dataset
from warehouse.datasets.verification import Verification, verify_version
from warehouse.datasets.versions import find_version
from warehouse.errors import VersionError
from warehouse.exports.outcome import Export

DECLARED = {"key": "id", "split": {"method": "hash", "shares": {"train": 0.8, "test": 0.2}}}


@pytest.fixture
def version_path(fake: Fake, export: Callable[..., Export]) -> Path:
    fake.build(DECLARED, rows="select i as id from range(1000) as r(i)")
    path = export().path
    assert path is not None
    return path


def verify(fake: Fake) -> Verification:
    return verify_version(find_version(fake.project, "late"))


def overwrite(file: Path, content: bytes) -> None:
    file.chmod(0o644)
    file.write_bytes(content)


def messages(fake: Fake) -> list[str]:
    return [finding.message for finding in verify(fake).findings]


def test_a_whole_version_has_no_findings(fake: Fake, version_path: Path) -> None:
    (version_path / "reports").mkdir(exist_ok=True)
    (version_path / "reports/drift.html").write_text("later")

    result = verify(fake)

    assert result.findings == ()
    assert (result.reference, result.file_count) == ("late@1.0.0", 5)
    assert result.byte_count == sum(
        path.stat().st_size
        for path in version_path.rglob("*")
        if path.is_file() and "reports" not in path.parts and path.name != "SHA256SUMS"
    )


def test_a_missing_file_is_named(fake: Fake, version_path: Path) -> None:
    (version_path / "data/test/part-00000.parquet").unlink()

    assert messages(fake) == ["data/test/part-00000.parquet is missing"]


def test_a_truncated_file_is_named_with_its_sizes(fake: Fake, version_path: Path) -> None:
    file = version_path / "data/train/part-00000.parquet"
    size = file.stat().st_size
    overwrite(file, file.read_bytes()[:100])

    assert messages(fake) == [f"data/train/part-00000.parquet has 100 bytes instead of {size:,}"]


@pytest.mark.parametrize("position", [0, 50, -1])
def test_one_flipped_bit_is_found(fake: Fake, version_path: Path, position: int) -> None:
    file = version_path / "data/train/part-00000.parquet"
    content = bytearray(file.read_bytes())
    content[position] ^= 1
    overwrite(file, bytes(content))

    (message,) = messages(fake)
    assert message.startswith("data/train/part-00000.parquet was changed: its SHA-256 is ")


@pytest.mark.parametrize("name", ["README.md", "croissant.json", "manifest.json"])
def test_a_changed_text_is_found(fake: Fake, version_path: Path, name: str) -> None:
    path = version_path / name
    path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")

    (message,) = messages(fake)
    assert message.startswith(f"{name} was changed")


def test_a_version_of_before_croissant_was_written_is_whole(fake: Fake, version_path: Path) -> None:
    (version_path / "croissant.json").unlink()
    sums = version_path / "SHA256SUMS"

    assert messages(fake) == ["croissant.json is missing"]

    sums.write_text("".join(line for line in sums.read_text().splitlines(keepends=True) if "croissant" not in line))
    assert messages(fake) == []


def test_an_extra_file_is_named(fake: Fake, version_path: Path) -> None:
    (version_path / "data/train/part-00001.parquet").write_text("more")
    (version_path / ".hidden").write_text("more")

    assert messages(fake) == [
        ".hidden was not there when the version was written",
        "data/train/part-00001.parquet was not there when the version was written",
    ]


def test_a_missing_list_of_checksums_is_named(fake: Fake, version_path: Path) -> None:
    (version_path / "SHA256SUMS").unlink()

    assert "SHA256SUMS cannot be read" in messages(fake)[0]


def test_a_list_that_contradicts_the_manifest_is_found(fake: Fake, version_path: Path) -> None:
    path = version_path / "SHA256SUMS"
    lines = path.read_text().splitlines()
    lines = [("0" * 64 + line[64:]) if "data/test" in line else line for line in lines if "README" not in line]
    path.write_text("\n".join([*lines, f"{'1' * 64}  data/else"]) + "\n")

    found = messages(fake)

    assert "SHA256SUMS and the manifest disagree about 'data/test/part-00000.parquet'" in found
    assert "SHA256SUMS and the manifest disagree about 'data/else'" in found
    assert "SHA256SUMS does not list README.md" in found


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"format": 99}', '{"format": "x"}'])
def test_a_broken_manifest_is_no_version(fake: Fake, version_path: Path, content: str) -> None:
    (version_path / "manifest.json").write_text(content)

    with pytest.raises(VersionError, match=r"manifest\.json"):
        verify(fake)


REACHING = [
    ("splits.0.files.0.path", "../../../../../etc/passwd", "is no path of a file in this version's folder data"),
    ("splits.0.files.0.path", "/etc/passwd", "is no path"),
    ("splits.0.files.0.path", "data/../../x.parquet", "is no path"),
    ("splits.0.files.0.path", "https://example.com/x.parquet", "is no path"),
    ("splits.0.files.0.path", "data//etc/passwd", "is no path"),
    ("splits.0.files.0.path", "data\\..\\x", "is no path"),
    ("name", "../late", "cannot be a dataset's name"),
    ("version", "1.0.0/..", "cannot be a version's number"),
    ("columns.0.type", "BIGINT) from read_text('/etc/passwd') --", "which is not a type"),
    ("columns.0.type", "VARCHAR, (select content from read_text('/etc/passwd'))", "which is not a type"),
]


@pytest.mark.parametrize(("where", "value", "message"), REACHING)
def test_a_manifest_that_reaches_out_of_its_folder_is_refused(
    fake: Fake, version_path: Path, where: str, value: str, message: str
) -> None:
    path = version_path / "manifest.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    *parents, last = [int(part) if part.isdecimal() else part for part in where.split(".")]
    item = document
    for part in parents:
        item = item[part]
    item[last] = value
    overwrite(path, json.dumps(document).encode())

    for read in (
        lambda: find_version(fake.project, "late@1.0.0"),
        lambda: load_dataset("late", project=fake.project),
        lambda: load_dataset(version_path),
    ):
        with pytest.raises(VersionError, match="cannot be trusted") as caught:
            read()
        assert message in str(caught.value)


def test_a_folder_with_another_versions_manifest_is_no_version(fake: Fake, version_path: Path) -> None:
    shutil.copytree(version_path, version_path.with_name("2.0.0"))

    with pytest.raises(VersionError, match=r"2\.0\.0 holds late@1\.0\.0, not late@2\.0\.0"):
        find_version(fake.project, "late@2.0.0")
