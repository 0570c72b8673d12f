"""Vectors of what groups, sorts and joins are asked: as in `spark_vectors`, the same on both engines."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from math import nan
from typing import Any

from spark_vectors import NONE, NUMBERS

_BINNED = (
    "(select y, histogram(x, [1.0e0, 2.0e0, 9.0e0]::double[]) as h, histogram(x, [5.0e0, 9.0e0]::double[]) as g,"
    " count(*) filter (x is null) as n from (select 1.5::double as x, null as y union all select 1, 7"
    " union all select null, 7 union all select 9, 7) as r group by y)"
)

_THREES = f"(select * from {NUMBERS} as n where x > 2)"

# By the entry: expressions of one row, with their values.
EXPRESSIONS: dict[str, list[tuple[str, Any]]] = {
    "BitwiseXor": [("xor(5, 3)", 6), ("xor(2147483647, 2147483648)", 4294967295)],
    "shift to the left": [("1 << 3", 8), ("(1 << 3)::utinyint", 8)],
    "unicode": [("unicode('名')", 0x540D), ("unicode('😀x')", 0x1F600), ("unicode(null)", None)],
    "strlen": [("strlen('é名')", 5), ("strlen('')", 0), ("strlen('ascii')", 5)],
    "list_intersect": [
        ("len(list_intersect([1, 2, 3], [3, 2, 9]))", 2),
        ("len(list_intersect([1], [2]))", 0),
    ],
    "to_seconds": [
        ("timestamp '2013-01-01' + to_seconds(90000)", datetime(2013, 1, 2, 1)),
        ("timestamp '1970-01-01' - to_seconds(1)", datetime(1969, 12, 31, 23, 59, 59)),
    ],
    "nfc_normalize": [
        ("nfc_normalize('é名 한국어 ผู้ Việt')", "é名 한국어 ผู้ Việt"),
        ("nfc_normalize(null::varchar)", None),
    ],
    "regexp_matches": [("regexp_matches('a1', '[0-9]')", True), ("regexp_matches('a٣', '[0-9]')", False)],
    "isfinite": [
        ("isfinite('nan'::double)", False),
        ("isfinite(1.5::double)", True),
        ("isfinite((date '2013-01-01')::timestamp)", True),
        ("isfinite(null::timestamp)", None),
    ],
    "enum_code": [
        ("enum_code(try_cast('b' as enum('a', 'b', 'it''s')))", 1),
        ("enum_code(try_cast('it''s' as enum('a', 'b', 'it''s')))", 2),
        ("enum_code(try_cast('c' as enum('a', 'b')))", None),
        ("enum_code(try_cast(null::varchar as enum('a', 'b')))", None),
    ],
    "log2": [("log2(8)", 3.0), ("log2(0.5::double)", -1.0)],
    "round": [
        ("round(2.5::double, 0)", 3.0),
        ("round(-0.0000125::double, 6)", -0.000013),
        ("round(1 / 3, 12)", 0.333333333333),
        ("round('nan'::double, 2)", nan),
        ("round(null::double, 2)", None),
    ],
    "list_contains": [("list_contains(['a', 'b'], 'b')", True), ("list_contains(['a'], 'b')", False)],
    "an element by a sum": [("([1.5, 2.5])[1::int + 1]", Decimal("2.5")), ("([1.5])[1::int + 1]", None)],
    "try_cast to numbers": [
        ("try_cast('12' as bigint)", 12),
        ("try_cast('x' as bigint)", None),
        ("try_cast('true' as boolean)", True),
        ("try_cast('x' as boolean)", None),
    ],
    "chr of 0": [("contains('a' || chr(0), chr(0))", True)],
    "mod by what is not zero": [("7 % 4::ubigint", 3), ("7 % (case 1 when 0 then 2 else 3 end)::ubigint", 1)],
}

# The same of many rows: an expression and what it is over.
AGGREGATES: dict[str, list[tuple[str, str, Any]]] = {
    "the smallest few": [
        ("min(x, 2)", NUMBERS, [1, 3]),
        ("min(t, 5)", NUMBERS, ["a", "b", "é"]),
        ("min(x, 2)", NONE, None),
        ("min(['b', t], 1)", NUMBERS, [["b", "a"]]),
    ],
    "the greatest few": [
        ("max(x, 2)", NUMBERS, [3, 3]),
        ("max({'n': x, 't': t}, 2)", _THREES, [{"n": 3, "t": "é"}, {"n": 3, "t": "b"}]),
    ],
    "structs are compared": [("min({'n': -x, 't': t})", _THREES, {"n": -3, "t": "b"})],
    "quantile_disc": [
        ("quantile_disc(x::double, [0.0, 0.25, 0.5, 1.0])", NUMBERS, [1.0, 1.0, 3.0, 3.0]),
        ("quantile_disc(y, [0.5])", NONE, None),
    ],
    "any_value": [("any_value(x) > 0", NUMBERS, True), ("any_value(y)", NONE, None)],
    "bit_or": [("bit_or((1 << x)::utinyint)", NUMBERS, 10)],
    "bool_or": [("bool_or(x > 2)", NUMBERS, True), ("bool_or(x > 3)", NUMBERS, False), ("bool_or(y > 3)", NONE, None)],
    "bool_and": [
        ("bool_and(x > 0)", NUMBERS, True),
        ("bool_and(x > 1)", NUMBERS, False),
        ("bool_and(y > 3)", NONE, None),
    ],
    "list_sort": [
        ("list_sort(list(distinct x) filter (x is not null))", NUMBERS, [1, 3]),
        ("list_sort(list(distinct t))", _THREES, ["b", "é"]),
    ],
    "approx_quantile": [("approx_quantile(x::double, [0.1, 0.9])", _THREES, [3.0, 3.0])],
    "arg_min": [("arg_min(t, -x)", f"(select * from {NUMBERS} as n where t <> 'é')", "b")],
    "fsum": [("fsum(x)", NUMBERS, 7.0), ("fsum(y)", NONE, None)],
}

# Whole statements, with their rows.
STATEMENTS: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "members of a struct": (
        "select o.one.n as a, one.n as b from (select min({'n': x}) as one from (select 2 as x) as r) as o",
        [(2, 2)],
    ),
    "in a question": (
        f"select t from {NUMBERS} as n where x in (select x from {NUMBERS} as m where x > 1) order by t",
        [("b",), ("é",)],
    ),
    "not in a question": (f"select t from {NUMBERS} as n where x not in (select 1) order by t", [("b",), ("é",)]),
    "not in a question with a null": (
        f"select t from {NUMBERS} as n where x not in (select x from {NUMBERS} as m where x is null) order by t",
        [],
    ),
    "columns get names": (f"select f.b from {NUMBERS} as f(a, b) where a = 1", [("a",)]),
    "semi joins": (
        f"select t from {NUMBERS} as n semi join (select 3 as x union all select 3) as m using (x) order by t",
        [("b",), ("é",)],
    ),
    "anti joins": (
        f"select t from {NUMBERS} as n anti join (select 3 as x) as m on n.x = m.x order by t",
        [("a",), (None,)],
    ),
    "lists side by side": (
        "select * from (select k, unnest(c[1:]) as a, unnest(c[2:]) as b from (select 7 as k, [1, 2, 3] as c union all "
        "select 8, [] union all select 9, [5]) as r) as u order by k, a",
        [(7, 1, 2), (7, 2, 3), (7, 3, None), (9, 5, None)],
    ),
    "map_entries": (
        f"select y, n, e.key as k, e.value as v from (select y, n, unnest(map_entries(h)) as e from {_BINNED} as b)"
        " as r where e.value > 0 order by y, k",
        [(7, 1, 1.0, 1), (7, 1, 9.0, 1), (None, 0, 2.0, 1)],
    ),
    "several histograms": (
        f"select y, e.key as k, e.value as v from (select y, unnest(map_entries(g)) as e from {_BINNED} as b) as r"
        " where e.value > 0 order by y, k",
        [(7, 5.0, 1), (7, 9.0, 1), (None, 5.0, 1)],
    ),
    "first_value": (
        f"select t, first_value(t) over (partition by x order by t desc) as f from {NUMBERS} as n order by t",
        [("a", "a"), ("b", "é"), ("é", "é"), (None, None)],
    ),
    "sums so far": (
        f"select sum(x) over (order by t rows unbounded preceding) as s from {NUMBERS} as n order by t",
        [(1,), (4,), (7,), (7,)],
    ),
    "sums in windows": (
        f"select sum(x) over (order by t) as s, sum(x) over (partition by x) as p from {NUMBERS} as n order by t",
        [(1, 1), (4, 6), (7, 6), (7, None)],
    ),
}

# What must be refused, and what the error names.
REFUSED: dict[str, str] = {
    "select x in (select y from u) as i from t": "in (select ...) but in where",
    "select min(x, n) as m from t": "but a literal",
    "select min(x, 3) filter (x > 1) as m from t": "a filter",
    "select quantile_disc(x, 0.5) as q from t": "at a list of shares",
    "select sum(x) over (order by y rows 2 preceding) as s from t": "a frame",
    "select avg(x) over (partition by y) as s from t": "window",
    "select lag(x) over (partition by y) as s from t": "a window without order",
    "select histogram(x, [1.0]::double[]) as h from t group by y + 1": "histograms per anything but columns",
    "select histogram(x, [1.0]::double[]) as h from t where x > 1": "where",
    "select unnest(a[y:]) as a, unnest(b) as b from t": "from a positive literal",
    "select unnest(a) as a, unnest(b) as b from t group by a": "group",
    "select w.a.b.c as m from t": "with a schema",
    "select t.* replace (1 as x) from t": "replace",
    "select t.* exclude (x) from t": "except",
}
