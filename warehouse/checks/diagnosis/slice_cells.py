"""One feature as a few numbered cells: which rows are in a cell, in words and in SQL."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from warehouse.checks.diagnosis.slice_result import SliceCondition
from warehouse.checks.drift.words import number_text, quoted, time_text
from warehouse.sql import identifier, literal
from warehouse.statistics.bins import to_datetime
from warehouse.statistics.kinds import Family, family_of, is_numeric
from warehouse.statistics.profile import Measured
from warehouse.statistics.type_names import parse_type

MISSING, OTHER, FIRST = range(3)
"""Numbers of the cells of rows without a value, and with one that is in no bin or not listed; then bins or values."""
MOST_CELLS = 12
"""Bins or values. With the two above four bits hold a cell, and cells of three features are what DuckDB counts fast."""
MOST_BINS = 10
CODES = FIRST + MOST_CELLS
LEAST_BIN_ROWS = 30
"""Of the sample; fewer rows make fewer bins."""
_SLACK = 0.3
"""A bound may be so far from where bins would be equal, in bins, to be round."""
_DAY = 86_400_000_000

_MONTHS = dict(
    enumerate(
        (
            *("January", "February", "March", "April", "May", "June"),
            *("July", "August", "September", "October", "November", "December"),
        ),
        start=1,
    )
)
_WEEKDAYS = dict(enumerate(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), start=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A column, or one thing about it, as a number or a text per row."""

    name: str
    """`month of departed_at`."""
    column: str
    sql: str
    """Over the column: a double or text; NULL where there is none."""
    family: Family
    """Of the column when the part is the whole of it; otherwise integer."""
    plain_sql: str
    """The same as people would write it."""
    is_whole: bool = True
    """Whether it is the column itself."""
    names: Mapping[int, str] = field(default_factory=dict)
    """What its numbers are called."""

    @property
    def is_text(self) -> bool:
        """Whether its values have no order to make bins of."""
        return self.family in (Family.STRING, Family.BOOLEAN)

    @property
    def has_odd(self) -> bool:
        """Whether a value that is there may have no place among the others."""
        return self.is_whole and self.family in (Family.REAL, Family.TIMESTAMP)

    @property
    def length(self) -> Part:
        """Of a text, how long it is."""
        return replace(
            self,
            name=f"length of {self.column}",
            sql=f"length({self.sql})::double",
            plain_sql=f"length({self.plain_sql})",
            family=Family.INTEGER,
            is_whole=False,
        )


def parts_of(column: str, type_name: str, *, with_moments: bool) -> list[Part]:
    """What there is to cut by in a column of this type; nothing in structs, vectors and what has no known type.

    Args:
        column: its name.
        type_name: as the engine has it.
        with_moments: whether times are cut into spans; where splits are, no two have the same.
    """
    name, family = identifier(column), family_of(type_name)
    if family is Family.OTHER:
        type_ = parse_type(type_name)
        if type_.item is None or type_.length:
            return []
        counted = f"{'cardinality' if type_.key is not None else 'len'}({name})"
        return [
            Part(
                name=f"length of {column}",
                column=column,
                sql=f"{counted}::double",
                plain_sql=counted,
                family=Family.INTEGER,
                is_whole=False,
            )
        ]
    if family is Family.TIMESTAMP:
        return list(_calendar(column, type_name.upper(), with_moments=with_moments))
    measured = Measured(column, family)
    sql = measured.value_sql if family in (Family.STRING, Family.BOOLEAN) else measured.finite_sql
    is_plain = is_numeric(family) or type_name.upper() in ("VARCHAR", "BOOLEAN")
    # As a double a FLOAT is compared digit by digit.
    plain = name if is_plain and type_name.upper() != "FLOAT" else sql
    return [Part(name=column, column=column, sql=sql, plain_sql=plain, family=family)]


def _calendar(column: str, type_name: str, *, with_moments: bool) -> Iterator[Part]:
    name = identifier(column)
    plain = f"{name}::timestamp" if "ZONE" in type_name else name
    moment = f"case when isfinite({name}::timestamp) then {name}::timestamp end"
    if with_moments:
        sql = f"epoch_us({moment})::double"
        yield Part(name=column, column=column, sql=sql, plain_sql=plain, family=Family.TIMESTAMP)
    wanted: list[tuple[str, str, Mapping[int, str]]] = [
        ("month", "month", _MONTHS),
        ("weekday", "isodow", _WEEKDAYS),
        *([] if type_name == "DATE" else [("hour", "hour", {})]),
    ]
    for word, function, names in wanted:
        yield Part(
            name=f"{word} of {column}",
            column=column,
            sql=f"{function}({moment})::double",
            plain_sql=f"{function}({plain})",
            family=Family.INTEGER,
            is_whole=False,
            names=names,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """A part and its cells: bins between cuts, or single values."""

    part: Part
    cuts: tuple[float, ...] = ()
    """Rising; the first bin is below the first cut, the last from the last cut on."""
    values: tuple[str | float, ...] = ()

    @property
    def is_ordered(self) -> bool:
        """Whether cells side by side have values side by side."""
        return not self.part.is_text

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """What to test: each cell and, of ordered ones, all up to one of them and all from one of them on.

        In pieces each too small to tell, a slice shows as a whole.
        """
        last = FIRST + (len(self.cuts) if self.cuts else len(self.values) - 1)
        found = [(code, code) for code in range(last + 1)]
        if self.is_ordered:
            found += [(FIRST, code) for code in range(FIRST + 1, last)]
            found += [(code, last) for code in range(FIRST + 1, last)]
        return found

    def code_sql(self, value: str, missing: str) -> str:
        """The number of a row's cell, from the part's value and whether the column has none."""
        if self.cuts:
            rest = f"else {_tree_sql(value, self.cuts, FIRST)}"
        elif self.part.is_text:
            listed = ", ".join(literal(str(each)) for each in self.values)
            rest = f"else coalesce(enum_code(try_cast({value} as enum({listed}))) + {FIRST}, {OTHER})"
        else:
            known = " ".join(f"when {value} = {each:.17e} then {FIRST + i}" for i, each in enumerate(self.values))
            rest = f"{known} else {OTHER}"
        return f"(case when {missing} then {MISSING} when {value} is null then {OTHER} {rest} end)::utinyint"

    def condition(self, first: int, last: int) -> SliceCondition:
        """What the rows of these cells have in common; several are side by side."""
        text, sql = self._bins(first, last) if self.cuts and first >= FIRST else self._values(first, last)
        return SliceCondition(feature=self.part.name, column=self.part.column, text=text, sql=sql)

    def _values(self, first: int, last: int) -> tuple[str, str]:
        name, column, value = self.part.name, identifier(self.part.column), self.part.plain_sql
        if first == MISSING:
            return f"{self.part.column} is missing", f"{column} is null"
        if first == OTHER and self.cuts:
            return f"{name} is not finite", f"not isfinite({column})"
        if first == OTHER:
            listed = ", ".join(map(self._literal, self.values))
            return f"{name} has a rarer value", f"{column} is not null and ({value} in ({listed})) is not true"
        given = self.values[first - FIRST : last - FIRST + 1]
        if len(given) == 1:
            return f"{name} is {self._text(given[0])}", f"{value} = {self._literal(given[0])}"
        listed = ", ".join(map(self._literal, given))
        return f"{name} from {self._text(given[0])} to {self._text(given[-1])}", f"{value} in ({listed})"

    def _bins(self, first: int, last: int) -> tuple[str, str]:
        name, column, value = self.part.name, identifier(self.part.column), self.part.plain_sql
        low = self.cuts[first - FIRST - 1] if first > FIRST else None
        high = self.cuts[last - FIRST] if last - FIRST < len(self.cuts) else None
        bounds = [
            *([f"{value} >= {self._literal(low)}"] if low is not None else []),
            *([f"{value} < {self._literal(high)}"] if high is not None else []),
        ]
        if self.part.has_odd and (low is None or high is None):
            bounds.append(f"isfinite({column})")
        if low is None and high is None:
            return f"{name} is there", " and ".join([f"{column} is not null", *bounds])
        if low is None or high is None:
            bound = f"under {self._text(high)}" if high is not None else f"from {self._text(low)}"
            return f"{name} {bound}", " and ".join(bounds)
        if self.part.family is Family.INTEGER and high - low == 1:
            return f"{name} is {self._text(low)}", " and ".join(bounds)
        return f"{name} from {self._text(low)} to under {self._text(high)}", " and ".join(bounds)

    def _literal(self, value: str | float) -> str:
        if isinstance(value, str):
            return value if self.part.family is Family.BOOLEAN else literal(value)
        if self.part.family is Family.TIMESTAMP:
            return f"make_timestamp({int(value)})"
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)

    def _text(self, value: str | float | None) -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            return value if self.part.family is Family.BOOLEAN else quoted(value)
        if self.part.names:
            return self.part.names.get(int(value), number_text(value))
        if self.part.family in (Family.TIMESTAMP, Family.CLOCK):
            return time_text(value, self.part.family)
        return number_text(value)


def _tree_sql(value: str, cuts: Sequence[float], first: int) -> str:
    """How many cuts are at most the value, and `first`: halving takes a third of the comparisons of going through."""
    if not cuts:
        return str(first)
    middle = len(cuts) // 2
    below, above = _tree_sql(value, cuts[:middle], first), _tree_sql(value, cuts[middle + 1 :], first + middle + 1)
    return f"(case when {value} < {cuts[middle]:.17e} then {below} else {above} end)"


def bin_levels() -> list[float]:
    """Where to take quantiles for `bin_cells`: of either side of each bound, for each number of bins."""
    levels = {0.0, 1.0}
    for count in range(2, MOST_BINS + 1):
        for place in range(1, count):
            levels |= {(place - _SLACK) / count, (place + _SLACK) / count}
    return sorted(round(level, 6) for level in levels)


def bin_cells(part: Part, quantiles: Sequence[float], count: int) -> Cells:
    """Bins of about equal shares of `count` values with these quantiles, at `bin_levels`; bounds are round."""
    at = dict(zip(bin_levels(), quantiles, strict=True))
    bins = max(2, min(MOST_BINS, count // LEAST_BIN_ROWS))
    cuts = []
    for place in range(1, bins):
        low, high = (at[round((place + side * _SLACK) / bins, 6)] for side in (-1, 1))
        cuts.append(_roundest(low, high, part.family))
    lowest = at[0.0]
    rising = sorted({cut for cut in cuts if cut > lowest})
    return Cells(part=part, cuts=tuple(rising) or (math.nextafter(lowest, math.inf),))


def _roundest(low: float, high: float, family: Family) -> float:
    """The number from `low` to `high` with the fewest digits; of times the first midnight."""
    if low == high:
        return low
    if family is Family.TIMESTAMP:
        midnight = math.ceil(low / _DAY) * float(_DAY)
        return midnight if midnight <= high and to_datetime(midnight) is not None else high
    exponent = math.floor(math.log10(max(abs(low), abs(high), 1e-300)))
    for digits in range(17):
        for step in (5, 1):
            # Dividing by a power of ten rounds right, multiplying by 0.1 does not.
            power = exponent + 1 - digits
            found = _first_multiple(low, step, power)
            if low <= found <= high:
                return found
    return high


def _first_multiple(low: float, step: int, power: int) -> float:
    scale = 10.0 ** abs(power)
    if power >= 0:
        return math.ceil(low / (step * scale)) * step * scale
    return math.ceil(low * scale / step) * step / scale if math.isfinite(low * scale) else math.inf


def value_cells(part: Part, values: Sequence[str | float]) -> Cells:
    """A cell for each of these values, at most `MOST_CELLS`."""
    return Cells(part=part, values=tuple(values))
