"""GX's vocabulary: which expectations there are, and whether their classes accept these arguments.

Great Expectations itself drops an expectation whose type it does not know with no more than a line in its log; building
each from its class makes every mistake an error.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from warehouse.errors import suggestion
from warehouse.validation import gx

NOT_IN_SQL = {
    "expect_column_values_to_be_dateutil_parseable": "use expect_column_values_to_match_strftime_format",
    "expect_column_values_to_be_decreasing": "the rows of a table have no order; compare columns, or write "
    "unexpected_rows_expectation with lag() over (order by ...)",
    "expect_column_values_to_be_increasing": "the rows of a table have no order; compare columns, or write "
    "unexpected_rows_expectation with lag() over (order by ...)",
    "expect_column_values_to_match_json_schema": "use expect_column_values_to_be_json_parseable, or write "
    "unexpected_rows_expectation with DuckDB's JSON functions",
}
"""Expectations that GX can evaluate in pandas or Spark only, and what to use instead."""

# Set by the suite's own keys, or by how suites run.
RESERVED = frozenset(
    {
        *("id", "meta", "notes", "description", "severity", "rendered_content", "result_format", "catch_exceptions"),
        *("windows", "batch_id", "condition_parser", "library_metadata"),
    }
)
MAPPINGS = frozenset({"quantile_ranges", "partition_object", "row_condition"})
"""Arguments that are mappings; GX would take any other mapping for a parameter given at run time."""
EXACT_INTEGERS = 2**53


@cache
def classes() -> Mapping[str, type[Any]]:
    """Every expectation's class by its type."""
    gx.load()
    from great_expectations.expectations.registry import (
        get_expectation_impl,
        list_registered_expectation_implementations,
    )

    return {name: get_expectation_impl(name) for name in sorted(list_registered_expectation_implementations())}


def type_problem(name: str) -> str | None:
    """Why no expectation of this type can be declared; None when one can."""
    if name in NOT_IN_SQL:
        return f"{name} has no implementation for SQL in Great Expectations: {NOT_IN_SQL[name]}"
    if name in classes():
        return None
    known = [known for known in classes() if known not in NOT_IN_SQL]
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
    close = suggestion(snake, known)
    if not close.startswith("did you mean"):
        close = "all types: https://greatexpectations.io/expectations"
    return f"there is no expectation {name!r}; {close}"


def argument_problems(type_name: str, arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with an expectation's arguments: the name of one (empty: of none in particular) and the words."""
    fields = classes()[type_name].__fields__
    known = [name for name in fields if name not in RESERVED]
    problems = [
        (name, f"has no argument {name!r}; {suggestion(name, known)}") for name in arguments if name not in known
    ]
    problems += [(name, what) for name, value in arguments.items() for what in _value_problems(name, value)]
    if not problems:
        problems += _construction_problems(type_name, arguments)
    return problems


def _value_problems(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict) and name not in MAPPINGS:
        yield f"{name} must not be a mapping"
    if name == "column_index" and value == 0:
        yield "Great Expectations ignores column_index: 0; use expect_table_columns_to_match_ordered_list"
    if name in ("type_", "type_list"):
        from warehouse.validation import column_types

        names = value if isinstance(value, list) else [value]
        yield from filter(None, (column_types.type_problem(item) for item in names if isinstance(item, str)))
    # GX keeps bounds as floating point numbers.
    if isinstance(value, int) and abs(value) > EXACT_INTEGERS and int(float(value)) != value:
        rounded = int(float(value))
        yield f"{name}: {value} would be rounded to {rounded}; use unexpected_rows_expectation for exact bounds"


def _construction_problems(type_name: str, arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    from great_expectations.compatibility import pydantic

    try:
        build(type_name, arguments)
    except pydantic.ValidationError as error:
        return _worded(error.errors(), arguments)
    except Exception as error:  # validators of GX's classes raise anything
        return [("", f"{error}")]
    return []


def _worded(errors: list[Any], arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """One problem per argument: a union of types yields one error for each of its members."""
    messages: dict[str, list[str]] = {}
    for error in errors:
        name = str(error["loc"][0])
        messages.setdefault("" if name == "__root__" else name, []).append(str(error["msg"]))
    return [(name, _sentence(name, list(dict.fromkeys(words)), arguments)) for name, words in messages.items()]


def _sentence(name: str, words: list[str], arguments: Mapping[str, Any]) -> str:
    if name in arguments:
        return f"{name} cannot be {arguments[name]!r}: {'; '.join(words)}"
    if not name:
        return "; ".join(words)
    return f"needs the argument {name!r}"


def build(type_name: str, arguments: Mapping[str, Any], **reserved: Any) -> Any:
    """The expectation as GX's object. A row condition may be GX's text: `col("origin") == "JFK"`."""
    options = dict(arguments, **reserved)
    if isinstance(options.get("row_condition"), str):
        with warnings.catch_warnings():
            # GX prefers condition objects to its own text; a YAML file can only hold the text.
            warnings.filterwarnings("ignore", "(The condition_parser|Passing a string)", DeprecationWarning)
            options["row_condition"] = classes()[type_name](
                **options, condition_parser="great_expectations"
            ).row_condition
    return classes()[type_name](**options)
