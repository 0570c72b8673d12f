"""Regular expressions as DuckDB reads them (RE2), in words that Java and Rust read alike."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\\p\{\w+\}|\\.|\(\?.|.", re.DOTALL)
# RE2 knows ASCII alone here, Rust all of Unicode.
_ASCII = {"s": r"\t\n\f\r ", "d": "0-9", "w": "0-9A-Za-z_"}
# A vertical tab to RE2, any vertical space to Java.
_SAME = {"t": r"\t", "n": r"\n", "f": r"\f", "r": r"\r", "v": r"\x0B"}


class PatternError(Exception):
    """Something in a regular expression that the engines read differently; the text names it."""


def pattern_text(pattern: str) -> str:
    r"""The pattern for Spark: `\s` as RE2 has it, scripts by a name that both know.

    Raises:
        PatternError: the pattern has something that is not known to mean the same.
    """
    found, is_in_class = [], False
    for token in _TOKEN.findall(pattern):
        if token.startswith(r"\p{"):
            # A category has one letter or two, a script more.
            found.append(token if len(token) <= len(r"\p{Lu}") else token.replace("{", "{sc="))
        elif token.startswith("\\"):
            found.append(_escape(token[1:], is_in_class))
        elif token in "[]":
            if is_in_class is (token == "["):
                raise PatternError(f"{token!r} within or outside of a class, in the pattern {pattern!r}")
            is_in_class = token == "["
            found.append(token)
        elif token.startswith("(?") and token != "(?:":
            raise PatternError(f"{token!r} in the pattern {pattern!r}")
        elif is_in_class and token in "&~#":
            # Two of them are operators of sets to Java or Rust.
            found.append(f"\\{token}")
        elif not is_in_class and token in "$.":
            raise PatternError(f"{token!r} in the pattern {pattern!r}, which differs at the ends of lines")
        else:
            found.append(token)
    return "".join(found)


def _escape(letter: str, is_in_class: bool) -> str:
    if letter in _ASCII:
        return _ASCII[letter] if is_in_class else f"[{_ASCII[letter]}]"
    if letter in _SAME:
        return _SAME[letter]
    if letter.isascii() and not letter.isalnum():
        return f"\\{letter}"
    raise PatternError(f"\\{letter} in a pattern")


def replacement_text(replacement: str) -> str:
    r"""What takes a match's place: `\1` is the first group."""
    # Rust takes letters behind a number for part of the group's name.
    if "$" in replacement or re.search(r"\\(?!\d)|\\\d\w", replacement):
        raise PatternError(f"the replacement {replacement!r}")
    return re.sub(r"\\(\d)", r"$\1", replacement)
