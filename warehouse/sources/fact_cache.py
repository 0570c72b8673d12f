"""What was found of files, kept while their size and time stay."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from warehouse import storage
from warehouse.project import Project
from warehouse.sources.file_facts import Fault, FileFacts
from warehouse.sources.rules import Trouble
from warehouse.sources.states import remember_hashes


class FactCache:
    """Facts of files that have not changed since they were last looked at."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._path = project.warehouse_path / "source_files.json"
        self._known = self._read()
        self._fresh: dict[str, Any] = {}
        self._hashes: dict[str, list[Any]] = {}

    def _read(self) -> dict[str, Any]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}

    def facts(
        self, path: Path, *, call: str, read: Callable[[], FileFacts], is_whole: bool = True
    ) -> tuple[FileFacts | None, bool]:
        """The file's facts (None when it vanished meanwhile), and whether it changed while it was read.

        Args:
            path: the file.
            call: how it is read; what was known of it under another one does not count.
            read: asks it anew.
            is_whole: whether the file alone decides what is wrong; else faults are looked for again each time.
        """
        try:
            before = _stamp(path)
            entry = self._known.get(str(path))
            facts = _facts_of(entry) if entry and entry.get("stamp") == before and entry.get("call") == call else None
            facts = read() if facts is None or (facts.faults and not is_whole) else facts
            after = _stamp(path)
        except FileNotFoundError:
            return None, True
        except OSError as error:
            fault = Fault(trouble=Trouble.DAMAGED, message=f"cannot be read: {error.strerror}", advice="")
            return FileFacts(sha256="", columns=(), row_count=None, ends_line=None, faults=(fault,)), False
        if before != after:
            return facts, True
        self._fresh[str(path)] = {"stamp": before, "call": call, "facts": asdict(facts)}
        self._hashes[str(path)] = [*before, facts.sha256]
        return facts, False

    def write(self) -> None:
        """Keeps what was found for the next time; files of sources that were not asked for stay known."""
        merged = {path: entry for path, entry in self._known.items() if Path(path).is_file()} | self._fresh
        if merged != self._known:
            storage.write_json(self._path, merged)
        remember_hashes(self._project, self._hashes)


def _stamp(path: Path) -> list[int]:
    stat = os.stat(path)  # noqa: PTH116  # one call for both numbers, of what a link points at
    return [stat.st_size, stat.st_mtime_ns]


def _facts_of(entry: Mapping[str, Any]) -> FileFacts | None:
    try:
        facts = entry["facts"]
        return FileFacts(
            sha256=facts["sha256"],
            columns=tuple((name, kind) for name, kind in facts["columns"]),
            row_count=facts["row_count"],
            ends_line=facts["ends_line"],
            faults=tuple(
                Fault(trouble=Trouble(fault["trouble"]), message=fault["message"], advice=fault["advice"])
                for fault in facts["faults"]
            ),
        )
    except (KeyError, TypeError, ValueError):
        return None  # of another version of this library
