"""The page of a diagnosis renders, holds all it needs, and nothing in the data can do anything in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import browser
import diagnosis_results
import pytest
from page_checks import assert_harmless, assert_texts_are_texts, laid_out

from warehouse.checks.diagnosis.result import Answer, Diagnosis, MetricName
from warehouse.reports.diagnosis_charts import levels_scale, reliability, scale_of
from warehouse.reports.diagnosis_page import GapView, LevelView, diagnosis_html, ladder

MAKERS = [
    diagnosis_results.plain,
    diagnosis_results.better,
    diagnosis_results.endless,
    diagnosis_results.full,
    diagnosis_results.hostile,
]


def test_the_page_opens_with_the_verdict_and_what_to_do() -> None:
    result = diagnosis_results.ordinary()
    page = diagnosis_html(result)

    assert result.summary[0].startswith("The largest gap is data mismatch, from train_dev to dev: 12 points")
    assert f'<p class="verdict">{result.summary[0]}</p>' in page
    assert page.index("<h3>Against data mismatch</h3>") < page.index('id="ladder"')
    assert "2 predictions of 4,804 have keys that are in no split (-2; -1)" in page
    assert 'id="slices"' not in page


def test_the_ladder_has_every_level_and_the_gap_to_each_before_it() -> None:
    views = ladder(diagnosis_results.ordinary())

    assert [view.level.name if isinstance(view, LevelView) else view.title for view in views] == [
        *("human", "avoidable bias", "train", "variance", "train_dev", "data mismatch", "dev"),
        *("overfitting to dev", "test"),
    ]
    gaps = [view for view in views if isinstance(view, GapView)]
    assert [view.is_largest for view in gaps] == [False, False, True, False]
    assert [view.state for view in gaps] == ["undecided", "undecided", "drifted", "undecided"]
    assert gaps[0].word == "not enough rows to tell"
    assert re.fullmatch(r"[\d,]+ of human and [\d,]+ of train more needed", gaps[0].more)


@pytest.mark.parametrize("make", [diagnosis_results.ordinary, diagnosis_results.better], ids=["less", "more"])
def test_each_gap_leads_from_one_levels_dot_to_the_next(make: Callable[[], Diagnosis]) -> None:
    views = ladder(make())

    for before, gap, after in zip(views[::2], views[1::2], views[2::2], strict=False):
        assert isinstance(before, LevelView)
        assert isinstance(gap, GapView)
        assert isinstance(after, LevelView)
        assert gap.step.start == before.span.value
        assert gap.step.end == pytest.approx(after.span.value, abs=0.02)
        assert gap.step.low <= gap.step.end <= gap.step.high


@pytest.mark.parametrize(
    ("values", "metric", "ticks"),
    [
        ((0.05, 0.33), MetricName.ERROR_RATE, ["0%", "10%", "20%", "30%"]),
        ((0.9, 0.95), MetricName.ERROR_RATE, ["90%", "91%", "92%", "93%", "94%", "95%"]),
        ((0.243, 0.2435), MetricName.ERROR_RATE, ["24.30%", "24.31%", "24.32%", "24.33%", "24.34%", "24.35%"]),
        ((-3, 4), MetricName.LOSS, ["-2", "0", "2", "4"]),
        ((12.5, 1200), MetricName.MAE, ["0", "500", "1,000"]),
        ((0.0, 0.0), MetricName.MAE, ["0", "0.1", "0.2", "0.3", "0.4", "0.5"]),
        ((float("nan"), float("inf"), 1.0), MetricName.LOSS, ["0", "0.5", "1", "1.5"]),
    ],
)
def test_a_scale_has_round_numbers_that_can_be_told_apart(
    values: tuple[float, ...], metric: MetricName, ticks: list[str]
) -> None:
    scale = scale_of(values, metric)

    assert [tick.text for tick in scale.ticks] == ticks
    assert all(0 <= scale.place(value) <= 100 for value in (*values, float("-inf"), float("inf")))


def test_a_reliability_diagram_has_a_dot_where_each_bin_is() -> None:
    result = diagnosis_results.ordinary()
    chart = reliability(result.splits[0])

    for dot, each in zip(chart.dots, result.splits[0].reliability, strict=True):
        assert dot.x == pytest.approx(200 * each.mean_probability, abs=0.1)
        assert dot.y == pytest.approx(200 * (1 - each.observed.value), abs=0.1)
        assert dot.high_y <= dot.y <= dot.low_y
    assert max(dot.bar_height for dot in chart.dots) == 36


def test_a_gap_that_is_there_but_does_not_matter_is_not_red() -> None:
    result = diagnosis_results.diagnosed(
        f"select id, case when {diagnosis_results.errs(0.1, 0.1, 0.4, 0.4)} then not y else y end as prediction"
        " from data",
        diagnosis_results.Question(difference=0.5),
    )
    gap = next(view for view in ladder(result) if isinstance(view, GapView) and view.gap.right == "dev")

    assert (gap.gap.answer, gap.state) == (Answer.PRESENT, "none")


@pytest.mark.parametrize("make", MAKERS)
def test_nothing_is_loaded_no_script_may_run_and_every_link_leads_somewhere(make: Callable[[], Diagnosis]) -> None:
    assert_harmless(diagnosis_html(make()))


def test_hostile_texts_stay_text() -> None:
    assert_texts_are_texts(diagnosis_html(diagnosis_results.hostile()))


def test_slices_show_the_rows_that_had_no_part_in_finding_them() -> None:
    result = diagnosis_results.full()
    page = diagnosis_html(result)

    assert page.count('<svg class="rail" aria-hidden="true"><line class="grid"') >= len(result.levels)
    first, second, third = re.findall(r"<tr><td><b><bdi>(.*?)<td class=\"chart-cell\">", page)
    assert "of <bdi>test</bdi>" in first
    assert ">confirmed<" in first
    assert "of <bdi>dev</bdi>" in second
    assert ">refuted<" in second
    assert ">undecided<" in third
    assert "30 of 100 sampled errors are tagged." in page


@pytest.mark.slow
@pytest.mark.parametrize("make", MAKERS)
def test_a_browser_shows_it_without_complaint(make: Callable[[], Diagnosis], tmp_path: Path) -> None:
    path = tmp_path / "diagnosis.html"
    path.write_text(diagnosis_html(make()), encoding="utf-8")

    document, console = browser.open_page(path, tmp_path / "profile")

    assert console == []
    assert "<title>Diagnosis of " in document
    assert "How to read it" in document


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("make", [diagnosis_results.full, diagnosis_results.hostile], ids=["full", "hostile"])
def test_nothing_sticks_out_or_lies_over_anything(make: Callable[[], Diagnosis], width: int, tmp_path: Path) -> None:
    assert laid_out(diagnosis_html(make()), width, tmp_path) == [width, width, []]


def test_levels_far_from_nothing_are_seen_apart() -> None:
    assert levels_scale(diagnosis_results.better()).low > 0.5
