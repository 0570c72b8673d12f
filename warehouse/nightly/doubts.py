"""What makes one unsure whether a build of the same files would be the same build."""

from __future__ import annotations

import re
from collections.abc import Iterator

from warehouse.dbt_code import Code
from warehouse.dbt_manifest import DbtManifest
from warehouse.project import Project

_TIME = re.compile(
    r"\b(?:now|today|current_date|current_time|current_timestamp|localtime|localtimestamp|transaction_timestamp"
    r"|statement_timestamp|clock_timestamp|get_current_time|get_current_timestamp|current_localtimestamp)\b"
    r"|\bage\s*\(\s*[^,()]*\)",
    re.IGNORECASE,
)
_CHANCE = re.compile(
    r"\b(?:random|setseed|uuid|gen_random_uuid|uuidv4|uuidv7|nextval)\s*\(|\busing\s+sample\b|\btablesample\b",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    r"\b(?:read_\w+|\w+_scan|glob|getenv|sniff_csv)\s*\(|\battach\b|\b(?:from|join)\s+'|://", re.IGNORECASE
)
"""In templates, where a source is still `source(...)`: what is read past it."""
_JINJA = re.compile(r"\b(?:run_started_at|invocation_id|modules\s*\.|run_query|statement\s*\()", re.IGNORECASE)


def doubts_about(project: Project, manifest: DbtManifest, code: Code) -> Iterator[str]:
    """One sentence per reason to build although all known files are the same.

    Args:
        project: Whose suites are looked at too.
        manifest: Of the build in question; names its sources.
        code: What dbt ran for it.
    """
    for source in manifest.sources.values():
        location = source.external_location
        name = f"{source.source_name}.{source.name}"
        if location is None:
            yield f"source {name} is no file, so only reading it tells whether it has changed"
        elif "://" in location:
            yield f"source {name} lies elsewhere, so only reading it tells whether it has changed"
    for unique_id, sql in sorted(code.sql.items()):
        if sql is None:
            yield f"{_name(unique_id)} is not SQL that can be looked at, so it may read anything"
        elif found := _TIME.search(_without_literals(sql)):
            yield f"{_name(unique_id)} asks for the time ({found[0].strip()})"
        elif found := _CHANCE.search(_without_literals(sql)):
            yield f"{_name(unique_id)} depends on chance ({found[0].strip(' (')})"
    for unique_id, template in sorted(code.templates.items()):
        text = _COMMENTS.sub(" ", template)
        if found := _JINJA.search(text) or _ELSEWHERE.search(text):
            yield f"{_name(unique_id)} reads more than its sources ({found[0].strip(' (')})"
    for path in sorted(project.expectations_path.glob("*.y*ml")):
        if found := _TIME.search(_without_prose(path.read_text(encoding="utf-8", errors="replace"))):
            yield f"{project.relative(path)} asks for the time ({found[0].strip()})"


_LITERALS = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", re.DOTALL)
_COMMENTS = re.compile(r"\{#.*?#\}|/\*.*?\*/|--[^\n]*", re.DOTALL)


def _name(unique_id: str) -> str:
    """`model shop.orders` for `model.shop.orders`."""
    return unique_id.replace(".", " ", 1)


def _without_literals(sql: str) -> str:
    """The SQL without comments, quoted names and texts, in which `today` is only a word."""
    return _LITERALS.sub(" ", sql)


def _without_prose(suite: str) -> str:
    """The lines of a suite in which SQL may stand."""
    prose = ("reason:", "- reason:", "description:", "#")
    return "\n".join(line for line in suite.splitlines() if not line.strip().startswith(prose))
