"""Two relations side by side: kinds, categories, exact distances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation
from warehouse.statistics.categories import LISTED_CATEGORIES
from warehouse.statistics.cells import cell_counts, distribution_cells
from warehouse.statistics.kinds import Kind
from warehouse.statistics.pair import ColumnPair, RelationPair, compare_relations

LEFT, RIGHT = Relation.table("l"), Relation.table("r")


def pair_of(engine: LocalEngine, left: str, right: str | None = None) -> RelationPair:
    engine.connection.execute(f"create or replace table l as {left}")
    engine.connection.execute(f"create or replace table r as {right or left}")
    return compare_relations(engine, LEFT, RIGHT)


def columns(pair: RelationPair) -> dict[str, ColumnPair]:
    return {column.name: column for column in pair.columns}


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("i::bigint", Kind.IDENTIFIER),
        ("'K' || i", Kind.IDENTIFIER),
        ("md5(i::varchar)::uuid", Kind.IDENTIFIER),
        ("i * 0.37", Kind.NUMBER),
        ("hash(i) % 100000000", Kind.NUMBER),
        ("(hash(i) % 100000)::decimal(10, 2)", Kind.NUMBER),
        ("i % 7", Kind.DISCRETE),
        ("(i % 7) / 4.0", Kind.DISCRETE),
        ("i % 3 = 0", Kind.BOOLEAN),
        ("'New York ' || (i % 40)", Kind.CATEGORY),
        ("'c' || (hash(i) % 1800)", Kind.CATEGORY),
        ("'the flight ' || i || ' was late because of snow'", Kind.TEXT),
        ("date '2020-01-01' + (i % 300)::int", Kind.TIME),
        ("timestamp '2020-01-01' + to_seconds(i)", Kind.TIME),
        ("time '00:00' + to_seconds(i)", Kind.TIME),
        ("[i]", Kind.LIST),
        ("[[i * 0.5]]", Kind.LIST),
        ("[i * 0.5::double, 1, 2, 3, 4, 5, 6, 7]", Kind.EMBEDDING),
        ("[i * 0.5::double, 1, 2]", Kind.LIST),
        ("case when i > 0 then [i::double, 1, 2, 3, 4, 5, 6, 7] else [] end", Kind.LIST),
        ("null::double[]", Kind.LIST),
        ("[i::float, 1]::float[2]", Kind.EMBEDDING),
        ("[i, 1]::int[2]", Kind.LIST),
        ("{'a': i}", Kind.STRUCT),
        ("map{'a': i}", Kind.MAP),
        ("i::varchar::blob", Kind.OTHER),
        ("to_seconds(i)", Kind.OTHER),
        ("null::integer", Kind.DISCRETE),
        ("null::varchar", Kind.CATEGORY),
    ],
)
def test_kind_of_a_column(engine: LocalEngine, expression: str, kind: Kind) -> None:
    pair = pair_of(engine, f"select {expression} as x from range(2000) as r(i)")

    assert columns(pair)["x"].kind is kind


def test_identifiers_of_a_split_are_found_though_the_split_has_gaps(engine: LocalEngine) -> None:
    pair = pair_of(
        engine,
        "select i as x from range(100000) as r(i) where hash(i) % 10 < 8",
        "select i as x from range(100000) as r(i) where hash(i) % 10 >= 8",
    )

    assert columns(pair)["x"].kind is Kind.IDENTIFIER


def test_columns_that_do_not_meet_are_left_out_with_the_reason(engine: LocalEngine) -> None:
    pair = pair_of(
        engine,
        "select 1 as both, 2 as gone, 3 as changed, 1.5::float as widened",
        "select 1 as both, 'x' as changed, 4 as came, 2 as widened",
    )

    assert set(columns(pair)) == {"both", "widened"}
    assert dict(pair.left_out) == {
        "gone": "only on the left",
        "changed": "its type differs: INTEGER on the left, VARCHAR on the right",
        "came": "only on the right",
    }


def test_categories_are_counted_over_all_rows(engine: LocalEngine) -> None:
    chance = np.random.default_rng(1)
    left, right = chance.zipf(1.3, 20_000) % 3000, chance.zipf(1.3, 5_000) % 3500
    engine.connection.execute("create table l as select 'v' || unnest($v) as x", {"v": left.tolist()})
    engine.connection.execute("create table r as select 'v' || unnest($v) as x", {"v": right.tolist()})

    found = columns(compare_relations(engine, LEFT, RIGHT))["x"].categories

    assert found is not None
    assert len(found.listed) == LISTED_CATEGORIES
    assert sum(category.left_count for category in found.listed) + found.other_left_count == 20_000
    assert sum(category.right_count for category in found.listed) + found.other_right_count == 5_000
    assert found.left_distinct == len(set(left))
    new = set(right) - set(left)
    assert found.new_distinct == len(new)
    assert found.new_rows == sum(value in new for value in right)
    vanished = set(left) - set(right)
    assert found.vanished_distinct == len(vanished)
    assert found.vanished_rows == sum(value in vanished for value in left)
    values, counts = np.unique(left, return_counts=True)
    assert found.left_singletons == (counts == 1).sum()
    assert found.left_pairs == (counts == 2).sum()
    top = found.listed[0]
    assert top.left_count == (left == int(str(top.label)[1:])).sum()
    assert len(values) + found.new_distinct == len(found.listed) + found.other_distinct


def test_category_counts_order_by_rows_of_both_sides(engine: LocalEngine) -> None:
    found = columns(
        pair_of(engine, "select unnest(['a', 'a', 'b', null]) as x", "select unnest(['c', 'c', 'c', 'b']) as x")
    )["x"].categories

    assert found is not None
    assert [(c.label, c.left_count, c.right_count) for c in found.listed] == [("c", 0, 3), ("a", 2, 0), ("b", 1, 1)]
    assert [c.label for c in found.new] == ["c"]
    assert [c.label for c in found.vanished] == ["a"]


def test_a_column_called_like_our_own_names_is_counted(engine: LocalEngine) -> None:
    names = ["value", "list", "left_count", "totals", "label", "left_rows", "listed"]
    sql = "select " + ", ".join(f"'{name}' || (i % 2) as \"{name}\"" for name in names) + " from range(10) as r(i)"

    for name, column in columns(pair_of(engine, sql)).items():
        assert column.categories is not None
        assert [(c.label, c.left_count) for c in column.categories.listed] == [(f"{name}0", 5), (f"{name}1", 5)]


def test_very_long_values_are_cut_for_display_and_counted_apart(engine: LocalEngine) -> None:
    found = columns(pair_of(engine, "select repeat('x', 150) || (i % 2) as x from range(10) as r(i)"))["x"]

    assert found.categories is not None
    assert [c.left_count for c in found.categories.listed] == [5, 5]
    assert all(len(str(c.label)) == 121 for c in found.categories.listed)


@pytest.mark.parametrize("decimals", [0, 2, 15])
def test_exact_distances_are_scipys(engine: LocalEngine, decimals: int) -> None:
    chance = np.random.default_rng(2)
    left, right = np.round(chance.normal(0, 9, 4000), decimals), np.round(chance.normal(1, 9, 900), decimals)
    engine.connection.execute("create table l as select unnest($v || [null, 'nan'::double]) as x", {"v": left.tolist()})
    engine.connection.execute(
        "create table r as select unnest($v || [null, 'inf'::double]) as x", {"v": right.tolist()}
    )

    gap = columns(compare_relations(engine, LEFT, RIGHT))["x"].gap
    binned = columns(compare_relations(engine, LEFT, RIGHT, exact_rows=0))["x"].gap

    assert gap is not None
    assert binned is not None
    statistic = stats.ks_2samp(left, right, method="asymp").statistic
    assert gap.kolmogorov_smirnov == pytest.approx(statistic, abs=1e-12)
    assert gap.kolmogorov_smirnov_error == 0.0
    assert gap.wasserstein == pytest.approx(stats.wasserstein_distance(left, right), rel=1e-9)
    assert binned.kolmogorov_smirnov <= statistic + 1e-12
    assert statistic <= binned.kolmogorov_smirnov + binned.kolmogorov_smirnov_error + 1e-12
    assert abs(binned.wasserstein - gap.wasserstein) <= binned.wasserstein_error


@pytest.mark.parametrize(
    "expression",
    [
        "i * 0.37",
        "i % 5",
        "'c' || (i % 9)",
        "case when i % 4 = 0 then null when i % 4 = 1 then 'nan'::double when i % 4 = 2 then '-inf'::double else i end",
        "null::varchar",
        "timestamp '2020-01-01' + to_days((i % 700)::int)",
        "'text number ' || i || ' which is long enough to be text'",
        "[i]",
        "1.5",
        "'only'",
    ],
)
@pytest.mark.parametrize("rows", [1, 7, 100, 5000])
def test_every_row_is_in_exactly_one_cell(engine: LocalEngine, expression: str, rows: int) -> None:
    pair = columns(
        pair_of(
            engine,
            f"select {expression} as x from range({rows}) as r(i)",
            f"select {expression} as x from range({rows // 2 + 1}) as r(i)",
        )
    )["x"]

    left, right = cell_counts(distribution_cells(pair))

    assert left.sum() == rows
    assert right.sum() == rows // 2 + 1
    expected = (left + right) * min(left.sum(), right.sum()) / (left.sum() + right.sum())
    assert len(left) == 1 or expected.min() >= 5
