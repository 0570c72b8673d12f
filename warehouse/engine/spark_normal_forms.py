"""Unicode's form NFC on Spark, which has none: text in it stays as it is, other text is an error that says so."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable
from functools import cache

from warehouse.engine.spark_values import spark_text

_UNCOMPOSED = (
    "a text has letters in several parts (it is not in Unicode form NFC), which cannot be composed on Spark; "
    "normalise it where the model is made, or ask of a version with WAREHOUSE_ENGINE=duckdb"
)
# Vowels and consonants of Hangul, which compose by arithmetic.
_HANGUL = (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))


def composed_sql(text: str) -> str:
    """The text, which must be in NFC: an error at the first row whose text may not be."""
    error = f"raise_error({spark_text(_UNCOMPOSED)})"
    return f"case when {text} rlike {spark_text(_uncomposed_pattern())} then {error} else {text} end"


@cache
def _uncomposed_pattern() -> str:
    """What text in NFC hardly ever has: marks that join the letter before, or may be in another order.

    Of Thai and Lao, two marks in a row are how words are written.
    """
    joining, marks = set(_HANGUL), set()
    for code in range(0xA0, sys.maxunicode + 1):
        letter = chr(code)
        parts = unicodedata.decomposition(letter).split()
        if parts and not parts[0].startswith("<"):
            if unicodedata.normalize("NFC", letter) != letter:
                joining.add(code)
            elif len(parts) == 2:
                joining.add(int(parts[1], 16))
        if unicodedata.combining(letter) and not 0x0E00 <= code <= 0x0EFF:
            marks.add(code)
    return f"[{_ranges(joining)}]|[{_ranges(marks)}][{_ranges(marks)}]"


def _ranges(codes: Iterable[int]) -> str:
    """Codes as a class of a pattern, without its brackets."""
    found: list[list[int]] = []
    for code in sorted(codes):
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return "".join(chr(first) if first == last else f"{chr(first)}-{chr(last)}" for first, last in found)
