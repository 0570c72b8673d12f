"""Data Docs: pages that need no network and let no value become markup."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from result_rows import expectation, result

from warehouse.findings import Severity
from warehouse.validation import ValidationResult
from warehouse.validation.docs import write_docs
from warehouse.validation.docs_page import cleaned

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NASTY = "</td><script>alert(1)</script><img src=https://example.com/x onerror=alert(2)><b>$column ${x} {{ y }}"


class Loads(HTMLParser):
    """Everything in a page that would be loaded or run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.scripts = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        if tag in ("img", "link", "iframe", "object", "embed", "form", "base"):
            self.found.append(tag)
        for name, value in attrs:
            outside = name in ("src", "href", "action") and re.match(
                r"(?i)\s*(https?:|//|data:|javascript:)", value or ""
            )
            if outside or name.startswith("on") or (name == "style" and "url" in (value or "")):
                self.found.append(f"{tag} {name}={value}")


def hostile() -> ValidationResult:
    return result(
        expectation(
            success=False,
            arguments={"column": NASTY, "regex": NASTY},
            type="expect_column_values_to_match_regex",
            column=NASTY,
            reason=NASTY,
            examples=({NASTY: NASTY, "other": None},),
        ),
        expectation(success=False, severity=Severity.WARNING, error=NASTY),
        expectation(
            type="expect_column_distinct_values_to_be_in_set",
            arguments={"column": "a", "value_set": [NASTY]},
            success=False,
            row_count=None,
            unexpected_count=None,
            details={"unexpected": [NASTY]},
        ),
        name="fl<b>ights#1",
    )


@pytest.mark.slow
def test_pages_load_nothing_and_run_no_script_but_ours(tmp_path: Path) -> None:
    index = write_docs(hostile(), tmp_path / "docs", title=NASTY, now=NOW)
    pages = sorted((tmp_path / "docs").iterdir())
    assert [page.name for page in pages] == ["fl<b>ights#1.html", "index.html"]
    for page in pages:
        html = page.read_text()
        loads = Loads(html)
        assert loads.found == []
        assert loads.scripts == 1
        assert escape(NASTY, quote=False) in html.replace("&#x27;", "'").replace("&quot;", '"')
        assert "default-src 'none'" in html
    assert 'href="fl%3Cb%3Eights%231.html"' in index.read_text()


@pytest.mark.slow
def test_page_of_a_suite_is_gx_s_own_with_counts_and_examples(tmp_path: Path) -> None:
    write_docs(
        result(
            expectation(success=False, examples=({"a": 41, "b": 2}, {"a": 42, "b": 3})),
            expectation(type="expect_column_mean_to_be_between", observed=5.5, row_count=None, unexpected_count=None),
        ),
        tmp_path,
        title="Validation of build 1",
        now=NOW,
    )
    html = (tmp_path / "flights.html").read_text()
    for words in ("Expectation Validation Result", "2 unexpected values found", "41", "42", "5.5", "Failed Only"):
        assert words in html
    summary = (tmp_path / "index.html").read_text()
    for words in ("Validation of build 1", "2 expectations, 1 failed", "2 of 8 rows unexpected", "critical", "known"):
        assert words in summary


@pytest.mark.slow
def test_pages_of_suites_that_are_gone_are_removed_and_one_called_index_keeps_its_own(tmp_path: Path) -> None:
    write_docs(result(expectation(), name="old"), tmp_path, title="x", now=NOW)
    write_docs(result(expectation(), name="index"), tmp_path, title="x", now=NOW)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index suite.html", "index.html"]


def test_cleaning_keeps_text_and_drops_whatever_is_not_known_to_be_harmless() -> None:
    html = (
        '<head><title>t</title></head><body><nav class="navbar sticky-top"><nav>in</nav>gone</nav>'
        '<p onclick="x()" class="lead" style="background:url(http://x)">a &lt;b&gt; &amp;<br/></p>'
        '<a href="javascript:x">j</a><a href="#here">k</a><a href="https://x.org">l</a><img src="x">'
        "<svg><p>no</p></svg>"
        "<unknown>m</unknown><script>if (a < b) { x }</script><div><span>open"
    )
    assert cleaned(html) == (
        '<p class="lead">a &lt;b&gt; &amp;<br></p><a>j</a><a href="#here">k</a><a>l</a>m<div><span>open</span></div>'
    )


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium here")
def test_browser_shows_the_page_and_reports_no_error(tmp_path: Path) -> None:
    write_docs(hostile(), tmp_path / "docs", title="Validation", now=NOW)
    folder = tmp_path / "docs"
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--enable-logging=stderr",
    ]
    command += [f"--user-data-dir={tmp_path / 'browser'}", "--dump-dom"]
    pages = [path.as_uri() for path in folder.iterdir()]
    for page in pages:
        shown = subprocess.run([*command, page], capture_output=True, text=True, timeout=60, check=True)
        assert "alert(1)" in shown.stdout
        console = [line for line in shown.stderr.splitlines() if "CONSOLE" in line]
        assert console == []
