"""A nightly run as JSON: all that its page shows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from warehouse.reports import nightly_words as words
from warehouse.reports.plain_values import plain
from warehouse.stages import Night, Nightly

FORMAT = "ml-warehouse nightly"
FORMAT_VERSION = 1
"""Rises when a name goes or changes its meaning; new names may come at any time."""


def nightly_document(nightly: Nightly, *, history: Sequence[Night] = ()) -> dict[str, Any]:
    """The run with its verdict and the nights before it, as what JSON knows."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "summary": [words.headline(nightly), *words.sentences(nightly)],
        "advice": list(words.advice(nightly)),
        "run": plain(nightly),
        "history": plain(list(history)),
    }


def nightly_json(nightly: Nightly, *, history: Sequence[Night] = ()) -> str:
    """The document as text."""
    document = nightly_document(nightly, history=history)
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False, default=str) + "\n"
