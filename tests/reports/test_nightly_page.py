"""The page of a night says what matters first, holds all it needs, and nothing in the data can do anything in it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import browser
import nightly_runs
import pytest
from page_elements import elements

from warehouse.records import Status
from warehouse.reports.nightly_page import history_sentence, night_bars, nightly_html, way
from warehouse.stages import Nightly, StageName, StageStatus

STRUCTURE = "html head meta title style body header main footer section nav h1 h2 h3 p pre ol ul li b a span bdi div"
OTHERS = "details summary table thead tbody th tr td svg g path circle"
ALLOWED = {*STRUCTURE.split(), *OTHERS.split()}
MAKERS = [nightly_runs.good, nightly_runs.bad, nightly_runs.held_back, nightly_runs.hostile, nightly_runs.large]


def page_of(nightly: Nightly) -> str:
    return nightly_html(nightly, history=nightly_runs.history(), project_name="nyc-flights")


@pytest.mark.parametrize(
    ("make", "verdict"),
    [
        (nightly_runs.good, "The nightly build is published; all is well."),
        (
            nightly_runs.bad,
            "The nightly build is published, but drift is critical and an export could not be made.",
        ),
        (nightly_runs.held_back, "The nightly build is not published; readers keep the one before."),
    ],
)
def test_the_page_opens_with_the_verdict(make: Callable[[], Nightly], verdict: str) -> None:
    assert f'<p class="verdict">{verdict}</p>' in page_of(make())


def test_it_says_why_stages_failed_what_was_left_out_and_what_to_do() -> None:
    page = page_of(nightly_runs.held_back())

    assert "Build 20261124T020003Z is not published: 1 critical finding." in page
    assert "Exports: not run, since build did not pass." in page
    assert "fct_flights: see the rows with: warehouse validate --build 20261124T020003Z" in page
    assert "Then go on where it stopped: warehouse nightly --resume" in page
    assert "What to do" not in page_of(nightly_runs.good())


def test_it_names_the_gravest_finding_and_says_equal_advice_once() -> None:
    advised = [
        replace(finding, advice="look at it") for finding in nightly_runs.bad().findings if finding.check == "drift"
    ]
    found = [replace(advised[0], subject=f"late.{place}", message=f"column {place}\n  moved") for place in range(5)]
    drift = replace(nightly_runs.bad().stages[3], findings=tuple(found), message="2 columns")

    page = page_of(replace(nightly_runs.bad(), stages=(drift,)))

    assert "Drift: 2 columns. late.0: column 0. 4 more critical findings below.</p>" in page
    assert "<p>column 3 moved</p>" in page
    assert "<li>late.0, late.1, late.2 and 2 more: look at it" in page


def test_an_errors_next_step_is_shown_with_its_stage() -> None:
    page = page_of(nightly_runs.bad())

    assert "<pre>declared in models/datasets/operations/_operations__exposures.yml\n" in page
    assert page.count("&#39;turnaround_examples&#39;") == 2


@pytest.mark.parametrize("make", MAKERS)
def test_nothing_is_loaded_and_links_stay_within_the_project(make: Callable[[], Nightly]) -> None:
    page = page_of(make())
    found = elements(page)

    ids = [attributes["id"] for _, attributes in found if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in found:
        assert tag in ALLOWED, tag
        assert not {"src", "style", "onload", "onclick"} & set(attributes)
        href = attributes.get("href")
        if href and href.startswith("#"):
            assert href[1:] in ids
        elif href:
            assert href.startswith("../../../"), href
            assert ".." not in href.removeprefix("../../../").split("/")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert html.unescape(policy[1]).startswith("default-src 'none'; script-src 'none'; style-src 'sha256-")


def test_hostile_texts_stay_text() -> None:
    page = page_of(nightly_runs.hostile())

    assert "<script" not in page
    assert "{{ 7*7 }}" in page
    assert not {"\x00", "\x1b", "\u202e"} & set(page)


@pytest.mark.parametrize(
    ("path", "href"),
    [
        ("var/reports/drift/a b.html", "../../../var/reports/drift/a%20b.html"),
        ("javascript:alert(1)", "../../../javascript%3Aalert%281%29"),
        ("//example.com/x", ""),
        ("/etc/passwd", ""),
        ("var/../../x", ""),
        ("", ""),
    ],
)
def test_a_way_to_a_file_leads_below_the_project_or_nowhere(path: str, href: str) -> None:
    assert way(path, "../../..") == href


def test_many_findings_are_folded_and_the_page_stays_small() -> None:
    page = page_of(nightly_runs.large())

    assert page.count("1,900 more are in the JSON file beside this page.") == 3
    assert len(page.encode()) < 250_000


def test_the_history_says_how_the_nights_went() -> None:
    bars = night_bars(nightly_runs.history(), this="20261124T020000Z")

    assert history_sentence(bars) == "26 of the last 30 runs passed; the last 3 of them all did."
    assert [bar.is_this for bar in bars] == [False] * 29 + [True]
    assert max(bar.height for bar in bars) == 90
    assert history_sentence(bars[:-4][-1:]) == "0 of the last 1 runs passed."
    first = night_bars(nightly_runs.history(1), this="20261124T020000Z")
    assert history_sentence(first) == "It is the first run on record."
    assert history_sentence(()) == ""


def test_bars_of_stages_lie_where_they_ran() -> None:
    page = page_of(nightly_runs.good())

    # The build ran from the 3rd to the 34th second of 52.9.
    assert 'd="M5.67 0h58.60v8h-58.60z"' in page
    assert page.count('class="rail"') == 5


@pytest.mark.parametrize("status", list(Status))
def test_every_status_of_a_run_without_stages_gives_a_page(status: Status) -> None:
    page = page_of(nightly_runs.run(status=status))

    assert '<p class="verdict">' in page


@pytest.mark.parametrize("status", list(StageStatus))
@pytest.mark.parametrize("name", list(StageName))
def test_every_outcome_of_every_stage_has_its_words(name: StageName, status: StageStatus) -> None:
    run = nightly_runs.run(nightly_runs.stage(name, "so it is", status=status))

    verdict = re.search(r'<p class="verdict">(.*?)</p>', page_of(run))
    assert verdict is not None
    assert verdict[1].endswith(".")


@pytest.mark.slow
def test_a_browser_shows_even_hostile_pages_without_complaint_and_nothing_sticks_out_on_a_phone(tmp_path: Path) -> None:
    measure = """<script>
      const wide = [...document.querySelectorAll("body *")].filter((part) =>
        part.getBoundingClientRect().right > innerWidth + 1 && !part.closest(".panel, svg, .skip"));
      document.body.dataset.outcome = JSON.stringify(
        [innerWidth, document.documentElement.scrollWidth, wide.map((part) => part.outerHTML.slice(0, 80))]);
    </script></body>"""
    frames, names = "", ["good", "bad", "hostile"]
    for name in names:
        page = page_of(getattr(nightly_runs, name)())
        # Untouched, for what the console says.
        (tmp_path / f"{name}.html").write_text(page, encoding="utf-8")
        free = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
        (tmp_path / f"measured_{name}.html").write_text(free.replace("</body>", measure), encoding="utf-8")
        frames += f'<iframe src="{name}.html" width="360" height="800"></iframe>'
        frames += (
            f'<iframe src="measured_{name}.html" width="360" height="800" onload="document.body.dataset.{name} ='
            ' this.contentDocument.body.dataset.outcome"></iframe>'
        )
    (tmp_path / "frame.html").write_text(f"<body>{frames}")

    document, console = browser.open_page(
        tmp_path / "frame.html", tmp_path / "profile", "--allow-file-access-from-files"
    )

    assert console == []
    for name in names:
        outcome = re.search(rf'data-{name}="([^"]+)"', document)
        assert outcome is not None
        assert json.loads(html.unescape(outcome[1])) == [360, 360, []]
