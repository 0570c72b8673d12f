"""Drift between any two sets of rows that people name: versions, splits, tables, files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from warehouse.checks.drift.pairs import Beyond, Frame, Purpose, compare_pair
from warehouse.checks.drift.profiles import compare_pair_with_profile
from warehouse.checks.drift.report import DriftReport, report_of_pairs
from warehouse.checks.drift.series import compare_over_time
from warehouse.checks.drift.splits import columns_apart, frame_of, report_of_version
from warehouse.checks.drift.versions import report_of_versions
from warehouse.datasets.named_rows import NamedRows, check_presence, columns_of_export, pseudonyms
from warehouse.datasets.profiles import find_profile
from warehouse.datasets.versions import Version
from warehouse.engine.base import Column, Engine
from warehouse.errors import ProjectError, QueryError, SpecError, problem_list, suggestion
from warehouse.sql import Query, Relation, Step
from warehouse.statistics.coded import Every
from warehouse.statistics.kinds import Family, family_of
from warehouse.statistics.session_tables import SessionTables

_TODAY = Purpose(words="what was exported against what the warehouse holds today: whether a model still meets its data")
_OTHER = Purpose(words="two sets of rows that somebody named")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What somebody wants to know of two sets of rows, beyond what a dataset says of them."""

    label: str | None = None
    time: str | None = None
    groups: tuple[str, ...] = ()
    every: Every | None = None
    """How long the periods are into which the right rows are cut; None for no series."""
    by_profile: bool = False
    """Whether a profile stands for the left rows; it does in any case when their files are gone."""
    beyond: Beyond = field(default_factory=Beyond)


def report_of_rows(engine: Engine, left: NamedRows, right: NamedRows, question: Question) -> DriftReport:
    """How the right rows differ from the left ones.

    Two versions are compared split by split, two splits of one version as in its own report; anything else as one pair,
    by what a version on either side declares.

    Args:
        engine: open on the build that a side names.
        left: the rows to compare with.
        right: the rows in question.
        question: what to look at.

    Raises:
        ProjectError: a side cannot be read.
        SpecError: a named column is not on both sides, or cannot serve for what it is named.
        VersionError: a version has no such split.
        QueryError: something in the rows stopped a query.
    """
    check_presence(right)
    if question.by_profile or left.is_gone:
        with readable(engine, right) as second:
            return _report_by_profile(engine, left, second, question)
    check_presence(left)
    own = not (question.label or question.time or question.groups or question.every)
    if own and left.version is not None and right.version is not None:
        if left.version.path == right.version.path and left.split and right.split:
            return report_of_version(engine, left.version, left=left.split, right=right.split, beyond=question.beyond)
        named = left.split or right.split
        if named is None or named == (right.split or named) == (left.split or named):
            return report_of_versions(engine, left.version, right.version, split=named, beyond=question.beyond)
    with readable(engine, left) as first, readable(engine, right) as second:
        return _report(engine, first, second, question)


def _report(engine: Engine, left: NamedRows, right: NamedRows, question: Question) -> DriftReport:
    columns = [engine.columns(rows.relation) for rows in (left, right)]
    names = [[column.name for column in side] for side in columns]
    version = left.version or right.version
    _check_time(question, columns, (left.name, right.name))
    frame = _frame(question, version, names, (left.name, right.name))
    excluded = _excluded(left, right, names)
    subject = f"{left.name} to {right.name}"
    pair = compare_pair(
        engine,
        left.relation,
        right.relation,
        left_name=left.name,
        right_name=right.name,
        subject=subject,
        purpose=_TODAY if left.is_today or right.is_today else _OTHER,
        frame=frame,
        excluded=excluded,
        beyond=question.beyond,
    )
    series = None
    if question.every is not None:
        if frame.time is None:
            raise SpecError(f"which column says when a row of {right.name} happened? say so with: --time COLUMN")
        series = compare_over_time(
            engine,
            left.relation,
            right.relation,
            time=frame.time,
            every=question.every,
            baseline_name=left.name,
            rows_name=right.name,
            subject=subject,
            excluded=excluded,
            label=frame.label,
            groups=frame.groups,
            severity=frame.severity,
            rules=frame.rules,
        )
    return report_of_pairs(subject, [pair], series=series)


def _report_by_profile(engine: Engine, left: NamedRows, right: NamedRows, question: Question) -> DriftReport:
    """The report on one pair, of which the left rows are not read."""
    version = left.version
    if version is None:
        raise ProjectError(f"{left.name} has no profile: only versions of datasets do")
    if question.every is not None or question.beyond.by or question.beyond.together:
        raise ProjectError(f"--over, --by and --together need the rows of {left.name}, and a profile has none")
    profile = find_profile(engine, version)
    columns = engine.columns(right.relation)
    names = [[column.name for column in version.manifest.columns], [column.name for column in columns]]
    _check_time(question, [columns], (right.name,))
    subject = f"{left.name} to {right.name}"
    pair = compare_pair_with_profile(
        engine,
        profile,
        left.split,
        right.relation,
        left_name=left.name,
        right_name=right.name,
        subject=subject,
        purpose=_TODAY if right.is_today else _OTHER,
        frame=_frame(question, version, names, (left.name, right.name)),
        excluded=_excluded(left, right, names),
    )
    return report_of_pairs(subject, [pair])


def _frame(
    question: Question, version: Version | None, names: Sequence[Sequence[str]], called: tuple[str, str]
) -> Frame:
    """What the question says, and else what the version's specification does; of columns that both sides have."""
    both = [name for name in names[0] if name in names[1]]
    asked = [
        *([("--label", question.label)] if question.label else []),
        *([("--time", question.time)] if question.time else []),
        *(("--group", group) for group in question.groups),
        *(("--by", name) for name in question.beyond.by),
    ]
    problems = []
    for option, name in asked:
        lacking = [side for side, columns in zip(called, names, strict=True) if name not in columns]
        # A baseline needs no time: its rows are one set.
        if option == "--time" and question.every is not None and name in names[1]:
            continue
        if lacking:
            verb = "have" if len(lacking) > 1 else "has"
            problems.append(f"{option} {name}: {' and '.join(lacking)} {verb} no such column; {suggestion(name, both)}")
    if problems:
        raise SpecError(problem_list("columns that were named are not on both sides:", problems))
    said = frame_of(version.manifest.spec, both) if version is not None else Frame()
    time = question.time or said.time
    if time is None and version is not None and question.every is not None and version.manifest.spec.time in names[1]:
        time = version.manifest.spec.time
    return replace(said, label=question.label or said.label, time=time, groups=question.groups or said.groups)


def _check_time(question: Question, columns: Sequence[Sequence[Column]], called: Sequence[str]) -> None:
    """Raises SpecError when the column that was named as time holds none."""
    for side, found in zip(called, columns, strict=True):
        types = {column.name: column.type for column in found}
        if question.time in types and family_of(types[question.time]) is not Family.TIMESTAMP:
            times = [column.name for column in found if family_of(column.type) is Family.TIMESTAMP]
            others = f"these are: {', '.join(times)}" if times else f"no column of {side} is"
            raise SpecError(
                f"--time {question.time}: in {side} it is {types[question.time]}, no date or timestamp; {others}"
            )


def _excluded(left: NamedRows, right: NamedRows, names: Sequence[Sequence[str]]) -> Mapping[str, str]:
    """Columns that differ because of what these rows are, each with the reason."""
    excluded: dict[str, str] = {}
    for rows, other, columns in ((left, right, names[1]), (right, left, names[0])):
        if rows.version is not None:
            excluded |= columns_of_export(rows.version, columns) if other.is_today else {}
            excluded |= dict.fromkeys(rows.version.manifest.spec.key, "part of the key, different in every row")
            if other.version is None:
                excluded |= pseudonyms(rows.version)
    if left.version is not None and left.version == right.version and left.split and right.split:
        excluded |= columns_apart(left.version.manifest.spec, left=left.split, right=right.split)
    return excluded


@contextmanager
def readable(engine: Engine, rows: NamedRows) -> Iterator[NamedRows]:
    """The rows as a relation that can be scanned often: text is read into a temporary table first.

    Raises:
        ProjectError: they cannot be read.
    """
    with SessionTables(engine, f"drift_{id(rows)}") as tables:
        try:
            if rows.is_text:
                table = tables.create("rows", Query.of(Step("rows_of_text", f"select * from {rows.relation.sql}")))
                yielded = replace(rows, relation=Relation(table, rows.name))
            else:
                engine.columns(rows.relation)
                yielded = rows
        except QueryError as error:
            reason = str(error.__cause__ or error).splitlines()[0]
            raise ProjectError(f"cannot read {rows.name}: {reason}") from error
        yield yielded


def slug(left_name: str, right_name: str) -> str:
    """Name of the files of a report on these two: letters and digits, and a hash that tells it from others like it."""
    text = f"{left_name} to {right_name}"
    plain = re.sub(r"[^A-Za-z0-9_.@-]+", "-", text).strip("-.")[:80]
    return f"{plain}-{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:8]}"
