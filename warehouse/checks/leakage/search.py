"""Leaks: what would make a model look better in its test than it is, looked for in every row of every split.

Facts are counted first (`overlap`, `twins`, `times`, `predictors`, ...), then judged
(`words`). An export runs what its budget allows, before anything is written; the command runs everything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from warehouse.checks.leakage.identifiers import read_identifiers
from warehouse.checks.leakage.overlap import read_shared_values
from warehouse.checks.leakage.predictors import read_predictors
from warehouse.checks.leakage.result import LeakageResult, NewValues, SharedValues, Spellings, TextTwins
from warehouse.checks.leakage.rows import (
    LeakColumn,
    Role,
    SplitRows,
    leak_columns,
    rows_of_placement,
    rows_of_splits,
)
from warehouse.checks.leakage.texts import NEAR_ROWS, read_near_texts, read_shared_texts
from warehouse.checks.leakage.times import read_late, read_times, times_and_labels_sql
from warehouse.checks.leakage.twins import read_twins
from warehouse.checks.leakage.values import categories_and_texts, hardly_repeating, read_new_values, read_spellings
from warehouse.checks.leakage.words import judge
from warehouse.datasets.placement import Placement
from warehouse.datasets.spec import SPLITS, DatasetSpec, Grouping
from warehouse.datasets.versions import Version
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step

SAMPLE_CELLS = 2_000_000
"""Rows times columns of the sample: it decides where numbers are cut, and an export scores predictors on it."""
SAMPLE_ROWS = 100_000
LEAST_SAMPLE_ROWS = 20_000
SAMPLE = Relation.table("leakage_sample")
LABELS = Relation.table("leakage_labels")


def find_leaks(
    engine: Engine,
    splits: Mapping[str, Relation],
    spec: DatasetSpec,
    *,
    subject: str = "",
    thorough: bool = True,
) -> LeakageResult:
    """What these splits have in common that they should not, and which features tell too much.

    Args:
        engine: runs the queries; the search keeps a bounded sample in its session meanwhile.
        splits: each split's rows; all with the same columns.
        spec: says which columns are the key, the label, the time and so on; those that the rows lack are left out.
        subject: what is examined, for the report's title.
        thorough: False leaves out categories and texts, and scores predictors on a sample.

    Raises:
        QueryError: a relation cannot be read.
    """
    ordered = {name: splits[name] for name in (*SPLITS, *splits) if name in splits}
    types = {column.name: column.type for column in engine.columns(next(iter(ordered.values())))}
    rows = rows_of_splits(engine, ordered, leak_columns(spec, types, exported=None))
    return _find(engine, rows, spec, subject=subject or spec.name, thorough=thorough, keys_proved=False)


def find_leaks_in_version(engine: Engine, version: Version) -> LeakageResult:
    """Everything that can be found in a version's files.

    Raises:
        QueryError: its files cannot be read.
    """
    return find_leaks(engine, version.relations, version.manifest.spec, subject=version.reference)


def find_leaks_in_placement(
    engine: Engine,
    stretches: Sequence[tuple[Relation, Placement]],
    spec: DatasetSpec,
    *,
    types: Mapping[str, str],
    exported: Collection[str],
    thorough: bool = False,
) -> LeakageResult:
    """What an export would write, looked at before it does: the rows of a table whose keys were found to be unique.

    Args:
        engine: the one that placed the rows.
        stretches: the table's rows, all or in stretches, and which of them lie in which split.
        spec: with cutoffs resolved.
        types: all of the table's columns; also those that are not exported, such as a time that a split runs along.
        exported: names of the table's columns that are features, label and so on; values of others stay out of reports.
        thorough: look for everything, whatever it costs.
    """
    rows = rows_of_placement(stretches, leak_columns(spec, types, exported=exported))
    return _find(engine, rows, spec, subject=spec.name, thorough=thorough, keys_proved=True)


def sample_sql(rows: SplitRows) -> Query:
    """Bounded rows of every split, chosen by a hash of their key; columns as in `rows`."""
    wanted = max(LEAST_SAMPLE_ROWS, min(SAMPLE_ROWS, SAMPLE_CELLS // max(1, len(rows.columns))))
    # Half for train, half for the others.
    first = rows.row_counts[rows.splits[0]]
    rates = [max(1, round(total / (wanted / 2))) for total in (first, rows.row_count - first)]
    # Most rows are out by the coarser condition, before their split is looked up.
    common = min(rates)
    first_rate, other_rate = (max(1, round(rate / common)) * common for rate in rates)
    columns = ", ".join(["s", *(column.sql for column in rows.columns)])
    hashed = f"hash({', '.join(column.sql for column in (rows.key or rows.columns[:8])) or 's'})"
    return Query.of(
        # NOTE: ordered, since few rows of many would be kept in blocks of their own to hold the table's order;
        # without the cast the remainder would be one of 128 bits, which takes thirty times as long.
        Step(
            "sampled_rows",
            f"""
            select
                {columns},
            from {rows.one_in(common).sql}
            where {hashed} % (case s when 0 then {first_rate} else {other_rate} end)::ubigint = 0
            order by s
            """,
        ),
    )


def _find(
    engine: Engine, rows: SplitRows, spec: DatasetSpec, *, subject: str, thorough: bool, keys_proved: bool
) -> LeakageResult:
    twins = read_twins(engine, rows)
    try:
        engine.rows(times_and_labels_sql(rows).kept_as(LABELS.sql))
        times, time_counts = read_times(engine, rows, spec, LABELS, thorough=thorough)
        engine.rows(sample_sql(rows).kept_as(SAMPLE.sql))
        (counted,) = engine.rows(Query.of(Step("sample_count", f"select count(*) as n from {SAMPLE.sql}")))
        sample = replace(rows, relation=SAMPLE, unplaced=None)
        scored = read_predictors(engine, rows if thorough else sample, sample)
        new_values, spellings, texts = _values(engine, rows, sample, spec, thorough=thorough)
        result = LeakageResult(
            subject=subject,
            is_thorough=thorough,
            row_counts=rows.row_counts,
            label_kind=scored.label_kind,
            scored_row_count=rows.row_count if thorough else counted["n"],
            keys=_keys(engine, rows, proved=keys_proved),
            entities=tuple(read_shared_values(engine, rows, entity) for entity in _entities(rows, spec)),
            twins=twins,
            times=times,
            time_counts=time_counts,
            late=read_late(engine, rows, spec),
            predictors=scored.predictors,
            identifiers=read_identifiers(engine, rows, sample),
            new_values=new_values,
            spellings=spellings,
            texts=texts,
            not_judged=tuple(_not_judged(rows, spec, scored.not_judged)),
        )
    finally:
        for kept in (LABELS, SAMPLE):
            engine.rows(Query.of(Step("drop_kept", f"drop table if exists {kept.sql}")))
    return replace(result, findings=judge(result, spec))


def _keys(engine: Engine, rows: SplitRows, *, proved: bool) -> SharedValues | None:
    if not rows.key:
        return None
    if proved:
        name = ", ".join(column.name for column in rows.key)
        return SharedValues(name=name, value_count=0, row_counts={}, pairs=(), examples=(), is_proved=True)
    return read_shared_values(engine, rows, rows.key)


def _entities(rows: SplitRows, spec: DatasetSpec) -> list[tuple[LeakColumn, ...]]:
    """What must not stand in two splits: each group's values; of a composite group all together."""
    columns = [column for name in spec.groups if (column := rows.named(name)) is not None]
    if spec.grouping is Grouping.COMPOSITE and len(spec.groups) > 1:
        return [tuple(columns)] if len(columns) == len(spec.groups) else []
    return [(column,) for column in columns]


def _values(
    engine: Engine, rows: SplitRows, sample: SplitRows, spec: DatasetSpec, *, thorough: bool
) -> tuple[tuple[NewValues, ...], tuple[Spellings, ...], tuple[TextTwins, ...]]:
    label: Sequence[LeakColumn] = (rows.label,) if rows.label is not None and rows.label.is_class else ()
    if not thorough:
        return read_new_values(engine, rows, label, counted=LABELS), (), ()
    categories, prose = categories_and_texts(engine, sample)
    apart = [column for column in categories if column.role is not Role.GROUP]
    return (
        read_new_values(engine, rows, (*label, *apart)),
        read_spellings(engine, rows, (*label, *apart)),
        tuple(_texts(engine, rows, spec, prose)),
    )


def _texts(engine: Engine, rows: SplitRows, spec: DatasetSpec, prose: Sequence[LeakColumn]) -> Iterator[TextTwins]:
    named = spec.deduplicate.text
    column = rows.named(named.column) if named else None
    if named is not None and column is not None:
        found = read_near_texts(engine, rows, column, threshold=named.threshold)
        if found is not None:
            yield found
    for each in hardly_repeating(engine, rows, prose):
        if each is column:
            continue
        is_bounded = rows.row_count <= NEAR_ROWS
        found = read_near_texts(engine, rows, each) if is_bounded else read_shared_texts(engine, rows, each)
        if found is not None:
            yield found


def _not_judged(rows: SplitRows, spec: DatasetSpec, predictors: str) -> list[str]:
    reasons = [predictors] if predictors else []
    for role, names in (("group", spec.groups), ("time", (spec.time,)), ("known_at", spec.known_at)):
        for name in names:
            if name and rows.named(name) is None:
                reasons.append(f"{role} {name!r}: the version does not hold this column; its export looked at it")
    if not rows.features:
        reasons.append("equal rows: there are no features")
    return reasons
