"""What makes written files a version: fingerprints, the card, the checksums and, last, the manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from warehouse import storage
from warehouse.datasets.card import dataset_card
from warehouse.datasets.croissant import CROISSANT_NAME, croissant_json
from warehouse.datasets.manifest import FileRecord, Manifest, manifest_json
from warehouse.datasets.verification import REPORTS_FOLDER
from warehouse.datasets.versions import MANIFEST_NAME
from warehouse.datasets.writing import CHECKSUMS_NAME, checksums_text, file_sha256, writing


def with_files(manifest: Manifest, files: Mapping[str, tuple[FileRecord, ...]]) -> Manifest:
    """The manifest with what was written, and fingerprints that follow from it."""
    splits = tuple(
        replace(split, files=files[split.name], fingerprint=_fingerprint(file.sha256 for file in files[split.name]))
        for split in manifest.splits
    )
    total = _fingerprint(f"{split.name} {split.fingerprint}" for split in splits)
    return replace(manifest, splits=splits, fingerprint=total)


def _fingerprint(lines: Iterator[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def write_texts(
    folder: Path,
    manifest: Manifest,
    *,
    licence: str | None,
    citation: str | None = None,
    reports: Mapping[str, str] | None = None,
) -> None:
    """Reports by their file's name, the card, croissant.json, the checksums and, last, the manifest."""
    with writing(folder):
        for name, report in (reports or {}).items():
            storage.write_file(folder / REPORTS_FOLDER / name, report)
        text = manifest_json(manifest)
        storage.write_file(folder / "README.md", dataset_card(manifest, licence=licence))
        storage.write_file(folder / CROISSANT_NAME, croissant_json(manifest, licence=licence, citation=citation))
        checksums = {file.path: file.sha256 for file in manifest.files}
        for name in ("README.md", CROISSANT_NAME):
            checksums[name] = file_sha256(folder / name)
        checksums[MANIFEST_NAME] = hashlib.sha256(text.encode()).hexdigest()
        storage.write_file(folder / CHECKSUMS_NAME, checksums_text(checksums))
        if (folder / "data").is_dir():
            storage.sync_folder(folder / "data")
        storage.write_file(folder / MANIFEST_NAME, text)
