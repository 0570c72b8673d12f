from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fake_builds import Fake
from s3_server import BUCKET, CREDENTIALS, Server, s3_server

from warehouse import object_store as store_module
from warehouse.datasets.store_contents import clean_store, list_store, remove_stored
from warehouse.datasets.store_keys import object_key
from warehouse.datasets.store_layout import find_stored, parse_checksums, stored_numbers
from warehouse.datasets.store_pull import open_remote, pull_version
from warehouse.datasets.store_push import GRACE, push_version
from warehouse.datasets.verification import verify_version
from warehouse.datasets.versions import Version, find_version, read_version, version_numbers
from warehouse.errors import MissingExtraError, StoreError, VersionError
from warehouse.exports.export import Export
from warehouse.object_store import Store, open_store
from warehouse.project import Project

Exporter = Callable[..., Export]
DECLARED = {"key": "id", "split": {"method": "hash", "shares": {"train": 0.8, "dev": 0.1, "test": 0.1}}}
ROWS = "select i as id, md5(i::varchar) as note from range(2000) as r(i)"
PUSH = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from warehouse.object_store import open_store
from warehouse.datasets.store_push import push_version
from warehouse.datasets.versions import read_version
version, store = read_version(Path(sys.argv[1])), open_store(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
try:
    result = push_version(store, version, now=datetime.now(UTC))
    print("new" if result.is_new else "known", result.sent_count)
except Exception as error:
    print(type(error).__name__, str(error).splitlines()[0])
"""


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def folder_store(tmp_path: Path) -> Store:
    """A store in a folder: the same objects, without a server."""
    return open_store(f"file://{tmp_path}/a store")


@pytest.fixture
def s3(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A prefix of its own on an S3 server."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return open_store(f"s3://{BUCKET}/{tmp_path.name}/a prefix 名前")


def make_version(fake: Fake, export: Exporter, rows: str = ROWS, **declared: object) -> Version:
    fake.build({**DECLARED, **declared}, rows=rows)
    export()
    return find_version(fake.project, "late")


def another(fake: Fake, folder: Path) -> Project:
    """A project elsewhere, without versions."""
    folder.mkdir()
    (folder / "dbt_project.yml").write_text("name: other\n")
    return Project.find(folder)


def contents(version: Version) -> dict[str, bytes]:
    """Every file that checksums cover, and they themselves."""
    return {
        str(path.relative_to(version.path)): path.read_bytes()
        for path in sorted(version.path.rglob("*"))
        if path.is_file() and "reports" not in path.relative_to(version.path).parts
    }


def check_round_trip(store: Store, fake: Fake, export: Exporter, folder: Path) -> None:
    version = make_version(fake, export)
    pushed = push_version(store, version, now=now())
    other = another(fake, folder)
    pulled = pull_version(store, other, "late")

    assert (pushed.is_new, pushed.sent_count) == (True, pushed.file_count)
    assert pulled.reference == version.reference
    copy = find_version(other, "late")
    assert contents(copy) == contents(version)
    assert verify_version(copy).findings == ()
    assert not pull_version(store, other, "late@1.0.0").is_new


def test_a_pulled_version_is_the_version_that_was_pushed(
    folder_store: Store, fake: Fake, export: Exporter, tmp_path: Path
) -> None:
    check_round_trip(folder_store, fake, export, tmp_path / "other")


@pytest.mark.slow
def test_a_version_goes_to_s3_and_back(s3: Store, fake: Fake, export: Exporter, tmp_path: Path) -> None:
    check_round_trip(s3, fake, export, tmp_path / "other")


def test_the_commit_object_is_written_last_and_only_once(folder_store: Store, fake: Fake, export: Exporter) -> None:
    version = make_version(fake, export)
    assert stored_numbers(folder_store, "late") == ()
    assert push_version(folder_store, version, now=now()).is_new

    again = push_version(folder_store, version, now=now())

    assert (again.is_new, again.sent_count, again.sent_bytes) == (False, 0, 0)
    assert stored_numbers(folder_store, "late") == ("1.0.0",)
    assert not folder_store.create("late/1.0.0/SHA256SUMS", b"other")


def test_a_version_that_changes_only_dev_sends_and_stores_only_dev(
    folder_store: Store, fake: Fake, export: Exporter
) -> None:
    rows = "select i as id, ['train', 'dev', 'test'][i % 3 + 1] as part, {value} as x from range(3000) as r(i)"
    split = {"split": {"method": "column", "column": "part"}}
    first = make_version(fake, export, rows.format(value="i"), **split)
    push_version(folder_store, first, now=now())
    second = make_version(fake, export, rows.format(value="if(i % 3 = 1, i + 1, i)"), **split)

    pushed = push_version(folder_store, second, now=now())

    dev = second.files("dev")[0].stat().st_size
    texts = sum(path.stat().st_size for path in second.path.iterdir() if path.is_file())
    assert pushed.sent_bytes <= dev + texts
    old, new = list_store(folder_store)
    assert (old.version, new.version) == ("1.0.0", "1.1.0")
    assert new.own_bytes == pushed.sent_bytes < new.byte_count


def test_a_pull_links_what_another_version_here_has(
    folder_store: Store, fake: Fake, export: Exporter, tmp_path: Path
) -> None:
    rows = "select i as id, ['train', 'dev', 'test'][i % 3 + 1] as part, {value} as x from range(3000) as r(i)"
    split = {"split": {"method": "column", "column": "part"}}
    for value in ("i", "if(i % 3 = 1, i + 1, i)"):
        push_version(folder_store, make_version(fake, export, rows.format(value=value), **split), now=now())
    other = another(fake, tmp_path / "other")
    first = pull_version(folder_store, other, "late@1.0.0")
    second = pull_version(folder_store, other, "late@1.1.0")

    assert second.fetched_bytes < first.fetched_bytes
    train = [find_version(other, f"late@{number}").files("train")[0] for number in ("1.0.0", "1.1.0")]
    assert train[0].samefile(train[1])
    assert verify_version(find_version(other, "late")).findings == ()


def test_another_version_under_the_same_number_is_refused(
    folder_store: Store, fake: Fake, export: Exporter, tmp_path: Path
) -> None:
    push_version(folder_store, make_version(fake, export), now=now())
    fake.project.datasets_path.rename(tmp_path / "aside")
    ours = make_version(fake, export, ROWS.replace("2000", "1000"))
    before = find_stored(folder_store, "late").checksums

    with pytest.raises(StoreError, match=r"has another late@1\.0\.0, so this one was not pushed"):
        push_version(folder_store, ours, now=now())
    with pytest.raises(VersionError, match=r"another late@1\.0\.0 is here already"):
        pull_version(folder_store, fake.project, "late")

    assert find_stored(folder_store, "late").checksums == before


def test_a_broken_version_is_not_pushed(folder_store: Store, fake: Fake, export: Exporter) -> None:
    version = make_version(fake, export)
    version.files("dev")[0].write_bytes(b"cut off")

    with pytest.raises(VersionError, match="is not what was written, so it is not pushed"):
        push_version(folder_store, version, now=now())

    assert list_store(folder_store) == ()


@pytest.mark.parametrize("damage", [b"", b"cut", None], ids=["empty", "cut off", "bit flipped"])
def test_a_damaged_object_is_named_and_nothing_is_left(
    folder_store: Store, fake: Fake, export: Exporter, tmp_path: Path, damage: bytes | None
) -> None:
    version = make_version(fake, export)
    push_version(folder_store, version, now=now())
    file = version.manifest.splits[0].files[0]
    key = object_key("late", file.path, file.sha256)
    path = Path(folder_store.url.removeprefix("file://")) / key
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:] if damage is None else damage)
    other = another(fake, tmp_path / "other")

    with pytest.raises(StoreError, match=f"{file.sha256}.parquet is not what its name says"):
        pull_version(folder_store, other, "late")

    assert version_numbers(other, "late") == []
    assert list(other.datasets_path.glob("late/.tmp-*")) == []
    if damage is not None:
        assert push_version(folder_store, version, now=now()).sent_count == 1
        assert pull_version(folder_store, other, "late").is_new


@pytest.mark.parametrize(
    "line",
    ["../../evil", "/etc/passwd", "data/../../x", "a\\b", "data//x", "SHA256SUMS", ".", "a\tb"],
)
def test_a_list_of_checksums_cannot_name_a_file_elsewhere(line: str) -> None:
    content = f"{'0' * 64}  manifest.json\n{'1' * 64}  {line}\n".encode()

    with pytest.raises(StoreError, match="is not a list of checksums"):
        parse_checksums("late", "1.0.0", content, where="here")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"hello", b"0  manifest.json\n"])
def test_what_is_no_list_of_checksums_is_refused(content: bytes) -> None:
    with pytest.raises(StoreError, match="here"):
        parse_checksums("late", "1.0.0", content, where="here")


@pytest.mark.parametrize("name", ["../x", "a b", '"', "a/b", "", ".", "late@1.0.0@2", "-x"])
def test_hostile_names_are_refused(folder_store: Store, fake: Fake, name: str) -> None:
    with pytest.raises(StoreError, match=r"is not a dataset's name|has no"):
        pull_version(folder_store, fake.project, name)


def test_a_manifest_of_another_dataset_is_refused(
    folder_store: Store, fake: Fake, export: Exporter, tmp_path: Path
) -> None:
    push_version(folder_store, make_version(fake, export), now=now())
    root = Path(folder_store.url.removeprefix("file://"))
    (root / "late").rename(root / "early")

    with pytest.raises(
        StoreError, match=r"does not hold early@1\.0\.0 under its name: its manifest is of late@1\.0\.0"
    ):
        pull_version(folder_store, another(fake, tmp_path / "other"), "early")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://key:secret@bucket/x", "must not hold credentials"),
        ("https://example.com/x", "is not the URL of a store"),
        ("s3://", "is not the URL of a store"),
        ("s3://Bucket", "is not the URL of a store"),
        ("s3://bucket/a/../b", "is not the URL of a store"),
        ("", "is not the URL of a store"),
    ],
)
def test_a_wrong_url_is_refused_and_shows_no_secret(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        open_store(url)

    assert "secret@" not in str(caught.value)


def test_an_endpoint_without_encryption_is_refused_unless_it_is_this_machine() -> None:
    with pytest.raises(StoreError, match=r"on store\.example, is not encrypted"):
        open_store("s3://bucket/x", {**CREDENTIALS, "AWS_ENDPOINT_URL": "http://store.example:9000"})

    open_store("s3://bucket/x", {**CREDENTIALS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9000"})


def test_without_obstore_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "obstore.store", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'ml-warehouse\[s3\]'"):
        open_store("s3://bucket/x")


def test_a_store_never_shows_its_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)

    assert repr(open_store("s3://bucket/x")) == "Store('s3://bucket/x')"


def age(store: Store, days: float) -> None:
    """Makes every object of a folder's store this old."""
    moment = (now() - timedelta(days=days)).timestamp()
    for path in Path(store.url.removeprefix("file://")).rglob("*"):
        os.utime(path, (moment, moment))


def test_cleaning_deletes_old_contents_that_no_version_names(
    folder_store: Store, fake: Fake, export: Exporter, tmp_path: Path
) -> None:
    push_version(folder_store, make_version(fake, export), now=now())
    push_version(folder_store, make_version(fake, export, ROWS.replace("2000", "2500")), now=now())
    remove_stored(folder_store, "late@1.0.0")

    young = clean_store(folder_store, now=now())
    age(folder_store, 8)
    wanted = clean_store(folder_store, now=now(), dry_run=True)
    done = clean_store(folder_store, now=now())

    assert (young.object_count, young.young_count > 0) == (0, True)
    assert wanted.object_count == done.object_count > 0
    assert clean_store(folder_store, now=now()).object_count == 0
    assert pull_version(folder_store, another(fake, tmp_path / "other"), "late").reference == "late@1.1.0"
    with pytest.raises(StoreError, match=r"has no late@1\.0\.0"):
        find_stored(folder_store, "late@1.0.0")


def test_old_contents_that_no_version_names_are_sent_again(folder_store: Store, fake: Fake, export: Exporter) -> None:
    version = make_version(fake, export)
    push_version(folder_store, version, now=now())
    remove_stored(folder_store, "late@1.0.0")
    age(folder_store, GRACE.days - 1)

    assert push_version(folder_store, version, now=now()).sent_count == 6
    assert clean_store(folder_store, now=now()).object_count == 0


def test_a_remote_version_is_downloaded_once_and_read_from_the_cache(
    folder_store: Store, fake: Fake, export: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = make_version(fake, export)
    push_version(folder_store, version, now=now())
    monkeypatch.setenv("WAREHOUSE_CACHE", str(tmp_path / "cache"))

    opened = open_remote(f"{folder_store.url}/late", "1.0.0")
    inode = opened.manifest_path.stat().st_ino
    again = open_remote(f"{folder_store.url}/late@1.0.0")

    assert contents(opened) == contents(version)
    assert again.manifest_path.stat().st_ino == inode
    assert opened.path.is_relative_to(tmp_path / "cache")


def push_process(version: Version, store: Store) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PUSH, str(version.path), store.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.slow
def test_of_two_writers_at_once_one_stands_and_the_other_is_told(
    s3: Store, server: Server, fake: Fake, export: Exporter, tmp_path: Path
) -> None:
    make_version(fake, export)
    fake.project.datasets_path.rename(tmp_path / "aside")
    first = read_version(tmp_path / "aside/late/1.0.0")
    second = make_version(fake, export, ROWS.replace("2000", "1000"))
    for attempt in range(5):
        store = open_store(f"{s3.url}/{attempt}")
        writers = [push_process(version, store) for version in (first, second)]
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("\n")
            writer.stdin.flush()
        said = sorted(writer.communicate()[0].strip() for writer in writers)
        assert said[1].startswith("new")
        assert said[0] == (
            f"StoreError {store.url} has another late@1.0.0, so this one was not pushed; the store stands as it was"
        )
        other = another(fake, tmp_path / f"other {attempt}")
        pull_version(store, other, "late")
        assert verify_version(find_version(other, "late")).findings == ()


def test_two_writers_of_the_same_version_both_succeed(folder_store: Store, fake: Fake, export: Exporter) -> None:
    version = make_version(fake, export)
    writers = [push_process(version, folder_store) for _ in range(2)]

    said = sorted(writer.communicate("\n")[0].split()[0] for writer in writers)

    assert said in (["known", "new"], ["new", "new"])
    assert said != ["new", "new"]


@pytest.mark.slow
def test_a_push_killed_at_any_moment_is_simply_run_again(
    s3: Store, fake: Fake, export: Exporter, tmp_path: Path
) -> None:
    rows = "select i as id, md5(i::varchar) as note from range(200000) as r(i)"
    version = make_version(fake, export, rows, shard={"rows": 8000})
    chance = random.Random(7)
    seen = set()
    for attempt in range(12):
        store = open_store(f"{s3.url}/{attempt}")
        writer = push_process(version, store)
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
        if attempt % 2:
            # However fast the machine is now: between the first object and the last.
            while not next(iter(store.objects("late/objects")), None) and writer.poll() is None:
                time.sleep(0.005)
        else:
            time.sleep(chance.uniform(0.02, 0.6))
        writer.kill()
        writer.communicate()
        numbers = stored_numbers(store, "late")
        here = len(list(store.objects("late/objects")))
        result = push_version(store, version, now=now())
        seen.add((bool(numbers), 0 < here < result.file_count))
        assert result.sent_count <= result.file_count - here
        other = another(fake, tmp_path / f"other {attempt}")
        pull_version(store, other, "late")
        assert contents(find_version(other, "late")) == contents(version)

    assert (False, True) in seen, "no kill came between the first object and the last"


@pytest.mark.slow
def test_what_arrived_is_not_sent_twice_and_large_files_go_in_parts(
    s3: Store, server: Server, fake: Fake, export: Exporter, tmp_path: Path
) -> None:
    rows = "select i as id, md5(i::varchar) || md5((i + 1)::varchar) as note from range(1500000) as r(i)"
    version = make_version(fake, export, rows)
    train = version.manifest.splits[0].files[0]
    assert train.byte_count > 25_000_000
    before = len(server.requests())
    s3.put_file(object_key("late", train.path, train.sha256), version.path / train.path)
    parts = [path for method, path, _ in server.requests()[before:] if method == "PUT" and "partNumber" in path]
    before = len(server.requests())
    result = push_version(s3, version, now=now())
    sent = [path for method, path, _ in server.requests()[before:] if method in ("PUT", "POST")]

    assert len(parts) >= 3
    assert result.sent_bytes == result.byte_count - train.byte_count
    assert not any(train.sha256 in path for path in sent)
    before = len(server.requests())
    assert push_version(s3, version, now=now()).sent_count == 0
    assert {method for method, _, _ in server.requests()[before:]} == {"GET"}
    other = another(fake, tmp_path / "other")
    pull_version(s3, other, "late")
    assert contents(find_version(other, "late")) == contents(version)


@pytest.mark.slow
def test_other_readers_find_the_files_by_their_checksums(s3: Store, fake: Fake, export: Exporter) -> None:
    import polars

    version = make_version(fake, export)
    push_version(s3, version, now=now())
    listed = find_stored(s3, "late").checksums.decode().splitlines()
    train = [f"{s3.url}/late/objects/{line[:64]}.parquet" for line in listed if "  data/train/" in line]

    frame = polars.scan_parquet(train, storage_options={"aws_endpoint_url": os.environ["AWS_ENDPOINT_URL"]})

    assert frame.collect().height == version.manifest.splits[0].row_count


@pytest.mark.slow
def test_a_missing_bucket_is_named(s3: Store, fake: Fake, export: Exporter) -> None:
    version = make_version(fake, export)
    nowhere = open_store("s3://no-such-bucket/x")

    with pytest.raises(StoreError, match="there is no such bucket"):
        push_version(nowhere, version, now=now())
    with pytest.raises(StoreError, match="there is no such bucket"):
        pull_version(nowhere, fake.project, "late")


def test_a_store_that_does_not_answer_is_named(fake: Fake, export: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(StoreError, match="the store does not answer\n  check AWS_ENDPOINT_URL"):
        pull_version(open_store("s3://bucket/x"), fake.project, "late")


@pytest.mark.slow
def test_wrong_credentials_are_one_clear_error(
    tmp_path: Path, fake: Fake, export: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = make_version(fake, export)
    with s3_server(tmp_path, INITIAL_NO_AUTH_ACTION_COUNT="1") as strict:
        for name, value in strict.environment.items():
            monkeypatch.setenv(name, value)
        store = open_store(f"s3://{BUCKET}/x")
        with pytest.raises(
            StoreError, match=r"the store refused these credentials \(\w+\)\n  check AWS_ACCESS_KEY_ID"
        ) as caught:
            push_version(store, version, now=now())

    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in str(caught.value)


def test_no_credentials_at_all_are_one_clear_error() -> None:
    error = RuntimeError("Error performing PUT http://169.254.169.254/latest/api/token in 2ms")

    assert store_module._reason(error, "s3://bucket").startswith("no credentials were found\n  set AWS_ACCESS_KEY_ID")
