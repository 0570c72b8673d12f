"""Facts against numpy and pandas-free Python, on ordinary and on nasty columns."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation
from warehouse.statistics.bins import make_bins
from warehouse.statistics.first_scan import SAMPLE_ROWS, sketch
from warehouse.statistics.kinds import Family, family_of
from warehouse.statistics.profile import (
    Histogram,
    Measured,
    Moments,
    histograms,
)
from warehouse.storage import connect

T = Relation.table("t")


def measured(engine: LocalEngine, relation: Relation = T) -> list[Measured]:
    return [Measured(column.name, family_of(column.type)) for column in engine.columns(relation)]


def test_missing_nan_and_infinities_are_counted_apart(engine: LocalEngine) -> None:
    engine.connection.execute(
        "create table t as select unnest(['1', null, 'nan', 'inf', 'inf', '-inf', '5', null]::double[]) as x"
    )

    found = sketch(engine, T, measured(engine), row_count=8)["x"]

    assert found.missing_count == 2
    assert found.nan_count == 1
    assert found.positive_infinity_count == 2
    assert found.negative_infinity_count == 1
    assert found.finite_count == 2
    assert (found.minimum, found.maximum) == (1.0, 5.0)
    assert set(found.quantiles) == {1.0, 5.0}


def test_infinite_times_are_counted_apart(engine: LocalEngine) -> None:
    engine.connection.execute(
        "create table t as select unnest(['infinity', '-infinity', '2020-01-01', null]::timestamp[]) as x"
    )

    found = sketch(engine, T, measured(engine), row_count=4)["x"]

    assert (found.positive_infinity_count, found.negative_infinity_count) == (1, 1)
    assert (found.missing_count, found.finite_count) == (1, 1)
    assert found.minimum == found.maximum == 1_577_836_800_000_000.0


@pytest.mark.parametrize(
    "type_name",
    [
        *("timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp with time zone", "date", "time"),
        *("tinyint", "hugeint", "uhugeint", "ubigint", "decimal(38, 10)", "float", "double", "boolean", "varchar"),
        *("uuid", "blob", "interval", "integer[]", "struct(a integer)", "map(varchar, integer)", "bit", "integer[3]"),
        *("enum('a', ']')", "json", "time with time zone"),
    ],
)
def test_a_column_of_any_type_without_values_is_all_missing(engine: LocalEngine, type_name: str) -> None:
    engine.connection.execute(f"create table t (x {type_name}); insert into t select null from range(3)")

    found = sketch(engine, T, measured(engine), row_count=3)["x"]

    assert found.missing_count == 3
    assert found.quantiles == ()
    assert found.minimum is None


def test_a_relation_without_rows_has_no_facts(engine: LocalEngine) -> None:
    engine.connection.execute("create table t (x double, y varchar, z boolean)")

    found = sketch(engine, T, measured(engine), row_count=0)

    assert {name: one.present_count for name, one in found.items()} == {"x": 0, "y": 0, "z": 0}


def test_the_largest_numbers_are_profiled(engine: LocalEngine) -> None:
    engine.connection.execute(
        "create table t as select unnest([1.7e308, -1.7e308, 1.7e308]::double[]) as x, "
        "unnest([170141183460469231731687303715884105727, 0, 1]::hugeint[]) as h"
    )
    columns = measured(engine)
    found = sketch(engine, T, columns, row_count=3)
    edges = {
        name: make_bins([one.quantiles], one.extremes, is_time=False, is_whole=False).edges  # type: ignore[union-attr]
        for name, one in found.items()
    }

    counted = histograms(engine, T, columns, edges)

    assert sum(counted["x"].counts) == 3
    assert counted["x"].moments is not None
    assert counted["x"].moments.mean == pytest.approx(1.7e308 / 3, rel=1e-12)
    assert counted["h"].moments is not None
    assert counted["h"].moments.mean == pytest.approx(170141183460469231731687303715884105728 / 3)


def test_moments_are_numpys(engine: LocalEngine) -> None:
    chance = np.random.default_rng(1)
    for values in (chance.normal(0, 1, 2000), chance.normal(1e9, 1e-3, 2000), chance.pareto(0.5, 2000)):
        engine.connection.execute(
            "create or replace table t as select unnest($values) as x", {"values": values.tolist()}
        )
        columns = measured(engine)

        moments = histograms(engine, T, columns, {"x": [float(values.min()), float(values.max())]})["x"].moments

        assert moments is not None
        assert moments.count == 2000
        assert moments.mean == pytest.approx(values.mean(), rel=1e-12)
        assert moments.variance == pytest.approx(values.var(), rel=1e-6)


def test_bins_count_every_finite_value_once(engine: LocalEngine) -> None:
    chance = np.random.default_rng(2)
    values = chance.normal(0, 1, 5000)
    engine.connection.execute("create table t as select unnest($values) as x", {"values": values.tolist()})
    columns = measured(engine)
    found = sketch(engine, T, columns, row_count=5000)["x"]
    bins = make_bins([found.quantiles], found.extremes, is_time=False, is_whole=False)
    assert bins is not None

    counts = histograms(engine, T, columns, {"x": bins.edges})["x"].counts

    expected = np.bincount(np.searchsorted(bins.edges, values, side="left"), minlength=len(bins.edges))
    assert list(counts) == expected.tolist()


def test_the_sample_is_bounded_and_the_same_whatever_the_order(engine: LocalEngine) -> None:
    many = SAMPLE_ROWS * 10
    engine.connection.execute(f"create table t as select i, i * 0.5 as x, 'v' || i as s from range({many}) as r(i)")
    engine.connection.execute("create table u as select * from t order by hash(i)")
    columns = measured(engine)

    first = sketch(engine, T, columns, row_count=many)
    second = sketch(engine, Relation.table("u"), columns, row_count=many)

    assert first["x"].sampled_count == pytest.approx(SAMPLE_ROWS, rel=0.05)
    assert first == second
    assert first["x"].quantiles[100] == pytest.approx(many / 4, rel=0.02)


def test_few_different_rows_do_not_make_a_lopsided_sample(engine: LocalEngine) -> None:
    many = SAMPLE_ROWS * 20
    engine.connection.execute(f"create table t as select (i % 300)::double as x from range({many}) as r(i)")

    found = sketch(engine, T, measured(engine), row_count=many)["x"]

    assert found.sampled_distinct > 100
    assert found.quantiles[100] == pytest.approx(150, abs=40)


def test_hostile_names_are_only_names(engine: LocalEngine) -> None:
    names = ['a "quote"', "it's", "select", "naïve", "Capital", "kept", "number_0", "present_0", "value", "list", "a b"]
    engine.connection.execute(
        "create table t as select "
        + ", ".join(
            f'{index}::double + i as "{name.replace(chr(34), chr(34) * 2)}"' for index, name in enumerate(names)
        )
        + " from range(3) as r(i)"
    )

    found = sketch(engine, T, measured(engine), row_count=3)

    assert {name: one.minimum for name, one in found.items()} == {name: float(i) for i, name in enumerate(names)}
    edges = {name: [float(i), float(i) + 2] for i, name in enumerate(names)}
    assert {name: one.counts for name, one in histograms(engine, T, measured(engine), edges).items()} == (
        dict.fromkeys(names, (1, 2))
    )


def test_wide_tables_are_read_in_parts(engine: LocalEngine) -> None:
    engine.connection.execute("create table t as select " + ", ".join(f"{i} as c{i}" for i in range(500)))

    found = sketch(engine, T, measured(engine), row_count=1)

    assert {name: one.minimum for name, one in found.items()} == {f"c{i}": float(i) for i in range(500)}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1e100, 1e100), min_size=2, max_size=30), st.data())
def test_merged_halves_equal_the_whole(values: list[float], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(values) - 1))
    edges = sorted({0.0, max(values), *values[:3]} - {e for e in values[:3] if e > max(values)})
    column = [Measured("x", Family.REAL)]
    with connect(None) as connection:
        engine = LocalEngine(connection)

        def counted(part: list[float]) -> Histogram:
            connection.execute("create or replace table t as select unnest($v)::double as x", {"v": part})
            return histograms(engine, T, column, {"x": edges})["x"]

        whole, merged = counted(values), counted(values[:cut]).merged(counted(values[cut:]))

    assert merged.counts == whole.counts
    assert whole.moments is not None
    assert merged.moments is not None
    assert merged.moments.count == whole.moments.count
    size = max(abs(value) for value in values) or 1.0
    assert merged.moments.mean == pytest.approx(whole.moments.mean, rel=1e-9, abs=size * 1e-12)
    assert math.sqrt(merged.moments.variance) == pytest.approx(
        # Squares of the tiniest numbers lose their digits.
        math.sqrt(whole.moments.variance),
        abs=max(size * 1e-6, 1e-150),
    )


def test_nothing_merges_with_something() -> None:
    some = Histogram(counts=(1, 2), moments=Moments(count=3, mean=1.0, squares=2.0))
    nothing = Histogram(counts=(0, 0), moments=None)

    assert some.merged(nothing) == some
    assert nothing.merged(some) == some
    assert nothing.merged(nothing) == nothing
