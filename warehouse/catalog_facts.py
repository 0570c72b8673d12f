"""The state of a whole project as plain facts: what the catalog site shows and computes nothing of.

Whatever has a page knows its address (`page`), relative to the site's folder, made of safe characters alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from warehouse.findings import Finding, Severity


class State(StrEnum):
    """How something stands, in four looks."""

    GOOD = "good"
    BAD = "bad"
    WARN = "warn"
    NONE = "none"
    """Not known, not run, or nothing to say."""


class Thing(StrEnum):
    """What a node of the lineage is."""

    SOURCE = "source"
    MODEL = "model"
    SEED = "seed"
    SNAPSHOT = "snapshot"
    DATASET = "dataset"
    EXPOSURE = "exposure"
    """Something else that uses models: a dashboard, an application."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """To a file of the site."""

    title: str
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One thing in the lineage."""

    id: str
    """dbt's unique id."""
    name: str
    thing: Thing
    layer: str
    """What it is grouped by: the first folders of its file, the source's name."""
    page: str
    """Empty for an exposure that is no dataset."""
    parents: tuple[str, ...]
    """Ids of what it reads; only such as are nodes too."""
    children: tuple[str, ...]
    note: str = ""
    """Type and owner of an exposure."""
    url: str = ""
    """Of an exposure; http or https."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueBar:
    """One bar of a column's chart."""

    label: str
    share: float
    """Of all rows."""
    is_value: bool
    """False for what is apart from the axis: rare, missing and infinite values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDigest:
    """What a column holds, short enough for a line on a page."""

    kind: str
    """A `statistics.kinds.Kind`, in its words."""
    row_count: int
    missing_count: int
    distinct_count: int | None = None
    """About, for texts; None when it is not known."""
    minimum: str = ""
    median: str = ""
    maximum: str = ""
    mean: str = ""
    bars: tuple[ValueBar, ...] = ()
    is_range: bool = False
    """Whether the bars are ranges along an axis; otherwise each is a value."""
    is_withheld: bool = False
    """The column identifies people, so that no value of it is shown or drawn."""

    @property
    def missing_share(self) -> float:
        """Of all rows; 0 without any."""
        return self.missing_count / self.row_count if self.row_count else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFacts:
    """One column of a table."""

    name: str
    type: str
    """As the published file has it; as declared where there is none; empty when neither says."""
    description: str
    unit: str
    is_pii: bool
    tags: tuple[str, ...]
    digest: ColumnDigest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPoint:
    """What a check found in one build."""

    run_id: str
    state: State
    measured: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFacts:
    """An expectation or a dbt test, with what it found over time."""

    is_dbt: bool
    title: str
    """What must hold: the words of its type, or dbt's name of the test."""
    subject: str
    """The columns, or `table`."""
    expected: str
    severity: Severity
    reason: str
    where: str
    """File, and line when it is known."""
    history: tuple[CheckPoint, ...]
    """Oldest first; builds in which it did not run are left out; never empty."""

    @property
    def last(self) -> CheckPoint:
        """The newest result."""
        return self.history[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Rows of a table in one build."""

    run_id: str
    row_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """What is known of the files or tables behind a source."""

    location: str
    file_count: int
    byte_count: int
    newest_file: str
    """When the newest file was changed, UTC, ISO 8601; empty without local files."""
    freshness: State
    freshness_words: str
    """In one sentence; empty when it was never asked."""
    files: tuple[tuple[str, int, str], ...]
    """Path, bytes and time of change; some of them when there are many."""
    version: str = ""
    """Which version of a Delta or Iceberg table was read, and of when; empty for files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """One table: a model, seed, snapshot or source."""

    node: Node
    materialized: str
    relation: str
    """As SQL names it: `main.fct_flights`."""
    file_path: str
    description: str
    columns: tuple[ColumnFacts, ...]
    row_count: int | None
    checks: tuple[CheckFacts, ...]
    sizes: tuple[Size, ...]
    """Oldest first."""
    built_in: str
    """Id of the build that made it last."""
    built_seconds: float | None
    profile_note: str
    """Why there is no profile, or what it left out; empty for a whole one."""
    code: str
    """The SQL that made it, as dbt compiled it."""
    source: SourceFacts | None = None

    @property
    def state(self) -> State:
        """Of its checks together; a source's freshness counts too."""
        states = {check.last.state for check in self.checks}
        if self.source is not None:
            states.add(self.source.freshness)
        return worst(states)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSize:
    """One split of a version."""

    name: str
    row_count: int
    labels: str
    """The most frequent labels with their shares, or the mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFacts:
    """One version of a dataset."""

    number: str
    created_at: str
    """UTC, ISO 8601."""
    row_count: int
    byte_count: int
    splits: tuple[SplitSize, ...]
    dropped: Mapping[str, int]
    change: str
    """What differs from the version before, in words; empty for the first one."""
    tags: tuple[str, ...]
    withdrawn: str
    """Why it must no longer be used; empty when it stands."""
    findings: tuple[Finding, ...]
    """Of the export, leaks among them."""
    leakage: str
    """How the search for leaks came out, in one sentence; empty when none is kept."""
    drift: tuple[str, ...]
    """The summary of the report on drift between its splits; empty without one."""
    drift_counts: Mapping[str, int]
    """Columns of the main pair by verdict; empty without a report."""
    reports: tuple[Link, ...]
    provenance: tuple[tuple[str, str], ...]
    """Titles and values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFacts:
    """One dataset: declared, exported, or both."""

    node: Node
    owner: str
    maturity: str
    description: str
    declared_in: str
    problems: tuple[str, ...]
    rule: tuple[str, ...]
    """How rows come into their splits and what is done to them, in sentences with Markdown code."""
    facts: tuple[tuple[str, str], ...]
    """Key, label, time and so on: titles and values."""
    columns: tuple[ColumnFacts, ...]
    """Of the newest version."""
    versions: tuple[VersionFacts, ...]
    """Newest first."""
    older_count: int
    """Versions on disk that are not told of here."""
    uses: tuple[str, ...]
    """Who used it, as far as it is known, a sentence each."""
    drift_today: tuple[Finding, ...]
    """What the newest nightly run found between its version in use and today's table."""
    drift_today_words: str
    """The same in one sentence; empty when no nightly run compared it."""
    reports: tuple[Link, ...]
    """Reports that belong to no single version."""

    @property
    def state(self) -> State:
        """Bad when it cannot be exported, or its newest version must not be used."""
        if self.problems:
            return State.BAD
        newest = self.versions[0] if self.versions else None
        if newest is None:
            return State.NONE
        found = [*newest.findings, *self.drift_today]
        return worst({STATES[finding.severity] for finding in found} | {State.GOOD})


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFacts:
    """One step of a run: a model or test of a build, a stage of a night."""

    name: str
    kind: str
    status: str
    state: State
    seconds: float
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """One run on record."""

    id: str
    command: str
    status: str
    state: State
    started_at: str
    seconds: float
    by: str
    commit: str
    """Empty outside a repository; says so when the work tree was dirty."""
    error: str
    summary: str
    """What it did, in a few words."""
    counts: Mapping[str, int]
    """Findings by severity, none left out that are not 0."""
    findings: tuple[Finding, ...]
    """The gravest first; some of them when there are many."""
    finding_count: int
    steps: tuple[StepFacts, ...]
    """A night's stages in their order; of a build what did not pass, then the slowest."""
    step_count: int
    facts: tuple[tuple[str, str], ...]
    page: str
    """Empty when it has no page of its own."""
    is_published: bool = False
    is_night: bool = False
    """Whether it is a nightly run of all stages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """One thing that somebody should look at."""

    severity: Severity
    title: str
    text: str
    advice: str
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The published build."""

    id: str
    started_at: str
    commit: str
    page: str
    """Of its run; empty when its record is gone."""
    test_count: int
    expectation_count: int
    warning_count: int
    """Checks that did not hold and did not keep it from being published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogFacts:
    """Everything."""

    project_name: str
    made_at: datetime
    published: Published | None
    nodes: Mapping[str, Node]
    """By id."""
    tables: tuple[TableFacts, ...]
    """By name, sources last."""
    datasets: tuple[DatasetFacts, ...]
    runs: tuple[RunFacts, ...]
    """Newest first."""
    older_run_count: int
    attention: tuple[Attention, ...]
    """The gravest first."""
    reports: tuple[Link, ...]
    """Every other report: dbt's docs, Data Docs, nights, drift."""
    sources_checked_at: str
    """When the sources were looked at last; empty for never."""


STATES = {Severity.CRITICAL: State.BAD, Severity.WARNING: State.WARN, Severity.INFO: State.NONE}
"""How a finding of a severity looks."""


def worst(states: set[State]) -> State:
    """The gravest of these; nothing known without any."""
    return next((state for state in (State.BAD, State.WARN, State.GOOD) if state in states), State.NONE)
