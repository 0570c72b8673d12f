"""Errors for people to look at, and what their tags add up to.

Rows are drawn in proportion to their loss (of classes: every error is as likely), so that a tag's share of a sample
estimates its share of the whole error. Chance is a hash of the key: the same predictions give the same sample, and so
tags are read back by what the rows are, wherever a spreadsheet has moved them.
Sources: Efraimidis and Spirakis (2006) for the draw; Ng, Machine Learning Yearning, chapters 14 to 19 for the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from warehouse.checks.diagnosis.joined import JoinedRows, key_hash_sql
from warehouse.checks.diagnosis.result import Task
from warehouse.checks.diagnosis.slice_cubes import RowSet
from warehouse.checks.diagnosis.slice_measuring import Codes
from warehouse.checks.diagnosis.slice_result import SampledError, SliceReport, TagReport, TagShare, TagTally
from warehouse.engine.base import Engine
from warehouse.errors import PredictionError
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.estimates import Estimate, Mean, rate_estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSheet:
    """What people wrote into a sheet of errors."""

    source: str
    """The file."""
    tags: Mapping[str, tuple[str, ...]]
    """By the row's name; none for a row that nobody has looked at."""


SAMPLE_OF_ALL = 100
SAMPLE_OF_SLICE = 20
ALL = -1


def row_sql(key: Sequence[str]) -> str:
    """The name of a row, by its key: a letter first, so that no spreadsheet takes it for a number."""
    parts = ", ".join(f"{identifier(name)}::varchar" for name in key)
    return f"'r' || left(md5(concat_ws(chr(31), {parts})), 15)"


def sampled_sql(rows: RowSet, codes: Codes | None, *, count: int, hash_bits: int = 64) -> Query:
    """One row per error drawn from a slice, or from all rows: `k`, as text.

    `hash_bits` is how many bits the engine's hash has.
    """
    # An exponential variable per row, divided by its weight: the least ones are the sample.
    draw = f"-ln(((hash(k, 'sheet') >> 11) + 0.5) / {2 ** (hash_bits - 11)}) / loss"
    condition = f" and {codes.sql}" if codes is not None else ""
    return Query.of(
        Step("draws", f"select k, {draw} as draw from {rows.table} where loss > 0{condition}"),
        Step("drawn_errors", f"select k, draw from draws order by draw, k limit {count}"),
        Step("sampled", "select k::varchar as k from drawn_errors"),
    )


def read_samples(
    engine: Engine,
    joined: JoinedRows,
    rows: RowSet,
    slices: Sequence[Codes],
    relation: Relation,
    key: Sequence[str],
) -> tuple[SampledError, ...]:
    """A sample of all errors and one of each slice's, each row once; all errors' first.

    Args:
        engine: runs the queries.
        joined: the joined rows.
        rows: the set where slices were looked for.
        slices: those that are listed.
        relation: the split that the rows are of.
        key: the dataset's key.
    """
    drawn: dict[str, list[int]] = {}
    for place, codes in enumerate([None, *slices], start=ALL):
        count = SAMPLE_OF_ALL if codes is None else SAMPLE_OF_SLICE
        hash_bits = 63 if engine.is_distributed else 64
        for row in engine.rows(sampled_sql(rows, codes, count=count, hash_bits=hash_bits)):
            drawn.setdefault(row["k"], []).append(place)
    if not drawn:
        return ()
    told = {row["k"]: row for row in engine.rows(told_sql(joined, rows, slices, relation, key, list(drawn)))}
    samples = []
    for hashed, places in drawn.items():
        row = told[hashed]
        samples.append(
            SampledError(
                row=row["row_name"],
                slices=tuple(place for place in range(len(slices)) if row[f"in_{place}"]),
                sampled_of=tuple(places),
                label=_said(joined, row["label"]),
                prediction=_said(joined, row["prediction"]),
                probability=row["probability"],
                loss=row["loss"],
            )
        )
    return tuple(samples)


def told_sql(
    joined: JoinedRows,
    rows: RowSet,
    slices: Sequence[Codes],
    relation: Relation,
    key: Sequence[str],
    hashes: Sequence[str],
) -> Query:
    """One row per row with one of these hashes: `k`, as text, `row_name`, and what was predicted.

    That is `label`, `prediction`, `probability`, `loss`; `in_<i>` says whether the i-th slice holds the row.
    """
    within = "".join(f", {codes.sql} as in_{place}" for place, codes in enumerate(slices))
    named = "".join(f", in_{place}" for place in range(len(slices)))
    probability = next((name for name in ("probability", "confidence") if joined.has(name)), "null::double")
    label, prediction = (name if joined.has(name) else "null" for name in ("label", "prediction"))
    return Query.of(
        Step("wanted", "select unnest($hashes::ubigint[]) as k"),
        Step("sampled_cells", f"select k, loss{within} from {rows.table} semi join wanted using (k)"),
        Step(
            "predicted",
            f"select k, {label} as label, {prediction} as prediction, {probability} as probability"
            f" from {joined.relation.sql} semi join wanted using (k)",
        ),
        Step("keys", f"select {key_hash_sql(key)} as k, {row_sql(key)} as row_name from {relation.sql}"),
        Step("named", "select * from keys semi join wanted using (k)"),
        Step(
            "told",
            f"select sampled_cells.k::varchar as k, loss{named}, label, prediction, probability, row_name"
            " from sampled_cells join predicted on sampled_cells.k = predicted.k"
            " join named on sampled_cells.k = named.k",
        ),
        hashes=list(hashes),
    )


def _said(joined: JoinedRows, value: float | int | None) -> str | None:
    if value is None or joined.target.task is Task.LOSS:
        return None
    if joined.target.task is Task.CLASSES:
        return joined.target.classes[int(value)]
    return f"{value:.12g}"


def tag_report(report: SliceReport, sheet: TagSheet) -> TagReport:
    """What the tags of sampled errors add up to: of all errors, and of each slice with a tagged row.

    Raises:
        PredictionError: no tagged row is one of these errors.
    """
    tagged = {row: tags for row, tags in sheet.tags.items() if tags}
    unknown = tagged.keys() - {sample.row for sample in report.samples}
    if not tagged:
        raise PredictionError(f"{sheet.source} has no tags\n  fill its column 'tag'; several are set apart by ;")
    if len(unknown) == len(tagged):
        raise PredictionError(
            f"none of the {len(tagged):,} rows that {sheet.source} has tags for is among the errors sampled of "
            f"{report.found_on}\n  is it the sheet of these predictions, this version and this split?"
        )
    tallies = []
    for place in range(ALL, len(report.slices)):
        sampled = [sample for sample in report.samples if place in sample.sampled_of]
        if place == ALL:
            subject, error = f"all errors of {report.found_on}", report.error.value
        else:
            subject, error = report.slices[place].name, report.slices[place].found.error.value
        seen = [tagged[sample.row] for sample in sampled if sample.row in tagged]
        if seen or place == ALL:
            tallies.append(
                TagTally(
                    subject=subject,
                    error=error,
                    sampled_count=len(sampled),
                    tagged_count=len(seen),
                    tags=_shares(seen, error),
                )
            )
    return TagReport(
        source=sheet.source,
        tagged_count=len(tagged),
        unknown_count=len(unknown),
        tallies=tuple(tallies),
    )


def _shares(seen: Sequence[Sequence[str]], error: float) -> tuple[TagShare, ...]:
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    for tags in seen:
        for tag in dict.fromkeys(tag.casefold() for tag in tags):
            counts[tag] = counts.get(tag, 0) + 1
        for tag in tags:
            names.setdefault(tag.casefold(), tag)
    found = []
    for tag in sorted(counts, key=lambda tag: (-counts[tag], tag)):
        share = rate_estimate(Mean(value=counts[tag] / len(seen), standard_error=0.0, row_count=len(seen)))
        found.append(TagShare(tag=names[tag], row_count=counts[tag], share=share, removable=_times(share, error)))
    return tuple(found)


def _times(estimate: Estimate, factor: float) -> Estimate:
    return replace(
        estimate,
        value=estimate.value * factor,
        low=estimate.low * factor,
        high=estimate.high * factor,
        standard_error=estimate.standard_error * factor,
    )
