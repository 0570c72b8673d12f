from __future__ import annotations

import json
import uuid
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from hashlib import md5
from pathlib import Path
from typing import Any

import duckdb
import hypothesis.strategies as st
import polars
import pytest
from hypothesis import given, settings

from warehouse.datasets.placement_rules import by_column_or_time_sql, period_sql
from warehouse.datasets.spec import DatasetSpec, HashSplit, HashTimeSplit
from warehouse.datasets.splits import (
    END,
    bound,
    canonical_key,
    diverted_line,
    fold_of,
    fold_sql,
    hash_text,
    hash_text_sql,
    is_in_subset,
    is_key_type,
    lane,
    line_place,
    line_sql,
    place_sql,
    split_bounds,
    split_of,
    subset_sql,
)
from warehouse.sql import identifier

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))
SHARES = {"train": 0.8, "dev": 0.1, "test": 0.1}


def parts_of(vector: dict[str, Any]) -> tuple[Any, ...]:
    makers = {"integer": int, "text": str, "date": date.fromisoformat, "uuid": uuid.UUID}
    return tuple(makers[part["type"]](part["value"]) for part in vector["key"])


def split_spec(**more: Any) -> HashSplit:
    return HashSplit(**{"shares": SHARES, "train_dev": 0.05, "salt": "company", **more})


@pytest.mark.parametrize("vector", VECTORS["keys"], ids=lambda vector: vector["name"])
def test_python_agrees_with_the_published_vectors(vector: dict[str, Any]) -> None:
    parts = parts_of(vector)

    assert canonical_key(parts) == vector["canonical"]
    assert hash_text(parts, salt=vector["salt"]) == vector["hash"]
    assert split_of(parts, bounds=VECTORS["bounds"], salt=vector["salt"]) == vector["split"]


@pytest.mark.parametrize("vector", VECTORS["keys"], ids=lambda vector: vector["name"])
def test_duckdb_agrees_with_the_published_vectors(vector: dict[str, Any]) -> None:
    names = [f'k "{i}' for i in range(len(vector["key"]))]
    types = {"integer": "hugeint", "text": "varchar", "date": "date", "uuid": "uuid"}
    columns = ", ".join(
        f"${i}::{types[part['type']]} as {identifier(name)}"
        for i, (part, name) in enumerate(zip(vector["key"], names, strict=True), 1)
    )
    point = hash_text_sql(names, salt=vector["salt"])
    query = f"select {point} as point, {place_sql(point, VECTORS['bounds'])} as split from (select {columns})"

    found = duckdb.connect().execute(query, [str(part["value"]) for part in vector["key"]]).fetchone()

    assert found == (vector["hash"], vector["split"])


def test_polars_agrees_with_the_published_vectors() -> None:
    keys = polars.Series([f"{v['salt']}\x1f{v['canonical']}" for v in VECTORS["keys"]])
    # polars has no MD5 of its own: the hash is mapped, the comparison of texts is its own.
    points = keys.map_elements(lambda key: md5(key.encode()).hexdigest(), return_dtype=polars.String)
    split = polars.lit(None, dtype=polars.String)
    for name, upper in reversed(VECTORS["bounds"].items()):
        split = polars.when(polars.col("point") < upper).then(polars.lit(name)).otherwise(split)

    found = polars.DataFrame({"point": points}).select(split.alias("split"))["split"].to_list()

    assert points.to_list() == [vector["hash"] for vector in VECTORS["keys"]]
    assert found == [vector["split"] for vector in VECTORS["keys"]]


POINTS = [*VECTORS["keys"], *VECTORS["points"]]
SUBSETS = {float(share): upper for share, upper in VECTORS["subset_bounds"].items()}
TIMED_WITH_EMBARGO = HashTimeSplit(
    shares=SHARES,
    cutoffs={"dev": datetime(2013, 10, 1), "test": datetime(2013, 11, 1)},
    embargo_seconds=86_400,
    train_dev=0.05,
    salt="company",
)
MOMENTS = {"train": "2013-09-29", "dev": "2013-10-01", "test": "2013-11-01", "embargo": "2013-09-30"}


@pytest.mark.parametrize("vector", POINTS, ids=lambda vector: vector["hash"])
def test_python_agrees_with_the_published_lanes_and_lines(vector: dict[str, Any]) -> None:
    point = vector["hash"]

    assert [line_place(point, line["line"]) for line in VECTORS["lines"]] == vector["lines"]
    assert next((share for share in SUBSETS if is_in_subset(point, share)), None) == vector["subset"]
    assert fold_of(point, VECTORS["folds"]) == vector["fold"]


def test_lines_and_bounds_are_those_that_are_published() -> None:
    assert [[list(piece) for piece in diverted_line(split_spec(), line["closed"])] for line in VECTORS["lines"]] == [
        line["line"] for line in VECTORS["lines"]
    ]
    assert {share: bound(Decimal(repr(share))) for share in SUBSETS} == SUBSETS
    assert list(SUBSETS) == [0.01, 0.1, 0.5]


@pytest.mark.parametrize("vector", POINTS, ids=lambda vector: vector["hash"])
def test_duckdb_agrees_with_the_published_lanes_and_lines(vector: dict[str, Any]) -> None:
    terms = [line_sql("point", line["line"]) for line in VECTORS["lines"]]
    terms += [subset_sql("point", share) for share in SUBSETS]
    terms.append(fold_sql("point", VECTORS["folds"]))

    found = duckdb.connect().execute(f"select {', '.join(terms)} from (select ? as point)", [vector["hash"]]).fetchone()

    in_subset = [vector["subset"] is not None and share >= vector["subset"] for share in SUBSETS]
    assert found == (*vector["lines"], *in_subset, vector["fold"])


@pytest.mark.parametrize("vector", VECTORS["keys"], ids=lambda vector: vector["name"])
def test_duckdb_agrees_with_the_published_places_by_hash_and_time(vector: dict[str, Any]) -> None:
    spec = DatasetSpec(name="s", model="m", key=("id",), time="moment", split=TIMED_WITH_EMBARGO)
    rows = ", ".join(f"({i}, timestamp '{moment}')" for i, moment in enumerate(MOMENTS.values()))
    period = f"select i, ? as point, {period_sql(spec, TIMED_WITH_EMBARGO)} as period from (values {rows}) t(i, moment)"

    found = (
        duckdb.connect()
        .execute(f"select {by_column_or_time_sql(spec)} from ({period}) order by i", [vector["hash"]])
        .fetchall()
    )

    assert dict(zip(MOMENTS, (place for (place,) in found), strict=True)) == vector["hash_time"]


def test_polars_agrees_with_the_published_lanes_and_lines() -> None:
    frame = polars.DataFrame({"point": [vector["hash"] for vector in POINTS]})
    point = polars.col("point")
    for i, line in enumerate(VECTORS["lines"]):
        place = polars.lit(None, dtype=polars.String)
        for upper, name in reversed(line["line"]):
            place = polars.when(point < upper).then(polars.lit(name)).otherwise(place)
        found = frame.select(place.alias("place"))["place"].to_list()
        assert found == [vector["lines"][i] for vector in POINTS]
    for share, upper in SUBSETS.items():
        held = frame.select(point.str.slice(8, 8) < upper)["point"].to_list()
        assert held == [vector["subset"] is not None and vector["subset"] <= share for vector in POINTS]
    fold = point.str.slice(16, 8).str.to_integer(base=16) * VECTORS["folds"] // 16**8
    assert frame.select(fold)["point"].to_list() == [vector["fold"] for vector in POINTS]


def test_the_line_is_cut_in_the_order_test_dev_train_dev_train() -> None:
    bounds = split_bounds(split_spec())

    assert list(bounds) == ["test", "dev", "train_dev", "train"]
    assert bounds == VECTORS["bounds"]


def test_bounds_are_exact_and_not_the_nearest_binary_number() -> None:
    # 0.1 as a double is a little more than a tenth: 0x1999999999999A00 of 2**64.
    assert bound(Decimal("0.1")) == "1999999999999999"
    assert int(bound(Decimal("0.7")), 16) == int(Fraction(7, 10) * 16**16)
    assert bound(Decimal(1)) == END > "f" * 32


@given(
    st.dictionaries(st.sampled_from(["dev", "test"]), st.integers(1, 400), min_size=1).filter(lambda s: "test" in s),
    st.integers(0, 999),
)
def test_shares_and_bounds_cover_the_whole_line(thousandths: dict[str, int], train_dev: int) -> None:
    shares = {name: share / 1000 for name, share in thousandths.items()}
    shares["train"] = float(1 - sum(Decimal(repr(share)) for share in shares.values()))

    bounds = split_bounds(split_spec(shares=shares, train_dev=train_dev / 1000))

    assert list(bounds.values()) == sorted(bounds.values())
    assert list(bounds)[-1] == "train"
    assert bounds["train"] == END


@given(st.lists(st.text(max_size=5), min_size=2, max_size=3), st.lists(st.text(max_size=5), min_size=2, max_size=3))
def test_different_keys_never_have_the_same_canonical_text(left: list[str], right: list[str]) -> None:
    assert (canonical_key(left) == canonical_key(right)) == (left == right)


@given(st.lists(st.sampled_from(["\\", "\x1f", "\\s", "s", ""]), min_size=2, max_size=2).map(tuple))
def test_separators_and_escapes_within_a_key_collide_with_nothing(key: tuple[str, str]) -> None:
    others = [("\\", "\x1f"), ("\x1f", "\\"), ("\\s", ""), ("", "\\s"), ("\x1f", ""), ("", "\x1f"), ("s", "\\")]

    assert all(canonical_key(other) != canonical_key(key) for other in others if other != key)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.text(max_size=8), st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=20))
def test_duckdb_and_python_agree_on_any_key(keys: list[tuple[str, int]]) -> None:
    keys = [(text.replace("\0", ""), number) for text, number in keys]
    connection = duckdb.connect()
    connection.execute("create table t (a varchar, b bigint)")
    connection.executemany("insert into t values (?, ?)", keys)

    found = connection.execute(f"select {hash_text_sql(['a', 'b'], salt='s')} from t order by rowid").fetchall()

    assert [point for (point,) in found] == [hash_text(key, salt="s") for key in keys]


@given(st.integers(0, 10**6), st.integers(1, 98), st.integers(0, 30))
def test_when_test_grows_no_row_leaves_it(key: int, percent: int, more: int) -> None:
    small, large = percent, min(99, percent + more)

    def where(test: int) -> str:
        shares = {"train": (100 - test) / 100, "test": test / 100}
        return split_of((key,), bounds=split_bounds(split_spec(shares=shares, train_dev=0.0)), salt="s")

    if where(small) == "test":
        assert where(large) == "test"


def test_shares_come_out_as_asked_for() -> None:
    bounds = split_bounds(split_spec())
    count = 50_000
    counts = dict.fromkeys(bounds, 0)
    for key in range(count):
        counts[split_of((key,), bounds=bounds, salt="company")] += 1

    for name, share in {"test": 0.1, "dev": 0.1, "train_dev": 0.04, "train": 0.76}.items():
        # Five standard deviations of a binomial count.
        assert abs(counts[name] - share * count) < 5 * (count * share * (1 - share)) ** 0.5


def test_lanes_are_independent_of_each_other() -> None:
    points = [hash_text((key,), salt="s") for key in range(20_000)]
    lanes = [[lane(point, number) for point in points] for number in (1, 2, 3, 4)]

    assert all(0 <= value < 1 for values in lanes for value in values)
    for i in range(4):
        for j in range(i):
            both = sum(a < 0.5 and b < 0.5 for a, b in zip(lanes[i], lanes[j], strict=True))
            assert abs(both / len(points) - 0.25) < 0.02


def test_a_null_key_is_in_no_split() -> None:
    point = hash_text_sql(["k"], salt="s")

    found = duckdb.connect().execute(f"select {place_sql(point, VECTORS['bounds'])} from (select null::bigint as k)")

    assert found.fetchone() == (None,)


@pytest.mark.parametrize("part", [True, 1.5, None, datetime(2013, 1, 1), b"x"])
def test_what_engines_print_differently_is_no_key(part: Any) -> None:
    with pytest.raises(TypeError, match="cannot be part of a key"):
        canonical_key((part,))


@pytest.mark.parametrize(
    ("type_name", "holds"),
    [
        *(
            (name, True)
            for name in ("BIGINT", "integer", "UTINYINT", "HUGEINT", "VARCHAR", "varchar(10)", "DATE", "uuid")
        ),
        ("ENUM('a', 'b')", True),
        *((name, False) for name in ("DOUBLE", "DECIMAL(18,0)", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "BOOLEAN")),
        *((name, False) for name in ("BIGINT[]", "STRUCT(a BIGINT)", "BLOB", "INTERVAL", "TIME")),
    ],
)
def test_key_types(type_name: str, holds: bool) -> None:
    assert is_key_type(type_name) is holds
