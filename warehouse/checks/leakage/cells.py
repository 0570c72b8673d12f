"""Labels and features as few cells that can be counted: what predictors are learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from warehouse.checks.leakage.rows import LeakColumn, Role, SplitRows
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, literal
from warehouse.statistics.kinds import Family, is_numeric
from warehouse.statistics.value_hashes import row_hash_sql

MOST_CLASSES = 50
"""A label with more different values in train's sample is not judged, unless it is a number."""
MOST_NUMBERS = 20
"""A number with more different values is ranked, not classified."""
RANK_STEPS = 64
"""A numeric label is told apart in so many steps of equal shares."""
CUTS_PER_LABEL = 16
"""A number is cut at so many quantiles of each of the four most frequent labels."""
CUT_LABELS = 4
CUTS = 64
"""And at so many quantiles of all rows."""
MOST_VALUES = 500
"""An integer with at most this many values in the sample is counted value by value."""
PORTABLE_ROWS = 200_000
"""Up to so many rows, train is halved by MD5."""
UNIQUE_SHARE = 0.5
"""Categories with more different values per row cannot be learned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The label as numbers from 0."""

    sql: str
    """NULL when there is no label."""
    classes: tuple[str, ...] | None
    """The labels as text, in order; None for a numeric label, which is cut into steps."""
    row_count: int
    """Labelled rows of train in the sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """One column as cells."""

    column: LeakColumn
    cuts: tuple[float, ...] | None
    """Upper bounds of a number's cells, ascending; None when each value is its own cell."""


def part_sql(rows: SplitRows) -> str:
    """0 for one half of train, 1 for the other (by a hash of the key), 2 and on for other splits.

    Of few rows the halves are the same on every engine; beyond, they take the engine's own hash, which is faster.
    """
    if not rows.key:
        half = "0"
    elif rows.row_count <= PORTABLE_ROWS:
        texts = [f"{column.sql}::varchar" for column in rows.key]
        key = texts[0] if len(texts) == 1 else f"concat_ws(chr(31), {', '.join(texts)})"
        half = f"case when md5({key}) < '8' then 1 else 0 end"
    else:
        half = f"((hash({', '.join(column.sql for column in rows.key)}) >> 40) & 1)"
    return f"(case when s = 0 then {half} else s + 1 end)::utinyint"


def number_sql(column: LeakColumn) -> str:
    """The column as a double; NULL where it has no finite number."""
    if column.family in (Family.INTEGER, Family.DECIMAL):
        return f"{column.sql}::double"
    if column.family is Family.REAL:
        return f"case when isfinite({column.sql}) then {column.sql}::double end"
    if column.family is Family.TIMESTAMP:
        return f"epoch_us({column.sql}::timestamp)::double"
    return f"epoch_us({column.sql})::double"


def has_number(column: LeakColumn) -> bool:
    """Whether the column is cut like a number."""
    return is_numeric(column.family) or column.family in (Family.TIMESTAMP, Family.CLOCK)


def double_sql(value: float) -> str:
    """Exactly this number: without an exponent DuckDB would read a decimal, whose cast may miss the last bit."""
    return f"{value:.16e}::double"


def doubles_sql(values: Sequence[float]) -> str:
    """A list of exactly these numbers."""
    return f"[{', '.join(f'{value:.16e}' for value in values)}]::double[]"


def tree_sql(value: str, cuts: Sequence[float], *, first: int = 0) -> str:
    """How many cuts are at most `value`, as nested comparisons; NULL counts as none."""
    if not cuts:
        return str(first)
    middle = len(cuts) // 2
    below = tree_sql(value, cuts[:middle], first=first)
    above = tree_sql(value, cuts[middle + 1 :], first=first + middle + 1)
    return f"case when {value} >= {double_sql(cuts[middle])} then {above} else {below} end"


def label_values_sql(sample: SplitRows, label: LeakColumn) -> Query:
    """One row per label in train's sample: `value` as text, `row_count`; at most one more than are classes."""
    return Query.of(
        Step(
            "label_values",
            f"""
            select
                {_label_sql(label)}::varchar as value,
                count(*) as row_count,
            from {sample.relation.sql}
            where s = 0 and {_labelled_sql(label)}
            group by {_label_sql(label)}
            order by {_label_sql(label)}
            limit {MOST_CLASSES + 1}
            """,
        )
    )


def _label_sql(label: LeakColumn) -> str:
    """The label, whose zeros have one sign: of equal ones the text would be another."""
    return f"(case when {label.sql} = 0 then 0 else {label.sql} end)" if label.family is Family.REAL else label.sql


def _labelled_sql(label: LeakColumn) -> str:
    return f"isfinite({label.sql})" if label.family is Family.REAL else f"{label.sql} is not null"


def label_cuts_sql(sample: SplitRows, label: LeakColumn) -> Query:
    """One row: `row_count` numbers in train's sample, `cuts` at quantiles of equal shares."""
    levels = [step / RANK_STEPS for step in range(1, RANK_STEPS)]
    return Query.of(
        Step("numbers", f"select {number_sql(label)} as number from {sample.relation.sql} where s = 0"),
        Step(
            "label_cuts",
            f"select count(number) as row_count, quantile_disc(number, {levels}) as cuts from numbers",
        ),
    )


def target_of(engine: Engine, sample: SplitRows) -> Target | None:
    """The label as numbers; None when it is neither a number nor one of few values."""
    label = sample.label
    if label is None:
        return None
    values = engine.rows(label_values_sql(sample, label))
    if len(values) <= (MOST_NUMBERS if has_number(label) else MOST_CLASSES):
        branches = " ".join(f"when {literal(row['value'])} then {place}" for place, row in enumerate(values))
        value = f"{_label_sql(label)}::varchar"
        text = f"case {value} {branches} else {len(values)} end" if branches else "null"
        return Target(
            # A label that train never had is one more class.
            sql=f"(case when {_labelled_sql(label)} then {text} end)::usmallint",
            classes=tuple(row["value"] for row in values),
            row_count=sum(row["row_count"] for row in values),
        )
    if not has_number(label):
        return None
    (found,) = engine.rows(label_cuts_sql(sample, label))
    cuts = sorted(set(found["cuts"] or ()))
    number = number_sql(label)
    return Target(
        sql=f"(case when {number} is not null then {tree_sql(number, cuts)} end)::usmallint",
        classes=None,
        row_count=found["row_count"],
    )


def feature_cuts_sql(sample: SplitRows, columns: Sequence[LeakColumn], target: Target) -> Query:
    """One row per label that is cut for, and one whose `y` is NULL for all rows: `y`, `n`, per column `cuts_i`."""
    everywhere = [step / CUTS for step in range(1, CUTS)]
    per_label = [step / CUTS_PER_LABEL for step in range(CUTS_PER_LABEL + 1)]
    of_all = ", ".join(f"quantile_disc(n{i}, {everywhere}) as cuts_{i}" for i in range(len(columns)))
    of_label = ", ".join(f"quantile_disc(n{i}, {per_label}) as cuts_{i}" for i in range(len(columns)))
    numbers = ", ".join(f"{number_sql(column)} as n{i}" for i, column in enumerate(columns))
    union = ""
    if target.classes is not None:
        counted = "select y, count(*) as n from numbers group by y"
        frequent = f"(select y from ({counted}) as label_counts order by n desc, y limit {CUT_LABELS})"
        union = f" union all select y, count(*) as n, {of_label} from numbers where y in {frequent} group by y"
    return Query.of(
        Step(
            "numbers",
            f"select {target.sql} as y, {numbers} from {sample.relation.sql}"
            f" where s = 0 and {target.sql} is not null and {part_sql(sample)} = 0",
        ),
        Step("feature_cuts", f"select null::usmallint as y, count(*) as n, {of_all} from numbers{union}"),
    )


def value_counts_sql(rows: SplitRows, columns: Sequence[LeakColumn]) -> Query:
    """One row: for column i `kinds_i`, how many values train has, and `present_i`, how many rows have one."""
    counts = ", ".join(
        f"{rows.kinds_sql(column.sql)} as kinds_{i}, count({column.sql}) as present_{i}"
        for i, column in enumerate(columns)
    )
    return Query.of(Step("value_counts", f"select {counts} from {rows.relation.sql} where s = 0"))


def cells_of(
    engine: Engine, rows: SplitRows, sample: SplitRows, target: Target, columns: Sequence[LeakColumn]
) -> list[Cells]:
    """The columns as cells; those whose values hardly ever repeat are left out, since nothing is learned from them."""
    numbers = [column for column in columns if has_number(column)]
    values = [column for column in columns if not has_number(column) or column.family is Family.INTEGER]
    by_value: set[str] = set()
    for chunk in _chunks(values):
        (found,) = engine.rows(value_counts_sql(rows, chunk))
        for i, column in enumerate(chunk):
            kinds, present = found[f"kinds_{i}"], found[f"present_{i}"]
            may_learn = kinds <= max(2, UNIQUE_SHARE * present)
            is_coarse = kinds <= MOST_VALUES if column.family is Family.INTEGER else column.role is not Role.KEY
            if may_learn and is_coarse:
                by_value.add(column.name)
    cuts: dict[str, list[float]] = {}
    for chunk in _chunks([column for column in numbers if column.name not in by_value]):
        found_cuts = engine.rows(feature_cuts_sql(sample, chunk, target))
        for i, column in enumerate(chunk):
            found_here = _distinct(row[f"cuts_{i}"] for row in found_cuts)
            # The last cell is open: what lies beyond all that was learned from is like the largest of it.
            cuts[column.name] = found_here[:-1] if target.classes is not None else found_here
    cells = []
    for column in columns:
        if column.name in by_value:
            cells.append(Cells(column=column, cuts=None))
        elif column.name in cuts:
            cells.append(Cells(column=column, cuts=tuple(cuts[column.name])))
    return cells


def _distinct(lists: Any) -> list[float]:
    return sorted({value for cuts in lists if cuts for value in cuts if value is not None})


def _chunks(columns: Sequence[LeakColumn]) -> list[Sequence[LeakColumn]]:
    return [columns[start : start + 40] for start in range(0, len(columns), 40)]


def histograms_sql(rows: SplitRows, cells: Sequence[Cells], target: Target) -> Query:
    """One row per label `y` and part `p`: of every feature with cuts, `h<f>`, its histogram, and `o<f>_<odd>`.

    One scan counts all numbers; what is kept of them are their counts alone.
    """
    numbers = _numbers(cells)
    read = ", ".join(f"{number_sql(column)} as n{f}, {_odd_sql(column)} as o{f}" for f, column, _ in numbers)
    counted = ", ".join(
        f"histogram(n{f}, {doubles_sql([*cuts, LARGEST])}) as h{f}, "
        + ", ".join(f"count(*) filter (o{f} = {odd}) as o{f}_{odd}" for odd in range(ODD_CELLS))
        for f, _, cuts in numbers
    )
    return Query.of(
        Step("numbers", f"select {_base_sql(rows, target)}, {read} from {rows.relation.sql} where {_told_sql(target)}"),
        Step("histograms", f"select y, p, {counted} from numbers group by y, p"),
    )


def counts_sql(rows: SplitRows, cells: Sequence[Cells], target: Target, histograms: Relation) -> Query:
    """One row per feature `f`, cell `c`, label `y` and part `p` of the rows: `n`. One scan reads all categories.

    `histograms` holds the rows of `histograms_sql`; it is read when a feature has cuts.
    """
    steps, counts = [], []
    for f, *_ in _numbers(cells):
        entries = f"select y, p, unnest(map_entries(h{f})) as entry from {histograms.sql}"
        counts.append(f"select {f} as f, hash(entry.key) as c, y, p, entry.value as n from ({entries}) as entries{f}")
        counts += [f"select {f}, hash('odd {odd}'), y, p, o{f}_{odd} from {histograms.sql}" for odd in range(ODD_CELLS)]
    values = [(f, each.column) for f, each in enumerate(cells) if each.cuts is None]
    if values:
        read = ", ".join(f"{row_hash_sql([(column.sql, column.type)])} as x{f}" for f, column in values)
        base = _base_sql(rows, target)
        steps.append(Step("hashed_values", f"select {base}, {read} from {rows.relation.sql} where {_told_sql(target)}"))
        counts += [f"select {f}, x{f}, y, p, count(*) from hashed_values group by x{f}, y, p" for f, _ in values]
    # A cell that no row is in is no cell.
    return Query.of(
        *steps, Step("counts", f"select * from ({' union all '.join(counts)}) as found(f, c, y, p, n) where n > 0")
    )


def has_cuts(cells: Sequence[Cells]) -> bool:
    """Whether any of these features is cut like a number."""
    return bool(_numbers(cells))


def _numbers(cells: Sequence[Cells]) -> list[tuple[int, LeakColumn, tuple[float, ...]]]:
    return [(f, each.column, each.cuts) for f, each in enumerate(cells) if each.cuts is not None]


def _base_sql(rows: SplitRows, target: Target) -> str:
    return f"{target.sql} as y, {part_sql(rows)} as p"


def _told_sql(target: Target) -> str:
    return f"{target.sql} is not null"


LARGEST = 1.7976931348623157e308
ODD_CELLS = 4


def _odd_sql(column: LeakColumn) -> str:
    """Which cell holds what is no finite number: 0 missing, 1 NaN, 2 and 3 infinities; NULL for numbers."""
    if column.family is Family.REAL:
        name = column.sql
        infinite = f"when isinf({name}) then 2 + ({name} > 0)::int"
        return f"case when {name} is null then 0 when isnan({name}) then 1 {infinite} end"
    # An infinite timestamp has no number, and is as good as missing.
    return f"case when {number_sql(column)} is null then 0 end"
