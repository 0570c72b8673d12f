"""The page of a nightly run: what happened in plain sentences, stages, findings, the nights before it."""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.reports import nightly_words as words
from warehouse.stages import Night, Nightly


def nightly_html(nightly: Nightly, *, history: Sequence[Night] = (), root: str = "../../..") -> str:
    """The page as one file that loads nothing.

    Args:
        nightly: The run.
        history: The nights before it and this one, oldest first; see `stages.nights`.
        root: Way from the page's folder to the project's, so that links to other reports lead there:
            `var/reports/nightly/<id>.html` has the default.
    """
    from html import escape

    return f"<!doctype html><title>Nightly run</title><p>{escape(words.headline(nightly))}"
