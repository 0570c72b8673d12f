"""Where the contents of a dataset's files lie in a store: each under its checksum."""

from __future__ import annotations

import re

_EXTENSION = re.compile(r"\.[a-z0-9]{1,10}")


def objects_folder(dataset: str) -> str:
    """Where the contents of a dataset's files lie."""
    return f"{dataset}/objects"


def object_key(dataset: str, path: str, checksum: str) -> str:
    """Of a file's content; the extension is kept, since readers go by it."""
    match = _EXTENSION.fullmatch("." + path.rpartition("/")[2].rpartition(".")[2])
    return f"{objects_folder(dataset)}/{checksum}{match[0] if match else ''}"


def staging_folder(dataset: str) -> str:
    """Where workers put files whose checksums are not known yet; each export has a folder of its own below."""
    return f"{dataset}/staging"
