"""Stratified splits: every stratum fills the shares exactly, within rounding, and no row that was placed is moved.

Units are rows, or entities where rows come in groups. A split's quota of all units is its share, rounded by largest
remainders; each stratum first gets the whole part of its own share, then the strata with the largest remainders get
one more each until the quota is reached. Train gets what is left. A stratum smaller than the number of splits thus
lies mostly in train, and all small strata together still fill the shares.

Units that the newest version has stay where they are. New ones, in the order of their points, fill what is missing in
test, then in dev, then in train_dev; the rest is train.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from warehouse.datasets.placement_rules import sets_case_sql
from warehouse.datasets.reading import exact
from warehouse.datasets.row_bits import RowSets
from warehouse.datasets.spec import HashSplit
from warehouse.datasets.splits import LINE
from warehouse.engine.base import Engine
from warehouse.errors import ExportError
from warehouse.findings import Finding, Severity
from warehouse.sql import Query, Step, identifier, literal

STRATIFIED = "stratified_units"
"""A table of the session: `unit` (a row's number, or an entity's point), `base` (its split)."""

_UNITS = "strata_units"
_STRATA = "strata_quotas"
_SCALE = 10**18
"""Shares are whole numbers of this many parts; a count of rows times this fits an integer of 128 bits."""
_EXAMPLES = 5
_STRATA_EXAMPLES = 3


def known_variable(split: str) -> str:
    """The set of the rows that the newest version has in this split."""
    return f"known_in_{split}"


def known_in_sql(splits: Sequence[str], sets: RowSets) -> str:
    """The split in which the newest version has a row of the table; NULL when it does not have it."""
    return sets_case_sql({split: known_variable(split) for split in LINE if split in splits}, sets)


def stratum_sql(columns: Sequence[str]) -> str:
    r"""A row's stratum as one text, the same for the same values; NULL is a value of its own, written `\N`."""
    parts = (
        f"coalesce(replace(replace({identifier(name)}::varchar, '\\', '\\\\'), chr(31), '\\s'), '\\N')"
        for name in columns
    )
    return " || chr(31) || ".join(parts)


def readable(stratum: str) -> str:
    """A stratum's text for a message."""
    values = (value.replace("\\s", "\x1f").replace("\\\\", "\\") for value in stratum.split("\x1f"))
    return ", ".join("NULL" if value == "\\N" else value for value in values)[:100]


def open_shares(split: HashSplit, frozen: Sequence[str]) -> dict[str, Fraction]:
    """Share of each split that takes units, in the line's order; the shares of frozen splits are divided among them."""
    train_dev = exact(split.train_dev)
    shares = {name: exact(share) for name, share in split.shares.items()}
    shares["train_dev"] = shares["train"] * train_dev
    shares["train"] -= shares["train_dev"]
    taking = {name: shares[name] for name in LINE if shares.get(name, Decimal(0)) and name not in frozen}
    total = sum(taking.values())
    return {name: Fraction(share) / Fraction(total) for name, share in taking.items()}


def quotas(shares: Mapping[str, Fraction], unit_count: int) -> dict[str, int]:
    """Units of each split; they sum to all, and each is its share rounded down or up, by largest remainders."""
    exact_quotas = {name: share * unit_count for name, share in shares.items()}
    found = {name: int(quota) for name, quota in exact_quotas.items()}
    by_remainder = sorted(found, key=lambda name: (found[name] - exact_quotas[name], LINE.index(name)))
    for name in by_remainder[: unit_count - sum(found.values())]:
        found[name] += 1
    return found


def strata_units_sql(*, by_entity: bool, movable_flags: Sequence[str], has_frozen: bool) -> Query:
    """One row per unit that fills quotas: `unit`, `point`, `stratum`, `known_in`, and `stratum_count` of an entity.

    Rows that are frozen, left out, or must not enter every split fill none.
    """
    conditions = [*(f"not {flag}" for flag in movable_flags), *(["frozen_in is null"] if has_frozen else [])]
    where = f"where {' and '.join(conditions)}" if conditions else ""
    if not by_entity:
        return Query.of(
            Step(
                "strata_units",
                f"""
                select row_number as unit, point, stratum, known_in, 1 as stratum_count
                from temp.pointed_rows
                {where}
                """,
            )
        )
    # An entity that was in several splits, and has become one since, takes the first of them on the line.
    ranks = " ".join(f"when '{name}' then {i}" for i, name in enumerate(LINE))
    frozen = "having bool_and(frozen_in is null)" if has_frozen else ""
    kept = "where not is_duplicate" if "is_duplicate" in movable_flags else ""
    return Query.of(
        Step(
            "entities_of_rows",
            f"""
            select
                point,
                min(stratum) as stratum,
                count(distinct stratum) as stratum_count,
                min(case known_in {ranks} end) as known_rank,
            from temp.pointed_rows
            {kept}
            group by point
            {frozen}
            """,
        ),
        Step(
            "strata_units",
            f"""
            select
                point as unit,
                point,
                stratum,
                case known_rank {" ".join(f"when {i} then '{name}'" for i, name in enumerate(LINE))} end as known_in,
                stratum_count,
            from entities_of_rows
            """,
        ),
    )


def strata_quotas_sql(shares: Mapping[str, Fraction], totals: Mapping[str, int]) -> Query:
    """One row per stratum: `unit_count`, and per split `least_` and `most_` (its share), `old_` and `new_` units."""
    filled = [name for name in shares if name != "train"]
    kept = ["stratum", "unit_count", *(f"old_{name}" for name in shares)]
    counted = ", ".join(f"count(*) filter (known_in = '{name}') as old_{name}" for name in shares)
    steps = [
        Step(
            "step_0",
            f"""
            select
                stratum,
                count(*) as unit_count,
                {counted},
                count(*) filter (known_in is null) as fresh,
                0::hugeint as carried,
            from temp.{_UNITS}
            group by stratum
            """,
        )
    ]
    for i, name in enumerate(filled, 1):
        parts = f"(unit_count::hugeint * {int(shares[name] * _SCALE)})"
        steps += [
            Step(
                f"shares_{i}",
                f"""
                select
                    *,
                    {parts} // {_SCALE} as least_{name},
                    {parts} // {_SCALE} + ({parts} % {_SCALE} > 0)::integer as most_{name},
                    {parts} % {_SCALE} as remainder_{name},
                from step_{i - 1}
                """,
            ),
            Step(
                f"candidates_{i}",
                f"""
                select
                    *,
                    greatest(least_{name}, old_{name}) as base_{name},
                    old_{name} <= least_{name}
                        and remainder_{name} > 0
                        and fresh > least_{name} - old_{name} as may_have_more,
                from shares_{i}
                """,
            ),
            Step(
                f"ranked_{i}",
                f"""
                select
                    *,
                    row_number() over (
                        order by may_have_more desc, remainder_{name} desc, carried desc, md5(stratum), stratum
                    ) as place_in_line,
                    sum(base_{name}) over () as base_sum,
                from candidates_{i}
                """,
            ),
            Step(
                f"given_{i}",
                f"""
                select
                    *,
                    (may_have_more and place_in_line <= {totals[name]} - base_sum)::integer as more_{name},
                from ranked_{i}
                """,
            ),
            Step(
                f"filled_{i}",
                f"select *, least(fresh, base_{name} - old_{name} + more_{name})::bigint as new_{name} from given_{i}",
            ),
        ]
        kept += [f"{word}_{name}" for word in ("least", "most", "new")]
        steps.append(
            Step(
                f"step_{i}",
                f"""
                select
                    {", ".join(kept)},
                    fresh - new_{name} as fresh,
                    carried + remainder_{name} - {_SCALE}::hugeint * more_{name} as carried,
                from filled_{i}
                """,
            )
        )
    return Query.of(*steps, Step("strata_quotas", f"select *, fresh as new_train from step_{len(filled)}"))


def stratified_units_sql(shares: Mapping[str, Fraction]) -> Query:
    """One row per unit: `unit`, and `base`, its split."""
    branches, bounds = [], "0"
    for name in shares:
        if name != "train":
            bounds += f" + new_{name}"
            branches.append(f"when place_in_line <= {bounds} then {literal(name)}")
    rest = "'train'" if "train" in shares else "'frozen'"
    return Query.of(
        Step(
            "new_units",
            f"""
            select
                unit,
                stratum,
                row_number() over (partition by stratum order by point) as place_in_line,
            from temp.{_UNITS}
            where known_in is null
            """,
        ),
        Step(
            "stratified_units",
            f"""
            select unit, known_in as base
            from temp.{_UNITS}
            where known_in is not null
            union all
            select
                new_units.unit,
                case {" ".join([*branches, f"else {rest}"]) if branches else f"when true then {rest}"} end as base,
            from new_units
            join temp.{_STRATA} as strata on new_units.stratum = strata.stratum
            """,
        ),
    )


def place_strata(
    engine: Engine,
    split: HashSplit,
    *,
    dataset: str,
    frozen: Sequence[str],
    by_entity: bool,
    movable_flags: Sequence[str],
) -> tuple[Finding, ...]:
    """Makes the table `STRATIFIED` from the points of the session; says where quotas are not met.

    Raises:
        ExportError: rows of one entity lie in several strata.
    """
    units = strata_units_sql(by_entity=by_entity, movable_flags=movable_flags, has_frozen=bool(frozen))
    engine.rows(units.kept_as(_UNITS))
    (row,) = engine.rows(
        Query.of(
            Step(
                "unit_counts",
                f"select count(*) as n, count(*) filter (stratum_count > 1) as mixed from temp.{_UNITS}",
            )
        )
    )
    if row["mixed"]:
        raise ExportError(_mixed_message(engine, split, dataset, int(row["mixed"])))
    shares = open_shares(split, frozen)
    engine.rows(strata_quotas_sql(shares, quotas(shares, int(row["n"]))).kept_as(_STRATA))
    engine.rows(stratified_units_sql(shares).kept_as(STRATIFIED))
    return tuple(_quota_findings(engine, shares, dataset, by_entity=by_entity))


def mixed_entities_sql() -> Query:
    """A few rows per entity, of a few: `point`, and `stratum`, the text of one that it lies in."""
    return Query.of(
        Step("mixed", f"select unit from temp.{_UNITS} where stratum_count > 1 order by unit limit {_EXAMPLES}"),
        Step(
            "strata_of_mixed",
            "select distinct point, stratum from temp.pointed_rows join mixed on pointed_rows.point = mixed.unit",
        ),
        Step(
            "mixed_entities",
            f"""
            select point, stratum
            from strata_of_mixed
            qualify row_number() over (partition by point order by stratum) <= {_STRATA_EXAMPLES}
            """,
        ),
    )


def _mixed_message(engine: Engine, split: HashSplit, dataset: str, count: int) -> str:
    strata: dict[str, list[str]] = {}
    for row in engine.rows(mixed_entities_sql()):
        strata.setdefault(row["point"], []).append(row["stratum"])
    found = "; ".join(
        " and ".join(f"({readable(stratum)})" for stratum in entity) for entity in sorted(map(sorted, strata.values()))
    )
    return (
        f"dataset {dataset!r}: {count:,} groups have rows of several strata of split.stratify "
        f"({', '.join(split.stratify)}), and a group lies in one split\n"
        f"  for example one with {found}\n"
        "  stratify by columns that are the same in all rows of a group"
    )


def missed_quotas_sql(shares: Mapping[str, Fraction]) -> Query:
    """One row: per split other than train, units and strata beyond and below its share, rounded."""
    columns = []
    for name in (name for name in shares if name != "train"):
        over, under = f"(old_{name} + new_{name} - most_{name})", f"(least_{name} - old_{name} - new_{name})"
        for word, excess in (("over", over), ("under", under)):
            columns.append(f"coalesce(sum({excess}) filter ({excess} > 0), 0)::bigint as {word}_{name}")
            columns.append(f"count(*) filter ({excess} > 0) as strata_{word}_{name}")
    return Query.of(Step("missed_quotas", f"select {', '.join(columns) or '1 as none'} from temp.{_STRATA}"))


def _quota_findings(engine: Engine, shares: Mapping[str, Fraction], dataset: str, *, by_entity: bool) -> list[Finding]:
    (row,) = engine.rows(missed_quotas_sql(shares))
    unit = "groups" if by_entity else "rows"
    found = []
    for name in (name for name in shares if name != "train"):
        texts = [
            f"{row[f'{word}_{name}']:,} {unit} {'too many' if word == 'over' else 'too few'} "
            f"in {row[f'strata_{word}_{name}']:,} strata"
            for word in ("over", "under")
            if row[f"{word}_{name}"]
        ]
        if texts:
            found.append(
                Finding(
                    severity=Severity.INFO,
                    check="stratify",
                    subject=f"{dataset}.{name}",
                    message=f"{name} has {' and '.join(texts)} for its share; rows that were placed stay",
                    measured=float(row[f"over_{name}"] + row[f"under_{name}"]),
                    advice="",
                )
            )
    return found
