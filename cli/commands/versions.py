"""`diff`, `reproduce`, `tag`, `rm`, `gc`, `forget`: versions compared, named, made again, deleted."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from warehouse.errors import VersionError
from warehouse.findings import is_critical
from warehouse.project import Project

from .. import console

if TYPE_CHECKING:
    from warehouse.checks.drift.result import DriftResult
    from warehouse.datasets.differences import Difference
    from warehouse.datasets.tags import TagChange
    from warehouse.datasets.versions import Version
    from warehouse.engine.local import LocalEngine
    from warehouse.exports.forgetting import Forgetting
    from warehouse.retention import Cleaning

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

TODAY = "@build"
SHOWN = 20


def diff(
    context: typer.Context,
    left: Annotated[str, typer.Argument(help="A version: late_arrivals@1.0.0, a tag, or its folder; or a dataset.")],
    right: Annotated[
        str | None,
        typer.Argument(help="The version in question, or @build: what an export would write today."),
    ] = None,
    drift: Annotated[bool, typer.Option(help="Also compare the distribution of every column.")] = True,
    as_json: Json = False,
) -> None:
    """Compare two versions: specification, columns, rows by key, splits, labels, drift.

    With a dataset's name alone, its newest two versions.

    Example: warehouse diff late_arrivals@1.0.0 late_arrivals@1.1.0
    """
    from warehouse.checks.drift.versions import compare_split_of_versions, splits_to_compare
    from warehouse.datasets.differences import compare_versions
    from warehouse.reports.drift_json import drift_document

    project = Project.find(context.obj)
    with _two_versions(project, left, right) as (old, new), _engine(project, old, new) as engine:
        result = compare_versions(engine, old, new)
        splits = splits_to_compare(old, new) if drift else []
        drifts = {split: compare_split_of_versions(engine, old, new, split=split) for split in splits}
    if as_json:
        documents = {split: drift_document(found) for split, found in drifts.items()}
        console.print_json({**console.plain(result), "drift": documents})
    else:
        _print_difference(result)
        _print_drift(drifts)
    if is_critical(finding for found in drifts.values() for finding in found.findings):
        raise typer.Exit(1)


@contextmanager
def _two_versions(project: Project, left: str, right: str | None) -> Iterator[tuple[Version, Version]]:
    from warehouse.datasets.versions import find_version_or_folder, newest_two
    from warehouse.exports.aside import exported_aside

    if right is None:
        yield newest_two(project, left)
        return
    old = find_version_or_folder(project, left, allow_withdrawn=True)
    if right == TODAY or right == f"{old.name}{TODAY}":
        with exported_aside(project, old.name, now=datetime.now(UTC)) as today:
            yield old, today
    else:
        yield old, find_version_or_folder(project, right, allow_withdrawn=True)


@contextmanager
def _engine(project: Project, *versions: Version) -> Iterator[LocalEngine]:
    """An engine that reads the files of these versions alone."""
    from warehouse.datasets.versions import confine_to
    from warehouse.engine.local import LocalEngine
    from warehouse.storage import connect

    settings = project.settings
    with connect(
        None,
        memory_limit=settings.memory_limit,
        threads=settings.threads,
        temporary_path=project.temporary_path / f"diff-{datetime.now(UTC):%Y%m%dT%H%M%S%f}",
    ) as connection:
        confine_to(connection, *versions)
        yield LocalEngine(connection)


def _print_difference(result: Difference) -> None:
    console.print_line(f"{result.left} to {result.right}", style="bold")
    for field in result.fields:
        console.print_line(f"specification: {field.field}: {field.left or '(nothing)'} to {field.right or '(nothing)'}")
    for name in result.columns_added:
        console.print_line(f"column {name}: added")
    for name in result.columns_removed:
        console.print_line(f"column {name}: removed")
    for column in result.columns_retyped:
        console.print_line(f"column {column.name}: {column.left} to {column.right}")
    if result.is_same:
        console.print_line("the same rows in the same splits", style="green")
        return
    if not result.is_comparable:
        console.print_line("the keys are not the same, so rows cannot be matched", style="yellow")
    from warehouse.datasets.card import label_balance

    console.print_table(
        ("split", "rows before", "rows now", "labels before", "labels now"),
        [
            (
                split.name,
                *(side.row_count if side else None for side in (split.left, split.right)),
                *(label_balance(side) if side else None for side in (split.left, split.right)),
            )
            for split in result.splits
        ],
        right=("rows before", "rows now"),
    )
    console.print_table(
        ("from", "to", "rows", "with other values", "for example"),
        [
            (
                change.from_split or "(not there)",
                change.to_split or "(gone)",
                change.row_count,
                change.changed_count,
                "; ".join(change.examples),
            )
            for change in result.rows
        ],
        right=("rows", "with other values"),
    )
    if result.columns:
        shown = result.columns[:SHOWN]
        console.print_table(
            ("column", "rows changed", "for example"),
            [(column.name, column.row_count, "; ".join(column.examples)) for column in shown],
            right=("rows changed",),
        )
        if len(result.columns) > SHOWN:
            console.print_line(f"and {len(result.columns) - SHOWN} more columns; all: --json")
    console.print_line(
        f"{result.rows_added:,} rows added, {result.rows_removed:,} removed, {result.rows_changed:,} changed, "
        f"{result.rows_moved:,} moved to another split"
    )


def _print_drift(drifts: dict[str, DriftResult]) -> None:
    for split, found in drifts.items():
        for sentence in found.summary:
            console.print_line(f"{split}: {sentence}")


def reproduce(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="The version: late_arrivals@1.0.0, or a tag.")],
    as_json: Json = False,
) -> None:
    """Make a version again from the build it was made from, and say whether every byte or row comes out.

    Example: warehouse reproduce late_arrivals@1.0.0
    """
    from warehouse.exports.reproduction import reproduce as make_again

    project = Project.find(context.obj)
    result = make_again(project, reference, now=datetime.now(UTC))
    if as_json:
        console.print_json(result)
    else:
        console.print_table(
            ("split", "rows recorded", "rows now", "the same"),
            [(s.name, s.recorded_row_count, s.row_count, s.sameness.value) for s in result.splits],
            right=("rows recorded", "rows now"),
        )
        for tool in result.tools:
            console.print_line(f"{tool.name}: recorded {tool.recorded or 'nothing'}, now {tool.now or 'nothing'}")
        if result.difference is not None:
            _print_difference(result.difference)
        for finding in result.findings:
            console.print_finding(finding)
        words = {"bytes": "byte by byte", "content": "row by row, in other bytes", "different": "differently"}
        style = "red" if is_critical(result.findings) else "green"
        came = f"{result.reference} comes out of build {result.build_id} {words[result.sameness.value]}"
        console.print_line(came, style=style)
    if is_critical(result.findings):
        raise typer.Exit(1)


def tag(
    context: typer.Context,
    reference: Annotated[
        str, typer.Argument(help="The version, late_arrivals@1.0.0; the dataset for --list, --delete.")
    ],
    name: Annotated[str | None, typer.Argument(help="The tag: prod, baseline.")] = None,
    show: Annotated[bool, typer.Option("--list", help="List the dataset's tags.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Take the tag away; its version stays.")] = False,
    as_json: Json = False,
) -> None:
    """Give a version a name such as prod, or move that name to it.

    Example: warehouse tag late_arrivals@1.0.0 prod
    """
    from warehouse.datasets.tags import delete_tag, list_tags, set_tag

    project = Project.find(context.obj)
    if show or (name is None and not delete):
        tags = list_tags(project, reference)
        if as_json:
            console.print_json(tags)
        elif tags:
            console.print_table(("tag", "version"), tags.items())
        else:
            console.print_line(f"{reference} has no tags; make one with: warehouse tag {reference}@1.0.0 prod")
        return
    if name is None:
        raise VersionError(f"which tag? for example: warehouse tag --delete {reference} prod")
    change = delete_tag(project, reference, name) if delete else set_tag(project, reference, name)
    if as_json:
        console.print_json(change)
    else:
        console.print_line(_tag_text(change), style="green")


def _tag_text(change: TagChange) -> str:
    if change.new is None:
        return f"{change.name}: {change.tag} no longer names {change.old}"
    if change.old == change.new:
        return f"{change.name}@{change.tag} is {change.new} already"
    return f"{change.name}@{change.tag}: {f'{change.old} -> ' if change.old else ''}{change.new}"


def rm(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="The version: late_arrivals@1.0.0.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also delete the newest version.")] = False,
    as_json: Json = False,
) -> None:
    """Delete one version, unless something needs it; its number is never given again.

    Example: warehouse rm late_arrivals@1.0.0
    """
    from warehouse.datasets.removal import remove_version
    from warehouse.datasets.versions import find_version

    project = Project.find(context.obj)
    if "@" not in reference:
        raise VersionError(f"which version of {reference}? for example: warehouse rm {reference}@1.0.0")
    version = find_version(project, reference, allow_withdrawn=True)
    question = f"delete {version.reference} ({version.manifest.row_count:,} rows)?"
    _confirm(question, yes=yes)
    result = remove_version(project, reference, now=datetime.now(UTC), force=force)
    if as_json:
        console.print_json(result)
    else:
        console.print_line(f"deleted {version.reference}, {console.size_text(result.byte_count)} freed", style="green")


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise VersionError(f"{question}\n  nobody is there to answer; say so with: --yes")
    typer.confirm(question, abort=True, err=True)


def gc(
    context: typer.Context,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Also delete all but so many versions of a dataset; tagged and frozen ones stay."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be deleted, and delete nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Delete what nothing needs: withdrawn versions, leftovers of killed exports, old builds.

    Example: warehouse gc --keep 5 --dry-run
    """
    from warehouse.retention import clean_up

    result = clean_up(Project.find(context.obj), now=datetime.now(UTC), keep=keep, dry_run=dry_run)
    if as_json:
        console.print_json(result)
    else:
        _print_cleaning(result)
    if is_critical(result.findings):
        raise typer.Exit(1)


def _print_cleaning(result: Cleaning) -> None:
    would = "would delete" if result.dry_run else "deleted"
    for version in result.versions:
        console.print_line(f"{would} {version.reference} ({version.reason.value})")
    for build in result.builds:
        console.print_line(f"{would} build {build}")
    if result.leftover_count:
        console.print_line(f"{would} {result.leftover_count} leftovers of killed processes")
    for finding in result.findings:
        console.print_finding(finding)
    size = console.size_text(result.byte_count)
    if not (result.versions or result.builds or result.leftover_count):
        console.print_line("nothing to delete", style="green")
    elif result.dry_run:
        console.print_line(f"would free {size}; nothing was deleted")
    else:
        console.print_line(f"{size} freed", style="green")


def forget(
    context: typer.Context,
    key: Annotated[
        list[str],
        typer.Option(help="COLUMN=VALUE; rows that agree in all. COLUMN alone: the value is read from standard input."),
    ],
    dataset: Annotated[str | None, typer.Option(help="Only this dataset; all of them when left out.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show who is held where, and change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Take a person's rows out of every version: write versions without them, withdraw those that hold them.

    Example: warehouse forget --key customer_id --dry-run
    """
    from warehouse.datasets.holdings import Entity
    from warehouse.exports.forgetting import forget as forget_entity

    project = Project.find(context.obj)
    entity = Entity(values=_values(key))
    result = forget_entity(project, entity, now=datetime.now(UTC), dataset=dataset, dry_run=dry_run)
    if as_json:
        console.print_json(result)
    else:
        _print_forgetting(result)
    if is_critical(result.findings):
        raise typer.Exit(1)


def _values(keys: Iterable[str]) -> dict[str, str]:
    """The value of each column; one that is not given is asked for, so that no shell remembers it."""
    values: dict[str, str] = {}
    for item in keys:
        column, equals, value = item.partition("=")
        if not column or column in values:
            raise VersionError("--key must be COLUMN=VALUE, each column once, for example: --key customer_id=...")
        if equals:
            values[column] = value
        elif sys.stdin.isatty():
            values[column] = str(typer.prompt(column, hide_input=True, err=True))
        else:
            line = sys.stdin.readline()
            if not line:
                raise VersionError(f"--key {column}: standard input has no line with its value")
            values[column] = line.rstrip("\r\n")
    return values


def _print_forgetting(result: Forgetting) -> None:
    if result.versions:
        rows: list[tuple[Any, ...]] = [
            (
                f"{version.name}@{version.number}",
                version.row_count,
                ", ".join(version.tags),
                f"{version.name}@{version.successor}" if version.successor else "none is needed",
            )
            for version in result.versions
        ]
        console.print_table(("version", "rows", "tags", "successor"), rows, right=("rows",))
    for finding in result.findings:
        console.print_finding(finding)
    counts = f"{len(result.versions)} of {result.searched_count} versions"
    if not result.versions:
        console.print_line(f"none of {result.searched_count} versions holds such rows", style="green")
    elif result.dry_run:
        console.print_line(f"{counts} hold {result.row_count:,} such rows; nothing was changed")
    else:
        console.print_line(f"{result.row_count:,} rows forgotten: {counts} withdrawn", style="green")
        console.print_line("next: warehouse gc")
