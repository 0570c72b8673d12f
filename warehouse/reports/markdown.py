"""A report on drift as Markdown for a pull request: short, the verdict first, details folded.

Whatever comes from the data is either in a code span, where nothing is interpreted, or escaped; so a column's name can
neither end a table nor mention a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from warehouse.checks.drift.importance import rank_columns
from warehouse.checks.drift.report import DriftPair, DriftReport, report_of
from warehouse.checks.drift.result import ColumnDrift, DriftResult
from warehouse.checks.drift.verdicts import Verdict
from warehouse.checks.drift.words import count_text
from warehouse.reports.drift_page import advice, changed_relations, sentences, tiles
from warehouse.reports.visible import visible

MOST_ROWS = 20
"""Of a table; a comment on GitHub holds 65,536 characters."""
MARKS = {Verdict.DRIFTED: "▲", Verdict.UNDECIDED: "◆", Verdict.STABLE: "●"}
JOINER = "\N{WORD JOINER}"
"""Without width: after it neither a mention nor a link is recognised."""
_PUNCTUATION = re.compile(r"([\\`*_\[\]|~$])")
_AT_START = re.compile(r"^([#+\-=]|\d+(?=[.)]))")
_LINKED = re.compile(r"(?i)(@|#|:(?=//)|\bwww(?=\.)|\bgh(?=-\d)|\bmailto(?=:)|\bxmpp(?=:))")


def escaped(text: object, limit: int = 600) -> str:
    """Text that Markdown shows as it is, on one line: no markup, no HTML, no mention, no link."""
    # Line breaks first: what is not visible becomes a mark that says so.
    shown = " ".join(visible(re.sub(r"\s*\n\s*", " ", str(text)), limit).split())
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        shown = shown.replace(character, entity)
    joined = _LINKED.sub(rf"\1{JOINER}", shown)
    # What makes a heading, a list or a rule does so only where a line begins.
    return _AT_START.sub(rf"{JOINER}\1", _PUNCTUATION.sub(r"\\\1", joined))


def code(text: object, limit: int = 60, *, in_table: bool = True) -> str:
    """Text as a code span."""
    shown = " ".join(visible(text, limit).split()) or " "
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    # In a table's cell a bar ends it even within a code span, unless escaped.
    if in_table:
        shown = shown.replace("\\|", "\\ |").replace("|", "\\|")
    pad = " " if "`" in shown or shown != shown.strip() else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def drift_markdown(found: DriftReport | DriftResult) -> str:
    """The report, or a single comparison as one, in GitHub's Markdown."""
    report = report_of(found) if isinstance(found, DriftResult) else found
    main = report.main.result
    is_told = report.subject in ("", f"{main.left_name} to {main.right_name}")
    subject = "" if is_told else f" of {code(report.subject, in_table=False)}"
    opening, *others = sentences(report)
    names = [code(name, in_table=False) for name in (main.left_name, main.right_name)]
    lines = [
        f"### Drift{subject}: {names[0]} to {names[1]}",
        "",
        f"**{escaped(opening)}**",
    ]
    for sentence in others:
        lines += ["", escaped(sentence)]
    todo = advice(report)
    if todo:
        lines += ["", "What to do:", "", *(f"- {escaped(sentence)}" for sentence in todo)]
    if len(report.pairs) > 1:
        lines += ["", *_pairs(report)]
    for pair in report.pairs:
        lines += _columns(pair)
    lines += _relations(main)
    for pair in report.pairs:
        lines += _together(pair)
        for segments in pair.result.segments:
            lines += folded(f"Within {_html_code(segments.by)}", [escaped(segments.explanation)])
    if report.series is not None:
        lines += folded("Over time", [escaped(sentence) for sentence in report.series.summary])
    return "\n".join(lines) + "\n"


def _pairs(report: DriftReport) -> Iterable[str]:
    rows = []
    for tile in tiles(report):
        must = ", must be alike" if tile.pair.expected_alike else ""
        counts = [f"{count:,}" for count in tile.counts.values()]
        what = escaped(tile.sentence, 200) if tile.state == Verdict.DRIFTED.value else ""
        result = tile.pair.result
        names = f"{code(result.left_name, 30)} to {code(result.right_name, 30)}"
        rows.append((names, f"{MARKS[Verdict(tile.state)]} {tile.word}{must}", *counts, what))
    return table(("pair", "", "drifted", "undecided", "stable", "what happened"), rows, right=(2, 3, 4))


def _columns(pair: DriftPair) -> Iterable[str]:
    """Columns of a pair that are not stable, the most important first."""
    columns = {column.name: column for column in pair.result.columns}
    ranked = [columns[entry.name] for entry in rank_columns(pair.result)]
    shown = [column for column in ranked if column.verdict is not Verdict.STABLE]
    if not shown:
        return []
    counts = ", ".join(
        f"{sum(column.verdict is verdict for column in shown):,} {verdict.value}"
        for verdict in (Verdict.DRIFTED, Verdict.UNDECIDED)
    )
    lines = table(
        ("column", "", "effect", "95 % interval", "threshold", "what happened"),
        [_column(column) for column in shown[:MOST_ROWS]],
        right=(2, 3, 4),
    )
    rest = [f"and {count_text(len(shown) - MOST_ROWS, 'more column')}"] if len(shown) > MOST_ROWS else []
    title = f"{_html_code(pair.result.left_name)} to {_html_code(pair.result.right_name)}: {counts}"
    return folded(title, [*lines, *([""] if rest else []), *rest])


def _column(column: ColumnDrift) -> tuple[str, ...]:
    effect = column.leading
    numbers = (
        (f"{effect.value:.3f}", f"{effect.low:.3f} to {effect.high:.3f}", f"{effect.threshold:g}")
        if effect
        else ("", "", "")
    )
    name = f"{code(column.name)}{' (label)' if column.is_label else ''}"
    return (name, f"{MARKS[column.verdict]} {column.verdict}", *numbers, escaped(column.explanation, 160))


def _relations(result: DriftResult) -> Iterable[str]:
    changed = [r for r in changed_relations(result) if r.verdict is Verdict.DRIFTED]
    if not changed:
        return []
    rows = [
        (
            code(r.feature),
            f"{r.change:.3f}",
            f"{r.low:.3f} to {r.high:.3f}",
            f"{r.threshold:g}",
            escaped(r.explanation, 160),
        )
        for r in changed[:MOST_ROWS]
    ]
    lines = table(("column", "change", "95 % interval", "threshold", "what happened"), rows, right=(1, 2, 3))
    return folded(f"How the label depends on columns: {len(changed):,} changed", lines)


def _together(pair: DriftPair) -> Iterable[str]:
    domain = pair.result.domain
    if domain is None:
        return []
    title = f"All columns together, {_html_code(pair.result.left_name)} to {_html_code(pair.result.right_name)}"
    return folded(
        f"{title}: {domain.verdict.value}, AUC {domain.auc:.3f}",
        [escaped(domain.explanation), *(["", *_givers(pair)] if domain.columns else [])],
    )


def _givers(pair: DriftPair) -> Iterable[str]:
    assert pair.result.domain is not None
    rows = [(code(column.name), f"{column.importance:.3f}") for column in pair.result.domain.columns[:5]]
    return table(("column", "AUC lost without it"), rows, right=(1,))


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int]) -> list[str]:
    """Lines of a table whose cells are escaped already; `right` has the places of columns that align right."""
    rule = ["--:" if place in right else "---" for place in range(len(heads))]
    return [f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows)]


def folded(title: str, lines: Sequence[str]) -> list[str]:
    """The lines under a title, HTML already, that opens them."""
    return ["", f"<details><summary>{title}</summary>", "", *lines, "", "</details>"]


def _html_code(text: object, limit: int = 30) -> str:
    """Text in a summary, where Markdown is not read but HTML is; within code nothing is mentioned or linked."""
    shown = " ".join(visible(text, limit).split())
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        shown = shown.replace(character, entity)
    return f"<code>{_PUNCTUATION.sub(lambda match: f'&#{ord(match[1])};', shown)}</code>"
