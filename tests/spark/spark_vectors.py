"""What every entry of Spark's table must give: expressions and their values, the same on both engines."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from math import inf, nan
from typing import Any

NUMBERS = "(select 1 as x, 'a' as t union all select 3, 'b' union all select null, null union all select 3, 'é')"
DOUBLES = (
    "(select 1.5::double as x union all select 'nan'::double union all select null union all select '-inf'::double"
    " union all select 'inf'::double union all select -0.0::double union all select 0.0::double)"
)
HUGE = "(select 18446744073709551615::hugeint as x union all select 18446744073709551615::hugeint)"
NONE = "(select 1 as x, 1.5::double as y where false)"

# By the entry: expressions of one row, with their values.
EXPRESSIONS: dict[str, list[tuple[str, Any]]] = {
    "abs": [("abs(-2)", 2), ("abs(null::double)", None), ("abs('-inf'::double)", inf)],
    "floor": [("floor(-1.5::double)", -2.0), ("floor('7.9'::double)", 7.0)],
    "ceil": [("ceil(1.2::double)", 2.0), ("ceil(-1.2::double)", -1.0)],
    "sqrt": [("sqrt(2.0::double)", 2**0.5)],
    "ln": [("ln(2.0::double)", 0.6931471805599453)],
    "cos": [("cos(0.0::double)", 1.0)],
    "pi": [("pi()", 3.141592653589793)],
    "isfinite": [
        ("isfinite('nan'::double)", False),
        ("isfinite('inf'::double)", False),
        ("isfinite(1.5::double)", True),
        ("isfinite(null::double)", None),
    ],
    "isnan": [("isnan('nan'::double)", True), ("isnan('inf'::double)", False)],
    "isinf": [
        ("isinf('-inf'::double)", True),
        ("isinf('inf'::double)", True),
        ("isinf('nan'::double)", False),
        ("isinf(1e300)", False),
        ("isinf(timestamp '2013-01-01')", False),
        ("isinf(null::double)", None),
    ],
    "list_position": [
        ("list_position(['a', 'é'], 'é')", 2),
        ("list_position(['a'], 'b')", None),
        ("list_position([1.5::double], null)", None),
    ],
    "length": [("length('é名前')", 3), ("length('')", 0), ("length(null)", None)],
    "lower": [("lower('ÀÉ X')", "àé x")],
    "upper": [("upper('àé')", "ÀÉ")],
    "trim": [("trim('  a b ')", "a b"), ("trim('')", "")],
    "contains": [("contains('a名b', '名')", True), ("contains('a', '')", True), ("contains(null, 'a')", None)],
    "replace": [(r"replace('a\b', '\', '\\')", r"a\\b"), (r"replace('a' || chr(31), chr(31), '\s')", r"a\s")],
    "md5": [
        ("md5('')", "d41d8cd98f00b204e9800998ecf8427e"),
        ("md5('名' || chr(31) || 'é')", "4060d32cb9b9c7adafb87395178d8ed8"),
        ("md5(null)", None),
    ],
    "chr": [("chr(31)", "\x1f")],
    "hex": [("hex('ab'::blob)", "6162"), ("hex(255::bigint)", "FF")],
    "epoch_us": [
        ("epoch_us(timestamp '1969-12-31 23:59:59.5')", -500_000),
        ("epoch_us(cast(date '1960-01-01' as timestamp))", -315_619_200_000_000),
        ("epoch_us(timestamptz '2013-01-01 02:00:00+02')", 1_356_998_400_000_000),
        ("epoch_us(null::timestamp)", None),
    ],
    "month": [
        ("month(date '1969-02-01')", 2),
        ("month(date '0001-12-31')", 12),
        ("month(date '1970-01-01' + cast(floor(31.0::double) as integer))", 2),
    ],
    "hour": [("hour(timestamp '1969-02-01 05:30:00')", 5), ("hour(timestamp '1960-02-01 23:59:59.999999')", 23)],
    "isodow": [
        ("isodow(date '1970-01-01')", 4),
        ("isodow(date '1969-12-28')", 7),
        ("isodow(timestamp '1969-12-29 23:00:00')", 1),
    ],
    "coalesce": [("coalesce(null, 'x', 'y')", "x")],
    "greatest": [("greatest(1, null, 3)", 3), ("greatest(1.0::double, 'nan'::double)", nan)],
    "least": [("least(2.0::double, 'nan'::double)", 2.0), ("least(null, 5)", 5)],
    "nullif": [("nullif(1, 1)", None), ("nullif('a', '')", "a")],
    "concat_ws": [("concat_ws(chr(31), 'a', null, '', '名')", "a\x1f\x1f名"), ("concat_ws('-', null, null)", "")],
    "Add": [("1 + 2", 3), ("1 + null", None), ("1.5 + 1.25", Decimal("2.75"))],
    "Sub": [("2 - 1 - 1", 0), ("10 - 2 * 3 % 4", 8)],
    "Mul": [("2 * 3", 6), ("1.5 * 1.5", Decimal("2.25"))],
    "EQ": [("'nan'::double = 'nan'::double", True), ("-0.0::double = 0.0::double", True), ("'a' = 'A'", False)],
    "NEQ": [("1 <> 2", True), ("'nan'::double <> 'nan'::double", False)],
    "LT": [("'nan'::double < 'inf'::double", False), ("'Z' < 'a'", True), ("'a' < 'é'", True), ("'ｚ' < '😀'", True)],
    "LTE": [("1 <= 1", True)],
    "GT": [("'nan'::double > 'inf'::double", True), ("'9' > '10'", True)],
    "GTE": [("null >= 1", None)],
    "And": [("null and false", False), ("null and true", None)],
    "Or": [("null or true", True), ("not 1 = 2 and false or true", True)],
    "NullSafeEQ": [("1 is not distinct from null", False), ("null is not distinct from null", True)],
    "DPipe": [("'a' || 'é'", "aé"), ("'a' || null", None)],
    "BitwiseAnd": [("12 & 10", 8)],
    "not": [("not true", False), ("1 is distinct from null", True)],
    "is": [("null is null", True), ("'' is not null", True)],
    "in": [("2 in (1, 2)", True), ("1 not in (2, null)", None)],
    "between": [("2 between 1 and 3", True)],
    "neg": [("-(5)", -5), ("-2 ** 2", 4.0)],
    "div": [
        ("7 / 2", 3.5),
        ("1 / 3.0", 1 / 3),
        ("cast('0.3' as decimal(9, 1)) / cast('0.1' as decimal(9, 1))", 0.3 / 0.1),
        ("1 / 0", inf),
        ("-1.5 / 0", -inf),
        ("0 / 0", nan),
        ("null / 0", None),
        ("9007199254740993 / 1", 9007199254740992.0),
    ],
    "mod": [("-7 % 3", -1), ("7 % 3", 1), ("(-7 % 24 + 24) % 24", 17), ("-7.5 % 2", Decimal("-1.5"))],
    "pow": [("2 ** 3", 8.0), ("power(4, 0.5)", 2.0)],
    "shift": [("8 >> 1", 4), ("1 + 8 >> 1", 4)],
    "case": [
        ("case when null::boolean then 1 else 2 end", 2),
        ("case 3 when 3 then 'x' end", "x"),
        ("case when false then 1 end", None),
    ],
    "substr": [("substr('héllo', 2, 3)", "éll"), ("substr('abc', 5, 1)", ""), ("substr('名前', 2)", "前")],
    "left": [("left('名前x', 2)", "名前"), ("left('a', 5)", "a")],
    "cast to text": [
        ("true::varchar", "true"),
        ("10::varchar", "10"),
        ("(-9223372036854775807)::varchar", "-9223372036854775807"),
        ("12345678901234567890123::hugeint::varchar", "12345678901234567890123"),
        ("cast('1.5' as decimal(9, 3))::varchar", "1.500"),
        ("cast('0' as decimal(38, 18))::varchar", "0.000000000000000000"),
        ("(date '0044-03-15')::varchar", "0044-03-15"),
        ("(timestamp '1969-12-31 00:00:00.5')::varchar", "1969-12-31 00:00:00.5"),
        ("(timestamp '2013-01-01 05:00:00')::varchar", "2013-01-01 05:00:00"),
    ],
    "cast from text": [
        ("cast('nan' as double)", nan),
        ("cast('-infinity' as double)", -inf),
        ("cast(' 7 ' as double)", 7.0),
        ("cast('1e3' as double)", 1000.0),
        ("cast('12' as bigint)", 12),
        ("date '1969-12-31'", date(1969, 12, 31)),
        ("timestamp '1969-12-31 23:59:59.123456'", datetime(1969, 12, 31, 23, 59, 59, 123456)),
    ],
    "cast of numbers": [
        ("cast(floor(-1.5::double) as bigint)", -2),
        ("cast(1 = 1 as double)", 1.0),
        ("cast(null is null as integer)", 1),
        ("cast(9007199254740993 as double)", 9007199254740992.0),
        ("cast(0.1 as float)", 0.10000000149011612),
    ],
    "bits of a double": [
        ("hex(0.1::double::bit::bigint)", "3FB999999999999A"),
        ("hex(1.0::double::bit::bigint)", "3FF0000000000000"),
        ("hex((-0.0::double + 0.0)::bit::bigint)", "0"),
        ("hex((-3.5)::double::bit::bigint)", "C00C000000000000"),
        ("hex(5e-324::bit::bigint)", "1"),
        ("hex(2.2250738585072014e-308::bit::bigint)", "10000000000000"),
        ("hex((-1.7976931348623157e308)::bit::bigint)", "FFEFFFFFFFFFFFFF"),
        ("hex(1e22::bit::bigint)", "4480F0CF064DD592"),
        ("hex(2.225073858507201e-308::bit::bigint)", "FFFFFFFFFFFFF"),
        ("hex(8.0::double::bit::bigint)", "4020000000000000"),
        ("hex(7.999999999999999::double::bit::bigint)", "401FFFFFFFFFFFFF"),
    ],
    "hexadecimal digits": [
        ("('0x' || substr('ffffffffffffffff', 1, 16))::ubigint::hugeint", 2**64 - 1),
        ("('0x' || substr('0123456789abcdef', 1, 16))::ubigint::hugeint", 0x0123456789ABCDEF),
        ("('0x' || substr('xxffffffff', 3, 8))::bigint", 2**32 - 1),
        ("('0x' || substr('00000000', 1, 8))::bigint", 0),
        ("('0x' || substr('xffffff00', 2, 8) || substr('01234567', 1, 8))::ubigint::hugeint", 0xFFFFFF0001234567),
        ("('0x' || substr('ab', 1, 2) || substr('cd', 1, 2))::bigint", 0xABCD),
    ],
    "whole quotients": [
        ("7 // 2", 3),
        ("(-7) // 2", -3),
        ("null::bigint // 2", None),
        ("(123456789::hugeint * 1000000000000000000) // 1000000000000000000", 123456789),
        ("least(7, 5 + 1)::bigint", 6),
    ],
    "numbers": [
        ("3000000000", 3_000_000_000),
        ("12345678901234567890", 12345678901234567890),
        ("1e5", 1e5),
        ("123.45", Decimal("123.45")),
        ("1 + 2 * 3", 7),
    ],
    "text": [(r"'it''s \ ${x} \n'", r"it's \ ${x} \n"), ("'名'", "名"), ("''", "")],
    "lists": [("[1, null]", [1, None])],
}

# The same of many rows: an expression and what it is over.
AGGREGATES: dict[str, list[tuple[str, str, Any]]] = {
    "count": [
        ("count(*)", NUMBERS, 4),
        ("count(x)", NUMBERS, 3),
        ("count(distinct x)", NUMBERS, 2),
        ("count(distinct x)", DOUBLES, 5),
        ("count(distinct {'0': x, '1': t})", NUMBERS, 4),
        ("count(*)", NONE, 0),
    ],
    "filter": [("count(*) filter (x > 1)", NUMBERS, 2), ("sum(x) filter (where x > 5)", NUMBERS, None)],
    "min": [("min(x)", DOUBLES, -inf), ("min(t)", NUMBERS, "a"), ("min(x)", NONE, None)],
    "max": [("max(x)", DOUBLES, nan), ("max(t)", NUMBERS, "é")],
    "avg": [("avg(x)", NUMBERS, 7 / 3), ("avg(cast('1.25' as decimal(9, 2)))", NUMBERS, 1.25), ("avg(y)", NONE, None)],
    "var_pop": [("var_pop(x)", NUMBERS, 8 / 9), ("var_pop(y)", NONE, None)],
    "sum": [
        ("sum(x)", NUMBERS, 7),
        ("sum(x)", HUGE, 2**65 - 2),
        ("cast(sum(x) as bigint)", NUMBERS, 7),
        ("sum(cast(x as double) * x)", NUMBERS, 19.0),
        ("sum(y)", NONE, None),
    ],
    "approx_count_distinct": [("approx_count_distinct(x)", NUMBERS, 2)],
    "list": [
        ("len(list(x))", NUMBERS, 4),
        ("list([x, 5])", "(select 1 as x)", [[1, 5]]),
        (
            "list(x order by t)",
            "(select 1 as x, 'b' as t union all select null, 'c' union all select 3, 'a')",
            [3, 1, None],
        ),
    ],
}

# Whole statements, with their rows.
STATEMENTS: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "nulls come last": (f"select x, t from {NUMBERS} as n order by x, t", [(1, "a"), (3, "b"), (3, "é"), (None, None)]),
    "nulls come last from above": (
        f"select x, t from {NUMBERS} as n order by x desc, t desc limit 3",
        [(3, "é"), (3, "b"), (1, "a")],
    ),
    "nulls come first when that is said": (
        f"select x from {NUMBERS} as n order by x nulls first limit 2",
        [(None,), (1,)],
    ),
    "nan is greatest": (
        f"select distinct x from {DOUBLES} as d where x is not null and x <> 0 order by x desc",
        [(nan,), (inf,), (1.5,), (-inf,)],
    ),
    "zeros and nans are one group each": (
        f"select count(*) as n from {DOUBLES} as d group by x order by n desc limit 2",
        [(2,), (1,)],
    ),
    "joins": (
        f"""with "a b" as (select 3 as x, 'j"' as j), c as (select 9 as y,)
        select "a b".j, n.x, c.y from "a b" join {NUMBERS} as n on "a b".x = n.x cross join c where t = 'b'""",
        [('j"', 3, 9)],
    ),
    "left joins": (
        f"select n.t, u.z from {NUMBERS} as n left join (select 3 as x, 7 as z) as u using (x) order by t",
        [("a", None), ("b", 7), ("é", 7), (None, None)],
    ),
    "unions": ("select 1 as a union select 1 union all select 2 order by a", [(1,), (2,)]),
    "grouping sets": (
        f"select x, t, count(*) as n from {NUMBERS} as n group by grouping sets ((x), (x, t)) having count(*) > 1",
        [(3, None, 2)],
    ),
    "unnest": ("select unnest($values::double[]) as value order by value", [(1.5,), (2.0,)]),
    "having": (f"select x from {NUMBERS} as n group by x having count(*) > 1", [(3,)]),
    "names of every kind": (
        'select "sel`ect"."b""c d.é" as "Ü;" from (select 1 as "b""c d.é") as "sel`ect"',
        [(1,)],
    ),
    "windows without order": (
        f"select x, min(t) over (partition by x) as first, max(t) over (partition by x) as last, "
        f"count(*) over () as n from {NUMBERS} as n order by x, t",
        [(1, "a", "a", 4), (3, "b", "é", 4), (3, "b", "é", 4), (None, None, None, 4)],
    ),
    "lag": (
        "select x, lag(x) over (order by x) as before from (select 1 as x union all select null union all select 2) "
        "as n order by x",
        [(1, None), (2, 1), (None, 2)],
    ),
    "row_number": (
        f"select row_number() over (partition by x order by t desc) as place, t from {NUMBERS} as n where x = 3 "
        "order by place",
        [(1, "é"), (2, "b")],
    ),
    "subqueries": (f"select (select max(x) from {NUMBERS} as n) as m, (select 1 where false) as e", [(3, None)]),
    "qualify": (f"select t from {NUMBERS} as n qualify row_number() over (order by t desc) = 2", [("b",)]),
    "from alone": (f"from {NUMBERS} as n select count(*) as n", [(4,)]),
}

# Values that are hashed together, and what they are compared with; whether their hashes are equal.
HASHES: list[tuple[str, str, bool]] = [
    ("1", "1", True),
    ("1", "2", False),
    ("null::integer", "null::integer", True),
    ("null::integer", "0", False),
    ("null::integer, 1", "1, null::integer", False),
    ("null::integer, 1", "null::integer, 1", True),
    ("1, null::varchar", "1, ''", False),
    ("null::varchar, null::varchar", "null::varchar, ''", False),
    ("1, true, false", "1, false, true", False),
    ("null::boolean", "true", False),
    ("'ab', 'c'", "'a', 'bc'", False),
    ("'a', ''", "'', 'a'", False),
    ("'é名'", "'é名'", True),
    ("'a'", "'A'", False),
    ("-0.0::double", "0.0::double", True),
    ("-0.0::float", "0.0::float", True),
    ("'nan'::double", "'nan'::double", True),
    ("'nan'::double", "'inf'::double", False),
    ("'inf'::double", "'-inf'::double", False),
    ("0.1::double + 0.2::double", "0.3::double", False),
    ("cast('1.50' as decimal(9, 2))", "cast('1.5' as decimal(9, 2))", True),
    ("12345678901234567890123::hugeint", "12345678901234567890124::hugeint", False),
    ("date '1969-12-31'", "date '1970-01-01'", False),
    ("timestamp '1969-12-31 23:59:59.999999'", "timestamp '1969-12-31 23:59:59.999998'", False),
    ("'ab'::blob", "'ac'::blob", False),
    ("[1, 2]", "[2, 1]", False),
    ("[1, 2]", "[1, 2]", True),
]

# What must be refused, and what the error names.
REFUSED: dict[str, str] = {
    "select quantile_cont(x, 0.5) as q from t": "quantile_cont",
    "select histogram(x) as h from t": "histogram",
    "select histogram(x, [1.0]) as h from t": "histogram but of a column, with edges",
    "select md5_number(x) as h from t": "md5_number",
    "select x::integer / 2 from t group by all": "group",
    "select cast(1.5::double as integer) as x": "cast to INTEGER of what may have a fraction",
    "select cast(x / 2 as integer) as x from t": "cast to INTEGER of what may have a fraction",
    "select cast(x * 1.5 as integer) as x from t": "cast to INTEGER of what may have a fraction",
    "select date '2013-01-01'::varchar as x": "cast of a cast of a literal",
    "select x % y as m from t": "% by what is no literal",
    "select x // y as m from t": "// by what is no literal",
    "select ('0x' || x)::bigint as m from t": "hexadecimal digits that are not substr",
    "select ('0x' || substr(x, 1, 8) || y)::bigint as m from t": "hexadecimal digits that are not substr",
    "select substr(x, 0, 2) as s from t": "substr from a place",
    "select substr(x, -2) as s from t": "substr from a place",
    "select chr(769) as c": "chr of what is no literal of ASCII",
    "select x::uuid as u from t": "the type UUID",
    "select x::time as u from t": "the type TIME",
    "select x like 'a%' as l from t": "LIKE",
    "select * exclude (x) from t": "except",
    "select list(x + 1) as l from t": "a list without order",
    "select 1 from t tablesample 3": "sample",
    "select 1 from range(5)": "generateseries",
    "select 1 from t asof join u using (x)": "method",
    "select a from t union all by name select a from u": "by_name",
    "select 1 offset 2": "offset",
    "with recursive t as (select 1) select 1 from t": "recursive",
    "select $missing as m": "$missing",
    "insert into a.t select 1": "insert or drop of anything but a temporary table",
    "insert into t values (1)": "values",
    "create table t as select 1": "temporary table",
    "set variable x = 1": "set",
    "select 1 from read_csv('x')": "readcsv",
    'select 1 from "warehouse"."nowhere"."t"': "schema 'nowhere'",
    "select 1 from read_parquet(['a[*]b'], union_by_name = true, hive_partitioning = false)": "files whose paths hold",
    "select 1 from read_parquet(['x'])": "read_parquet",
    "select 'a' || :b from t": "parameter",
    "select getvariable('x') as v": "getvariable",
    "select rowid + random() as r from t": "RANDOM",
}
