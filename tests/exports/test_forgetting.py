from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars
import pytest
from fake_builds import Fake

from warehouse.datasets.holdings import Entity
from warehouse.datasets.loading import load_dataset
from warehouse.datasets.pseudonyms import KEY_VARIABLE
from warehouse.datasets.tags import list_tags, set_tag
from warehouse.datasets.verification import verify_version
from warehouse.datasets.versions import find_version, version_numbers
from warehouse.errors import ExportError, VersionError, WarehouseError
from warehouse.exports import forgetting
from warehouse.exports.export import export_dataset
from warehouse.exports.forgetting import Forgetting, forget
from warehouse.exports.outcome import Outcome
from warehouse.findings import is_critical
from warehouse.retention import clean_up, needed_builds

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HASH = {"method": "hash", "shares": {"train": 0.7, "dev": 0.15, "test": 0.15}}
DECLARED: dict[str, Any] = {"key": "id", "label": "y", "split": HASH}
ROWS = """
    select i as id, i % 3 = 0 as y, 'person-' || i % 50 as person, date '2013-01-01' + (i % 7)::int as d, i / 8 as x,
        nullif(i % 11, 3) as n
    from range(1000) as r(i)
"""
WHO = "person-17"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    """Versions 1.0.0 (tagged), 1.1.0 and 1.2.0, all with 20 rows of one person or more."""
    fake = Fake(tmp_path_factory.mktemp("forgetting") / "a project")
    for count in (1000, 1100, 1200):
        fake.build(DECLARED, rows=ROWS.replace("1000", str(count)))
        export_dataset(fake.project, "late", now=NOW)
    set_tag(fake.project, "late@1.0.0", "prod")
    return fake


@pytest.fixture
def fake(made: Fake, tmp_path: Path) -> Fake:
    return made.copied_to(tmp_path / "an [odd] *pro'ject* 名前")


def forget_who(fake: Fake, *, dry_run: bool = False, dataset: str | None = None, **values: str) -> Forgetting:
    entity = Entity(values=values or {"person": WHO})
    return forget(fake.project, entity, now=NOW, dry_run=dry_run, dataset=dataset)


def frame(fake: Fake, reference: str) -> polars.DataFrame:
    dataset = load_dataset(reference, project=fake.project)
    return polars.concat([dataset[split].collect().with_columns(split=polars.lit(split)) for split in dataset])


def state(fake: Fake) -> dict[str, bytes]:
    return {
        str(path.relative_to(fake.project.datasets_path)): path.read_bytes()
        for path in fake.project.datasets_path.rglob("*")
        if path.is_file() and ".lock" not in path.name
    }


def test_every_version_that_holds_somebody_is_named_and_nothing_changed(fake: Fake) -> None:
    before = state(fake)

    result = forget_who(fake, dry_run=True)

    assert [(v.number, v.row_count, v.tags, v.successor) for v in result.versions] == [
        ("1.0.0", 20, ("prod",), "1.0.1"),
        ("1.1.0", 22, (), None),
        ("1.2.0", 24, (), "1.3.0"),
    ]
    assert state(fake) == before


def test_successors_hold_everybody_else_as_before(fake: Fake) -> None:
    before = {number: frame(fake, f"late@{number}") for number in ("1.0.0", "1.2.0")}

    result = forget_who(fake)

    assert result.row_count == 20 + 22 + 24
    for old, new in (("1.0.0", "1.0.1"), ("1.2.0", "1.3.0")):
        version = find_version(fake.project, f"late@{new}")
        assert frame(fake, f"late@{new}").equals(before[old].filter(polars.col("person") != WHO))
        assert verify_version(version).findings == ()
        assert version.manifest.row_count == before[old].height - (20 if old == "1.0.0" else 24)
        assert version.manifest.forgotten is not None
        assert version.manifest.forgotten.since == old
        labels = {split.name: sum(label.row_count for label in split.labels or ()) for split in version.manifest.splits}
        assert labels == {split.name: split.row_count for split in version.manifest.splits}
    assert find_version(fake.project, "late").number == "1.3.0"
    assert list_tags(fake.project, "late") == {"prod": "1.0.1"}
    for number in ("1.0.0", "1.1.0", "1.2.0"):
        with pytest.raises(VersionError, match="was withdrawn"):
            find_version(fake.project, f"late@{number}")


def test_the_successor_is_a_version_for_other_tools_too(fake: Fake) -> None:
    forget_who(fake)
    path = find_version(fake.project, "late").path

    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=path, check=True)
    assert json.loads((path / "croissant.json").read_text())["version"] == "1.3.0"


def test_files_without_such_rows_are_the_same_files(fake: Fake) -> None:
    before = find_version(fake.project, "late@1.2.0")
    (split,) = (split for split in before.splits if frame(fake, "late").filter(split=split, id=3).height)

    forget_who(fake, id="3")

    for file in before.manifest.files:
        is_same = (before.path / file.path).samefile(find_version(fake.project, "late").path / file.path)
        assert is_same == (not file.path.startswith(f"data/{split}/"))


def test_who_it_was_is_written_nowhere(fake: Fake) -> None:
    result = forget_who(fake)
    clean_up(fake.project, now=NOW)

    assert WHO not in repr(result) + repr(Entity(values={"person": WHO}))
    for path, content in state(fake).items():
        if not path.endswith(".parquet"):
            assert WHO.encode() not in content, path
        else:
            rows = polars.read_parquet(fake.project.datasets_path / path, glob=False)
            assert WHO not in rows["person"].to_list(), path


def test_again_finds_nobody(fake: Fake) -> None:
    forget_who(fake)
    numbers = version_numbers(fake.project, "late")

    again = forget_who(fake)

    assert (again.versions, again.searched_count) == ((), 2)
    assert version_numbers(fake.project, "late") == numbers


def test_gc_deletes_what_was_withdrawn_and_its_builds(fake: Fake) -> None:
    forget_who(fake)
    assert needed_builds(fake.project) == set()

    result = clean_up(fake.project, now=NOW)

    assert [version.number for version in result.versions] == ["1.0.0", "1.1.0", "1.2.0"]
    assert version_numbers(fake.project, "late") == ["1.0.1", "1.3.0"]
    assert len(result.builds) == 2
    assert verify_version(find_version(fake.project, "late")).findings == ()


def test_builds_that_still_hold_somebody_are_counted(fake: Fake) -> None:
    result = forget_who(fake)

    assert [(build.table_count, build.row_count) for build in result.builds] == [(1, 20), (1, 22), (1, 24)]
    (finding,) = result.findings
    assert "3 builds still hold such rows" in finding.message
    assert "otherwise the next export brings them back" in finding.advice


def test_the_next_export_from_the_same_build_brings_nobody_back_and_a_new_build_does(fake: Fake) -> None:
    forget_who(fake)

    assert export_dataset(fake.project, "late", now=NOW).outcome is Outcome.UNCHANGED
    fake.build(DECLARED, rows=f"select * from ({ROWS.replace('1000', '1200')}) where person <> '{WHO}'")
    assert export_dataset(fake.project, "late", now=NOW).outcome is Outcome.UNCHANGED
    fake.build(DECLARED, rows=ROWS.replace("1000", "1200"))
    assert export_dataset(fake.project, "late", now=NOW).manifest.version == "1.4.0"


@pytest.mark.parametrize(
    ("values", "count"),
    [
        pytest.param({"id": "17"}, 1, id="integer"),
        pytest.param({"id": " 17 "}, 1, id="integer with spaces"),
        pytest.param({"d": "2013-01-03"}, 172, id="date"),
        pytest.param({"x": "1.125"}, 1, id="float"),
        pytest.param({"y": "true", "person": WHO}, 8, id="two columns"),
        pytest.param({"person": WHO, "id": "18"}, 0, id="two columns that never agree"),
        pytest.param({"person": "Person-17"}, 0, id="another capital"),
        pytest.param({"person": "' or true --"}, 0, id="an attack"),
        pytest.param({"person": ""}, 0, id="empty"),
        pytest.param({"n": "3"}, 0, id="nulls are nobody"),
    ],
)
def test_values_are_read_as_the_column_s_type(fake: Fake, values: dict[str, str], count: int) -> None:
    result = forget_who(fake, dry_run=True, **values)

    assert {version.number: version.row_count for version in result.versions}.get("1.2.0", 0) == count


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param({"id": "seventeen"}, r"--key id: the value is no BIGINT", id="not a number"),
        pytest.param({"d": "seventeen"}, r"--key d: the value is no DATE", id="not a date"),
        pytest.param({"persno": "seventeen"}, "no version that stands has the column persno", id="no such column"),
        pytest.param({'a "b"': "seventeen"}, "no version that stands has the column", id="hostile column"),
    ],
)
def test_values_that_cannot_be_are_refused_without_showing_them(
    fake: Fake, values: dict[str, str], message: str
) -> None:
    with pytest.raises(VersionError, match=message) as raised:
        forget_who(fake, **values)

    assert "seventeen" not in str(raised.value)


def test_one_dataset_alone(fake: Fake) -> None:
    from fake_builds import exposure_node

    fake.build(exposures=[exposure_node("late", DECLARED), exposure_node("other", DECLARED)], rows=ROWS)
    export_dataset(fake.project, "other", now=NOW)

    assert {version.name for version in forget_who(fake, dry_run=True).versions} == {"late", "other"}
    forget_who(fake, dataset="other")

    assert find_version(fake.project, "late").number == "1.2.0"
    assert find_version(fake.project, "other").number == "1.1.0"
    assert {version.name for version in forget_who(fake).versions} == {"late"}


def test_a_version_of_nobody_else_has_no_successor(fake: Fake) -> None:
    rows = "select i as id, 'p' as person, true as y from range(100) as r(i)"
    fake.build(DECLARED, rows=rows, name="alone")
    export_dataset(fake.project, "alone", now=NOW)
    set_tag(fake.project, "alone", "prod")

    result = forget_who(fake, dataset="alone", person="p")

    assert [(version.number, version.successor) for version in result.versions] == [("1.0.0", None)]
    assert list_tags(fake.project, "alone") == {}
    with pytest.raises(VersionError, match="every version of dataset 'alone' was withdrawn"):
        find_version(fake.project, "alone")
    fake.build(DECLARED, rows=rows.replace("'p'", "'q'"), name="alone")
    assert export_dataset(fake.project, "alone", now=NOW).manifest.version == "2.0.0"


def test_a_split_may_become_empty(fake: Fake) -> None:
    rows = """
        select i as id, if(i < 10, 'p', 'q') as person, true as y, if(i < 10, 'test', 'train') as part
        from range(100) as r(i)
    """
    fake.build({**DECLARED, "split": {"method": "column", "column": "part"}}, rows=rows, name="few")
    export_dataset(fake.project, "few", now=NOW)

    forget_who(fake, dataset="few", person="p")

    version = find_version(fake.project, "few")
    assert {split.name: split.row_count for split in version.manifest.splits} == {"train": 90, "test": 0}
    assert verify_version(version).findings == ()
    assert load_dataset("few", project=fake.project)["test"].collect().height == 0


@pytest.mark.parametrize(
    "more", [{"format": "csv"}, {"format": "jsonl"}, {"shard": {"rows": 100}}, {"format": "arrow"}]
)
def test_every_format_is_written_again_as_it_was(fake: Fake, more: dict[str, Any]) -> None:
    if "arrow" in more.values():
        pytest.importorskip("pyarrow")
    fake.build({**DECLARED, **more}, rows=ROWS, name="files")
    export_dataset(fake.project, "files", now=NOW)
    before = frame(fake, "files")

    forget_who(fake, dataset="files")

    version = find_version(fake.project, "files")
    assert version.manifest.spec.format == more.get("format", "parquet")
    assert verify_version(version).findings == ()
    assert frame(fake, "files").equals(before.filter(polars.col("person") != WHO))


def test_pseudonyms_are_found_by_the_value_that_people_know(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "correct horse battery staple")
    fake.build({**DECLARED, "columns": {"pseudonymise": ["person", "d"]}}, rows=ROWS, name="hidden")
    export_dataset(fake.project, "hidden", now=NOW)

    assert forget_who(fake, dataset="hidden", dry_run=True, d="2013-01-03").row_count == 143
    monkeypatch.setenv(KEY_VARIABLE, "another horse battery staple")
    with pytest.raises(VersionError, match=r"hidden@1\.0\.0: written with another key than the one in"):
        forget_who(fake, dataset="hidden")
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(
        ExportError, match=rf"{KEY_VARIABLE} is not set\n  set the key that hidden@1\.0\.0 was written with"
    ):
        forget_who(fake, dataset="hidden")
    monkeypatch.setenv(KEY_VARIABLE, "correct horse battery staple")

    assert forget_who(fake, dataset="hidden").row_count == 20
    assert find_version(fake.project, "hidden").manifest.row_count == 980


def test_a_version_that_cannot_be_read_is_a_critical_finding(fake: Fake) -> None:
    (fake.project.datasets_path / "late/1.1.0/manifest.json").write_text("{")

    result = forget_who(fake, dry_run=True)

    assert is_critical(result.findings)
    assert result.findings[0].message == "late@1.1.0 cannot be read, so nobody knows whom it holds"


def test_damaged_files_stop_it_before_anything_is_withdrawn(fake: Fake) -> None:
    path = find_version(fake.project, "late@1.1.0").files("train")[0]
    path.chmod(0o644)
    path.write_bytes(b"nothing")

    with pytest.raises(WarehouseError, match=r"warehouse verify late@1\.1\.0"):
        forget_who(fake)

    assert find_version(fake.project, "late").number == "1.2.0"


@pytest.mark.parametrize("step", range(9))
def test_a_kill_between_any_steps_is_finished_by_running_again(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Stops before the nth of: files and manifests renamed, tags, withdrawals."""
    calls = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > step:
                raise KeyboardInterrupt
            return real(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        patch.setattr("warehouse.storage.publish_folder", counted(forgetting.storage.publish_folder))
        for name in ("write_tags", "write_withdrawal", "write_successor"):
            patch.setattr(forgetting, name, counted(getattr(forgetting, name)))
        with pytest.raises(KeyboardInterrupt) if step < 8 else pytest.MonkeyPatch.context():
            forget_who(fake)
    result = forget_who(fake)

    assert result.findings[0].check == "forget"
    assert find_version(fake.project, "late").number == "1.3.0"
    assert list_tags(fake.project, "late") == {"prod": "1.0.1"}
    assert version_numbers(fake.project, "late") == ["1.0.0", "1.0.1", "1.1.0", "1.2.0", "1.3.0"]
    for number in ("1.0.0", "1.1.0", "1.2.0"):
        assert find_version(fake.project, f"late@{number}", allow_withdrawn=True).withdrawal is not None
    for reference in ("late", "late@prod"):
        assert WHO not in frame(fake, reference)["person"].to_list()
        assert verify_version(find_version(fake.project, reference)).findings == ()
    assert not list((fake.project.datasets_path / "late").glob(".tmp-*"))
