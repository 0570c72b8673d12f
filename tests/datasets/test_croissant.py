"""`croissant.json`, read by the real mlcroissant from a real export."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fake_builds import Fake, column_doc

import warehouse
from warehouse.datasets.croissant import croissant_document, croissant_json, field_ids
from warehouse.datasets.croissant_fields import CroissantType, croissant_type
from warehouse.datasets.loading import Dataset
from warehouse.exports.outcome import Export

mlcroissant = pytest.importorskip("mlcroissant")
# What mlcroissant's own dependencies deprecate is not for us to mend.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

DECLARED = {
    "key": "id",
    "label": "y",
    "split": {"method": "hash", "shares": {"train": 0.7, "dev": 0.1, "test": 0.2}, "train_dev": 0.1},
}
HOSTILE = 'a "quote", <script>alert(1)</script> & \\ ' + "名前"
COLUMNS = {
    "id": "i",
    "y": "i % 2 = 0",
    HOSTILE: "'tëxt \"' || i",
    "名前": "'値' || i",
    "split": "'x'",
    "column-4": "'a name that looks like a generated id'",
    "@id": "'q'",
    "..": "'up'",
    "index": "i",
    "b c": "case when i % 3 = 0 then null else i::int end",
    "real": "i / 7::double",
    "narrow": "i::utinyint",
    "on": "date '2024-01-01' + i::int",
    "at": "timestamp '2024-01-01 01:02:03.456789' + to_seconds(i)",
    "zoned": "timestamptz '2024-01-01 00:00:00Z'",
    "price": "(i / 4)::decimal(10, 2)",
    "list": "[i, i + 1]",
    "words": "['a', '名']",
    "fixed": "[1, 2, 3]::int[3]",
    "deep": "[[i, 2], [3]]",
    "pair": "{'a': i, 'b c''\"': 'x' || i, 'where': [i]}",
    "pairs": "[{'p': i, 'q': 'x'}, {'p': 1, 'q': 'y'}]",
    "nothing": "null::varchar",
}
ROWS = "select {} from range(250) as r(i)".format(
    ", ".join('{} as "{}"'.format(sql, name.replace('"', '""')) for name, sql in COLUMNS.items())
)


@pytest.fixture
def dataset(fake: Fake, export: Callable[..., Export]) -> Dataset:
    docs = {HOSTILE: column_doc(HOSTILE, description='It says "<b>no</b>" & 値.'), "id": column_doc("id", unit="")}
    meta = {"meta": {"dataset": DECLARED, "license": "cc-by-4.0"}}
    fake.build(exposure={**meta, "config": {"enabled": True, **meta}}, rows=ROWS, model={"columns": docs})
    export()
    return warehouse.load_dataset("late", project=fake.project)


def read(dataset: Dataset, split: str) -> list[dict[str, Any]]:
    # NOTE: a filter changes mlcroissant's dataset for good, so each split needs its own.
    loaded = mlcroissant.Dataset(str(dataset.version.path / "croissant.json"))
    return list(loaded.records("examples", filters={"examples/split": split}))


def plain(value: Any) -> Any:
    """What mlcroissant and polars both mean: text is bytes to the one, dates are timestamps, and nulls NaN."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, Mapping):
        return [plain(item) for item in value.values()]
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return float(value)
    if hasattr(value, "isoformat"):
        moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
        return moment.astimezone(UTC).isoformat() if moment.tzinfo else moment.isoformat()
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and math.isnan(value) else value


def test_the_checker_of_mlcroissant_accepts_the_file(dataset: Dataset) -> None:
    checked = subprocess.run(
        [str(Path(sys.executable).with_name("mlcroissant")), "validate", "--jsonld", "croissant.json"],
        cwd=dataset.version.path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, "Done" in checked.stderr) == (0, True), checked.stderr
    # A citation is recommended, and this dataset has none to give.
    assert "Found the following 1 warning(s)" in checked.stderr
    assert "citeAs" in checked.stderr


@pytest.mark.parametrize("split", ["train", "train_dev", "dev", "test"])
def test_mlcroissant_reads_the_rows_of_each_split(dataset: Dataset, split: str) -> None:
    ids = field_ids(dataset.manifest)

    records = read(dataset, split)

    expected = dataset[split].collect().to_dicts()
    assert [record.pop("examples/split") for record in records] == [split.encode()] * len(expected)
    assert [{name: plain(record[id_]) for name, id_ in ids.items()} for record in records] == [
        {name: plain(value) for name, value in row.items()} for row in expected
    ]


def test_every_data_file_has_its_checksum_and_size(dataset: Dataset) -> None:
    document = json.loads((dataset.version.path / "croissant.json").read_text(encoding="ascii"))

    objects = [item for item in document["distribution"] if item["@type"] == "cr:FileObject"]

    assert [(item["contentUrl"], item["sha256"], item["contentSize"]) for item in objects] == [
        (file.path, file.sha256, f"{file.byte_count} B") for file in dataset.manifest.files
    ]
    assert {item["encodingFormat"] for item in objects} == {"application/x-parquet"}


def test_the_document_says_who_made_what_when(dataset: Dataset) -> None:
    document = croissant_document(dataset.manifest, licence="cc-by-4.0", citation="Fakes (2026)")

    assert document["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert document["creator"] == {"@type": "sc:Organization", "name": "Fakes", "email": "fakes@example.com"}
    assert (document["license"], document["citeAs"]) == ("cc-by-4.0", "Fakes (2026)")
    assert (document["name"], document["version"]) == ("late", "1.0.0")
    assert (document["datePublished"], document["isLiveDataset"]) == ("2026-11-23T12:00:00Z", False)
    assert document["description"] == "A dataset of fakes."


@pytest.mark.parametrize(
    ("owner", "creator"),
    [
        (None, None),
        ("Fakes", {"name": "Fakes"}),
        ("<a@example.com>", {"email": "a@example.com"}),
        ("A <b> <a@example.com>", {"name": "A <b>", "email": "a@example.com"}),
        ("A < B", {"name": "A < B"}),
    ],
)
def test_the_owner_becomes_the_creator(dataset: Dataset, owner: str | None, creator: dict[str, str] | None) -> None:
    document = croissant_document(replace(dataset.manifest, owner=owner), licence=None)

    assert document.get("creator") == (None if creator is None else {"@type": "sc:Organization", **creator})
    assert "license" not in document


def test_splits_are_a_record_set_that_records_refer_to(dataset: Dataset) -> None:
    splits, examples = croissant_document(dataset.manifest, licence=None)["recordSet"]

    assert splits["dataType"] == "cr:Split"
    assert splits["data"] == [
        {"splits/name": split.name, "splits/row_count": split.row_count} for split in dataset.manifest.splits
    ]
    assert examples["field"][0]["references"] == {"field": {"@id": "splits/name"}}
    assert examples["key"] == {"@id": "examples/id"}
    label = next(field for field in examples["field"] if field["name"] == "y")
    assert label["dataType"] == ["sc:Boolean", "cr:Label"]


def test_ids_are_valid_and_never_twice(dataset: Dataset) -> None:
    ids = field_ids(dataset.manifest)

    assert len(set(ids.values()) | {"examples/split"}) == len(COLUMNS) + 1
    assert all(not set(id_) & set(' "<>\\#?%:@') for id_ in ids.values())
    assert (ids["id"], ids["column-4"], ids["名前"]) == ("examples/id", "examples/column-4", "examples/column-3")
    assert ids["split"] == "examples/column-4-"


def test_no_text_of_a_column_can_leave_a_page_s_script(dataset: Dataset) -> None:
    text = croissant_json(dataset.manifest, licence=None)

    assert text.isascii()
    assert not set("<>&") & set(text)
    columns = {field["name"]: field for field in json.loads(text)["recordSet"][1]["field"][1:]}
    assert columns[HOSTILE]["description"] == 'It says "<b>no</b>" & 値.'
    assert columns[HOSTILE]["source"]["extract"] == {"column": HOSTILE}


def test_columns_without_a_type_in_croissant_are_named_and_left_out(fake: Fake, export: Callable[..., Export]) -> None:
    rows = "select i as id, true as y, 'x'::blob as raw, map {'a': i} as m, uuid() as u from range(50) as r(i)"
    fake.build(DECLARED, rows=rows)
    path = export().path
    assert path is not None
    found = warehouse.load_dataset(path)

    examples = croissant_document(found.manifest, licence=None)["recordSet"][1]

    assert [field["name"] for field in examples["field"]] == ["split", "id", "y"]
    assert examples["description"] == (
        "One record per example. Columns that have no type in Croissant are left out: "
        "raw (BLOB), m (MAP(VARCHAR, INTEGER)), u (UUID)."
    ).replace("INTEGER", "BIGINT")
    assert len(read(found, "train")) == found["train"].collect().height


@pytest.mark.parametrize("format_", ["csv", "jsonl", "arrow"])
def test_other_formats_are_described_and_text_is_read(fake: Fake, export: Callable[..., Export], format_: str) -> None:
    rows = "select i as id, i % 2 = 0 as y, 'text ' || i as note, [i] as list from range(50) as r(i)"
    fake.build({**DECLARED, "format": format_}, rows=rows)
    export()
    found = warehouse.load_dataset("late", project=fake.project)

    if format_ == "arrow":
        # mlcroissant has no reader of Arrow files.
        mlcroissant.Dataset(str(found.version.path / "croissant.json"))
        return
    records = read(found, "train")
    assert [(plain(record["examples/id"]), plain(record["examples/note"])) for record in records] == (
        found["train"].select("id", "note").collect().rows()
    )


@pytest.mark.parametrize(
    ("type_name", "expected"),
    [
        ("BIGINT", CroissantType(data_type="cr:Int64")),
        ("UTINYINT", CroissantType(data_type="cr:UInt8")),
        ("DECIMAL(18,3)", CroissantType(data_type="sc:Float")),
        ("TIMESTAMP WITH TIME ZONE", CroissantType(data_type="sc:DateTime")),
        ("VARCHAR[]", CroissantType(data_type="sc:Text", shape=(-1,))),
        ("INTEGER[3][]", CroissantType(data_type="cr:Int32", shape=(-1, 3))),
        (
            'STRUCT(a DECIMAL(4,1), "b, (c"" " VARCHAR[])[]',
            CroissantType(
                data_type=None,
                shape=(-1,),
                members=(
                    ("a", CroissantType(data_type="sc:Float")),
                    ('b, (c" ', CroissantType(data_type="sc:Text", shape=(-1,))),
                ),
            ),
        ),
        ("STRUCT(a STRUCT(b INTEGER))", None),
        ("STRUCT(a INTEGER)[][]", None),
        ("STRUCT(a BLOB)", None),
        ("MAP(VARCHAR, INTEGER)", None),
        ("UNION(a INTEGER, b VARCHAR)", None),
        ("BLOB", None),
        ("INTERVAL", None),
    ],
)
def test_types_are_said_in_croissant_s_words(type_name: str, expected: CroissantType | None) -> None:
    assert croissant_type(type_name) == expected


def test_a_date_is_no_moment() -> None:
    assert plain(date(2024, 1, 2)) == "2024-01-02T00:00:00"
