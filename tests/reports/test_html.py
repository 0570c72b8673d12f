"""The report renders, holds all it needs, and nothing in the data can do anything in it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import browser
import drift_results
import pytest

from warehouse.checks.drift_result import DriftResult
from warehouse.reports.html import drift_html, visible

VOID = {"meta", "input", "path", "circle", "br", "link", "img"}


class Elements(HTMLParser):
    """Every start tag with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def elements(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Elements()
    parser.feed(page)
    return parser.found


def test_the_report_opens_with_the_verdict() -> None:
    result = drift_results.ordinary()
    page = drift_html(result)

    assert f'<p class="verdict">{result.summary[0]}</p>' in page
    assert page.count('<details class="card"') == len(result.columns)
    assert page.index("<bdi>is_late</bdi>") < page.index("<bdi>delay</bdi>")


@pytest.mark.parametrize("make", [drift_results.ordinary, drift_results.hostile], ids=["ordinary", "hostile"])
def test_nothing_is_loaded_from_anywhere(make: type[DriftResult]) -> None:
    for tag, attributes in elements(drift_html(make())):
        assert tag not in ("link", "img", "iframe", "object", "embed", "form", "base"), tag
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]


def test_hostile_names_and_values_add_no_element() -> None:
    page = drift_html(drift_results.hostile())
    tags = {tag for tag, _ in elements(page)}

    assert tags <= {
        *(
            "html",
            "head",
            "meta",
            "title",
            "style",
            "body",
            "header",
            "main",
            "footer",
            "h1",
            "h2",
            "h3",
            "p",
            "ul",
            "li",
        ),
        *(
            "b",
            "a",
            "svg",
            "g",
            "path",
            "circle",
            "text",
            "div",
            "input",
            "label",
            "span",
            "table",
            "thead",
            "tbody",
            "tr",
        ),
        *("th", "td", "button", "details", "summary", "dl", "dt", "dd", "bdi", "caption", "script"),
    }
    assert page.count("<script>") == 1
    assert "49" not in re.findall(r"<h3><bdi>(.*?)</bdi>", page)
    for character in "\x07\x1b\u202e":
        assert character not in page
    assert max(len(line) for line in re.findall(r"<bdi>(.*?)</bdi>", page)) < 1000


def test_only_the_reports_own_script_may_run() -> None:
    page = drift_html(drift_results.ordinary())
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)

    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[1]
    assert "unsafe" not in policy[1]


def test_two_hundred_columns_stay_under_a_megabyte() -> None:
    page = drift_html(drift_results.wide(200))

    assert page.count('<details class="card"') == 200
    assert len(page.encode()) < 1_000_000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\x00b\u202ec", "a\ufffdb\ufffdc"),
        ("x" * 300, "x" * 199 + "…"),
        ("שלום", "שלום"),
        (3, "3"),
    ],
)
def test_text_is_made_fit_to_be_shown(text: object, shown: str) -> None:
    assert visible(text) == shown


def test_an_empty_side_still_gives_a_report() -> None:
    page = drift_html(drift_results.compared("select 1 as x, 'a' as y", "select 1 as x, 'a' as y limit 0"))

    assert "Nothing could be compared: test has no rows." in page


def test_no_column_still_gives_a_report() -> None:
    page = drift_html(drift_results.compared("select 1 as x", "select 1 as y"))

    assert "No column of train and test could be compared." in page


@pytest.mark.slow
@pytest.mark.parametrize("make", [drift_results.ordinary, drift_results.hostile], ids=["ordinary", "hostile"])
def test_a_browser_shows_it_without_complaint(make: type[DriftResult], tmp_path: Path) -> None:
    result = make()
    path = tmp_path / "drift.html"
    path.write_text(drift_html(result), encoding="utf-8")

    document, console = browser.open_page(path, tmp_path / "profile")

    assert console == []
    assert "<title>taken" not in document
    assert f"{len(result.columns)} columns</span>" in document


@pytest.mark.slow
def test_the_filter_and_the_sorting_work(tmp_path: Path) -> None:
    path = tmp_path / "drift.html"
    page = drift_html(drift_results.ordinary())
    # The page's own policy forbids any other script; without it, this one can use the page as a reader would.
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    use = """<script>
      const search = document.getElementById("search");
      search.value = "CARRIER category"; search.dispatchEvent(new Event("input"));
      const shown = () => [...document.querySelectorAll("tbody.list tr")].filter((row) => !row.hidden);
      const cards = () => [...document.querySelectorAll(".card")].filter((card) => !card.hidden);
      const names = () => shown().map((row) => row.dataset.find.split(" ")[0]).join();
      const first = [names(), cards().length, document.getElementById("status").textContent];
      search.value = ""; search.dispatchEvent(new Event("input"));
      const box = document.querySelector("input[value=drifted]"); box.click();
      const second = shown().every((row) => row.dataset.verdict !== "drifted"); box.click();
      const button = document.querySelector("button[data-key=find]"); button.click(); button.click();
      const third = [names(), button.closest("th").getAttribute("aria-sort")];
      document.body.dataset.outcome = JSON.stringify([first, second, third]);
    </script></body>"""
    path.write_text(page.replace("</body>", use), encoding="utf-8")

    document, console = browser.open_page(path, tmp_path / "profile")

    assert console == []
    outcome = re.search(r'data-outcome="([^"]+)"', document)
    assert outcome is not None
    assert outcome[1].replace("&quot;", '"') == (
        '[["carrier",1,"1 of 7 columns"],true,["carrier,delay,departed_at,is_late,legs,note,weekday","ascending"]]'
    )
