"""Features that name their row, or run along its key or time: a model can learn rows by heart from them."""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.checks.leakage.result import Identifier
from warehouse.checks.leakage.rows import LeakColumn, SplitRows
from warehouse.engine.base import Engine
from warehouse.sql import Query, Step
from warehouse.statistics.kinds import IDENTIFIER_ROWS, IDENTIFIER_SHARE, IDENTIFIER_SPREAD, TEXT_LENGTH, Family

LEAST_VALUES = 50
"""A column of fewer values, a year say, may well grow with time."""
FALLING_SHARE = 0.001
"""At most so many steps may go the other way."""
ROUGH_SHARE = 0.8
"""What the rough count (HyperLogLog, up to 10 % off) of all rows must confirm."""
EXACT_ROWS = 100_000
"""Up to so many rows, different values are counted one by one."""
COLUMNS_PER_SCAN = 40


def distinct_values_sql(sample: SplitRows, columns: Sequence[LeakColumn]) -> Query:
    """One row: for column i `present_i`, `kinds_i` (exact), and for text `length_i`, `spaced_i`."""
    facts = []
    for i, column in enumerate(columns):
        facts += [f"count({column.sql}) as present_{i}", f"count(distinct {column.sql}) as kinds_{i}"]
        if column.family is Family.STRING:
            text = f"{column.sql}::varchar"
            facts += [
                f"avg(length({text})) as length_{i}",
                f"avg(contains(trim({text}), ' ')::int) as spaced_{i}",
            ]
    return Query.of(Step("distinct_values", f"select {', '.join(facts)} from {sample.relation.sql} where s = 0"))


def rough_distinct_sql(rows: SplitRows, columns: Sequence[LeakColumn]) -> Query:
    """One row: for column i `present_i`, `kinds_i` (of many rows roughly), and for integers `spread_i`."""
    facts = []
    for i, column in enumerate(columns):
        kinds = rows.kinds_sql(column.sql, counted_rows=EXACT_ROWS)
        facts += [f"count({column.sql}) as present_{i}", f"{kinds} as kinds_{i}"]
        if column.family is Family.INTEGER:
            facts.append(f"max({column.sql})::double - min({column.sql})::double as spread_{i}")
    return Query.of(Step("rough_distinct", f"select {', '.join(facts)} from {rows.relation.sql}"))


def falling_steps_sql(sample: SplitRows, along: LeakColumn, columns: Sequence[LeakColumn]) -> Query:
    """One row: train's sample in the order of a column; for column i `steps_i`, `falls_i`, `rises_i`, `kinds_i`."""
    values = ", ".join(f"{column.sql} as x{i}" for i, column in enumerate(columns))
    lags = ", ".join(f"lag(x{i}) over (order by place) as b{i}" for i in range(len(columns)))
    facts = ", ".join(
        f"count(*) filter (x{i} is not null and b{i} is not null) as steps_{i},"
        f" count(*) filter (x{i} < b{i}) as falls_{i},"
        f" count(*) filter (x{i} > b{i}) as rises_{i},"
        f" {sample.kinds_sql(f'x{i}')} as kinds_{i}"
        for i in range(len(columns))
    )
    return Query.of(
        # One row per place: rows of one moment have no order.
        Step(
            "ordered_rows",
            f"select {along.sql} as place, {', '.join(f'min(x{i}) as x{i}' for i in range(len(columns)))}"
            f" from (select {along.sql}, {values} from {sample.relation.sql} where s = 0 and {along.sql} is not null"
            ") group by place",
        ),
        Step("steps", f"select {', '.join(f'x{i}' for i in range(len(columns)))}, {lags} from ordered_rows"),
        Step("falling_steps", f"select {facts} from steps"),
    )


def read_identifiers(engine: Engine, rows: SplitRows, sample: SplitRows) -> tuple[Identifier, ...]:
    """Features that are nearly unique, confirmed on all rows, and those that never fall along the key or time."""
    found = {
        name: Identifier(name=name, distinct_share=share, follows=None) for name, share in _unique(engine, rows, sample)
    }
    for name, along in _following(engine, sample):
        before = found.get(name)
        share = before.distinct_share if before else 0.0
        found[name] = Identifier(name=name, distinct_share=share, follows=along)
    return tuple(found[name] for name in sorted(found))


def _unique(engine: Engine, rows: SplitRows, sample: SplitRows) -> list[tuple[str, float]]:
    columns = [column for column in rows.features if column.family in (Family.INTEGER, Family.STRING)]
    likely: list[LeakColumn] = []
    for start in range(0, len(columns), COLUMNS_PER_SCAN):
        chunk = columns[start : start + COLUMNS_PER_SCAN]
        (row,) = engine.rows(distinct_values_sql(sample, chunk))
        for i, column in enumerate(chunk):
            present, kinds = row[f"present_{i}"], row[f"kinds_{i}"]
            if present < IDENTIFIER_ROWS or kinds < IDENTIFIER_SHARE * present:
                continue
            # Prose is different in every row and no identifier.
            if column.family is Family.STRING and (row[f"length_{i}"] > TEXT_LENGTH or row[f"spaced_{i}"] > 0.5):
                continue
            likely.append(column)
    if not likely:
        return []
    (row,) = engine.rows(rough_distinct_sql(rows, likely))
    found = []
    for i, column in enumerate(likely):
        present, kinds = row[f"present_{i}"], row[f"kinds_{i}"]
        if kinds < ROUGH_SHARE * present:
            continue
        # Amounts in cents are nearly all different too, but spread far wider.
        if column.family is Family.INTEGER and row[f"spread_{i}"] > IDENTIFIER_SPREAD * present:
            continue
        found.append((column.name, min(1.0, kinds / present)))
    return found


def _following(engine: Engine, sample: SplitRows) -> list[tuple[str, str]]:
    columns = [column for column in sample.features if column.family in (Family.INTEGER, Family.REAL, Family.DECIMAL)]
    keys = [column for column in sample.key if column.family is Family.INTEGER and len(sample.key) == 1]
    guides = [*([sample.time] if sample.time is not None else []), *keys]
    found: dict[str, str] = {}
    for along in guides:
        for start in range(0, len(columns), COLUMNS_PER_SCAN):
            chunk = columns[start : start + COLUMNS_PER_SCAN]
            (row,) = engine.rows(falling_steps_sql(sample, along, chunk))
            for i, column in enumerate(chunk):
                steps, falls, rises = row[f"steps_{i}"], row[f"falls_{i}"], row[f"rises_{i}"]
                if steps < IDENTIFIER_ROWS or row[f"kinds_{i}"] < LEAST_VALUES:
                    continue
                if min(falls, rises) <= FALLING_SHARE * steps and max(falls, rises) >= LEAST_VALUES:
                    found.setdefault(column.name, along.name)
    return list(found.items())
