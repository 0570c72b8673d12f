"""The scalars inside nested values: lengths, fields, keys and elements, each as a column of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from warehouse.sql import Query, Relation, Step, identifier, literal
from warehouse.statistics.kinds import Family, family_of
from warehouse.statistics.type_names import TypeName

MOST_PARTS = 20
"""So many scalars of one column are compared, in the order of its fields."""
DEEPEST = 4
"""Structs in structs are followed so far."""
READ_ELEMENTS = 256
"""Elements are those among so many first ones of a list, keys those among so many of a map."""
READ_CHARACTERS = 1_000
"""Strings among them are told apart by so many first characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A scalar inside a nested value."""

    name: str
    """What people call it: `length`, `field a.b`, `elements`."""
    left_sql: str
    right_sql: str
    is_count: bool = False
    """A length or a number of keys: where there is no value, there is nothing to count."""


def parts_of(
    left: TypeName, right: TypeName, left_sql: str, right_sql: str, *, name: str = "", depth: int = 0
) -> Iterator[Part]:
    """What both types have in common, as far as one value has one of it: all but the elements of lists and maps.

    Args:
        left: the type on the left.
        right: the type on the right.
        left_sql: an expression of the left's value.
        right_sql: the same for the right; another text when the value is in another place.
        name: what people call the value; empty for the column itself.
        depth: how many structs this is inside of.
    """
    if left.members and right.members:
        others = {member.lower(): type_ for member, type_ in right.members}
        for member, type_ in left.members:
            if member.lower() in others and depth < DEEPEST and member:
                yield from parts_of(
                    type_,
                    others[member.lower()],
                    f"struct_extract({left_sql}, {literal(member)})",
                    f"struct_extract({right_sql}, {literal(member)})",
                    name=f"{name}.{member}"
                    if name.startswith("field ")
                    else f"{name + ' ' if name else ''}field {member}",
                    depth=depth + 1,
                )
    elif left.key is not None and right.key is not None:
        told = f"number of keys of {name}" if name else "number of keys"
        yield Part(name=told, left_sql=f"cardinality({left_sql})", right_sql=f"cardinality({right_sql})", is_count=True)
    elif left.item is not None and right.item is not None and left.key is right.key is None:
        if not left.length or left.length != right.length:
            told = f"length of {name}" if name else "length"
            yield Part(name=told, left_sql=f"len({left_sql})", right_sql=f"len({right_sql})", is_count=True)
    elif not left.is_nested and not right.is_nested and name:
        yield Part(name=name, left_sql=_scalar_sql(left, left_sql), right_sql=_scalar_sql(right, right_sql))


def _scalar_sql(type_: TypeName, sql: str) -> str:
    return f"left(cast({sql} as varchar), {READ_CHARACTERS})" if family_of(type_.name) is Family.STRING else sql


def part_column(index: int) -> str:
    """What a part's column is called where only parts are."""
    return f"part_{index}"


def parts_relation(relation: Relation, expressions: list[str], groups: tuple[str, ...]) -> Relation:
    """The rows of a relation with these expressions as parts, and its groups' columns as `group_0`..."""
    chosen = [f"{sql} as {part_column(index)}" for index, sql in enumerate(expressions)]
    chosen += [f"{identifier(group)} as group_{index}" for index, group in enumerate(groups)]
    return Relation(f"(select {', '.join(chosen)} from {relation.sql})", relation.name)


def first_elements_sql(value: str) -> str:
    """The first elements of a list or array."""
    return f"list_slice({value}, 1, {READ_ELEMENTS})"


def first_keys_sql(value: str) -> str:
    """The first keys of a map."""
    return f"list_slice(map_keys({value}), 1, {READ_ELEMENTS})"


def first_values_sql(value: str) -> str:
    """The values of a map's first keys."""
    return f"list_slice(map_values({value}), 1, {READ_ELEMENTS})"


def elements_sql(sample: str, column: str, expressions: list[str]) -> Query:
    """One row per element of a sample's lists: `cluster`, and these expressions of `element` as parts."""
    chosen = ", ".join(f"{sql} as {part_column(index)}" for index, sql in enumerate(expressions))
    return Query.of(
        Step("elements", f"select cluster, unnest({identifier(column)}) as element from {sample}"),
        Step("parts", f"select cluster, {chosen} from elements"),
    )
