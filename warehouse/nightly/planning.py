"""What a run would do, found out without doing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from warehouse.errors import WarehouseError
from warehouse.nightly.drift_stage import TAG, versions_in_use
from warehouse.nightly.export_stage import refreshed_datasets
from warehouse.nightly.history import last_nightly, stages_since
from warehouse.nightly.resuming import can_resume, kept_stages
from warehouse.nightly.stages import RULES, chosen_stages
from warehouse.nightly.unchanged import find_same_build
from warehouse.project import Project
from warehouse.published import published_id
from warehouse.retention import clean_up
from warehouse.stages import StageName, StageResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One stage."""

    name: StageName
    runs: bool
    message: str
    """What it would do, as far as that can be known beforehand, or why it would not run."""


def plan_nightly(
    project: Project,
    *,
    now: datetime,
    resume: bool = False,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    force: bool = False,
) -> tuple[Planned, ...]:
    """The stages in their order, each with what it would do; empty when there is nothing to resume.

    Nothing is loaded, built, exported or deleted. What a stage finds out only by running is said so.

    Raises:
        ProjectError: a word is no stage, or no stage is left.
    """
    chosen = chosen_stages(only=only, skip=skip)
    earlier = last_nightly(project) if resume else None
    if resume and not can_resume(earlier):
        return ()
    kept: Mapping[StageName, StageResult] = {}
    if earlier is not None:
        kept = kept_stages(earlier, now=now, chosen=chosen, done_since=stages_since(project, earlier))
    planned = []
    for name in RULES:
        if name not in chosen:
            planned.append(Planned(name=name, runs=False, message="left out, as asked"))
        elif name in kept:
            planned.append(Planned(name=name, runs=False, message=f"kept: {kept[name].message}"))
        else:
            try:
                runs, message = _plan(project, name, now=now, force=force)
            except WarehouseError as error:
                runs, message = True, f"cannot be planned: {str(error).splitlines()[0]}"
            planned.append(Planned(name=name, runs=runs, message=message))
    return tuple(planned)


def _plan(project: Project, name: StageName, *, now: datetime, force: bool) -> tuple[bool, str]:
    match name:
        case StageName.LOAD:
            return True, "asks the sources that declare a load for what is new"
        case StageName.SOURCES:
            return True, "looks at what the build will read"
        case StageName.BUILD:
            if force:
                return True, "builds, as asked"
            same = find_same_build(project, now=now)
            if same.build_id is None:
                return True, f"builds, because {same.why}"
            return same.must_be_published, f"{same.why}; unless rows are loaded"
        case StageName.DRIFT:
            if published_id(project) is None:
                return True, f"compares with the versions tagged {TAG}, if there are any"
            names = [f"{entry.name}@{entry.number}" for entry in versions_in_use(project)]
            return bool(names), f"compares with {', '.join(names)}" if names else f"no version is tagged {TAG}"
        case StageName.EXPORT:
            if published_id(project) is None:
                return True, "exports the datasets that declare refresh: nightly"
            names = [declaration.name for declaration in refreshed_datasets(project)]
            return bool(names), f"exports {', '.join(names)}" if names else "no dataset declares refresh: nightly"
        case StageName.RETENTION:
            cleaning = clean_up(project, now=now, dry_run=True)
            return True, f"deletes {len(cleaning.builds)} builds, {len(cleaning.versions)} versions by now"
        case StageName.REPORT:
            return True, "writes the page of the run" + (" and the site" if project.settings.nightly_site else "")
        case StageName.NOTIFY:
            return True, f"tells those who are named, notify_on: {project.settings.notify_on}"
