"""The report renders, holds all it needs, and nothing in the data can do anything in it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path

import browser
import drift_reports
import drift_results
import pytest
from page_elements import elements

from warehouse.checks.drift.importance import rank_columns
from warehouse.checks.drift.report import DriftReport
from warehouse.checks.drift.result import DriftResult
from warehouse.reports.html import drift_html
from warehouse.reports.visible import visible

STRUCTURE = "html head meta title style body header main footer section article nav figure figcaption script"
TEXT = "h1 h2 h3 h4 h5 p ul li b i a span bdi dl dt dd div details summary table thead tbody caption tr th td"
DRAWN_OR_USED = "svg g path circle text input label fieldset legend select option button"
ALLOWED = {*STRUCTURE.split(), *TEXT.split(), *DRAWN_OR_USED.split()}


def test_the_report_opens_with_the_verdict() -> None:
    result = drift_results.ordinary()
    page = drift_html(result)

    assert f'<p class="verdict">{result.summary[0]}</p>' in page
    assert page.count('<details class="card"') == len(result.columns)
    assert page.index("<bdi>is_late</bdi>") < page.index("<bdi>delay</bdi>")


MAKERS = [drift_results.ordinary, drift_results.hostile, drift_reports.full, drift_reports.hostile]
NAMES = ["ordinary", "hostile", "full", "hostile and full"]


@pytest.mark.parametrize("make", MAKERS, ids=NAMES)
def test_nothing_is_loaded_from_anywhere(make: Callable[[], DriftReport | DriftResult]) -> None:
    for tag, attributes in elements(drift_html(make())):
        assert tag in ALLOWED, tag
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]


@pytest.mark.parametrize("make", [drift_results.hostile, drift_reports.hostile], ids=["one pair", "all"])
def test_hostile_names_and_values_stay_text(make: Callable[[], DriftReport | DriftResult]) -> None:
    page = drift_html(make())

    assert page.count("<script>") == 1
    assert "49" not in re.findall(r"<h3><bdi>(.*?)</bdi>", page)
    for character in "\x07\x1b\u202e":
        assert character not in page
    assert max(len(line) for line in re.findall(r"<bdi>(.*?)</bdi>", page)) < 1000


def test_every_part_of_a_full_report_is_there_and_every_link_leads_somewhere() -> None:
    report = drift_reports.full()
    page = drift_html(report)
    found = elements(page)

    ids = [attributes["id"] for _, attributes in found if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {(attributes["href"] or "")[1:] for tag, attributes in found if tag == "a"}
    assert links <= set(ids)
    assert links >= {"columns", "together", "relations", "segments", "time", "left-out", "method"}
    assert page.count('<article class="tile') == 4
    assert "must be alike and are not: draw both from the same rows." in page
    assert "picks the right one 83 times in 100" in page
    assert "What is in its values" in page
    assert "10 bins with fewer rows are not drawn." in page
    assert page.count("<figure>") == 1 + len(report.main.result.columns) - 1
    assert "Groups are not told apart here." in page


def test_columns_stand_by_importance() -> None:
    report = drift_reports.full()
    page = drift_html(report)

    shown = re.findall(r"<summary><h3><bdi>(.*?)</bdi>", page)
    assert shown[0] == "is_late"
    assert shown[1:] == [entry.name for entry in rank_columns(report.main.result)][1:]


def test_every_chart_has_its_numbers_in_a_table_and_a_name() -> None:
    page = drift_html(drift_reports.full())

    for tag, attributes in elements(page):
        if tag == "svg":
            assert attributes.get("aria-hidden") == "true" or attributes.get("aria-label")
        if tag in ("input", "select", "button"):
            assert attributes.get("tabindex") != "-1"
    cards = page.split('<details class="card"')[1:]
    assert len(cards) == 7
    for card in cards:
        assert "<table" in card
    # What scrolls by itself can be reached and named.
    for match in re.findall(r'<div class="scroll[^>]*>', page):
        assert 'tabindex="0"' in match
        assert "aria-label" in match


def test_colours_can_be_read_in_light_and_in_dark() -> None:
    style = re.search(r"<style>(.*?)</style>", drift_html(drift_results.ordinary()), flags=re.S)
    assert style is not None
    light, dark = (
        {**dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", part))} for part in style[1].split("@media (prefers")[:2]
    )
    for colours in (light, dark):
        pairs = [
            (ink, ground) for ink in ("ink", "soft", "drifted", "undecided", "stable") for ground in ("page", "card")
        ]
        pairs += [(verdict, f"{verdict}-bg") for verdict in ("drifted", "undecided", "stable")]
        for ink, ground in pairs:
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
        for mark in ("left", "right"):
            assert contrast(colours[mark], colours["card"]) >= 3


def contrast(first: str, second: str) -> float:
    """Of two colours, by WCAG 2: 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dim = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def test_only_the_reports_own_script_may_run() -> None:
    page = drift_html(drift_results.ordinary())
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)

    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[1]
    assert "unsafe" not in policy[1]


def test_two_hundred_columns_stay_under_a_megabyte() -> None:
    page = drift_html(drift_results.wide(200))

    assert page.count('<details class="card"') == 200
    assert page.count('class="chart" viewBox') + page.count('class="lying"') >= 200
    assert page.count("<caption>Distances</caption>") >= 150
    assert len(page.encode()) < 1_000_000


@pytest.mark.slow
def test_two_hundred_columns_that_drift_in_four_pairs_stay_under_a_megabyte() -> None:
    page = drift_html(drift_reports.large(200))

    assert page.count('<details class="card"') == 200
    assert page.count("are in the JSON file: the page would be too large") <= 195
    assert page.count('class="chart" viewBox') + page.count('class="lying"') >= 150
    assert len(page.encode()) < 1_000_000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\x00b\u202ec", "a\ufffdb\ufffdc"),
        ("x" * 300, "x" * 199 + "…"),
        ("שלום", "שלום"),
        (3, "3"),
        ("  ", "␣␣"),
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
@pytest.mark.parametrize("make", MAKERS, ids=NAMES)
def test_a_browser_shows_it_without_complaint(make: Callable[[], DriftReport | DriftResult], tmp_path: Path) -> None:
    found = make()
    columns = (found if isinstance(found, DriftResult) else found.main.result).columns
    path = tmp_path / "drift.html"
    path.write_text(drift_html(found), encoding="utf-8")

    document, console = browser.open_page(path, tmp_path / "profile")

    assert console == []
    assert "<title>taken" not in document
    assert f"{len(columns)} columns</span>" in document


MEASURE = """<script>
  const wide = [...document.querySelectorAll("body *")].filter((part) =>
    part.getBoundingClientRect().right > innerWidth + 1 && !part.closest(".panel, .scroll, svg, .hush, .skip"));
  const focused = [...document.querySelectorAll("a, button, input, select, summary, [tabindex]")]
    .filter((part) => part.checkVisibility())
    .filter((part) => { part.focus(); return document.activeElement !== part; });
  const told = wide.map((part) => part.outerHTML.slice(0, 80));
  document.body.dataset.outcome = JSON.stringify(
    [innerWidth, document.documentElement.scrollWidth, told, focused.length]);
</script></body>"""


@pytest.mark.slow
@pytest.mark.parametrize("make", [drift_reports.full, drift_reports.hostile], ids=["full", "hostile"])
def test_nothing_sticks_out_on_a_phone_and_all_controls_take_the_keyboard(
    make: Callable[[], DriftReport], tmp_path: Path
) -> None:
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", drift_html(make()))
    inner = tmp_path / "drift.html"
    inner.write_text(page.replace("</body>", MEASURE), encoding="utf-8")
    # A window has a least width of 500; a frame has not.
    frame = tmp_path / "frame.html"
    frame.write_text(
        '<body><iframe src="drift.html" width="360" height="800" onload="document.body.dataset.found ='
        ' this.contentDocument.body.dataset.outcome"></iframe></body>'
    )

    document, console = browser.open_page(frame, tmp_path / "profile", "--allow-file-access-from-files")

    assert console == []
    outcome = re.search(r'data-found="([^"]+)"', document)
    assert outcome is not None
    assert json.loads(html.unescape(outcome[1])) == [360, 360, [], 0]


@pytest.mark.slow
def test_it_prints_without_controls(tmp_path: Path) -> None:
    path = tmp_path / "drift.html"
    path.write_text(drift_html(drift_reports.full()), encoding="utf-8")
    printed = tmp_path / "drift.pdf"

    browser.open_page(path, tmp_path / "profile", f"--print-to-pdf={printed}", "--no-pdf-header-footer")

    if printed.is_file():  # some builds print or dump, not both
        assert printed.read_bytes().startswith(b"%PDF")
    assert "@media print" in path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_filter_and_the_sorting_work(tmp_path: Path) -> None:
    path = tmp_path / "drift.html"
    page = drift_html(drift_reports.full())
    # The page's own policy forbids any other script; without it, this one can use the page as a reader would.
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    use = """<script>
      const search = document.getElementById("search");
      search.value = "CARRIER category"; search.dispatchEvent(new Event("input"));
      const shown = () => [...document.querySelectorAll("tbody.list tr")].filter((row) => !row.hidden);
      const cards = () => [...document.querySelectorAll(".card")].filter((card) => !card.hidden);
      const names = () => shown().map((row) => row.dataset.name).join();
      const first = [names(), cards().length, document.getElementById("status").textContent];
      search.value = ""; search.dispatchEvent(new Event("input"));
      const box = document.querySelector("input[value=drifted]"); box.click();
      const second = shown().every((row) => row.dataset.verdicts !== "dddd"); box.click();
      const choose = (id, value) => { const part = document.getElementById(id); part.value = value;
        part.dispatchEvent(new Event("change")); };
      choose("kind", "number"); const kinds = names(); choose("kind", "");
      choose("pair", "2"); box.click(); const pair = names(); box.click(); choose("pair", "");
      const button = document.querySelector("button[data-key=name]"); button.click(); button.click();
      const third = [names(), button.closest("th").getAttribute("aria-sort")];
      document.body.dataset.outcome = JSON.stringify([first, second, kinds, pair, third]);
    </script></body>"""
    path.write_text(page.replace("</body>", use), encoding="utf-8")

    document, console = browser.open_page(path, tmp_path / "profile")

    assert console == []
    outcome = re.search(r'data-outcome="([^"]+)"', document)
    assert outcome is not None
    assert json.loads(html.unescape(outcome[1])) == [
        ["carrier", 1, "1 of 7 columns"],
        True,
        "delay",
        "is_late,weekday,legs",
        ["carrier,delay,departed_at,is_late,legs,note,weekday", "ascending"],
    ]
