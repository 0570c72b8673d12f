"""A diagnosis as Markdown: short, and nothing in the data can do anything in a pull request."""

from __future__ import annotations

import re

import diagnosis_results
from markdown_it import MarkdownIt

from warehouse.reports.diagnosis_markdown import diagnosis_markdown

ELEMENTS = "h3 code p strong ul ol li table thead tbody tr th td details summary"


def test_it_opens_with_the_verdict_and_folds_the_details() -> None:
    result = diagnosis_results.full()
    lines = diagnosis_markdown(result).splitlines()

    assert lines[0] == "### Diagnosis of `late_arrivals@1.0.0`, predicted by `predictions`"
    assert lines[2].startswith("**The largest gap is data mismatch, from train\\_dev to dev: 12 points")
    assert "1. find out how dev differs from train, by column: warehouse drift" in lines
    assert any(line.startswith("| `dev` | 1,176 | 27.9% |") and "▲ a gap" in line for line in lines)
    assert any(line.startswith("| `origin is “JFK”` | ▲ confirmed | 300 |") for line in lines)
    assert sum(line.startswith("<details><summary>") for line in lines) == lines.count("</details>") == 2


def test_a_hostile_diagnosis_has_the_elements_of_any_other() -> None:
    text = diagnosis_markdown(diagnosis_results.hostile())

    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    assert set(re.findall(r"<(?!/)(\w+)", page)) <= set(ELEMENTS.split())
    assert len(text) < 65_536
