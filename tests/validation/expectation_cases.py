"""Expectations with known answers, worked out by hand: for every core type one that holds and one that fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from warehouse.findings import Severity
from warehouse.validation import Expectation, Suite

TABLES = """
create table facts as
select
    i as id,
    case when i < 10 then i end as n,
    i * 1.5::double as x,
    (i * 0.10)::decimal(10, 2) as d,
    ['N1', 'N22', 'N333', 'x', '', 'Ünïcode', 'N1', 'a%b', 'a_b', null][i] as s,
    date '2013-01-01' + (i - 1)::integer as day,
    timestamp '2013-01-01 00:00:00' + to_hours(i) as at,
    timestamptz '2013-01-01 00:00:00+00' + to_hours(i) as tz,
    i % 2 = 0 as flag,
    null::integer as nothing,
    [i, i + 1] as items,
    {'a': i, 'b': 'x'} as pair,
    (i % 2)::integer as two,
    (i % 3)::integer as three,
    (i % 5)::integer as five,
    case when i = 10 then 'no' else '{"a": ' || i || '}' end as js,
    case when i = 10 then 'soon' else '2013-01-0' || i end as stamp,
    i * 1000000000000000::hugeint as big,
    ['1', '2', 'nan', 'inf', '-inf', '3', '4', '5', '6', null][i]::double as odd,
    case when i = 10 then 1000.0 else i end as spiked,
    case when i <= 4 then 'often' else 'rare' || i end as word,
    7 as constant,
    'x' || i as text_id,
from range(1, 11) as r(i);

create table "We ""ird.Table" as
select
    i as "select",
    i * 2 as "a b",
    i % 2 as "quo""te",
    'v' || i as "it's",
    i as "é",
    i + 1 as "Order",
    i as "unexpected_count",
    i as "a.b",
    i as "50%",
    i as ":bound",
    i as "<b>",
from range(1, 6) as r(i);

create table nobody (n integer, s varchar);
create table alone as select 5 as n, 'one' as s, 2.5::double as x;
create table copy as select id from facts;
create view seen as select id, n from facts where id > 2;
"""
HOSTILE = 'We "ird.Table'
NULLS = {"ignore_row_if": "either_value_is_missing"}


@dataclass(frozen=True)
class Case:
    """One expectation, and what it must find."""

    type: str
    arguments: dict[str, Any]
    success: bool
    unexpected: int | None = None
    observed: Any = field(default=...)
    table: str = "facts"

    @property
    def name(self) -> str:
        """For the test's id."""
        words = ",".join(f"{key}={value}" for key, value in self.arguments.items())
        return f"{self.table}:{self.type.removeprefix('expect_')}({words})"[:110]


def case(type_name: str, success: bool, unexpected: int | None = None, table: str = "facts", **arguments: Any) -> Case:
    observed = arguments.pop("observed", ...)
    return Case(f"expect_{type_name}", arguments, success, unexpected, observed, table)


def both(type_name: str, right: dict[str, Any], wrong: dict[str, Any], **common: Any) -> list[Case]:
    """One that holds, one that fails, told apart by these arguments."""
    return [case(type_name, True, **common, **right), case(type_name, False, **common, **wrong)]


VALUES = [
    # between, over every type that has an order
    case("column_values_to_be_between", True, 0, column="n", min_value=1, max_value=9),
    case("column_values_to_be_between", False, 4, column="n", min_value=2, max_value=6),
    case(
        "column_values_to_be_between", False, 2, column="n", min_value=1, max_value=9, strict_min=True, strict_max=True
    ),
    case("column_values_to_be_between", True, 1, column="n", min_value=2, mostly=0.8),
    case("column_values_to_be_between", False, 1, column="n", min_value=2, mostly=0.9),
    case("column_values_to_be_between", True, 0, column="x", min_value=1.5, max_value=15),
    case("column_values_to_be_between", False, 1, column="x", min_value=1.5, max_value=14.9),
    case("column_values_to_be_between", True, 0, column="d", min_value=0.1, max_value=1),
    case("column_values_to_be_between", False, 2, column="d", min_value=0.3),
    case("column_values_to_be_between", True, 0, column="day", min_value=date(2013, 1, 1), max_value=date(2013, 1, 10)),
    case("column_values_to_be_between", False, 3, column="day", max_value=date(2013, 1, 7)),
    case("column_values_to_be_between", True, 0, column="at", min_value=datetime(2013, 1, 1, 1)),
    case("column_values_to_be_between", False, 5, column="at", max_value=datetime(2013, 1, 1, 5)),
    case("column_values_to_be_between", True, 0, column="tz", max_value=datetime(2013, 1, 1, 10)),
    case("column_values_to_be_between", False, 1, column="tz", max_value=datetime(2013, 1, 1, 10), strict_max=True),
    case("column_values_to_be_between", False, 8, column="big", max_value=2e15),
    case("column_values_to_be_between", True, 0, column="nothing", min_value=1),
    # NaN is the greatest number of all in DuckDB
    case("column_values_to_be_between", False, 3, column="odd", min_value=0, max_value=10),
    case("column_values_to_be_between", True, 0, table="nobody", column="n", min_value=1),
    case("column_values_to_be_between", True, 0, table="alone", column="n", min_value=5, max_value=5),
    case("column_values_to_be_between", False, 1, table="alone", column="x", min_value=3),
    # sets
    case("column_values_to_be_in_set", True, 0, column="two", value_set=[0, 1]),
    case("column_values_to_be_in_set", False, 5, column="two", value_set=[0]),
    case("column_values_to_be_in_set", False, 7, column="s", value_set=["N1"]),
    case("column_values_to_be_in_set", True, 0, column="flag", value_set=[True, False]),
    case("column_values_to_be_in_set", False, 5, column="flag", value_set=[True]),
    case("column_values_to_be_in_set", False, 9, column="day", value_set=[date(2013, 1, 1)]),
    case("column_values_to_be_in_set", False, 8, column="d", value_set=[0.1, 0.2]),
    case("column_values_to_not_be_in_set", True, 0, column="two", value_set=[2, 3]),
    case("column_values_to_not_be_in_set", False, 2, column="s", value_set=["N1", "nowhere"]),
    case("column_distinct_values_to_be_in_set", True, column="three", value_set=[0, 1, 2, 3]),
    case("column_distinct_values_to_be_in_set", False, column="three", value_set=[0, 1]),
    case("column_distinct_values_to_contain_set", True, column="three", value_set=[0, 1]),
    case("column_distinct_values_to_contain_set", False, column="three", value_set=[0, 7]),
    case("column_distinct_values_to_equal_set", True, column="three", value_set=[0, 1, 2]),
    case("column_distinct_values_to_equal_set", False, column="three", value_set=[0, 1]),
    case("column_distinct_values_to_equal_set", False, column="three", value_set=[0, 1, 2, 3]),
    case("column_most_common_value_to_be_in_set", True, column="word", value_set=["often"], observed=["often"]),
    case("column_most_common_value_to_be_in_set", False, column="word", value_set=["rare5"]),
    case("column_most_common_value_to_be_in_set", False, column="two", value_set=[0], observed=[0, 1]),
    case("column_most_common_value_to_be_in_set", True, column="two", value_set=[0], ties_okay=True),
    # nulls and uniqueness
    case("column_values_to_not_be_null", True, 0, column="id"),
    case("column_values_to_not_be_null", False, 1, column="n"),
    case("column_values_to_not_be_null", True, 1, column="n", mostly=0.9),
    case("column_values_to_not_be_null", True, 0, column="items"),
    case("column_values_to_not_be_null", True, 0, column="pair"),
    case("column_values_to_be_null", True, 0, column="nothing"),
    case("column_values_to_be_null", False, 9, column="n"),
    case("column_values_to_be_unique", True, 0, column="n"),
    case("column_values_to_be_unique", False, 2, column="s"),
    case("column_values_to_be_unique", False, 10, column="two"),
    case("column_values_to_be_unique", True, 0, column="items"),
    case("column_values_to_be_unique", True, 0, column="pair"),
    case("column_values_to_be_unique", False, 10, column="constant"),
    case("column_values_to_be_unique", True, 0, column="nothing"),
    case("compound_columns_to_be_unique", True, 0, column_list=["two", "five"]),
    case("compound_columns_to_be_unique", False, 8, column_list=["two", "three"]),
    case("compound_columns_to_be_unique", True, 8, column_list=["two", "three"], mostly=0.2),
    case("select_column_values_to_be_unique_within_record", True, 0, column_list=["id", "x", "big"]),
    case("select_column_values_to_be_unique_within_record", False, 9, column_list=["id", "n"]),
    # text
    case("column_value_lengths_to_be_between", True, 0, column="s", min_value=0, max_value=7),
    case("column_value_lengths_to_be_between", False, 2, column="s", min_value=1, max_value=6),
    case("column_value_lengths_to_equal", True, 1, column="stamp", value=10, mostly=0.9),
    case("column_value_lengths_to_equal", False, 1, column="stamp", value=10),
    case("column_values_to_match_regex", True, 0, column="stamp", regex="^(2013-01-0[1-9]|soon)$"),
    case("column_values_to_match_regex", False, 5, column="s", regex="^N[0-9]+$"),
    case("column_values_to_not_match_regex", True, 0, column="s", regex="[A-M]"),
    case("column_values_to_not_match_regex", False, 4, column="s", regex="^N"),
    case("column_values_to_match_regex_list", True, 0, column="s", regex_list=["^N", "^[xa]", "^$", "Ü"]),
    case("column_values_to_match_regex_list", False, 4, column="s", regex_list=["^N", "x"], match_on="any"),
    case("column_values_to_match_regex_list", False, 8, column="s", regex_list=["^N", "2"], match_on="all"),
    case("column_values_to_not_match_regex_list", True, 0, column="s", regex_list=["^Z", "^Q"]),
    case("column_values_to_not_match_regex_list", False, 5, column="s", regex_list=["^N", "x"]),
    case("column_values_to_match_like_pattern", True, 0, column="js", like_pattern="%", mostly=1),
    case("column_values_to_match_like_pattern", False, 5, column="s", like_pattern="N%"),
    case("column_values_to_match_like_pattern", False, 8, column="s", like_pattern="%!%%", escape="!"),
    case("column_values_to_not_match_like_pattern", True, 0, column="s", like_pattern="Z%"),
    case("column_values_to_not_match_like_pattern", False, 4, column="s", like_pattern="N%"),
    case(
        "column_values_to_match_like_pattern_list", True, 0, column="s", like_pattern_list=["N%", "_", "", "Ü%", "a%"]
    ),
    case(
        "column_values_to_match_like_pattern_list", False, 8, column="s", like_pattern_list=["N%", "%2"], match_on="all"
    ),
    case("column_values_to_not_match_like_pattern_list", True, 0, column="s", like_pattern_list=["Z%", "Q%"]),
    case("column_values_to_not_match_like_pattern_list", False, 5, column="s", like_pattern_list=["N%", "x"]),
    case("column_values_to_match_strftime_format", False, 1, column="stamp", strftime_format="%Y-%m-%d"),
    case("column_values_to_match_strftime_format", True, 1, column="stamp", strftime_format="%Y-%m-%d", mostly=0.9),
    case("column_values_to_be_json_parseable", False, 1, column="js"),
    case("column_values_to_be_json_parseable", True, 1, column="js", mostly=0.9),
    # outliers: of 1..9 and 1000 the quartiles are 3.25 and 7.75; the z-score of 1000 is 2.846
    case("column_value_z_scores_to_be_less_than", True, 0, column="spiked", threshold=3, double_sided=True),
    case("column_value_z_scores_to_be_less_than", False, 1, column="spiked", threshold=2.8, double_sided=True),
    case("column_values_to_not_be_outliers", True, 0, column="x"),
    case("column_values_to_not_be_outliers", False, 1, column="spiked"),
    case("column_values_to_not_be_outliers", False, 1, column="spiked", method="std", multiplier=2),
    case("column_values_to_not_be_outliers", True, 0, column="spiked", method="std", multiplier=3),
    case("column_values_to_not_be_outliers", True, 0, column="nothing"),
]
TYPES = [
    *both("column_values_to_be_of_type", {"type_": "BIGINT"}, {"type_": "VARCHAR"}, column="id"),
    *both("column_values_to_be_of_type", {"type_": "DECIMAL"}, {"type_": "DOUBLE"}, column="d"),
    *both("column_values_to_be_of_type", {"type_": "decimal(10, 2)"}, {"type_": "DECIMAL(10,3)"}, column="d"),
    *both("column_values_to_be_of_type", {"type_": "LIST"}, {"type_": "STRUCT"}, column="items"),
    *both("column_values_to_be_of_type", {"type_": "BIGINT[]"}, {"type_": "VARCHAR[]"}, column="items"),
    *both("column_values_to_be_of_type", {"type_": "STRUCT"}, {"type_": "MAP"}, column="pair"),
    *both("column_values_to_be_of_type", {"type_": "TIMESTAMPTZ"}, {"type_": "TIMESTAMP"}, column="tz"),
    *both("column_values_to_be_of_type", {"type_": "text"}, {"type_": "int"}, column="s"),
    *both(
        "column_values_to_be_in_type_list", {"type_list": ["DATE", "TIMESTAMP"]}, {"type_list": ["TIME"]}, column="day"
    ),
    *both(
        "column_values_to_be_in_type_list", {"type_list": ["BOOL"]}, {"type_list": ["INTEGER", "DOUBLE"]}, column="flag"
    ),
    *both("column_type_to_be", {"type_": "DOUBLE"}, {"type_": "FLOAT"}, column="x"),
    *both("column_type_to_be", {"type_": "INTEGER"}, {"type_": "BIGINT"}, column="nothing"),
]
AGGREGATES = [
    *both("column_min_to_be_between", {"min_value": 1, "max_value": 1}, {"min_value": 2}, column="n", observed=1),
    *both("column_min_to_be_between", {"min_value": date(2013, 1, 1)}, {"min_value": date(2013, 1, 2)}, column="day"),
    *both("column_max_to_be_between", {"max_value": 9}, {"max_value": 9, "strict_max": True}, column="n", observed=9),
    *both(
        "column_max_to_be_between",
        {"max_value": datetime(2013, 1, 1, 10)},
        {"max_value": datetime(2013, 1, 1, 9)},
        column="at",
    ),
    *both("column_mean_to_be_between", {"min_value": 5, "max_value": 5}, {"min_value": 5.1}, column="n", observed=5.0),
    *both("column_mean_to_be_between", {"min_value": 8.25}, {"max_value": 8}, column="x", observed=8.25),
    *both("column_mean_to_be_between", {"min_value": 0.549, "max_value": 0.551}, {"max_value": 0.5}, column="d"),
    *both("column_median_to_be_between", {"min_value": 5, "max_value": 5}, {"max_value": 4}, column="n", observed=5.0),
    *both("column_median_to_be_between", {"min_value": 8.25}, {"min_value": 8.3}, column="x", observed=8.25),
    *both("column_median_to_be_between", {"min_value": 0.549, "max_value": 0.551}, {"max_value": 0.5}, column="d"),
    *both("column_median_to_be_between", {"min_value": 5.5}, {"max_value": 5}, column="spiked", observed=5.5),
    *both("column_stdev_to_be_between", {"min_value": 2.73, "max_value": 2.74}, {"max_value": 2.7}, column="n"),
    *both("column_stdev_to_be_between", {"max_value": 0}, {"min_value": 0.1}, column="constant", observed=0.0),
    *both("column_sum_to_be_between", {"min_value": 45, "max_value": 45}, {"min_value": 46}, column="n", observed=45),
    *both("column_sum_to_be_between", {"min_value": 5.49, "max_value": 5.51}, {"max_value": 5.4}, column="d"),
    *both("column_unique_value_count_to_be_between", {"min_value": 8}, {"max_value": 7}, column="s", observed=8),
    *both("column_unique_value_count_to_be_between", {"max_value": 0}, {"min_value": 1}, column="nothing", observed=0),
    *both(
        "column_proportion_of_unique_values_to_be_between",
        {"min_value": 0.2, "max_value": 0.2},
        {"min_value": 0.3},
        column="two",
        observed=0.2,
    ),
    *both(
        "column_proportion_of_non_null_values_to_be_between",
        {"min_value": 0.9},
        {"min_value": 0.95},
        column="n",
        observed=0.9,
    ),
    *both(
        "column_quantile_values_to_be_between",
        {"quantile_ranges": {"quantiles": [0.0, 0.5, 1.0], "value_ranges": [[1, 1], [5, 5], [9, None]]}},
        {"quantile_ranges": {"quantiles": [0.5], "value_ranges": [[6, 9]]}},
        column="n",
    ),
    case(
        "column_quantile_values_to_be_between",
        False,
        column="nothing",
        quantile_ranges={"quantiles": [0.1, 0.9], "value_ranges": [[None, 1], [0, None]]},
    ),
    *both(
        "column_kl_divergence_to_be_less_than",
        {"partition_object": {"values": [0, 1], "weights": [0.5, 0.5]}},
        {"partition_object": {"values": [0, 1], "weights": [0.9, 0.1]}},
        column="two",
        threshold=0.01,
    ),
    *both(
        "column_kl_divergence_to_be_less_than",
        {"partition_object": {"bins": [0, 5, 10], "weights": [0.4444444444, 0.5555555556]}},
        {"partition_object": {"bins": [0, 5, 10], "weights": [0.99, 0.01]}},
        column="n",
        threshold=0.01,
    ),
    # an aggregate of nothing is nothing, and meets no bound
    case("column_mean_to_be_between", False, column="nothing", min_value=0),
    case("column_median_to_be_between", False, column="nothing", min_value=0),
    case("column_sum_to_be_between", False, table="nobody", column="n", min_value=0),
    case("column_stdev_to_be_between", False, table="alone", column="n", min_value=0),
    case("column_median_to_be_between", True, table="alone", column="n", min_value=5, max_value=5),
]
ROWS = [
    case("column_pair_values_a_to_be_greater_than_b", True, 0, column_A="x", column_B="id"),
    case("column_pair_values_a_to_be_greater_than_b", False, 10, column_A="id", column_B="x"),
    case("column_pair_values_a_to_be_greater_than_b", True, 0, column_A="id", column_B="n", or_equal=True, **NULLS),
    case("column_pair_values_a_to_be_greater_than_b", False, 9, column_A="id", column_B="n", **NULLS),
    case("column_pair_values_a_to_be_greater_than_b", False, 9, column_A="at", column_B="day"),
    case("column_pair_values_to_be_equal", True, 0, column_A="id", column_B="n", **NULLS),
    case("column_pair_values_to_be_equal", False, 1, column_A="id", column_B="n"),
    case(
        "column_pair_values_to_be_in_set",
        True,
        0,
        column_A="two",
        column_B="flag",
        value_pairs_set=[[0, True], [1, False]],
    ),
    case("column_pair_values_to_be_in_set", False, 5, column_A="two", column_B="flag", value_pairs_set=[[0, True]]),
    case("multicolumn_sum_to_equal", True, 9, column_list=["id", "x"], sum_total=25.0, mostly=0.1),
    case("multicolumn_sum_to_equal", False, 9, column_list=["id", "x"], sum_total=25.0),
    case("multicolumn_values_to_be_equal", True, 0, column_list=["id", "id"]),
    case("multicolumn_values_to_be_equal", False, 1, column_list=["id", "n"]),
]
TABLE = [
    *both("table_row_count_to_equal", {"value": 10}, {"value": 11}, observed=10),
    *both("table_row_count_to_be_between", {"min_value": 10, "max_value": 10}, {"min_value": 11}, observed=10),
    *both("table_row_count_to_equal_other_table", {"other_table_name": "copy"}, {"other_table_name": "alone"}),
    *both("table_column_count_to_equal", {"value": 23}, {"value": 2}, observed=23),
    *both("table_column_count_to_be_between", {"min_value": 23, "max_value": 23}, {"max_value": 22}, observed=23),
    *both("column_to_exist", {"column": "tz"}, {"column": "nowhere"}),
    *both("column_to_exist", {"column": "n", "column_index": 1}, {"column": "n", "column_index": 2}),
    *both(
        "table_columns_to_match_ordered_list", {"column_list": ["n", "s"]}, {"column_list": ["s", "n"]}, table="nobody"
    ),
    *both("table_columns_to_match_set", {"column_set": ["s", "n"]}, {"column_set": ["s", "n", "z"]}, table="nobody"),
    *both(
        "table_columns_to_match_set", {"column_set": ["n"], "exact_match": False}, {"column_set": ["n"]}, table="nobody"
    ),
    case("table_row_count_to_equal", True, table="nobody", value=0, observed=0),
    case("table_row_count_to_equal", True, table="seen", value=8, observed=8),
    case("column_values_to_be_between", False, 7, table="seen", column="n", max_value=0),
    Case(
        "unexpected_rows_expectation", {"unexpected_rows_query": "select * from {batch} where id > 10"}, True, None, 0
    ),
    Case(
        "unexpected_rows_expectation", {"unexpected_rows_query": "select * from {batch} where id > 7"}, False, None, 3
    ),
    *both(
        "query_results_to_match_comparison",
        {"comparison_query": "select count(*) as n from main.copy"},
        {"comparison_query": "select 3 as n"},
        base_query="select count(*) as n from {batch}",
        comparison_data_source_name="warehouse",
    ),
]
CONDITIONS = [
    case("column_values_to_be_between", True, 0, column="n", max_value=4, row_condition='col("id") < 5'),
    case("column_values_to_be_between", False, 1, column="n", max_value=3, row_condition='col("id") < 5'),
    case("column_values_to_be_unique", True, 0, column="s", row_condition='col("id") > 1'),
    case("column_values_to_be_unique", False, 2, column="s", row_condition='col("id") > 0'),
    case("column_median_to_be_between", True, column="n", max_value=2, row_condition='col("id") <= 3', observed=2.0),
    case("compound_columns_to_be_unique", True, 0, column_list=["two", "three"], row_condition='col("id") <= 6'),
    case("column_mean_to_be_between", True, column="n", max_value=4, row_condition='col("s") == "x"', observed=4.0),
    case(
        "column_values_to_be_between",
        False,
        5,
        column="id",
        max_value=5,
        row_condition={"type": "comparison", "column": {"name": "constant"}, "operator": "==", "parameter": 7},
    ),
    case(
        "column_values_to_be_between",
        True,
        0,
        column="id",
        min_value=10,
        row_condition={"type": "nullity", "column": {"name": "n"}, "is_null": True},
    ),
]
NAMES = [
    *(
        found
        for column in ("select", "é", "unexpected_count", "a.b", "50%", ":bound", "<b>")
        for found in (
            case("column_values_to_be_between", True, 0, table=HOSTILE, column=column, min_value=1, max_value=5),
            case("column_values_to_be_between", False, 2, table=HOSTILE, column=column, max_value=3),
            case("column_values_to_be_unique", True, 0, table=HOSTILE, column=column),
        )
    ),
    case("column_values_to_be_unique", False, 5, table=HOSTILE, column='quo"te'),
    case("column_median_to_be_between", True, table=HOSTILE, column="a b", min_value=6, max_value=6, observed=6.0),
    case("column_values_to_match_regex", True, 0, table=HOSTILE, column="it's", regex="^v"),
    case("column_distinct_values_to_equal_set", True, table=HOSTILE, column='quo"te', value_set=[0, 1]),
    case("column_pair_values_a_to_be_greater_than_b", True, 0, table=HOSTILE, column_A="Order", column_B="select"),
    case("compound_columns_to_be_unique", False, 5, table=HOSTILE, column_list=['quo"te', 'quo"te']),
    case("compound_columns_to_be_unique", True, 0, table=HOSTILE, column_list=['quo"te', "a b"]),
    case("column_to_exist", True, table=HOSTILE, column="50%"),
    case("table_row_count_to_equal", True, table=HOSTILE, value=5, observed=5),
]
CASES = [*VALUES, *TYPES, *AGGREGATES, *ROWS, *TABLE, *CONDITIONS, *NAMES]


def suites_of(cases: Sequence[tuple[int, Case]]) -> Iterator[Suite]:
    """The suites of these cases, one per table; each expectation's line is its case's position."""
    for table in dict.fromkeys(case.table for _, case in cases):
        expectations = tuple(
            Expectation(
                type=case.type,
                arguments=case.arguments,
                severity=Severity.CRITICAL,
                reason="known",
                path=Path("cases.yml"),
                line=position,
            )
            for position, case in cases
            if case.table == table
        )
        yield Suite(name=table, table=table, path=Path("cases.yml"), expectations=expectations)
