"""Reports as one HTML file each: nothing is loaded, and nothing in the data can become markup or script."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from warehouse.checks.drift_result import ColumnDrift, DriftResult
from warehouse.checks.drift_verdicts import Verdict
from warehouse.checks.drift_words import number_text, share_text
from warehouse.reports import charts
from warehouse.statistics.kinds import PRESENCE_KINDS, Kind

if TYPE_CHECKING:
    from jinja2 import Environment

LONGEST = 200
# Control characters, and those that turn the reading direction of what follows them.
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")


def drift_html(result: DriftResult) -> str:
    """The drift report: verdict, table of all columns, a card per column, method."""
    counts = {verdict.value: len(result.with_verdict(verdict)) for verdict in Verdict}
    return _render(
        "drift.html",
        result=result,
        counts=counts,
        total=max(1, len(result.columns)),
        cards=[_card(column, index) for index, column in enumerate(result.columns)],
    )


def _card(column: ColumnDrift, index: int) -> dict[str, Any]:
    flat = column.kind in {Kind.CATEGORY, Kind.BOOLEAN, *PRESENCE_KINDS}
    return {
        "column": column,
        "id": f"c{index}",
        "leading": column.leading,
        "upright": None if flat else charts.upright(column.bars),
        "lying": charts.lying(column.bars) if flat else None,
    }


def visible(text: object, limit: int = LONGEST) -> str:
    """Text fit to be shown: no control or direction characters, and not longer than `limit`."""
    cleaned = _HARMFUL.sub("\N{REPLACEMENT CHARACTER}", str(text))
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1] + "…"


def _fact(value: float | str | None) -> str:
    return "–" if value is None else visible(value) if isinstance(value, str) else number_text(value)


def _measure(value: float | None) -> str:
    if value is None:
        return "–"
    return "0" if value == 0 else f"{value:.4f}" if abs(value) >= 0.00005 else f"{value:.1e}"


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
        "p_value": _p_value,
        "gauge": charts.gauge,
    }
    return environment


def _render(template: str, **values: object) -> str:
    # Squeezed before the hash is taken, or the browser would refuse them.
    script, style = _squeezed(_text("report.js")), _squeezed(_text("report.css"))
    page = (
        _environment()
        .get_template(template)
        .render(
            script=script,
            style=style,
            # Only this script and this style may run, so that even a hole in the escaping would do nothing.
            policy=f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'",
            **values,
        )
    )
    return _squeezed(page)


def _squeezed(text: str) -> str:
    """The text without empty lines, which the template's loops leave."""
    return re.sub(r"\n\s*\n+", "\n", text)
