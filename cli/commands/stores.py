"""`push`, `pull`, `remote`: builds and dataset versions in an object store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.errors import StoreError
from warehouse.project import Project
from warehouse.published import BUILD_ID

from .. import console

if TYPE_CHECKING:
    from warehouse.build_sharing import BuildCleaning, BuildPull, StoredBuild
    from warehouse.datasets.store_contents import Cleaning, StoreEntry
    from warehouse.object_store import Store

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Url = Annotated[str | None, typer.Option("--store", help="The store, s3://bucket/prefix; default: the project's.")]
What = Annotated[
    str | None,
    typer.Argument(
        metavar="[WHAT]",
        help="A build, 20261123T101500Z, a dataset, late_arrivals, or one version, late_arrivals@1.0.0; "
        "default: the published build.",
    ),
]


def push(
    context: typer.Context,
    what: What = None,
    store: Annotated[
        str | None, typer.Option("--to", "--store", help="The store, s3://bucket/prefix; default: the project's.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Of a build: take the place of a newer one that another machine published.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put the published build, or a dataset version, into the object store; what it holds already is not sent again.

    Example: warehouse push late_arrivals@1.0.0 --to s3://bucket/datasets
    """
    from warehouse.object_store import project_store

    project = Project.find(context.obj)
    target = project_store(project, store)
    if what is None or BUILD_ID.fullmatch(what):
        _push_build(project, target, what, force=force, as_json=as_json)
    elif force:
        raise StoreError("--force is for builds: a version that is in the store is never replaced\n  leave it out")
    else:
        _push_version(project, target, what, as_json=as_json)


def _push_build(project: Project, store: Store, build_id: str | None, *, force: bool, as_json: bool) -> None:
    from warehouse.build_sharing import push_build

    with console.transfer("sent") as count:
        result = push_build(project, now=datetime.now(UTC), build_id=build_id, store=store, force=force, on_bytes=count)
    if as_json:
        console.print_json(result)
        return
    sent = f"{console.size_text(result.sent_bytes)} of {console.size_text(result.byte_count)} sent"
    console.print_line(f"build {result.id} {'pushed' if result.is_new else 'is there already'}: {sent}", style="green")
    if result.is_moved:
        console.print_line(f"{result.url} publishes it{f' instead of {result.replaced}' if result.replaced else ''}")
    else:
        console.print_line(f"{result.url} publishes it already")
    console.print_line("next, on other machines: warehouse pull")


def _push_version(project: Project, store: Store, reference: str, *, as_json: bool) -> None:
    from warehouse.datasets.store_push import push_version
    from warehouse.datasets.versions import find_version

    result = push_version(store, find_version(project, reference), now=datetime.now(UTC))
    if as_json:
        console.print_json(result)
        return
    sent = f"{result.sent_count} of {result.file_count} files sent, {console.size_text(result.sent_bytes)}"
    state = "pushed" if result.is_new else "is there already"
    console.print_line(f"{result.reference} {state}: {sent}", style="green")
    console.print_line(f"{result.url}/{result.reference.replace('@', '/')}")


def pull(
    context: typer.Context,
    what: What = None,
    store: Annotated[
        str | None, typer.Option("--from", "--store", help="The store, s3://bucket/prefix; default: the project's.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch the build that the store publishes, or a dataset version, and check every byte as it arrives.

    A build becomes the published one here; whoever has another one open keeps it.

    Example: warehouse pull late_arrivals --from s3://bucket/datasets
    """
    from warehouse.object_store import project_store

    project = Project.find(context.obj)
    target = project_store(project, store)
    if what is not None and not BUILD_ID.fullmatch(what):
        _pull_version(project, target, what, as_json=as_json)
        return
    from warehouse.build_sharing import pull_build

    with console.transfer("in place") as count:
        result = pull_build(project, now=datetime.now(UTC), build_id=what, store=target, on_bytes=count)
    if as_json:
        console.print_json(result)
    else:
        _print_pull(project, result)


def _print_pull(project: Project, result: BuildPull) -> None:
    for finding in result.findings:
        console.print_finding(finding)
    size = f"{console.size_text(result.fetched_bytes)} of {console.size_text(result.byte_count)} downloaded"
    state = "pulled" if result.is_new else "is here already"
    console.print_line(f"build {result.id} {state}: {size}", style="green")
    console.print_line(
        f"made at {result.started_at} by {result.by.get('user') or '?'} on {result.by.get('host') or '?'}"
    )
    if result.removed_builds:
        console.print_line(f"removed {len(result.removed_builds)} old builds")
    path = project.relative(result.path / "warehouse.duckdb")
    if result.replaced is None:
        console.print_line(f"published: {path}")
    else:
        console.print_line(f"published instead of {result.replaced}: {path}")
        console.print_line(f"back again: warehouse publish {result.replaced}")


def _pull_version(project: Project, store: Store, reference: str, *, as_json: bool) -> None:
    from warehouse.exports.pulling import pull_on_record

    result = pull_on_record(project, store, reference, now=datetime.now(UTC))
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
        str | None,
        typer.Option(
            metavar="WHAT",
            help="Delete this build or version, 20261123T101500Z or late_arrivals@1.0.0, from the store; "
            "--gc frees its space.",
        ),
    ] = None,
    gc: Annotated[
        bool, typer.Option("--gc", help="Delete old builds, and contents that no build and no version names any more.")
    ] = False,
    keep_builds: Annotated[
        int | None,
        typer.Option(min=1, help="With --gc: builds to keep; default: keep_builds of the settings."),
    ] = None,
    grace_days: Annotated[float, typer.Option(min=0, help="With --gc: keep what is younger than this.")] = 7,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --gc: show what would go, delete nothing.")] = False,
    as_json: Json = False,
) -> None:
    """List the builds and versions in the object store, delete one, or free the space of deleted ones.

    Example: warehouse remote --store s3://bucket/datasets
    """
    from warehouse.build_sharing import clean_builds, list_stored_builds
    from warehouse.datasets.store_contents import clean_store, list_store
    from warehouse.object_store import project_store

    project = Project.find(context.obj)
    target = project_store(project, store)
    if remove is not None:
        removed = _remove(target, remove)
        if not gc:
            console.print_json({"removed": removed}) if as_json else console.print_line(
                f"{removed} was deleted from {target.url}\nnext: warehouse remote --gc", style="green"
            )
            return
    if gc:
        now, grace = datetime.now(UTC), timedelta(days=grace_days)
        keep = keep_builds or project.settings.keep_builds
        builds = clean_builds(target, now=now, keep=keep, grace=grace, dry_run=dry_run)
        versions = clean_store(target, now=now, grace=grace, dry_run=dry_run)
        if as_json:
            console.print_json({"builds": builds, "versions": versions})
        else:
            _print_cleaning(builds, versions)
        return
    entries = list_store(target, name)
    stored = () if name else list_stored_builds(target)
    if as_json:
        console.print_json({"builds": stored, "versions": entries})
        return
    if not entries and not stored:
        console.print_line(f"{target.url} has no {f'version of {name}' if name else 'build and no version'} yet")
        console.print_line(f"next: warehouse push {name}" if name else "next: warehouse push, or: warehouse push NAME")
        return
    if stored:
        _print_builds(stored)
    if entries:
        _print_versions(entries)
    for word in (["pull"] if stored else []) + ([f"pull {entries[-1].name}@{entries[-1].version}"] if entries else []):
        console.print_line(f"next: warehouse {word}")


def _remove(store: Store, what: str) -> str:
    from warehouse.build_sharing import remove_stored_build
    from warehouse.datasets.store_contents import remove_stored

    if not BUILD_ID.fullmatch(what):
        return remove_stored(store, what)
    remove_stored_build(store, what, now=datetime.now(UTC))
    return f"build {what}"


def _print_builds(builds: tuple[StoredBuild, ...]) -> None:
    console.print_table(
        ("build", "published", "made by", "duckdb", "size", "own size"),
        [
            (
                build.id,
                "<- current" if build.is_current else "",
                f"{build.by.get('user', '')} on {build.by.get('host', '')}",
                build.duckdb,
                console.size_text(build.byte_count),
                console.size_text(build.own_bytes),
            )
            for build in builds
        ],
        right=("size", "own size"),
    )


def _print_versions(entries: tuple[StoreEntry, ...]) -> None:
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


def _print_cleaning(builds: BuildCleaning, versions: Cleaning) -> None:
    verb = "would delete" if versions.is_dry_run else "deleted"
    count, size = builds.object_count + versions.object_count, builds.byte_count + versions.byte_count
    if builds.builds:
        console.print_line(f"{verb} {len(builds.builds)} builds: {', '.join(builds.builds)}", style="green")
    console.print_line(
        f"{verb} {count} contents that nothing names, {console.size_text(size)}",
        style="green",
    )
    if young := builds.young_count + versions.young_count:
        console.print_line(f"{young} more are too young: an upload may be on its way to them")
    console.print_line(versions.url)
