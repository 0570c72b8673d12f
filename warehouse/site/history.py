"""What the records of runs tell: each run, and of the newest builds what every check found and how large tables were.

Records of large projects are large, so each is read once, and only what pages show of it is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from warehouse import records
from warehouse.catalog_facts import CheckPoint, RunFacts, Size, State
from warehouse.project import Project
from warehouse.published import published_id
from warehouse.records import Record
from warehouse.site.run_facts import run_facts
from warehouse.stages import Nightly
from warehouse.validation import ExpectationResult, suites_of_record

RUNS = 200
"""So many runs, the newest, have a page."""
BUILDS = 20
"""Of so many builds, the newest, the results of checks are told."""
_TEST_STATES = {"pass": State.GOOD, "warn": State.WARN, "fail": State.BAD, "error": State.BAD}
NIGHTS = 30
"""In so many nights, the newest, is looked for what was found of a dataset last."""
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """An expectation as the newest build knows it."""

    table: str
    result: ExpectationResult


@dataclass(slots=True, kw_only=True)
class History:
    """What was gathered, the newest first where there is an order."""

    runs: list[RunFacts] = field(default_factory=list)
    older_run_count: int = 0
    published: Record | None = None
    """The published build's record, whole."""
    expectations: dict[Key, Expectation] = field(default_factory=dict)
    """Those that the newest validated build had."""
    tests: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Nodes of tests as the newest build that ran each has them, by unique id."""
    points: dict[Key, list[CheckPoint]] = field(default_factory=dict)
    """By check, oldest first."""
    sizes: dict[str, list[Size]] = field(default_factory=dict)
    """By unique id, oldest first."""
    made: dict[str, tuple[str, float]] = field(default_factory=dict)
    """The build that made a table last of those up to the published one, and seconds; by unique id."""
    nights: list[Nightly] = field(default_factory=list)
    """The newest nightly runs, also one that has not ended."""


def read_history(project: Project, *, night: Nightly | None = None) -> History:
    """Reads the newest records.

    `night` is a run that is about to end: it is told of as ended, with the status that it has so far.
    """
    history = History()
    published = published_id(project)
    builds_told = 0
    ids = records.run_ids(project)[::-1]
    history.older_run_count = max(0, len(ids) - RUNS)
    wanted = ids[:RUNS]
    if published in ids[RUNS:]:
        wanted.append(published)
    for run_id in wanted:
        record = records.read_record(project, run_id)
        if record is None:
            continue
        if night is not None and run_id == night.id:
            record = replace(record, status=night.status, seconds=night.seconds)
        nightly = Nightly.from_record(record)
        if nightly is not None and len(history.nights) < NIGHTS:
            history.nights.append(nightly)
        history.runs.append(run_facts(record, is_published=run_id == published))
        if run_id == published:
            history.published = record
        if record.command == "build" and builds_told < BUILDS:
            builds_told += bool(_tell(history, record, until=published))
    for points in history.points.values():
        points.reverse()
    for sizes in history.sizes.values():
        sizes.reverse()
    return history


def _tell(history: History, record: Record, *, until: str | None) -> bool:
    """Adds what this build found; whether it found anything. Builds come newest first."""
    suites = suites_of_record(record.details.get("validation"))
    is_newest = not history.expectations
    for suite in suites:
        seen: set[Key] = set()
        for result in suite.expectations:
            key: Key = ("expectation", suite.table, result.type, repr(sorted(result.arguments.items())))
            if key in seen:
                continue
            seen.add(key)
            if is_newest:
                history.expectations[key] = Expectation(table=suite.table, result=result)
            point = CheckPoint(run_id=record.id, state=_state(result), measured=" ".join(result.measured.split()))
            history.points.setdefault(key, []).append(point)
    nodes = list(_nodes(record))
    for node in nodes:
        unique_id = node["unique_id"]
        if node["resource_type"] in ("test", "unit_test"):
            history.tests.setdefault(unique_id, node)
            state = _TEST_STATES.get(node["status"], State.NONE)
            failures = node.get("failures")
            measured = node["status"] if not failures else f"{failures:,} rows"
            history.points.setdefault((unique_id,), []).append(
                CheckPoint(run_id=record.id, state=state, measured=measured)
            )
        elif node["status"] == "success":
            if node.get("rows") is not None:
                history.sizes.setdefault(unique_id, []).append(Size(run_id=record.id, row_count=node["rows"]))
            # What was built since is not what readers see.
            if until is None or record.id <= until:
                history.made.setdefault(unique_id, (record.id, float(node["seconds"])))
    return bool(suites or nodes)


def _nodes(record: Record) -> Iterator[Mapping[str, Any]]:
    for node in record.details.get("nodes") or ():
        if isinstance(node, Mapping) and {"unique_id", "resource_type", "status", "seconds", "name"} <= set(node):
            yield node


def _state(result: ExpectationResult) -> State:
    if result.success:
        return State.GOOD
    return State.BAD if result.severity.value == "critical" else State.WARN
