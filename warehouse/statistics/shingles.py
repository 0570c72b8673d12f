r"""What a text is made of, for telling whether two texts are nearly the same.

*Normalised* text is in Unicode's form NFC and lower case; every run of white space, punctuation and control characters
is one blank. A text's *shingles* are all runs of 5 of its characters, or of 3 of its words when it has 50 words or
more; texts of 50 words up to a few more (50 divided by the threshold) are compared both ways, so that no pair falls
between. A word is what stands between blanks, and each character of a script that writes none (Chinese, Japanese,
Thai, Lao, Khmer, Burmese) is one of its own. The *similarity* of two texts is the Jaccard index of their sets of
shingles: those that both have, divided by those that either has. Texts of fewer than 20 normalised characters, empty
ones and NULL are similar to nothing: too many unrelated rows say "thank you".

Source: Broder (1997), "On the resemblance and containment of documents".

A shingle is kept as a number below 2 ** 63, a sum of its characters (or of the first 32 bits of its words' MD5) times
fixed odd factors: the same in every version of every engine, and different shingles of two texts practically never
meet in one.
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import md5

from warehouse.sql import Step, literal

LEAST_CHARACTERS = 20
"""Shorter normalised texts are similar to nothing."""

LEAST_THRESHOLD = 0.5
"""Less similar texts are not nearly the same, and finding them would take too many candidates."""

LONG_WORDS = 50
"""From so many words on, texts are compared by words."""

_BLANK = r"[\s\p{Z}\p{P}\p{C}]+"
_UNSPACED = r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])"


class Kind(StrEnum):
    """What the shingles of a text are made of."""

    CHARACTERS = "characters"
    WORDS = "words"

    @property
    def width(self) -> int:
        """How many make a shingle."""
        return 5 if self is Kind.CHARACTERS else 3


def constants(name: str, count: int, *, bits: int) -> list[int]:
    """Fixed odd numbers with this many bits, by a hash of the name: chance that is the same everywhere."""
    digests = (md5(f"{name} {index}".encode(), usedforsecurity=False).hexdigest() for index in range(count))
    return [int(digest[:16], 16) % (1 << (bits - 1)) | (1 << (bits - 1)) | 1 for digest in digests]


_FACTORS = {
    # 5 characters of 21 bits, or 3 words of 32, times these and added, stay below 2 ** 63.
    Kind.CHARACTERS: constants("characters", 5, bits=39),
    Kind.WORDS: constants("words", 3, bits=29),
}


def normalised_sql(text: str) -> str:
    """The normalised text, as an expression."""
    return f"trim(regexp_replace(lower(nfc_normalize({text}::varchar)), {literal(_BLANK)}, ' ', 'g'))"


def words_sql(normalised: str) -> str:
    """The words of a normalised text as a list."""
    spaced = f"regexp_replace({normalised}, {literal(_UNSPACED)}, ' \\1 ', 'g')"
    return f"string_split(trim(regexp_replace({spaced}, ' +', ' ', 'g')), ' ')"


def word_count_sql(normalised: str) -> str:
    """How many words a normalised text has; 1 for an empty one."""
    # As many bytes as characters: plain ASCII, whose words stand between blanks.
    blanks = f"length({normalised}) - length(replace({normalised}, ' ', ''))"
    return (
        f"case when strlen({normalised}) = length({normalised}) then {blanks} + 1 else len({words_sql(normalised)}) end"
    )


def is_kind_sql(kind: Kind, word_count: str, *, threshold: float) -> str:
    """Whether a text of so many words has shingles of this kind."""
    if kind is Kind.WORDS:
        return f"{word_count} >= {LONG_WORDS}"
    return f"{word_count} <= {int(LONG_WORDS / threshold)}"


def codes_sql(kind: Kind, normalised: str) -> str:
    """A normalised text's characters or words as a list of numbers."""
    if kind is Kind.CHARACTERS:
        return f"[unicode(part)::bigint for part in string_split({normalised}, '')]"
    return f"[('0x' || substr(md5(part), 1, 8))::bigint for part in {words_sql(normalised)}]"


def shingle_steps(kind: Kind, codes: str) -> tuple[Step, ...]:
    """From rows of `document`, `codes`: one row per place of a shingle, repeats as well: `document`, `shingle`."""
    places = range(1, kind.width + 1)
    lists = ", ".join(f"unnest(codes[{place}:]) as c{place}" for place in places)
    total = " + ".join(f"c{place} * {factor}" for place, factor in zip(places, _FACTORS[kind], strict=True))
    return (
        Step("runs", f"select document, {lists} from {codes}"),
        # Lists of several lengths are unnested side by side, so that the last runs are cut short by NULLs.
        Step("shingles", f"select document, {total} as shingle from runs where c{kind.width} is not null"),
    )


def jaccard_sql(left: str, right: str) -> str:
    """The Jaccard index of two lists without repeats, 0 to 1."""
    common = f"len(list_intersect({left}, {right}))"
    return f"({common} / (len({left}) + len({right}) - {common}))"
