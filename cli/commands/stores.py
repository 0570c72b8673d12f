"""`push`, `pull`, `remote`: versions in an object store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.project import Project

from .. import console

if TYPE_CHECKING:
    from warehouse.datasets.store_contents import Cleaning

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Url = Annotated[str | None, typer.Option("--store", help="The store, s3://bucket/prefix; default: the project's.")]
Reference = Annotated[str, typer.Argument(help="A dataset, late_arrivals, or one version of it, late_arrivals@1.0.0.")]


def push(
    context: typer.Context,
    reference: Reference,
    store: Annotated[
        str | None, typer.Option("--to", "--store", help="The store, s3://bucket/prefix; default: the project's.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Put a version into the object store; what the store holds already is not sent again.

    Example: warehouse push late_arrivals@1.0.0 --to s3://bucket/datasets
    """
    from warehouse.datasets.store_push import push_version
    from warehouse.datasets.versions import find_version
    from warehouse.object_store import project_store

    project = Project.find(context.obj)
    target = project_store(project, store)
    result = push_version(target, find_version(project, reference), now=datetime.now(UTC))
    if as_json:
        console.print_json(result)
        return
    sent = f"{result.sent_count} of {result.file_count} files sent, {console.size_text(result.sent_bytes)}"
    state = "pushed" if result.is_new else "is there already"
    console.print_line(f"{result.reference} {state}: {sent}", style="green")
    console.print_line(f"{result.url}/{result.reference.replace('@', '/')}")


def pull(
    context: typer.Context,
    reference: Reference,
    store: Annotated[
        str | None, typer.Option("--from", "--store", help="The store, s3://bucket/prefix; default: the project's.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch a version from the object store and check every file as it arrives.

    Example: warehouse pull late_arrivals --from s3://bucket/datasets
    """
    from warehouse.datasets.store_pull import pull_version
    from warehouse.object_store import project_store

    project = Project.find(context.obj)
    result = pull_version(project_store(project, store), project, reference)
    if as_json:
        console.print_json(result)
        return
    size = f"{result.file_count} files, {console.size_text(result.fetched_bytes)} downloaded"
    console.print_line(f"{result.reference} {'pulled' if result.is_new else 'is here already'}: {size}", style="green")
    console.print_line(project.relative(result.path))


def remote(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Only this dataset.")] = None,
    store: Url = None,
    remove: Annotated[
        str | None, typer.Option(help="Delete this version, late_arrivals@1.0.0, from the store; --gc frees its space.")
    ] = None,
    gc: Annotated[bool, typer.Option("--gc", help="Delete contents that no version names any more.")] = False,
    grace_days: Annotated[float, typer.Option(min=0, help="With --gc: keep contents that are younger than this.")] = 7,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --gc: show what would go, delete nothing.")] = False,
    as_json: Json = False,
) -> None:
    """List the versions in the object store, delete one, or free the space of deleted ones.

    Example: warehouse remote --store s3://bucket/datasets
    """
    from warehouse.datasets.store_contents import clean_store, list_store, remove_stored
    from warehouse.object_store import project_store

    target = project_store(Project.find(context.obj), store)
    if remove is not None:
        removed = remove_stored(target, remove)
        if not gc:
            console.print_json({"removed": removed}) if as_json else console.print_line(
                f"{removed} was deleted from {target.url}\nnext: warehouse remote --gc", style="green"
            )
            return
    if gc:
        cleaning = clean_store(target, now=datetime.now(UTC), grace=timedelta(days=grace_days), dry_run=dry_run)
        console.print_json(cleaning) if as_json else _print_cleaning(cleaning)
        return
    entries = list_store(target, name)
    if as_json:
        console.print_json(entries)
        return
    if not entries:
        console.print_line(f"{target.url} has no version{f' of {name}' if name else ''} yet")
        console.print_line(f"next: warehouse push {name or 'NAME'}")
        return
    console.print_table(
        ("dataset", "version", "files", "size", "own size"),
        [
            (
                entry.name,
                entry.version,
                entry.file_count,
                console.size_text(entry.byte_count),
                console.size_text(entry.own_bytes),
            )
            for entry in entries
        ],
        right=("files", "size", "own size"),
    )
    console.print_line(f"next: warehouse pull {entries[-1].name}@{entries[-1].version}")


def _print_cleaning(cleaning: Cleaning) -> None:
    verb = "would delete" if cleaning.is_dry_run else "deleted"
    console.print_line(
        f"{verb} {cleaning.object_count} contents that no version names, {console.size_text(cleaning.byte_count)}",
        style="green",
    )
    if cleaning.young_count:
        console.print_line(f"{cleaning.young_count} more are too young: an upload may be on its way to them")
    console.print_line(cleaning.url)
