"""A night as Markdown and as JSON."""

from __future__ import annotations

import json

import nightly_runs

from warehouse.reports.nightly_json import nightly_document, nightly_json
from warehouse.reports.nightly_markdown import nightly_markdown


def test_markdown_opens_with_the_verdict_and_folds_what_is_not_critical() -> None:
    text = nightly_markdown(nightly_runs.bad(), history=nightly_runs.history())

    lines = text.splitlines()
    assert lines[2] == "**The nightly build is published, but drift is critical and an export could not be made.**"
    assert "| Drift | ▲ failed | 12 s | drift of late\\_arrivals: 3 columns |" in lines
    assert "| Clean-up | ● passed (kept) | 0.3 s | 1 old build deleted |" in lines
    assert "<details open><summary>1 critical</summary>" in lines
    assert "<details><summary>3 warnings</summary>" in lines
    assert lines[-1] == "26 of the last 30 nights passed."


def test_hostile_texts_are_no_markup_in_markdown() -> None:
    text = nightly_markdown(nightly_runs.hostile())

    assert "<script" not in text.replace("`<script", "")
    assert "@channel" not in text.replace("`", "") or "@\N{WORD JOINER}channel" in text
    assert not {"\x00", "\x1b", "\u202e"} & set(text)
    for line in text.splitlines():
        if line.startswith("| "):
            assert line.replace("\\|", "").count("|") == 5


def test_json_holds_the_run_and_what_people_are_told() -> None:
    run = nightly_runs.bad()
    document = json.loads(nightly_json(run, history=nightly_runs.history(2)))

    assert document == json.loads(json.dumps(nightly_document(run, history=nightly_runs.history(2))))
    assert document["format"] == "ml-warehouse nightly"
    assert document["summary"][0].startswith("The nightly build is published, but")
    assert document["run"]["stages"][3]["findings"][0]["severity"] == "critical"
    assert document["run"]["stages"][3]["name"] == "drift"
    assert [night["status"] for night in document["history"]] == ["passed", "passed"]


def test_numbers_that_json_has_not_are_null() -> None:
    document = json.loads(nightly_json(nightly_runs.hostile()))

    assert document["run"]["stages"][0]["findings"][0]["measured"] is None
