"""How well one column alone tells the label: learned from one half of train, scored on the other half and every split.

A column's values become *cells*: a category is its own cell, numbers are cut where the quantiles of each label lie. In
the first half of train, every cell learns its most frequent label. On other rows

    error reduction = 1 - errors with the cell's label / errors with the most frequent label of all

which is Goodman and Kruskal's lambda (1954), out of sample, so that a value that occurs once predicts nothing. For a
numeric label the errors are root mean squares of the label's rank (0 to 1) around the cell's mean rank, so that a few
huge labels decide nothing. `information` is the share of the label's entropy that the cells explain, out of sample
(Theil's U, 1972): it sees a rare label that a cell makes likely though never the most frequent. Shares of few rows are
drawn towards those of all rows (m-estimate, Cestnik 1990).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from warehouse.checks.leakage.cells import Target, cells_of, counts_sql, has_cuts, histograms_sql, target_of
from warehouse.checks.leakage.result import LabelKind, Predictor, Score
from warehouse.checks.leakage.rows import LeakColumn, Role, SplitRows
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step

LEAST_TRAIN_ROWS = 100
LEAST_ROWS = 50
"""Labelled rows of another split, below which its score says nothing."""
LEAST_ERRORS = 10
"""Errors without the feature, below which there is nothing to reduce."""
SMOOTHING = 2.0
"""So many rows with train's own shares of labels are added to each cell."""
COLUMNS_PER_SCAN = 40
HISTOGRAMS = Relation.table("leakage_histograms")
COUNTS = Relation.table("leakage_counts")


def class_scores_sql(counts: Relation) -> Query:
    """One row per feature `f` and part `p` (1: rest of train; 2 and on: other splits), for a label of few classes.

    `counts` holds the rows of `counts_sql`.
    `row_count`, `errors` and `plain_errors` (without the feature), `loss` and `plain_loss` in nats.
    """
    smoothed = f"(coalesce(known.n, 0) + {SMOOTHING} * coalesce(label_shares.share, unseen.share))"
    return Query.of(
        Step("learned", f"select f, c, y, n from {counts.sql} where p = 0"),
        # NOTE: ties go to the smaller label, whatever the order of rows.
        Step(
            "learned_cells",
            "select f, c, sum(n) as n, 65535 - max(n::hugeint * 65536 + (65535 - y)) % 65536 as best from learned"
            " group by f, c",
        ),
        Step("label_counts", "select f, y, sum(n) as n from learned group by f, y"),
        Step(
            "label_totals",
            "select f, sum(n) as n, 65535 - max(n::hugeint * 65536 + (65535 - y)) % 65536 as best from label_counts"
            " group by f",
        ),
        Step(
            "label_shares",
            """
            select
                label_counts.f,
                label_counts.y,
                (label_counts.n + 0.5) / (label_totals.n + 1.0) as share,
            from label_counts
            inner join label_totals on label_counts.f = label_totals.f
            """,
        ),
        Step("unseen", "select f, 0.5 / (n + 1.0) as share from label_totals"),
        Step("scored", f"select f, c, y, p, n from {counts.sql} where p > 0"),
        Step(
            "class_scores",
            f"""
            select
                scored.f,
                scored.p,
                sum(scored.n)::double as row_count,
                coalesce(
                    sum(scored.n) filter (scored.y <> coalesce(learned_cells.best, label_totals.best)), 0
                )::double as errors,
                coalesce(sum(scored.n) filter (scored.y <> label_totals.best), 0)::double as plain_errors,
                fsum(-scored.n * ln({smoothed} / (coalesce(learned_cells.n, 0) + {SMOOTHING}))) as loss,
                fsum(-scored.n * ln(coalesce(label_shares.share, unseen.share))) as plain_loss,
            from scored
            inner join label_totals on scored.f = label_totals.f
            inner join unseen on scored.f = unseen.f
            left join learned_cells on scored.f = learned_cells.f and scored.c = learned_cells.c
            left join learned as known
                on scored.f = known.f and scored.c = known.c and scored.y = known.y
            left join label_shares on scored.f = label_shares.f and scored.y = label_shares.y
            group by scored.f, scored.p
            order by scored.f, scored.p
            """,
        ),
    )


def rank_scores_sql(counts: Relation) -> Query:
    """As `class_scores_sql` for a numeric label: `errors` and `plain_errors` are sums of squared rank errors."""
    return Query.of(
        Step("learned", f"select f, c, y, n from {counts.sql} where p = 0"),
        Step("label_counts", "select f, y, sum(n) as n from learned group by f, y"),
        Step(
            "label_ranks",
            """
            select
                f,
                y,
                n,
                (sum(n) over (partition by f order by y) - n / 2.0) / sum(n) over (partition by f) as rank,
            from label_counts
            """,
        ),
        # A label step that half of train never had takes the rank of the next one below; ranks rise with the steps.
        Step("label_steps", f"select distinct f, y from {counts.sql}"),
        Step(
            "step_ranks",
            """
            select
                label_steps.f,
                label_steps.y,
                coalesce(max(label_ranks.rank), 0.0) as rank,
            from label_steps
            left join label_ranks on label_steps.f = label_ranks.f and label_ranks.y <= label_steps.y
            group by label_steps.f, label_steps.y
            """,
        ),
        Step(
            "ranked",
            f"""
            select
                counts.f,
                counts.c,
                counts.p,
                counts.n,
                step_ranks.rank,
            from {counts.sql} as counts
            inner join step_ranks on counts.f = step_ranks.f and counts.y = step_ranks.y
            """,
        ),
        Step("means", "select f, fsum(n * rank) / sum(n) as mean from ranked where p = 0 group by f"),
        Step(
            "learned_cells", "select f, c, fsum(n * rank) as total, sum(n) as n from ranked where p = 0 group by f, c"
        ),
        Step(
            "rank_scores",
            f"""
            select
                ranked.f,
                ranked.p,
                sum(ranked.n)::double as row_count,
                fsum(
                    ranked.n * pow(
                        ranked.rank
                        - (coalesce(learned_cells.total, 0) + {SMOOTHING} * means.mean)
                        / (coalesce(learned_cells.n, 0) + {SMOOTHING}),
                        2
                    )
                ) as errors,
                fsum(ranked.n * pow(ranked.rank - means.mean, 2)) as plain_errors,
                null as loss,
                null as plain_loss,
            from ranked
            inner join means on ranked.f = means.f
            left join learned_cells on ranked.f = learned_cells.f and ranked.c = learned_cells.c
            where ranked.p > 0
            group by ranked.f, ranked.p
            order by ranked.f, ranked.p
            """,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """All predictors, or why there are none."""

    predictors: tuple[Predictor, ...]
    label_kind: LabelKind | None = None
    not_judged: str = ""


def read_predictors(engine: Engine, rows: SplitRows, sample: SplitRows) -> Scored:
    """The power of every feature, of the key and of the time; strongest first.

    Args:
        engine: runs the queries.
        rows: the rows to count: all of them, or the sample again.
        sample: bounded rows that decide where numbers are cut and what the label is.
    """
    if rows.label is None:
        return Scored(predictors=(), not_judged="predictors: the dataset has no label")
    if "train" not in rows.splits:
        return Scored(predictors=(), not_judged="predictors: there is no train")
    target = target_of(engine, sample)
    if target is None or target.row_count < LEAST_TRAIN_ROWS:
        count = 0 if target is None else target.row_count
        reason = f"train has {count:,} rows with a usable label, {LEAST_TRAIN_ROWS} are needed"
        return Scored(predictors=(), not_judged=f"predictors: {reason}")
    if target.classes is not None and len(target.classes) < 2:
        return Scored(predictors=(), not_judged="predictors: train has one label only")
    candidates = [
        column
        for column in rows.columns
        if column.is_feature or (column.is_exported and column.role in (Role.KEY, Role.TIME))
    ]
    cells = cells_of(engine, rows, sample, target, candidates)
    make = class_scores_sql if target.classes is not None else rank_scores_sql
    found: list[tuple[LeakColumn, Mapping[str, Any]]] = []
    for start in range(0, len(cells), COLUMNS_PER_SCAN):
        chunk = cells[start : start + COLUMNS_PER_SCAN]
        try:
            # NOTE: kept, since an engine may compute a step anew for everything that reads it.
            if has_cuts(chunk):
                engine.rows(histograms_sql(rows, chunk, target).kept_as(HISTOGRAMS.sql))
            engine.rows(counts_sql(rows, chunk, target, HISTOGRAMS).kept_as(COUNTS.sql))
            found += [(chunk[row["f"]].column, row) for row in engine.rows(make(COUNTS))]
        finally:
            for kept in (HISTOGRAMS, COUNTS):
                engine.rows(Query.of(Step("drop_counts", f"drop table if exists {kept.sql}")))
    predictors = [
        Predictor(name=each.column.name, role=each.column.role.value, scores=_scores(each.column, found, rows, target))
        for each in cells
    ]
    predictors.sort(key=lambda predictor: (-strength(predictor), predictor.name))
    return Scored(
        predictors=tuple(predictors), label_kind=LabelKind.NUMBER if target.classes is None else LabelKind.CLASS
    )


def strength(predictor: Predictor) -> float:
    """The best score in any split."""
    return max((max(score.error_reduction, score.information or 0.0) for score in predictor.scores), default=0.0)


def _scores(
    column: LeakColumn, found: Sequence[tuple[LeakColumn, Mapping[str, Any]]], rows: SplitRows, target: Target
) -> tuple[Score, ...]:
    scores = []
    for scored, row in found:
        if scored is not column or row["row_count"] < LEAST_ROWS:
            continue
        count, errors, plain = row["row_count"], row["errors"], row["plain_errors"]
        if target.classes is not None:
            if plain < LEAST_ERRORS:
                continue
            reduction = 1 - errors / plain
            error = math.sqrt(max(errors, 1.0)) / plain
            information = 1 - row["loss"] / row["plain_loss"] if row["plain_loss"] > 0 else 0.0
        else:
            if plain <= 1e-9 * count:
                continue
            ratio = math.sqrt(max(0.0, errors) / plain)
            reduction, error, information = 1 - ratio, ratio / math.sqrt(count), None
        place = max(0, row["p"] - 1)
        scores.append(
            Score(
                split=rows.splits[place],
                row_count=int(count),
                # The order in which an engine adds decides the last digits.
                error_reduction=round(reduction, 10),
                error=error,
                information=None if information is None else round(information, 10),
            )
        )
    return tuple(scores)
