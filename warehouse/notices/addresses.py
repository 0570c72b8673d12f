"""Where notices go: addresses from the environment, each with a label that can be shown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from warehouse.logs import keep_to_themselves
from warehouse.notices.reasons import LIBRARIES
from warehouse.scrubbing import HOST_SCHEMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address. Its `repr` shows the label alone."""

    label: str
    url: str = field(repr=False)


def read_addresses(names: str, environment: Mapping[str, str]) -> tuple[tuple[Address, ...], tuple[str, ...]]:
    """The addresses in these variables (their names, and addresses, apart by blanks), and what is wrong with them."""
    found: list[Address] = []
    problems: list[str] = []
    labels: Counter[str] = Counter()
    variables = re.split(r"[\s,]+", names.strip())
    for name in filter(None, variables):
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            problems.append("notify_urls_from must hold names of environment variables, not addresses")
            continue
        urls = environment.get(name, "").split()
        if not urls and len(variables) > 1:
            problems.append(f"{name} is not set")
        for place, url in enumerate(urls, start=1):
            label = label_of(url)
            if not label:
                problems.append(f"address {place} of {name} is none: it must begin with a scheme, as jsons://")
                continue
            labels[label] += 1
            numbered = label if labels[label] == 1 else f"{label} ({labels[label]})"
            found.append(Address(label=numbered, url=_for_apprise(url)))
    return tuple(found), tuple(problems)


def label_of(url: str) -> str:
    """Scheme and host; the scheme alone where the host's place may hold a token; empty for what is no address."""
    scheme, separator, _ = url.partition("://")
    if not separator or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        return ""
    scheme = scheme.lower()
    if scheme not in HOST_SCHEMES:
        return scheme
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return scheme
    return f"{scheme}://{host}" if re.fullmatch(r"[a-z0-9.:_-]+", host) else scheme


def _for_apprise(url: str) -> str:
    """The address as apprise knows it: a plain webhook that is no service's own gets the message as JSON."""
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in ("http", "https"):
        return url
    from warehouse.errors import MissingExtraError, import_extra

    try:
        apprise = import_extra("apprise", extra="notify")
    except MissingExtraError:
        return url  # told when it is sent
    keep_to_themselves(*LIBRARIES)
    try:
        is_known = apprise.Apprise.instantiate(url, suppress_exceptions=True) is not None
    except Exception:  # one of its services cannot be imported: told when it is sent
        return url
    if is_known:
        return url
    return f"json{'s' if scheme.lower() == 'https' else ''}://{rest}"
