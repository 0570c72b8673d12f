"""An object store: a bucket with a prefix, or a folder, and one clear error for whatever goes wrong with it.

Credentials and the endpoint come from the environment alone (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
`AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL`, or the role of the machine); they are never in settings, URLs,
messages or records.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from warehouse import storage
from warehouse.errors import ProjectError, StorageError, StoreError, import_extra
from warehouse.project import Project

PART_BYTES = 8 * 2**20
"""Larger files are sent in parts of at least this size, several at once."""

_MOST_PARTS = 9_000
_URL = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)
_CODE = re.compile(r"<Code>(\w+)</Code>")
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object, as a listing shows it."""

    key: str
    byte_count: int
    modified_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """A small object, and what tells whether it is still the same."""

    content: bytes
    tag: str
    """Its ETag."""
    modified_at: datetime
    """When it was put, by the store's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Objects under one prefix, each put whole or not at all."""

    url: str
    handle: Any
    """Of obstore; it holds the credentials, so it is never shown."""

    def __repr__(self) -> str:
        return f"Store({self.url!r})"

    def keys_below(self, folder: str) -> tuple[str, ...]:
        """Names right below a folder that have objects in them or below them, sorted; one or a few requests."""
        with self._errors("list", folder):
            found = _obstore().list_with_delimiter(self.handle, folder or None)
            return tuple(sorted(prefix.rstrip("/").rpartition("/")[2] for prefix in found["common_prefixes"]))

    def objects(self, folder: str) -> Iterator[StoredObject]:
        """Every object below a folder."""
        with self._errors("list", folder):
            for chunk in _obstore().list(self.handle, folder):
                for item in chunk:
                    yield StoredObject(key=item["path"], byte_count=item["size"], modified_at=item["last_modified"])

    def read(self, key: str) -> bytes | None:
        """The object's content, which the caller knows to be small; None when there is none."""
        with self._errors("read", key):
            try:
                return bytes(_obstore().get(self.handle, key).bytes())
            except FileNotFoundError as error:
                if _code(error) == "NoSuchBucket":
                    raise
                return None

    def read_tagged(self, key: str, *, most_bytes: int = 2**20) -> Tagged | None:
        """A small object with its ETag; None when there is none.

        Raises:
            StoreError: it is larger than `most_bytes`, or cannot be read.
        """
        with self._errors("read", key):
            try:
                found = _obstore().get(self.handle, key)
            except FileNotFoundError as error:
                if _code(error) == "NoSuchBucket":
                    raise
                return None
            size = found.meta["size"]
            if size > most_bytes:
                raise StoreError(
                    f"{self.url}/{key} is refused: it has {size:,} bytes, and at most {most_bytes:,} make sense there"
                )
            return Tagged(
                content=bytes(found.bytes()), tag=found.meta["e_tag"] or "", modified_at=found.meta["last_modified"]
            )

    def size(self, key: str) -> int | None:
        """The object's bytes; None when there is none."""
        with self._errors("read", key):
            try:
                return int(_obstore().head(self.handle, key)["size"])
            except FileNotFoundError as error:
                if _code(error) == "NoSuchBucket":
                    raise
                return None

    def chunks(self, key: str) -> Iterator[memoryview]:
        """The object's content, piece by piece.

        Raises:
            StoreError: there is no such object, or it cannot be read.
        """
        with self._errors("read", key):
            for chunk in _obstore().get(self.handle, key).stream(min_chunk_size=4 * 2**20):
                yield memoryview(chunk)

    def put_file(self, key: str, path: Path) -> None:
        """Puts the file's content; a large file goes in several parts at once, and counts when all have arrived."""
        size = path.stat().st_size
        part = max(PART_BYTES, -(-size // _MOST_PARTS))
        with self._errors("write", key):
            _obstore().put(self.handle, key, path, use_multipart=size > PART_BYTES, chunk_size=part, max_concurrency=4)

    def create(self, key: str, content: bytes) -> bool:
        """Puts a small object, unless there is one already (`If-None-Match: *`): False, and nothing was changed."""
        with self._errors("write", key):
            try:
                _obstore().put(self.handle, key, content, mode="create", use_multipart=False)
            except FileExistsError:
                return False
            except Exception as error:
                # What S3 answers when two writers create one object at the same moment.
                if type(error).__name__ in ("AlreadyExistsError", "PreconditionError"):
                    return False
                if _code(error) == "ConditionalRequestConflict":
                    return False
                raise
        return True

    def put_bytes(self, key: str, content: bytes) -> None:
        """Puts this content in one request."""
        with self._errors("write", key):
            _obstore().put(self.handle, key, content, use_multipart=False)

    def replace(self, key: str, content: bytes, *, expected: Tagged | None) -> bool:
        """Puts a small object if the one there is still the expected one (`If-Match`): False, and nothing was changed.

        `None` expects that there is none. In a folder a lock of the file system stands for the condition.
        """
        if expected is None:
            return self.create(key, content)
        if self.url.startswith("file://"):
            folder = Path(self.url.removeprefix("file://"))
            with storage.lock(folder / ".conditions.lock", purpose=f"a change of {self.url}", timeout=60):
                if self.read_tagged(key) != expected:
                    return False
                self.put_bytes(key, content)
            return True
        with self._errors("write", key):
            try:
                _obstore().put(self.handle, key, content, mode={"e_tag": expected.tag}, use_multipart=False)
            except FileNotFoundError as error:
                if _code(error) == "NoSuchBucket":
                    raise
                return False
            except Exception as error:
                if type(error).__name__ == "PreconditionError" or _code(error) == "ConditionalRequestConflict":
                    return False
                raise
        return True

    def copy(self, source: str, target: str) -> None:
        """Copies an object within the store, which moves no bytes through here; one at the target is replaced."""
        with self._errors("write", target):
            _obstore().copy(self.handle, source, target)

    def delete(self, keys: list[str]) -> None:
        """Deletes these objects."""
        if keys:
            with self._errors("delete", keys[0]):
                _obstore().delete(self.handle, keys)

    @contextmanager
    def _errors(self, action: str, key: str) -> Iterator[None]:
        try:
            yield
        except (StoreError, StorageError, GeneratorExit, KeyboardInterrupt):
            raise
        except Exception as error:
            raise StoreError(f"cannot {action} {self.url}/{key}: {_reason(error, self.url)}") from error


def open_store(url: str, environment: Mapping[str, str] = os.environ) -> Store:
    """The store at this URL; no request is made yet.

    Args:
        url: `s3://bucket/prefix`, or `file:///a/folder`.
        environment: Where endpoint and credentials are looked for.

    Raises:
        StoreError: the URL is not of this kind, or the endpoint would be spoken to without encryption.
        MissingExtraError: obstore is not installed.
    """
    if "@" in url:
        raise StoreError(
            "the store's URL must not hold credentials\n"
            "  put them into the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if url.startswith("file:///"):
        stores = import_extra("obstore.store", extra="s3")
        folder = Path(url.removeprefix("file://"))
        try:
            return Store(url=url.rstrip("/"), handle=stores.LocalStore(folder, mkdir=True, automatic_cleanup=True))
        except Exception as error:
            raise StoreError(f"cannot use the store {url}: {_reason(error, url)}") from error
    match = _URL.fullmatch(url)
    prefix = (match[2] or "").strip("/") if match else ""
    if match is None or any(part in ("", ".", "..") for part in prefix.split("/") if prefix):
        raise StoreError(f"{url!r} is not the URL of a store\n  write s3://bucket/prefix, or file:///folder")
    stores = import_extra("obstore.store", extra="s3")
    options = {"allow_http": _allows_http(environment), "connect_timeout": "5s", "timeout": "300s"}
    retry = {
        "max_retries": 4,
        "retry_timeout": timedelta(seconds=60),
        "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2},
    }
    try:
        handle = stores.S3Store(
            match[1],
            prefix=prefix or None,
            client_options=options,
            retry_config=retry,
            **({} if _has_region(environment) else {"region": "us-east-1"}),
        )
    except Exception as error:
        raise StoreError(f"cannot use the store {url}: {_reason(error, url)}") from error
    return Store(url=url.rstrip("/"), handle=handle)


def project_store(project: Project, url: str | None = None) -> Store:
    """The store at this URL, or the project's own.

    Raises:
        ProjectError: no URL is given, and the project has no store.
        StoreError: the URL cannot be used.
    """
    chosen = url or project.settings.store
    if not chosen:
        raise ProjectError(
            "no object store is set\n"
            '  name one with --store s3://bucket/prefix, or set store = "s3://bucket/prefix" in [tool.warehouse]'
        )
    return open_store(chosen)


def cache_path() -> Path:
    """Where what was downloaded for reading is kept: `WAREHOUSE_CACHE`, or the user's cache folder."""
    chosen = os.environ.get("WAREHOUSE_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(chosen) if chosen else Path(home) / "ml-warehouse"


def _has_region(environment: Mapping[str, str]) -> bool:
    return bool(environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION"))


def _allows_http(environment: Mapping[str, str]) -> bool:
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or ""
    endpoint = endpoint or environment.get("AWS_ENDPOINT", "")
    parts = urlsplit(endpoint)
    if parts.scheme != "http":
        return False
    if _LOOPBACK.fullmatch(parts.hostname or "") or environment.get("AWS_ALLOW_HTTP", "").lower() == "true":
        return True
    raise StoreError(
        f"the endpoint in AWS_ENDPOINT_URL, on {parts.hostname}, is not encrypted\n"
        "  use https://, or set AWS_ALLOW_HTTP=true when the network is your own"
    )


def _obstore() -> Any:
    return import_extra("obstore", extra="s3")


def _code(error: BaseException) -> str:
    """S3's own word for the error, `NoSuchBucket` say; empty without one."""
    match = _CODE.search(str(error))
    return match[1] if match else ""


def _reason(error: BaseException, url: str) -> str:
    """What went wrong and what to do, in a line or two; nothing of the request's headers."""
    code, text = _code(error), str(error)
    if code == "NoSuchBucket":
        return f"there is no such bucket\n  make it, or correct the store's URL: {url}"
    if "169.254.169.254" in text or "169.254.170.2" in text:
        return "no credentials were found\n  set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    if type(error).__name__ in ("PermissionDeniedError", "UnauthenticatedError") or isinstance(error, PermissionError):
        what = f"the store refused these credentials ({code})" if code else "permission denied"
        return f"{what}\n  check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, and that they may read and write there"
    if isinstance(error, FileNotFoundError):
        return "there is no such object"
    if "error sending request" in text or "HTTP error" in text or "timed out" in text:
        return "the store does not answer\n  check AWS_ENDPOINT_URL and the network, then run the same command again"
    first = (text.splitlines() or [type(error).__name__])[0]
    return f"{code or first[:300]}\n  run the same command again; what has arrived is not sent twice"
