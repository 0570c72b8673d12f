"""What went wrong, or is worth knowing, when rows were placed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from warehouse.datasets.spec import ColumnSplit, DatasetSpec, HashTimeSplit, TimeSplit
from warehouse.engine.base import Engine
from warehouse.findings import Finding, Severity
from warehouse.sql import Query, Relation, Step, identifier


def off_target_sql(condition: str) -> str:
    """Whether a row does not satisfy the target distribution; a NULL does not."""
    # NOTE: the line break ends a comment at the end of the condition.
    return f"not coalesce(({condition}\n), false)"


def target_count_sql(relation: Relation, condition: str) -> Query:
    """One row: `row_count`, rows that satisfy the target distribution."""
    return Query.of(
        Step(
            "target_count",
            f"select count(*) filter (not {off_target_sql(condition)}) as row_count from {relation.sql}",
        )
    )


def empty_message(
    engine: Engine,
    relation: Relation,
    spec: DatasetSpec,
    empty: Sequence[str],
    row_counts: Mapping[str, int],
    *,
    advice: str,
) -> str:
    """Why splits would be empty, as far as one can tell, and what to change."""
    counts = ", ".join(f"{name} {count:,}" for name, count in row_counts.items())
    found = f"dataset {spec.name!r}: split {' and '.join(empty)} would be empty; rows: {counts}"
    if spec.target_distribution is not None and {"dev", "test"} & {*empty}:
        (row,) = engine.rows(target_count_sql(relation, spec.target_distribution))
        count = int(row["row_count"])
        few = "no row satisfies" if not count else f"only {count:,} rows satisfy"
        return f"{found}\n  {few} target_distribution: {spec.target_distribution}"
    if spec.fraction < 1 and empty == ["train"]:
        return f"{found}\n  the fraction {spec.fraction:g} is too small: choose a larger one"
    return f"{found}\n  {advice or _advice(spec)}"


def _advice(spec: DatasetSpec) -> str:
    if isinstance(spec.split, TimeSplit | HashTimeSplit):
        cutoffs = ", ".join(
            f"{name} from {moment:%Y-%m-%d %H:%M}" for name, moment in (spec.split.cutoffs or {}).items()
        )
        return f"the cutoffs ({cutoffs}) or the embargo leave no room; choose others"
    if isinstance(spec.split, ColumnSplit):
        return f"no row says so in {spec.split.column!r}"
    return f"there are too few {'groups' if spec.groups else 'rows'} for these shares"


def exceptions_sql(relation: Relation, spec: DatasetSpec, holds: Mapping[str, str]) -> Query:
    """One row: per split i `rows_i`, and `off_target_i` and `synthetic_i` of them; 0 when nobody asks.

    Args:
        relation: The model's table.
        spec: Of the dataset.
        holds: Per split, whether a row lies in it, as a condition.
    """
    off_target = "false" if spec.target_distribution is None else off_target_sql(spec.target_distribution)
    synthetic = "false" if spec.synthetic is None else identifier(spec.synthetic.column)
    counts = ",\n".join(
        f"count(*) filter (({condition}) and {flag}) as {name}_{i}"
        for i, condition in enumerate(holds.values())
        for name, flag in (("rows", "true"), ("off_target", off_target), ("synthetic", synthetic))
    )
    return Query.of(Step("exceptions", f"select {counts} from {relation.sql}"))


def exception_findings(
    engine: Engine, relation: Relation, spec: DatasetSpec, holds: Mapping[str, str], *, frozen: Sequence[str]
) -> list[Finding]:
    """Synthetic rows per split, and what a frozen split keeps although it must not enter it; a scan when asked."""
    frozen_target = spec.target_distribution is not None and bool({"dev", "test"} & {*frozen})
    if spec.synthetic is None and not frozen_target:
        return []
    (row,) = engine.rows(exceptions_sql(relation, spec, holds))
    off_target = {split: int(row[f"off_target_{i}"]) for i, split in enumerate(holds)}
    synthetic = {split: int(row[f"synthetic_{i}"]) for i, split in enumerate(holds)}
    found = list(_kept_findings(spec, frozen, off_target, synthetic))
    if spec.synthetic is not None:
        total = {split: int(row[f"rows_{i}"]) for i, split in enumerate(holds)}
        shares = ", ".join(f"{split} {synthetic[split] / total[split]:.1%}" for split in holds if total[split])
        found.append(
            Finding(
                severity=Severity.INFO,
                check="synthetic",
                subject=spec.name,
                message=f"{sum(synthetic.values()):,} rows are synthetic: {shares}",
                measured=sum(synthetic.values()) / max(sum(total.values()), 1),
            )
        )
    return found


def _kept_findings(
    spec: DatasetSpec, frozen: Sequence[str], off_target: Mapping[str, int], synthetic: Mapping[str, int]
) -> Iterator[Finding]:
    closed = {"dev", "test"} if spec.synthetic is None or spec.synthetic.train_dev else {"dev", "test", "train_dev"}
    for word, counts, splits in (("off target", off_target, {"dev", "test"}), ("synthetic", synthetic, closed)):
        for split in frozen:
            if split in splits and counts.get(split):
                yield Finding(
                    severity=Severity.WARNING,
                    check="freeze",
                    subject=f"{spec.name}.{split}",
                    message=f"{counts[split]:,} rows of {split} are {word}, and stay since {split} is frozen",
                    measured=float(counts[split]),
                    threshold=0.0,
                    advice="freeze a version that was made by the same rules",
                )
