"""Numbers of a comparison against scipy and NumPy: on real flights, and where numbers are at their worst."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from warehouse.checks.drift.comparison import compare
from warehouse.checks.drift.result import ColumnDrift
from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation
from warehouse.statistics.cells import cell_counts, distribution_cells
from warehouse.statistics.cumulative import CumulativeGap
from warehouse.statistics.distance import measure_jensen_shannon
from warehouse.statistics.kinds import Kind
from warehouse.statistics.pair import ColumnPair, RelationPair, compare_relations
from warehouse.storage import connect

FLIGHTS = Path(__file__).parents[2] / "data/nycflights13/flights"
LEFT, RIGHT = Relation.table("l"), Relation.table("r")
EXACT = 1e-9


@pytest.fixture(scope="module")
def flights() -> Iterator[LocalEngine]:
    with connect(None) as connection:
        files = f"read_parquet('{FLIGHTS}/*.parquet')"
        connection.execute(f"create table l as from {files} where month <= 8")
        connection.execute(f"create table r as from {files} where month > 8")
        yield LocalEngine(connection)


@pytest.fixture(scope="module")
def flight_facts(flights: LocalEngine) -> RelationPair:
    return compare_relations(flights, LEFT, RIGHT, kinds={"flight": Kind.NUMBER})


@pytest.fixture(scope="module")
def flight_columns(flights: LocalEngine) -> dict[str, ColumnDrift]:
    result = compare(flights, LEFT, RIGHT, left_name="left", right_name="right")
    return {column.name: column for column in result.columns}


def values_of(engine: LocalEngine, table: str, expression: str) -> np.ndarray:
    sql = f"select cast({expression} as double) as x from {table} where isfinite(cast({expression} as double))"
    return np.asarray(engine.connection.execute(sql).fetchnumpy()["x"], dtype=float)


def number_sql(pair: ColumnPair) -> str:
    return f'epoch_us("{pair.name}")' if pair.kind is Kind.TIME else f'"{pair.name}"'


def with_numbers(facts: RelationPair) -> list[ColumnPair]:
    return [pair for pair in facts.columns if pair.kind in (Kind.NUMBER, Kind.DISCRETE, Kind.TIME)]


def test_cumulative_gaps_of_flights_are_scipys(flights: LocalEngine, flight_facts: RelationPair) -> None:
    pairs = with_numbers(flight_facts)
    assert len(pairs) >= 10
    for pair in pairs:
        left, right = (values_of(flights, table, number_sql(pair)) for table in ("l", "r"))
        assert pair.gap is not None
        assert pair.gap.kolmogorov_smirnov == pytest.approx(
            stats.ks_2samp(left, right, method="asymp").statistic, abs=EXACT
        )
        # Of times, scipy's own sum loses digits: microseconds since 1970 are large.
        rel = 1e-6 if pair.kind is Kind.TIME else EXACT
        assert pair.gap.wasserstein == pytest.approx(stats.wasserstein_distance(left, right), rel=rel, abs=EXACT)


def test_binned_gaps_of_flights_are_right_within_their_error(flights: LocalEngine, flight_facts: RelationPair) -> None:
    binned = {pair.name: pair.gap for pair in compare_relations(flights, LEFT, RIGHT, exact_rows=0).columns}
    for pair in with_numbers(flight_facts):
        exact, rough = pair.gap, binned[pair.name]
        if rough is None or exact is None:
            continue
        assert rough.kolmogorov_smirnov <= exact.kolmogorov_smirnov + EXACT, pair.name
        assert exact.kolmogorov_smirnov <= rough.kolmogorov_smirnov + rough.kolmogorov_smirnov_error + EXACT
        assert rough.kolmogorov_smirnov_error < 0.02
        assert abs(rough.wasserstein - exact.wasserstein) <= rough.wasserstein_error + EXACT, pair.name


def test_means_of_flights_are_numpys(
    flights: LocalEngine, flight_facts: RelationPair, flight_columns: dict[str, ColumnDrift]
) -> None:
    for pair in with_numbers(flight_facts):
        if pair.name not in flight_columns or pair.kind is Kind.TIME:
            continue
        left, right = (values_of(flights, table, number_sql(pair)) for table in ("l", "r"))
        measures = flight_columns[pair.name].measures
        assert measures is not None
        spread = math.sqrt((left.var() + right.var()) / 2)
        if not spread:
            continue
        expected = (right.mean() - left.mean()) / spread
        assert measures.standardised_mean_difference == pytest.approx(expected, rel=EXACT, abs=EXACT)
        assert flight_columns[pair.name].left.mean == pytest.approx(left.mean(), rel=EXACT)
        assert flight_columns[pair.name].right.standard_deviation == pytest.approx(right.std(), rel=EXACT)


def test_distances_of_flights_are_scipys_on_counts_of_ones_own(
    flights: LocalEngine, flight_facts: RelationPair
) -> None:
    for pair in flight_facts.columns:
        if pair.kind is Kind.IDENTIFIER:
            continue
        cells = distribution_cells(pair)
        left, right = cell_counts(cells)
        # Bins are counted again by NumPy, from the values; categories by their own equality.
        for cell in cells:
            if isinstance(cell.label, tuple):
                low, high = cell.label
                for table, count in (("l", cell.left_count), ("r", cell.right_count)):
                    values = values_of(flights, table, number_sql(pair))
                    first = cell is cells[0]
                    assert ((values > low) | (first & (values == low))).sum() - (values > high).sum() == count
        measured = measure_jensen_shannon(left, right)
        assert measured.distance**2 == pytest.approx(jensenshannon(left, right, base=2) ** 2, abs=EXACT)
        if len(left) > 1:
            expected = stats.chi2_contingency(np.array([left, right]), correction=False).pvalue
            assert measured.p_value == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_shares_of_flights_are_those_of_scipys_distance(
    flight_facts: RelationPair, flight_columns: dict[str, ColumnDrift]
) -> None:
    for pair in flight_facts.columns:
        column = flight_columns.get(pair.name)
        if column is None or column.measures is None or column.kind is not pair.kind:
            continue
        left, right = cell_counts(distribution_cells(pair))
        p, q = left / left.sum(), right / right.sum()
        assert column.measures.total_variation == pytest.approx(np.abs(p - q).sum() / 2, rel=EXACT, abs=EXACT)
        assert column.measures.largest_change == pytest.approx(np.abs(p - q).max(), rel=EXACT, abs=EXACT)
        assert column.measures.jensen_shannon**2 == pytest.approx(jensenshannon(p, q, base=2) ** 2, abs=EXACT)


def gap_of(engine: LocalEngine, left: str, right: str, **options: Any) -> ColumnPair:
    engine.connection.execute(f"create or replace table l as {left}")
    engine.connection.execute(f"create or replace table r as {right}")
    return compare_relations(engine, LEFT, RIGHT, **options).columns[0]


def known(gap: CumulativeGap | None) -> CumulativeGap:
    assert gap is not None
    return gap


@pytest.mark.parametrize("exact_rows", [0, 10_000_000], ids=["bins", "all rows"])
@pytest.mark.parametrize(
    ("left", "right", "kind"),
    [
        ("select 1.5 as x", "select 2.5 as x", Kind.DISCRETE),
        ("select 7 as x from range(500)", "select 7 as x from range(30)", Kind.DISCRETE),
        ("select i % 9 as x from range(1000) as t(i)", "select i % 7 as x from range(310) as t(i)", Kind.DISCRETE),
        (
            "select unnest(['nan'::double, 'inf', '-inf', null, 1, 2, 3.5]) as x from range(50)",
            "select unnest([2::double, 'inf', 9.25]) as x from range(70)",
            Kind.DISCRETE,
        ),
        (
            "select 9007199254740992 + i * 4096 as x from range(3000) as t(i)",
            "select 9007199254740992 + i * 5120 as x from range(1000) as t(i)",
            Kind.NUMBER,
        ),
        (
            "select i::hugeint * 100000000000000000000 + i as x from range(3000) as t(i)",
            "select i::hugeint * 130000000000000000000 as x from range(1000) as t(i)",
            Kind.NUMBER,
        ),
        (
            "select i * 1e300 - 1e303 as x from range(2000) as t(i)",
            "select i * 1.3e300 as x from range(1500) as t(i)",
            Kind.NUMBER,
        ),
        (
            "select i * 1e-300 as x from range(2000) as t(i)",
            "select i * 2e-300 as x from range(900) as t(i)",
            Kind.NUMBER,
        ),
        (
            "select (i * 7919 % 100003)::decimal(12, 3) / 8 as x from range(4000) as t(i)",
            "select (i * 104729 % 100003)::decimal(12, 3) / 8 as x from range(999) as t(i)",
            Kind.NUMBER,
        ),
    ],
    ids=["one row", "constant", "few values", "not finite", "huge integers", "hugeint", "huge", "tiny", "decimal"],
)
def test_cumulative_gaps_are_scipys_where_numbers_are_at_their_worst(
    engine: LocalEngine, left: str, right: str, kind: Kind, exact_rows: int
) -> None:
    pair = gap_of(engine, left, right, exact_rows=exact_rows, kinds={"x": kind})

    a, b = values_of(engine, "l", "x"), values_of(engine, "r", "x")
    gap = known(pair.gap)
    with np.errstate(all="ignore"):
        statistic = stats.ks_2samp(a, b, method="asymp").statistic
    # scipy's sums overflow near the largest doubles.
    scale = 2.0**1000 if np.abs(a).max() > 1e200 else 1.0
    area = stats.wasserstein_distance(a / scale, b / scale) * scale
    assert pair.kind is kind
    if exact_rows:
        assert gap.kolmogorov_smirnov == pytest.approx(statistic, abs=EXACT)
        assert gap.wasserstein == pytest.approx(area, rel=EXACT)
    assert gap.kolmogorov_smirnov - EXACT <= statistic <= gap.kolmogorov_smirnov + gap.kolmogorov_smirnov_error + EXACT
    assert abs(gap.wasserstein - area) <= gap.wasserstein_error + EXACT * area
    assert pair.left_histogram is not None
    assert pair.left_histogram.moments is not None
    assert pair.left_histogram.moments.mean == pytest.approx(float((a / scale).mean()) * scale, rel=EXACT)
    if 1e-100 < np.abs(a).max() < 1e100:
        # Squares of the others are beyond doubles.
        assert math.sqrt(pair.left_histogram.moments.variance) == pytest.approx(float(a.std()), rel=EXACT, abs=EXACT)


@pytest.mark.parametrize("exact_rows", [0, 10_000_000], ids=["bins", "all rows"])
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("select i * 0.5 as x from range(100) as t(i)", "select 1.5 as x limit 0"),
        ("select null::double as x from range(100)", "select i * 0.5 as x from range(100) as t(i)"),
        ("select 'nan'::double as x from range(100)", "select 'inf'::double as x from range(100)"),
    ],
    ids=["empty side", "all null", "nothing finite"],
)
def test_a_side_without_numbers_has_no_gap(engine: LocalEngine, left: str, right: str, exact_rows: int) -> None:
    assert gap_of(engine, left, right, exact_rows=exact_rows).gap is None


def test_times_with_zones_are_compared_as_instants(engine: LocalEngine) -> None:
    engine.connection.execute("set timezone = 'Pacific/Auckland'")
    pair = gap_of(
        engine,
        "select timestamptz '2024-03-01 00:00:00+00' + to_hours(i) as x from range(500) as t(i)",
        "select timestamptz '2024-03-01 05:00:00+05' + to_hours(i + 24) as x from range(500) as t(i)",
    )

    assert pair.kind is Kind.TIME
    assert known(pair.gap).wasserstein == pytest.approx(86_400e6)


@pytest.mark.parametrize("name", ["東京", "São Paulo", "مرحبا", "🙂", "", "NULL", " "])
def test_categories_in_any_script_are_counted_as_they_are(engine: LocalEngine, name: str) -> None:
    engine.connection.execute("create table l as select unnest([$n, $n, 'other', null]) as x", {"n": name})
    engine.connection.execute("create table r as select unnest([$n, 'other', 'other', 'other']) as x", {"n": name})

    categories = compare_relations(engine, LEFT, RIGHT).columns[0].categories

    assert categories is not None
    assert {c.label: (c.left_count, c.right_count) for c in categories.listed} == {name: (2, 1), "other": (1, 3)}


def test_booleans_are_a_two_by_two_table(engine: LocalEngine) -> None:
    pair = gap_of(
        engine,
        "select i % 3 = 0 as x from range(900) as t(i)",
        "select i % 4 = 0 as x from range(800) as t(i)",
    )

    measured = measure_jensen_shannon(*cell_counts(distribution_cells(pair)))
    expected = stats.chi2_contingency([[300, 600], [200, 600]], correction=False).pvalue
    assert measured.p_value == pytest.approx(expected, rel=EXACT)


@pytest.mark.parametrize("kind", [Kind.DISCRETE], ids=["discrete"])
def test_few_numbers_are_counted_alike_in_memory_and_by_the_engine(engine: LocalEngine, kind: Kind) -> None:
    tables = (
        "select unnest([-0.0::double, 0, 1, 1, 2, 'nan', 'inf', null]) as x from range(40)",
        "select unnest([0::double, 3, 3, 2, null]) as x from range(30)",
    )
    in_memory = gap_of(engine, *tables, kinds={"x": kind})
    by_engine = gap_of(engine, *tables, kinds={"x": kind}, exact_rows=0)

    assert in_memory.categories == by_engine.categories
    assert in_memory.left_histogram is not None
    assert by_engine.left_histogram is not None
    assert in_memory.left_histogram.counts == by_engine.left_histogram.counts


def excursions(engine: LocalEngine, left: str, right: str) -> tuple[float | None, ...]:
    engine.connection.execute(f"create or replace table l as {left}")
    engine.connection.execute(f"create or replace table r as {right}")
    (column,) = compare(engine, LEFT, RIGHT, left_name="left", right_name="right").columns
    measures = column.measures
    assert measures is not None
    return (
        measures.below_minimum_share,
        measures.above_maximum_share,
        measures.below_usual_share,
        measures.above_usual_share,
    )


@pytest.mark.parametrize(
    ("expression", "shift"),
    [("{} * 0.25 + 1e-3", "400"), ("{}::integer % 40", "5"), ("timestamp '2020-01-01' + to_minutes({})", "1440")],
    ids=["number", "discrete", "time"],
)
def test_rows_outside_the_left_range_are_counted(engine: LocalEngine, expression: str, shift: str) -> None:
    number = expression.format("(i * 7919 % 20011)")
    moved = f"{number} + " + (f"to_minutes({shift})" if "timestamp" in expression else shift)
    left = f"select {number} as x from range(20000) as t(i)"
    right = f"select {moved} as x from range(3000, 8000) as t(i)"

    found = excursions(engine, left, right)

    low, high, n = engine.connection.execute("select min(x), max(x), count(*) from l").fetchall()[0]
    below, above = engine.connection.execute(
        "select avg((x < $low)::int), avg((x > $high)::int) from r", {"low": low, "high": high}
    ).fetchall()[0]
    assert found[:2] == (pytest.approx(below, abs=1e-12), pytest.approx(above, abs=1e-12))
    assert above > 0
    q_low, q_high = engine.connection.execute(
        f"select quantile_disc(x, 0.001), quantile_disc(x, 0.999) from l where {n} > 0"
    ).fetchall()[0]
    usual_below, usual_above = engine.connection.execute(
        "select avg((x < $low)::int), avg((x > $high)::int) from r", {"low": q_low, "high": q_high}
    ).fetchall()[0]
    assert found[2:] == (pytest.approx(usual_below, abs=1e-3), pytest.approx(usual_above, abs=1e-3))


def test_what_has_no_range_has_no_excursions(engine: LocalEngine) -> None:
    assert excursions(engine, "select 'a' as x from range(9)", "select 'b' as x from range(9)") == (None,) * 4
    assert excursions(engine, "select null::double as x from range(9)", "select 1.5 as x from range(9)") == (None,) * 4
