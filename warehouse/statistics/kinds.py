"""What kind of column this is, and so what can be compared in it."""

from __future__ import annotations

from enum import StrEnum

from warehouse.statistics.type_names import TypeName, parse_type


class Kind(StrEnum):
    """What a column's values are, for statistics."""

    NUMBER = "number"
    DISCRETE = "discrete"
    """A number with few different values, compared value by value."""
    BOOLEAN = "boolean"
    CATEGORY = "category"
    TIME = "time"
    """A date, a timestamp or a time of day."""
    TEXT = "text"
    """Long or ever new strings; compared by their length."""
    LIST = "list"
    """Compared by length and by elements."""
    STRUCT = "struct"
    """Compared field by field."""
    MAP = "map"
    """Compared by the number of keys, by keys and by values."""
    EMBEDDING = "embedding"
    """Vectors of real numbers, all of one length; compared by their centroids and norms."""
    OTHER = "other"
    """Blobs, intervals and what is of no known type; only missing values are compared."""
    IDENTIFIER = "identifier"
    """Different in every row, so two sets of rows never have alike values; left out."""


PRESENCE_KINDS = frozenset({Kind.LIST, Kind.STRUCT, Kind.MAP, Kind.EMBEDDING, Kind.OTHER})
"""Kinds whose own distribution is only missing or present; what is in the values are aspects of them."""


class Family(StrEnum):
    """What the engine's type alone says."""

    INTEGER = "integer"
    REAL = "real"
    """Floating point; may hold NaN and infinities."""
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    CLOCK = "clock"
    """A time of day without a date."""
    STRING = "string"
    OTHER = "other"


_FAMILIES = {
    Family.INTEGER: (
        "TINYINT SMALLINT INTEGER BIGINT HUGEINT BIGNUM VARINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT"
    ),
    Family.REAL: "FLOAT DOUBLE",
    Family.BOOLEAN: "BOOLEAN",
    Family.CLOCK: "TIME",
    Family.STRING: "VARCHAR UUID JSON",
}
_FAMILY_OF = {word: family for family, words in _FAMILIES.items() for word in words.split()}

DISCRETE_VALUES = 50
"""A number with at most this many different values in the sample is compared value by value."""
CATEGORY_VALUES = 1_000
"""Up to this many different values a string is a category, however its values look."""
TEXT_LENGTH = 40
"""Strings of more characters than this on average are text, unless they are few."""
REPEATING_SHARE = 0.9
"""Below this share of different values, strings repeat."""
IDENTIFIER_ROWS = 200
"""Below this many rows, values that all differ prove nothing."""
IDENTIFIER_SHARE = 0.99
"""Share of different values among the present ones from which a column identifies its rows."""
IDENTIFIER_SPREAD = 20
"""Integers identify rows only when they lie close: a range of at most this many times their count.

Amounts in cents are nearly all different too, but spread far wider; n numbers drawn from 20 n repeat 2.5 % of the time.
"""


def family_of(type_name: str) -> Family:
    """The family of a type as the engine writes it; a list, struct, map or unknown type is `OTHER`."""
    name = type_name.upper()
    if name.endswith("]"):
        return Family.OTHER
    if name.startswith(("DECIMAL", "NUMERIC")):
        return Family.DECIMAL
    if name.startswith("ENUM"):
        return Family.STRING
    if name == "DATE" or name.startswith("TIMESTAMP"):
        return Family.TIMESTAMP
    return _FAMILY_OF.get(name, Family.OTHER)


def is_numeric(family: Family) -> bool:
    """Whether values of this family are numbers."""
    return family in (Family.INTEGER, Family.REAL, Family.DECIMAL)


def common_family(left: Family, right: Family) -> Family | None:
    """The family in which both can be compared; None when they cannot."""
    if left is right:
        return left
    if is_numeric(left) and is_numeric(right):
        return Family.REAL if Family.REAL in (left, right) else Family.DECIMAL
    return None


def types_meet(left: TypeName, right: TypeName) -> bool:
    """Whether values of both types can be compared, nested ones by what is in them; of structs one field is enough."""
    if left.members and right.members:
        others = {name.lower(): type_ for name, type_ in right.members}
        return any(name.lower() in others and types_meet(type_, others[name.lower()]) for name, type_ in left.members)
    if left.key is not None and right.key is not None and left.item is not None and right.item is not None:
        return types_meet(left.key, right.key) and types_meet(left.item, right.item)
    if left.item is not None and right.item is not None and left.key is right.key is None:
        return types_meet(left.item, right.item)
    if left.is_nested or right.is_nested:
        return False
    family = common_family(family_of(left.name), family_of(right.name))
    return family is not None and (family is not Family.OTHER or left.name.upper() == right.name.upper())


def kinds_of(family: Family, type_name: str = "") -> tuple[Kind, ...]:
    """The kinds that a column of this family, nested ones of this type, can be compared as; the usual one first.

    A list of reals is an embedding only when all have one length, which its values tell.
    """
    if is_numeric(family):
        return (Kind.NUMBER, Kind.DISCRETE, Kind.CATEGORY, Kind.IDENTIFIER)
    if family is Family.OTHER:
        return (*_nested_kinds(parse_type(type_name)), Kind.OTHER)
    return {
        Family.BOOLEAN: (Kind.BOOLEAN,),
        Family.TIMESTAMP: (Kind.TIME,),
        Family.CLOCK: (Kind.TIME,),
        Family.STRING: (Kind.CATEGORY, Kind.TEXT, Kind.IDENTIFIER),
    }[family]


def _nested_kinds(type_: TypeName) -> tuple[Kind, ...]:
    if type_.members:
        return (Kind.STRUCT,)
    if type_.key is not None:
        return (Kind.MAP,)
    if type_.item is None:
        return ()
    if family_of(type_.item.name) is not Family.REAL:
        return (Kind.LIST,)
    return (Kind.EMBEDDING, Kind.LIST) if type_.length else (Kind.LIST, Kind.EMBEDDING)


def common_kinds(family: Family, left_type: str, right_type: str) -> tuple[Kind, ...]:
    """The kinds that a column can be compared as whose types on both sides belong to this family."""
    other = kinds_of(family, right_type)
    return tuple(kind for kind in kinds_of(family, left_type) if kind in other)


def number_kind(*, distinct: int) -> Kind:
    """Kind of a numeric column with this many different values in the sample."""
    return Kind.DISCRETE if distinct <= DISCRETE_VALUES else Kind.NUMBER


def string_kind(*, distinct: int, sampled: int, mean_length: float, spaced_share: float) -> Kind:
    """Kind of a string column: `distinct` of `sampled` values, the share of values with white space between words.

    Category names have spaces too ("New York"), so spaces alone make text only of what rarely repeats: of more values
    than a category has, or, in a small table, of values that nearly all differ.
    """
    repeats = distinct < IDENTIFIER_ROWS or distinct < REPEATING_SHARE * sampled
    if distinct <= CATEGORY_VALUES and repeats and mean_length <= 5 * TEXT_LENGTH:
        return Kind.CATEGORY
    return Kind.TEXT if mean_length > TEXT_LENGTH or spaced_share > 0.5 else Kind.CATEGORY


def may_identify(kind: Kind, family: Family, *, sampled: int, distinct: int, spread: float, count: int) -> bool:
    """Whether it is worth counting all different values, to see if the column identifies its rows.

    Args:
        kind: the column's kind so far.
        family: its type's family.
        sampled: present values in the sample.
        distinct: different ones among them.
        spread: largest minus smallest value; integers only.
        count: present values in all.
    """
    if count < IDENTIFIER_ROWS or distinct < IDENTIFIER_SHARE * sampled:
        return False
    if family is Family.STRING:
        return kind is Kind.CATEGORY
    return family is Family.INTEGER and spread <= IDENTIFIER_SPREAD * count
