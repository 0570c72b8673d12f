"""What is said about a whole comparison: the label first, the columns behind it, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from warehouse.checks.drift.comparison import compare
from warehouse.checks.drift.importance import label_shift, rank_columns
from warehouse.checks.drift.parts import DomainColumn, DomainDrift, LabelRelation, RelationBin
from warehouse.checks.drift.result import DriftResult
from warehouse.checks.drift.summary import advise, summarise
from warehouse.checks.drift.verdicts import Verdict
from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation
from warehouse.storage import connect


def compared(left: str, right: str, *, label: str | None = "is_late") -> DriftResult:
    with connect(None) as connection:
        connection.execute(f"create table l as {left}")
        connection.execute(f"create table r as {right}")
        return compare(
            LocalEngine(connection),
            Relation.table("l"),
            Relation.table("r"),
            left_name="train",
            right_name="test",
            label=label,
        )


def relation(
    feature: str, bins: Sequence[tuple[int, int, float | None]], *, dependence: float = 0.2, drifted: bool = False
) -> LabelRelation:
    return LabelRelation(
        feature=feature,
        left_dependence=dependence,
        right_dependence=dependence,
        change=0.1 if drifted else 0.0,
        low=0.08 if drifted else 0.0,
        high=0.12 if drifted else 0.01,
        threshold=0.05,
        p_value=0.0,
        q_value=0.0,
        verdict=Verdict.DRIFTED if drifted else Verdict.STABLE,
        bins=tuple(
            RelationBin(label=str(i), left_count=left, right_count=right, left_mean=mean, right_mean=mean)
            for i, (left, right, mean) in enumerate(bins)
        ),
        explanation="",
        outcome="true",
    )


FLIGHTS = (
    "select i % 100 < {late} as is_late, case when i % 10 < {snow} then 'snow' else 'clear' end as weather, "
    "i % {planes} as plane from range(4000) as r(i)"
)


def flights() -> DriftResult:
    """21 % of flights late, then 36 %; one in ten in snow, then four; planes drift too."""
    return compared(FLIGHTS.format(late=21, snow=1, planes=7), FLIGHTS.format(late=36, snow=4, planes=5))


def test_a_label_that_drifted_comes_first_with_its_points() -> None:
    assert flights().summary[0] == (
        "From train to test, “is_late” rose from 21.0% to 36.0% of rows (15 points); 2 of 2 other columns drifted."
    )


def test_the_columns_behind_the_label_are_named_with_what_they_would_bring() -> None:
    weather = relation("weather", [(3600, 2400, 0.18), (400, 1600, 0.48)])
    plane = relation("plane", [(2000, 2000, 0.2), (2000, 2000, 0.22)])
    result = replace(flights(), relations=(weather, plane))

    assert label_shift(weather) == pytest.approx(0.3 * (0.48 - 0.18))
    assert label_shift(plane) == pytest.approx(0.0)
    assert summarise(result)[1] == ("The column most behind it: “weather” (its change alone would bring 9 points).")


def test_without_a_column_behind_it_the_strongest_are_named() -> None:
    assert summarise(flights())[1].startswith("Strongest: “")


def test_a_bin_that_the_left_lacks_counts_as_its_average() -> None:
    assert label_shift(relation("x", [(100, 50, 0.1), (100, 50, 0.3), (0, 100, None)])) == pytest.approx(0.0)
    assert label_shift(relation("x", [])) is None


def test_drifted_columns_that_tell_nothing_of_a_stable_label_are_said_to() -> None:
    result = compared(FLIGHTS.format(late=21, snow=1, planes=7), FLIGHTS.format(late=21, snow=4, planes=7))
    harmless = replace(result, relations=(relation("weather", [(1, 1, 0.2)], dependence=0.001),))
    telling = replace(result, relations=(relation("weather", [(1, 1, 0.2)], dependence=0.1),))

    assert "None of the drifted columns tells much about “is_late”." in summarise(harmless)
    assert any(
        line.startswith("Of those that drifted, “is_late” depends most on “weather” (") for line in summarise(telling)
    )


def test_importance_is_the_effect_times_what_the_label_depends_on_the_column() -> None:
    weak, strong = relation("weather", [(1, 1, 0.2)], dependence=0.01), relation("plane", [(1, 1, 0.2)], dependence=0.5)
    result = flights()
    ranked = rank_columns(replace(result, relations=(weak, strong)))
    strengths = {column.name: column.strength for column in result.columns}

    assert [entry.name for entry in ranked] == ["is_late", "plane", "weather"]
    assert ranked[1].importance == pytest.approx(0.5 * strengths["plane"])
    assert ranked[2].importance == pytest.approx(0.01 * strengths["weather"])
    alone = rank_columns(result)
    assert {entry.name: entry.importance for entry in alone} == strengths


def test_a_changed_dependence_is_said_with_what_it_means() -> None:
    result = replace(flights(), relations=(relation("weather", [(1, 1, 0.2)], drifted=True),))

    assert (
        "How “is_late” depends on “weather” has changed too: what was learned on train is partly wrong for test."
        in summarise(result)
    )
    assert "Train on rows more like test, or expect the error to grow." in advise(result)


def test_a_dependence_that_only_follows_the_label_is_not_said_to_be_another() -> None:
    follows = [
        replace(relation(name, [(1, 1, 0.2)], drifted=True), explained_by_label=0.9) for name in ("weather", "plane")
    ]
    alone = summarise(replace(flights(), relations=tuple(follows)))
    beside = summarise(replace(flights(), relations=(*follows, relation("hour", [(1, 1, 0.2)], drifted=True))))

    assert (
        "“is_late” changed for nearly all values of 2 columns alike: "
        "what was learned on train is off by that much for test."
    ) in alone
    assert (
        "How “is_late” depends on “hour” has changed too: what was learned on train is partly wrong for test." in beside
    )


def test_stable_columns_that_go_together_otherwise_are_named_beside_drifted_ones() -> None:
    result = flights()
    stable = replace(result.columns[1], name="origin", verdict=Verdict.STABLE)
    found = DomainDrift(
        auc=0.81,
        low=0.8,
        high=0.82,
        null_high=0.51,
        p_value=0.001,
        threshold=0.6,
        verdict=Verdict.DRIFTED,
        left_sample_rows=4000,
        right_sample_rows=4000,
        shuffle_count=999,
        columns=(DomainColumn(name="origin", importance=0.2), DomainColumn(name="plane", importance=0.1)),
        beyond_columns=False,
        explanation="",
    )
    told = "“origin” looks as before, but goes with other columns in another way"
    joint = replace(result, columns=(*result.columns, stable), domain=found)
    weak = replace(joint, domain=replace(found, columns=(DomainColumn(name="origin", importance=0.04),)))

    assert f"{told}: a classifier tells both sides apart by that (AUC 0.81)." in summarise(joint)
    assert not any(told in sentence for sentence in summarise(weak))


def test_advice_names_missing_values_new_values_and_ranges() -> None:
    result = compared(
        "select case when i % 50 > 0 then i % 9 end as gaps, 'c' || i % 9 as carrier, i / 4000 as x "
        "from range(4000) as r(i)",
        "select case when i % 3 > 0 then i % 9 end as gaps, 'd' || i % 9 as carrier, 0.5 + i / 4000 as x "
        "from range(4000) as r(i)",
        label=None,
    )

    assert advise(result) == (
        "Missing values changed in “gaps”: look at where they come from before anything else.",
        "“carrier” holds values that a model has never seen.",
        "test goes beyond all that train holds in “x” (50.0% of rows).",
    )


def test_nothing_that_drifted_asks_for_nothing() -> None:
    rows = FLIGHTS.format(late=21, snow=1, planes=7)
    assert advise(compared(rows, rows)) == ()
