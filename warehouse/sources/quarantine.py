"""Files that a build must not read: moved away with the reason, and back on request.

var/quarantine/<source.table>/<time>-<name>          the file, as it came
var/quarantine/<source.table>/<time>-<name>.json     where it lay, and why it is here
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from warehouse import storage
from warehouse.errors import ProjectError, suggestion
from warehouse.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """One file in quarantine."""

    name: str
    """How people name it."""
    path: Path
    came_from: Path
    source: str
    at: str
    reasons: tuple[str, ...]


def move_away(project: Project, path: Path, *, source: str, reasons: Sequence[str], now: datetime) -> Path:
    """Moves the file into quarantine, in one rename, and returns where it lies.

    The reason is written first: a kill in between leaves a note about a file that is where it was.

    Raises:
        StorageError: it cannot be moved, to another disk say.
    """
    folder = project.quarantine_path / _safe(source)
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    target = folder / f"{stamp}-{_safe(path.name)}"
    number = 1
    while target.exists() or _note(target).exists():
        number += 1
        target = folder / f"{stamp}-{number}-{_safe(path.name)}"
    storage.write_json(
        _note(target),
        {
            "came_from": project.relative(path),
            "source": source,
            "at": now.astimezone(UTC).isoformat(timespec="seconds"),
            "reasons": list(reasons),
        },
    )
    with storage.storage_errors(f"move {path} into quarantine"):
        path.rename(target)
        storage.sync_folder(folder)
        storage.sync_folder(path.parent)
    return target


def quarantined(project: Project) -> tuple[Quarantined, ...]:
    """Every file in quarantine, oldest first."""
    found = []
    for note in sorted(project.quarantine_path.glob("*/*.json"), key=lambda path: path.name):
        path = note.with_suffix("")
        if not path.is_file():
            continue
        try:
            document = json.loads(note.read_text(encoding="utf-8"))
            origin = Path(document["came_from"])
            found.append(
                Quarantined(
                    name=path.name,
                    path=path,
                    came_from=origin if origin.is_absolute() else project.root / origin,
                    source=str(document["source"]),
                    at=str(document["at"]),
                    reasons=tuple(map(str, document["reasons"])),
                )
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return tuple(found)


def release(project: Project, name: str) -> Path:
    """Moves a file back to where it came from, and returns that place.

    Raises:
        ProjectError: no file of this name is in quarantine, or there is another one where it lay.
        StorageError: it cannot be moved.
    """
    files = quarantined(project)
    chosen = next((file for file in files if file.name == name), None)
    if chosen is None:
        hint = suggestion(name, [file.name for file in files]) or "quarantine is empty"
        raise ProjectError(f"no file {name!r} is in quarantine; {hint}")
    with storage.storage_errors(f"move {chosen.path} back"):
        chosen.came_from.parent.mkdir(parents=True, exist_ok=True)
        try:
            # Never over a file that was delivered meanwhile.
            storage.move_to_free(chosen.path, chosen.came_from)
        except FileExistsError:
            raise ProjectError(
                f"{name} cannot go back: there is a file at {project.relative(chosen.came_from)}\n"
                "  move that one away first, or delete the one in quarantine"
            ) from None
        storage.sync_folder(chosen.came_from.parent)
        _note(chosen.path).unlink(missing_ok=True)
    return chosen.came_from


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _safe(name: str) -> str:
    """The name with nothing in it that a shell, a path or a pattern would take for its own."""
    return re.sub(r"[^\w.-]", "_", name).lstrip(".")[:150] or "file"
