"""Bad slices that are there are found and confirmed, those that are not are not, and tags add up."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from warehouse.checks.diagnosis.diagnose import Question, diagnose
from warehouse.checks.diagnosis.error_sheet import read_tags, sheet_rows
from warehouse.checks.diagnosis.result import Diagnosis, MetricName
from warehouse.checks.diagnosis.slice_cells import bin_cells, bin_levels, parts_of, value_cells
from warehouse.checks.diagnosis.slice_cubes import covering_triples
from warehouse.checks.diagnosis.slice_result import SliceAnswer, SliceReport
from warehouse.checks.diagnosis.slice_samples import TagSheet, tag_report
from warehouse.checks.diagnosis.slices import SliceQuestion
from warehouse.datasets.spec import ColumnSplit, DatasetSpec
from warehouse.engine.local import LocalEngine
from warehouse.errors import PredictionError
from warehouse.reports.error_sheet import error_sheet
from warehouse.sql import Relation
from warehouse.statistics.excess import Sums, mean_tails, rate_tails, tails
from warehouse.statistics.significance import holm

SPEC = DatasetSpec(name="d", model="m", key=("id",), label="flag", split=ColumnSplit(column="part"))
U = "((hash(id * 7919 + {}) >> 11)::double / 9007199254740992.0)"
FEATURES = f"""
    select
        id,
        {U.format(1)} < 0.5 as flag,
        ['a', 'it''s', 'c', null][1 + floor(4 * {U.format(2)})::int] as "a ""kind"" of",
        case when {U.format(3)} < 0.1 then 'nan'::double else round(100 * {U.format(3)}, 1) end as amount,
        timestamp '2023-01-01' + to_hours(id::int % 17520) as at,
        'user_' || id as name,
        floor(40 * {U.format(4)} ** 2)::int as count,
        repeat('word ', 8 + (id % 20)::int) || id as story,
        [id, id][1 : 1 + (id % 2)::int] as items,
        id // 4 as owner,
        1 as same,
        {{'a': 1}} as inner,
    from range(ROWS) as numbers(id)
"""
PLANTED = """case when "a ""kind"" of" = 'it''s' and amount >= 45 then 0.4 else 0.1 end"""


def diagnosis(
    engine: LocalEngine, error: str, question: SliceQuestion, *, rows: int = 16_000, salt: int = 0, **spec: Any
) -> Diagnosis:
    """Of two halves of made-up rows; a row is predicted wrong with this probability."""
    listed = FEATURES.replace("ROWS", str(rows))
    engine.connection.execute(f"create or replace table data as {listed}")
    for name, half in (("dev", 0), ("test", 1)):
        engine.connection.execute(
            f"create or replace table {name} as select * from data where hash(owner, 'half') % 2 = {half}"
        )
    engine.connection.execute(
        f"create or replace table predictions as select id, flag <> ({U.format(900 + salt)} < ({error})) as prediction"
        " from data"
    )
    splits = {name: Relation.table(name) for name in ("dev", "test")}
    return diagnose(engine, splits, replace(SPEC, **spec), Relation.table("predictions"), Question(slices=question))


def report_of(result: Diagnosis) -> SliceReport:
    assert result.slices is not None, result.not_judged
    return result.slices


@pytest.mark.parametrize("groups", [(), ("owner",)], ids=["independent", "clustered"])
def test_a_planted_slice_is_found_confirmed_and_measured_as_polars_measures_it(
    engine: LocalEngine, groups: tuple[str, ...]
) -> None:
    report = report_of(diagnosis(engine, PLANTED, SliceQuestion(), groups=groups))

    assert (report.found_on, report.verified_on, report.metric) == ("dev", "test", MetricName.ERROR_RATE)
    worst, *others = report.slices
    assert worst.name == 'a "kind" of is “it\'s” and amount from 45'
    assert worst.where == """"a ""kind"" of" = 'it''s' and "amount" >= 45 and isfinite("amount")"""
    assert worst.answer is SliceAnswer.CONFIRMED
    assert not [each.name for each in others if each.answer is SliceAnswer.CONFIRMED]
    for split, errors in (("dev", worst.found), ("test", worst.verified)):
        assert errors is not None
        frame = engine.connection.execute(
            f"select d.*, flag <> prediction as wrong from {split} as d join predictions using (id)"
        ).pl()
        inside = (pl.col('a "kind" of') == "it's") & (pl.col("amount") >= 45) & pl.col("amount").is_finite()
        inside = inside.fill_null(False)
        chosen, rest = frame.filter(inside), frame.filter(~inside)
        counts = [[each["wrong"].sum(), each.height - each["wrong"].sum()] for each in (chosen, rest)]
        assert errors.row_count == chosen.height
        assert errors.error.value == pytest.approx(chosen["wrong"].mean())
        assert errors.rest.value == pytest.approx(rest["wrong"].mean())
        gain = frame["wrong"].mean() - rest["wrong"].mean()  # type: ignore[operator]
        assert errors.removable.value == pytest.approx(gain)
        assert errors.error_share == pytest.approx(chosen["wrong"].sum() / frame["wrong"].sum())
        assert errors.p_value >= stats.fisher_exact(counts, alternative="greater")[1] * 0.5
        interval = stats.binomtest(int(chosen["wrong"].sum()), chosen.height).proportion_ci(method="wilson")
        if not groups:
            assert (errors.error.low, errors.error.high) == pytest.approx((interval.low, interval.high))
    assert report.listed_error_share >= worst.found.error_share


def test_columns_that_are_no_features_are_left_out_with_a_reason(engine: LocalEngine) -> None:
    report = report_of(diagnosis(engine, "0.1", SliceQuestion(), groups=("owner",), rows=4000))

    assert {each.column: each.reason.split(":")[0] for each in report.left_out} == {
        "id": "it is the key",
        "flag": "it is the label",
        "owner": "rows are grouped by it",
        "name": "it is different in nearly every row",
        "same": "it is the same in every row that was looked at",
        "inner": "its type, STRUCT(a INTEGER), has no values to cut by",
    }
    assert [each.name for each in report.features] == [
        *('a "kind" of', "amount", "at", "month of at", "weekday of at", "hour of at", "count"),
        *("length of story", "length of items"),
    ]


def test_every_condition_selects_the_rows_that_were_counted(engine: LocalEngine) -> None:
    result = diagnosis(engine, 'case when amount < 30 or month("at") = 2 then 0.5 else 0.1 end', SliceQuestion())

    report = report_of(result)
    assert len(report.confirmed) >= 2
    for each in report.slices:
        for split, errors in (("dev", each.found), ("test", each.verified)):
            found = engine.connection.execute(f"select count(*) from {split} where {each.where}").fetchone()
            assert errors is not None
            assert found == (errors.row_count,), each.where


@pytest.mark.parametrize("column", ['a "kind" of', "amount", "at", "count", "story", "items"])
def test_cells_hold_each_row_once_and_as_they_say(engine: LocalEngine, column: str) -> None:
    engine.connection.execute(f"create table data as {FEATURES.replace('ROWS', '3000')}")
    relation = Relation.table("data")
    types = {each.name: each.type for each in engine.columns(relation)}
    for part in parts_of(column, types[column], with_moments=True):
        quantiles = engine.connection.execute(f"select quantile_disc({part.sql}, {bin_levels()}) from data").fetchone()
        values = engine.connection.execute(
            f"select distinct {part.sql} from data where {part.sql} is not null order by 1 limit 7"
        ).fetchall()
        candidates = [value_cells(part, [value for (value,) in values])]
        if not part.is_text:
            assert quantiles is not None
            candidates.append(bin_cells(part, quantiles[0], 3000))
        for cells in candidates:
            code = cells.code_sql(part.sql, f'"{column.replace(chr(34), chr(34) * 2)}" is null')
            counted = engine.connection.execute(f"select {code}, count(*) from data group by 1").fetchall()
            assert sum(count for _, count in counted) == 3000
            for number, count in counted:
                condition = cells.condition(number, number)
                found = engine.connection.execute(f"select count(*) from data where {condition.sql}").fetchone()
                assert found == (count,), condition


def test_no_slice_is_confirmed_where_all_rows_err_alike(engine: LocalEngine) -> None:
    found = confirmed = 0
    for salt in range(12):
        report = report_of(diagnosis(engine, "0.15", SliceQuestion(), rows=6000, salt=salt))
        found += bool(report.slices)
        confirmed += bool(report.confirmed)

    assert found <= 3
    assert confirmed == 0


def test_without_test_one_half_is_verified_on_the_other_and_groups_stay_whole(engine: LocalEngine) -> None:
    result = diagnosis(engine, PLANTED, SliceQuestion(split="test"), groups=("owner",))

    report = report_of(result)
    assert (report.found_on, report.verified_on) == ("half of test", "the other half of test")
    total = engine.connection.execute("select count(*) from test").fetchone()
    assert (report.found_row_count + report.verified_row_count,) == total
    assert report.found_row_count % 4 == 0
    assert report.slices[0].answer is SliceAnswer.CONFIRMED


def test_few_rows_are_not_cut(engine: LocalEngine) -> None:
    result = diagnosis(engine, "0.1", SliceQuestion(), rows=200)

    assert result.slices is None
    assert [reason for reason in result.not_judged if reason.startswith("slices: dev has ")]


def test_tails_are_those_of_exact_laws() -> None:
    random = np.random.default_rng(7)
    for _ in range(300):
        inside, outside = int(random.integers(20, 500)), int(random.integers(500, 5000))
        rate = random.choice([0.01, 0.05, 0.3, 0.6, 0.95])
        first = int(random.binomial(inside, min(0.99, rate * random.uniform(1, 2))))
        second = int(random.binomial(outside, rate))
        (found,) = rate_tails(Sums.of(inside, first, first), Sums.of(outside, second, second))
        exact = stats.fisher_exact([[first, inside - first], [second, outside - second]], alternative="greater")[1]
        if first / inside > second / outside and 1e-12 < exact < 0.1:
            assert 0.6 < found / exact < 2
    left, right = random.exponential(1.4, 60), random.exponential(1, 900)
    sums = [Sums.of(len(each), each.sum(), (each**2).sum()) for each in (left, right)]
    exact = stats.ttest_ind(left, right, equal_var=False, alternative="greater").pvalue
    assert mean_tails(sums[0], sums[1])[0] == pytest.approx(exact, rel=0.05)
    assert tails(np.array([2.0, math.nan]), np.array([5.0, 5.0])) == pytest.approx([stats.t.sf(2, 5), 1], rel=0.01)


def test_holm_corrects_as_written_out_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20])
def test_triples_hold_every_pair(count: int) -> None:
    triples = covering_triples(range(count))

    assert {pair for triple in triples for pair in combinations(triple, 2)} == set(combinations(range(count), 2))
    assert len(triples) <= max(1, count * count // 5)


def tagged(engine: LocalEngine) -> tuple[Diagnosis, SliceReport]:
    result = diagnosis(engine, PLANTED, SliceQuestion(with_samples=True))
    return result, report_of(result)


def test_sampled_errors_are_errors_and_the_same_every_time(engine: LocalEngine) -> None:
    _, report = tagged(engine)

    assert sum(-1 in sample.sampled_of for sample in report.samples) == 100
    assert sum(0 in sample.sampled_of for sample in report.samples) == 20
    assert len({sample.row for sample in report.samples}) == len(report.samples)
    assert all(sample.label != sample.prediction and sample.loss == 1 for sample in report.samples)
    assert all(0 in sample.slices for sample in report.samples if 0 in sample.sampled_of)
    assert tagged(engine)[1].samples == report.samples


def test_a_sheet_is_written_tagged_and_tallied(engine: LocalEngine, tmp_path: Path) -> None:
    _, report = tagged(engine)
    header, rows = sheet_rows(engine, Relation.table("dev"), SPEC.key, report)
    path = tmp_path / "sheet.csv"
    path.write_text(error_sheet(header, rows), encoding="utf-8", newline="")
    written = pl.read_csv(path, infer_schema=False)
    assert written.columns[:8] == ["tag", "note", "row", "slices", "label", "prediction", "probability", "loss"]
    assert written["row"].to_list() == [sample.row for sample in report.samples]
    assert written.height == len(report.samples)

    # As a spreadsheet of another country saves it: semicolons, UTF-16.
    tags = ["Fog; night"] * 30 + ["fog "] * 20 + [" night"] * 10 + [None] * (written.height - 60)
    text = written.with_columns(pl.Series("tag", tags, dtype=pl.String)).write_csv(separator=";")
    path.write_bytes(text.encode("utf-16"))
    sheet = read_tags(path)
    result = tag_report(report, sheet)

    assert (result.tagged_count, result.unknown_count) == (60, 0)
    tally = result.tallies[0]
    assert (tally.subject, tally.sampled_count, tally.tagged_count) == ("all errors of dev", 100, 60)
    assert [(each.tag, each.row_count) for each in tally.tags] == [("Fog", 50), ("night", 40)]
    expected = stats.binomtest(50, 60).proportion_ci(method="wilson")
    fog = tally.tags[0]
    assert (fog.share.low, fog.share.high) == pytest.approx((expected.low, expected.high))
    assert fog.removable.value == pytest.approx(50 / 60 * report.error.value)


def test_a_sheet_runs_nothing_in_a_spreadsheet(engine: LocalEngine) -> None:
    engine.connection.execute(
        "create table hostile as select i as id, '=1+' || i as \"=name\", -5 as amount, '-inf'::double as odd,"
        " ' @x' as at, 'it''s, \"quoted\"' as fine from range(500) as r(i)"
    )
    engine.connection.execute("create table predictions as select id, 1.0 as loss from hostile")
    spec = replace(SPEC, label=None)
    splits = {"dev": Relation.table("hostile")}
    question = Question(slices=SliceQuestion(with_samples=True))
    # One feature with two values, so that there is something to cut by.
    engine.connection.execute("alter table hostile add column side boolean default false")
    engine.connection.execute("update hostile set side = id % 2 = 0")
    report = report_of(diagnose(engine, splits, spec, Relation.table("predictions"), question))
    header, rows = sheet_rows(engine, splits["dev"], spec.key, report)

    first = next(pl.read_csv(error_sheet(header, rows).encode(), infer_schema=False).iter_rows(named=True))
    assert first["'=name"].startswith("'=1+")
    assert (first["amount"], first["odd"], first["at"], first["fine"]) == ("-5", "'-inf", "' @x", 'it\'s, "quoted"')


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n", "has no column 'row' and no column 'tag'"),
        (b"", "has no column"),
        (b"PK\x03\x04rest", "is no CSV"),
        (b"row,tag\nr\xff,x\n", "is no text in UTF-8"),
    ],
    ids=["columns", "empty", "workbook", "latin"],
)
def test_what_is_no_sheet_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "sheet.csv"
    path.write_bytes(content)

    with pytest.raises(PredictionError, match=message):
        read_tags(path)


def test_tags_of_other_predictions_are_refused(engine: LocalEngine) -> None:
    _, report = tagged(engine)
    known = report.samples[0].row

    with pytest.raises(PredictionError, match="none of the 1 rows that s has tags for"):
        tag_report(report, TagSheet(source="s", tags={"r0": ("x",)}))
    with pytest.raises(PredictionError, match="s has no tags"):
        tag_report(report, TagSheet(source="s", tags={known: ()}))
    assert tag_report(report, TagSheet(source="s", tags={known: ("x",), "r0": ("y",)})).unknown_count == 1
