"""What dbt parsed and compiled, from its `manifest.json`: only what this library needs, checked once.

dbt writes a manifest for every command; its shape is versioned (`v12` for dbt 1.8 to 1.11). Past this module nobody
touches dbt's dictionaries.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from warehouse import storage
from warehouse.errors import BuildError, problem_list

SUPPORTED_VERSIONS = range(11, 13)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDoc:
    """A column as its YAML describes it."""

    name: str
    description: str
    data_type: str | None
    """As the contract declares it; None when the YAML does not say."""
    unit: str | None
    """`meta.unit`: what a number counts (`minutes`, `EUR`)."""
    is_pii: bool
    """Whether `meta.pii` or the tag `pii` says that the column identifies a person."""
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model, seed or snapshot: whatever dbt turns into a relation."""

    unique_id: str
    name: str
    resource_type: str
    """`model`, `seed` or `snapshot`."""
    materialized: str
    """`table`, `view`, `incremental`, `ephemeral`, `seed`, `snapshot`."""
    database: str | None
    schema: str
    alias: str
    """The relation's name, which need not be the model's."""
    file_path: str
    """Relative to the project."""
    description: str
    columns: Mapping[str, ColumnDoc]
    compiled_code: str | None
    """None for seeds and whatever this run of dbt did not compile."""
    checksum: str
    """Of the model's file, as dbt computes it; empty when it has none."""
    contract_enforced: bool
    depends_on: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A table that dbt reads and does not make."""

    unique_id: str
    source_name: str
    name: str
    description: str
    external_location: str | None
    """Path or pattern of the files behind it, with `{name}` and `{identifier}` filled in; None for a real table."""
    relation_name: str | None
    """As dbt writes it behind `from`."""
    file_path: str
    columns: Mapping[str, ColumnDoc]
    meta: Mapping[str, Any]
    """Raw, the source's own and above it the table's, for the one who owns its meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A data test."""

    __test__ = False  # pytest must not take it for a test class

    unique_id: str
    name: str
    attached_node: str | None
    """The model that it was declared on; None for a singular test."""
    column_name: str | None
    severity: str
    """`ERROR` or `WARN`, upper case."""
    file_path: str
    depends_on: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Something that uses models; of `type: ml` with `meta.dataset` it declares a dataset."""

    unique_id: str
    name: str
    type: str
    maturity: str | None
    owner_name: str | None
    owner_email: str | None
    label: str | None
    url: str | None
    description: str
    depends_on: tuple[str, ...]
    meta: Mapping[str, Any]
    """Raw, for the one who owns its meaning."""
    original_file_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DbtManifest:
    """One dbt project, parsed; every mapping is by `unique_id`."""

    project_name: str
    dbt_version: str
    generated_at: str
    models: Mapping[str, Model]
    sources: Mapping[str, Source]
    tests: Mapping[str, Test]
    exposures: Mapping[str, Exposure]

    def model_named(self, name: str) -> Model | None:
        """The model, seed or snapshot of this name; None when there is none."""
        return next((model for model in self.models.values() if model.name == name), None)

    def tests_of(self, unique_id: str) -> tuple[Test, ...]:
        """The data tests declared on this model."""
        return tuple(test for test in self.tests.values() if test.attached_node == unique_id)


def read_dbt_manifest(path: Path) -> DbtManifest:
    """The manifest at `path`, whole or not at all.

    Raises:
        BuildError: the file is missing, is not JSON or not a dbt manifest of a supported version; lists every problem.
    """
    document = _read_json(path)
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or "dbt_schema_version" not in metadata:
        raise BuildError(f"{path} is not a dbt manifest: it has no metadata.dbt_schema_version\n{_ADVICE}")
    _check_version(path, metadata)
    problems: list[str] = []
    nodes = _section(document, "nodes", problems)
    by_type: dict[str, dict[str, dict[str, Any]]] = {}
    for unique_id, node in nodes.items():
        by_type.setdefault(str(node.get("resource_type")), {})[unique_id] = node
    relations = {**by_type.get("model", {}), **by_type.get("seed", {}), **by_type.get("snapshot", {})}
    manifest = DbtManifest(
        project_name=str(metadata.get("project_name") or ""),
        dbt_version=str(metadata.get("dbt_version") or ""),
        generated_at=str(metadata.get("generated_at") or ""),
        models=_each(relations, _model, problems),
        sources=_each(_section(document, "sources", problems), _source, problems),
        tests=_each(by_type.get("test", {}), _test, problems),
        exposures=_each(_section(document, "exposures", problems), _exposure, problems),
    )
    if problems:
        raise BuildError(problem_list(f"{path} is not a dbt manifest that can be read:", problems) + f"\n{_ADVICE}")
    return manifest


_ADVICE = "  make it anew with: warehouse build (or dbt parse)"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BuildError(f"there is no dbt manifest at {path}\n{_ADVICE}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"cannot read the dbt manifest {path}: {error}\n{_ADVICE}") from error
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BuildError(f"the dbt manifest {path} is not JSON: {error}\n{_ADVICE}") from error
    if not isinstance(document, dict):
        raise BuildError(f"{path} is not a dbt manifest: it holds a {type(document).__name__}\n{_ADVICE}")
    return document


def _check_version(path: Path, metadata: dict[str, Any]) -> None:
    found = str(metadata["dbt_schema_version"])
    number = re.search(r"/manifest/v(\d+)\.json", found)
    if number is None or int(number[1]) not in SUPPORTED_VERSIONS:
        raise BuildError(
            f"{path} was written by dbt {metadata.get('dbt_version', '(unknown)')} in a shape we do not know: {found}\n"
            f"  known: v{SUPPORTED_VERSIONS[0]} to v{SUPPORTED_VERSIONS[-1]}; install dbt-core 1.11"
        )


def _section(document: dict[str, Any], key: str, problems: list[str]) -> dict[str, dict[str, Any]]:
    section = document.get(key)
    if not isinstance(section, dict) or not all(isinstance(node, dict) for node in section.values()):
        problems.append(f"{key} must map ids to objects")
        return {}
    return section


Parsed = TypeVar("Parsed")


def _each(
    nodes: dict[str, dict[str, Any]], parse: Callable[[str, dict[str, Any]], Parsed], problems: list[str]
) -> dict[str, Parsed]:
    parsed = {}
    for unique_id, node in nodes.items():
        try:
            parsed[unique_id] = parse(unique_id, node)
        except KeyError as error:
            problems.append(f"{unique_id} has no {error.args[0]!r}")
        except (TypeError, ValueError, AttributeError) as error:
            problems.append(f"{unique_id}: {error}")
    return parsed


def _model(unique_id: str, node: dict[str, Any]) -> Model:
    config = _mapping(node, "config")
    return Model(
        unique_id=unique_id,
        name=_text(node, "name"),
        resource_type=_text(node, "resource_type"),
        materialized=str(config.get("materialized") or node["resource_type"]),
        database=_optional(node, "database"),
        schema=_text(node, "schema"),
        alias=_optional(node, "alias") or _text(node, "name"),
        file_path=_text(node, "original_file_path"),
        description=_optional(node, "description") or "",
        columns=_columns(node),
        compiled_code=_optional(node, "compiled_code"),
        checksum=str(_mapping(node, "checksum").get("checksum") or ""),
        contract_enforced=bool(_mapping(config, "contract").get("enforced", False)),
        depends_on=_depends_on(node),
    )


def _source(unique_id: str, node: dict[str, Any]) -> Source:
    name = _text(node, "name")
    identifier = _optional(node, "identifier") or name
    meta = {**_mapping(node, "source_meta"), **_meta(node)}
    location = meta.get("external_location")
    if isinstance(location, str):
        location = location.replace("{name}", name).replace("{identifier}", identifier)
    return Source(
        unique_id=unique_id,
        source_name=_text(node, "source_name"),
        name=name,
        description=_optional(node, "description") or "",
        external_location=None if location is None else str(location),
        relation_name=_optional(node, "relation_name"),
        file_path=_text(node, "original_file_path"),
        columns=_columns(node),
        meta=meta,
    )


def _test(unique_id: str, node: dict[str, Any]) -> Test:
    return Test(
        unique_id=unique_id,
        name=_text(node, "name"),
        attached_node=_optional(node, "attached_node"),
        column_name=_optional(node, "column_name"),
        severity=str(_mapping(node, "config").get("severity") or "ERROR").upper(),
        file_path=_text(node, "original_file_path"),
        depends_on=_depends_on(node),
    )


def _exposure(unique_id: str, node: dict[str, Any]) -> Exposure:
    owner = _mapping(node, "owner")
    return Exposure(
        unique_id=unique_id,
        name=_text(node, "name"),
        type=_text(node, "type"),
        maturity=_optional(node, "maturity"),
        owner_name=_optional(owner, "name"),
        # dbt takes several addresses as a list.
        owner_email=_joined(owner.get("email")),
        label=_optional(node, "label"),
        url=_optional(node, "url"),
        description=_optional(node, "description") or "",
        depends_on=_depends_on(node),
        meta=_meta(node),
        original_file_path=_text(node, "original_file_path"),
    )


def _columns(node: dict[str, Any]) -> dict[str, ColumnDoc]:
    columns = {}
    for key, column in _mapping(node, "columns").items():
        meta = _meta(column)
        tags = tuple(str(tag) for tag in column.get("tags") or ())
        columns[key] = ColumnDoc(
            name=_text(column, "name"),
            description=_optional(column, "description") or "",
            data_type=_optional(column, "data_type"),
            unit=None if meta.get("unit") is None else str(meta["unit"]),
            is_pii=bool(meta.get("pii")) or "pii" in tags,
            tags=tags,
        )
    return columns


def _meta(node: dict[str, Any]) -> dict[str, Any]:
    # dbt keeps both places in step since 1.10; older manifests have one or the other.
    return {**_mapping(node, "meta"), **_mapping(_mapping(node, "config"), "meta")}


def _depends_on(node: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(name) for name in _mapping(node, "depends_on").get("nodes") or ())


def _mapping(node: dict[str, Any], key: str) -> dict[str, Any]:
    value = node.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError(f"{key} must be an object, not {value!r}")
    return value


def _text(node: dict[str, Any], key: str) -> str:
    value = node[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} must be text, not {value!r}")
    return value


def _optional(node: dict[str, Any], key: str) -> str | None:
    return None if node.get(key) is None else _text(node, key)


def _joined(value: object) -> str | None:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or None
    return None if value is None else str(value)


def carry_compiled_code(path: Path, origin_path: Path) -> None:
    """Gives nodes that this run of dbt did not compile the SQL that made their tables, from the origin's manifest.

    A partial build starts from a copy of another one: tables that it did not make again come from there, with the
    columns and the code of that time.
    """
    document, origin = _read_json(path), _read_json(origin_path)
    for unique_id, node in document.get("nodes", {}).items():
        earlier = origin.get("nodes", {}).get(unique_id)
        if earlier and not node.get("compiled_code") and earlier.get("compiled_code"):
            node["compiled_code"] = earlier["compiled_code"]
    storage.write_json(path, document)
