"""Pages that need no network: what Great Expectations renders, cleaned, in a shell with all styles and scripts inside.

GX's pages load six libraries from content delivery networks, and put column names into the markup unescaped. So only
known tags and attributes pass, every other one is dropped with what it would load, and a content security policy
forbids the browser any request and any script but ours.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from html.parser import HTMLParser
from typing import Any

TAGS = frozenset(
    {
        *("a", "b", "blockquote", "br", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "label"),
        *("li", "nav", "ol", "p", "pre", "small", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
    }
)
EMPTY_TAGS = frozenset({"br", "hr"})
# These are dropped with everything inside them.
DROPPED = frozenset({"footer", "head", "iframe", "object", "script", "style", "svg", "template", "title"})
ATTRIBUTES = frozenset({"class", "colspan", "data-toggle", "hidden", "id", "role", "rowspan"})
STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
:root { --bad: #c0392b; --good: #1e8449; --warn: #b9770e; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 0 24px 48px; max-width: 1400px; }
header { display: flex; gap: 16px; align-items: baseline; border-bottom: 1px solid var(--line); padding: 14px 0; }
header a { font-weight: 600; }
a { color: #2471a3; text-decoration: none; } a:hover { text-decoration: underline; }
h1 { font-size: 22px; margin: 20px 0 4px; } h2 { font-size: 18px; margin: 28px 0 8px; }
h4, h5, h6 { margin: 0 0 4px; } h5 { font-size: 17px; } h6, .h6 { font-size: 14px; font-weight: 600; }
.page > .container-fluid { padding-top: 16px; }
.lead { margin: 4px 0 12px; opacity: .75; }
table { border-collapse: collapse; margin: 8px 0; }
th, td { text-align: left; vertical-align: top; padding: 6px 10px; border-bottom: 1px solid var(--line); }
th { font-weight: 600; background: var(--soft); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.table { width: 100%; } .table-sm th, .table-sm td { padding: 3px 8px; font-size: 14px; }
.table-bordered th, .table-bordered td { border: 1px solid var(--line); }
.table-responsive, .scroll { overflow-x: auto; }
.show-scrollbars { max-width: 900px; overflow-wrap: anywhere; }
.row { display: flex; flex-wrap: wrap; gap: 0 24px; }
.page > .container-fluid > .row { flex-wrap: nowrap; }
.col-12 { flex: 0 0 100%; } .col-6 { flex: 1 1 45%; } .col-md-10 { flex: 1 1 auto; min-width: 0; }
.col-lg-2 { flex: 0 0 250px; }
.sticky { position: sticky; top: 12px; }
.ge-section { margin: 0 0 20px; } .ge-section > .row > * { flex-basis: 100%; }
.ge-section > .row > .col-6 { flex-basis: 40%; }
.alert { border: 1px solid var(--line); background: var(--soft); border-radius: 6px; padding: 10px 14px; }
td.alert { border-radius: 0; }
.card { border: 1px solid var(--line); border-radius: 6px; margin: 0 0 14px; overflow: hidden; }
.card-header { background: var(--soft); padding: 6px 12px; } .card-body { padding: 8px 12px; }
ul.nav { list-style: none; margin: 0; padding: 4px 0; } .nav-link { display: block; padding: 3px 6px; }
.card .navbar { max-height: 65vh; overflow: auto; }
.badge { border-radius: 4px; background: var(--soft); border: 1px solid var(--line); padding: 0 5px; }
.badge, code, pre { font: 13px/1.45 ui-monospace, monospace; overflow-wrap: anywhere; white-space: pre-wrap; }
.btn { display: inline-block; border: 1px solid var(--line); padding: 3px 10px; cursor: pointer; }
.btn.active { background: #2471a3; color: #fff; }
.text-danger, .critical { color: var(--bad); } .text-success, .holds { color: var(--good); }
.text-warning, .warning { color: var(--warn); } .critical, .warning, .info { font-weight: 600; }
.fas { font-style: normal; font-weight: 700; }
.fa-times::before { content: "\\2718"; } .fa-check-circle::before { content: "\\2714"; }
.fa-exclamation-triangle::before { content: "\\26A0"; } .fa-question-circle::before { content: "?"; }
.collapse { display: none; } .collapse.show { display: block; } [hidden] { display: none; }
.failed-only tr:has(> .hide-succeeded-validation-target-child) { display: none; }
.failed-only .ge-section:has(.hide-succeeded-validations-column-section-target-child) { display: none; }
@media (max-width: 900px) { .page > .container-fluid > .row { display: block; } .sticky { position: static; } }
@media print { .col-lg-2 { display: none; } .collapse { display: block; } }
"""
SCRIPT = """
document.querySelectorAll('[data-toggle="collapse"]').forEach(link => link.addEventListener("click", event => {
  const target = document.getElementById((link.getAttribute("href") || "").slice(1));
  if (target) { event.preventDefault(); target.classList.toggle("show"); }
}));
document.querySelectorAll(".btn-group-toggle").forEach(group => {
  const buttons = [...group.querySelectorAll(".btn")];
  buttons.forEach((button, position) => button.addEventListener("click", () => {
    buttons.forEach(other => other.classList.toggle("active", other === button));
    document.body.classList.toggle("failed-only", position === 1);
  }));
});
"""


def page(title: str, body: str, *, home: str = "") -> str:
    """A whole document around `body`, which must be safe markup; the title is escaped here."""
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    back = f'<a href="{escape(home)}">All suites</a>' if home else ""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<header><strong>Validation</strong>{back}</header>\n<div class="page">\n{body}\n</div>\n'
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def cleaned(html: str) -> str:
    """The body's markup with only harmless tags and attributes; links lead within the page alone."""
    cleaner = _Cleaner()
    cleaner.feed(html)
    cleaner.close()
    return cleaner.markup()


# GX escapes some values twice, some not at all, and takes a dollar for a placeholder of its templates.
_VEILS = {"<": "\ue000", ">": "\ue001", "&": "\ue002", '"': "\ue003", "'": "\ue004", "$": "\ue005"}
_VEIL = str.maketrans(_VEILS)
_UNVEIL = str.maketrans({veil: escape(character) for character, veil in _VEILS.items()})


def veiled(value: Any) -> Any:
    """`value` with every character in its text that could become markup as one that no renderer touches."""
    if isinstance(value, str):
        return value.translate(_VEIL)
    if isinstance(value, Mapping):
        return {veiled(name): veiled(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [veiled(item) for item in value]
    return value


def unveiled(html: str) -> str:
    """Markup with the veiled characters back, escaped."""
    return html.translate(_UNVEIL)


class _Cleaner(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._pieces: list[str] = []
        self._open: list[str] = []
        self._dropping: list[str] = []

    def markup(self) -> str:
        """What was kept, with every tag closed."""
        return "".join([*self._pieces, *(f"</{tag}>" for tag in reversed(self._open))])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # GX's bar at the top holds a logo that is loaded, and links into a site that we do not write.
        is_top_bar = tag == "nav" and "sticky-top" in (dict(attrs).get("class") or "")
        if tag in DROPPED or is_top_bar or (self._dropping and tag == self._dropping[-1]):
            self._dropping.append(tag)
        elif not self._dropping and tag in TAGS:
            self._pieces.append(f"<{tag}{_attributes(tag, attrs)}>")
            if tag not in EMPTY_TAGS:
                self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._dropping and tag in TAGS:
            self._pieces.append(f"<{tag}{_attributes(tag, attrs)}>" + ("" if tag in EMPTY_TAGS else f"</{tag}>"))

    def handle_endtag(self, tag: str) -> None:
        if self._dropping:
            if tag == self._dropping[-1]:
                self._dropping.pop()
        elif tag in self._open:
            while True:
                last = self._open.pop()
                self._pieces.append(f"</{last}>")
                if last == tag:
                    break

    def handle_data(self, data: str) -> None:
        if not self._dropping:
            self._pieces.append(escape(data, quote=False))


def _attributes(tag: str, attributes: list[tuple[str, str | None]]) -> str:
    kept = [(name, value or "") for name, value in attributes if name in ATTRIBUTES]
    if tag == "a":
        kept += [(name, value or "") for name, value in attributes if name == "href" and (value or "").startswith("#")]
    return "".join(f' {name}="{escape(value)}"' for name, value in kept)
