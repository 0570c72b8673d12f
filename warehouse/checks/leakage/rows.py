"""The rows of all splits as one relation with names of our own, so that a check is one statement over all splits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from warehouse.datasets.placement import Placement
from warehouse.datasets.spec import ColumnSplit, DatasetSpec
from warehouse.engine.base import Engine
from warehouse.sql import Query, Relation, Step, identifier
from warehouse.statistics.kinds import Family, family_of

EXAMPLE_LENGTH = 80
"""Characters of a value that a finding shows."""
EXAMPLE_COUNT = 5
HIDDEN = "(hidden)"
COUNTED_ROWS = 10_000
"""Of more rows, different values are counted roughly (HyperLogLog, up to 10 % off), by each engine in its own way."""


class Role(StrEnum):
    """What a column is for."""

    KEY = "key"
    LABEL = "label"
    TIME = "time"
    GROUP = "group"
    """A feature too, when it is exported."""
    MARK = "mark"
    """Says something about the row and teaches nothing: its split, when its features were known."""
    FEATURE = "feature"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakColumn:
    """One column as the checks see it."""

    name: str
    type: str
    role: Role
    sql: str
    """Its name in the relation of all rows: `c0`, `c1`..."""
    is_exported: bool
    is_private: bool
    """Its values must not reach a report: the version does not hold them as they are."""

    @property
    def family(self) -> Family:
        """What its type alone says."""
        return family_of(self.type)

    @property
    def is_class(self) -> bool:
        """Whether each value, as a label, is a class by its type alone; numbers may be either."""
        return self.family in (Family.BOOLEAN, Family.STRING)

    @property
    def is_feature(self) -> bool:
        """Whether a model may learn from it."""
        return self.is_exported and self.role in (Role.FEATURE, Role.GROUP)

    @property
    def example_sql(self) -> str:
        """A value as bounded text for people; hidden where values must not be shown."""
        if self.is_private:
            return f"'{HIDDEN}'"
        return f"left(coalesce({self.sql}::varchar, 'NULL'), {EXAMPLE_LENGTH})"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSource:
    """Rows of some splits, or of none."""

    relation: Relation
    place_sql: str
    """A row's place in `SplitRows.splits`, as an expression; NULL for a row in no split."""

    def columns_sql(self, columns: Sequence[LeakColumn]) -> str:
        """The place as `s`, and these columns by their names in the relation of all rows."""
        named = (f"{identifier(column.name)} as {column.sql}" for column in columns)
        return ", ".join([f"({self.place_sql})::utinyint as s", *named])


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRows:
    """Every row of every split. The relation has `s`, the split's place in `splits`, and the columns' `c0`, `c1`..."""

    relation: Relation
    splits: tuple[str, ...]
    """In the order of `SPLITS`."""
    columns: tuple[LeakColumn, ...]
    row_counts: Mapping[str, int]
    sources: tuple[RowSource, ...] = ()
    """What the relation is made of."""
    is_one_table: bool = False
    """Whether the sources are rows of one table, and so have the same types."""
    has_unplaced: bool = False
    """Whether the sources have rows in no split."""
    unplaced: Relation | None = None
    """The same rows without `s`, where telling their split costs something."""

    @property
    def placeless(self) -> Relation:
        """The rows for whoever does not ask for `s`, which costs something where they lie in one table."""
        return self.unplaced or self.relation

    def asked_sql(self, column: LeakColumn) -> str:
        """What a condition for `only` calls this column."""
        return identifier(column.name) if self._is_of_one_type else column.sql

    def only(self, condition: str) -> Relation:
        """The rows for which this holds, a condition on columns as `asked_sql` calls them.

        Of one table it is asked before a row's split is, which costs more than most conditions. Several may have types
        of their own, and hashes with them, until their rows are together.
        """
        where = f" where {condition}"
        if self._is_of_one_type:
            kept = _union_sql(self.sources, self.columns, has_unplaced=self.has_unplaced, where=where)
        else:
            kept = f"(select * from {self.relation.sql}{where})"
        return Relation(kept, f"some {self.relation.name}")

    @property
    def _is_of_one_type(self) -> bool:
        return self.is_one_table or len(self.sources) == 1

    def one_in(self, keep: int) -> Relation:
        """About one in so many rows, by a hash of their key, or of some columns when there is none."""
        named = self.key or self.columns[:8]
        if keep <= 1 or not named:
            return self.relation
        return self.only(f"hash({', '.join(map(self.asked_sql, named))}) % {keep}::ubigint = 0")

    @property
    def key(self) -> tuple[LeakColumn, ...]:
        """The columns that name a row."""
        return tuple(column for column in self.columns if column.role is Role.KEY)

    @property
    def label(self) -> LeakColumn | None:
        """The column to predict."""
        return next((column for column in self.columns if column.role is Role.LABEL), None)

    @property
    def time(self) -> LeakColumn | None:
        """When a row happened."""
        return next((column for column in self.columns if column.role is Role.TIME), None)

    @property
    def features(self) -> tuple[LeakColumn, ...]:
        """What a model may learn from."""
        return tuple(column for column in self.columns if column.is_feature)

    @property
    def row_count(self) -> int:
        """Rows of all splits together."""
        return sum(self.row_counts.values())

    def kinds_sql(self, value: str, *, counted_rows: int = COUNTED_ROWS) -> str:
        """How many different values there are: exactly of up to so many rows, else roughly."""
        return f"count(distinct {value})" if self.row_count <= counted_rows else f"approx_count_distinct({value})"

    @property
    def key_sql(self) -> str:
        """A row's key as bounded text; a constant when there is no key to show."""
        parts = ", ".join(column.example_sql for column in self.key)
        return f"left(concat_ws(', ', {parts}), {EXAMPLE_LENGTH})" if parts else "''"

    def named(self, name: str) -> LeakColumn | None:
        """The column of this name, if the rows have it."""
        return next((column for column in self.columns if column.name == name), None)

    def place(self, split: str) -> int | None:
        """The number that stands for a split in `s`."""
        return self.splits.index(split) if split in self.splits else None


def leak_columns(
    spec: DatasetSpec, types: Mapping[str, str], *, exported: Collection[str] | None
) -> tuple[LeakColumn, ...]:
    """Every column with what it is for; `exported` are the names that a version holds, None for all."""
    roles = dict.fromkeys(spec.groups, Role.GROUP)
    roles |= dict.fromkeys(spec.known_at, Role.MARK)
    if isinstance(spec.split, ColumnSplit):
        roles[spec.split.column] = Role.MARK
    if spec.synthetic is not None:
        roles[spec.synthetic.column] = Role.MARK
    if spec.time:
        roles[spec.time] = Role.TIME
    if spec.label:
        roles[spec.label] = Role.LABEL
    roles |= dict.fromkeys(spec.key, Role.KEY)
    used = [name for name in types if exported is None or name in exported or name in roles]
    return tuple(
        LeakColumn(
            name=name,
            type=types[name],
            role=roles.get(name, Role.FEATURE),
            sql=f"c{index}",
            is_exported=exported is None or name in exported,
            is_private=(exported is not None and name not in exported) or name in spec.pseudonymise,
        )
        for index, name in enumerate(used)
    )


def types_together(engine: Engine, rows: SplitRows) -> dict[str, str]:
    """The type that each column has where all rows are together, by its name there; a split's own may be narrower."""
    return {column.name: column.type for column in engine.columns(rows.relation)}


def rows_of_splits(engine: Engine, splits: Mapping[str, Relation], columns: Sequence[LeakColumn]) -> SplitRows:
    """The rows of these relations, each a split; counts them."""
    sources = tuple(
        RowSource(relation=relation, place_sql=str(place)) for place, relation in enumerate(splits.values())
    )
    counts = engine.rows(
        Query.of(
            Step(
                "split_counts",
                " union all ".join(
                    f"select {place} as s, count(*) as row_count from {relation.sql}"
                    for place, relation in enumerate(splits.values())
                ),
            )
        )
    )
    by_place = {row["s"]: row["row_count"] for row in counts}
    return SplitRows(
        relation=Relation(_union_sql(sources, columns, has_unplaced=False), "rows of all splits"),
        splits=tuple(splits),
        columns=tuple(columns),
        sources=sources,
        row_counts={name: by_place[place] for place, name in enumerate(splits)},
    )


def rows_of_placement(stretches: Sequence[tuple[Relation, Placement]], columns: Sequence[LeakColumn]) -> SplitRows:
    """The rows of a table that a placement has put into splits, read in one scan whatever the number of splits.

    Its rows come in stretches, each with the same placement as it is asked there.
    """
    placement = stretches[0][1]
    sources = tuple(RowSource(relation=rows, place_sql=here.place_sql) for rows, here in stretches)
    has_unplaced = bool(placement.dropped)
    name = stretches[0][0].name
    return SplitRows(
        relation=Relation(_union_sql(sources, columns, has_unplaced=has_unplaced), f"{name} by split"),
        splits=tuple(placement.row_counts),
        columns=tuple(columns),
        sources=sources,
        is_one_table=True,
        row_counts=dict(placement.row_counts),
        has_unplaced=has_unplaced,
        unplaced=None if has_unplaced else Relation(f"({_named_sql(sources, columns)})", name),
    )


def _named_sql(sources: Sequence[RowSource], columns: Sequence[LeakColumn]) -> str:
    names = ", ".join(f"{identifier(column.name)} as {column.sql}" for column in columns)
    return " union all ".join(f"select {names} from {source.relation.sql}" for source in sources)


def _union_sql(
    sources: Sequence[RowSource], columns: Sequence[LeakColumn], *, has_unplaced: bool, where: str = ""
) -> str:
    """The placed rows of all sources; `where` is asked of each source's own columns."""
    rows = " union all ".join(
        f"select {source.columns_sql(columns)} from {source.relation.sql}{where}" for source in sources
    )
    return f"(select * from ({rows}) where s is not null)" if has_unplaced else f"({rows})"
