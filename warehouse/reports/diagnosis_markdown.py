"""A diagnosis as Markdown for a pull request: short, the verdict first, details folded."""

from __future__ import annotations

from collections.abc import Iterator

from warehouse.checks.diagnosis.result import Diagnosis
from warehouse.checks.diagnosis.words import CAUSE_WORDS, METRIC_WORDS
from warehouse.reports import diagnosis_page as page
from warehouse.reports.diagnosis_text import level_headers, level_rows, metric_headers, metric_rows
from warehouse.reports.markdown import MOST_ROWS, code, escaped, folded, table

GAP_MARKS = {"drifted": "▲", "undecided": "◆", "stable": "●", "none": "–"}


def diagnosis_markdown(result: Diagnosis) -> str:
    """The result in GitHub's Markdown."""
    names = [code(name, in_table=False) for name in (result.subject, result.predictions)]
    opening, *others = result.summary or ("Nothing could be compared.",)
    lines = [f"### Diagnosis of {names[0]}, predicted by {names[1]}", "", f"**{escaped(opening)}**"]
    for sentence in others:
        lines += ["", escaped(sentence)]
    for advice in result.advice:
        lines += ["", f"What to do against {CAUSE_WORDS[advice.cause]}:", ""]
        lines += [f"{place}. {escaped(step)}" for place, step in enumerate(advice.steps, start=1)]
    lines += ["", *_ladder(result)]
    for finding in page.coverage_findings(result)[:MOST_ROWS]:
        lines += ["", escaped(finding.message, 300)]
    lines += _slices(result)
    lines += folded(
        "All measures",
        table(
            [escaped(head, 40) for head in metric_headers(result)],
            metric_rows(result),
            right=range(1, len(metric_headers(result))),
        ),
    )
    if result.not_judged:
        lines += folded("Not judged", [f"- {escaped(reason, 300)}" for reason in result.not_judged[:MOST_ROWS]])
    return "\n".join(lines) + "\n"


def _ladder(result: Diagnosis) -> list[str]:
    states = {gap.right: GAP_MARKS[page.gap_state(result, gap)] for gap in result.gaps}
    rows = []
    for level, *cells, answer in level_rows(result):
        mark = states.get(level, "")
        rows.append([code(level, 40), *cells, f"{mark} {escaped(answer)}".strip()])
    return table(level_headers(result), rows, right=(1, 2, 4))


def _slices(result: Diagnosis) -> Iterator[str]:
    report = result.slices
    if report is None or not report.slices:
        return
    rows = [
        (
            code(view.slice.name, 120),
            f"{GAP_MARKS[view.state]} {view.slice.answer.value}",
            f"{view.errors.row_count:,}",
            f"{view.error.value} ({view.error.interval})",
            view.rest,
            view.removable.value,
        )
        for view in list(page.slice_views(report))[:MOST_ROWS]
    ]
    heads = ("slice", "in other rows", "rows", METRIC_WORDS[report.metric], "of the rest", "fixing it removes")
    yield from folded(f"Where it errs more than elsewhere: {len(rows)} slices", table(heads, rows, right=(2, 3, 4, 5)))
