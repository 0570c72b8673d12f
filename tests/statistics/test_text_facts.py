"""Characters, scripts and words of texts, beside Python's own Unicode tables."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

import numpy as np
import pytest

from warehouse.engine.local import LocalEngine
from warehouse.statistics.session_tables import SessionTables
from warehouse.statistics.tallies import tally
from warehouse.statistics.text_facts import text_tables, unseen_words, word_count_sql

TEXTS = [
    "Hello, World! 42 times",
    "Привет, мир — №7",
    "東京タワーは高い",
    "مرحبا بالعالم ٣",
    "שלום עולם",
    "한국어 텍스트",
    "naïve café e\u0301 ﬁn",
    "👨‍👩‍👧 😀 🇩🇪 $€ + =",
    "ไทยแลนด์ ๑๒",
    "हिन्दी पाठ",
    "Ελληνικά\ttab\nline\u00a0space",
    "\u202eabc\u200b\x07",
    "",
    "ՀայերենქართულიԱ বাংলা தமிழ் አማርኛ ꙮ ߊ",
]
NAMED_SCRIPTS = {
    "LATIN": "Latin",
    "CYRILLIC": "Cyrillic",
    "GREEK": "Greek",
    "ARABIC": "Arabic",
    "HEBREW": "Hebrew",
    "CJK": "Han",
    "HIRAGANA": "Japanese kana",
    "KATAKANA": "Japanese kana",
    "HANGUL": "Hangul",
    "DEVANAGARI": "Devanagari",
    "THAI": "Thai",
    "ARMENIAN": "Armenian",
    "GEORGIAN": "Georgian",
    "BENGALI": "Bengali",
    "TAMIL": "Tamil",
    "ETHIOPIC": "Ethiopic",
}


def class_of(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] == "Z" or character in "\t\n\v\f\r":
        return "spaces"
    return {"L": "letters", "M": "letters", "N": "digits", "P": "punctuation"}.get(category[0], "other")


def script_of(letter: str) -> str:
    return NAMED_SCRIPTS.get(unicodedata.name(letter).split()[0], "another script")


def sample_of(engine: LocalEngine, name: str, texts: list[str | None], clusters: list[int] | None = None) -> str:
    engine.connection.execute(
        f'create or replace table "{name}" as select unnest($c) as cluster, unnest($t) as "a ""text"""',
        {"c": clusters or list(range(len(texts))), "t": texts},
    )
    return f'"{name}"'


def test_characters_are_those_of_unicode(engine: LocalEngine) -> None:
    sample = sample_of(engine, "s", [*TEXTS, None])
    with SessionTables(engine, "t") as tables:
        characters, _ = text_tables(tables, sample, 'a "text"', name="x")
        classes, scripts = tally(engine, characters, "class"), tally(engine, characters, "script")

    together = "".join(TEXTS)
    assert classes.counts == Counter(map(class_of, together))
    letters = [character for character in together if unicodedata.category(character)[0] == "L"]
    assert scripts.counts == Counter(map(script_of, letters))


def test_every_letter_of_the_basic_plane_has_the_script_of_its_name(engine: LocalEngine) -> None:
    letters = [chr(code) for code in range(0x250) if unicodedata.category(chr(code))[0] == "L"]
    letters += [chr(code) for first in (0x400, 0x5D0, 0x905, 0x4E00, 0xAC00) for code in range(first, first + 20)]
    sample = sample_of(engine, "s", letters)
    with SessionTables(engine, "t") as tables:
        characters, _ = text_tables(tables, sample, 'a "text"', name="x")
        found = dict(engine.connection.execute(f"select cluster, script from {characters} order by cluster").fetchall())

    # These two are named for what they are (feminine and masculine ordinal, micro), not for their script.
    odd = {"ª", "º", "µ"}
    assert {
        letter: found[index]
        for index, letter in enumerate(letters)
        if letter not in odd and found[index] != script_of(letter)
    } == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, World! 42 times", ["hello", "world", "42", "times"]),
        ("東京 タワーx2", ["東", "京", "タ", "ワ", "ー", "x2"]),
        ("don't e\u0301t\u0301", ["don", "t", "e\u0301t\u0301"]),
        ("שלום, עולם", ["שלום", "עולם"]),
        ("😀 --- ...", []),
        ("", []),
    ],
)
def test_words_are_runs_of_letters_and_digits(engine: LocalEngine, text: str, words: list[str]) -> None:
    sample = sample_of(engine, "s", [text])
    with SessionTables(engine, "t") as tables:
        _, table = text_tables(tables, sample, 'a "text"', name="x")
        found = engine.connection.execute(f"select word, item_count from {table}").fetchall()
    counted = engine.connection.execute(f"select {word_count_sql('$1')}", [text]).fetchone()

    assert dict(found) == Counter(words)
    assert counted == (len(words),)


def test_unseen_words_equal_a_plain_computation(engine: LocalEngine) -> None:
    chance = np.random.default_rng(5)

    def texts(rows: int, most: int) -> list[str]:
        return [
            " ".join(f"w{int(word)}" for word in np.minimum(chance.pareto(0.8, chance.integers(0, 12)) * 5, most))
            for _ in range(rows)
        ]

    left, right = texts(300, 3000), texts(200, 9000)
    with SessionTables(engine, "t") as tables:
        names = [
            text_tables(tables, sample_of(engine, side, rows), 'a "text"', name=side)[1]
            for side, rows in (("l", left), ("r", right))
        ]
        found = unseen_words(engine, *names)

    word = re.compile(r"\w+")
    bags = [Counter(word.findall(text)) for text in left]
    in_rows = Counter(item for bag in bags for item in bag)
    total = sum(map(Counter.total, bags))
    lone = sum(count for bag in bags for item, count in bag.items() if in_rows[item] == 1)
    others = [item for text in right for item in word.findall(text)]
    new = [item for item in others if item not in in_rows]
    assert found is not None
    assert found.share == pytest.approx(len(new) / len(others))
    assert found.expected == pytest.approx(lone / total)
    assert found.left_row_count == sum(bool(bag) for bag in bags)
    assert found.right_row_count == sum(bool(text) for text in right)
    assert set(found.examples) <= set(new)
    used = [bag for bag in bags if bag]
    n = np.array([bag.total() for bag in used])
    u = np.array([sum(count for item, count in bag.items() if in_rows[item] == 1) for bag in used])
    between = ((u - found.expected * n) ** 2).sum() / total**2 * len(n) / (len(n) - 1)
    pairs = sum(count**2 for bag in bags for item, count in bag.items() if in_rows[item] == 2) / total**2
    assert found.spread**2 > between + pairs


def test_words_unseen_by_chance_lie_within_their_spread(engine: LocalEngine) -> None:
    chance = np.random.default_rng(11)
    deviations = []
    for _ in range(25):
        names = []
        with SessionTables(engine, "t") as tables:
            for side in ("l", "r"):
                # A text stays with its topic, so its words come together.
                rows = [
                    " ".join(
                        f"t{topic}w{int(word)}"
                        for word in np.minimum(chance.pareto(1.0, chance.integers(3, 20)) * 4, 2000)
                    )
                    for topic in chance.integers(0, 30, 400)
                ]
                names.append(text_tables(tables, sample_of(engine, side, rows), 'a "text"', name=side)[1])
            found = unseen_words(engine, *names)
            assert found is not None
            deviations.append((found.share - found.expected) / found.spread)

    assert abs(np.mean(deviations)) < 0.5
    assert 0.4 < np.std(deviations) < 1.3


def test_a_side_without_words_has_no_unseen_ones(engine: LocalEngine) -> None:
    with SessionTables(engine, "t") as tables:
        names = [
            text_tables(tables, sample_of(engine, side, rows), 'a "text"', name=side)[1]
            for side, rows in (("l", ["...", None]), ("r", ["some words", "more words"]))
        ]

        assert unseen_words(engine, *names) is None
