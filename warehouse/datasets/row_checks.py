"""Whether a table's rows can be placed at all: each has its own key, a time, a known split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from warehouse.datasets.placement_problems import off_target_sql
from warehouse.datasets.row_bits import RowBlocks
from warehouse.datasets.spec import SPLITS, ColumnSplit, DatasetSpec, Grouping, HashTimeSplit, TimeSplit
from warehouse.engine.base import Engine
from warehouse.errors import ExportError, problem_list
from warehouse.sql import Query, Relation, Step, identifier, literal

_SPARSE_BITS = 64
"""An integer key is checked by bits while they are at most this many per row; beyond, by grouping."""
KEY_BITS = 1 << 28
"""Bits of one scan: 32 MiB for every thread."""
_MOST_KEY_SCANS = 32
"""Beyond, keys are grouped: they are scattered so widely that scans would cost more."""

_EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """What one scan of few columns tells."""

    row_count: int
    first_row: int
    """Smallest row number of the table."""
    last_row: int
    key_nulls: tuple[int, ...]
    """Per key column."""
    key_range: tuple[int, int] | None
    """Of a key that is one integer column; otherwise None."""
    time_nulls: int
    """0 unless the rows are split by time, alone or among others."""
    group_kinds: int
    """Roughly, how many different groups there are; 0 unless one column tells the group."""
    synthetic_nulls: int = 0
    """Rows that do not say whether they are synthetic; 0 when none need to."""

    @property
    def blocks(self) -> RowBlocks:
        """The table's blocks, for sets of its rows."""
        return RowBlocks(first_row=self.first_row, last_row=self.last_row)


def table_facts_sql(relation: Relation, spec: DatasetSpec, *, integer_key: bool, numbered: bool = True) -> Query:
    """One row: counts of rows and nulls, ranges of the row numbers (0 without any) and of an integer key."""
    keys = ",\n".join(f"count(*) - count({identifier(name)}) as key_nulls_{i}" for i, name in enumerate(spec.key))
    key = identifier(spec.key[0])
    time = identifier(spec.time) if spec.time and isinstance(spec.split, TimeSplit | HashTimeSplit) else ""
    flag = identifier(spec.synthetic.column) if spec.synthetic else ""
    groups = f"approx_count_distinct({identifier(spec.groups[0])})" if len(spec.groups) == 1 and numbered else "0"
    return Query.of(
        Step(
            "table_facts",
            f"""
            select
                count(*) as row_count,
                {"min(rowid)" if numbered else "0"} as first_row,
                {"max(rowid)" if numbered else "0"} as last_row,
                {keys},
                {f"min({key})" if integer_key else "null"} as least_key,
                {f"max({key})" if integer_key else "null"} as greatest_key,
                {f"count(*) - count({time})" if time else "0"} as time_nulls,
                {groups} as group_kinds,
                {f"count(*) - count({flag})" if flag else "0"} as synthetic_nulls,
            from {relation.sql}
            """,
        )
    )


def read_table_facts(
    engine: Engine, relation: Relation, spec: DatasetSpec, *, integer_key: bool, numbered: bool = True
) -> TableFacts:
    """The facts that placing needs; for an empty table, row numbers are 0.

    Args:
        engine: Where the table is.
        relation: The model's table.
        spec: Of the dataset.
        integer_key: Whether the key is one integer column, and the engine has bits to check it by.
        numbered: Whether the engine numbers a table's rows; without, they are placed in a table, and nobody asks how
            many groups there are.
    """
    (row,) = engine.rows(table_facts_sql(relation, spec, integer_key=integer_key, numbered=numbered))
    has_range = row["least_key"] is not None
    return TableFacts(
        row_count=row["row_count"],
        first_row=row["first_row"] or 0,
        last_row=row["last_row"] or 0,
        key_nulls=tuple(row[f"key_nulls_{i}"] for i in range(len(spec.key))),
        key_range=(row["least_key"], row["greatest_key"]) if has_range else None,
        time_nulls=row["time_nulls"],
        group_kinds=row["group_kinds"] if numbered else row["row_count"],
        synthetic_nulls=row["synthetic_nulls"],
    )


def different_keys_sql(relation: Relation, spec: DatasetSpec, key_range: tuple[int, int]) -> Query:
    """One row: `key_count`, how many different values an integer key has within this range."""
    least, greatest = key_range
    key = identifier(spec.key[0])
    bits = f"bitstring_agg({key}, {least}, {greatest})"
    within = f"{key} between {least} and {greatest}"
    counted = f"select coalesce(bit_count({bits}), 0) as key_count from {relation.sql} where {within}"
    return Query.of(Step("different_keys", counted))


def repeated_keys_sql(relation: Relation, spec: DatasetSpec) -> Query:
    """One row: `key_count` keys that stand in more than one row, `row_count` rows that they stand in."""
    keys = ", ".join(identifier(name) for name in spec.key)
    return Query.of(
        Step("rows_per_repeated_key", f"select count(*) as n from {relation.sql} group by {keys} having count(*) > 1"),
        Step(
            "repeated_keys",
            """
            select
                count(*) as key_count,
                coalesce(sum(n), 0)::bigint as row_count,
            from rows_per_repeated_key
            """,
        ),
    )


def _shown_sql(name: str, spec: DatasetSpec) -> str:
    """A value as text for people. A message may reach a log, and what files hold as pseudonyms must not."""
    return "'(hidden)'" if name in spec.pseudonymise else f"coalesce({identifier(name)}::varchar, 'NULL')"


def example_keys_sql(relation: Relation, spec: DatasetSpec, *, condition: str, repeated: bool = False) -> Query:
    """A few rows: `example`, the key as text, of rows that satisfy the condition (or whose key is repeated)."""
    keys = ", ".join(identifier(name) for name in spec.key)
    texts = ", ".join(_shown_sql(name, spec) for name in spec.key)
    having = "having count(*) > 1" if repeated else ""
    return Query.of(
        Step(
            "example_keys",
            f"""
            select
                concat_ws(', ', {texts}) as example,
            from {relation.sql}
            where {condition}
            group by {keys}
            {having}
            order by {keys}
            limit {_EXAMPLES}
            """,
        )
    )


def check_rows(engine: Engine, relation: Relation, spec: DatasetSpec, facts: TableFacts) -> None:
    """Makes sure that every row has its own key, and whatever else its split depends on.

    Raises:
        ExportError: lists every problem, with counts and example keys.
    """
    if not facts.row_count:
        raise ExportError(f"dataset {spec.name!r}: model {spec.model!r} has no rows\n  build it with: warehouse build")

    def examples(condition: str, *, repeated: bool = False) -> str:
        rows = engine.rows(example_keys_sql(relation, spec, condition=condition, repeated=repeated))
        return "; ".join(row["example"][:100] for row in rows)

    problems = []
    key = ", ".join(spec.key)
    if any(facts.key_nulls):
        for name, count in zip(spec.key, facts.key_nulls, strict=True):
            if count:
                condition = f"{identifier(name)} is null"
                problems.append(f"key {name!r} is NULL in {count:,} rows, for example with key {examples(condition)}")
    elif _different_keys(engine, relation, spec, facts) != facts.row_count:
        (row,) = engine.rows(repeated_keys_sql(relation, spec))
        problems.append(
            f"key {key} is not unique: {row['key_count']:,} keys stand in {row['row_count']:,} rows"
            f"\nfor example {examples('true', repeated=True)}"
        )
    if facts.time_nulls:
        found = examples(f"{identifier(spec.time or '')} is null")
        problems.append(
            f"time {spec.time!r} is NULL in {facts.time_nulls:,} rows, for example in those with key {found}"
        )
    if facts.synthetic_nulls and spec.synthetic is not None:
        found = examples(f"{identifier(spec.synthetic.column)} is null")
        problems.append(
            f"synthetic {spec.synthetic.column!r} is NULL in {facts.synthetic_nulls:,} rows, for example in those with "
            f"key {found}"
        )
    if isinstance(spec.split, ColumnSplit):
        problems += _column_problems(engine, relation, spec, spec.split)
        for problem, condition in _misplaced(spec, spec.split):
            count = engine.rows(row_count_sql(relation, condition))[0]["row_count"]
            if count:
                problems.append(f"{count:,} rows {problem}, for example with key {examples(condition)}")
    if problems:
        title = f"dataset {spec.name!r} cannot be exported from model {spec.model!r}:"
        raise ExportError(problem_list(title, problems) + "\n  correct the model, then: warehouse build")


def _different_keys(engine: Engine, relation: Relation, spec: DatasetSpec, facts: TableFacts) -> int:
    if facts.key_range is not None:
        least, greatest = facts.key_range
        if greatest - least < min(KEY_BITS * _MOST_KEY_SCANS, max(1_000_000, _SPARSE_BITS * facts.row_count)):
            key_count = 0
            for first in range(least, greatest + 1, KEY_BITS):
                last = min(first + KEY_BITS - 1, greatest)
                (row,) = engine.rows(different_keys_sql(relation, spec, (first, last)))
                key_count += int(row["key_count"])
            return key_count
    (row,) = engine.rows(repeated_keys_sql(relation, spec))
    return facts.row_count - int(row["row_count"]) + int(row["key_count"])


def foreign_splits_sql(relation: Relation, column: str) -> Query:
    """One row per value of the column that names no split: `value`, `row_count`; most frequent first."""
    name = identifier(column)
    return Query.of(
        Step(
            "foreign_splits",
            f"""
            select
                {name}::varchar as value,
                count(*) as row_count,
            from {relation.sql}
            where {name} is null or {name}::varchar not in ({", ".join(map(literal, SPLITS))})
            group by {name}::varchar
            order by row_count desc, value
            limit {_EXAMPLES}
            """,
        )
    )


def row_count_sql(relation: Relation, condition: str) -> Query:
    """One row: `row_count`, rows that satisfy the condition."""
    return Query.of(Step("row_count", f"select count(*) as row_count from {relation.sql} where {condition}"))


def _misplaced(spec: DatasetSpec, split: ColumnSplit) -> Iterator[tuple[str, str]]:
    """What rows must not be where the column puts them, in words and as a condition."""
    name = f"{identifier(split.column)}::varchar"
    if spec.target_distribution is not None:
        yield (
            f"of dev and test do not satisfy target_distribution ({spec.target_distribution})",
            f"{name} in ('dev', 'test') and {off_target_sql(spec.target_distribution)}",
        )
    if spec.synthetic is not None:
        closed = "dev and test" if spec.synthetic.train_dev else "train_dev, dev and test"
        words = "'dev', 'test'" if spec.synthetic.train_dev else "'train_dev', 'dev', 'test'"
        yield f"of {closed} are synthetic", f"{name} in ({words}) and {identifier(spec.synthetic.column)}"


def crossing_groups_sql(relation: Relation, spec: DatasetSpec, groups: Sequence[str], column: str) -> Query:
    """A few rows: `value` and `split_count` of groups that lie in several splits; `group_count` of all such."""
    names = ", ".join(map(identifier, groups))
    texts = ", ".join(_shown_sql(name, spec) for name in groups)
    known = " and ".join(f"{identifier(name)} is not null" for name in groups)
    return Query.of(
        Step(
            "crossing_groups",
            f"""
            select
                concat_ws(', ', {texts}) as value,
                count(distinct {identifier(column)}) as split_count,
                count(*) over () as group_count,
            from {relation.sql}
            where {known}
            group by {names}
            having count(distinct {identifier(column)}) > 1
            order by {names}
            limit {_EXAMPLES}
            """,
        )
    )


def _column_problems(engine: Engine, relation: Relation, spec: DatasetSpec, split: ColumnSplit) -> list[str]:
    problems = []
    foreign = engine.rows(foreign_splits_sql(relation, split.column))
    if foreign:
        found = ", ".join(
            f"{'NULL' if row['value'] is None else repr(row['value'][:100])} ({row['row_count']:,} rows)"
            for row in foreign
        )
        problems.append(f"split.column {split.column!r} must name one of {', '.join(SPLITS)}; it also holds {found}")
    # Linked groups are whole when each column's are.
    is_composite = len(spec.groups) > 1 and spec.grouping is Grouping.COMPOSITE
    for groups in [spec.groups] if is_composite else [(group,) for group in spec.groups]:
        group = ", ".join(groups)
        crossing = engine.rows(crossing_groups_sql(relation, spec, groups, split.column))
        if crossing:
            found = ", ".join(repr(str(row["value"])[:100]) for row in crossing)
            problems.append(
                f"{crossing[0]['group_count']:,} values of group {group!r} lie in several splits of {split.column!r}"
                f"\nfor example {found}"
            )
    return problems
