from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars
import pytest
from fake_builds import Fake, column_doc, exposure_node, model_node

from warehouse import records
from warehouse.datasets.loading import load_dataset
from warehouse.datasets.manifest import manifest_schema
from warehouse.datasets.splits import split_bounds, split_of
from warehouse.datasets.versions import find_version
from warehouse.errors import ExportError, ProjectError, SpecError, VersionError
from warehouse.exports import export as export_module
from warehouse.exports import local_workplace
from warehouse.exports.outcome import Export, Outcome
from warehouse.project import Project

SHARES = {"train": 0.8, "dev": 0.1, "test": 0.1}
HASH = {"method": "hash", "shares": SHARES, "train_dev": 0.05}
BY_KEY = {"key": "id", "label": "y", "split": HASH}
ROWS = """
    select
        i as id,
        'g' || (i % 200) as g,
        timestamp '2013-01-01' + to_hours(i::int) as t,
        i % 3 = 0 as y,
        i * 1.5 as x,
        'text ' || i as note,
    from range(5000) as r(i)
"""

Exporter = Callable[..., Export]


def rows_by_split(fake: Fake, reference: str = "late") -> dict[str, polars.DataFrame]:
    dataset = load_dataset(reference, project=fake.project)
    return {split: dataset[split].collect() for split in dataset}


def split_by_id(fake: Fake, reference: str = "late") -> dict[Any, str]:
    return {key: split for split, rows in rows_by_split(fake, reference).items() for key in rows["id"]}


def test_every_row_lies_where_plain_python_says(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=ROWS)

    result = export()

    assert result.outcome is Outcome.WRITTEN
    bounds = split_bounds(result.manifest.spec.split)  # type: ignore[arg-type]  # it is a hash split
    assert split_by_id(fake) == {key: split_of((key,), bounds=bounds, salt="company") for key in range(5000)}


def test_groups_stay_whole_and_lie_where_plain_python_says(fake: Fake, export: Exporter) -> None:
    fake.build({**BY_KEY, "groups": ["g"]}, rows=ROWS)

    result = export()

    bounds = split_bounds(result.manifest.spec.split)  # type: ignore[arg-type]  # it is a hash split
    for split, rows in rows_by_split(fake).items():
        assert {split_of((group,), bounds=bounds, salt="company") for group in rows["g"].unique()} == {split}


@pytest.mark.parametrize("group_count", [50, 4000], ids=["few groups", "many groups"])
def test_a_null_group_member_is_placed_by_its_own_key(fake: Fake, export: Exporter, group_count: int) -> None:
    rows = f"select i as id, case when i % 2 = 0 then i % {group_count} end as g, true as y from range(5000) as r(i)"
    fake.build({**BY_KEY, "groups": ["g"]}, rows=rows)

    result = export()

    bounds = split_bounds(result.manifest.spec.split)  # type: ignore[arg-type]  # it is a hash split
    expected = {
        i: split_of((i % group_count if i % 2 == 0 else i,), bounds=bounds, salt="company") for i in range(5000)
    }
    assert split_by_id(fake) == expected


@pytest.mark.parametrize("column", ["k", "member", "split", "row_number", "point", "order", 'a "b"', "É", "own_split"])
def test_columns_named_like_our_own_words_are_fine(fake: Fake, export: Exporter, column: str) -> None:
    quoted = '"' + column.replace('"', '""') + '"'
    fake.build(
        {"key": "id", "groups": [column], "split": HASH},
        rows=f"select i as id, nullif(i % 300, 7) as {quoted}, i as examples, i as points from range(5000) as r(i)",
    )
    result = export()
    fake.build(
        {"key": column, "label": "id", "split": HASH},
        rows=f"select i % 2 as id, i as {quoted} from range(5000) as r(i)",
        name="other",
    )

    assert result.manifest.row_count == 5000
    assert export("other").manifest.row_count == 5000
    assert export("other").outcome is Outcome.UNCHANGED


def test_several_key_columns_are_one_key(fake: Fake, export: Exporter) -> None:
    rows = """
        select 'c' || (i % 50) as carrier, i // 50 as number, date '2013-01-01' + i::int as on_day
        from range(5000) as r(i)
    """
    fake.build({"key": ["carrier", "number", "on_day"], "split": HASH}, rows=rows)

    result = export()

    bounds = split_bounds(result.manifest.spec.split)  # type: ignore[arg-type]  # it is a hash split
    for split, frame in rows_by_split(fake).items():
        for row in frame.iter_rows():
            assert split_of(row, bounds=bounds, salt="company") == split


def test_a_time_split_keeps_order_and_drops_the_embargo(fake: Fake, export: Exporter) -> None:
    cutoffs = {"dev": "2013-05-01", "test": "2013-06-01"}
    split = {"method": "time", "cutoffs": cutoffs, "embargo": "3 days", "train_dev": 0.1}
    fake.build({**BY_KEY, "time": "t", "split": split}, rows=ROWS)

    result = export()

    rows = rows_by_split(fake)
    train = polars.concat([rows["train"], rows["train_dev"]])
    assert train["t"].max() == datetime(2013, 4, 27, 23)
    assert (rows["dev"]["t"].min(), rows["dev"]["t"].max()) == (datetime(2013, 5, 1), datetime(2013, 5, 28, 23))
    assert rows["test"]["t"].min() == datetime(2013, 6, 1)
    assert result.manifest.dropped == {"embargo": 2 * 72}
    assert result.manifest.row_count == 5000 - 144
    assert 0.05 < rows["train_dev"].height / train.height < 0.15
    assert "split" in {finding.check for finding in result.findings}


@pytest.mark.parametrize("expression", ["t::date", "t::timestamptz", "t::timestamp_s", "t::timestamp_ns"])
def test_every_type_of_time_splits_alike(fake: Fake, export: Exporter, expression: str) -> None:
    split = {"method": "time", "cutoffs": {"dev": "2013-05-01", "test": "2013-06-01"}}
    fake.build({"key": "id", "time": "t", "split": split}, rows=f"select * replace ({expression} as t) from ({ROWS})")

    counts = {split.name: split.row_count for split in export().manifest.splits}

    assert counts == {"train": 120 * 24, "dev": 31 * 24, "test": 5000 - 151 * 24}


def test_shares_of_a_time_split_are_resolved_once_and_written_down(fake: Fake, export: Exporter) -> None:
    declared = {"key": "id", "time": "t", "split": {"method": "time", "shares": SHARES}}
    fake.build(declared, rows=ROWS)
    first = export()
    fake.build(declared, rows=ROWS.replace("5000", "6000"))
    second = export()

    cutoffs = first.manifest.spec.split.cutoffs  # type: ignore[union-attr]  # it is a time split
    hours = {"dev": 4000, "test": 4500}
    assert cutoffs == {split: datetime.fromtimestamp(1356998400 + 3600 * hour, tz=UTC) for split, hour in hours.items()}
    assert [split.row_count for split in first.manifest.splits] == [4000, 500, 500]
    assert second.manifest.spec.split == first.manifest.spec.split
    assert [split.row_count for split in second.manifest.splits] == [4000, 500, 1500]
    assert second.manifest.version == "1.1.0"


def test_shares_of_time_that_too_many_rows_share_are_refused(fake: Fake, export: Exporter) -> None:
    declared = {"key": "id", "time": "t", "split": {"method": "time", "shares": SHARES}}
    fake.build(declared, rows="select i as id, date '2013-01-01' as t from range(10) as r(i)")

    with pytest.raises(ExportError, match="no moments of 't' divide the rows into these shares"):
        export()


def test_a_column_names_the_split(fake: Fake, export: Exporter) -> None:
    rows = "select i as id, ['train', 'dev', 'test'][1 + i % 3] as part from range(9) as r(i)"
    fake.build({"key": "id", "split": {"method": "column", "column": "part"}}, rows=rows)

    result = export()

    assert [(split.name, split.row_count) for split in result.manifest.splits] == [
        ("train", 3),
        ("dev", 3),
        ("test", 3),
    ]
    assert result.manifest.bounds == {}
    for split, frame in rows_by_split(fake).items():
        assert set(frame["part"]) == {split}


def test_other_words_in_the_split_column_are_named(fake: Fake, export: Exporter) -> None:
    rows = "select i as id, ['train', 'valid', 'test', null][1 + i % 4] as part from range(12) as r(i)"
    fake.build({"key": "id", "split": {"method": "column", "column": "part"}}, rows=rows)

    with pytest.raises(ExportError, match=r"it also holds 'valid' \(3 rows\), NULL \(3 rows\)"):
        export()


def test_groups_that_a_split_column_divides_are_named(fake: Fake, export: Exporter) -> None:
    rows = "select i as id, i % 3 as g, ['train', 'test'][1 + i % 2] as part from range(12) as r(i)"
    fake.build({"key": "id", "groups": ["g"], "split": {"method": "column", "column": "part"}}, rows=rows)

    with pytest.raises(ExportError, match="3 values of group 'g' lie in several splits of 'part'"):
        export()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param(
            "select i % 4 as id from range(9) as r(i)", "4 keys stand in 9 rows\n.*for example 0; 1; 2; 3", id="int"
        ),
        pytest.param(
            "select 'a' || (i // 2) as id from range(9) as r(i)",
            "4 keys stand in 8 rows\n.*for example a0; a1",
            id="text",
        ),
        pytest.param(
            "select (i // 2) * 1000000000000 as id from range(9) as r(i)",
            "4 keys stand in 8 rows",
            id="sparse integers",
        ),
        pytest.param("select nullif(i, 3) as id from range(9) as r(i)", "key 'id' is NULL in 1 rows", id="null"),
        pytest.param("select 1 as id where false", "model 'examples' has no rows", id="no rows"),
    ],
)
def test_keys_that_identify_no_row_are_refused(fake: Fake, export: Exporter, rows: str, message: str) -> None:
    fake.build({"key": "id", "split": HASH}, rows=rows)

    with pytest.raises(ExportError, match=message):
        export()

    assert not list(fake.project.datasets_path.glob("late/[!.]*"))


def test_an_empty_split_is_refused_with_the_counts(fake: Fake, export: Exporter) -> None:
    fake.build({"key": "id", "split": {"method": "hash", "shares": SHARES}}, rows="select 1 as id")

    with pytest.raises(ExportError, match=r"would be empty; rows: train \d, dev \d, test \d\n.*too few rows"):
        export()


def test_when_one_entity_leaves_a_split_empty_what_links_it_is_named(fake: Fake, export: Exporter) -> None:
    rows = "select i as id, 'c' || i as customer, 'unknown' as mail from range(300) as r(i)"
    fake.build({"key": "id", "groups": ["customer", "mail"], "split": {"method": "hash", "shares": SHARES}}, rows=rows)

    with pytest.raises(ExportError, match=r"would be empty.*\n.*300 of 300 rows.*mail = 'unknown' in 300 rows\n.*NULL"):
        export()


def test_an_export_beside_a_broken_version_says_which_file_is_broken(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=ROWS)
    file = export().manifest.files[-1]
    fake.build(BY_KEY, rows=ROWS.replace("5000", "5010"))
    path = find_version(fake.project, "late").path / file.path
    path.chmod(0o644)

    content = path.read_bytes()
    path.write_bytes(content[:-4] + b"oops")
    with pytest.raises(
        VersionError, match=r"late@1\.0\.0, with which .* cannot be read: .*\n.*warehouse verify late@1\.0\.0"
    ):
        export()
    path.write_bytes(content[:10])
    with pytest.raises(
        VersionError, match=rf"not what was written: {file.path} has 10 bytes instead of {len(content):,}"
    ):
        export()
    path.unlink()
    with pytest.raises(VersionError, match=rf"not what was written: {file.path} is missing\n.*warehouse verify"):
        export()
    path.write_bytes(content)
    assert export().manifest.version == "1.1.0"


def test_a_missing_time_is_refused_with_examples(fake: Fake, export: Exporter) -> None:
    split = {"method": "time", "cutoffs": {"test": "2013-05-01"}}
    rows = f"select * replace (case when id <> 7 then t end as t) from ({ROWS})"
    fake.build({"key": "id", "time": "t", "split": split}, rows=rows)

    with pytest.raises(ExportError, match="time 't' is NULL in 1 rows, for example in those with key 7"):
        export()


def test_three_mistakes_are_three_problems_with_their_file(fake: Fake, export: Exporter) -> None:
    declared = {
        "key": "idd",
        "label": "y",
        "split": {"method": "hash", "shares": {"train": 0.8, "test": 0.1}},
        "tiem": "t",
    }
    fake.build(declared, rows=ROWS)

    with pytest.raises(SpecError) as raised:
        export()

    lines = str(raised.value).splitlines()
    assert lines[0] == "dataset 'late', declared in models/_exposures.yml, cannot be used:"
    assert len([line for line in lines if line.startswith("  - ")]) == 3
    assert "unknown key tiem; did you mean 'time'?" in str(raised.value)
    assert "split.shares must sum to 1, and train 0.8 + test 0.1 is 0.9" in str(raised.value)
    assert "key: model 'examples' has no column 'idd'; did you mean 'id'?" in str(raised.value)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        pytest.param(
            {"rows": "select 1.5::double as id"}, "'id' is of type DOUBLE, which engines print", id="float key"
        ),
        pytest.param({"rows": "select now() as id"}, "'id' is of type TIMESTAMP WITH TIME ZONE", id="timestamp key"),
        pytest.param(
            {"rows": "select 1 as id, 1::hugeint as h"}, "'h' is of type HUGEINT, which Parquet", id="hugeint"
        ),
        pytest.param({"rows": "select 1 as id, 1 as RowID"}, "has a column 'rowid'", id="rowid"),
        pytest.param({"model": {"materialized": "view"}}, "is a view, and a dataset reads a table", id="view"),
        pytest.param({"exposure": {"type": "dashboard"}}, "type is 'dashboard'; a dataset's is ml", id="no ml"),
        pytest.param(
            {"exposure": {"depends_on": {"nodes": []}}},
            "depends_on must be exactly one model.*it is nothing",
            id="none",
        ),
        pytest.param(
            {"exposure": {"depends_on": {"nodes": ["model.fake.examples", "source.fake.raw.x"]}}},
            "it is examples, x",
            id="two",
        ),
        pytest.param(
            {
                "model": {"columns": {"id": column_doc("id", data_type="double")}, "enforced": True},
                "rows": "select 1::double as id",
            },
            "'id' is of type DOUBLE",
            id="contract",
        ),
        pytest.param(
            {"model": {"columns": {"ID": column_doc("ID", meta={"pii": True})}}}, "column 'id' is marked pii", id="pii"
        ),
    ],
)
def test_what_cannot_be_a_dataset_is_refused_before_any_data_is_read(
    fake: Fake, export: Exporter, more: dict[str, Any], message: str
) -> None:
    fake.build({"key": "id", "split": HASH}, **{"rows": "select 1 as id", **more})

    with pytest.raises(SpecError, match=message):
        export()


def test_a_granted_pii_column_is_exported(fake: Fake, export: Exporter) -> None:
    fake.build(
        {"key": "id", "columns": {"include": ["id", "g"]}, "split": HASH},
        rows=ROWS,
        model={"columns": {"g": column_doc("g", meta={"pii": True})}},
    )

    assert [column.name for column in export().manifest.columns] == ["id", "g"]


def test_an_unknown_dataset_is_met_with_a_suggestion(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=ROWS)

    with pytest.raises(SpecError, match="no dataset is called 'lat'; did you mean 'late'"):
        export("lat")


def test_the_same_name_twice_is_refused(fake: Fake, export: Exporter) -> None:
    again = exposure_node("LATE", BY_KEY, unique_id="exposure.other.LATE", original_file_path="packages/other.yml")
    fake.build(exposures=[exposure_node("late", BY_KEY), again], rows=ROWS)

    with pytest.raises(SpecError, match=r"used 2 times: models/_exposures\.yml, packages/other\.yml"):
        export()


def test_without_a_published_build_the_next_step_is_named(fake: Fake, export: Exporter) -> None:
    with pytest.raises(ProjectError, match="no build is published yet"):
        export()


def test_a_failed_build_is_not_exported(fake: Fake, export: Exporter) -> None:
    build = fake.build(BY_KEY, rows=ROWS)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    record = records.start_record(fake.project, command="build", run_id=build, now=now)
    records.write_record(fake.project, replace(record, status=records.Status.FAILED))

    with pytest.raises(ExportError, match="did not pass"):
        export(build=build)


def test_a_build_without_the_table_says_how_to_make_it(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, table="create table something_else as select 1 as id")

    with pytest.raises(ExportError, match=r"has no table main.examples.*\n.*warehouse build --select \+exposure:late"):
        export()


def test_the_files_are_what_the_manifest_and_sha256sum_say(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=ROWS)
    path = export().path
    assert path is not None

    output = subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=path, capture_output=True, text=True)
    version = find_version(fake.project, "late@1.0.0")

    assert output.returncode == 0, output.stderr
    assert len(output.stdout.splitlines()) == 7
    for file in version.manifest.files:
        content = (path / file.path).read_bytes()
        assert (file.byte_count, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert sum(file.row_count for file in version.manifest.files) == 5000
    assert version.splits == ("train", "train_dev", "dev", "test")
    assert not list(path.parent.glob(".tmp-*"))
    assert not list(fake.project.temporary_path.glob("*"))


def test_the_manifest_fits_its_published_schema(fake: Fake, export: Exporter) -> None:
    published = json.loads((Path(__file__).parents[2] / "docs/manifest.schema.json").read_text(encoding="utf-8"))
    assert published == manifest_schema()
    fake.build({**BY_KEY, "time": "t"}, rows=ROWS)
    result = export()
    assert result.path is not None

    jsonschema = pytest.importorskip("jsonschema")

    jsonschema.validate(json.loads((result.path / "manifest.json").read_text(encoding="utf-8")), published)
    assert find_version(fake.project, "late").manifest == result.manifest


def test_labels_are_counted_and_missing_ones_reported(fake: Fake, export: Exporter) -> None:
    rows = "select i as id, case when i % 10 = 0 then null else i % 3 end as y from range(5000) as r(i)"
    fake.build(BY_KEY, rows=rows)

    result = export()

    for split in result.manifest.splits:
        frame = rows_by_split(fake)[split.name]
        counted = {label.label: label.row_count for label in split.labels or ()}
        expected = Counter(None if y is None else str(y) for y in frame["y"])
        assert counted == dict(expected)
        assert split.label_mean == pytest.approx(frame["y"].mean())
    (finding,) = result.findings
    assert finding.severity == "warning"
    assert "500 rows have no label" in finding.message


@pytest.mark.parametrize("kind", ["boolean", "double", "varchar"])
def test_labels_of_every_kind_are_counted_alike(fake: Fake, export: Exporter, kind: str) -> None:
    rows = f"select i as id, case when i % 10 > 0 then (i % 2)::{kind} end as y from range(5000) as r(i)"
    fake.build(BY_KEY, rows=rows)

    manifest = export().manifest

    counts = Counter[str | None]()
    for split in manifest.splits:
        counts.update({label.label: label.row_count for label in split.labels or ()})
    assert sorted(counts.values()) == [500, 2000, 2500]
    assert counts[None] == 500


def test_numbers_that_are_labels_are_told_in_one_way_on_every_engine(fake: Fake, export: Exporter) -> None:
    values = "['0.0', '-0.0', '10000000.0', '2.5e16', '0.00001', '-inf', null]"
    fake.build(BY_KEY, rows=f"select i as id, {values}[1 + i % 7]::double as y from range(1400) as r(i)")

    counts = Counter[str | None]()
    for split in export().manifest.splits:
        counts.update({label.label: label.row_count for label in split.labels or ()})

    assert counts == {"0.0": 400, **dict.fromkeys(["10000000.0", "2.5e+16", "1e-05", "-inf", None], 200)}


@pytest.mark.parametrize(("kinds", "are_counted"), [(100, True), (101, False), (140, False)])
def test_a_hundred_different_labels_are_counted_and_no_more(
    fake: Fake, export: Exporter, kinds: int, are_counted: bool
) -> None:
    fake.build(BY_KEY, rows=f"select i as id, 'l' || i % {kinds} as y from range(8000) as r(i)")

    assert {split.labels is not None for split in export().manifest.splits} == {are_counted}


def test_a_label_that_is_not_a_number_is_missing(fake: Fake, export: Exporter) -> None:
    rows = """
        select i as id, case i % 4 when 0 then 'nan' when 1 then 'inf' else i::varchar end::double as y
        from range(5000) as r(i)
    """
    fake.build({**BY_KEY, "gates": {"missing_labels": "critical"}}, rows=rows)

    result = export()

    assert result.outcome is Outcome.REFUSED
    assert result.path is None
    (finding,) = (finding for finding in result.findings if finding.check == "missing_labels")
    assert "1,250 rows have no label" in finding.message
    assert all(split.labels is None for split in result.manifest.splits)
    assert not list(fake.project.datasets_path.glob("late/[!.]*"))
    assert not list(fake.project.datasets_path.glob("late/.tmp-*"))


def test_the_same_build_again_writes_nothing(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=ROWS)
    first = export()

    again = export()

    assert (again.outcome, again.path) == (Outcome.UNCHANGED, first.path)
    assert again.manifest == first.manifest


def test_the_same_rows_from_another_build_write_nothing(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=ROWS)
    first = export()
    fake.build(BY_KEY, rows=f"select * from ({ROWS}) order by note desc")

    assert export().outcome is Outcome.UNCHANGED
    assert find_version(fake.project, "late").manifest == first.manifest


def test_the_same_build_gives_the_same_bytes(fake: Fake, export: Exporter, tmp_path: Any) -> None:
    other = Fake(tmp_path / "other")
    for project in (fake, other):
        project.build(BY_KEY, rows=ROWS.replace("5000", "400000"))
    from warehouse.exports.export import export_dataset

    first = export()
    second = export_dataset(other.project, "late", now=datetime(2027, 1, 1, tzinfo=UTC))

    assert [file.sha256 for file in first.manifest.files] == [file.sha256 for file in second.manifest.files]
    assert first.manifest.fingerprint == second.manifest.fingerprint


@pytest.mark.parametrize(
    ("declared", "rows", "number", "change"),
    [
        pytest.param(BY_KEY, ROWS.replace("5000", "5010"), "1.1.0", {"rows_added": 10}, id="rows added"),
        pytest.param(BY_KEY, ROWS.replace("5000", "4990"), "1.1.0", {"rows_removed": 10}, id="rows removed"),
        pytest.param(
            BY_KEY, ROWS.replace("i * 1.5", "(i + (i = 7)::int) * 1.5"), "1.1.0", {"rows_changed": 1}, id="a value"
        ),
        pytest.param(BY_KEY, ROWS.replace("i * 1.5", "nullif(i, 7) * 1.5"), "1.1.0", {"rows_changed": 1}, id="a null"),
        pytest.param(
            BY_KEY, f"select *, 1 as z from ({ROWS})", "1.1.0", {"columns_added": ("z",)}, id="a column added"
        ),
        pytest.param(
            BY_KEY, f"select * exclude (x) from ({ROWS})", "2.0.0", {"columns_removed": ("x",)}, id="a column gone"
        ),
        pytest.param(
            BY_KEY,
            ROWS.replace("i * 1.5", "(i * 1.5)::double"),
            "2.0.0",
            {"columns_retyped": ("x: DECIMAL(21,1) to DOUBLE",)},
            id="a column retyped",
        ),
        pytest.param({**BY_KEY, "order": "shuffled"}, ROWS, "1.0.1", {}, id="only the order"),
    ],
)
def test_the_next_number_follows_from_what_changed(
    fake: Fake, export: Exporter, declared: Any, rows: str, number: str, change: dict[str, Any]
) -> None:
    fake.build(BY_KEY, rows=ROWS)
    export()
    fake.build(declared, rows=rows)

    result = export()

    assert (result.outcome, result.manifest.version) == (Outcome.WRITTEN, number)
    assert result.manifest.change is not None
    expected = {"rows_added": 0, "rows_removed": 0, "rows_moved": 0, "rows_changed": 0, **change}
    assert {name: getattr(result.manifest.change, name) for name in expected} == expected


def test_new_rows_move_no_old_one(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=ROWS)
    export()
    fake.build(BY_KEY, rows=f"select * from ({ROWS.replace('5000', '5050')}) order by random()")
    export()

    before, after = split_by_id(fake, "late@1.0.0"), split_by_id(fake, "late@1.1.0")

    assert {key: after[key] for key in before} == before


def test_rows_that_change_their_split_need_leave(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=ROWS)
    export()
    before = split_by_id(fake)
    fake.build({**BY_KEY, "split": {**HASH, "salt": "another"}}, rows=ROWS)

    refused = export()
    tried = export(dry_run=True)
    allowed = export(allow_split_changes=True)

    after = split_by_id(fake)
    moved = sum(before[key] != after[key] for key in before)
    assert (refused.outcome, refused.path, refused.manifest.version) == (Outcome.REFUSED, None, "2.0.0")
    assert refused.findings[0].message == f"{moved:,} rows changed their split since 1.0.0"
    assert "--allow-split-changes" in refused.findings[0].advice
    assert tried.outcome is Outcome.DRY_RUN
    assert (allowed.outcome, allowed.manifest.version) == (Outcome.WRITTEN, "2.0.0")
    assert allowed.findings[0].severity == "warning"


def test_another_key_breaks_the_schema(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=ROWS)
    export()
    fake.build({**BY_KEY, "key": "note", "split": HASH}, rows=ROWS)

    result = export()

    assert result.manifest.version == "2.0.0"
    assert result.manifest.change is not None
    assert (result.manifest.change.rows_added, result.manifest.change.rows_removed) == (5000, 5000)


def test_a_new_description_is_a_patch(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=ROWS)
    export()
    fake.build(BY_KEY, rows=ROWS, exposure={"description": "Better words."})

    assert export().manifest.version == "1.0.1"


def test_a_dry_run_writes_nothing_and_says_all(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=ROWS)

    tried = export(dry_run=True)
    assert not list(fake.project.datasets_path.glob("late/[!.]*"))
    written = export()

    assert tried.path is None
    assert [(s.name, s.row_count, s.labels, s.label_mean) for s in tried.manifest.splits] == [
        (s.name, s.row_count, s.labels, s.label_mean) for s in written.manifest.splits
    ]


@pytest.mark.parametrize("order", ["table", "shuffled", "key", "time"])
def test_every_order_is_kept_and_holds_the_same_rows(fake: Fake, export: Exporter, order: str) -> None:
    rows = f"select * from ({ROWS}) order by hash(id)"
    fake.build({**BY_KEY, "time": "t", "order": order}, rows=rows)
    export()

    frames = rows_by_split(fake)

    assert sorted(key for frame in frames.values() for key in frame["id"]) == list(range(5000))
    expected = [key for (key,) in duckdb.sql(f"select id from ({rows})").fetchall()]
    for frame in frames.values():
        found = frame["id"].to_list()
        if order == "table":
            inside = set(found)
            assert found == [key for key in expected if key in inside]
        elif order == "shuffled":
            lane4 = [hashlib.md5(f"company\x1f{key}".encode()).hexdigest()[24:] for key in found]
            assert lane4 == sorted(lane4)
        else:
            assert found == sorted(found)


def test_types_are_kept_or_made_what_parquet_keeps(fake: Fake, export: Exporter) -> None:
    rows = """
        select
            i as id,
            i::utinyint as small,
            'a'::enum('a', 'b') as word,
            timestamp_s '2013-01-01 00:00:00' as at_s,
            timestamptz '2013-01-01 00:00:00+01' as at_zone,
            1.25::decimal(10, 2) as price,
            [i, null] as list,
            {'a': i, 'b b': 'x'} as struct,
            map {'k': i} as map,
            '\\x00\\xff'::blob as bytes,
            uuid '9b2cf535-f27d-43b6-8efa-bd24f068a19e' as u,
            time '12:00' as clock,
            null::double as nothing,
        from range(200) as r(i)
    """
    fake.build({"key": "id", "split": HASH}, rows=rows)

    result = export()

    types = {column.name: column.type for column in result.manifest.columns}
    assert types["word"] == "VARCHAR"
    assert types["at_s"] == "TIMESTAMP"
    assert result.path is not None
    file = (result.path / "data/train/part-00000.parquet").read_bytes()
    (fake.project.root / "copy.parquet").write_bytes(file)
    with duckdb.connect() as connection:
        found = connection.execute(
            "select column_name, column_type from (describe select * from read_parquet($path))",
            {
                "path": str(fake.project.root / "copy.parquet")
                .replace("[", "[[]")
                .replace("*", "[*]")
                .replace("?", "[?]")
            },
        ).fetchall()
    assert dict(found) == types


def test_the_card_names_the_splits_for_hugging_face_and_shows_no_markup(fake: Fake, export: Exporter) -> None:
    import yaml

    fake.build(
        BY_KEY,
        rows=ROWS,
        exposure={"description": "<script>alert(1)</script> a | b"},
        model={"columns": {"x": column_doc("x", description="In *euros* | <b>net</b>\nof tax", meta={"unit": "EUR"})}},
    )
    path = export().path
    assert path is not None

    _, front, body = (path / "README.md").read_text(encoding="utf-8").split("---\n", 2)

    (config,) = yaml.safe_load(front)["configs"]
    assert [item["split"] for item in config["data_files"]] == ["train", "train_dev", "dev", "test"]
    assert all((path / file).is_file() for item in config["data_files"] for file in item["path"])
    assert "<script>" not in body
    assert "| `x` | DECIMAL(21,1) | EUR | In *euros* \\| &lt;b&gt;net&lt;/b&gt; of tax |" in body


def test_provenance_says_where_the_rows_came_from(fake: Fake, export: Exporter) -> None:
    build = fake.build(BY_KEY, rows=ROWS)
    fake.project.runs_path.mkdir(parents=True)
    record = {"id": build, "command": "build", "status": "passed", "started_at": "", "seconds": 1.0, "by": {}}
    record |= {"git": {"commit": "c0ffee", "dirty": True}, "tools": {}}
    (fake.project.runs_path / f"{build}.json").write_text(json.dumps(record))

    origin = export().manifest.provenance

    assert (origin.build_id, origin.git_commit, origin.git_dirty) == (build, "c0ffee", True)
    assert origin.compiled_sql == "select * from examples_source"
    assert origin.compiled_sql_sha256 == hashlib.sha256(b"select * from examples_source").hexdigest()


def test_an_old_build_can_be_named(fake: Fake, export: Exporter) -> None:
    old = fake.build(BY_KEY, rows=ROWS)
    fake.build(BY_KEY, rows=ROWS.replace("5000", "6000"))

    assert export(build=old).manifest.row_count == 5000
    assert export().manifest.row_count == 6000


def test_the_table_may_have_any_name(fake: Fake, export: Exporter) -> None:
    node = model_node("examples", alias='odd "table"')
    assert node["alias"] == 'odd "table"'
    fake.build(BY_KEY, rows=ROWS, model={"alias": 'odd "table"'})

    assert export().manifest.row_count == 5000


def test_a_wide_table_is_exported(fake: Fake, export: Exporter) -> None:
    columns = ", ".join(f"hash(i + {n})::double as c{n}" for n in range(600))
    fake.build({"key": "id", "split": HASH}, rows=f"select i as id, {columns} from range(30000) as r(i)")

    result = export()

    assert len(result.manifest.columns) == 601
    assert result.manifest.row_count == 30_000


def test_the_bytes_do_not_depend_on_the_number_of_threads(
    fake: Fake, export: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.build(BY_KEY, rows=ROWS.replace("5000", "400000"))
    found = set()
    for threads in ("1", "2", "3", "8"):
        monkeypatch.setenv("WAREHOUSE_THREADS", threads)
        project = Project.find(fake.project.root)
        found.add(export_module.export_dataset(project, "late", now=datetime.now(UTC)).manifest.fingerprint)
        shutil.rmtree(fake.project.datasets_path)

    assert len(found) == 1


def test_what_does_not_fit_into_memory_is_spilled_and_removed(
    fake: Fake, export: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_workplace, "MEMORY_MB", 100)
    rows = "select md5(i::varchar) as id, md5((i + 1)::varchar) as a from range(1000000) as r(i)"
    fake.build({"key": "id", "split": HASH, "order": "key"}, rows=rows)

    result = export()

    assert result.manifest.row_count == 1_000_000
    assert rows_by_split(fake)["test"]["id"].is_sorted()
    assert not list(fake.project.temporary_path.glob("*"))


def test_dates_are_keys_by_their_iso_text(fake: Fake, export: Exporter) -> None:
    fake.build({"key": "d", "split": HASH}, rows="select date '2000-01-01' + i::int as d from range(1000) as r(i)")

    bounds = split_bounds(export().manifest.spec.split)  # type: ignore[arg-type]  # it is a hash split

    for split, frame in rows_by_split(fake).items():
        assert all(split_of((day,), bounds=bounds, salt="company") == split for day in frame["d"])
        assert all(isinstance(day, date) for day in frame["d"])


def test_a_broken_manifest_says_what_is_left_to_do(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=ROWS)
    export()
    path = fake.project.datasets_path / "late/1.0.0/manifest.json"
    path.write_text(path.read_text()[:300])

    with pytest.raises(
        VersionError, match=r"cannot read the manifest .*\n  restore it from a copy; .* folder .*1\.0\.0$"
    ):
        export()
