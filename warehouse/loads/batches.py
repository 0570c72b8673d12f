"""What was landed: a folder per table with Parquet batches, each beside a small JSON file that says what it is.

    raw/shop/orders -> .orders/000002         the link that dbt's sources read through
    raw/shop/.orders/000002/000001-*.parquet  rows, as they came
    raw/shop/.orders/000002/000001-*.json     of that batch: columns, counts, mark, source files

A batch's JSON is written first; the rename of its Parquet file makes both count. What replaces batches is written into
a folder of its own, with hard links to what stays, and counts when the link is switched. So the state is always that
of the rows, and a kill leaves the old ones or the new ones.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from warehouse import storage
from warehouse.errors import LoadError
from warehouse.project import Project

SWITCH_TIMEOUT = 3600.0
"""Seconds to wait for builds that are reading, before rows are replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file that was loaded."""

    path: str
    byte_count: int
    version: str
    """Modification time or ETag: another one means that the file must be looked at."""
    sha256: str | None
    """None for what was read from elsewhere without being fetched."""
    ends_line: bool | None = None
    """Whether text ends with the end of a line; None for what is no text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows that came together."""

    id: str
    """Sorts in the order of loading."""
    loaded_at: str
    """UTC, ISO 8601."""
    row_count: int
    byte_count: int
    columns: tuple[tuple[str, str], ...]
    """Names and DuckDB types, as they are in the Parquet file."""
    high_mark: str | None = None
    """The cursor's highest value, as text; None without one."""
    safe_mark: str | None = None
    """Everything up to here was there to be read: not after the database's clock, nor after the start of a transaction
    that was still open."""
    file: SourceFile | None = None
    state: str | None = None
    """How far dlt's resource got, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """What is there of one table."""

    generation: int
    """0 when nothing is."""
    path: Path
    """The folder that the link points to."""
    batches: tuple[Batch, ...]

    @property
    def parquet_paths(self) -> list[str]:
        """Of all batches, in their order."""
        return [str(self.path / f"{batch.id}.parquet") for batch in self.batches]

    @property
    def row_count(self) -> int:
        """Of all batches."""
        return sum(batch.row_count for batch in self.batches)

    @property
    def columns(self) -> dict[str, str]:
        """Types by name, over all batches; the newest type counts."""
        return {name: type_ for batch in self.batches for name, type_ in batch.columns}

    @property
    def last_number(self) -> int:
        """Of the newest batch."""
        return max((int(batch.id.partition("-")[0]) for batch in self.batches), default=0)


class TableFolder:
    """Where one table's batches lie; whoever changes it holds its lock."""

    def __init__(self, project: Project, source_name: str, table_name: str) -> None:
        self.raw_path = project.raw_path
        self.link = project.raw_path / source_name / table_name
        self.generations = project.raw_path / source_name / f".{table_name}"
        self.name = f"{source_name}.{table_name}"

    @contextmanager
    def lock(self, *, timeout: float = 0.0) -> Iterator[None]:
        """Holds the table for one load."""
        with storage.lock(self.generations / "load.lock", purpose=f"a load of {self.name}", timeout=timeout):
            yield

    def read(self) -> Landed:
        """What is there.

        Raises:
            LoadError: a Parquet file has no description beside it, or one that cannot be read.
        """
        try:
            target = self.link.readlink()
        except OSError:
            if self.link.exists():
                raise LoadError(
                    f"{self.link} is not what a load makes\n  move it away, then run the same command again"
                ) from None
            return Landed(generation=0, path=self.generations / "000000", batches=())
        path = self.generations / target.name
        with storage.storage_errors(f"read {path}"):
            names = sorted(entry.stem for entry in path.glob("*.parquet"))
        return Landed(generation=int(target.name), path=path, batches=tuple(_read_batch(path, name) for name in names))

    def sweep(self, landed: Landed) -> None:
        """Deletes what killed loads left: half-written files, descriptions without rows, folders that nothing shows."""
        with storage.storage_errors(f"clean {self.generations}"):
            for folder in self.generations.glob("[0-9]*"):
                if folder != landed.path:
                    shutil.rmtree(folder)
            kept = {batch.id for batch in landed.batches}
            for file in landed.path.glob("*") if landed.generation else ():
                if file.name.endswith(".part") or (file.suffix == ".json" and file.stem not in kept):
                    file.unlink()

    @contextmanager
    def work_folder(self) -> Iterator[Path]:
        """An empty folder for what is needed on the way; the caller holds the lock, so it is nobody else's."""
        path = self.generations / ".work"
        with storage.storage_errors(f"make {path}"):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def writer(self, landed: Landed, *, replaced: Sequence[str] | None = ()) -> BatchWriter:
        """Writes batches after those that are there.

        Args:
            landed: What is there.
            replaced: Ids of batches that shall be gone with the switch; None for all. Empty: batches are added one by
                one, and each counts when it is written.
        """
        switches = landed.generation == 0 or replaced is None or bool(replaced)
        kept = [] if replaced is None else [batch for batch in landed.batches if batch.id not in replaced]
        return BatchWriter(self, landed, kept, switches=switches)


class BatchWriter:
    """Adds batches; call `commit` at the end, without which a replacement never happened."""

    def __init__(self, folder: TableFolder, landed: Landed, kept: Sequence[Batch], *, switches: bool) -> None:
        self._folder = folder
        self._switches = switches
        self._number = landed.last_number
        self._kept = kept
        self.path = landed.path
        if switches:
            self.path = folder.generations / f"{landed.generation + 1:06d}"
            with storage.storage_errors(f"make {self.path}"):
                shutil.rmtree(self.path, ignore_errors=True)
                self.path.mkdir(parents=True)
            for batch in kept:
                for suffix in (".json", ".parquet"):
                    name = f"{batch.id}{suffix}"
                    storage.link_or_copy(landed.path / name, self.path / name)

    def new_path(self) -> Path:
        """Where to write the next batch's rows; no pattern for Parquet files matches it."""
        return self.path / f".{uuid.uuid4().hex}.part"

    def add(self, part: Path, **facts: Any) -> Batch:
        """Makes this file the next batch."""
        self._number += 1
        batch_id = f"{self._number:06d}-{uuid.uuid4().hex[:8]}"
        batch = Batch(id=batch_id, byte_count=part.stat().st_size, **facts)
        with storage.storage_errors(f"write {self.path}"):
            storage.sync_file(part)
            storage.write_json(self.path / f"{batch_id}.json", asdict(batch))
            part.replace(self.path / f"{batch_id}.parquet")
            storage.sync_folder(self.path)
        return batch

    def commit(self, *, timeout: float = SWITCH_TIMEOUT) -> None:
        """Shows the new batches where they replace others; builds that are reading finish first.

        Raises:
            LockedError: a build was still reading after `timeout` seconds; the old rows stay.
        """
        if not self._switches:
            return
        with storage.storage_errors(f"switch {self._folder.link}"):
            storage.sync_folder(self.path.parent)
        with storage.replacing_all(self._folder.raw_path, timeout=timeout):
            storage.switch_link(self._folder.link, self.path)
        self._folder.sweep(Landed(generation=int(self.path.name), path=self.path, batches=self._folder.read().batches))


def _read_batch(folder: Path, name: str) -> Batch:
    path = folder / f"{name}.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        document["columns"] = tuple((column, type_) for column, type_ in document["columns"])
        file: Mapping[str, Any] | None = document.get("file")
        document["file"] = SourceFile(**file) if file else None
        return Batch(**document)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise LoadError(
            f"{path} does not say what {name}.parquet is: {error}\n"
            "  move away the Parquet file if it is not of a load; otherwise load again with --full-refresh"
        ) from error
