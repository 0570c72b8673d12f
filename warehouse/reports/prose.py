"""Descriptions as people write them in YAML: paragraphs, lists and `code`, with everything else as plain text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from warehouse.reports.visible import visible

if TYPE_CHECKING:
    from markupsafe import Markup

MOST_CHARACTERS = 6_000
_CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_ITEM = re.compile(r"\s*[-*]\s+(.*)")


def prose(text: str, inline: bool = False) -> Markup:
    """The text as markup that holds nothing but paragraphs, lists and code; `inline` has code alone."""
    from markupsafe import Markup

    text = text.strip()
    if len(text) > MOST_CHARACTERS:
        text = text[: MOST_CHARACTERS - 1] + "…"
    if inline:
        return _inline(" ".join(text.split()))
    return Markup("").join(_block(block) for block in re.split(r"\n\s*\n", text) if block.strip())


def one_line(text: str, limit: int) -> str:
    """The beginning of a description as plain text, for lists."""
    plain = " ".join(text.replace("`", "").split())
    return visible(plain, limit) if plain else ""


def _block(block: str) -> Markup:
    from markupsafe import Markup

    lines = block.splitlines()
    first = next((index for index, line in enumerate(lines) if _ITEM.match(line)), len(lines))
    items: list[str] = []
    for line in lines[first:]:
        if item := _ITEM.match(line):
            items.append(item[1])
        else:
            items[-1] += f" {line.strip()}"
    opening = " ".join(line.strip() for line in lines[:first])
    paragraph = Markup("<p>{}</p>").format(_inline(opening)) if opening else Markup("")
    if not items:
        return paragraph
    listed = Markup("").join(Markup("<li>{}</li>").format(_inline(item)) for item in items)
    return paragraph + Markup("<ul>{}</ul>").format(listed)


def _inline(text: str) -> Markup:
    from markupsafe import Markup, escape

    parts, end = [], 0
    for code in _CODE.finditer(text):
        parts.append(escape(visible(text[end : code.start()], MOST_CHARACTERS)))
        # As Markdown has it: a bar is escaped for tables, and blanks keep a backtick off the fence.
        inner = code[2].replace("\\|", "|")
        parts.append(Markup("<code>{}</code>").format(visible(inner.strip() or inner, MOST_CHARACTERS)))
        end = code.end()
    parts.append(escape(visible(text[end:], MOST_CHARACTERS)))
    # `visible` makes blanks alone seen, which between two words they must not be.
    return Markup("").join(" " if part == "\N{OPEN BOX}" else part for part in parts)
