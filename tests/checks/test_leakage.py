"""Every leak is found where it was planted, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from warehouse.checks.leakage import overlap, repeats
from warehouse.checks.leakage.result import LeakageResult
from warehouse.checks.leakage.search import find_leaks, find_leaks_in_placement
from warehouse.datasets.placement import place_rows
from warehouse.datasets.row_checks import read_table_facts
from warehouse.datasets.spec import (
    ColumnSplit,
    DatasetSpec,
    Deduplicate,
    Grouping,
    HashSplit,
    NearText,
    TimeSplit,
)
from warehouse.engine.local import LocalEngine
from warehouse.findings import Finding, Severity
from warehouse.sql import Query, Relation, Step

HASH = HashSplit(shares={"train": 0.8, "test": 0.2}, salt="s")
SPEC = DatasetSpec(name="d", model="m", key=("id",), label="flag", split=HASH)
TRAIN, TEST = 4000, 1000

# Values that only their row decides: no column tells anything about another one.
U = "((hash({} * 7919 + {}) >> 11)::double / 9007199254740992.0)"


def rows_sql(first: int, count: int, **columns: str) -> str:
    """Independent columns; others by name as SQL of `i` and of the columns before."""
    made = {
        "id": "i",
        "flag": f"{U.format('i', 1)} < 0.3",
        "amount": f"10 * {U.format('i', 2)}",
        "kind": f"'kind ' || chr(97 + floor(5 * {U.format('i', 3)})::int)",
        **columns,
    }
    listed = ", ".join(f'{sql} as "{name}"' for name, sql in made.items() if sql)
    return f"select {listed} from range({first}, {first + count}) as numbers(i)"


def leaks(
    engine: LocalEngine, train: str, test: str, spec: DatasetSpec = SPEC, *, dev: str | None = None, **options: Any
) -> LeakageResult:
    for name, sql in (("train", train), ("dev", dev), ("test", test)):
        if sql is not None:
            engine.connection.execute(f"create or replace table {name} as {sql}")
    names = ["train", *(["dev"] if dev else []), "test"]
    return find_leaks(engine, {name: Relation.table(name) for name in names}, spec, **options)


def found(result: LeakageResult) -> dict[str, Finding]:
    return {finding.check: finding for finding in result.findings}


def plain(**columns: str) -> tuple[str, str]:
    return rows_sql(0, TRAIN, **columns), rows_sql(TRAIN, TEST, **columns)


@pytest.mark.parametrize("thorough", [True, False])
def test_independent_rows_have_no_finding(engine: LocalEngine, thorough: bool) -> None:
    result = leaks(engine, *plain(), thorough=thorough)

    assert result.findings == ()
    assert result.not_judged == ()
    assert {predictor.name for predictor in result.predictors} == {"id", "amount", "kind"}
    assert all(abs(score.error_reduction) < 0.1 for each in result.predictors for score in each.scores)


def test_a_shared_key_is_critical_and_named(engine: LocalEngine) -> None:
    train, test = plain()

    result = leaks(engine, train, f"{test} union all {rows_sql(17, 1, amount='-1.5')}")

    finding = found(result)["shared_keys"]
    assert finding.severity is Severity.CRITICAL
    assert finding.measured == 1
    assert "1 key of “id” stands in several splits (train and test 1; 2 rows), for example 17" in finding.message
    assert [finding.check for finding in result.findings] == ["shared_keys"]


def test_keys_of_several_columns_are_shared_only_together(engine: LocalEngine) -> None:
    spec = replace(SPEC, key=("id", "part"))

    result = leaks(engine, rows_sql(0, TRAIN, part="1"), rows_sql(0, TEST, part="2", amount="i + 0.5"), spec)

    assert "shared_keys" not in found(result)
    shared = leaks(engine, rows_sql(0, TRAIN, part="1"), rows_sql(9, 2, part="1", amount="i + 0.5"), spec)
    assert found(shared)["shared_keys"].measured == 2


def test_an_entity_in_two_splits_is_critical_and_null_is_nobody(engine: LocalEngine) -> None:
    spec = replace(SPEC, groups=("who",))
    train = rows_sql(0, TRAIN, who="case when i % 2 = 0 then i // 10 end")
    test = rows_sql(TRAIN, TEST, who="case when i % 2 = 0 then i // 10 end")

    assert "shared_entities" not in found(leaks(engine, train, test, spec))
    both = leaks(engine, train, f"{test} union all {rows_sql(9000, 3, who='7')}", spec)
    assert found(both)["shared_entities"].severity is Severity.CRITICAL
    assert both.entities[0].row_counts == {"train": 5, "test": 3}
    assert both.entities[0].examples == ("7",)


def test_the_entities_of_many_rows_are_asked_in_slices(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine.connection.execute(f"set temp_directory = '{tmp_path}'")
    spec = replace(SPEC, groups=("who",))
    train, test = rows_sql(0, TRAIN, who="i // 10"), rows_sql(TRAIN, TEST, who="i // 10")
    test = f"{test} union all {rows_sql(9000, 40, who='i % 13')}"
    at_once = leaks(engine, train, test, spec)
    monkeypatch.setattr(overlap, "ROWS_AT_ONCE", 700)
    monkeypatch.setattr(overlap, "VALUES_AT_ONCE", 100)

    in_slices = leaks(engine, train, test, spec)
    apart = leaks(engine, train, rows_sql(TRAIN, TEST, who="i // 10"), spec)

    assert in_slices.entities == at_once.entities
    assert apart.entities[0].value_count == 0
    assert list(tmp_path.iterdir()) == []
    assert at_once.entities[0].value_count == 13
    assert in_slices.findings == at_once.findings


# A range of so many values in one scan, of more in several, and in too many for bits.
@pytest.mark.parametrize("value_bits", [1 << 25, 200, 10], ids=["one range", "ranges", "hashes"])
@pytest.mark.parametrize("shared", [0, 3])
@pytest.mark.parametrize(
    "who", ["i // 10 - 90", "(i // 10)::utinyint", "9223372036854775807 - i // 10", "-9223372036854775808 + i // 10"]
)
def test_integers_that_splits_share_are_found_by_bits(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value_bits: int, shared: int, who: str
) -> None:
    engine.connection.execute(f"set temp_directory = '{tmp_path}'")
    spec = replace(SPEC, groups=("who",))
    train = rows_sql(0, 2000, who=f"case when i % 3 > 0 then {who} end")
    dev = rows_sql(2000, 300, who=f"case when i < 2010 then null else {who} end")
    test = rows_sql(2300 - 10 * shared, 200, who=f"case when i % 2 = 0 then {who} end")
    at_once = leaks(engine, train, test, spec, dev=dev)
    for name, value in (("ROWS_AT_ONCE", 700), ("VALUES_AT_ONCE", 50), ("VALUE_BITS", value_bits)):
        monkeypatch.setattr(overlap, name, value)

    found_by_bits = leaks(engine, train, test, spec, dev=dev)

    assert found_by_bits.entities == at_once.entities
    assert at_once.entities[0].value_count == shared


def test_a_split_in_which_nobody_has_a_name_shares_none(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "ROWS_AT_ONCE", 700)
    spec = replace(SPEC, groups=("who",))
    named, unnamed = rows_sql(0, TRAIN, who="i"), rows_sql(TRAIN, TEST, who="null::bigint")

    assert leaks(engine, named, unnamed, spec).entities[0].value_count == 0
    assert leaks(engine, rows_sql(0, TRAIN, who="null::bigint"), unnamed, spec).entities[0].value_count == 0


COPIES = {
    "few": "select * replace (id + 90000 as id) from train where id % 97 = 0",
    "other labels": "select * replace (id + 90000 as id, not flag as flag) from train where id % 97 = 0",
    "no labels": "select * replace (id + 90000 as id, null as flag) from train where id % 97 = 0",
    "often": """
        select train.* replace (id + 90000 + 10000 * i as id, i % 2 = 0 as flag)
        from train, range(9) as numbers(i) where id in (5, 8)
    """,
    "none": "from train limit 0",
}
KEYS = {
    "bigint": "id",
    "timestamp": "make_timestamp(id * 1000)",
    "uuid": "('00000000-0000-0000-0000-' || printf('%012d', id))::uuid",
}


@pytest.mark.parametrize("rows_per_part", [100, 3000, 10**9])
@pytest.mark.parametrize("copies", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_equal_rows_of_many_are_found_in_parts(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rows_per_part: int, copies: str, key: str
) -> None:
    run = engine.connection.execute
    run(f"set temp_directory = '{tmp_path}'")
    run(f"create table train as {rows_sql(0, TRAIN)}")
    run(f"create table dev as {rows_sql(7000, 300)} union all ({copies})")
    run(f"create table test as {rows_sql(8000, 300)} union all (from dev where id > 90000 limit 7)")
    run("update test set id = id + 500000")
    splits = {
        name: Relation(f"(select * replace ({key} as id) from {name})", name) for name in ("train", "dev", "test")
    }
    at_once = find_leaks(engine, splits, SPEC)
    monkeypatch.setattr(repeats, "ROWS_AT_ONCE", 700)
    monkeypatch.setattr(repeats, "ROWS_PER_PART", rows_per_part)

    in_parts = find_leaks(engine, splits, SPEC)

    assert in_parts.twins == at_once.twins
    assert list(tmp_path.iterdir()) == []
    assert engine.rows(Query.of(Step("tables", "from duckdb_tables() where temporary"))) == []


def test_features_of_very_many_rows_are_grouped(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine.connection.execute(f"set temp_directory = '{tmp_path}'")
    same = {"amount": "i % 3", "kind": "''"}
    train, test = rows_sql(0, TRAIN, **same), rows_sql(TRAIN, TEST, **same)
    at_once = leaks(engine, train, test)
    monkeypatch.setattr(repeats, "ROWS_AT_ONCE", 700)
    monkeypatch.setattr(repeats, "ROWS_PER_PART", 100)

    in_parts = leaks(engine, train, test)

    assert in_parts.twins == at_once.twins
    assert at_once.twins is not None
    assert (at_once.twins.distinct_count, at_once.twins.repeated_count) == (3, TRAIN + TEST)


@pytest.mark.parametrize("key", ["id::varchar", "id::hugeint"])
def test_keys_that_are_not_kept_aside_are_compared_at_once(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    train, test = plain()
    copies = "select * replace (id + 90000 as id) from train where id < 30"
    test = f"select * replace ({key} as id) from ({test} union all {copies})"
    at_once = leaks(engine, train, test)
    monkeypatch.setattr(repeats, "ROWS_AT_ONCE", 700)

    assert leaks(engine, train, test).twins == at_once.twins
    assert at_once.twins is not None
    assert at_once.twins.across[0].count == 30


@pytest.mark.parametrize("rows_at_once", [700, 10**9], ids=["in slices", "at once"])
def test_splits_whose_types_differ_share_values_and_rows(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rows_at_once: int
) -> None:
    engine.connection.execute(f"set temp_directory = '{tmp_path}'")
    monkeypatch.setattr(overlap, "ROWS_AT_ONCE", rows_at_once)
    monkeypatch.setattr(repeats, "ROWS_AT_ONCE", rows_at_once)
    monkeypatch.setattr(overlap, "VALUES_AT_ONCE", 100)
    train = rows_sql(0, TRAIN, who="(i // 10)::smallint", amount="i::integer")
    test = rows_sql(9000, TEST, who="(i // 10 - 900)::bigint", amount="(i - 9000)::double")
    copies = f"select * replace (id + 90000 as id) from ({train}) where id < 30"

    result = leaks(engine, train, f"{test} union all {copies}", replace(SPEC, groups=("who",)))

    assert result.entities[0].value_count == TEST // 10
    assert found(result)["duplicates"].measured >= 30


def test_linked_groups_are_checked_one_by_one_and_composite_ones_together(engine: LocalEngine) -> None:
    train = rows_sql(0, TRAIN, shop="i % 10", till="i // 10")
    test = rows_sql(TRAIN, TEST, shop="i % 10", till="i // 10")
    groups = replace(SPEC, groups=("shop", "till"))

    assert [entity.value_count for entity in leaks(engine, train, test, groups).entities] == [10, 0]
    composite = leaks(engine, train, test, replace(groups, grouping=Grouping.COMPOSITE))
    assert [(entity.name, entity.value_count) for entity in composite.entities] == [("shop, till", 0)]


def test_duplicates_between_splits_count_with_and_without_the_label(engine: LocalEngine) -> None:
    train, test = plain()
    copies = "select * replace (id + 90000 as id) from train where id < 30"
    others = "select * replace (id + 95000 as id, not flag as flag) from train where id between 100 and 109"

    result = leaks(engine, train, f"{test} union all {copies} union all {others}")

    finding = found(result)["duplicates"]
    assert finding.severity is Severity.WARNING
    assert finding.measured == 40
    assert "30 of them with the same label" in finding.message
    conflict = found(result)["conflicting_labels"]
    assert conflict.measured == 10
    assert conflict.severity is Severity.WARNING
    assert result.twins is not None
    assert "train 0 = test 90000" in leaks(engine, train, f"{test} union all {copies} limit {TEST + 1}").twins.examples  # type: ignore[union-attr]


def test_the_gate_decides_how_severe_a_suspicion_is(engine: LocalEngine) -> None:
    train, test = plain()
    spec = replace(SPEC, gates={"leakage": Severity.CRITICAL})

    result = leaks(engine, train, f"{test} union all select * replace (90000 as id) from train where id = 3", spec)

    assert found(result)["duplicates"].severity is Severity.CRITICAL


def test_repeats_within_a_split_are_information(engine: LocalEngine) -> None:
    train, test = plain()

    result = leaks(engine, f"{train} union all {rows_sql(5, 2, id='90000 + i')}".replace("90000 + i", "i"), test)
    engine.connection.execute("update train set id = id + 90000 where rowid >= 4000")
    result = find_leaks(engine, {name: Relation.table(name) for name in ("train", "test")}, SPEC)

    assert {check: finding.severity for check, finding in found(result).items()} == {"duplicates_within": Severity.INFO}
    assert result.twins is not None
    assert result.twins.within == {"train": 2}


def test_equal_rows_of_few_features_prove_nothing(engine: LocalEngine) -> None:
    few = {"amount": "", "kind": "i % 2 = 0", "other": "i % 3"}

    result = leaks(engine, rows_sql(0, TRAIN, **few), rows_sql(TRAIN, TEST, **few))

    assert {finding.severity for finding in result.findings} <= {Severity.INFO}
    assert "the features take 6 different values in 5,000 rows" in found(result)["duplicates"].message
    assert "conflicting_labels" not in found(result)


def test_duplicates_that_chance_explains_are_information(engine: LocalEngine) -> None:
    # 200 x 200 combinations for 5,000 rows: one in ten rows of test meets its like in train by chance.
    chance = {name: f"floor(200 * {U.format('i', salt)})::int" for name, salt in (("a", 11), ("b", 12))}

    result = leaks(engine, *plain(amount="", kind="", **chance))

    assert found(result)["duplicates"].severity is Severity.INFO
    assert result.twins is not None
    assert result.twins.expected[0].count == pytest.approx(result.twins.across[0].count, rel=0.3)


def test_lists_without_values_are_not_equal(engine: LocalEngine) -> None:
    # DuckDB gives these one hash: NULL, no element, one that is NULL.
    odd = "case i % 3 when 1 then []::int[] when 2 then [null::int] end"
    columns = {"amount": "", "kind": "i // 3", "tags": odd, "part": "{'a': [[i % 2], []], 'b': -0.0::double}"}

    result = leaks(engine, rows_sql(0, TRAIN - 1, **columns), rows_sql(TRAIN - 1, TEST, **columns))

    assert result.twins is not None
    assert result.twins.distinct_count == result.twins.row_count
    assert next(each for each in result.predictors if each.name == "tags").scores != ()

    columns |= {"kind": "0", "part": "{'a': [[1]], 'b': case when i % 2 = 0 then 0.0 else -0.0 end::double}"}
    result = leaks(engine, rows_sql(0, TRAIN - 1, **columns), rows_sql(TRAIN - 1, TEST, **columns))

    assert result.twins is not None
    assert result.twins.distinct_count == 3


def test_labels_that_are_lists_contradict_each_other_without_values_too(engine: LocalEngine) -> None:
    train = rows_sql(0, TRAIN, flag="[]::int[]")
    copies = f"select * replace (id + 90000 as id, [null]::int[] as flag) from ({train}) where id < 30"

    result = leaks(engine, train, f"{rows_sql(TRAIN, TEST, flag='[]::int[]')} union all {copies}")

    assert result.twins is not None
    assert [pair.count for pair in result.twins.conflicts_across] == [30]
    assert "train 0 ([]) = test 90000 ([NULL])" in result.twins.conflict_examples


def test_key_and_time_are_no_features_of_a_duplicate(engine: LocalEngine) -> None:
    spec = replace(SPEC, time="at")
    train, test = plain(at="timestamp '2025-01-01' + to_minutes(i)")

    copies = 'select * replace (id + 90000 as id, "at" + interval 1 day as "at") from train where id < 5'
    result = leaks(engine, train, f"{test} union all {copies}", spec)

    assert found(result)["duplicates"].measured == 5


TIME = TimeSplit(cutoffs={"test": datetime(2025, 3, 1, tzinfo=UTC)}, salt="s")
BEFORE = "timestamp '2025-02-01' + to_minutes(i)"
AFTER = "timestamp '2025-03-01' + to_minutes(i)"


def test_times_on_the_right_side_are_clean(engine: LocalEngine) -> None:
    spec = replace(SPEC, time="at", split=TIME)

    result = leaks(engine, rows_sql(0, TRAIN, at=BEFORE), rows_sql(TRAIN, TEST, at=AFTER), spec)

    assert result.findings == ()
    assert result.times[0].first == "2025-02-01 00:00:00"


def test_a_row_of_train_that_is_not_before_test_is_critical(engine: LocalEngine) -> None:
    spec = replace(SPEC, time="at", split=TIME)
    late = rows_sql(70000, 2, at="timestamp '2025-04-01'")

    result = leaks(engine, f"{rows_sql(0, TRAIN, at=BEFORE)} union all {late}", rows_sql(TRAIN, TEST, at=AFTER), spec)

    finding = found(result)["time_overlap"]
    assert finding.severity is Severity.CRITICAL
    assert "2 rows of train are not before the first row of test, for example 70000; 70001" in finding.message


def test_a_label_that_is_known_only_later_is_critical(engine: LocalEngine) -> None:
    spec = replace(SPEC, time="at", split=TIME, label_horizon_seconds=30 * 86400)
    exact = replace(spec, label_horizon_seconds=3600)

    train, test = rows_sql(0, TRAIN, at=BEFORE), rows_sql(TRAIN, TEST, at=AFTER)

    assert found(leaks(engine, train, test, spec))["label_horizon"].severity is Severity.CRITICAL
    assert "label_horizon" not in found(leaks(engine, train, test, exact))


def test_rows_within_the_embargo_are_critical(engine: LocalEngine) -> None:
    spec = replace(SPEC, time="at", split=replace(TIME, embargo_seconds=30 * 86400, embargo_after_seconds=0))

    result = leaks(engine, rows_sql(0, TRAIN, at=BEFORE), rows_sql(TRAIN, TEST, at=AFTER), spec)

    assert found(result)["embargo"].severity is Severity.CRITICAL


def test_a_random_split_of_ordered_rows_is_said_once(engine: LocalEngine) -> None:
    spec = replace(SPEC, time="at")
    train, test = plain(at=f"timestamp '2025-01-01' + to_minutes((50000 * {U.format('i', 9)})::bigint)")

    result = leaks(engine, train, test, spec)

    assert [(finding.check, finding.severity) for finding in result.findings] == [("random_time", Severity.INFO)]
    assert "(train 2025-01-01 to 2025-02-04, test 2025-01-01 to 2025-02-04)" in result.findings[0].message


def test_what_was_known_after_the_event_is_critical(engine: LocalEngine) -> None:
    spec = replace(SPEC, time="at", split=TIME, known_at=("seen", "never"))
    columns = {"never": "null::timestamp", "at": BEFORE}
    clean = rows_sql(0, TRAIN, seen=f"{BEFORE} - interval 1 hour", **columns)
    test = rows_sql(TRAIN, TEST, seen=AFTER, never="null::timestamp", at=AFTER)

    assert "known_late" not in found(leaks(engine, clean, test, spec))
    late = rows_sql(80000, 1, seen="timestamp '2025-02-02'", never="null::timestamp", at="timestamp '2025-02-01'")
    finding = found(leaks(engine, f"{clean} union all {late}", test, spec))["known_late"]
    assert finding.severity is Severity.CRITICAL
    assert finding.subject == "seen"
    assert "80000: 2025-02-02 00:00:00 > 2025-02-01 00:00:00" in finding.message


@pytest.mark.parametrize(
    "twin",
    [
        "case when flag then 1 else 0 end",
        "case when flag then 'paid' else 'open' end",
        "case when flag then 5 + amount else amount - 20 end",
        "case when flag then null else amount end",
        "case when flag then 'nan'::double else amount end",
        "case when flag then timestamp '2025-01-01' + to_minutes(i) else timestamp '2023-01-01' end",
    ],
)
@pytest.mark.parametrize("thorough", [True, False])
def test_a_feature_that_tells_the_label_is_found_whatever_its_type(
    engine: LocalEngine, twin: str, thorough: bool
) -> None:
    result = leaks(engine, *plain(twin=twin), thorough=thorough)

    finding = found(result)["predictor"]
    assert finding.subject == "twin"
    assert finding.measured is not None
    assert finding.measured > 0.95
    assert finding.severity is Severity.WARNING


def test_a_feature_that_tells_a_rare_label_is_found(engine: LocalEngine) -> None:
    rare = {"flag": f"{U.format('i', 1)} < 0.02", "sign": "case when flag then 1000 + amount else 100 * amount end"}

    assert found(leaks(engine, *plain(**rare)))["predictor"].subject == "sign"


def test_a_feature_that_tells_a_numeric_label_is_found(engine: LocalEngine) -> None:
    spec = replace(SPEC, label="price")
    columns = {"price": f"exp(8 * {U.format('i', 5)})", "cost": "price * 0.9 + 1"}

    result = leaks(engine, *plain(**columns), spec)

    assert result.label_kind == "number"
    assert [(finding.check, finding.subject) for finding in result.findings] == [("predictor", "cost")]


def test_an_id_does_not_predict_itself(engine: LocalEngine) -> None:
    result = leaks(engine, *plain(code="md5(i::varchar)", pair="md5((i // 3)::varchar)"))

    assert {check: finding.subject for check, finding in found(result).items()} == {"identifier": "code"}


def test_a_feature_that_tells_the_label_in_train_alone_is_found(engine: LocalEngine) -> None:
    train = rows_sql(0, TRAIN, code=f"case when {U.format('i', 8)} < 0.8 then flag else i % 2 = 0 end")
    test = rows_sql(TRAIN, TEST, code="i % 2 = 0")

    result = leaks(engine, train, test)

    finding = found(result)["predictor_change"]
    assert finding.subject == "code"
    assert finding.measured is not None
    assert finding.measured > 0.2


def test_a_key_that_tells_the_label_is_found(engine: LocalEngine) -> None:
    result = leaks(
        engine,
        rows_sql(0, TRAIN, id=f"case when {U.format('i', 1)} < 0.3 then i else 100000 + i end"),
        rows_sql(TRAIN, TEST, id=f"case when {U.format('i', 1)} < 0.3 then i else 100000 + i end"),
    )

    assert found(result)["predictor"].subject == "id"


def test_a_counter_is_an_identifier_and_runs_along_the_key(engine: LocalEngine) -> None:
    result = leaks(engine, *plain(counter="1000 + i", spread=f"(1e12 * {U.format('i', 4)})::bigint"))

    finding = found(result)["identifier"]
    assert finding.subject == "counter"
    assert "it runs along “id”" in finding.message
    assert len(result.findings) == 1


def test_prose_that_is_the_same_but_for_case_and_space_is_found(engine: LocalEngine) -> None:
    words = "'the ' || md5((i * 3)::varchar) || ' went to ' || md5((i * 5)::varchar) || ' and then home again'"
    train, test = plain(story=words)
    copies = "select * replace (id + 90000 as id, amount + 1 as amount, '  ' || upper(story) as story) from train"

    result = leaks(engine, train, f"{test} union all {copies} where id < 25")

    assert found(result)["near_text"].subject == "story"
    assert found(result)["near_text"].measured == 25
    assert "near_text" not in found(leaks(engine, train, test))


def test_the_declared_text_is_compared_at_its_threshold(engine: LocalEngine) -> None:
    # Twelve words that only their row has, and three more in the copies: similar by ten shingles of thirteen.
    words = " || ' ' || ".join(f"left(md5((i * 31 + {place})::varchar), 5)" for place in range(12))
    near = f"({words}) || ' written again today'"
    spec = replace(SPEC, deduplicate=Deduplicate(text=NearText(column="body", threshold=0.7)))
    train, test = plain(body=words)

    result = leaks(engine, train, f"{test} union all {rows_sql(3, 4, id='i + 90000', body=near, amount='-i')}", spec)

    assert found(result)["near_text"].measured == 4
    assert "similarity of at least 0.7" in found(result)["near_text"].message


def test_new_labels_new_categories_and_new_spellings_are_found(engine: LocalEngine) -> None:
    spec = replace(SPEC, label="state")
    state = "case when i % 3 = 0 then 'open' else 'done' end"
    train = rows_sql(0, TRAIN, state=state)
    test = rows_sql(TRAIN, TEST, state=f"case when i = 4500 then 'lost' else {state} end", kind="'Kind  A'")

    result = leaks(engine, train, f"{test} union all {rows_sql(8000, 9, state=state, kind='chr(33)')}", spec)

    assert found(result)["new_labels"].severity is Severity.WARNING
    assert "“lost”" in found(result)["new_labels"].message
    assert "“kind” in test 2" in found(result)["new_categories"].message
    assert found(result)["spellings"].severity is Severity.WARNING
    assert "'Kind  A' / 'kind a'" in found(result)["spellings"].message


def test_a_tiny_split_is_said(engine: LocalEngine) -> None:
    assert found(leaks(engine, rows_sql(0, TRAIN), rows_sql(TRAIN, 3)))["small_split"].subject == "test"


@pytest.mark.parametrize(("train", "test"), [(1, 1), (0, 5), (5, 0), (3, 2)])
def test_few_rows_give_no_alarm(engine: LocalEngine, train: int, test: int) -> None:
    result = leaks(engine, rows_sql(0, train, flag="i % 2 = 0"), rows_sql(train, test, flag="i % 2 = 0"))

    assert {finding.severity for finding in result.findings} <= {Severity.INFO}


def test_without_a_label_a_time_or_features_the_rest_is_looked_at(engine: LocalEngine) -> None:
    spec = replace(SPEC, label=None)

    result = leaks(engine, *plain(flag="", amount="", kind=""), spec)

    assert result.findings == ()
    assert result.not_judged == ("predictors: the dataset has no label", "equal rows: there are no features")


def test_a_constant_and_a_missing_column_raise_nothing(engine: LocalEngine) -> None:
    odd = {"one": "1", "none": "null::double", "nan": "'nan'::double", "far": "'infinity'::timestamp"}

    assert leaks(engine, *plain(**odd)).findings == ()


def test_one_label_is_nothing_to_predict(engine: LocalEngine) -> None:
    result = leaks(engine, *plain(flag="true"))

    assert result.not_judged == ("predictors: train has one label only",)
    assert result.findings == ()


def test_the_column_that_splits_is_no_feature(engine: LocalEngine) -> None:
    spec = replace(SPEC, split=ColumnSplit(column="part"))

    result = leaks(engine, rows_sql(0, TRAIN, part="'train'"), rows_sql(TRAIN, TEST, part="'test'"), spec)

    assert result.findings == ()


HOSTILE = ['a "quoted" name', "select", "s", "c0", "名前", "it's", "n\\n", "{0}", "$1"]


def test_hostile_names_and_values_are_only_names_and_values(engine: LocalEngine) -> None:
    columns = ", ".join(
        f"'x'' \" {index} ' || (i % 7) as \"{name.replace(chr(34), chr(34) * 2)}\""
        for index, name in enumerate(HOSTILE)
    )
    make = (
        'select i as "the key", '
        "case when i % 3 = 0 then 'o''k' else 'no \"' end as \"the label\", {} from range({}, {}) t(i)"
    )
    spec = replace(SPEC, key=("the key",), label="the label", groups=("s",))

    result = leaks(engine, make.format(columns, 0, TRAIN), make.format(columns, TRAIN, TRAIN + TEST), spec)

    assert found(result)["shared_entities"].subject == "s"
    assert {predictor.name for predictor in result.predictors} == {*HOSTILE, "the key"}


def test_several_hundred_columns_are_looked_at(engine: LocalEngine) -> None:
    wide = {f"column {index}": f"(hash(i * 31 + {index}) % 1000) / 10" for index in range(300)}
    train, test = plain(**wide)

    result = leaks(engine, train, f"{test} union all select * replace (90000 as id) from train where id = 5")

    assert found(result)["duplicates"].measured == 1
    assert len(result.predictors) == 303


def test_nested_and_unusual_types_are_compared_too(engine: LocalEngine) -> None:
    odd = {
        "list": "[i, i + 1]",
        "struct": "{'a': i % 3}",
        "day": "date '2025-01-01' + (i % 9)::int",
        "clock": "time '10:00' + to_minutes(i % 50)",
        "blob": "encode(i::varchar)",
        "exact": "(i % 70)::decimal(9, 2)",
        "zoned": "(timestamp '2025-01-01' + to_hours(i % 90))::timestamptz",
        "uuid": "md5(i::varchar)::uuid",
    }
    train, test = plain(**odd)

    result = leaks(engine, train, f"{test} union all select * replace (90000 as id) from train where id = 5")

    assert found(result)["duplicates"].measured == 1


def test_values_that_a_version_does_not_hold_stay_out_of_the_report(engine: LocalEngine) -> None:
    engine.connection.execute(
        f"create table rows as {rows_sql(0, 5000, mail='md5((i // 4)::varchar)', part=chr(39) + 'train' + chr(39))}"
    )
    engine.connection.execute("update rows set part = 'test' where id % 5 = 0")
    spec = replace(SPEC, groups=("mail",), split=ColumnSplit(column="part"))
    table = Relation.table("rows")
    types = {column.name: column.type for column in engine.columns(table)}
    facts = read_table_facts(engine, table, spec, integer_key=True)
    placement = place_rows(engine, table, spec, facts)

    result = find_leaks_in_placement(
        engine, [(table, placement)], spec, types=types, exported=["id", "flag", "amount", "kind"]
    )

    assert result.keys is not None
    assert result.keys.is_proved
    assert found(result)["shared_entities"].severity is Severity.CRITICAL
    assert result.entities[0].examples == ("(hidden)",)
    assert "mail" not in {predictor.name for predictor in result.predictors}


def test_nothing_is_left_in_the_session(engine: LocalEngine) -> None:
    leaks(engine, *plain())

    assert engine.connection.execute("select table_name from duckdb_tables() where temporary").fetchall() == []
