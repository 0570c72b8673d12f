"""Pseudonyms: personal data exported as a keyed hash, so that rows of one person still belong together.

A pseudonym is HMAC-SHA256 of the value's canonical text (`fingerprints.canonical_sql`), as 64 hex digits; NULL stays
NULL. Equal values get equal pseudonyms in every column and dataset, so that exports can still be joined. Without the
key nobody can tell which value a pseudonym is of, not even by trying all values.

The key comes from the environment. Only its two pads enter the engine, in a temporary table by bound parameters, and no
statement, plan, message or file shows them.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from warehouse.datasets.columns import OutputColumn, output_column
from warehouse.datasets.declarations import exported_columns
from warehouse.datasets.fingerprints import canonical_sql
from warehouse.datasets.manifest import Pseudonym
from warehouse.datasets.spec import DatasetSpec
from warehouse.engine.base import Engine
from warehouse.errors import ExportError
from warehouse.sql import Query, Step

KEY_VARIABLE = "WAREHOUSE_PSEUDONYM_KEY"
LEAST_KEY_BYTES = 16

_BLOCK = 64
_PADS = "pseudonym_pads"
_FINGERPRINTED = b"ml-warehouse pseudonym key"


@dataclass(frozen=True, slots=True)
class PseudonymKey:
    """The secret; it is never shown."""

    secret: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Tells this key from others, and nothing about it: 8 hex digits."""
        return hmac.new(self.secret, _FINGERPRINTED, "sha256").hexdigest()[:8]

    @property
    def pads(self) -> tuple[bytes, bytes]:
        """The blocks that HMAC puts before the text and before the inner hash (RFC 2104)."""
        secret = hashlib.sha256(self.secret).digest() if len(self.secret) > _BLOCK else self.secret
        padded = secret.ljust(_BLOCK, b"\0")
        return bytes(byte ^ 0x36 for byte in padded), bytes(byte ^ 0x5C for byte in padded)


NEW_KEY = f"make one with: export {KEY_VARIABLE}=$(openssl rand -hex 32); keep it, the same key gives the same hash"


def read_key(environment: Mapping[str, str] = os.environ, *, advice: str = NEW_KEY) -> PseudonymKey:
    """The key from `WAREHOUSE_PSEUDONYM_KEY`; `advice` is what to do when there is none.

    Raises:
        ExportError: it is not set, or too short to be a secret.
    """
    text = environment.get(KEY_VARIABLE)
    if not text:
        raise ExportError(f"columns are pseudonymised, and {KEY_VARIABLE} is not set\n  {advice}")
    secret = text.encode(errors="surrogateescape")
    if len(secret) < LEAST_KEY_BYTES:
        raise ExportError(
            f"{KEY_VARIABLE} has {len(secret)} bytes, and a key needs {LEAST_KEY_BYTES} at least\n  {advice}"
        )
    return PseudonymKey(secret)


def load_key(engine: Engine, key: PseudonymKey) -> None:
    """Puts the key's pads into the engine's session, where `pseudonym_sql` reads them."""
    inner, outer = key.pads
    # NOTE: a table, since EXPLAIN would print a variable's value as the constant that it is.
    query = Step(
        "load_pads",
        f"create or replace temp table {_PADS} as select $inner_pad::blob as inner_pad, $outer_pad::blob as outer_pad",
    )
    engine.rows(Query.of(query, inner_pad=inner, outer_pad=outer))


def pseudonym_sql(text: str) -> str:
    """The pseudonym of a canonical text, an expression; NULL for NULL. Needs `load_key`."""
    inner = f"sha256((select inner_pad from {_PADS}) || encode({text}))"
    return f"sha256((select outer_pad from {_PADS}) || unhex({inner}))"


def pseudonym_column(name: str, type_name: str, key: PseudonymKey) -> OutputColumn:
    """The column as a keyed hash of its values."""
    # As a file would hold it: the name of an enum's type lists its values, and a manifest must not.
    plain = output_column(name, type_name)
    return OutputColumn(
        name=name,
        type="VARCHAR",
        value=pseudonym_sql(canonical_sql(f"({plain.value})", plain.type)),
        pseudonym=Pseudonym(original_type=plain.type, key_fingerprint=key.fingerprint),
    )


def output_columns(engine: Engine, spec: DatasetSpec, types: Mapping[str, str]) -> list[OutputColumn]:
    """The columns that the specification exports, in the table's order; the key is read when one is a pseudonym.

    Raises:
        ExportError: a column is to be pseudonymised, and there is no key.
    """
    names = exported_columns(spec, types)
    hidden = [name for name in names if name in spec.pseudonymise]
    if not hidden:
        return [output_column(name, types[name]) for name in names]
    key = read_key()
    load_key(engine, key)
    return [
        pseudonym_column(name, types[name], key) if name in hidden else output_column(name, types[name])
        for name in names
    ]
