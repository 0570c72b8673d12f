"""The SQL that decides each row's place: the split that it lies in, or the reason why it is in none.

Plain specifications take a short way: one expression per row. All others go through the same four steps: the point of
the row's entity with what the rules ask of the row, the place by the split's method, the place by the rules, and what
is left out of train.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from warehouse.datasets.placement_problems import off_target_sql
from warehouse.datasets.placement_rules import (
    by_column_or_time_sql,
    frozen_in_sql,
    left_out_sql,
    period_sql,
    ruled_place_sql,
    surplus_sql,
    unmoved_place_sql,
)
from warehouse.datasets.row_bits import RowSets
from warehouse.datasets.row_checks import TableFacts
from warehouse.datasets.spec import (
    ColumnSplit,
    DatasetSpec,
    DuplicateRule,
    Grouping,
    HashSplit,
    HashTimeSplit,
    TimeSplit,
)
from warehouse.datasets.splits import fold_sql, hash_text_sql, place_sql, salt_of, split_bounds, subset_sql
from warehouse.datasets.strata import STRATIFIED, known_in_sql, stratum_sql
from warehouse.sql import Relation, Step, identifier

POINTS = "pointed_rows"
"""A table of the session, for what reads the points more than once."""

ENTITIES = "entities"
"""A table of the session for linked rows: `row_number`, `point`; rows that are not in it stand for themselves."""

DUPLICATES = "duplicate_rows"
"""The set of the rows whose equals are exported in their place."""


MOST_GROUPS_ONCE = 1_000_000
"""Groups that are hashed once each, and then looked up by their rows; more would not fit in memory."""
_MOST_STRETCHES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the session holds beside the model's table."""

    frozen: tuple[str, ...] = ()
    """Splits whose rows are given, each as a set."""
    has_duplicates: bool = False
    """Whether there is a set `DUPLICATES`."""
    sets: RowSets | None = None
    """Where the sets are; None: bits in the blocks of the table."""


def is_movable(spec: DatasetSpec) -> bool:
    """Whether a row that must not enter a split may go to train instead: nothing ties it to other rows or to a time."""
    return isinstance(spec.split, HashSplit) and not spec.groups and not spec.is_linked


def is_plain(spec: DatasetSpec, known: Known) -> bool:
    """Whether the method alone places the rows."""
    asks = (spec.target_distribution, spec.synthetic, spec.downsample, spec.subsets, spec.folds, known.frozen)
    stratified = isinstance(spec.split, HashSplit) and bool(spec.split.stratify)
    once = spec.deduplicate.exact is DuplicateRule.ONCE
    return not (any(asks) or stratified or spec.is_linked or once or known.has_duplicates or spec.fraction < 1)


def placed_rows_sql(
    relation: Relation, spec: DatasetSpec, facts: TableFacts, known: Known, *, kept_points: bool = False
) -> tuple[Step, ...]:
    """Steps; one row of the last per row of the table: `row_number`, `place`, `part` and `fold`.

    `place` is a split or a reason, `part` the index of the smallest of `spec.subsets` that a row of train belongs to,
    `fold` is NULL outside train, and both when nobody asks.
    """
    if is_plain(spec, known):
        return (
            *_plainly_placed_sql(relation, spec, facts),
            Step("placed_rows", "select row_number, place, null::integer as part, null::integer as fold from places"),
        )
    points = (
        (Step("points", f"select * from temp.{POINTS}"),)
        if kept_points
        else pointed_rows_sql(relation, spec, facts, known)
    )
    return (*points, *ruled_places_sql(spec, known, carried="row_number"))


def ruled_places_sql(spec: DatasetSpec, known: Known, *, carried: str) -> tuple[Step, ...]:
    """The steps from the points of rows to `placed_rows`, with what each row carries: names of `points`, quoted."""
    return (*_based_rows_sql(spec, known), *_ruled_rows_sql(spec, known, carried), *_last_steps_sql(spec, carried))


def _plainly_placed_sql(relation: Relation, spec: DatasetSpec, facts: TableFacts) -> tuple[Step, ...]:
    split = spec.split
    if isinstance(split, ColumnSplit):
        return (_places(relation, f"{identifier(split.column)}::varchar"),)
    bounds = split_bounds(split)
    if isinstance(split, TimeSplit):
        carved = place_sql(hash_text_sql(spec.key, salt=split.salt), bounds) if split.train_dev else "'train'"
        return (_places(relation, period_sql(spec, split, train=carved)),)
    own = place_sql("point", bounds)
    period = {}
    if isinstance(split, HashTimeSplit):
        own, period = by_column_or_time_sql(spec), {"period": period_sql(spec, split)}
    elif _has_few_groups(spec, facts):
        alone = place_sql(hash_text_sql(spec.key, salt=split.salt), bounds)
        return _points_once_sql(relation, spec, point=own, own_point=alone, name="place")
    return (
        *_points_sql(relation, spec, facts, period),
        Step("places", f"select row_number, {own} as place from points"),
    )


def _places(relation: Relation, place: str) -> Step:
    return Step("places", f"select rowid as row_number, {place} as place from {relation.sql}")


def pointed_rows_sql(relation: Relation, spec: DatasetSpec, facts: TableFacts, known: Known) -> tuple[Step, ...]:
    """Steps; one row of the last, `points`, per row of the table: its entity's point, and what the rules ask of it."""
    split = spec.split
    asked = asked_of_row_sql(spec)
    sets = known.sets or facts.blocks
    if known.frozen:
        asked["frozen_in"] = frozen_in_sql(known.frozen, sets)
    if known.has_duplicates:
        asked["is_duplicate"] = sets.is_in_sql(DUPLICATES)
    if isinstance(split, HashSplit) and split.stratify:
        asked["stratum"] = stratum_sql(split.stratify)
        # What stands in a frozen split and is not among its rows is placed anew.
        known_splits = [name for name in spec.splits if name not in known.frozen]
        asked["known_in"] = known_in_sql(known_splits, sets)
    return _points_sql(relation, spec, facts, asked)


def asked_of_row_sql(spec: DatasetSpec) -> dict[str, str]:
    """What the rules ask of a row that its own values tell, by name."""
    split = spec.split
    asked: dict[str, str] = {}
    if isinstance(split, TimeSplit | HashTimeSplit):
        asked["period"] = period_sql(spec, split)
    if isinstance(split, ColumnSplit):
        asked["period"] = f"{identifier(split.column)}::varchar"
    if spec.target_distribution is not None:
        asked["is_off_target"] = off_target_sql(spec.target_distribution)
    if spec.synthetic is not None:
        asked["is_synthetic"] = identifier(spec.synthetic.column)
    if spec.downsample is not None:
        asked["is_surplus"] = surplus_sql(spec, spec.downsample)
    return asked


def _has_few_groups(spec: DatasetSpec, facts: TableFacts) -> bool:
    # They are looked for once in every stretch.
    few_stretches = len(facts.blocks.stretches) <= _MOST_STRETCHES
    return len(spec.groups) == 1 and few_stretches and facts.group_kinds <= min(facts.row_count // 4, MOST_GROUPS_ONCE)


def own_point_sql(spec: DatasetSpec) -> str:
    """The point of a row by its own values alone: of its group (of linked groups, the first it has), or of its key."""
    members: list[tuple[str, ...]] = [(group,) for group in spec.groups]
    if spec.groups and spec.grouping is Grouping.COMPOSITE:
        members = [spec.groups]
    return f"coalesce({', '.join(hash_text_sql(names, salt=salt_of(spec)) for names in (*members, spec.key))})"


def _points_sql(relation: Relation, spec: DatasetSpec, facts: TableFacts, asked: dict[str, str]) -> tuple[Step, ...]:
    """Steps; one row of the last per row of the table: `row_number`, `point` and these expressions by their names."""
    salt = salt_of(spec)
    more = "".join(f", {expression} as {name}" for name, expression in asked.items())
    names = "".join(f", {name}" for name in asked)
    by_key = hash_text_sql(spec.key, salt=salt)
    own = own_point_sql(spec)
    if spec.is_linked:
        return (
            Step("own_points", f"select rowid as row_number, {own} as own_point{more} from {relation.sql}"),
            Step(
                "points",
                f"""
                select
                    own_points.row_number,
                    coalesce({ENTITIES}.point, own_points.own_point) as point{names},
                from own_points
                left join temp.{ENTITIES} on own_points.row_number = {ENTITIES}.row_number
                """,
            ),
        )
    if not _has_few_groups(spec, facts):
        return (Step("points", f"select rowid as row_number, {own} as point{more} from {relation.sql}"),)
    return _points_once_sql(relation, spec, point="point", own_point=by_key, name="point", more=more, names=names)


def _points_once_sql(
    relation: Relation, spec: DatasetSpec, *, point: str, own_point: str, name: str, more: str = "", names: str = ""
) -> tuple[Step, ...]:
    """Steps as `_points_sql` for one column with few groups: a hash costs more than a probe, so each is hashed once.

    Args:
        relation: The model's table.
        spec: Of the dataset.
        point: What is asked of a group, as an expression over its `point`.
        own_point: The same of a row without a group, over the row.
        name: What the answer is called.
        more: Further terms over a row of the table.
        names: Their names.
    """
    group = identifier(spec.groups[0])
    hashed = hash_text_sql(("member",), salt=salt_of(spec))
    return (
        Step("groups_once", f"select distinct {group} as member from {relation.sql} where {group} is not null"),
        Step("group_points", f"select member, {hashed} as point from groups_once"),
        Step("answers", f"select member, {point} as answer from group_points"),
        Step(
            "rows_with_group",
            f"""
            select
                rowid as row_number,
                {group} as member,
                case when {group} is null then {own_point} end as own_answer{more},
            from {relation.sql}
            """,
        ),
        Step(
            f"{name}s",
            f"""
            select
                rows_with_group.row_number,
                coalesce(answers.answer, rows_with_group.own_answer) as {name}{names},
            from rows_with_group
            left join answers on rows_with_group.member = answers.member
            """,
        ),
    )


def _based_rows_sql(spec: DatasetSpec, known: Known) -> tuple[Step, ...]:
    """The place by the split's method."""
    split = spec.split
    if not isinstance(split, HashSplit):
        return (Step("based_rows", f"select *, {by_column_or_time_sql(spec)} as base from points"),)
    line = unmoved_place_sql(spec, known.frozen, movable=is_movable(spec))
    if not split.stratify:
        return (Step("based_rows", f"select *, {line} as base from points"),)
    unit = "row_number" if is_movable(spec) else "point"
    return (
        Step("lined_rows", f"select *, {line} as lined from points"),
        Step(
            "based_rows",
            f"""
            select
                lined_rows.*,
                coalesce({STRATIFIED}.base, lined_rows.lined) as base,
            from lined_rows
            left join temp.{STRATIFIED} on lined_rows.{unit} = {STRATIFIED}.unit
            """,
        ),
    )


def _ruled_rows_sql(spec: DatasetSpec, known: Known, carried: str) -> tuple[Step, ...]:
    """The place by the rules: what must not lie in a split goes to train, or is left out when something ties it."""
    if known.frozen and ties_rows(spec):
        return (
            Step("frozen_points", "select distinct point from points where frozen_in is not null"),
            Step(
                "frozen_entities",
                """
                select
                    based_rows.*,
                    frozen_points.point is not null as has_frozen_rows,
                from based_rows
                left join frozen_points on based_rows.point = frozen_points.point
                """,
            ),
            Step("ruled_rows", _ruled_sql(spec, known, "frozen_entities", carried)),
        )
    return (Step("ruled_rows", _ruled_sql(spec, known, "based_rows", carried)),)


def ties_rows(spec: DatasetSpec) -> bool:
    """Whether several rows may be one entity."""
    return bool(spec.groups) or spec.is_linked


def _ruled_sql(spec: DatasetSpec, known: Known, source: str, carried: str) -> str:
    place = ruled_place_sql(
        spec,
        known.frozen,
        movable=is_movable(spec),
        tied=ties_rows(spec),
        has_duplicates=known.has_duplicates,
    )
    surplus = "is_surplus" if spec.downsample is not None else "false"
    return f"select {carried}, point, {surplus} as is_surplus, {place} as ruled from {source}"


def _last_steps_sql(spec: DatasetSpec, carried: str) -> tuple[Step, ...]:
    """What is left out of train, and the parts and folds of what stays."""
    fold = fold_sql("point", spec.folds) if spec.folds else "null::integer"
    return (
        Step("kept_rows", f"select {carried}, point, {left_out_sql(spec)} as place from ruled_rows"),
        Step(
            "placed_rows",
            f"""
            select
                {carried},
                place,
                case when place = 'train' then {_part_sql(spec.subsets)} end as part,
                case when place = 'train' then {fold} end as fold,
            from kept_rows
            """,
        ),
    )


def _part_sql(subsets: Sequence[float]) -> str:
    branches = " ".join(f"when {subset_sql('point', share)} then {i}" for i, share in enumerate(subsets))
    return f"case {branches} end" if branches else "null::integer"
