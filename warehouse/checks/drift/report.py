"""A whole report on drift: the pairs that were compared, what each is for, and what follows for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from warehouse.checks.drift.result import ColumnDrift, DriftResult
from warehouse.checks.drift.verdicts import Verdict
from warehouse.checks.drift.words import count_text, quoted
from warehouse.errors import ProjectError, problem_list
from warehouse.findings import Finding, Severity

if TYPE_CHECKING:
    from warehouse.checks.drift.series import DriftSeries

NAMED_COLUMNS = 3
NAMED_REASONS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPair:
    """Two sets of rows compared, and why one compares them."""

    result: DriftResult
    purpose: str
    """In plain words: `what the model learned from against what it is judged on`."""
    expected_alike: bool = False
    """Both are drawn from the same rows, so drift between them is a fault of the data and not of the world."""
    advice: str = ""
    """What to do when a pair that must be alike is not."""
    notes: tuple[str, ...] = ()
    """What this comparison cannot tell, and why."""

    @property
    def title(self) -> str:
        """`train to test`."""
        return f"{self.result.left_name} to {self.result.right_name}"

    @property
    def drifted(self) -> tuple[ColumnDrift, ...]:
        """Columns that drifted, the strongest first."""
        return self.result.with_verdict(Verdict.DRIFTED)

    @property
    def differs(self) -> bool:
        """Whether a column drifted, or all of them together did."""
        domain = self.result.domain
        return bool(self.drifted) or (domain is not None and domain.verdict is Verdict.DRIFTED)

    @property
    def is_alike(self) -> bool:
        """Whether all columns are stable; neither this nor `differs` holds when rows are too few to know."""
        domain = self.result.domain
        together = domain is None or domain.verdict is Verdict.STABLE
        return together and all(column.verdict is Verdict.STABLE for column in self.result.columns)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of the result; before them one of the pair, when it must be alike and is not."""
        result = self.result
        if not (self.expected_alike and self.differs):
            return result.findings
        broken = Finding(
            severity=result.severity,
            check="drift_pair",
            subject=self.title,
            message=f"{result.left_name} and {result.right_name} must be alike and are not: {_what_differs(self)}",
            measured=float(len(self.drifted)),
            threshold=0.0,
            advice=self.advice,
        )
        return (broken, *result.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """Every pair that was compared."""

    subject: str
    """A dataset version, or what people called both sides."""
    pairs: tuple[DriftPair, ...]
    """The one that matters most first; never empty."""
    summary: tuple[str, ...]
    """The verdict on the whole in plain sentences: on the first pair in full, on the others in one each."""
    severity: Severity
    """What a drifted column counts as."""
    series: DriftSeries | None = None
    """The right rows of the first pair, period by period; None when nobody asked."""

    @property
    def main(self) -> DriftPair:
        """The pair that matters most."""
        return self.pairs[0]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of all pairs and of the series; with several pairs, a column's finding says of which pair it is."""
        over_time = self.series.findings if self.series is not None else ()
        if len(self.pairs) == 1:
            return (*self.main.findings, *over_time)
        return (*(_of_pair(pair, finding) for pair in self.pairs for finding in pair.findings), *over_time)


def _of_pair(pair: DriftPair, finding: Finding) -> Finding:
    if finding.subject == pair.title:
        return finding
    return replace(finding, subject=f"{finding.subject} ({pair.title})")


def report_of_pairs(subject: str, pairs: Sequence[DriftPair], *, series: DriftSeries | None = None) -> DriftReport:
    """The report on these pairs, the most important first; there is one at least."""
    first, *others = pairs
    return DriftReport(
        subject=subject,
        pairs=tuple(pairs),
        summary=(*_sentences(first, others), *(series.summary if series is not None else ())),
        severity=first.result.severity,
        series=series,
    )


def report_of(result: DriftResult) -> DriftReport:
    """The report on one comparison that nobody says more about."""
    return report_of_pairs(result.subject, [DriftPair(result=result, purpose="")])


def require_columns(report: DriftReport) -> None:
    """A report that compares nothing is no all-clear.

    Raises:
        ProjectError: no pair has rows on both sides and a column that both have; says why.
    """
    if any(pair.result.columns and pair.result.left_row_count and pair.result.right_row_count for pair in report.pairs):
        return
    result = report.main.result
    if not result.left_row_count or not result.right_row_count:
        raise ProjectError(f"{result.summary[0][:1].lower()}{result.summary[0][1:].removesuffix('.')}")
    title = f"no column of {result.left_name} and {result.right_name} could be compared"
    problems = [f"{column.name}: {column.reason}" for column in result.left_out[:NAMED_REASONS]]
    if len(result.left_out) > NAMED_REASONS:
        problems.append(f"{count_text(len(result.left_out) - NAMED_REASONS, 'more column')}")
    raise ProjectError(problem_list(f"{title}:", problems) if problems else title)


def _sentences(first: DriftPair, others: Sequence[DriftPair]) -> Iterable[str]:
    yield from first.result.summary
    if first.expected_alike and first.differs:
        yield f"They must be alike; {first.advice}."
    for pair in others:
        yield pair_sentence(pair)


def pair_sentence(pair: DriftPair) -> str:
    """What became of a pair, and whether that is as it must be."""
    left, right = pair.result.left_name, pair.result.right_name
    if not pair.result.left_row_count or not pair.result.right_row_count:
        return pair.result.summary[0]
    if pair.differs:
        what = _what_differs(pair)
        if pair.expected_alike:
            return f"{left} and {right} must be alike and are not: {what}; {pair.advice}."
        return f"From {left} to {right}: {what}."
    if pair.is_alike:
        return f"{left} and {right} are alike{', as they must be' if pair.expected_alike else ''}."
    undecided = len(pair.result.with_verdict(Verdict.UNDECIDED))
    if not undecided:
        return f"No column drifted from {left} to {right}; whether all together did cannot be told without more rows."
    total = count_text(len(pair.result.columns), "column")
    return f"No column drifted from {left} to {right}; {undecided:,} of {total} cannot be judged without more rows."


def _what_differs(pair: DriftPair) -> str:
    drifted = pair.drifted
    if not drifted:
        return "no column drifted by itself, and all of them together did"
    named = ", ".join(quoted(column.name) for column in drifted[:NAMED_COLUMNS])
    more = ", …" if len(drifted) > NAMED_COLUMNS else ""
    return f"{len(drifted):,} of {count_text(len(pair.result.columns), 'column')} drifted ({named}{more})"
