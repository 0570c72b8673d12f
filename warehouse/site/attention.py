"""What somebody should look at, judged from the facts of a whole project; the gravest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from warehouse.catalog_facts import Attention, DatasetFacts, Published, RunFacts, State
from warehouse.findings import Finding, Severity
from warehouse.records import Status
from warehouse.site.dataset_facts import serious
from warehouse.sources.report import SourceReport

MOST_OF_A_KIND = 12
_ORDER = list(Severity)


def find_attention(
    *,
    published: Published | None,
    runs: Sequence[RunFacts],
    datasets: Sequence[DatasetFacts],
    sources: SourceReport | None,
    unreadable: str,
) -> tuple[Attention, ...]:
    """Everything, each in a sentence with what to do.

    Args:
        published: The published build.
        runs: Newest first.
        datasets: All of them.
        sources: The last look at the sources.
        unreadable: Why the published build cannot be read; empty when it can.
    """
    found = [
        *_of_builds(published, runs, unreadable),
        *_of_nights(runs),
        *_of_findings(published, runs),
        *_of_sources(sources),
        *_of_datasets(datasets),
    ]
    return tuple(sorted(found, key=lambda item: _ORDER.index(item.severity)))


def _of_builds(published: Published | None, runs: Sequence[RunFacts], unreadable: str) -> Iterator[Attention]:
    builds = [run for run in runs if run.command == "build"]
    newest = next((run for run in builds if run.status != Status.RUNNING.value), None)
    if unreadable:
        yield Attention(
            severity=Severity.CRITICAL,
            title="The published build cannot be read",
            text=unreadable.partition("\n")[0],
            advice="make a new one: warehouse build",
            page="",
        )
    elif published is None:
        yield Attention(
            severity=Severity.CRITICAL,
            title="Nothing is published yet",
            text="There is no warehouse to read, and no dataset can be exported.",
            advice="make the first build: warehouse build",
            page="",
        )
    if newest is None or (published is not None and newest.id <= published.id):
        return
    if newest.status == Status.PASSED.value:
        if published is not None:
            yield Attention(
                severity=Severity.WARNING,
                title="An older build is published",
                text=f"Build {newest.id} passed, and readers see {published.id}: somebody rolled back, "
                "or published it by hand.",
                advice=f"when that is over: warehouse publish {newest.id}",
                page=newest.page,
            )
        return
    because = newest.error or next((finding.message for finding in newest.findings), "")
    yield Attention(
        severity=Severity.CRITICAL,
        title=f"The newest build is not published: {newest.status}",
        text=because.partition("\n")[0] or "Its record does not say why.",
        advice="readers keep the one before; correct what it found and build again: warehouse build",
        page=newest.page,
    )


def _of_nights(runs: Sequence[RunFacts]) -> Iterator[Attention]:
    night = next((run for run in runs if run.is_night and run.status != Status.RUNNING.value), None)
    if night is None or night.state is State.GOOD:
        return
    stages = [step for step in night.steps if step.state is State.BAD]
    told = "; ".join(f"{step.name}: {step.note.partition(chr(10))[0]}" for step in stages)
    yield Attention(
        severity=Severity.CRITICAL if night.state is State.BAD else Severity.WARNING,
        title=f"The newest nightly run did not pass: {night.status}",
        text=told or night.error.partition("\n")[0] or night.summary,
        advice="go on where it stopped: warehouse nightly --resume",
        page=night.page,
    )


def _of_findings(published: Published | None, runs: Sequence[RunFacts]) -> Iterator[Attention]:
    run = next((run for run in runs if published is not None and run.id == published.id), None)
    if run is not None:
        yield from _each(serious(run.findings), page=run.page, where="in the published build")


def _of_sources(sources: SourceReport | None) -> Iterator[Attention]:
    if sources is not None:
        yield from _each(serious(sources.findings), page="", where="at the sources")


def _of_datasets(datasets: Sequence[DatasetFacts]) -> Iterator[Attention]:
    for dataset in datasets:
        if dataset.problems:
            first = dataset.problems[0].partition("\n")[0]
            more = len(dataset.problems) - 1
            yield Attention(
                severity=Severity.CRITICAL,
                title=f"Dataset {dataset.node.name} has {'problems' if more else 'a problem'}",
                text=first + (f" (and {more} more)" if more else ""),
                advice="correct its declaration; see its page",
                page=dataset.node.page,
            )
        newest = dataset.versions[0] if dataset.versions else None
        if newest is not None and newest.withdrawn:
            yield Attention(
                severity=Severity.WARNING,
                title=f"Dataset {dataset.node.name}: its newest version must not be used",
                text=f"{newest.number} is {newest.withdrawn}.",
                advice=f"make a new one: warehouse export {dataset.node.name}",
                page=dataset.node.page,
            )
        elif newest is not None:
            name = f"{dataset.node.name}@{newest.number}"
            yield from _each(serious(newest.findings), page=dataset.node.page, where=f"in {name}")
        for version in dataset.versions[1:]:
            if version.withdrawn and version.tags:
                yield Attention(
                    severity=Severity.WARNING,
                    title=f"Dataset {dataset.node.name}: a tag names a version that must not be used",
                    text=f"{', '.join(version.tags)} names {version.number}, which is {version.withdrawn}.",
                    advice=f"tag another one: warehouse tag {dataset.node.name}@newest {version.tags[0]}",
                    page=dataset.node.page,
                )
        if drifted := serious(dataset.drift_today):
            yield Attention(
                severity=min((finding.severity for finding in drifted), key=_ORDER.index),
                title=f"Today's rows differ from the version of {dataset.node.name} in use",
                text=f"{dataset.drift_today_words}.",
                advice="see its report; a model trained on that version may need new data",
                page=dataset.node.page,
            )


def _each(findings: Sequence[Finding], *, page: str, where: str) -> Iterator[Attention]:
    """One by one, and what is beyond a dozen together."""
    for finding in findings[:MOST_OF_A_KIND]:
        yield Attention(
            severity=finding.severity,
            title=f"{finding.subject}, {where}",
            # What follows the first line are rows of the data.
            text=finding.message.partition("\n")[0],
            advice=finding.advice,
            page=page,
        )
    if rest := findings[MOST_OF_A_KIND:]:
        yield Attention(
            severity=min((finding.severity for finding in rest), key=_ORDER.index),
            title=f"{len(rest):,} more findings {where}",
            text="The page of the run has them.",
            advice="",
            page=page,
        )
