"""A split as a Hugging Face dataset that lies in mapped files, not in memory."""

from __future__ import annotations

import glob
import hashlib
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse import storage
from warehouse.datasets.frames import scan
from warehouse.datasets.manifest import ColumnRecord
from warehouse.datasets.record_batches import read_table
from warehouse.datasets.spec import Format
from warehouse.datasets.subsets import Share
from warehouse.errors import import_extra

if TYPE_CHECKING:
    import datasets


def hugging_face_dataset(
    paths: Sequence[Path],
    columns: Sequence[ColumnRecord],
    *,
    format_: Format,
    split: str,
    checksums: Sequence[str],
    share: Share | None,
) -> datasets.Dataset:
    """The rows of these files; Arrow files are mapped as they lie, others are converted once into the library's cache.

    `checksums` tell one version's files from another's in the cache.
    """
    library = import_extra("datasets", extra="huggingface")
    named = library.NamedSplit(split)
    if format_ is Format.ARROW:
        rows = library.Dataset(read_table(paths, None, format_), split=named)
    elif format_ is Format.PARQUET:
        # NOTE: the library reads `*` and `[` in a folder's name as a pattern.
        rows = library.Dataset.from_parquet([glob.escape(str(path)) for path in paths], split=named)
    else:
        cached = _converted(paths, columns, format_, Path(library.config.HF_DATASETS_CACHE), checksums)
        rows = library.Dataset(read_table([cached], None, Format.ARROW), split=named)
    if share is None:
        return rows
    return rows.filter(
        lambda *values: share.holds(dict(zip(share.columns, values, strict=True))),
        batched=True,
        input_columns=list(share.columns),
    )


def _converted(
    paths: Sequence[Path], columns: Sequence[ColumnRecord], format_: Format, folder: Path, checksums: Sequence[str]
) -> Path:
    """An Arrow file of the rows, made once and named for what it holds."""
    import polars

    made_of = "\n".join((*checksums, *(f"{column.name} {column.type}" for column in columns)))
    cached = folder / "ml-warehouse" / f"{hashlib.sha256(made_of.encode()).hexdigest()}.arrow"
    if not cached.is_file():
        with storage.storage_errors(f"write {cached}"):
            cached.parent.mkdir(parents=True, exist_ok=True)
            partial = cached.with_suffix(f".{uuid.uuid4().hex}")
            # The oldest form of text: the library knows no views.
            scan(paths, columns, format_).sink_ipc(
                partial, compression="uncompressed", compat_level=polars.CompatLevel.oldest()
            )
            partial.replace(cached)
    return cached
