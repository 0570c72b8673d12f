"""A report as Markdown: short, and nothing in the data can do anything in a pull request."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import drift_reports
import drift_results
import pytest
from markdown_it import MarkdownIt

from warehouse.checks.drift.report import DriftReport
from warehouse.checks.drift.result import DriftResult
from warehouse.reports.html import drift_html
from warehouse.reports.markdown import code, drift_markdown, escaped

LONGEST = 65_536
"""Of a comment on GitHub."""
ELEMENTS = "h3 code p strong ul li table thead tbody tr th td details summary"
HOSTILE = [
    "a | b",
    "\\| c",
    "`code` ``more``",
    "<img src=x onerror=alert(1)>",
    "</details></td></table>",
    "[link](javascript:alert(1))",
    "![picture](http://example.com/x.png)",
    "http://example.com www.example.com <http://example.com>",
    "@someone and @some/team",
    "#12 GH-12 owner/name#12",
    "**bold** _soft_ ~~gone~~ $x$",
    "# heading",
    "- item",
    "1. item",
    "=====",
    "two\nlines\r\n\n| a | b |\n|---|---|",
    "&lt;b&gt; &amp;",
    "\u202etxt.exe",
    "x" * 5000,
]


def rendered(text: str) -> str:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)


def test_two_sides_are_named_once() -> None:
    report = replace(drift_reports.full(), subject="train to test")

    assert drift_markdown(report).splitlines()[0] == "### Drift: `train` to `test`"
    assert "<title>Drift: train to test</title>" in drift_html(report)


def test_it_opens_with_the_verdict_and_folds_the_details() -> None:
    report = drift_reports.full()
    lines = drift_markdown(report).splitlines()

    assert lines[0] == "### Drift of `late_arrivals@1.0.0`: `train` to `test`"
    assert lines[2] == "**4 of 7 columns drifted from train to test.**"
    assert "- dev and test must be alike and are not: draw both from the same rows." in lines
    assert sum(line.startswith("<details><summary>") for line in lines) == lines.count("</details>")
    text = "\n".join(lines)
    assert text.index("| pair |") < text.index("<details>")
    assert "| `dev` to `test` | ▲ not alike, must be alike | 4 | 0 | 3 |" in text
    for part in (
        "How the label depends on columns: 1 changed",
        "AUC 0.830",
        "Within <code>carrier</code>",
        "Over time",
    ):
        assert part in text


def test_one_comparison_is_a_report_too() -> None:
    text = drift_markdown(drift_results.ordinary())

    assert "| pair |" not in text
    assert "| `carrier` | ▲ drifted |" in text


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_value_is_shown_and_nothing_more(value: str) -> None:
    for text in (escaped(value), code(value)):
        assert "\n" not in text
        page = rendered(f"| head | next |\n|---|---|\n| {text} | end |\n")
        assert " ".join(re.findall(r"<(?!/)(\w+)", page)) in (
            "table thead tr th th tbody tr td td",
            "table thead tr th th tbody tr td code td",
        )
        assert page.count("<td>end</td>") == 1
    assert re.findall(r"<(?!/)(\w+)", rendered(escaped(value))) == ["p"]
    assert re.findall(r"<(?!/)(\w+)", rendered(f"- {escaped(value)}")) == ["ul", "li"]
    # What GitHub links without any markup is broken up.
    assert not re.search(r"@\w|#\d|://|www\.|GH-", escaped(value))


@pytest.mark.parametrize("make", [drift_reports.hostile, drift_results.hostile], ids=["all", "one pair"])
def test_a_hostile_report_has_the_elements_of_any_other(make: Callable[[], DriftReport | DriftResult]) -> None:
    text = drift_markdown(make())

    tags = set(re.findall(r"<(?!/)(\w+)", rendered(text)))
    assert tags <= set(ELEMENTS.split())
    widths = {line.replace("\\|", "").count("|") for line in text.splitlines() if line.startswith("|")}
    assert widths <= {7, 6, 3}
    assert len(text) < LONGEST


@pytest.mark.slow
def test_the_largest_report_fits_into_a_comment() -> None:
    assert len(drift_markdown(drift_reports.large(200))) < LONGEST
