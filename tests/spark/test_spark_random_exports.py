"""Random rows of every type, exported under random rules, are the same version whichever engine wrote it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from drift_pairs import differences
from spark_fakes import SparkFake, told

from warehouse.datasets.differences import compare_versions
from warehouse.datasets.fingerprints import content_fingerprint
from warehouse.datasets.verification import verify_version
from warehouse.datasets.versions import Version, read_version
from warehouse.engine.local import LocalEngine
from warehouse.errors import ExportError
from warehouse.exports.export import export_dataset
from warehouse.exports.outcome import Export
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.storage import connect

NOW = datetime(2026, 11, 28, tzinfo=UTC)
SEEDS = range(int(os.environ.get("WAREHOUSE_TEST_SEEDS", "1")))
"""Each is used with every method of splitting."""
TEXTS = ["", "a", "A", " a", "é", "é\\", "\\N", "\x1f", "名前", "it's", 'say "no"', "😀", "x" * 50, "مرحبا", "\n"]
NUMBERS = [-0.0, 0.0, 1.5, -1.5, 0.1, 1e300, 5e-324, float("inf"), float("-inf"), float("nan")]
SINGLE = [number for number in NUMBERS if abs(number) not in (1e300, 5e-324)]
DAYS = [date(1, 1, 1), date(1582, 10, 10), date(1970, 1, 1), date(2024, 2, 29), date(9999, 12, 31)]
MOMENTS = [datetime(1, 1, 1), datetime(1582, 10, 10), datetime(1969, 12, 31, 23, 59, 59, 999999), datetime(9999, 1, 1)]
NAMES = [
    *('we"ird `name`', "名", "Place of row", "point", "order", "split", "data", "rows", "hash", "Étage", "a b"),
    *("file_number", "file_order", "place", "fold_", "rowid_", "entity"),
]
EVENT = pyarrow.struct([("n", pyarrow.int64()), ("B b", pyarrow.list_(pyarrow.string()))])
TYPES: dict[pyarrow.DataType, Callable[[Random], Any]] = {
    pyarrow.int8(): lambda chance: chance.randrange(-128, 128),
    pyarrow.int16(): lambda chance: chance.randrange(-(2**15), 2**15),
    pyarrow.int32(): lambda chance: chance.randrange(-(2**31), 2**31),
    pyarrow.int64(): lambda chance: chance.choice([-(2**63), 2**63 - 1, 0, 7]),
    pyarrow.float32(): lambda chance: chance.choice(SINGLE),
    pyarrow.float64(): lambda chance: chance.choice(NUMBERS),
    pyarrow.decimal128(5, 2): lambda chance: Decimal(chance.randrange(-99999, 100000)).scaleb(-2),
    pyarrow.decimal128(38, 10): lambda chance: Decimal(chance.randrange(-(10**17), 10**17)).scaleb(-10),
    pyarrow.bool_(): lambda chance: chance.random() < 0.3,
    pyarrow.string(): lambda chance: chance.choice(TEXTS),
    pyarrow.binary(): lambda chance: chance.choice([b"", b"\0", b"\xff\xfe", b"text"]),
    pyarrow.date32(): lambda chance: chance.choice(DAYS),
    pyarrow.timestamp("us"): lambda chance: chance.choice(MOMENTS),
    pyarrow.timestamp("us", "UTC"): lambda chance: chance.choice(MOMENTS[1:3]).replace(tzinfo=UTC),
    pyarrow.list_(pyarrow.float64()): lambda chance: chance.choices([None, *NUMBERS], k=chance.randrange(4)),
    EVENT: lambda chance: {"n": chance.randrange(9), "B b": chance.choice([None, [], [None, "名"]])},
    pyarrow.list_(EVENT): lambda chance: [None, {"n": chance.randrange(3), "B b": ["x"]}][: chance.randrange(3)],
    pyarrow.map_(pyarrow.string(), pyarrow.float64()): lambda chance: [(text, 0.5) for text in chance.sample(TEXTS, 2)],
}
SHARES = {"train": 0.6, "dev": 0.2, "test": 0.2}
CUTOFFS = {"dev": "2024-02-01", "test": "2024-03-01"}
EMBARGO = {"before": "1 day", "after": "12 hours"}
METHODS: dict[str, dict[str, Any]] = {
    "hash": {"method": "hash", "shares": SHARES, "train_dev": 0.2},
    "time": {"method": "time", "cutoffs": CUTOFFS, "embargo": EMBARGO, "train_dev": 0.2},
    "shares of time": {"method": "time", "shares": {"train": 0.7, "dev": 0.1, "test": 0.2}},
    "hash_time": {"method": "hash_time", "shares": SHARES, "cutoffs": CUTOFFS},
    "column": {"method": "column", "column": "s"},
}


def random_rows(chance: Random, path: Path, *, count: int) -> None:
    """Writes a table with what the rules below name, and columns of some random types under random names."""
    names = chance.sample(NAMES, 8)
    types = dict(zip(names, chance.sample(list(TYPES), 8), strict=True))
    codes = chance.sample(range(10**6), count)
    made: dict[str, tuple[pyarrow.DataType, list[Any]]] = {
        "id": (pyarrow.int64(), [code * chance.choice([1, -1]) for code in codes]),
        "code": (pyarrow.string(), [f"{chance.choice(TEXTS)}{code}" for code in codes]),
        "g": (pyarrow.string(), [chance.choice([None, *TEXTS, *map(str, range(90))]) for _ in codes]),
        "h": (pyarrow.int32(), [chance.choice([None, chance.randrange(5), code]) for code in codes]),
        "t": (pyarrow.timestamp("us"), [datetime(2024, 1, 1) + timedelta(minutes=code % 129_600) for code in codes]),
        "y": (pyarrow.bool_(), [chance.choice([True, False]) for _ in codes]),
        "k": (pyarrow.string(), [chance.choice(["名", "it's", "c"]) for _ in codes]),
        "x": (pyarrow.float64(), [chance.choice(NUMBERS) for _ in codes]),
        "v": (pyarrow.float64(), [chance.choice([None, -0.0, 0.0, 1e7, 2.5e16, 1e-5, 0.1, -7.0]) for _ in codes]),
        "s": (pyarrow.string(), [chance.choice(["train", "train", "train_dev", "dev", "test"]) for _ in codes]),
        "z": (pyarrow.bool_(), [chance.random() < 0.1 for _ in codes]),
        "w": (pyarrow.float64(), [chance.choice([0.1, 0.5, 1.0]) for _ in codes]),
    }
    for name, kind in types.items():
        made[name] = (kind, [TYPES[kind](chance) if chance.random() < 0.9 else None for _ in codes])
    arrays = {name: pyarrow.array(values, kind) for name, (kind, values) in made.items()}
    pyarrow.parquet.write_table(pyarrow.table(arrays), path)


def random_rule(chance: Random, *, method: str) -> dict[str, Any]:
    """A specification that asks for several things at once."""
    split = {**METHODS[method]}
    rule: dict[str, Any] = {"split": split, "time": "t"}
    rule["key"] = chance.choice(["id", "code", ["s", "code"]])
    rule["label"] = chance.choice(["y", "k", "v", None])
    if method in ("hash", "hash_time"):
        rule["groups"] = chance.choice([None, ["g"], ["g", "h"], {"composite": ["g", "h"]}])
    if method == "hash":
        split["stratify"] = chance.choice([[], ["y"], ["k", "y"]]) if rule["groups"] is None else []
        rule["deduplicate"] = chance.choice([None, {"exact": "once"}, {"exact": "together"}])
    if method != "column":
        rule["target_distribution"] = chance.choice([None, "x >= 0 or g is null", "k <> 'it''s'"])
        rule["synthetic"] = chance.choice([None, "z"])
    rule["folds"], rule["subsets"] = chance.choice([(None, None), (3, None), (None, [0.5, 0.2])])
    if rule["label"] in ("y", "k"):
        rule["weights"] = chance.choice([None, "class", {"inverse_probability": "w"}])
        keep = {"label": "true" if rule["label"] == "y" else "名", "keep": 0.5}
        rule["downsample"] = chance.choice([None, keep])
    rule["order"] = chance.choice(["table", "shuffled", "key", "time"])
    rule["shard"] = chance.choice([None, {"rows": 37}, {"rows": 150}, {"size": "20 kB"}])
    return {key: value for key, value in rule.items() if value is not None}


@pytest.fixture(scope="module")
def fake(spark: Any, spark_remote: str, tmp_path_factory: pytest.TempPathFactory) -> SparkFake:
    return SparkFake(tmp_path_factory.mktemp("random") / "a project", spark, spark_remote)


def exported(fake: SparkFake, name: str) -> Export | str:
    try:
        return export_dataset(fake.project, name, now=NOW)
    except ExportError as error:
        return str(error)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", SEEDS)
def test_random_rows_under_random_rules_are_one_version(fake: SparkFake, seed: int, method: str) -> None:
    chance = Random(f"{method} {seed}")
    path = fake.project.root / "rows.parquet"
    random_rows(chance, path, count=chance.randrange(300, 500))
    rule, name = random_rule(chance, method=method), f"random_{seed}_{[*METHODS].index(method)}"
    rows = f"from read_parquet('{path}')"

    fake.build(rule, rows=rows, name=name)
    here = exported(fake, name)
    if isinstance(here, Export) and here.path is not None:
        here.path.rename(fake.project.root / name)
    fake.build_on_spark(rule, rows=rows, name=name)
    there = exported(fake, name)

    if isinstance(here, str) or isinstance(there, str):
        assert there == here, rule
        return
    assert there.outcome is here.outcome, rule
    assert told(there.manifest) == told(here.manifest), rule
    if there.path is not None:
        check_same(read_version(fake.project.root / name), read_version(there.path))


def keys_sql(relation: Relation, key: Sequence[str]) -> Query:
    names = ", ".join(map(identifier, key))
    return Query.of(Step("keys", f"select {names} from {relation.sql} order by {names}"))


def check_same(here: Version, there: Version) -> None:
    """The same keys lie in the same splits, with the same rows and findings."""
    assert verify_version(there).findings == ()
    reports = [json.loads((version.reports_path / "leakage.json").read_text()) for version in (here, there)]
    assert list(differences(*reports)) == []
    types = {column.name: column.type for column in here.manifest.columns}
    with connect(None) as connection:
        engine = LocalEngine(connection)
        assert compare_versions(engine, here, there).is_same
        for split in here.manifest.splits:
            relations = [version.split(split.name) for version in (here, there)]
            found = [engine.rows(keys_sql(relation, here.manifest.spec.key)) for relation in relations]
            assert found[1] == found[0]
            contents = [content_fingerprint(engine, relation, types) for relation in relations]
            assert contents[1] == contents[0], split.name
