"""The table of functions and operators: what DuckDB means by each, in Spark's words.

Whatever is not here is refused. Every entry has vectors in `tests/spark/spark_vectors.py`, which run on both engines:
values where such functions differ, nulls, NaN, huge numbers, text of other scripts. Types are not known here, so an
entry says what its operands must be when that matters.
"""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.engine.spark_normal_forms import composed_sql
from warehouse.engine.spark_values import spark_text

FUNCTIONS: dict[str, str] = {
    # Numbers.
    "abs": "abs({0})",
    "floor": "floor({0})",
    "ceil": "ceil({0})",
    "sqrt": "sqrt({0})",
    "ln": "ln({0})",
    "cos": "cos({0})",
    "pi": "pi()",
    "isnan": "isnan({0})",
    # Of doubles, dates and timestamps, which Spark has no infinite ones of; Java and Rust have other words.
    "isinf": "(cast({0} as string) in ('Infinity', '-Infinity', 'inf', '-inf'))",
    # Text; lengths in code points.
    "length": "char_length({0})",
    "lower": "lower({0})",
    "upper": "upper({0})",
    "trim": "trim({0})",
    "contains": "contains({0}, {1})",
    "replace": "replace({0}, {1}, {2})",
    "md5": "md5({0})",
    # Bytes of its UTF-8.
    "strlen": "octet_length({0})",
    # The number of its first character.
    "unicode": "ascii({0})",
    # Of a blob; of an integer its bits.
    "hex": "hex({0})",
    # Lists; nulls are not looked for.
    "list_contains": "array_contains({0}, {1})",
    "list_position": "cast(nullif(array_position({0}, {1}), 0) as int)",
    "array_length": "size({0})",
    "list_count": "size(filter({0}, one -> one is not null))",
    # Of doubles, nulls left out; null without any.
    "list_sum": (
        "aggregate({0}, cast(null as double), (total, one) -> "
        "case when total is null then one when one is null then total else total + one end)"
    ),
    "map_keys": "map_keys({0})",
    "map_values": "map_values({0})",
    # How many keys a map has.
    "cardinality": "size({0})",
    "map_entries": "map_entries({0})",
    # Of lists without repeats.
    "list_intersect": "array_intersect({0}, {1})",
    # Moments. The session's zone is UTC, so either kind of timestamp, and a date, is an instant.
    "epoch_us": "unix_micros(cast({0} as timestamp_ltz))",
    "to_seconds": "make_dt_interval(0, 0, 0, {0})",
    "year": "year({0})",
    "month": "month({0})",
    "hour": "hour({0})",
    # 1970 began on a Thursday. Sail's own are wrong before.
    "isodow": "(pmod(datediff(cast({0} as date), date'1970-01-01') + 3, 7) + 1)",
    # Aggregates.
    "count": "count({0})",
    "bit_or": "bit_or({0})",
    "bool_or": "bool_or({0})",
    "bool_and": "bool_and({0})",
    # The first operand where the second is smallest.
    "arg_min": "min_by({0}, {1})",
    # NOTE: of DECIMALs Spark's own would be a DECIMAL.
    "avg": "avg(cast({0} as double))",
    "var_pop": "var_pop(cast({0} as double))",
    # NOTE: a sum of integers beyond 64 bits is an error on Spark; cast to hugeint what may be so large.
    "sum": "sum({0})",
    # NOTE: DuckDB's loses fewer digits.
    "fsum": "sum(cast({0} as double))",
    # Of numbers: Sail's knows few types.
    "approx_count_distinct": "approx_count_distinct(case when {0} is not null then xxhash64({0}) end)",
    "lag": "lag({0})",
    "first_value": "first_value({0})",
    # Counts from 1 in some order that need not be the same twice.
    "row_number": "row_number()",
    "dense_rank": "dense_rank()",
}
"""By DuckDB's names; `{0}` is the first operand."""

VARIADIC: dict[str, str] = {
    "coalesce": "coalesce",
    "greatest": "greatest",
    "least": "least",
    "nullif": "nullif",
    "concat_ws": "concat_ws",
}

OPERATORS: dict[str, str] = {
    "Add": "+",
    "Mul": "*",
    "EQ": "=",
    "NEQ": "<>",
    "LT": "<",
    "LTE": "<=",
    "GT": ">",
    "GTE": ">=",
    "And": "and",
    "Or": "or",
    "NullSafeEQ": "<=>",
    "DPipe": "||",
    "BitwiseAnd": "&",
    "BitwiseXor": "^",
}
"""By the parser's names."""

NAMES: dict[str, str] = {
    "ArgMin": "arg_min",
    "ArrayContains": "list_contains",
    "BitwiseOrAgg": "bit_or",
    "FirstValue": "first_value",
    "LogicalAnd": "bool_and",
    "LogicalOr": "bool_or",
    "Unicode": "unicode",
    "ApproxDistinct": "approx_count_distinct",
    "Abs": "abs",
    "ArraySize": "array_length",
    "Avg": "avg",
    "Ceil": "ceil",
    "Coalesce": "coalesce",
    "ConcatWs": "concat_ws",
    "Contains": "contains",
    "Cos": "cos",
    "Count": "count",
    "DayOfWeekIso": "isodow",
    "DenseRank": "dense_rank",
    "Floor": "floor",
    "Greatest": "greatest",
    "Hex": "hex",
    "Hour": "hour",
    "IsInf": "isinf",
    "IsNan": "isnan",
    "Lag": "lag",
    "Least": "least",
    "Length": "length",
    "Ln": "ln",
    "Lower": "lower",
    "MD5": "md5",
    "MapKeys": "map_keys",
    "MapValues": "map_values",
    "Month": "month",
    "Nullif": "nullif",
    "Pi": "pi",
    "Replace": "replace",
    "RowNumber": "row_number",
    "Sqrt": "sqrt",
    "Sum": "sum",
    "Trim": "trim",
    "Upper": "upper",
    "VariancePop": "var_pop",
    "Year": "year",
}
"""The parser's names of functions that it knows; all others keep theirs."""

FLAGS = frozenset({"safe", "coalesce", "big_int", "ignore_nulls"})
"""What the parser notes of a function as DuckDB has it, and the entries here take for granted."""


def function_sql(name: str, operands: Sequence[str]) -> str | None:
    """The call on Spark; None when the table has no such function with so many operands."""
    if name == "hash":
        return hash_sql(operands) if operands else None
    if name == "nfc_normalize":
        return composed_sql(*operands) if len(operands) == 1 else None
    if name in VARIADIC:
        return f"{VARIADIC[name]}({', '.join(operands)})" if operands else None
    template = FUNCTIONS.get(name)
    if template is None:
        return None
    expected = sum(f"{{{place}}}" in template for place in range(4))
    return template.format(*operands) if expected == len(operands) else None


def hash_sql(values: Sequence[str]) -> str:
    """What tells rows apart, and draws samples of them: 63 bits, so that it is never negative.

    Other numbers than DuckDB's, which are its own: what only asks which rows are equal has the same answer, a sample by
    it has other rows. As there, zeros are one value whatever their sign, and so are all NaN (Sail takes those of other
    bits for other values, here as in `group by`).
    """
    # NOTE: Spark leaves nulls out, so (NULL, 1) would be like (1, NULL): which values are null is hashed too.
    told = ", ".join(f"{value}, {value} is null" for value in values)
    return f"(xxhash64({told}) & 9223372036854775807L)"


def quotient_sql(left: str, right: str, *, is_safe: bool) -> str:
    """`/`: of numbers of any type a double. Division by zero is infinite, of zero by zero NaN, as IEEE 754 has it.

    Args:
        left: The dividend.
        right: The divisor; zero counts as positive.
        is_safe: Whether it is known not to be zero.
    """
    plain = f"(cast({left} as double) / cast({right} as double))"
    if is_safe:
        return plain
    odd = (
        f"case when isnan(cast({left} as double)) or {left} = 0 then cast('NaN' as double) "
        f"when {left} > 0 then cast('Infinity' as double) when {left} < 0 then cast('-Infinity' as double) end"
    )
    return f"case when {right} = 0 then {odd} else cast({left} as double) / cast(nullif({right}, 0) as double) end"


def double_bits_sql(value: str) -> str:
    """The IEEE 754 bits of a finite double as a bigint; zero has no sign.

    By arithmetic that is exact: multiplying by a power of two is, and a logarithm that is off by one is found out. Sail
    prints some hexadecimal floats wrong, and Java no 17 digits.
    """
    # Kept to what has a logarithm, although numbers elsewhere are not asked for theirs.
    size = f"least(greatest(abs({value}), {_SMALLEST_NORMAL}), {_LARGEST})"
    guess = f"floor(log2({size}))"
    guessed = f"({size} * power(2D, -{guess}))"
    exponent = f"({guess} + case when {guessed} < 1D then -1L when {guessed} >= 2D then 1L else 0L end)"
    fraction = f"cast(({size} * power(2D, -{exponent}) - 1D) * 4503599627370496D as bigint)"
    normal = f"(cast({exponent} as bigint) + 1023L) * 4503599627370496L + {fraction}"
    subnormal = f"cast(least(abs({value}), {_SMALLEST_NORMAL}) * power(2D, 537D) * power(2D, 537D) as bigint)"
    sign = f"case when {value} < 0 then -9223372036854775807L - 1L else 0L end"
    return f"({sign} + case when abs({value}) < {_SMALLEST_NORMAL} then {subnormal} else {normal} end)"


_SMALLEST_NORMAL = "2.2250738585072014E-308D"
_LARGEST = "1.7976931348623157E308D"


def bin_sql(value: str, edges: Sequence[str]) -> str:
    """The first of the rising edges that is not below the value; NULL beyond the last.

    By halves, so that a row is compared with few of them.
    """
    return f"case when {value} <= {edges[-1]} then {_halves_sql(value, edges)} end"


def _halves_sql(value: str, edges: Sequence[str]) -> str:
    if len(edges) == 1:
        return edges[0]
    middle = len(edges) // 2
    lower, upper = _halves_sql(value, edges[:middle]), _halves_sql(value, edges[middle:])
    return f"case when {value} <= {edges[middle - 1]} then {lower} else {upper} end"


def hexadecimal_sql(digits: str, *, count: int) -> str:
    """A number of 64 bits at most, as decimal(20, 0), from hexadecimal digits.

    Args:
        digits: The text.
        count: How many it has, 16 at most.
    """
    if count <= 8:
        return f"cast(conv({digits}, 16, 10) as decimal(20, 0))"
    upper, lower = f"substr({digits}, 1, {count - 8})", f"substr({digits}, {count - 7}, 8)"
    return (
        f"cast(cast(conv({upper}, 16, 10) as decimal(10, 0)) * cast(4294967296 as decimal(10, 0)) "
        f"+ cast(conv({lower}, 16, 10) as decimal(10, 0)) as decimal(20, 0))"
    )


def special_double_sql(text: str) -> str | None:
    """What DuckDB reads as NaN or infinite; None for any other text."""
    words = {"nan": "NaN", "infinity": "Infinity", "inf": "Infinity", "-infinity": "-Infinity", "-inf": "-Infinity"}
    found = words.get(text.lower())
    return f"cast({spark_text(found)} as double)" if found else None
