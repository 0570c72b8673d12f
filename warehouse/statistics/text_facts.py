"""What texts are made of: characters by class and script, words, and words that one side never used."""

from __future__ import annotations

import math
from dataclasses import dataclass

from warehouse.engine.base import Engine
from warehouse.sql import Query, Step, identifier
from warehouse.statistics.session_tables import SessionTables

READ_CHARACTERS = 1_000
"""Characters and words are those of so many first characters of a text."""
COUNTED_CHARACTERS = 100_000
"""Words are counted in so many first characters."""
NAMED_WORDS = 3
CLASSES = {
    "letters": r"[\p{L}\p{M}]",
    "digits": r"\p{N}",
    "spaces": r"[\p{Z}\t\n\v\f\r]",
    "punctuation": r"\p{P}",
}
"""By Unicode's general category; a mark (an accent by itself) belongs to its letter. All else is `other`."""
SCRIPTS = {
    "Latin": r"\p{Latin}",
    "Cyrillic": r"\p{Cyrillic}",
    "Greek": r"\p{Greek}",
    "Arabic": r"\p{Arabic}",
    "Hebrew": r"\p{Hebrew}",
    "Han": r"\p{Han}",
    "Japanese kana": r"[\p{Hiragana}\p{Katakana}]",
    "Hangul": r"\p{Hangul}",
    "Devanagari": r"\p{Devanagari}",
    "Thai": r"\p{Thai}",
    "Armenian": r"\p{Armenian}",
    "Georgian": r"\p{Georgian}",
    "Bengali": r"\p{Bengali}",
    "Tamil": r"\p{Tamil}",
    "Ethiopic": r"\p{Ethiopic}",
}
"""Of letters, by Unicode's script property; all else is `another script`."""
# Scripts that put no spaces between words: each character counts as a word. The long mark of kana is of no one script.
_UNSPACED = r"([\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}])"
_WORD = r"[\p{L}\p{M}\p{N}]+"


def word_list_sql(text: str) -> str:
    """The words of a text (an expression), lower case: runs of letters and digits."""
    return rf"regexp_extract_all(regexp_replace(lower({text}), '{_UNSPACED}', ' \1 ', 'g'), '{_WORD}')"


def word_count_sql(text: str) -> str:
    """How many words a text (an expression) has."""
    return f"len({word_list_sql(f'left(cast({text} as varchar), {COUNTED_CHARACTERS})')})"


def beginning_sql(text: str) -> str:
    """The part of a text (an expression) whose characters and words are looked at."""
    return f"left(cast({text} as varchar), {READ_CHARACTERS})"


def characters_sql(sample: str, column: str) -> Query:
    """One row per cluster, class and script of characters: `cluster`, `class`, `script`, `item_count`.

    `script` is null for what is no letter.
    """
    classes = " ".join(f"when regexp_full_match(character, '{regex}') then '{name}'" for name, regex in CLASSES.items())
    scripts = " ".join(f"when regexp_full_match(character, '{regex}') then '{name}'" for name, regex in SCRIPTS.items())
    return Query.of(
        Step(
            "characters",
            f"select cluster, unnest(string_split({identifier(column)}, '')) as character from {sample}",
        ),
        Step(
            "clusters_and_characters",
            "select cluster, character, count(*) as item_count from characters where character <> '' "
            "group by cluster, character",
        ),
        # Few characters differ, so each is classified once and not in every text.
        Step("alphabet", "select distinct character from clusters_and_characters"),
        Step(
            "classified",
            f"""
            select
                character,
                case {classes} else 'other' end as class,
                case when not regexp_full_match(character, '\\p{{L}}') then null {scripts} else 'another script' end
                    as script,
            from alphabet
            """,
        ),
        Step(
            "clusters_and_classes",
            """
            select cluster, class, script, cast(sum(item_count) as bigint) as item_count
            from clusters_and_characters join classified using (character)
            group by cluster, class, script
            """,
        ),
    )


def words_sql(sample: str, column: str) -> Query:
    """One row per cluster and word: `cluster`, `word`, `item_count`."""
    return Query.of(
        Step("words", f"select cluster, unnest({word_list_sql(identifier(column))}) as word from {sample}"),
        Step("clusters_and_words", "select cluster, word, count(*) as item_count from words group by cluster, word"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnseenWords:
    """How many of the right's words the left never used, and how many are to be expected of one law."""

    share: float
    """Of the right's words, 0..1."""
    expected: float
    """Share of the left's words that stand in one row (or group) alone: what one more row would bring anew."""
    spread: float
    """Standard deviation of the difference."""
    left_row_count: int
    """Rows with a word."""
    right_row_count: int
    examples: tuple[str, ...]
    """The most frequent ones."""


def unseen_words_sql(left_words: str, right_words: str) -> Query:
    """One row: of each side the sums over clusters of n (words), u (unseen ones), their squares and products.

    A left cluster's words are unseen when no other left cluster has them, a right one's when no left cluster has them.
    `pair_squares` is over the words of exactly two left clusters.
    """
    sums = ", ".join(
        f"(select {sql} from {side}_clusters) as {side}_{name}"
        for side in ("left", "right")
        for name, sql in {
            "count": "count(*)",
            "n": "cast(sum(n) as double)",
            "u": "cast(sum(u) as double)",
            "uu": "cast(sum(u * u) as double)",
            "un": "cast(sum(u * n) as double)",
            "nn": "cast(sum(n * n) as double)",
        }.items()
    )
    return Query.of(
        Step(
            "vocabulary",
            f"""
            select word, count(*) as cluster_count, sum(item_count * item_count) as squares
            from {left_words} group by word
            """,
        ),
        Step(
            "left_clusters",
            f"""
            select cluster, sum(item_count) as n, coalesce(sum(item_count) filter (cluster_count = 1), 0) as u
            from {left_words} join vocabulary using (word) group by cluster
            """,
        ),
        Step(
            "right_words",
            f"""
            select words.cluster, words.word, words.item_count, vocabulary.word is null as is_unseen
            from {right_words} as words left join vocabulary on words.word = vocabulary.word
            """,
        ),
        Step(
            "right_clusters",
            """
            select cluster, sum(item_count) as n, coalesce(sum(item_count) filter (is_unseen), 0) as u
            from right_words group by cluster
            """,
        ),
        Step(
            "examples",
            f"""
            select word, row_number() over (order by sum(item_count) desc, word) as place
            from right_words where is_unseen group by word order by place limit {NAMED_WORDS}
            """,
        ),
        Step(
            "unseen_words",
            f"""
            select
                {sums},
                (select cast(sum(squares) as double) from vocabulary where cluster_count = 2) as pair_squares,
                (select list(word order by place) from examples) as examples
            """,
        ),
    )


def unseen_words(engine: Engine, left_words: str, right_words: str) -> UnseenWords | None:
    """The share of the right's words that the left's lack; None when a side has fewer than two rows with words.

    Source: Good (1953), after Turing, for the expectation: with groups or rows in place of single words, since the
    words of a text come together. Its variance adds to that between rows the words of two rows, as Robbins (1968) does.
    """
    (row,) = engine.rows(unseen_words_sql(left_words, right_words))
    if min(row["left_count"], row["right_count"]) < 2:
        return None
    variances, shares = {}, {}
    for side in ("left", "right"):
        count, n, u, uu, un, nn = (row[f"{side}_{name}"] for name in ("count", "n", "u", "uu", "un", "nn"))
        share = shares[side] = u / n
        # One more row with a word and one without keep the variance from vanishing when nothing was unseen.
        smoothed = (share * count + 1) / (count + 2)
        between = (uu - 2 * share * un + share * share * nn) / n**2 * count / (count - 1)
        variances[side] = max(between, smoothed * (1 - smoothed) / (n + 2))
    pairs = (row["pair_squares"] or 0.0) / row["left_n"] ** 2
    return UnseenWords(
        share=shares["right"],
        expected=shares["left"],
        spread=math.sqrt(variances["left"] + variances["right"] + pairs),
        left_row_count=row["left_count"],
        right_row_count=row["right_count"],
        examples=tuple(row["examples"] or ()),
    )


def text_tables(tables: SessionTables, sample: str, column: str, *, name: str) -> tuple[str, str]:
    """Tables of the characters and of the words of a sample's column."""
    return (
        tables.create(f"{name}_characters", characters_sql(sample, column)),
        tables.create(f"{name}_words", words_sql(sample, column)),
    )
