"""Texts that are nearly the same are found, and nothing else is."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Sequence
from itertools import combinations

import pytest

from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation, Step
from warehouse.statistics.minhash import Banding, banding, signatures_sql
from warehouse.statistics.near_text import NearTexts, find_near_texts
from warehouse.statistics.shingles import LONG_WORDS, Kind, codes_sql

WORDS = [
    "".join(random.Random(i).choices("abcdefghijklmnopqrstuvwxyz", k=random.Random(-i).randint(2, 9)))
    for i in range(4000)
]


def text_of(words: int, seed: object) -> str:
    return " ".join(random.Random(str(seed)).choices(WORDS, k=words))


def edited(text: str, changes: int, seed: object) -> str:
    """The text with some of its words replaced."""
    chance, words = random.Random(str(seed)), text.split(" ")
    for place in chance.sample(range(len(words)), changes):
        words[place] = chance.choice(WORDS)
    return " ".join(words)


def near_texts(
    engine: LocalEngine, texts: Sequence[str | None], *, column: str = "text", **options: float
) -> tuple[NearTexts, list[int]]:
    """What was found, and for each row the smallest row of its component."""
    quoted = column.replace('"', '""')
    engine.connection.execute(
        f'create or replace table t as select unnest($texts::varchar[]) as "{quoted}"', {"texts": list(texts)}
    )
    found = find_near_texts(engine, Relation.table("t"), column, table="near", **options)
    labels = list(range(len(texts)))
    for row, component in engine.connection.execute("select row_number, component from near").fetchall():
        labels[row] = component
    return found, labels


def shingles(text: str) -> set[str]:
    """The definition again, in Python: 5 characters, or 3 words of long texts."""
    plain = re.sub(r"[\s.,!?'-]+", " ", unicodedata.normalize("NFC", text).lower()).strip()
    words = plain.split(" ")
    if len(words) >= LONG_WORDS:
        return {" ".join(words[i : i + 3]) for i in range(len(words) - 2)}
    return {plain[i : i + 5] for i in range(len(plain) - 4)}


def similarity(left: str, right: str) -> float:
    a, b = shingles(left), shingles(right)
    return len(a & b) / len(a | b)


@pytest.mark.parametrize("words", [20, 120], ids=["by_characters", "by_words"])
@pytest.mark.parametrize("threshold", [0.6, 0.8, 0.95])
def test_pairs_are_those_whose_similarity_reaches_the_threshold(
    engine: LocalEngine, words: int, threshold: float
) -> None:
    originals = [text_of(words, i) for i in range(40)]
    texts = [edited(text, i % 6 * words // 40, (i, j)) for i, text in enumerate(originals) for j in range(4)]
    expected = list(range(len(texts)))
    for left, right in combinations(range(len(texts)), 2):
        if similarity(texts[left], texts[right]) >= threshold:
            old, new = expected[right], expected[left]
            expected = [new if label == old else label for label in expected]

    _, labels = near_texts(engine, texts, threshold=threshold)

    assert [labels.index(label) for label in labels] == [expected.index(label) for label in expected]
    assert len(set(labels)) not in (1, len(texts))


def test_the_similarity_of_a_pair_is_exact(engine: LocalEngine) -> None:
    texts = [edited(text_of(30, i), j % 2, (i, j)) for i in range(50) for j in range(2)]

    found, _ = near_texts(engine, texts, threshold=0.7)

    pairs = engine.connection.execute("select left_row, right_row, similarity from near_pairs").fetchall()
    assert len(pairs) > 40
    assert found.pairs_table == "near_pairs"
    for left, right, found_similarity in pairs:
        assert left < right
        assert found_similarity == pytest.approx(similarity(texts[left], texts[right]), abs=1e-12)


def test_pairs_at_the_threshold_are_missed_no_more_often_than_stated(engine: LocalEngine) -> None:
    texts, pairs = [], []
    for i in range(3000):
        text = text_of(20, i)
        twin = edited(text, 1 + i % 2, i)
        if 0.8 <= similarity(text, twin) < 0.83:
            pairs.append(len(texts))
            texts += [text, twin]

    _, labels = near_texts(engine, texts)

    missed = sum(labels[left] != labels[left + 1] for left in pairs)
    assert len(pairs) > 250
    # At most one in a thousand is expected; more than 3 of these would be an accident of one in five thousand.
    assert missed <= 3


def test_bands_miss_a_pair_at_the_threshold_once_in_a_thousand_at_most() -> None:
    cut = banding(0.8)
    assert (cut.bands, cut.rows) == (18, 5)
    assert cut.missed_share(0.8) == pytest.approx(0.00078, abs=1e-5)
    assert cut.missed_share(0.85) < 0.0001
    for threshold in (0.5, 0.6, 0.7, 0.9, 0.95, 0.99, 1.0):
        assert banding(threshold).missed_share(threshold) <= 0.001


def test_case_white_space_punctuation_and_unicode_forms_make_no_difference(engine: LocalEngine) -> None:
    texts = [
        "The café of Zürich opens late today",
        "  the CAFÉ,\tof\nZürich -- opens “late” today!",
        unicodedata.normalize("NFD", "The café of Zürich opens late today"),
        "A tavern in Geneva closes early on Sundays",
    ]

    found, labels = near_texts(engine, texts, threshold=1.0)

    assert labels == [0, 0, 0, 3]
    assert engine.connection.execute("select * from near_pairs order by all").fetchall() == [(0, 1, 1.0), (0, 2, 1.0)]
    assert (found.text_count, found.short_count) == (4, 0)


@pytest.mark.parametrize(
    ("text", "near", "other"),
    [
        (
            "東京都の天気は明日も晴れるでしょうと気象庁が発表しました今朝",
            "東京都の天気は明日も晴れるでしょうと気象庁が発表しました昨夜",
            "大阪では台風が近づいているため学校はすべて休みになりました今朝",
        ),
        (
            "กรุงเทพมหานครมีฝนตกหนักในช่วงบ่ายของวันนี้และวันพรุ่งนี้",
            "กรุงเทพมหานครมีฝนตกหนักในช่วงบ่ายของวันนี้และวันมะรืน",
            "เชียงใหม่อากาศเย็นสบายตลอดทั้งสัปดาห์นักท่องเที่ยวจำนวนมาก",
        ),
        (
            "Сегодня в Москве ожидается сильный дождь и порывистый ветер",
            "Сегодня в Москве ожидается сильный дождь и порывистый вечер",
            "Завтра в Казани будет ясно, тепло и совсем без осадков, сухо",
        ),
    ],
    ids=["japanese", "thai", "russian"],
)
@pytest.mark.parametrize("repeat", [1, 4], ids=["short", "long"])
def test_scripts_without_blanks_or_latin_letters_are_compared(
    engine: LocalEngine, text: str, near: str, other: str, repeat: int
) -> None:
    # Long texts are compared by words, and a character of a script without blanks is one.
    padding = text * (repeat - 1)

    _, labels = near_texts(engine, [padding + text, other * repeat, padding + near], threshold=0.7)

    assert labels == [0, 1, 0]


def test_no_pair_falls_between_comparing_by_characters_and_by_words(engine: LocalEngine) -> None:
    texts = []
    for i in range(40):
        text = text_of(LONG_WORDS - 1, i)
        texts += [text, f"{text} {WORDS[i]}"]

    _, labels = near_texts(engine, texts)

    assert labels == [i - i % 2 for i in range(80)]


def test_null_empty_and_short_texts_link_nothing(engine: LocalEngine) -> None:
    texts = [None, None, "", "", "thank you!", "thank you!", "... --- ... --- ... --- ...", "? ? ? ? ? ? ? ? ? ? ? ? ?"]

    found, labels = near_texts(engine, texts)

    assert labels == list(range(8))
    assert (found.text_count, found.short_count) == (0, 6)


def test_no_rows_are_no_pairs(engine: LocalEngine) -> None:
    found, labels = near_texts(engine, [])

    assert labels == []
    assert (found.text_count, found.components.component_count, found.unsettled_count) == (0, 0, 0)


def test_many_equal_and_many_similar_texts_cost_no_square(engine: LocalEngine) -> None:
    letter = text_of(40, "letter")
    texts = [letter] * 30_000 + [f"{letter} {number}" for number in range(5000)]

    found, labels = near_texts(engine, texts)

    assert set(labels) == {0}
    (count,) = engine.connection.execute("select count(*) from near_pairs").fetchall()[0]
    assert count < 3 * len(texts)
    assert found.unsettled_count == 0


def test_the_order_of_rows_changes_no_link(engine: LocalEngine) -> None:
    texts = [edited(text_of(20, i), j % 3, (i, j)) for i in range(60) for j in range(4)]
    # Many that are alike by a little more or less than the threshold: more than are all compared with each other.
    texts += [edited(text_of(30, "letter"), 2, j) for j in range(120)]
    order = list(range(len(texts)))
    random.Random(3).shuffle(order)

    _, labels = near_texts(engine, texts)
    _, shuffled = near_texts(engine, [texts[i] for i in order])

    together = {frozenset(i for i in range(len(texts)) if labels[i] == label) for label in set(labels)}
    again = {frozenset(order[i] for i in range(len(texts)) if shuffled[i] == label) for label in set(shuffled)}
    assert together == again


@pytest.mark.parametrize("column", ["a 'text\" of", "select", "text", "row_number", "digest", "名前", "Document"])
def test_hostile_column_names_and_texts_do_no_harm(engine: LocalEngine, column: str) -> None:
    hostile = "'; drop table t; -- \\1 $1 {x} %s \x01 👩‍👩‍👧 \u202e and so on and on"

    _, labels = near_texts(engine, [hostile, "something else that is long enough", hostile.upper()], column=column)

    assert labels == [0, 1, 0]


def test_numbers_are_compared_as_text(engine: LocalEngine) -> None:
    engine.connection.execute("create table t as select 12345678901234567890123456::hugeint as x from range(2)")

    assert find_near_texts(engine, Relation.table("t"), "x", table="near").components.row_count == 2


@pytest.mark.parametrize("threshold", [0.49, 1.01])
def test_a_threshold_out_of_range_is_refused(engine: LocalEngine, threshold: float) -> None:
    with pytest.raises(ValueError, match=r"not from 0\.5 to 1"):
        find_near_texts(engine, Relation.table("t"), "x", table="near", threshold=threshold)


def test_only_the_answers_stay_in_the_session(engine: LocalEngine) -> None:
    near_texts(engine, [text_of(20, 1)] * 2)

    names = {name for (name,) in engine.connection.execute("select table_name from duckdb_tables()").fetchall()}
    assert names == {"t", "near", "near_pairs"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Kind.CHARACTERS, [89829147493384412, 56298899300923431, 38280345688772716]),
        (Kind.WORDS, [241846615728974134, 109928989668886549, 329180734063531101]),
    ],
    ids=["characters", "words"],
)
def test_signatures_are_the_same_in_every_version_of_the_engine(
    engine: LocalEngine, kind: Kind, expected: list[int]
) -> None:
    codes = codes_sql(kind, "'the quick brown fox jumps over the lazy dog 東京 and sleeps'")
    documents = Step("documents", f"select 1 as document, {codes} as codes")

    (row,) = engine.rows(signatures_sql(documents, kind, Banding(bands=3, rows=5)))

    assert list(row.values()) == [1, *expected]
