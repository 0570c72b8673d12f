"""Rows against a version's profile: the same answers as against its rows, within what the profile says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from warehouse.checks.drift.pairs import Frame, Purpose, compare_pair
from warehouse.checks.drift.profiles import compare_pair_with_profile
from warehouse.checks.drift.result import ColumnDrift
from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation
from warehouse.statistics.kinds import Kind
from warehouse.statistics.profile_making import profile_of
from warehouse.statistics.stored_profile import StoredProfile, thinned, without_values

FLIGHTS = Path(__file__).parents[2] / "data/nycflights13/flights"
PURPOSE = Purpose(words="a test")


def flights(*months: int) -> Relation:
    return Relation.parquet([str(FLIGHTS / f"2013-{month:02}.parquet") for month in months], name="flights")


@pytest.fixture(scope="module")
def stored() -> StoredProfile:
    from warehouse.storage import connect

    with connect(None) as connection:
        return profile_of(LocalEngine(connection), {"train": flights(1, 2), "test": flights(3)})


def both(engine: LocalEngine, profile: StoredProfile, frame: Frame) -> dict[str, tuple[ColumnDrift, ColumnDrift]]:
    """Each column of June, July against train: by rows and by profile."""
    by_rows = compare_pair(
        engine,
        flights(1, 2),
        flights(6, 7),
        left_name="train",
        right_name="new",
        subject="",
        purpose=PURPOSE,
        frame=frame,
    )
    by_profile = compare_pair_with_profile(
        engine,
        profile,
        "train",
        flights(6, 7),
        left_name="train",
        right_name="new",
        subject="",
        purpose=PURPOSE,
        frame=frame,
    )
    found = {column.name: column for column in by_profile.result.columns}
    return {column.name: (column, found[column.name]) for column in by_rows.result.columns}


def test_real_flights_get_the_same_verdicts_by_rows_and_by_profile(engine: LocalEngine, stored: StoredProfile) -> None:
    columns = both(engine, stored, Frame())

    assert len(columns) > 15
    for name, (rows, profile) in columns.items():
        own = [effect for effect in rows.effects if effect.name.value in ("distance", "share")]
        theirs = [effect for effect in profile.effects if effect.name.value in ("distance", "share")]
        for mine, other in zip(own, theirs, strict=True):
            if name == "tailnum":
                # More values than are listed: the others count as one, and a distance over fewer cells is smaller.
                assert mine.name.value == "share" or 0.8 * mine.value <= other.value <= mine.value
                continue
            assert other.value == pytest.approx(mine.value, abs=0.01), name
            if abs(mine.value - mine.threshold) > 0.02:
                assert other.verdict is mine.verdict, name
        assert (profile.left.row_count, profile.left.missing_count) == (rows.left.row_count, rows.left.missing_count)
        if rows.left.mean is not None:
            assert profile.left.mean == pytest.approx(rows.left.mean, rel=1e-9), name
        assert profile.left.minimum == rows.left.minimum
        assert profile.right.maximum == rows.right.maximum


def test_the_true_distances_lie_within_the_stated_errors(engine: LocalEngine, stored: StoredProfile) -> None:
    for name, (rows, profile) in both(engine, thinned(stored, cells=400), Frame()).items():
        assert rows.measures is not None
        assert profile.measures is not None
        exact, told = rows.measures.kolmogorov_smirnov, profile.measures.kolmogorov_smirnov
        if exact is not None:
            assert told is not None
            assert told - 1e-9 <= exact <= told + (profile.measures.kolmogorov_smirnov_error or 0.0) + 1e-9, name


def test_distances_of_numbers_whose_values_are_all_listed_are_exact(engine: LocalEngine, stored: StoredProfile) -> None:
    for name, (rows, profile) in both(engine, stored, Frame()).items():
        assert rows.measures is not None
        assert profile.measures is not None
        if rows.kind is Kind.DISCRETE:
            assert profile.measures.kolmogorov_smirnov_error == 0.0
            told, exact = profile.measures.kolmogorov_smirnov, rows.measures.kolmogorov_smirnov
            assert told == pytest.approx(exact, abs=1e-12), name
            assert profile.measures.wasserstein == pytest.approx(rows.measures.wasserstein, rel=1e-9), name


def test_values_beyond_those_listed_count_as_one_and_new_ones_are_not_guessed(
    engine: LocalEngine, stored: StoredProfile
) -> None:
    few = thinned(stored, cells=30)

    columns = both(engine, few, Frame())

    rows, profile = columns["tailnum"]
    assert rows.new is not None
    assert profile.new is None
    assert "new" not in {effect.name.value for effect in profile.effects}
    assert profile.effects[0].value <= rows.effects[0].value + 0.001


def test_sets_add_up_to_all_of_them(stored: StoredProfile) -> None:
    assert stored.row_counts[-1] == sum(stored.row_counts[:-1])
    for column in stored.columns:
        *sides, together = column.sides
        assert together.present_count == sum(side.present_count for side in sides)
        assert together.counts == tuple(map(sum, zip(*(side.counts for side in sides), strict=True)))
        assert together.value_counts == tuple(map(sum, zip(*(side.value_counts for side in sides), strict=True)))


def test_rows_beyond_the_profile_are_counted_beyond_it(engine: LocalEngine) -> None:
    engine.connection.execute("create table a as select i % 100 + 0.5 as x from range(5000) as r(i)")
    engine.connection.execute("create table b as select i % 100 + 0.5 - 90 as x from range(5000) as r(i)")
    engine.connection.execute("create table c as select i % 100 + 0.5 + 90 as x from range(5000) as r(i)")
    profile = profile_of(engine, {"a": Relation.table("a")})

    for name, share in (("b", 0.9), ("c", 0.9)):
        pair = compare_pair_with_profile(
            engine,
            profile,
            "a",
            Relation.table(name),
            left_name="a",
            right_name=name,
            subject="",
            purpose=PURPOSE,
            frame=Frame(),
        )
        (column,) = pair.result.columns
        assert column.measures is not None
        assert column.measures.kolmogorov_smirnov == pytest.approx(share, abs=0.011)
        assert column.measures.total_variation == pytest.approx(share, abs=0.03)


def test_hostile_names_and_values_are_profiled(engine: LocalEngine) -> None:
    engine.connection.execute(
        """create table a as select 'it''s "x"' || i % 3 as "a ""b", 'é' || i % 2 as "value", i % 5 as "select",
        null as nothing, [i] as list, i % 7 = 0 as "row_count" from range(3000) as r(i)"""
    )
    profile = profile_of(engine, {"one's": Relation.table("a"), "two": Relation.table("a")}, groups=["select"])

    pair = compare_pair_with_profile(
        engine,
        profile,
        None,
        Relation.table("a"),
        left_name="a",
        right_name="b",
        subject="",
        purpose=PURPOSE,
        frame=Frame(groups=["select"]),
    )

    assert pair.result.left_row_count == 6000
    assert {column.verdict.value for column in pair.result.columns} <= {"stable", "undecided"}


def test_columns_whose_values_are_kept_secret_have_none(stored: StoredProfile) -> None:
    secret = without_values(stored, frozenset({"carrier"}))

    (column,) = (column for column in secret.columns if column.name == "carrier")
    assert column.values == ()
    assert column.unlisted_count > 10
    assert column.sides[-1].other_count == stored.row_counts[-1]
