"""Pages of synthetic rows and of learning curves hold all they need, and nothing in the data can do anything there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import browser
import plain_results
import pytest
from page_checks import assert_harmless, assert_texts_are_texts, laid_out

MAKERS = [
    plain_results.synthetic,
    plain_results.hostile_synthetic,
    plain_results.curve,
    plain_results.hostile_curve,
]
HOSTILE = [plain_results.hostile_synthetic, plain_results.hostile_curve]


def test_the_page_of_synthetic_rows_tells_all_that_was_found() -> None:
    page = plain_results.synthetic()

    assert "<h1>Synthetic rows of <bdi>late@1.0.0</bdi></h1>" in page
    assert re.search(r'<p class="verdict">Synthetic rows [^<]+</p>', page)
    assert "Learning from them helps on real rows of test" in page
    for part in ("space", "effect", "columns", "findings", "method"):
        assert f'id="{part}"' in page
        assert f'href="#{part}"' in page
    assert '<tr><th scope="row"><bdi>coverage</bdi><td>' in page
    assert "<li><b>warning</b>, <bdi>" in page


def test_a_page_without_predictions_tells_no_effect() -> None:
    assert 'id="effect"' not in plain_results.hostile_synthetic()


def test_the_page_of_a_curve_tells_what_more_rows_give_and_why() -> None:
    page = plain_results.curve()

    assert "<h1>Learning curve of <bdi>late@1.0.0</bdi></h1>" in page
    assert re.search(r'<p class="verdict">Twice the rows would give [^<]+</p>', page)
    assert "<p>dev: error = " in page
    assert "<p>test: no curve; " in page
    assert '<tr><th scope="row"><bdi>dev</bdi><td>500<td>' in page
    assert 'id="findings"' not in page


@pytest.mark.parametrize("make", MAKERS)
def test_nothing_is_loaded_no_script_may_run_and_every_link_leads_somewhere(make: Callable[[], str]) -> None:
    assert_harmless(make())


@pytest.mark.parametrize("make", HOSTILE)
def test_hostile_texts_stay_text(make: Callable[[], str]) -> None:
    assert_texts_are_texts(make())


@pytest.mark.slow
@pytest.mark.parametrize("make", MAKERS)
def test_a_browser_shows_it_without_complaint(make: Callable[[], str], tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(make(), encoding="utf-8")

    document, console = browser.open_page(path, tmp_path / "profile")

    assert console == []
    assert "How to read it" in document


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("make", HOSTILE)
def test_nothing_sticks_out(make: Callable[[], str], width: int, tmp_path: Path) -> None:
    assert laid_out(make(), width, tmp_path) == [width, width, []]
