"""Which rows dev and test are drawn from: a condition in SQL that is read strictly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fake_builds import Fake

from warehouse.datasets.loading import load_dataset
from warehouse.errors import ExportError
from warehouse.exports.outcome import Export, Outcome

HASH = {"method": "hash", "shares": {"train": 0.6, "dev": 0.2, "test": 0.2}, "train_dev": 0.2}
ROWS = """
    select i as id, ['JFK', 'LGA', null][1 + i % 3] as origin, i * 1.5 as "Miles flown", [i % 3, 1] as stops,
        date '2024-01-01' + (i % 50)::int as on_day, i % 11 = 0 as made_up
    from range(600) as r(i)
"""

Exporter = Callable[..., Export]


def declared(condition: str, **more: Any) -> dict[str, Any]:
    return {"key": "id", "split": HASH, "target_distribution": condition, **more}


@pytest.mark.parametrize(
    "condition",
    [
        "origin = 'JFK'",
        "ORIGIN in ('JFK', 'it''s') -- it's a comment",
        '"Miles flown" > 3 and origin is not null',
        "case when origin = 'JFK' then true end",
        "list_contains(stops, 2) or origin like 'L%'",
        "len(list_filter(stops, lambda s: s > 1)) = 1",
        "on_day between date '2024-01-05' and date '2024-02-10'",
        "origin = 'a\nb' or /* odd */ not made_up",
    ],
)
def test_dev_and_test_satisfy_the_condition_and_null_is_false(fake: Fake, export: Exporter, condition: str) -> None:
    fake.build(declared(condition), rows=ROWS)

    result = export()

    assert result.outcome is Outcome.WRITTEN
    dataset = load_dataset("late", project=fake.project)
    import duckdb

    connection = duckdb.connect()
    satisfied = {key for (key,) in connection.execute(f"select id from ({ROWS}) where ({condition}\n)").fetchall()}
    for split in ("dev", "test"):
        assert set(dataset[split].collect()["id"]) <= satisfied
    assert result.manifest.row_count == 600


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("1) , (2", "must be one condition"),
        ("true) from x where (true", "must be one condition"),
        ("true) union select (true", "must be one condition"),
        ("true); drop table t; select (true", "is not a condition in SQL: Only SELECT"),
        ("true); select (true", "must be one condition"),
        ("origin =", "is not a condition in SQL: syntax error"),
        ("/* open", "is not a condition in SQL"),
        ("orgin = 'JFK'", "names 'orgin', which is not a column of 'examples'; did you mean 'origin'"),
        ("random() > 0.5", "calls random, whose value is not the same on every day"),
        ("on_day < current_date", "calls current_date, whose value"),
        ("on_day < today()", "calls today, whose value"),
        ("count(*) > 1", "holds the aggregate count_star"),
        ("row_number() over () = 1", "holds a window function"),
        ("id in (select 1)", "holds a subquery"),
        ("rowid < 5", "asks for rowid"),
        ("id > $1", "holds a parameter"),
        ("* is null", "holds a"),
        ("id", "is of type BIGINT, neither true nor false"),
        ("'yes'", "is of type VARCHAR, neither true nor false"),
        ("list_sum(id) > 2", "cannot be asked"),
        ("id > 1e9", "no row satisfies target_distribution: id > 1e9"),
    ],
)
def test_what_is_no_condition_on_a_row_is_refused(fake: Fake, export: Exporter, condition: str, message: str) -> None:
    fake.build(declared(condition), rows=ROWS)

    with pytest.raises(ExportError, match=message) as caught:
        export()

    assert "late" in str(caught.value)


def test_a_missing_synthetic_flag_is_named(fake: Fake, export: Exporter) -> None:
    rows = f"select * replace (nullif(made_up, id = 22) as made_up) from ({ROWS})"
    fake.build({"key": "id", "split": HASH, "synthetic": "made_up"}, rows=rows)

    with pytest.raises(ExportError, match=r"synthetic 'made_up' is NULL in .* rows, for example in those with key"):
        export()


def test_synthetic_rows_never_leave_train_and_their_shares_are_recorded(fake: Fake, export: Exporter) -> None:
    fake.build({"key": "id", "split": HASH, "synthetic": "made_up"}, rows=ROWS)

    result = export()

    dataset = load_dataset("late", project=fake.project)
    assert not any(dataset[split].collect()["made_up"].any() for split in ("train_dev", "dev", "test"))
    (finding,) = (finding for finding in result.manifest.findings if finding.check == "synthetic")
    assert finding.message.startswith("55 rows are synthetic: train ")
    assert finding.message.endswith("train_dev 0.0%, dev 0.0%, test 0.0%")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"target_distribution": "id < 6"}, r"of dev and test do not satisfy target_distribution \(id < 6\)"),
        ({"synthetic": "made_up"}, "of train_dev, dev and test are synthetic, for example with key 11"),
    ],
)
def test_a_column_that_puts_rows_where_they_must_not_be_is_refused(
    fake: Fake, export: Exporter, more: dict[str, Any], message: str
) -> None:
    rows = f"select *, ['train', 'dev', 'test'][1 + id % 3] as part from ({ROWS})"
    fake.build({"key": "id", "split": {"method": "column", "column": "part"}, **more}, rows=rows)

    with pytest.raises(ExportError, match=message):
        export()


def test_composite_groups_that_a_column_divides_are_named(fake: Fake, export: Exporter) -> None:
    rows = f"select *, id % 2 as g, ['train', 'test'][1 + id // 2 % 2] as part from ({ROWS})"
    split = {"method": "column", "column": "part"}
    fake.build({"key": "id", "split": split, "groups": {"composite": ["g", "origin"]}}, rows=rows)

    with pytest.raises(ExportError, match="4 values of group 'g, origin' lie in several splits of 'part'"):
        export()
