"""Records of runs: one JSON file per run under `runs/`, the history that `read_json` can query.

A record is written when its run starts (`running`) and again when it ends. Whether a build is *published* is never in
its record: the `current` link alone says that.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from warehouse import storage
from warehouse.project import Project
from warehouse.published import BUILD_ID
from warehouse.scrubbing import secrets_of

_TOOLS = ("ml-warehouse", "duckdb", "dbt-core", "dbt-duckdb", "great-expectations")
_TAKEN = ".taken"
"""Folder of empty files, beside the records: the newest ids, also of runs whose record is not written yet."""
_KEPT_NAMES = 50
_FIRST_BESIDE = 1000
"""Number of the first run of a second that is no build; no machine starts so many builds in one."""


SWITCHES = ("publish", "rollback", "pull")
"""Commands by which somebody says which build readers open; in their records' details, `from` and `to` are builds."""


class Status(StrEnum):
    """How a run ended."""

    RUNNING = "running"
    PASSED = "passed"
    """Done, and no critical finding stands."""
    FAILED = "failed"
    """Done, and a critical finding stands."""
    ERROR = "error"
    """Could not be done."""
    INTERRUPTED = "interrupted"
    """Its process died; noticed by the next run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One run, as it is on disk. `details` depend on the command."""

    id: str
    command: str
    status: Status
    started_at: str
    """UTC, ISO 8601."""
    seconds: float = 0.0
    by: Mapping[str, Any] = field(default_factory=dict)
    """User, host, process."""
    git: Mapping[str, Any] | None = None
    """`commit` and whether the work tree was `dirty`; None outside a repository."""
    tools: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_document(self) -> dict[str, Any]:
        """The JSON document: the fields, with the details beside them."""
        return {
            "id": self.id,
            "command": self.command,
            "status": self.status.value,
            "started_at": self.started_at,
            "seconds": round(self.seconds, 3),
            "by": dict(self.by),
            "git": None if self.git is None else dict(self.git),
            "tools": dict(self.tools),
            **self.details,
        }


def new_run_id(project: Project, now: datetime, *, is_build: bool = True) -> str:
    """An id that sorts by time, `20261123T101500Z`; a number follows when that second is taken.

    What is no build always has a number, `20261123T101500Z-1000`: another machine may begin a build in the same second,
    which keeps its id when it is pulled, and jobs of many machines begin on the minute.

    A clock that jumped back still gives an id after every one on disk, so that the newest run sorts last. No other
    process gets the same one, also on another machine that shares the folder: the name is taken by making a file that
    must not exist yet, which file servers decide too.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    taken_path = project.runs_path / _TAKEN
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    with storage.storage_errors(f"write {taken_path}"):
        taken_path.mkdir(parents=True, exist_ok=True)
        while True:
            names = _taken_names(taken_path)
            # No id is ever given below the newest, so that only the newest names must stay taken.
            for name in names[:-_KEPT_NAMES]:
                (taken_path / name).unlink(missing_ok=True)
            run_id = _next_id(stamp, sorted({*run_ids(project), *names}), first=1 if is_build else _FIRST_BESIDE)
            try:
                (taken_path / run_id).touch(exist_ok=False)
            except FileExistsError:
                continue
            # NOTE: while this process slept after its look, the name may have been taken and thrown away again. As many
            # newer ones as are kept lie there ever since; with half of them, the name is left for the next clean-up.
            if sum(name > run_id for name in _taken_names(taken_path)) < _KEPT_NAMES // 2:
                return run_id


def _taken_names(taken_path: Path) -> list[str]:
    return sorted(path.name for path in taken_path.iterdir() if BUILD_ID.fullmatch(path.name))


def _next_id(stamp: str, taken: list[str], *, first: int = 1) -> str:
    newest = taken[-1].partition("-")[0] if taken else ""
    stamp = max(stamp, newest)
    numbers = [int(run.partition("-")[2] or 1) for run in taken if run.partition("-")[0] == stamp]
    number = max(first, *(number + 1 for number in numbers)) if numbers else first
    return stamp if number == 1 else f"{stamp}-{number:04d}"


def start_record(project: Project, *, command: str, run_id: str, now: datetime) -> Record:
    """A record of a run that starts now: by whom, from which commit, with which tools."""
    return Record(
        id=run_id,
        command=command,
        status=Status.RUNNING,
        started_at=now.astimezone(UTC).isoformat(timespec="seconds"),
        by={"user": _user(), "host": socket.gethostname(), "pid": os.getpid()},
        git=git_state(project.root),
        tools=installed_tools(),
    )


def whoami() -> dict[str, str]:
    """User and host of this process."""
    return {"user": _user(), "host": socket.gethostname()}


def installed_tools() -> dict[str, str]:
    """Versions of the tools that a build is made with, by name; those that are not installed are left out."""
    return {name: installed for name in _TOOLS if (installed := _installed_version(name))}


def write_record(project: Project, record: Record) -> Path:
    """Writes the record, whole or not at all, and returns its path.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    path = record_path(project, record.id)
    # NOTE: by its own fields, an id say, a record is found again; what is told is in its details.
    secrets = secrets_of(os.environ, also=project.settings.notify_urls_from.split())
    document = {**record.as_document(), **secrets.scrub_document(record.details)}
    storage.write_json(path, document)
    return path


def record_path(project: Project, run_id: str) -> Path:
    """Where the record of this run lies."""
    return project.runs_path / f"{run_id}.json"


def read_record(project: Project, run_id: str) -> Record | None:
    """The record of this run; None when there is none that can be read."""
    try:
        document = json.loads(record_path(project, run_id).read_text(encoding="utf-8"))
        own = {name: document.pop(name) for name in ("id", "command", "started_at", "seconds", "by", "git", "tools")}
        return Record(**own, status=Status(document.pop("status")), details=document)
    except (OSError, ValueError, KeyError):
        return None


def read_records(project: Project) -> list[Record]:
    """Every record on disk, oldest first; files that are not records are passed over."""
    return [record for run in run_ids(project) if (record := read_record(project, run)) is not None]


def run_ids(project: Project) -> list[str]:
    """Ids of all recorded runs, oldest first."""
    return sorted(path.stem for path in project.runs_path.glob("*.json") if BUILD_ID.fullmatch(path.stem))


def git_state(root: Path) -> dict[str, Any] | None:
    """The commit that `root` is at and whether anything in it differs; None without git or outside a repository."""

    def ask(*words: str) -> str | None:
        try:
            answer = subprocess.run(
                ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return answer.stdout.strip()

    commit = ask("rev-parse", "HEAD")
    return None if commit is None else {"commit": commit, "dirty": bool(ask("status", "--porcelain", "--", "."))}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user id has no name
        return str(os.getuid())


def _installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
