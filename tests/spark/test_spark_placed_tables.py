"""Rows placed in a table on Spark lie where DuckDB puts them, and the same is found and refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from fake_builds import Fake
from placed_on_both import HASH, placed_here, placed_there, spec_of

from warehouse.datasets.conditions import check_condition
from warehouse.datasets.cutoffs import resolve_cutoffs
from warehouse.datasets.freeze import Freeze
from warehouse.datasets.row_checks import check_rows, read_table_facts
from warehouse.datasets.versions import find_version, newest_version
from warehouse.engine.local import LocalEngine
from warehouse.engine.spark import SparkEngine
from warehouse.errors import ExportError
from warehouse.exports.export import export_dataset
from warehouse.sql import Relation
from warehouse.storage import connect

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TABLE = Relation.table("memory", "main", "t")
ROWS = """
    select
        i as id,
        case when i % 10 > 0 then 'g' || (i % 61) || ' é\\' end as g,
        case when i % 8 > 0 then i % 7 end as h,
        case when i % 3 > 0 then 'p' || (i * 7919 % 997) end as p,
        case when i % 4 > 0 then i * 104729 % 991 end as q,
        timestamp '2024-01-01' + to_hours(((i * 37) % 2160)::int) as t,
        i % 3 = 0 as y,
        case when i % 5 > 0 then 1.5 - i % 4 end as x,
        ['train', 'test', 'dev', 'train_dev'][1 + i % 4] as s,
        (i / 2)::int % 150 as twin,
        chr(97 + (i % 3)::int) as "ba`se ""x",
        case when i % 6 = 0 then 'unknown' when i % 5 > 0 then 'n' || i % 400 end as hub,
        case
            when i % 9 > 0 then 'customer ' || (i // 4) || ' writes that parcel ' || md5((i // 4)::varchar)
                || ' has not come, and asks for an answer before day ' || (i % 4)
        end as prose,
        i as "Place of row",
        i as point,
        -i as place,
    from range(600) as r(i)
"""
CUTOFFS = {"dev": "2024-02-01", "test": "2024-03-01"}
EMBARGO = {"before": "3 days", "after": "2 days"}
PLAIN: dict[str, dict[str, Any]] = {
    "hash": {"split": HASH},
    "several keys": {"split": HASH, "key": ["s", "id"]},
    "group": {"split": HASH, "groups": ["g"]},
    "composite": {"split": HASH, "groups": {"composite": ["g", "h"]}},
    "target and synthetic": {"split": HASH, "target_distribution": "x > 0 and g <> 'a'", "synthetic": "y"},
    "group, target, synthetic": {"split": HASH, "groups": ["g"], "target_distribution": "x > 0", "synthetic": "y"},
    "column": {"split": {"method": "column", "column": "s"}},
    "time": {"split": {"method": "time", "cutoffs": CUTOFFS, "embargo": EMBARGO, "train_dev": 0.2}, "time": "t"},
    "hash_time": {
        "split": {"method": "hash_time", **{k: v for k, v in HASH.items() if k != "method"}, "cutoffs": CUTOFFS},
        **{"time": "t", "groups": ["g"]},
    },
    "thinned": {"split": HASH, "label": "y", "downsample": {"label": False, "keep": 0.5}, "folds": 3},
    "folds and subsets": {"split": HASH, "folds": 5, "subsets": [0.3, 0.1]},
    "to be frozen": {"split": {**HASH, "freeze": ["test"]}},
}


TIED: dict[str, dict[str, Any]] = {
    "linked": {"split": HASH, "groups": ["p", "q"]},
    "linked into a giant": {"split": HASH, "groups": ["hub", "p"], "folds": 2},
    "near texts": {"split": HASH, "deduplicate": {"text": "prose"}, "groups": ["p"]},
    "equal together": {"split": HASH, "deduplicate": {"exact": "together"}, "columns": {"include": ["id", "twin"]}},
    "equal once": {"split": HASH, "deduplicate": {"exact": "once"}, "groups": ["g"]},
    "equal once, all alone": {"split": HASH, "deduplicate": {"exact": "once"}, "target_distribution": "x > 0"},
    "linked in time": {
        "split": {"method": "hash_time", **{k: v for k, v in HASH.items() if k != "method"}, "cutoffs": CUTOFFS},
        **{"time": "t", "groups": ["p", "q"]},
    },
    "strata": {"split": {**HASH, "stratify": ["y", "h"]}},
    "strata of movable rows": {
        "split": {**HASH, "stratify": ["s"]},
        **{"target_distribution": "x > 0", "synthetic": "y", "deduplicate": {"exact": "once"}, "subsets": [0.5]},
    },
    "strata of groups": {"split": {**HASH, "stratify": ["h"]}, "groups": {"composite": ["g", "h"]}},
}


@pytest.fixture(scope="module")
def here() -> Iterator[LocalEngine]:
    with connect(None) as connection:
        connection.execute(f"create table t as {ROWS}")
        yield LocalEngine(connection)


@pytest.fixture(scope="module")
def files(here: LocalEngine, tmp_path_factory: pytest.TempPathFactory) -> Relation:
    path: Path = tmp_path_factory.mktemp("placed") / "rows.parquet"
    here.connection.execute(f"copy t to '{path}'")
    return Relation.parquet([str(path)], name="t")


@pytest.mark.parametrize("rule", PLAIN)
def test_rows_that_tell_their_place_themselves(
    here: LocalEngine, there: SparkEngine, files: Relation, rule: str
) -> None:
    spec = spec_of(PLAIN[rule])
    assert placed_there(there, files, spec) == placed_here(here, TABLE, spec)


@pytest.mark.parametrize("rule", TIED)
def test_rows_that_are_tied_to_others(here: LocalEngine, there: SparkEngine, files: Relation, rule: str) -> None:
    spec = spec_of(TIED[rule])
    # Only what few columns show is equal.
    names = ("id", "twin", "y") if "equal" in rule or "movable" in rule else None
    assert placed_there(there, files, spec, names) == placed_here(here, TABLE, spec, names)


@pytest.mark.parametrize(
    "rule",
    [
        {"split": {**HASH, "stratify": ["y"]}, "groups": ["twin"]},
        {"split": HASH, "groups": ["h", "y", "s"]},
        {"split": HASH, "target_distribution": "x > 100"},
        {"split": {**HASH, "shares": {"train": 0.999999, "test": 0.000001}, "train_dev": 0}},
        {"split": {"method": "time", "cutoffs": {"test": "2034-01-01"}}, "time": "t"},
        {"split": HASH, "label": "y", "downsample": {"label": "maybe", "keep": 0.5}},
    ],
)
def test_splits_without_rows_and_unknown_labels_are_refused_alike(
    here: LocalEngine, there: SparkEngine, files: Relation, rule: dict[str, Any]
) -> None:
    spec = spec_of(rule)
    with pytest.raises(ExportError) as expected:
        placed_here(here, TABLE, spec)
    with pytest.raises(ExportError) as found:
        placed_there(there, files, spec)
    assert str(found.value) == str(expected.value)


BROKEN = """
    select *, case when id % 100 > 0 then id end as holed, id // 2 as paired, y and id > 300 or null as unsure,
        case when id % 50 > 0 then t end as late, case when id % 7 = 0 then 'Train' when id % 11 > 0 then s end as part
    from t
"""


@pytest.mark.parametrize(
    "rule",
    [
        {"split": HASH, "key": "holed"},
        {"split": HASH, "key": ["s", "holed"]},
        {"split": HASH, "key": "paired"},
        {"split": HASH, "key": ["g", "h"]},
        {"split": HASH, "synthetic": "unsure"},
        {"split": {"method": "time", "cutoffs": CUTOFFS}, "time": "late"},
        {"split": {"method": "column", "column": "part"}},
        {"split": {"method": "column", "column": "s"}, "groups": ["g"], "synthetic": "y", "target_distribution": "x>0"},
        {"split": {"method": "column", "column": "s"}, "groups": {"composite": ["g", "h"]}},
    ],
)
def test_rows_that_cannot_be_placed_are_refused_alike(
    here: LocalEngine, there: SparkEngine, tmp_path: Path, rule: dict[str, Any]
) -> None:
    spec = spec_of(rule)
    path = tmp_path / "broken.parquet"
    here.connection.execute(f"create or replace table broken as {BROKEN}")
    here.connection.execute(f"copy broken to '{path}'")
    messages = []
    for engine, relation in ((here, Relation.table("broken")), (there, Relation.parquet([str(path)], name="broken"))):
        facts = read_table_facts(engine, relation, spec, integer_key=False, numbered=engine is here)
        with pytest.raises(ExportError) as caught:
            check_rows(engine, relation, spec, facts)
        messages.append(str(caught.value))
    assert messages[1] == messages[0]


CONDITIONS = [
    "x > 0",
    "x >",
    "x > 0), (true",
    "x > (select 1)",
    "sum(x) > 1",
    "random() < 1",
    "current_date > t",
    "rowid > 3",
    "nothing > 3",
    "x",
    "row_number() over () > 3",
]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_conditions_are_refused_alike(here: LocalEngine, there: SparkEngine, files: Relation, condition: str) -> None:
    messages = []
    for engine, relation in ((here, TABLE), (there, files)):
        columns = [column.name for column in engine.columns(relation)]
        try:
            check_condition(engine, relation, condition, dataset="late", role="target", columns=columns)
        except ExportError as error:
            messages.append(str(error))
    assert messages[1:] == messages[:1]
    assert bool(messages) == (condition != "x > 0")


def test_a_condition_that_spark_has_no_words_for_is_refused_by_name(there: SparkEngine, files: Relation) -> None:
    with pytest.raises(ExportError, match=r"target cannot be asked: not available on Spark: .*GLOB"):
        check_condition(there, files, "g glob 'a*'", dataset="late", role="target", columns=["g"])


def test_cutoffs_by_shares_are_the_same_moments(here: LocalEngine, there: SparkEngine, files: Relation) -> None:
    shares = {"train": 0.7, "dev": 0.1, "test": 0.2}
    spec = spec_of({"split": {"method": "time", "shares": shares}, "time": "t"})
    found = [
        resolve_cutoffs(engine, relation, spec, row_count=600, declared={}, previous=None)
        for engine, relation in ((here, TABLE), (there, files))
    ]
    assert found[1] == found[0] != spec


FROZEN: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "keys": ({"split": HASH}, ("test",)),
    "two splits": ({"split": HASH}, ("test", "dev")),
    "groups": ({"split": HASH, "groups": ["g"]}, ("test",)),
    "linked": ({"split": HASH, "groups": ["p", "q"]}, ("test",)),
    "time": ({"split": {"method": "time", "cutoffs": CUTOFFS}, "time": "t"}, ("dev",)),
    "target and synthetic": ({"split": HASH, "target_distribution": "x > 0", "synthetic": "y"}, ("test",)),
    "strata": ({"split": {**HASH, "stratify": ["h"]}}, ("test",)),
    "strata that stay": ({"split": {**HASH, "stratify": ["h"]}}, ()),
    "strata of groups that stay": ({"split": {**HASH, "stratify": ["h"]}, "groups": {"composite": ["g", "h"]}}, ()),
}
LATER = f"select * from ({ROWS.replace('range(600)', 'range(900)')}) where id % 17 <> 3 or id > 600"


@pytest.fixture(scope="module")
def later(here: LocalEngine, tmp_path_factory: pytest.TempPathFactory) -> Relation:
    """Some rows are gone, and others have come; the same as the table `later`."""
    path = tmp_path_factory.mktemp("later") / "rows.parquet"
    here.connection.execute(f"create table later as {LATER}")
    here.connection.execute(f"copy later to '{path}'")
    return Relation.parquet([str(path)], name="later")


@pytest.mark.parametrize("case", FROZEN)
def test_rows_stay_where_a_version_has_them(
    here: LocalEngine, there: SparkEngine, later: Relation, tmp_path: Path, case: str
) -> None:
    rule, frozen = FROZEN[case]
    fake = Fake(tmp_path / "a project")
    fake.build({"key": "id", **rule}, rows=ROWS)
    export_dataset(fake.project, "late", now=NOW)
    version = find_version(fake.project, "late@1.0.0")
    spec = version.manifest.spec
    known = {"freeze": Freeze(versions=dict.fromkeys(frozen, version)), "newest": version}

    found = placed_there(there, later, spec, **known)

    assert found == placed_here(here, Relation.table("later"), spec, **known)
    if frozen:
        assert any("frozen keys of" in finding[3] for finding in found.findings)


def test_keys_that_two_frozen_splits_keep_are_refused_alike(
    here: LocalEngine, there: SparkEngine, later: Relation, tmp_path: Path
) -> None:
    fake = Fake(tmp_path / "a project")
    versions = []
    for shares in ({"train": 0.6, "dev": 0.2, "test": 0.2}, {"train": 0.2, "dev": 0.6, "test": 0.2}):
        fake.build({"key": "id", "split": {"method": "hash", "shares": shares}}, rows=ROWS)
        export_dataset(fake.project, "late", now=NOW, allow_split_changes=True)
        versions.append(newest_version(fake.project, "late"))
    spec = spec_of({"split": HASH})
    first, second = versions
    assert first is not None
    assert second is not None

    freeze = Freeze(versions={"train": first, "dev": second})

    messages = []
    for place, engine, table in ((placed_here, here, Relation.table("later")), (placed_there, there, later)):
        with pytest.raises(ExportError, match=r"keys twice, in train of late@1\.0\.0 and dev of late@") as caught:
            place(engine, table, spec, freeze=freeze)  # type: ignore[operator] # each with its own engine
        messages.append(str(caught.value))
    assert messages[1] == messages[0]


TEXTS = ["", "a", "é", "é\\", "\\N", "\x1f", "名", "it's", "A", " a", "x" * 50]
SEEDS = range(int(os.environ.get("WAREHOUSE_TEST_SEEDS", "4")))


def random_rule(chance: Random) -> dict[str, Any]:
    """A specification that asks for several things at once."""
    method = chance.choice(["hash", "hash", "hash_time"])
    groups = chance.choice([None, ["a"], ["a", "b"], {"composite": ["a", "b"]}])
    split = {**HASH, "method": method, **({"cutoffs": CUTOFFS} if method == "hash_time" else {})}
    if method == "hash" and groups in (None, {"composite": ["a", "b"]}):
        split["stratify"] = chance.choice([[], ["b"], ["a", "b"]]) if groups else chance.choice([[], ["b", "y"]])
    rule = {"split": split, "groups": groups, "time": "t", "label": "y"}
    rule["target_distribution"] = chance.choice([None, "x >= 0 or a is null"])
    rule["synthetic"] = chance.choice([None, "z"])
    rule["deduplicate"] = chance.choice([None, {"exact": "once"}, {"exact": "together"}])
    rule["folds"], rule["subsets"] = chance.choice([(None, None), (3, None), (None, [0.5, 0.2])])
    rule["downsample"] = chance.choice([None, {"label": True, "keep": 0.5}])
    return {key: value for key, value in rule.items() if value is not None}


@pytest.mark.parametrize("seed", SEEDS)
def test_random_rows_lie_alike_by_random_rules(there: SparkEngine, tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    spec = replace(spec_of(random_rule(chance)), fraction=chance.choice([1.0, 1.0, 0.5]))
    with connect(None) as connection:
        here = LocalEngine(connection)
        connection.execute(
            "create table t (id bigint, a varchar, b integer, t timestamp, x double, y boolean, z boolean)"
        )
        for number in {chance.randrange(-(2**62), 2**62) for _ in range(400)}:
            a = chance.choice([None, *TEXTS, *map(str, range(100))])
            x = chance.choice([None, float("nan"), -0.0, 0.0, 1e300, -1.5])
            b = chance.choice([None, chance.randrange(-3, 3) if chance.random() < 0.9 else chance.randrange(10**6)])
            day = datetime(2024, 1, 1) + timedelta(hours=chance.randrange(2160))
            row = [number, a, b, day, x, chance.choice([None, True, False]), chance.random() < 0.2]
            connection.execute("insert into t values (?, ?, ?, ?, ?, ?, ?)", row)
        path = tmp_path / "rows.parquet"
        connection.execute(f"copy t to '{path}'")
        found: list[Any] = []
        for engine, place, table in (
            (here, placed_here, Relation.table("t")),
            (there, placed_there, Relation.parquet([str(path)], name="t")),
        ):
            try:
                found.append(place(engine, table, spec, ("id", "b", "x", "y")))  # type: ignore[operator] # its own engine
            except ExportError as error:
                found.append(str(error))
    assert found[1] == found[0]
