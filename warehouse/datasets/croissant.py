"""A version's `croissant.json`: what MLCommons Croissant 1.1 can say about it, for tools that know nothing of ours.

Source: the Croissant format specification, version 1.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from warehouse.datasets.croissant_fields import CroissantType, croissant_type
from warehouse.datasets.manifest import ColumnRecord, Manifest, SplitRecord
from warehouse.datasets.spec import Format
from warehouse.datasets.subsets import SUBSET_SPLIT, subset_files, subset_name
from warehouse.statistics.type_names import parse_type

CROISSANT_NAME = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.1"

ENCODINGS = {
    Format.PARQUET: "application/x-parquet",
    Format.CSV: "text/csv",
    Format.JSONL: "application/jsonlines",
    Format.ARROW: "application/vnd.apache.arrow.file",
}
"""What mlcroissant calls the formats that it reads; it reads no Arrow files, so they are only described."""

FILES, EXAMPLES, SPLITS = "files", "examples", "splits"

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_SCRIPT_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&"}
_OWNER = re.compile(r"(?P<name>.*?)\s*(?:<(?P<email>[^<>]+)>)?", re.DOTALL)

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def croissant_json(manifest: Manifest, *, licence: str | None, citation: str | None = None) -> str:
    """The document as JSON text.

    ASCII alone, since some readers open it in the locale's encoding; `<`, `>` and `&` are escaped, so that the text
    can stand in a page's script element.
    """
    document = croissant_document(manifest, licence=licence, citation=citation)
    return json.dumps(document, indent=2, allow_nan=False).translate(_SCRIPT_ESCAPES) + "\n"


def croissant_document(manifest: Manifest, *, licence: str | None, citation: str | None = None) -> dict[str, Any]:
    """Files with checksums, splits, and the fields of a record with their types, as JSON-LD.

    A record has every exported column that Croissant has a type for, and `split`. Columns without such a type are
    named in the record set's description.
    """
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": manifest.name,
        "description": manifest.description.strip() or f"Dataset {manifest.name}.",
        "conformsTo": CONFORMS_TO,
        **({"license": licence} if licence else {}),
        **({"citeAs": citation} if citation else {}),
        **_creator(manifest.owner),
        "version": manifest.version,
        "datePublished": f"{manifest.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "isLiveDataset": False,
        "distribution": [*_file_objects(manifest), *_file_sets(manifest)],
        "recordSet": [_split_records(manifest), _example_records(manifest)],
    }


def _creator(owner: str | None) -> dict[str, Any]:
    match = _OWNER.fullmatch((owner or "").strip())
    if match is None or not owner:
        return {}
    named = {"name": match["name"], "email": match["email"]}
    return {"creator": {"@type": "sc:Organization", **{key: value for key, value in named.items() if value}}}


def _file_objects(manifest: Manifest) -> Iterator[dict[str, Any]]:
    for file in manifest.files:
        yield {
            "@type": "cr:FileObject",
            "@id": file.path,
            "name": PurePosixPath(file.path).name,
            "contentUrl": file.path,
            "contentSize": f"{file.byte_count} B",
            "encodingFormat": ENCODINGS[manifest.spec.format],
            "sha256": file.sha256,
        }


def _file_sets(manifest: Manifest) -> Iterator[dict[str, Any]]:
    # Patterns, not names: a version may have a thousand files.
    yield _file_set(manifest, None, sorted({_pattern(file.path) for file in manifest.files}), "Every file.")
    for split in manifest.splits:
        patterns = sorted({_pattern(file.path) for file in split.files})
        yield _file_set(manifest, split.name, patterns, f"Split {split.name}: {split.row_count:,} rows.")
        for fraction in manifest.spec.subsets if split.name == SUBSET_SPLIT else ():
            chosen = subset_files(split.files, fraction)
            rows = sum(file.row_count for file in chosen)
            words = f"A share of {fraction:g} of {split.name}, by entity: {rows:,} rows."
            yield _file_set(manifest, subset_name(fraction), [file.path for file in chosen], words)


def _file_set(manifest: Manifest, part: str | None, includes: list[str], description: str) -> dict[str, Any]:
    name = f"{FILES}-{part}" if part else FILES
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "description": description,
        "encodingFormat": ENCODINGS[manifest.spec.format],
        "includes": includes,
    }


def _pattern(path: str) -> str:
    pure = PurePosixPath(path)
    return f"{pure.parent}/*{pure.suffix}"


def _split_records(manifest: Manifest) -> dict[str, Any]:
    name, rows = f"{SPLITS}/name", f"{SPLITS}/row_count"
    return {
        "@type": "cr:RecordSet",
        "@id": SPLITS,
        "name": SPLITS,
        "description": "The splits of this dataset.",
        "dataType": "cr:Split",
        "key": {"@id": name},
        "field": [
            {"@type": "cr:Field", "@id": name, "name": "name", "dataType": "sc:Text"},
            {"@type": "cr:Field", "@id": rows, "name": "row_count", "dataType": "cr:Int64"},
        ],
        "data": [{name: split.name, rows: split.row_count} for split in manifest.splits],
    }


def _example_records(manifest: Manifest) -> dict[str, Any]:
    ids = field_ids(manifest)
    fields, left_out = [], []
    for column in manifest.columns:
        type_ = _type(column, manifest.spec.format)
        if type_ is None:
            left_out.append(f"{column.name} ({column.type})")
        else:
            fields.append(_column_field(column, type_, ids[column.name], is_label=column.name == manifest.spec.label))
    described = {column["@id"] for column in fields}
    keys = [{"@id": ids[name]} for name in manifest.spec.key if ids.get(name) in described]
    description = "One record per example."
    if left_out:
        description += f" Columns that have no type in Croissant are left out: {', '.join(left_out)}."
    return {
        "@type": "cr:RecordSet",
        "@id": EXAMPLES,
        "name": EXAMPLES,
        "description": description,
        **({"key": keys if len(keys) > 1 else keys[0]} if len(keys) == len(manifest.spec.key) else {}),
        "field": [_split_field(manifest.splits), *fields],
    }


def field_ids(manifest: Manifest) -> dict[str, str]:
    """The id of every column's field: its name where that can stand in an id, else its number; none twice."""
    ids: dict[str, str] = {}
    taken = {f"{EXAMPLES}/split"}
    for number, column in enumerate(manifest.columns):
        name = f"{EXAMPLES}/{column.name}"
        if not _PLAIN.fullmatch(column.name) or name in taken:
            name = f"{EXAMPLES}/column-{number}"
            while name in taken or any(name == f"{EXAMPLES}/{other.name}" for other in manifest.columns):
                name += "-"
        taken.add(name)
        ids[column.name] = name
    return ids


def _type(column: ColumnRecord, format_: Format) -> CroissantType | None:
    # NOTE: mlcroissant cannot read a UUID that a file holds as 16 bytes; it would read no record at all.
    if "UUID" in parse_type(column.type).scalars() and format_ in (Format.PARQUET, Format.ARROW):
        return None
    type_ = croissant_type(column.type)
    if type_ is not None and format_ is Format.CSV and (type_.shape or type_.members):
        return CroissantType(data_type="sc:Text")
    return type_


def _split_field(splits: Iterable[SplitRecord]) -> dict[str, Any]:
    names = "|".join(split.name for split in splits)
    return {
        "@type": "cr:Field",
        "@id": f"{EXAMPLES}/split",
        "name": "split",
        "description": "The split that the record belongs to.",
        "dataType": "sc:Text",
        "references": {"field": {"@id": f"{SPLITS}/name"}},
        "source": {
            "fileSet": {"@id": FILES},
            "extract": {"fileProperty": "fullpath"},
            "transform": {"regex": f"data/({names})/.+"},
        },
    }


def _column_field(column: ColumnRecord, type_: CroissantType, id_: str, *, is_label: bool) -> dict[str, Any]:
    unit = f"Unit: {column.unit}." if column.unit else ""
    description = " ".join(part for part in (column.description.strip(), unit) if part)
    source = {"fileSet": {"@id": FILES}, "extract": {"column": column.name}}
    label = ["cr:Label"] if is_label else []
    return {
        "@type": "cr:Field",
        "@id": id_,
        "name": column.name,
        **({"description": description} if description else {}),
        **_typed(type_, label),
        **({"subField": list(_sub_fields(type_, id_, source))} if type_.members else {"source": source}),
    }


def _sub_fields(type_: CroissantType, id_: str, source: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for number, (name, member) in enumerate(type_.members):
        yield {
            "@type": "cr:Field",
            "@id": f"{id_}/{number}",
            "name": name,
            **_typed(member, []),
            "source": {**source, "transform": {"jsonPath": json.dumps(name)}},
        }


def _typed(type_: CroissantType, label: list[str]) -> dict[str, Any]:
    types = ([type_.data_type] if type_.data_type else []) + label
    return {
        **({"dataType": types if len(types) > 1 else types[0]} if types else {}),
        **({"isArray": True, "arrayShape": ",".join(map(str, type_.shape))} if type_.shape else {}),
    }
