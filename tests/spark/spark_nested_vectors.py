"""What the entries for lists, structs, patterns and days must give, as in `spark_vectors.py`."""

from __future__ import annotations

from datetime import date
from math import nan
from typing import Any

EXPRESSIONS: dict[str, list[tuple[str, Any]]] = {
    "array_length": [
        ("len([1, null])", 2),
        ("len(cast([] as double[]))", 0),
        ("len(null::double[])", None),
        ("array_length(['é'])", 1),
    ],
    "list_count": [("list_count([1, null, 3])", 2), ("list_count(null::double[])", None)],
    "list_sum": [
        ("list_sum([1.5::double, null, 2.0::double])", 3.5),
        ("list_sum(cast([] as double[]))", None),
        ("list_sum(['nan'::double, 1.0::double])", nan),
        ("list_sum(null::double[])", None),
    ],
    "list_transform": [
        ("list_transform(cast([3, null] as double[]), lambda element: element * element)", [9.0, None]),
    ],
    "list_slice": [
        ("list_slice([1, 2, 3], 1, 2)", [1, 2]),
        ("list_slice(['a'], 1, 256)", ["a"]),
        ("list_slice(null::double[], 1, 2)", None),
    ],
    "element": [("[1.5::double, null][1]", 1.5), ("[1, 2][3]", None), ("(null::double[])[1]", None)],
    "struct_extract": [
        ("struct_extract({'a b': 1, 'c''.`': 'x'}, 'a b')", 1),
        ("struct_extract({'a b': 1, 'c''.`': 'x'}, 'C''.`')", "x"),
        ("struct_extract(struct_extract({'a': {'b': 2}}, 'a'), 'b')", 2),
    ],
    "map_keys": [("map_keys(map {'a': 1, 'é': null})", ["a", "é"])],
    "map_values": [("map_values(map {'a': 1, 'é': null})", [1, None])],
    "cardinality": [("cardinality(map {'a': 1, 'b': 2})", 2)],
    "string_split": [("string_split('a😀é\n', '')", ["a", "😀", "é", "\n"]), ("string_split(null, '')", None)],
    "isinf of days": [("isinf(date '2013-01-01')", False), ("isinf(null::date)", None)],
    "regexp_extract_all": [
        (r"regexp_extract_all(left(lower('É1' || chr(65)), 3), '\p{L}+')", ["é", "a"]),
        (r"regexp_extract_all('ab1 cé-日本x', '[\p{L}\p{M}\p{N}]+')", ["ab1", "cé", "日本x"]),
        (r"regexp_extract_all('', '\p{L}')", []),
        (r"regexp_extract_all(null, '\p{L}')", None),
        (r"regexp_extract_all('٣4', '\d')", ["4"]),
        (r"regexp_extract_all('aéb&~', '[\w&~]+')", ["a", "b&~"]),
    ],
    "regexp_replace": [
        (r"regexp_replace('a日本ーb', '([\p{Han}\p{Hiragana}ー])', ' \1 ', 'g')", "a 日  本  ー b"),
        (r"regexp_replace('$1', '\$', '', 'g')", "1"),
    ],
    "regexp_full_match": [
        (r"regexp_full_match('é', '[\p{L}\p{M}]')", True),
        ("regexp_full_match('ab', 'a')", False),
        ("regexp_full_match('a\n', 'a')", False),
        (r"regexp_full_match('" + "\v" + r"', '[\p{Z}\t\n\v\f\r]')", True),
        (r"regexp_full_match('" + "\x85" + r"', '[\p{Z}\t\n\v\f\r]')", False),
        (r"regexp_full_match('я', '\p{Cyrillic}')", True),
        (r"regexp_full_match('я', '\p{Latin}')", False),
        (r"regexp_full_match('ア', '[\p{Hiragana}\p{Katakana}]')", True),
        (r"regexp_full_match('𝒳', '\p{Lu}')", True),
        (r"regexp_full_match(null, '\p{Lu}')", None),
    ],
    "string_split_regex": [
        (r"string_split_regex('a  b" + "\t" + r"c ', '\s+')", ["a", "b", "c", ""]),
        (r"string_split_regex('', '\s+')", [""]),
        (r"string_split_regex('a" + "\xa0" + r"b', '\s+')", ["a\xa0b"]),
    ],
    "year": [("year(date '0044-03-15')", 44), ("year(timestamp '1969-12-31 23:59:59')", 1969)],
    "date_diff": [
        ("date_diff('day', date '1970-01-02', date '1969-12-31')", -2),
        ("date_diff('day', timestamp '1969-12-31 23:00:00', timestamp '1970-01-01 01:00:00')", 1),
        ("date_diff('day', null::date, date '1970-01-01')", None),
    ],
    "days between": [
        ("cast('1969-12-31' as date) - date '1970-01-01'", -1),
        ("cast(cast('0044-03-15' as date) - date '1970-01-01' as bigint)", -703383),
    ],
    "try_cast": [
        ("try_cast(timestamp '1969-12-31 23:59:59' as date)", date(1969, 12, 31)),
        ("try_cast(try_cast(date '2013-01-01' as timestamp) as date)", date(2013, 1, 1)),
    ],
}

STATEMENTS: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "dense_rank": (
        "select t, dense_rank() over (order by x, t) as place from (select 1 as x, 'a' as t union all select 3, 'b' "
        "union all select 3, 'b' union all select 3, null) as n order by place, t",
        [("a", 1), ("b", 2), ("b", 2), (None, 3)],
    ),
    "unnest of a range": (
        "select i, unnest(range(i)) as e from (select 2::bigint as i union all select 0 union all select 1) as n "
        "order by i, e",
        [(1, 0), (2, 0), (2, 1)],
    ),
    "unnest of a list": (
        "select i, unnest(l) as e from (select 1 as i, ['a', null] as l union all select 2, null) as n order by e",
        [(1, "a"), (1, None)],
    ),
}

REFUSED: dict[str, str] = {
    "select unnest(range(1, x)) as e from t": "unnest of a range but from 0",
    "select list_slice(x, 2, 3) as s from t": "list_slice but from 1",
    "select list_slice(x, 1, y) as s from t": "list_slice but from 1",
    "select x[y] as s from t": "an element whose place",
    "select struct_extract(x, y) as s from t": "a field whose name",
    "select list_transform(x, lambda a, i: a) as s from t": "no lambda of one name",
    "select string_split(x, ',') as s from t": "string_split but by '' or ' '",
    "select regexp_extract_all(x, y) as s from t": "a pattern that is no literal",
    "select regexp_extract_all(x, '(a)', 1) as s from t": "a group of a match",
    "select regexp_extract_all(x, '(?i)a') as s from t": "'(?i' in the pattern",
    "select regexp_extract_all(x, 'a$') as s from t": "'$' in the pattern",
    "select regexp_extract_all(x, 'a.') as s from t": "'.' in the pattern",
    r"select regexp_extract_all(x, '\bx') as s from t": r"\b in a pattern",
    "select regexp_extract_all(x, '[[a]]') as s from t": "within or outside of a class",
    "select regexp_replace(x, 'a', 'b') as s from t": "with the option 'g'",
    "select regexp_replace(x, 'a', '$b', 'g') as s from t": "the replacement",
    "select date_diff('month', x, y) as s from t": "date_diff but in days",
    "select try_cast(x as smallint) as i from t": "try_cast to such a type",
}
