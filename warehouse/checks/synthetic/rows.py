"""Which rows of a version were made up, which are real, and by which columns they are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from warehouse.checks.synthetic.result import REAL, SYNTHETIC, SplitRowCounts
from warehouse.datasets.spec import FOLD, SPLITS, WEIGHT, ColumnSplit, DatasetSpec
from warehouse.engine.base import Engine
from warehouse.errors import SpecError
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.kinds import Kind
from warehouse.statistics.pair import ColumnPair, compare_relations
from warehouse.statistics.sketches import Sketches
from warehouse.statistics.value_hashes import row_hash_sql

EXAMPLE_LENGTH = 80
EXAMPLE_COUNT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticRows:
    """A version's rows by where they come from; none of the relations has the column that tells it."""

    column: str
    synthetic: Relation
    """Of all splits."""
    real: Relation
    """Of train."""
    held: Mapping[str, Relation]
    """Real rows of every other split that has any."""
    key: tuple[str, ...]
    counts: tuple[SplitRowCounts, ...]
    features: tuple[ColumnPair, ...]
    """What describes a row: not what names it, binds it, dates it or is to be predicted, and no identifier."""
    label: ColumnPair | None

    @property
    def synthetic_count(self) -> int:
        """Synthetic rows."""
        return sum(split.synthetic_count for split in self.counts)

    @property
    def real_count(self) -> int:
        """Real rows of train."""
        return next(split.real_count for split in self.counts if split.split == "train")

    @property
    def hash_sql(self) -> str:
        """One hash of all features, as an expression; there must be one."""
        return row_hash_sql((identifier(pair.name), pair.left_type) for pair in self.features)

    @property
    def key_sql(self) -> str:
        """A row's key as bounded text."""
        parts = ", ".join(f"coalesce({identifier(name)}::varchar, 'NULL')" for name in self.key)
        return f"left(concat_ws(', ', {parts}), {EXAMPLE_LENGTH})" if parts else "''"


def find_synthetic_rows(engine: Engine, splits: Mapping[str, Relation], spec: DatasetSpec) -> SyntheticRows:
    """The rows of these splits by where they come from.

    Raises:
        SpecError: the dataset does not say which rows are synthetic, the splits lack that column, or no row is either.
        QueryError: a relation cannot be read.
    """
    if spec.synthetic is None:
        raise SpecError(
            f"dataset {spec.name!r} does not say which rows are synthetic"
            "\n  add `synthetic: COLUMN` to its specification, name of a boolean column, and export it again"
        )
    mark = spec.synthetic.column
    splits = {name: splits[name] for name in (*SPLITS, *splits) if name in splits}
    types = {column.name: column.type for column in engine.columns(next(iter(splits.values())))}
    if mark not in types:
        raise SpecError(
            f"the version does not hold {mark!r}, which says which rows are synthetic"
            f"\n  export the dataset with that column: take it out of `columns: exclude`"
        )
    names = [name for name in types if name != mark]
    counts = _count(engine, splits, mark)
    if "train" not in splits or not any(split.synthetic_count for split in counts):
        raise SpecError(f"no row of dataset {spec.name!r} is synthetic: {mark!r} is true nowhere")
    if not next(split.real_count for split in counts if split.split == "train"):
        raise SpecError(f"all rows of train are synthetic, so there are no real ones to compare with ({mark!r})")
    with_some = [split.split for split in counts if split.synthetic_count]
    made_up = " union all ".join(_rows(splits[name], names, mark, "") for name in with_some)
    synthetic = Relation(f"({made_up})", SYNTHETIC)
    real = Relation(f"({_rows(splits['train'], names, mark, 'not ')})", REAL)
    apart = columns_apart(spec)
    left_out = [name for name in types if name in apart and name != spec.label]
    sketches = Sketches(engine, skip=left_out)
    pairs = compare_relations(engine, real, synthetic, skip=left_out, kinds=spec.drift.kinds, sketches=sketches).columns
    return SyntheticRows(
        column=mark,
        synthetic=synthetic,
        real=real,
        held={
            split.split: Relation(f"({_rows(splits[split.split], names, mark, 'not ')})", split.split)
            for split in counts
            if split.split != "train" and split.real_count
        },
        key=tuple(name for name in spec.key if name in types),
        counts=counts,
        features=tuple(pair for pair in pairs if pair.name != spec.label and pair.kind is not Kind.IDENTIFIER),
        label=next((pair for pair in pairs if pair.name == spec.label), None),
    )


def columns_apart(spec: DatasetSpec) -> dict[str, str]:
    """Columns that say nothing of how a row is, each with the reason."""
    apart = dict.fromkeys((FOLD, WEIGHT), "given by the export")
    apart |= dict.fromkeys(spec.known_at, "says when features were known")
    if spec.time:
        apart[spec.time] = "says when the row happened"
    apart |= dict.fromkeys(spec.groups, "names what rows belong to")
    if isinstance(spec.split, ColumnSplit):
        apart[spec.split.column] = "names the split"
    if spec.synthetic is not None:
        apart[spec.synthetic.column] = "says which rows are synthetic"
    return apart | dict.fromkeys(spec.key, "part of the key, different in every row")


def _rows(relation: Relation, names: Sequence[str], mark: str, negation: str) -> str:
    listed = ", ".join(map(identifier, names))
    return f"select {listed} from {relation.sql} where {negation}coalesce({identifier(mark)}, false)"


def split_counts_sql(splits: Mapping[str, Relation], mark: str) -> Query:
    """One row per split, in order: `place`, `row_count`, `synthetic_count`; a row that does not say is real."""
    counted = " union all ".join(
        f"select {place} as place, count(*) as row_count,"
        f" count(*) filter (coalesce({identifier(mark)}, false)) as synthetic_count from {relation.sql}"
        for place, relation in enumerate(splits.values())
    )
    return Query.of(
        Step("split_rows", counted),
        Step("split_counts", "select place, row_count, synthetic_count from split_rows order by place"),
    )


def _count(engine: Engine, splits: Mapping[str, Relation], mark: str) -> tuple[SplitRowCounts, ...]:
    return tuple(
        SplitRowCounts(
            split=split,
            real_count=row["row_count"] - row["synthetic_count"],
            synthetic_count=row["synthetic_count"],
        )
        for split, row in zip(splits, engine.rows(split_counts_sql(splits, mark)), strict=True)
    )
