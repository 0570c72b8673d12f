"""What one record of a run comes to on a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from warehouse.catalog_facts import RunFacts, State, StepFacts
from warehouse.findings import Finding, Severity
from warehouse.records import Record, Status
from warehouse.stages import Nightly, StageStatus

MOST_STEPS = 60
"""Of a build that has more: all that did not pass, then the slowest."""
MOST_BAD_STEPS = 300
MOST_FINDINGS = 200
RUN_STATES = {
    Status.PASSED: State.GOOD,
    Status.FAILED: State.BAD,
    Status.ERROR: State.BAD,
    Status.INTERRUPTED: State.WARN,
    Status.RUNNING: State.NONE,
}
STAGE_STATES = {
    StageStatus.PASSED: State.GOOD,
    StageStatus.FAILED: State.BAD,
    StageStatus.ERROR: State.BAD,
    StageStatus.SKIPPED: State.NONE,
}
_TESTS = ("test", "unit test")
_BUILT = ("model", "seed", "snapshot", "test", "unit_test")
_NODE_STATES = {"success": State.GOOD, "pass": State.GOOD, "warn": State.WARN, "skipped": State.NONE}
_ORDER = list(Severity)


def run_facts(record: Record, *, is_published: bool = False) -> RunFacts:
    """The run, cut to what a page shows; what a record lacks or has otherwise than it should is left out."""
    nightly = Nightly.from_record(record)
    if nightly is not None:
        found: tuple[Finding, ...] = nightly.findings
        steps = [
            StepFacts(
                name=stage.name.value,
                kind="stage",
                status=stage.status.value + (" (kept)" if stage.kept else ""),
                state=STAGE_STATES[stage.status],
                seconds=stage.seconds,
                note=stage.message,
            )
            for stage in nightly.stages
        ]
        shown = steps
    else:
        found = tuple(_findings(record.details.get("findings")))
        steps = [_step(node) for node in record.details.get("nodes") or () if _is_node(node)] or list(_parts(record))
        shown = _worth_showing(steps)
    ordered = sorted(found, key=lambda finding: _ORDER.index(finding.severity))
    return RunFacts(
        id=record.id,
        command=record.command,
        status=record.status.value,
        state=RUN_STATES[record.status],
        started_at=record.started_at,
        seconds=record.seconds,
        by="@".join(str(record.by[key]) for key in ("user", "host") if record.by.get(key)),
        commit=commit_words(record.git),
        error=str(record.details.get("error") or ""),
        summary=_summary(record, steps, nightly),
        counts={
            severity.value: count
            for severity in Severity
            if (count := sum(finding.severity is severity for finding in found))
        },
        findings=tuple(ordered[:MOST_FINDINGS]),
        finding_count=len(found),
        steps=tuple(shown),
        step_count=len(steps),
        facts=tuple(_facts(record)),
        page=f"runs/{record.id.lower()}.html",
        is_published=is_published,
        is_night=record.command == "nightly" and not (nightly is not None and nightly.only),
    )


def commit_words(git: Mapping[str, Any] | None) -> str:
    """The commit, and whether anything differed from it."""
    if not git or not git.get("commit"):
        return ""
    return str(git["commit"])[:10] + (", with changes" if git.get("dirty") else "")


def _summary(record: Record, steps: Sequence[StepFacts], nightly: Nightly | None) -> str:
    if nightly is not None:
        done = sum(step.state is not State.NONE for step in steps)
        bad = [step.name for step in steps if step.state is State.BAD]
        return f"{done} of {len(steps)} stages run" + (f"; {', '.join(bad)} did not pass" if bad else "")
    match record.command:
        case "build":
            models = sum(step.kind not in _TESTS for step in steps)
            tests = len(steps) - models
            expectations = _number(record.details.get("validation"), "expectation_count")
            counted = (_count(models, "model"), _count(tests, "dbt test"), _count(expectations, "expectation"))
            return ", ".join(filter(None, counted))
        case "load":
            return _count(len(steps), "table")
        case "validate":
            expectations = _number(record.details.get("validation"), "expectation_count")
            run = _count(expectations, "expectation")
            return f"{run} on build {record.details.get('build_id')}" if run else ""
        case "pull":
            about = record.details.get("reference") or record.details.get("to")
            return f"{about} from {record.details.get('url')}" if about else ""
        case "reproduce":
            return str(record.details.get("reference") or "")
        case _:
            return ""


def _facts(record: Record) -> Iterable[tuple[str, str]]:
    details = record.details
    if details.get("started_from"):
        yield "Started from a copy of build", str(details["started_from"])
    if details.get("resumed_from"):
        yield "Went on from run", str(details["resumed_from"])
    options = details.get("options")
    if isinstance(options, Mapping):
        chosen = [f"{name} {_words(value)}".strip() for name, value in options.items() if value]
        if chosen:
            yield "Options", ", ".join(chosen)
    if record.command != "build" and details.get("build_id"):
        yield "Build", str(details["build_id"])
    for key in ("from", "to"):
        if isinstance(details.get(key), str):
            yield key.capitalize(), details[key]
    if record.by.get("user"):
        yield "By", "@".join(str(record.by[key]) for key in ("user", "host") if record.by.get(key))
    if commit := commit_words(record.git):
        yield "Commit", commit
    if record.tools:
        yield "Tools", ", ".join(f"{name} {version}" for name, version in record.tools.items())


def _words(value: object) -> str:
    if value is True:
        return ""
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _is_node(node: object) -> bool:
    known = isinstance(node, Mapping) and {"name", "resource_type", "status", "seconds", "materialized"} <= set(node)
    # dbt "runs" exposures too, which does nothing.
    return known and node["resource_type"] in _BUILT  # type: ignore[index]  # a mapping, as was just seen


def _step(node: Mapping[str, Any]) -> StepFacts:
    kind = str(node["materialized"] if node["resource_type"] == "model" else node["resource_type"])
    rows = node.get("rows")
    state = _NODE_STATES.get(node["status"], State.BAD)
    # What dbt says of a failed test may hold values of its rows; its first line holds their number.
    said = (str(node.get("message") or "").strip().splitlines() or [""])[0]
    return StepFacts(
        name=str(node["name"]),
        kind=kind.replace("_", " "),
        status=str(node["status"]),
        state=state,
        seconds=float(node["seconds"]),
        note=f"{rows:,} rows" if rows is not None else said if state is not State.GOOD else "",
    )


def _parts(record: Record) -> Iterable[StepFacts]:
    """Of a run that is no build: the tables that it loaded, the suites that it ran, the splits that came out again."""
    details = record.details
    for table in _mappings(details.get("tables"), {"name", "status", "seconds"}):
        state = State.BAD if table["status"] == "failed" else State.GOOD
        note = str(table.get("message") or "") if state is State.BAD else _count(_number(table, "row_count"), "new row")
        seconds = float(table["seconds"])
        yield StepFacts(
            name=str(table["name"]), kind="load", status=str(table["status"]), state=state, seconds=seconds, note=note
        )
    validation = details.get("validation")
    suites = validation.get("suites") if isinstance(validation, Mapping) else ()
    for suite in _mappings(suites, {"name", "expectations", "seconds"}):
        failed = [one for one in _mappings(suite["expectations"], {"success", "severity"}) if not one["success"]]
        worst = {str(one["severity"]) for one in failed}
        yield StepFacts(
            name=str(suite["name"]),
            kind="suite",
            status="failed" if failed else "passed",
            state=State.BAD if "critical" in worst else State.WARN if worst else State.GOOD,
            seconds=float(suite["seconds"]),
            note=_count(len(failed), "expectation") + " failed" if failed else "",
        )
    for split in _mappings(details.get("splits"), {"name", "sameness"}):
        state = State.BAD if split["sameness"] == "different" else State.GOOD
        yield StepFacts(
            name=str(split["name"]), kind="split", status=str(split["sameness"]), state=state, seconds=0.0, note=""
        )


def _mappings(items: object, keys: set[str]) -> Iterable[Mapping[str, Any]]:
    """Those of the items that have all these keys."""
    for item in items if isinstance(items, list | tuple) else ():
        if isinstance(item, Mapping) and keys <= set(item):
            yield item


def _worth_showing(steps: Sequence[StepFacts]) -> list[StepFacts]:
    bad = [step for step in steps if step.state is not State.GOOD]
    bad.sort(key=lambda step: [State.BAD, State.WARN, State.NONE].index(step.state))
    good = [step for step in steps if step.state is State.GOOD]
    # Models say more than tests, of which there are many.
    good.sort(key=lambda step: (step.kind in _TESTS, -step.seconds))
    return [*bad[:MOST_BAD_STEPS], *good[: max(0, MOST_STEPS - len(bad))]]


def _findings(documents: object) -> Iterable[Finding]:
    for document in documents if isinstance(documents, list | tuple) else ():
        try:
            yield Finding(**{**document, "severity": Severity(document["severity"])})
        except (TypeError, KeyError, ValueError):
            continue


def _number(document: object, key: str) -> int:
    value = document.get(key) if isinstance(document, Mapping) else None
    return value if isinstance(value, int) else 0


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}" if number else ""
