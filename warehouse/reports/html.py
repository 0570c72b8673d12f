"""Reports as one HTML file each: nothing is loaded, and nothing in the data can become markup or script."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from warehouse.checks.drift.report import DriftReport, report_of
from warehouse.checks.drift.result import DriftResult
from warehouse.checks.drift.summary import label_of
from warehouse.checks.drift.verdicts import Verdict
from warehouse.checks.drift.words import number_text, points_text, share_text
from warehouse.reports import charts, drift_page, nightly_words
from warehouse.reports.prose import one_line, prose
from warehouse.reports.visible import size_text, visible

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_BYTES = 990_000
"""Of a page, so that it opens at once on a phone and fits into a mail."""
MOST_DETAIL = 4
"""Of a card, see `drift_card.html`."""
MOST_IMPORTANT = 5
"""As many columns keep all their detail when others have lost theirs."""


def drift_html(found: DriftReport | DriftResult) -> str:
    """The report on drift, or on a single comparison: verdict, pairs, columns, what is beyond them, method."""
    report = report_of(found) if isinstance(found, DriftResult) else found
    main = report.main.result
    label = label_of(main)
    every_card = drift_page.cards(report)
    shown = every_card[: drift_page.MOST_COLUMNS]
    values: dict[str, Any] = {
        "report": report,
        "main": main,
        # Other pairs have tiles that say their sentences.
        "sentences": drift_page.sentences(report),
        "advice": drift_page.advice(report),
        "tiles": drift_page.tiles(report),
        "label": label.name if label is not None else "",
        "cards": shown,
        "card_ids": {card.column.name: card.id for card in shown},
        "hidden_columns": len(every_card) - len(shown),
        "kinds": sorted({card.column.kind.value for card in shown}),
        "has_relations": bool(main.relations),
        "relations": drift_page.changed_relations(main),
        "relation_sentence": drift_page.relation_sentence(main),
        "most_important": max([1e-9, *(card.importance.importance for card in shown if not card.column.is_label)]),
        "together": [
            {"result": pair.result, "domain": pair.result.domain} for pair in report.pairs if pair.result.domain
        ],
        "segmented": [
            {"title": pair.title, "segments": segments} for pair in report.pairs for segments in pair.result.segments
        ],
        "over_time": drift_page.series_view(report.series),
        "left_out": drift_page.left_out(report),
    }
    frame = _render("drift.html", card_texts=[], **values)
    texts = _card_texts(shown, values["label"], MOST_BYTES - len(frame.encode()))
    return _render("drift.html", card_texts=texts, **values)


def _card_texts(cards: Sequence[drift_page.Card], label: str, room: int) -> list[Any]:
    """One card per column, with less and less in them, from the least important one up, until all fit."""
    from markupsafe import Markup

    macro = _environment().get_template("drift_card.html").module.card  # type: ignore[attr-defined]  # made by the template

    def text(card: drift_page.Card, detail: int) -> Any:
        return Markup(re.sub(r">\n\s*<", "><", macro(card, detail, label)))

    # Of stable columns nobody looks at more than a chart and its numbers.
    start = [MOST_DETAIL if card.worst is not Verdict.STABLE else MOST_DETAIL - 1 for card in cards]
    texts = [text(card, detail) for card, detail in zip(cards, start, strict=True)]
    size = sum(len(found.encode()) for found in texts)
    leading, rest = range(min(MOST_IMPORTANT, len(cards))), range(MOST_IMPORTANT, len(cards))
    steps = [
        (detail, place)
        for places in (rest, leading)
        for detail in reversed(range(MOST_DETAIL))
        for place in reversed(places)
    ]
    for detail, place in steps:
        if size <= room:
            break
        if start[place] > detail:
            size -= len(texts[place].encode())
            texts[place] = text(cards[place], detail)
            size += len(texts[place].encode())
    return texts


def _fact(value: float | str | None) -> str:
    return "–" if value is None else visible(value) if isinstance(value, str) else number_text(value)


def _measure(value: float | None) -> str:
    if value is None:
        return "–"
    size = abs(value)
    if size >= 100 or value == 0:
        return number_text(value)
    return f"{value:.4f}" if 0.00005 <= size < 10 else f"{value:.2f}" if size >= 10 else f"{value:.1e}"


def _label_value(value: float | None, as_share: bool) -> str:
    return "–" if value is None else share_text(value) if as_share else number_text(value)


def _signed(value: float, as_share: bool) -> str:
    size = points_text(0.0, value) if as_share else number_text(abs(value))
    return f"{'+' if value > 0 else '−'}{size}"


def _auc_place(value: float) -> str:
    """On a scale 600 wide from 0.5 to 1; below that, nothing can be told either."""
    return f"{1200 * min(max(value - 0.5, 0.0), 0.5):.0f}"


def _effect(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if value >= 0.0005 else "0"


def _p_value(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def _text(name: str) -> str:
    return resources.files("warehouse.reports").joinpath("templates", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """The hash by which a content security policy names an inline script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "visible": visible,
        "share": share_text,
        "fact": _fact,
        "measure": _measure,
        "effect": _effect,
        "p_value": _p_value,
        "gauge": charts.gauge,
        "label_value": _label_value,
        "signed": _signed,
        "auc": _auc_place,
        "counted": nightly_words.counted,
        "moment": nightly_words.moment_text,
        "seconds": nightly_words.seconds_text,
        "size": size_text,
        "prose": prose,
        "href": quote,
        "line": one_line,
    }
    return environment


def linked_page(template: str, **values: object) -> str:
    """The template's page of a site, whose styles and scripts are files of the site; nothing else may act or load."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'"
    )
    return _squeezed(_environment().get_template(template).render(policy=policy, **values))


def template_macro(template: str, name: str) -> Callable[..., Any]:
    """A macro of a template, for what is the same on many pages."""
    found: Callable[..., Any] = getattr(_environment().get_template(template).module, name)
    return found


def template_text(*names: str) -> str:
    """Styles or scripts of `templates/`, one after the other."""
    return _squeezed("".join(_text(name) for name in names))


def _render(template: str, **values: object) -> str:
    return render_page(template, style_names=("report.css", "drift.css"), script_name="report.js", **values)


def render_page(template: str, *, style_names: Sequence[str], script_name: str | None = None, **values: object) -> str:
    """The template's page, with these styles and this script of `templates/` inside and no others allowed to act."""
    # Squeezed before the hash is taken, or the browser would refuse them.
    style = _squeezed("".join(_text(name) for name in style_names))
    script = _squeezed(_text(script_name)) if script_name else ""
    script_policy = f"'{_digest(script)}'" if script else "'none'"
    page = (
        _environment()
        .get_template(template)
        .render(
            script=script,
            style=style,
            # Only this script and this style may run, so that even a hole in the escaping would do nothing.
            policy=f"default-src 'none'; script-src {script_policy}; style-src '{_digest(style)}'",
            **values,
        )
    )
    return _squeezed(page)


def _squeezed(text: str) -> str:
    """The text without empty lines, which the template's loops leave."""
    return re.sub(r"\n\s*\n+", "\n", text)
