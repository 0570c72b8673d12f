"""Which row of the model's table lies in which split: checked and decided in few scans, kept as one bit per row.

The bits of a split are indexed by the table's row numbers. They take an eighth of a byte per row and split, answer in
constant time, and leave the rows in the table's order when a split is written. Expressions ask them in variables, so
that a scan skips what it need not read. Joined to rows, they would be copied for every row where few are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from warehouse.datasets.columns import OutputColumn
from warehouse.datasets.freeze import NOTHING, Freeze, mark_frozen_rows
from warehouse.datasets.known_rows import has_same_key, mark_known_rows
from warehouse.datasets.placement_problems import empty_message, exception_findings
from warehouse.datasets.placement_rows import (
    POINTS,
    Known,
    is_movable,
    is_plain,
    placed_rows_sql,
    pointed_rows_sql,
    ties_rows,
)
from warehouse.datasets.row_bits import RowBlocks, RowConditions, RowSets
from warehouse.datasets.row_checks import TableFacts
from warehouse.datasets.spec import SPLITS, ColumnSplit, DatasetSpec, HashSplit
from warehouse.datasets.strata import known_variable, place_strata
from warehouse.datasets.versions import Version
from warehouse.engine.base import Engine
from warehouse.errors import ExportError
from warehouse.findings import Finding
from warehouse.sql import Query, Relation, Step, identifier, literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows of one split that are written together."""

    split: str
    subset: float | None
    """The smallest of the specification's `subsets` that they belong to; None: to the whole split alone."""
    row_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Every row's split, as sets that live in the engine's session."""

    row_counts: Mapping[str, int]
    """Per split, in the order of `SPLITS`."""
    dropped: Mapping[str, int]
    """Rows in no split, by reason."""
    sets: RowConditions
    train_parts: tuple[Part, ...] = ()
    """Train's rows by subset, the smallest first; empty without subsets."""
    fold_bits: int = 0
    """Bits of a fold's number; 0 without folds."""
    findings: tuple[Finding, ...] = ()
    """What was worth saying while rows were placed."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is written together, in the order of files: disjoint, and together all the splits; none is empty."""
        return tuple(part for split in self.row_counts for part in self.parts_of(split))

    def parts_of(self, split: str) -> tuple[Part, ...]:
        """The parts of one split."""
        if split == "train" and self.train_parts:
            return self.train_parts
        return (Part(split=split, subset=None, row_count=self.row_counts[split]),)

    def holds_sql(self, split: str) -> str:
        """Whether a row of the table lies in this split, as a condition."""
        return self.sets.is_in_sql(split_name(split))

    def holds_part_sql(self, part: Part) -> str:
        """Whether a row of the table lies in this part, as a condition."""
        if part not in self.train_parts:
            return self.holds_sql(part.split)
        return self.sets.is_in_sql(part_name(part.subset))

    @property
    def fold_sql(self) -> str:
        """The fold of a row of the table, as an expression; NULL outside train."""
        bits = (
            f"case when {self.sets.is_in_sql(fold_bit_name(i))} then {1 << i} else 0 end" for i in range(self.fold_bits)
        )
        return f"case when {self.holds_sql('train')} then ({' + '.join(bits)})::integer end"

    @property
    def split_sql(self) -> str:
        """The name of a row's split, as an expression; NULL for a row in none."""
        branches = " ".join(f"when {i} then {literal(split)}" for i, split in enumerate(self.row_counts))
        return f"case {self.place_sql} {branches} end"

    @property
    def place_sql(self) -> str:
        """The place of a row's split in `row_counts`, as an expression; NULL for a row in none."""
        return self.sets.first_of_sql({split_name(split): str(i) for i, split in enumerate(self.row_counts)})


def split_bits_sql(
    relation: Relation,
    spec: DatasetSpec,
    facts: TableFacts,
    known: Known | None = None,
    *,
    kept_points: bool = False,
    stretch: tuple[int, int] | None = None,
) -> Query:
    """One row per place, part of train and block: `place`, `part`, `block`, `row_count`, `bits`, `fold_bits`.

    Of all blocks, or of one stretch of them. `bits` are those of a split, NULL of rows in none; `fold_bits` are the
    rows of train whose fold's number has each bit, the lowest first.
    """
    known = known or Known()
    words = ", ".join(map(literal, SPLITS))
    bits = facts.blocks.bits_sql("row_number")
    is_split = "" if is_plain(spec, known) else f" filter (place in ({words}))"
    folds = (f"{bits} filter (fold >> {i} & 1 = 1) as fold_bit_{i}," for i in range(fold_bit_count(spec)))
    return Query.of(
        *placed_rows_sql(relation, spec, facts, known, kept_points=kept_points),
        Step(
            "split_bits",
            f"""
            select
                place,
                {"part" if spec.subsets else "null::integer"} as part,
                {facts.blocks.block_sql("row_number")} as block,
                count(*) as row_count,
                {bits}{is_split} as bits,
                {" ".join(folds)}
            from placed_rows
            {f"where {facts.blocks.within_sql(stretch, 'row_number')}" if stretch else ""}
            group by place, block{", part" if spec.subsets else ""}
            """,
        ),
    )


def fold_bit_count(spec: DatasetSpec) -> int:
    """How many bits the number of a fold has; 0 without folds."""
    return (spec.folds - 1).bit_length() if spec.folds else 0


def place_rows(
    engine: Engine,
    relation: Relation,
    spec: DatasetSpec,
    facts: TableFacts,
    *,
    columns: Sequence[OutputColumn] = (),
    freeze: Freeze = NOTHING,
    newest: Version | None = None,
    has_duplicates: bool = False,
    empty_advice: str = "",
) -> Placement:
    """Decides every row's split and keeps the answer in the engine's session.

    Args:
        engine: Whose session keeps the answer.
        relation: The model's table.
        spec: With cutoffs as moments.
        facts: Of the table.
        columns: As they are exported; only keys are read, and only to find rows of earlier versions.
        freeze: Splits that keep the keys of a version.
        newest: Version of the same dataset whose rows stay where they are when splits are stratified.
        has_duplicates: Whether the session holds `DUPLICATES`.
        empty_advice: What is known to be wrong already, for the message when a split would be empty.

    Raises:
        ExportError: a split would be empty; a stratified or frozen split cannot be made.
    """
    known = Known(frozen=freeze.splits, has_duplicates=has_duplicates, sets=facts.blocks)
    kept_points, findings = keep_points(
        engine, relation, spec, facts, known, columns=columns, freeze=freeze, newest=newest
    )
    counts: dict[tuple[str, int | None], int] = {}
    stretches = facts.blocks.stretches
    for stretch in stretches:
        # NOTE: one stretch after the other, since an export's memory does not hold the bits of a billion rows twice.
        only = stretch if len(stretches) > 1 else None
        bits = split_bits_sql(relation, spec, facts, known, kept_points=kept_points, stretch=only)
        engine.rows(bits.kept_as(_BITS))
        for row in engine.rows(_KEPT):
            place = (row["place"], row["part"])
            counts[place] = counts.get(place, 0) + int(row["row_count"])
        _load_bits(engine, spec, facts.blocks, stretch)
    if kept_points:
        engine.rows(Query.of(Step("drop_points", f"drop table temp.{POINTS}")))
    placement = placement_of(spec, counts, facts.blocks)
    return checked(engine, relation, spec, placement, freeze=freeze, findings=findings, empty_advice=empty_advice)


def keep_points(
    engine: Engine,
    relation: Relation,
    spec: DatasetSpec,
    facts: TableFacts,
    known: Known,
    *,
    columns: Sequence[OutputColumn],
    freeze: Freeze,
    newest: Version | None,
) -> tuple[bool, list[Finding]]:
    """Keeps sets of the rows that stay where they are, and the points that are read more than once.

    Whether the session's table `POINTS` was made, and what was worth saying. Arguments are as of `place_rows`.
    """
    sets = known.sets or facts.blocks
    findings = list(mark_frozen_rows(engine, relation, columns, spec, freeze, sets))
    stratify = spec.split.stratify if isinstance(spec.split, HashSplit) else ()
    if stratify:
        _mark_newest(engine, relation, columns, spec, newest, sets)
    if not stratify and not (known.frozen and ties_rows(spec)):
        return False, findings
    engine.rows(Query.of(*pointed_rows_sql(sets.marked(relation), spec, facts, known)).kept_as(POINTS))
    if isinstance(spec.split, HashSplit) and stratify:
        findings += place_strata(
            engine,
            spec.split,
            dataset=spec.name,
            frozen=known.frozen,
            by_entity=not is_movable(spec),
            movable_flags=_flags(spec, known),
        )
    return True, findings


def checked(
    engine: Engine,
    relation: Relation,
    spec: DatasetSpec,
    placement: Placement,
    *,
    freeze: Freeze,
    findings: Sequence[Finding],
    empty_advice: str,
) -> Placement:
    """The placement with its findings, and those about what lies where it should not.

    Raises:
        ExportError: a split is empty.
    """
    empty = [name for name, count in placement.row_counts.items() if not count]
    if empty:
        found = {**placement.row_counts, **placement.dropped}
        raise ExportError(empty_message(engine, relation, spec, empty, found, advice=empty_advice))
    holds = {split: placement.holds_sql(split) for split in placement.row_counts}
    exceptions = exception_findings(engine, relation, spec, holds, frozen=freeze.splits)
    return replace(placement, findings=(*findings, *exceptions))


def _flags(spec: DatasetSpec, known: Known) -> list[str]:
    """Names of the flags that keep a row from filling quotas."""
    asked = {
        "is_off_target": spec.target_distribution is not None and is_movable(spec),
        "is_synthetic": spec.synthetic is not None and is_movable(spec),
        "is_duplicate": known.has_duplicates,
    }
    return [name for name, holds in asked.items() if holds]


def _mark_newest(
    engine: Engine,
    relation: Relation,
    columns: Sequence[OutputColumn],
    spec: DatasetSpec,
    newest: Version | None,
    sets: RowSets,
) -> None:
    """Keeps sets of the newest version's rows; of none when its rows were placed by another rule."""
    if newest is None or not has_same_key(columns, newest, spec.key):
        return
    before = newest.manifest.spec
    if (before.split, before.groups, before.grouping) == (spec.split, spec.groups, spec.grouping):
        names = {split: known_variable(split) for split in newest.splits}
        mark_known_rows(engine, relation, columns, newest, names, key=spec.key, sets=sets)


def placement_of(spec: DatasetSpec, found: Mapping[tuple[str, int | None], int], sets: RowConditions) -> Placement:
    """What the rows per place and part of train come to."""
    counts: dict[str, int] = {}
    for (place, _), count in found.items():
        counts[place] = counts.get(place, 0) + count
    parts = {part: count for (place, part), count in found.items() if place == "train"}
    row_counts = {name: counts.get(name, 0) for name in spec.splits}
    if isinstance(spec.split, ColumnSplit):
        row_counts = {name: count for name, count in row_counts.items() if count or name in ("train", "test")}
    indexes = [*range(len(spec.subsets)), None] if spec.subsets else []
    return Placement(
        row_counts=row_counts,
        # Whatever lies in none of these splits, so that the two together are always all rows.
        dropped={reason: count for reason, count in sorted(counts.items()) if reason not in row_counts},
        sets=sets,
        train_parts=tuple(
            Part(split="train", subset=None if i is None else spec.subsets[i], row_count=parts[i])
            for i in indexes
            if parts.get(i)
        ),
        fold_bits=fold_bit_count(spec),
    )


def _load_bits(engine: Engine, spec: DatasetSpec, blocks: RowBlocks, stretch: tuple[int, int]) -> None:
    """Puts the kept bits of a stretch into variables, where an expression can ask them."""
    found = {split_name(split): f"bit_or(bits) filter (place = {literal(split)})" for split in spec.splits}
    for i, subset in [*enumerate(spec.subsets), ("null", None)] if spec.subsets else []:
        found[part_name(subset)] = f"bit_or(bits) filter (place = 'train' and part is not distinct from {i})"
    for i in range(fold_bit_count(spec)):
        found[fold_bit_name(i)] = f"bit_or(fold_bit_{i})"
    terms = ", ".join(f"{bits} as {_column(name)}" for name, bits in found.items())
    side_by_side = Step("bits_per_block", f"select block, {terms} from temp.{_BITS} group by block order by block")
    engine.rows(Query.of(side_by_side).kept_as(_BLOCKS))
    for name in found:
        blocks.load(engine, name, table=_BLOCKS, bits=_column(name), stretch=stretch)
    for table in (_BITS, _BLOCKS):
        engine.rows(Query.of(Step("drop_bits", f"drop table temp.{table}")))


def split_name(split: str) -> str:
    """The set of a split's rows."""
    return f"rows_in_{split}"


def part_name(subset: float | None) -> str:
    """The set of the rows of train whose smallest subset this is; None: of those in no subset."""
    return f"rows_in_part_{'rest' if subset is None else subset}"


def fold_bit_name(bit: int) -> str:
    """The set of the rows of train whose fold's number has this bit."""
    return f"rows_in_fold_bit_{bit}"


_BITS = "split_bits"
_BLOCKS = "split_blocks"
_KEPT = Query.of(Step("kept_bits", f"select place, part, row_count from {_BITS}"))


def _column(name: str) -> str:
    return identifier(f"bits_of_{name}")


def placed_relations(relation: Relation, placement: Placement) -> dict[str, Relation]:
    """The table's rows by split, as relations of the session that placed them."""
    return {
        split: Relation(
            f"(select * from {relation.sql} where {placement.holds_sql(split)})", f"{relation.name} {split}"
        )
        for split in placement.row_counts
    }
