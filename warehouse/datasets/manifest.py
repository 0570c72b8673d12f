"""A version's `manifest.json`: what is in it, where it came from, and how to check it.

The dataclasses here *are* the format: `docs/manifest.schema.json` is generated from them, and a manifest is read back
through them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.datasets.spec import DatasetSpec
from warehouse.errors import VersionError, problem_list
from warehouse.findings import Finding
from warehouse.statistics.type_names import is_type_name

if TYPE_CHECKING:
    from pydantic import TypeAdapter

NAME = re.compile(r"[^\W\d]\w*")
"""What a dataset may be called; a declaration allows less."""
NUMBER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_LEAVING = {"", ".", ".."}

FORMAT = 1
"""Raised when an older reader would misunderstand a newer manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """One data file."""

    path: str
    """Relative to the version's folder, with slashes."""
    row_count: int
    byte_count: int
    sha256: str
    subset: float | None = None
    """The smallest of the specification's `subsets` that these rows belong to; None: to the whole split alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCount:
    """How many rows of a split have this label."""

    label: str | None
    """As text; None for rows without one."""
    row_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRecord:
    """One split."""

    name: str
    row_count: int
    labels: tuple[LabelCount, ...] | None
    """Every label with its rows, most frequent first; None without a label, or with too many different ones."""
    label_mean: float | None
    """Mean of a numeric or boolean label over the rows that have one; otherwise None."""
    fingerprint: str
    """Of the split's rows; see `Manifest.fingerprint`."""
    files: tuple[FileRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pseudonym:
    """How a column's values were replaced by a keyed hash; the key itself is written nowhere."""

    original_type: str
    """Type of the values that were hashed, as DuckDB names it."""
    key_fingerprint: str
    """Tells one key from another, so that a change of it is noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRecord:
    """One exported column."""

    name: str
    type: str
    """As DuckDB names it."""
    description: str
    unit: str | None
    pseudonym: Pseudonym | None = None
    """None for values that are exported as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the rows came from."""

    build_id: str
    model: str
    """dbt's unique id."""
    model_path: str
    compiled_sql: str | None
    compiled_sql_sha256: str | None
    git_commit: str | None
    git_dirty: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What differs from the version before."""

    since: str
    """That version's number."""
    rows_added: int
    rows_removed: int
    rows_moved: int
    """Rows that are in both, in different splits."""
    rows_changed: int | None
    """Rows in both whose values differ; None when they need not be counted, or cannot be compared."""
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    columns_retyped: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """Rows that were left out of this version because somebody asked to be forgotten; never who."""

    since: str
    """Number of the version that this one replaces."""
    row_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything about one dataset version."""

    format: int
    name: str
    version: str
    created_at: datetime
    description: str
    owner: str | None
    maturity: str | None
    spec: DatasetSpec
    """As resolved: every default filled in, cutoffs as moments."""
    declared: Mapping[str, Any]
    """The specification as the exposure declares it."""
    provenance: Provenance
    columns: tuple[ColumnRecord, ...]
    bounds: Mapping[str, str]
    """Upper bound of each split on the hash's line, as hex text, in its order; empty when a column or quotas decide."""
    splits: tuple[SplitRecord, ...]
    dropped: Mapping[str, int]
    """Rows of the model that lie in no split, by reason."""
    fingerprint: str
    """Of all rows with their splits."""
    change: Change | None
    """None for the first version."""
    findings: tuple[Finding, ...]
    tools: Mapping[str, str]
    """Versions of what wrote the data."""
    forgotten: Forgotten | None = None
    """Of a version that `warehouse forget` wrote from an earlier one; None for an export."""

    @property
    def row_count(self) -> int:
        """Rows of all splits together."""
        return sum(split.row_count for split in self.splits)

    @property
    def files(self) -> tuple[FileRecord, ...]:
        """The data files of all splits."""
        return tuple(file for split in self.splits for file in split.files)


def manifest_json(manifest: Manifest) -> str:
    """The manifest as indented JSON text."""
    document = _adapter().dump_python(manifest, mode="json")
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def manifest_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) that every manifest of this format satisfies."""
    schema = _adapter().json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def read_manifest(path: Path) -> Manifest:
    """The manifest at `path`.

    Raises:
        VersionError: it cannot be read, is not a manifest, or was written by a newer ml-warehouse.
    """
    from pydantic import ValidationError

    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text).get("format")
    except (OSError, ValueError, AttributeError) as error:
        raise VersionError(
            f"cannot read the manifest {path}: {error}"
            "\n  restore it from a copy; without one, nothing says what the version holds: delete its folder "
            f"{path.parent}"
        ) from error
    if isinstance(found, int) and found > FORMAT:
        raise VersionError(
            f"{path} has format {found}, and this ml-warehouse knows {FORMAT}\n"
            "  upgrade with: pip install -U ml-warehouse"
        )
    try:
        manifest = _adapter().validate_json(text)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        raise VersionError(problem_list(f"{path} is not a dataset manifest:", problems)) from error
    if problems := list(_overreaching(manifest)):
        raise VersionError(problem_list(f"{path} cannot be trusted:", problems))
    return manifest


def _overreaching(manifest: Manifest) -> Iterator[str]:
    """What reaches out of the version: whoever copied a folder here may have written anything into it."""
    if not NAME.fullmatch(manifest.name):
        yield f"name: {manifest.name!r} cannot be a dataset's name"
    if not NUMBER.fullmatch(manifest.version):
        yield f"version: {manifest.version!r} cannot be a version's number"
    for file in manifest.files:
        # The first part is a folder of its own, so that no path is taken for an option, an address or a drive.
        if not file.path.startswith("data/") or set(file.path) & set("\\\0") or _LEAVING & set(file.path.split("/")):
            yield f"splits: {file.path!r} is no path of a file in this version's folder data"
    types = [(column.name, column.type) for column in manifest.columns]
    types += [(column.name, column.pseudonym.original_type) for column in manifest.columns if column.pseudonym]
    for column, type_ in types:
        if not is_type_name(type_):
            yield f"columns: {column!r} has type {type_!r}, which is not a type"


@cache
def _adapter() -> TypeAdapter[Manifest]:
    # Making it takes a tenth of a second, and commands that list versions read many manifests.
    from pydantic import TypeAdapter

    return TypeAdapter(Manifest)
