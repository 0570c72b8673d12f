"""Delta and Iceberg tables: which version is there to be read, and the call that reads that one and no other.

A table is a folder of Parquet files and a log. The newest entry of the log says which of the files are the table now,
so a build that names the entry reads the same rows from its first model to its last, whoever writes meanwhile.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from warehouse.dbt_manifest import Source
from warehouse.engine.base import Engine
from warehouse.errors import QueryError
from warehouse.extensions import missing_extension, named_extension
from warehouse.sources.file_facts import Fault, FileFacts
from warehouse.sources.locations import Location, Reader, parse_location
from warehouse.sources.rules import Trouble
from warehouse.sources.text_facts import read_bytes
from warehouse.sql import Query, Relation, Step, literal

NEWEST_ICEBERG = 3
"""The newest version of Iceberg's format that DuckDB reads. NOTE: of a later one it would read what it understands."""
_COMMIT = re.compile(r"(\d{20})\.json")
_METADATA = re.compile(r"(?:v?(\d+)(?:-[0-9a-zA-Z-]+)?)((?:\.gz)?\.metadata\.json(?:\.gz)?)")
_KERNEL = re.compile(r"DeltaKernel \w+ \(\d+\): (?:Generic delta kernel error: |Unsupported: )?(.*)")
_UNSUPPORTED = re.compile(r"unsupported|not supported|not implemented|invalid protocol|invalidprotocol", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableVersion:
    """One version of a table, as it stands in the record of what read it."""

    format: str
    """`delta` or `iceberg`."""
    version: str
    """Delta's number; Iceberg's snapshot id, empty for a table that never had rows."""
    committed_at: str
    """UTC, ISO 8601."""
    log_path: str
    """The entry of the log that says what the version consists of; relative to the project when it lies inside."""

    @property
    def words(self) -> str:
        """For people."""
        if self.format == Reader.DELTA:
            return f"version {self.version}"
        return f"snapshot {self.version}" if self.version else "no snapshot"

    @property
    def sentence(self) -> str:
        """For people, with the format and the time."""
        return f"{self.words} of a table of {self.format.title()}, committed at {self.committed_at}"


class LakeTableError(Exception):
    """The table cannot be read; holds the fault to be told."""

    def __init__(self, trouble: Trouble, message: str, advice: str) -> None:
        self.fault = Fault(trouble=trouble, message=message, advice=advice)
        super().__init__(message)


def is_elsewhere(location: Location) -> bool:
    """Whether the table lies in a bucket or at a web address, where it is not looked at."""
    return any("://" in path and not path.startswith("file://") for path in location.patterns)


def find_version(root: Path, location: Location) -> TableVersion:
    """The version that a build would read now: the newest, or the one that the location names.

    Reads the log's newest entry and no rows. The table must lie on this machine.

    Raises:
        LakeTableError: there is no such table or version, or its log cannot be read.
    """
    if len(location.patterns) != 1:
        raise LakeTableError(
            Trouble.NO_MATCH, f"names {len(location.patterns)} tables, not one", "declare a source for each"
        )
    folder = root / location.patterns[0].removeprefix("file://")
    try:
        if location.reader is Reader.DELTA:
            return _delta_version(root, folder, location)
        return _iceberg_version(root, folder, location)
    except OSError as error:
        raise LakeTableError(Trouble.DAMAGED, f"{folder} cannot be read: {error.strerror}", "") from error


def pinned(root: Path, location: Location, version: TableVersion) -> str:
    """The call that reads this version of the table whatever is committed meanwhile, ready to stand behind `from`."""
    path = str(root / location.patterns[0].removeprefix("file://"))
    options = dict(location.options)
    if location.reader is Reader.DELTA:
        options["version"] = version.version
    elif not _METADATA.search(path):
        name = version.log_path.rpartition("/")[2]
        stem = name.removesuffix(".metadata.json")
        options = {key: value for key, value in options.items() if key not in ("version", "version_name_format")}
        if stem.endswith(".gz"):
            options["metadata_compression_codec"] = "'gzip'"
        options["version"] = literal(stem.removesuffix(".gz"))
    rest = "".join(f", {name} = {value}" for name, value in options.items())
    return f"{location.function}({literal(path)}{rest})"


def newest_locations(root: Path, sources: Iterable[Source]) -> dict[str, str]:
    """By the unique id of a source, the call that reads its table's version of now; without what cannot be read."""
    found = {}
    for source in sources:
        location = parse_location(source.external_location or "")
        if location.is_table and not is_elsewhere(location):
            with suppress(LakeTableError):
                found[source.unique_id] = pinned(root, location, find_version(root, location))
    return found


def read_table(engine: Engine, call: str, log_path: Path) -> FileFacts:
    """Columns and row count of one version of a table, told by its log; reads no row.

    Args:
        engine: an engine.
        call: how it is read.
        log_path: the entry of its log, for the checksum.

    Raises:
        MissingExtraError: DuckDB's extension for it is not installed.
        OSError: its log cannot be read.
    """
    digest = read_bytes(log_path, is_text=False).sha256
    facts = FileFacts(sha256=digest, columns=(), row_count=None, ends_line=None, faults=())
    try:
        columns = tuple((column.name, column.type) for column in engine.columns(Relation(call, "table")))
        (row,) = engine.rows(Query.of(Step("rows", f"select count(*) as row_count from {call}")))
    except QueryError as error:
        if (name := named_extension(str(error))) is not None:
            raise missing_extension(name, purpose=f"reading {call}") from error
        return replace(facts, faults=(_refused(error),))
    return replace(facts, columns=columns, row_count=int(row["row_count"]))


def _refused(error: QueryError) -> Fault:
    text = str(error).partition(" failed: ")[2] or str(error)
    kernel = _KERNEL.search(text)
    lines = (kernel[1] if kernel else text.partition("Error: ")[2] or text).strip().splitlines()
    reason = lines[0][:300] if lines else "no reason given"
    if _UNSUPPORTED.search(text):
        message = f"asks for more than its reader knows: {reason}"
        advice = "install the newest DuckDB and its extensions, or have the table written without that feature"
        return Fault(trouble=Trouble.UNSUPPORTED, message=message, advice=advice)
    message = f"cannot be read: {reason}"
    return Fault(trouble=Trouble.DAMAGED, message=message, advice="is it being copied, or were files of it deleted?")


def _delta_version(root: Path, folder: Path, location: Location) -> TableVersion:
    log = folder / "_delta_log"
    if not log.is_dir():
        what = "has no _delta_log, so it is no Delta table" if folder.is_dir() else "does not exist"
        raise LakeTableError(Trouble.NO_MATCH, f"{folder} {what}", "correct external_location")
    commits = {int(match[1]): path for path in log.iterdir() if (match := _COMMIT.fullmatch(path.name))}
    if not commits:
        raise LakeTableError(Trouble.DAMAGED, f"{log} has no commit", "is it being copied? wait until it is whole")
    asked = location.option("version")
    number = max(commits) if asked is None else int(asked) if asked.isdecimal() else -1
    if number not in commits:
        message = f"{folder} has no commit of version {asked}; there are {min(commits)} to {max(commits)}"
        raise LakeTableError(Trouble.NO_MATCH, message, "correct version in external_location")
    return TableVersion(
        format=Reader.DELTA.value,
        version=str(number),
        committed_at=_time(_commit_time(commits[number])),
        log_path=_relative(root, commits[number]),
    )


def _commit_time(path: Path) -> float:
    """Milliseconds since 1970 that the commit says of itself, or its file's time.

    Raises:
        LakeTableError: it is not whole. NOTE: of an empty one the reader would make a version without any change.
    """
    found: float | None = None
    try:
        actions = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except ValueError:
        actions = []
    for action in actions:
        told = action.get("commitInfo") if isinstance(action, Mapping) else None
        if isinstance(told, Mapping) and isinstance(told.get("timestamp"), int):
            found = float(told["timestamp"])
    if not actions:
        message = f"{path.name} of its log is empty or cut off"
        raise LakeTableError(Trouble.DAMAGED, message, "is it being copied? wait until it is whole")
    return path.stat().st_mtime * 1000 if found is None else found


def _iceberg_version(root: Path, folder: Path, location: Location) -> TableVersion:
    path = folder if _METADATA.search(folder.name) else _current_metadata(folder, location)
    if not path.is_file():
        raise LakeTableError(Trouble.NO_MATCH, f"{path} does not exist", "correct external_location")
    metadata = read_metadata(path)
    asked = location.option("snapshot_from_id")
    snapshots = {str(one.get("snapshot-id")): one for one in metadata.get("snapshots") or ()}
    current = metadata.get("current-snapshot-id")
    chosen = asked or ("" if current in (None, -1) else str(current))
    if chosen and chosen not in snapshots:
        message = f"{path} has no snapshot {chosen}"
        raise LakeTableError(Trouble.NO_MATCH, message, "correct snapshot_from_id in external_location")
    moment = snapshots[chosen].get("timestamp-ms") if chosen else metadata.get("last-updated-ms")
    return TableVersion(
        format=Reader.ICEBERG.value,
        version=chosen,
        committed_at=_time(float(moment or 0)),
        log_path=_relative(root, path),
    )


def read_metadata(path: Path) -> dict[str, Any]:
    """What an Iceberg table says of itself.

    Raises:
        LakeTableError: the file is not whole, or of a later format than DuckDB reads.
    """
    try:
        content = path.read_bytes()
        document = json.loads(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
    except (ValueError, EOFError, gzip.BadGzipFile):
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("format-version"), int):
        message = f"{path.name} is no metadata of an Iceberg table, or is cut off"
        raise LakeTableError(Trouble.DAMAGED, message, "is it being copied? wait until it is whole")
    if document["format-version"] > NEWEST_ICEBERG:
        message = f"is of version {document['format-version']} of Iceberg's format, and {NEWEST_ICEBERG} is the newest "
        raise LakeTableError(
            Trouble.UNSUPPORTED, f"{message}that is read", "have it written in an earlier version of the format"
        )
    return document


def iceberg_columns(path: Path, version: TableVersion) -> tuple[str, ...]:
    """The columns of an Iceberg table at this version in their order, by its metadata file.

    Raises:
        LakeTableError: the file cannot be read.
    """
    metadata = read_metadata(path)
    schemas = metadata.get("schemas") or [metadata.get("schema") or {}]
    wanted = metadata.get("current-schema-id")
    if version.version != str(metadata.get("current-snapshot-id")):
        snapshots = {str(one.get("snapshot-id")): one for one in metadata.get("snapshots") or ()}
        wanted = snapshots.get(version.version, {}).get("schema-id", wanted)
    chosen = next((one for one in schemas if one.get("schema-id") == wanted), schemas[-1])
    return tuple(str(field["name"]) for field in chosen.get("fields", ()))


def _current_metadata(folder: Path, location: Location) -> Path:
    """The metadata file that counts: the one that is named, that the table's hint names, or, if asked, the newest."""
    place = folder / "metadata"
    if not place.is_dir():
        what = "has no folder metadata, so it is no Iceberg table" if folder.is_dir() else "does not exist"
        raise LakeTableError(Trouble.NO_MATCH, f"{folder} {what}", "correct external_location")
    files = {path.name: (int(match[1]), path) for path in place.iterdir() if (match := _METADATA.fullmatch(path.name))}
    asked, hint = location.option("version"), place / "version-hint.text"
    if asked == "?":
        newest = [path for number, path in files.values() if number == max(number for number, _ in files.values())]
        if len(newest) == 1:
            return newest[0]
        shown = ", ".join(sorted(path.name for path in newest)) or "none"
        message = f"{folder} does not tell which metadata file is the newest: {shown}"
        raise LakeTableError(Trouble.DAMAGED, message, "name the one that the table's catalog says is current")
    if asked is None and not hint.is_file():
        message = f"{folder} does not say which version is current: there is no metadata/version-hint.text"
        advice = "name the metadata file that its catalog says is current, or let the newest count: version = '?'"
        raise LakeTableError(Trouble.NO_MATCH, message, advice)
    name = asked if asked is not None else hint.read_text(encoding="utf-8").strip()
    for candidate in (f"v{name}", name):
        for suffix in (".metadata.json", ".gz.metadata.json"):
            if f"{candidate}{suffix}" in files:
                return place / f"{candidate}{suffix}"
    raise LakeTableError(Trouble.NO_MATCH, f"{folder} has no metadata file of version {name!r}", "correct its version")


def _time(milliseconds: float) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")


def _relative(root: Path, path: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
