"""A version's synthetic rows, looked at in every way that needs no model.

How they differ from real ones column by column is a matter of `checks.drift`, and what they do to a model's errors one
of `checks.diagnosis`; whoever asks puts the three together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from warehouse.checks.synthetic.copies import read_copies
from warehouse.checks.synthetic.result import SyntheticResult
from warehouse.checks.synthetic.rows import SyntheticRows, find_synthetic_rows
from warehouse.checks.synthetic.space import look_at_space
from warehouse.checks.synthetic.texts import read_near_texts
from warehouse.checks.synthetic.values import read_lacking
from warehouse.checks.synthetic.words import judge, summarise
from warehouse.datasets.spec import DatasetSpec
from warehouse.engine.base import Engine
from warehouse.sql import Relation


def examine_synthetic(
    engine: Engine, splits: Mapping[str, Relation], spec: DatasetSpec, *, subject: str = ""
) -> SyntheticResult:
    """What can be said of the synthetic rows of these splits.

    Raises:
        SpecError: the specification or the splits do not say which rows are synthetic, or there are none.
        QueryError: a relation cannot be read.
    """
    return examine_rows(engine, find_synthetic_rows(engine, splits, spec), subject=subject or spec.name)


def examine_rows(engine: Engine, rows: SyntheticRows, *, subject: str) -> SyntheticResult:
    """The same of rows that were found before.

    Raises:
        QueryError: a relation cannot be read.
    """
    repeats, copies = read_copies(engine, rows) if rows.features else (None, ())
    space = look_at_space(engine, rows)
    lacking, left_out = read_lacking(engine, rows)
    texts, unread = read_near_texts(engine, rows)
    nothing = () if rows.features else ("equal rows: there are no features",)
    result = SyntheticResult(
        subject=subject,
        column=rows.column,
        features=tuple(pair.name for pair in rows.features),
        splits=rows.counts,
        repeats=repeats,
        copies=copies,
        closeness=space.closeness,
        diversity=space.diversity,
        lacking=lacking,
        texts=texts,
        not_judged=(*nothing, *space.not_judged, *left_out, *unread),
    )
    return replace(result, summary=summarise(result), findings=judge(result))
