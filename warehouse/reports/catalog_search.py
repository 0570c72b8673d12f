"""What the catalog's search looks in: scripts that hand over lists, loaded when somebody searches.

A page opened from a disk may not fetch anything, but may run the site's own scripts; so the index is one, in pieces.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from warehouse.catalog_facts import CatalogFacts, Thing
from warehouse.reports.prose import one_line
from warehouse.reports.visible import visible

LONGEST = 110
"""Characters of a description; what follows is found on the page."""
PIECE_BYTES = 150_000


def search_files(facts: CatalogFacts) -> Iterator[tuple[str, str]]:
    """Addresses and contents: one of pages, then some of columns.

    `assets/search.js` calls `catalogFound(pieces, pages)`, pages being `[kind, name, address, description]`; each
    `assets/search-1.js` and so on calls `catalogColumns(columns)`, with `[name, place of its page among them, number,
    description]`; the column's row on that page is `c<number>`.
    """
    pages = list(_pages(facts))
    places = {page[2]: index for index, page in enumerate(pages)}
    pieces = list(_pieces(_columns(facts, places)))
    yield "assets/search.js", f"catalogFound({len(pieces)},{_json(pages)});\n"
    for number, piece in enumerate(pieces, 1):
        yield f"assets/search-{number}.js", f"catalogColumns([{','.join(piece)}]);\n"


def _pages(facts: CatalogFacts) -> Iterator[list[str]]:
    for dataset in facts.datasets:
        tags = " ".join(tag for version in dataset.versions for tag in version.tags)
        yield ["dataset", visible(dataset.node.name), dataset.node.page, _short(f"{dataset.description} {tags}")]
    for table in facts.tables:
        node = table.node
        kind = "source" if node.thing is Thing.SOURCE else "table"
        yield [kind, visible(node.name), node.page, _short(table.description)]
    for run in facts.runs:
        if run.page:
            yield ["run", f"{run.command} {run.id}", run.page, _short(f"{run.status} {run.summary}")]
    for link in (*facts.reports, *(link for dataset in facts.datasets for link in dataset.reports)):
        yield ["report", visible(link.title), link.page, ""]
    for dataset in facts.datasets:
        for version in dataset.versions:
            for link in version.reports:
                yield ["report", visible(f"{dataset.node.name} {version.number}: {link.title}"), link.page, ""]


def _columns(facts: CatalogFacts, places: dict[str, int]) -> Iterator[str]:
    for table in facts.tables:
        for number, column in enumerate(table.columns, 1):
            entry: list[str | int] = [visible(column.name), places[table.node.page], number]
            if column.description:
                entry.append(_short(column.description))
            yield _json(entry)


def _pieces(entries: Iterator[str]) -> Iterator[list[str]]:
    piece: list[str] = []
    size = 0
    for entry in entries:
        piece.append(entry)
        size += len(entry.encode())
        if size >= PIECE_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _short(text: str) -> str:
    return one_line(text, LONGEST)


def _json(value: object) -> str:
    # NOTE: two line ends that JSON allows in a text and old scripts do not; no `</script>` matters in a file.
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("<", "\\u003c")
