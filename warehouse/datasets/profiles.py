"""`reports/profile.json` of a version: facts of its splits, enough to compare other rows with when its own are gone.

The dataclasses here and in `statistics/stored_profile.py` *are* the format: `docs/profile.schema.json` is generated
from them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.datasets.versions import Version
from warehouse.datasets.writing import writing
from warehouse.engine.base import Engine
from warehouse.errors import VersionError
from warehouse.statistics.profile_making import profile_of
from warehouse.statistics.stored_profile import StoredProfile, thinned, without_values
from warehouse.storage import write_file

if TYPE_CHECKING:
    from pydantic import TypeAdapter

NAME = "profile.json"
FORMAT = "ml-warehouse profile"
FORMAT_VERSION = 1
"""Raised when an older reader would misunderstand a newer profile; new names may come at any time."""
CELLS = 20_000
"""Bins and listed values of all columns together: 400 and more per column of a usual table, 100 of 200 columns."""
MOST_BYTES = 1_000_000
"""A profile that is longer, because of long values say, keeps fewer of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileDocument:
    """What the file holds."""

    format: str
    format_version: int
    dataset: str
    version: str
    fingerprint: str
    """The version's; a profile of other rows is not used."""
    profile: StoredProfile


def make_profile(engine: Engine, version: Version) -> StoredProfile:
    """The facts of a version's splits, from its files.

    The key is left out. Of columns with personal data that the dataset grants, no value is listed; pseudonyms are
    values like any other.

    Raises:
        QueryError: its files cannot be read.
    """
    manifest = version.manifest
    spec = manifest.spec
    names = {column.name for column in manifest.columns}
    profile = profile_of(
        engine,
        {split.name: version.split(split.name) for split in manifest.splits},
        skip=spec.key,
        kinds=spec.drift.kinds,
        groups=[group for group in spec.groups if group in names],
    )
    return without_values(profile, frozenset(spec.grant))


def profile_path(version: Version) -> Path:
    """Where a version's profile lies, if it has one."""
    return version.reports_path / NAME


def profile_json(version: Version, profile: StoredProfile) -> str:
    """The document as compact text of at most `MOST_BYTES`, or nearly so for thousands of columns."""
    return _text(profile_document(version, profile))


def profile_document(version: Version, profile: StoredProfile) -> dict[str, Any]:
    """The profile as what JSON knows; what is nought, empty or not known is left out."""
    cells = CELLS
    while True:
        document = ProfileDocument(
            format=FORMAT,
            format_version=FORMAT_VERSION,
            dataset=version.name,
            version=version.number,
            fingerprint=version.manifest.fingerprint,
            profile=thinned(profile, cells=cells),
        )
        plain: dict[str, Any] = _adapter().dump_python(document, mode="json", exclude_defaults=True)
        if len(_text(plain).encode()) <= MOST_BYTES or cells < len(profile.columns):
            return plain
        cells //= 2


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def write_profile(version: Version, profile: StoredProfile) -> None:
    """Puts the profile among the version's reports.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    with writing(version.reports_path):
        write_file(profile_path(version), profile_json(version, profile))


def find_profile(engine: Engine, version: Version) -> StoredProfile:
    """The version's profile; made from its files and kept when there is none yet, or none that can be used.

    Raises:
        VersionError: there is none, and the version's files are gone too.
        QueryError: its files cannot be read.
        StorageError: the disk is full or cannot be written.
    """
    try:
        return read_profile(version)
    except VersionError:
        if not all((version.path / file.path).is_file() for file in version.manifest.files):
            raise
    profile = make_profile(engine, version)
    write_profile(version, profile)
    # As the next one will find it, so that the first answer is the same as all that follow.
    return read_profile(version)


def read_profile(version: Version) -> StoredProfile:
    """The profile that lies with the version.

    Raises:
        VersionError: there is none, it is of other rows, or it cannot be read.
    """
    from pydantic import ValidationError

    path, advice = profile_path(version), f"\n  make it with: warehouse profile {version.reference}"
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text).get("format_version")
    except FileNotFoundError as error:
        raise VersionError(f"{version.reference} has no profile{advice}") from error
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise VersionError(f"cannot read the profile {path}: {error}{advice}") from error
    if isinstance(found, int) and found > FORMAT_VERSION:
        raise VersionError(
            f"{path} has format {found}, and this ml-warehouse knows {FORMAT_VERSION}"
            "\n  upgrade with: pip install -U ml-warehouse"
        )
    try:
        document = _adapter().validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise VersionError(f"{path} is not a profile: {where}: {first['msg']}{advice}") from error
    if document.fingerprint != version.manifest.fingerprint:
        raise VersionError(f"{path} is the profile of other rows than those of {version.reference}{advice}")
    return document.profile


def profile_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) that every profile of this format satisfies."""
    schema = _adapter().json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


@cache
def _adapter() -> TypeAdapter[ProfileDocument]:
    from pydantic import TypeAdapter

    return TypeAdapter(ProfileDocument)
