"""`datasets`, `export`, `show`, `verify`: from declarations to immutable versions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.findings import is_critical
from warehouse.project import Project

from .. import console

if TYPE_CHECKING:
    from warehouse.datasets.catalog import DatasetEntry
    from warehouse.datasets.manifest import Manifest
    from warehouse.exports.outcome import Export

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Reference = Annotated[str, typer.Argument(help="A dataset, late_arrivals, or one version of it, late_arrivals@1.0.0.")]


def datasets(context: typer.Context, as_json: Json = False) -> None:
    """List the datasets that the project declares, with their newest versions and what is wrong with them.

    Example: warehouse datasets
    """
    from warehouse.datasets.catalog import list_datasets

    project = Project.find(context.obj)
    entries = list_datasets(project)
    if as_json:
        console.print_json(entries)
        return
    if not entries:
        console.print_line("no dataset is declared: add an exposure of type ml with config.meta.dataset")
        return
    console.print_table(
        ("dataset", "model", "newest", "versions", "tags", "rows", "build", "written", "state"),
        [
            (
                entry.name,
                entry.model,
                entry.versions[-1] if entry.versions else None,
                len(entry.versions),
                ", ".join(f"{tag} {number}" for tag, number in entry.tags.items()),
                entry.row_count,
                entry.build_id,
                f"{entry.created_at:%Y-%m-%dT%H:%M:%SZ}" if entry.created_at else None,
                _state(entry),
            )
            for entry in entries
        ],
        right=("versions", "rows"),
    )
    for entry in entries:
        for problem in entry.problems:
            console.print_line(f"{entry.name} ({entry.declared_in}): {problem}", style="red")
    unexported = [entry.name for entry in entries if not entry.versions and not entry.problems]
    if unexported:
        console.print_line(f"next: warehouse export {unexported[0]}")


def _state(entry: DatasetEntry) -> str:
    if entry.problems:
        return f"{len(entry.problems)} problems"
    if entry.share_of:
        return f"share of {entry.share_of}"
    return "ok" if entry.declared_in else "not declared"


def export(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The dataset's name; see warehouse datasets.")],
    build: Annotated[
        str | None, typer.Option("--build", "--as-of", help="Export from this build instead of the published one.")
    ] = None,
    fraction: Annotated[
        float | None,
        typer.Option(help="Export this nested share of train as NAME_10pct, 0.1 say, with all of dev and test."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")] = False,
    allow_split_changes: Annotated[
        bool, typer.Option("--allow-split-changes", help="Also write a version in which rows changed their split.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the next version of a dataset, unless the newest one already holds the same rows.

    Example: warehouse export late_arrivals
    """
    from warehouse.exports.export import export_dataset

    project = Project.find(context.obj)
    result = export_dataset(
        project,
        name,
        now=datetime.now(UTC),
        build=build,
        fraction=fraction,
        dry_run=dry_run,
        allow_split_changes=allow_split_changes,
    )
    if as_json:
        console.print_json(result)
    else:
        _print_export(project, result)
    if is_critical(result.findings):
        raise typer.Exit(1)


def _print_export(project: Project, result: Export) -> None:
    manifest = result.manifest
    _print_splits(manifest, sizes=result.estimated_bytes)
    for finding in result.findings:
        console.print_finding(finding)
    change = manifest.change
    if change is not None and result.outcome != "unchanged":
        console.print_line(
            f"since {change.since}: {change.rows_added:,} rows added, {change.rows_removed:,} removed, "
            f"{change.rows_changed or 0:,} changed, {change.rows_moved:,} moved to another split"
        )
    where = project.relative(result.path) if result.path else ""
    match result.outcome.value:
        case "written":
            console.print_line(f"wrote {result.reference}: {where}", style="green")
        case "unchanged":
            console.print_line(f"{result.reference} holds the same rows already, so it stands: {where}", style="green")
        case "dry_run":
            size = sum((result.estimated_bytes or {}).values()) / 2**20
            console.print_line(f"would write {result.reference}, about {size:,.1f} MiB; nothing was written")
        case _:
            console.print_line(f"{result.reference} was not written: a critical finding stands", style="red")
    if result.path:
        console.print_line(f"next: warehouse drift {manifest.name}")


def _print_splits(manifest: Manifest, *, sizes: Mapping[str, int] | None = None) -> None:
    from warehouse.datasets.card import label_balance

    total = manifest.row_count
    rows: list[tuple[object, ...]] = [
        (split.name, split.row_count, f"{split.row_count / total:.1%}", label_balance(split))
        for split in manifest.splits
    ]
    rows += [(f"({reason})", count, "", "in no split") for reason, count in manifest.dropped.items()]
    heads = ["split", "rows", "share", f"label {manifest.spec.label}" if manifest.spec.label else "label"]
    if sizes is not None:
        heads.append("about MiB")
        rows = [(*row, f"{sizes[str(row[0])] / 2**20:,.1f}" if row[0] in sizes else "") for row in rows]
    console.print_table(tuple(heads), rows, right=("rows", "share", "about MiB"))


def show(context: typer.Context, reference: Reference, as_json: Json = False) -> None:
    """Show what a version holds, where it came from and how its rows were split.

    Example: warehouse show late_arrivals@1.0.0
    """
    from warehouse.datasets.split_words import split_rule
    from warehouse.datasets.tags import tags_by_number
    from warehouse.datasets.versions import find_version

    project = Project.find(context.obj)
    version = find_version(project, reference, allow_withdrawn=True)
    manifest = version.manifest
    if as_json:
        console.print_json(manifest)
        return
    origin = manifest.provenance
    commit = f", commit {origin.git_commit[:12]}" if origin.git_commit else ""
    tags = ", ".join(tags_by_number(project, version.name).get(version.number, ()))
    console.print_line(f"{version.reference} ({tags})" if tags else version.reference, style="bold")
    withdrawal = version.withdrawal
    if withdrawal is not None:
        instead = f"; use {version.name}@{withdrawal.successor}" if withdrawal.successor else ""
        console.print_line(f"withdrawn on {withdrawal.at} ({withdrawal.reason}){instead}", style="red")
    for line in filter(None, (" ".join(manifest.description.split()), manifest.owner)):
        console.print_line(line)
    _print_splits(manifest)
    console.print_line(split_rule(manifest.spec))
    console.print_table(
        ("column", "type", "unit", "description"),
        [(column.name, column.type, column.unit, column.description) for column in manifest.columns],
    )
    for finding in manifest.findings:
        console.print_finding(finding)
    console.print_line(f"build {origin.build_id}{commit}, model {manifest.spec.model} ({origin.model_path})")
    console.print_line(f"written {manifest.created_at:%Y-%m-%dT%H:%M:%SZ}, fingerprint {manifest.fingerprint}")
    console.print_line(f"{project.relative(version.path)}")


def verify(context: typer.Context, reference: Reference, as_json: Json = False) -> None:
    """Read every file of a version again and compare it with its checksum.

    Example: warehouse verify late_arrivals@1.0.0
    """
    from warehouse.datasets.fractions import export_words
    from warehouse.datasets.verification import verify_version
    from warehouse.datasets.versions import find_version

    project = Project.find(context.obj)
    version = find_version(project, reference, allow_withdrawn=True)
    result = verify_version(version)
    if as_json:
        console.print_json(result)
    else:
        for finding in result.findings:
            console.print_finding(finding)
        size = f"{result.file_count} files, {result.byte_count / 2**20:,.1f} MiB"
        if is_critical(result.findings):
            console.print_line(f"{result.reference} is not what was written ({size})", style="red")
            # A number is never given again, and an export of the same rows would find this version standing.
            again = f"{export_words(version.manifest.spec)} --as-of {version.manifest.provenance.build_id}"
            console.print_line(
                "restore it from a copy; or write its rows anew, under another number, with: "
                f"warehouse rm {result.reference} --force && warehouse export {again}"
            )
        else:
            console.print_line(f"{result.reference} is whole: {size} as they were written", style="green")
    if is_critical(result.findings):
        raise typer.Exit(1)
