"""Takes secrets out of text before it is logged, recorded or sent.

What is secret is read from the environment: the values of variables whose names say so, and the passwords, tokens and
queries within addresses. A safety net: code still never puts a secret into a message on purpose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

MASK = "***"
SHORTEST = 4
"""Shorter values stay: without each letter `a`, say, nothing could be read."""
_SECRET_PART = re.compile(r".*(?:secret|token|password|passwd|passphrase|credential|apikey|dsn|webhook)s?")
_SECRET_WORDS = frozenset({"auth", "key", "keys", "pass", "pwd", "pw"})
_PLAIN_WORDS = frozenset({"true", "false", "none", "null", "auto", "default", "disabled", "enabled", "localhost"})
_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):([^/\s@]+)@")
# What a cluster's address holds: sc://host:15002/;token=...
_PARAMETER = re.compile(r"(?<=;)([\w-]+)=([^;\s'\"]+)")


@dataclass(frozen=True, slots=True)
class Secrets:
    """The texts that must not be shown. Its own `repr` shows none."""

    values: tuple[str, ...] = ()
    """Longest first: one may hold another."""

    def __repr__(self) -> str:
        return f"Secrets({len(self.values)})"

    def scrub(self, text: str) -> str:
        """The text with every secret, and the password or token in any address, masked."""
        for value in self.values:
            if value in text:
                text = text.replace(value, MASK)
        if "://" not in text:
            return text
        return _PARAMETER.sub(_masked_parameter, _PASSWORD.sub(rf"\1:{MASK}@", text))

    def scrub_value(self, value: Any) -> Any:
        """A JSON value with the secrets in its texts and keys masked."""
        if isinstance(value, str):
            return self.scrub(value)
        if isinstance(value, Mapping):
            return {self.scrub(str(key)): self.scrub_value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.scrub_value(item) for item in value]
        return value

    def scrub_document(self, value: Any) -> Any:
        """A JSON value of which programs read on, without secrets: sentences lose each, single words what is no word.

        A password such as `test` would else take the word out of every name and status.
        """
        if isinstance(value, str):
            is_sentence = any(char.isspace() for char in value) or "://" in value
            return self.scrub(value) if is_sentence else self.unguessable.scrub(value)
        if isinstance(value, Mapping):
            return {self.unguessable.scrub(str(key)): self.scrub_document(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.scrub_document(item) for item in value]
        return value

    @property
    def unguessable(self) -> Secrets:
        """Those that are no words: long, or of mixed characters."""
        return Secrets(tuple(value for value in self.values if looks_secret(value)))


def secrets_of(environment: Mapping[str, str], *, also: Iterable[str] = ()) -> Secrets:
    """What is secret in this environment.

    Args:
        environment: Variables whose names speak of secrets count whole and by the parts of the addresses in them;
            of other variables, passwords and tokens within addresses do.
        also: Names of more variables that hold secrets.
    """
    found: set[str] = set()
    named = set(also)
    for name, value in environment.items():
        if name in named or is_secret_name(name):
            found.update(_texts(value))
        elif "://" in value:
            found.update(match[2] for match in _PASSWORD.finditer(value))
            found.update(text for key, text in _PARAMETER.findall(value) if is_secret_name(f"_{key}"))
    # A secret may come back within an address or a JSON text.
    found |= {shape for text in found for shape in (unquote(text), quote(text, safe=""), quote_plus(text))}
    found |= {json.dumps(text)[1:-1] for text in found} | {json.dumps(text, ensure_ascii=False)[1:-1] for text in found}
    kept = {text for text in found if len(text) >= SHORTEST and text.lower() not in _PLAIN_WORDS}
    return Secrets(tuple(sorted(kept, key=lambda text: (-len(text), text))))


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name holds a secret: `DB_PASSWORD`, `PGPASSWORD`, `SLACK_TOKEN`, `ACCESS_KEY`."""
    words = name.lower().split("_")
    if name.lower().endswith("notify_urls"):
        return True
    return any(_SECRET_PART.fullmatch(word) for word in words) or (
        len(words) > 1 and any(word in _SECRET_WORDS for word in words)
    )


def _masked_parameter(match: re.Match[str]) -> str:
    return f"{match[1]}={MASK}" if is_secret_name(f"_{match[1]}") else match[0]


def _texts(value: str) -> Iterator[str]:
    """The value and, of each address in it, what gives access: not its host, nor the plain words of its path."""
    yield value.strip()
    for word in value.split():
        if "://" not in word:
            continue
        yield word
        try:
            parts = urlsplit(word)
        except ValueError:
            continue
        user, _, password = parts.netloc.rpartition("@")[0].partition(":")
        yield password
        if parts.scheme not in HOST_SCHEMES:
            # Of `slack://token/...` or `discord://id/token` the first part is no host but a secret.
            yield parts.netloc
        pairs = parse_qsl(parts.query)
        yield from (text for name, text in pairs if is_secret_name(f"_{name}"))
        others = [user, parts.fragment, *parts.path.split("/"), *(text for _, text in pairs)]
        yield from (text for text in others if looks_secret(text))


def looks_secret(text: str) -> bool:
    """Whether it is long, or of mixed characters: `T1JJ3T3L2` and `xoxb` things, not `services` or `markdown`."""
    has_kinds = any(c.isdigit() for c in text) or (text != text.lower() and text != text.upper())
    return len(text) >= 16 or (len(text) >= 8 and has_kinds)


HOST_SCHEMES = frozenset(
    {"http", "https", "json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos", "postgresql", "mysql", "s3"}
)
"""Schemes of addresses in which a host stands where one expects it."""
