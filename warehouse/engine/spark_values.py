"""Values and names as Spark SQL spells them: the one place where either enters a statement."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from warehouse.errors import ProjectError

_LARGEST_INT = 2**31 - 1
_LARGEST_BIGINT = 2**63 - 1


def is_spark_pattern(path: str) -> bool:
    """Whether Spark takes the path for a pattern of paths; it knows no way to say that one is none."""
    return any(sign in path for sign in "*?[]{}\\")


def spark_identifier(name: str) -> str:
    """`name` quoted, so that spaces, quotes, keywords and capitals are safe.

    Raises:
        ProjectError: the name is empty or holds a NUL, which no engine can store.
    """
    if not name or "\0" in name:
        raise ProjectError(f"{name!r} cannot be the name of a table or column")
    return "`" + name.replace("`", "``") + "`"


def spark_text(value: str) -> str:
    """A string literal. The session must not substitute `${variables}` in statements; `connect_spark` sees to that."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def spark_literal(value: Any) -> str:
    """A value as a literal of the type that DuckDB would bind it as; lists are arrays.

    Raises:
        TypeError: values of this type have no literal.
    """
    if hasattr(value, "item") and not isinstance(value, int | float):
        # A scalar of numpy.
        value = value.item()
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return _integer(value)
        case float():
            if math.isfinite(value):
                return f"({float(value)!r}D)" if math.copysign(1, value) < 0 else f"{float(value)!r}D"
            return f"cast({spark_text('NaN' if math.isnan(value) else f'{value}inity')} as double)"
        case str():
            return spark_text(value)
        case Decimal():
            scale = max(0, -int(value.as_tuple().exponent))
            digits = max(len(value.as_tuple().digits), scale)
            return f"cast('{value:f}' as decimal({digits}, {scale}))"
        case datetime():
            if value.tzinfo is None:
                return f"timestamp_ntz'{value.isoformat(sep=' ')}'"
            return f"timestamp_ltz'{value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' ')}Z'"
        case date():
            return f"date'{value.isoformat()}'"
        case UUID():
            return spark_text(str(value))
        case bytes():
            return f"x'{value.hex()}'"
        case list() | tuple():
            return f"array({', '.join(map(spark_literal, value))})"
        case _:
            raise TypeError(f"values of type {type(value).__name__} cannot stand in a statement for Spark")


def _integer(value: int) -> str:
    if abs(value) <= _LARGEST_INT:
        text = str(value)
    elif abs(value) <= _LARGEST_BIGINT:
        text = f"{value}L"
    else:
        return f"cast('{value}' as decimal(38, 0))"
    return f"({text})" if value < 0 else text
