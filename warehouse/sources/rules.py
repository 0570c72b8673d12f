"""What may be wrong with a source, and what is done about it: `meta.checks` of a dbt source, parsed once.

sources:
  - name: shop
    config:
      meta:
        checks: {new_columns: stop, ragged: quarantine}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from warehouse.dbt_manifest import Source
from warehouse.errors import ProjectError, problem_list, suggestion
from warehouse.sources.locations import parse_location


class Trouble(StrEnum):
    """One kind of thing that can be wrong."""

    EMPTY = "empty"
    """A file without a byte, or text without a header."""
    DAMAGED = "damaged"
    """It cannot be read to its end: cut off, a broken archive, not of its format."""
    GROWING = "growing"
    """It changes while it is looked at: its delivery is not complete."""
    ENCODING = "encoding"
    """Bytes that are not of the encoding that the build reads, or NUL."""
    RAGGED = "ragged"
    """Rows with more or fewer fields than the header, or a quote that never ends."""
    LINE_ENDS = "line_ends"
    """Lines that end in different ways within one file."""
    UNFINISHED = "unfinished"
    """The last line has no end, where other files of the source have one."""
    DIALECT = "dialect"
    """The build would read other columns than the header has: another delimiter, or rows taken for the header."""
    REPEATED_COLUMNS = "repeated_columns"
    """The header has a name twice."""
    NEW_COLUMNS = "new_columns"
    VANISHED_COLUMNS = "vanished_columns"
    RETYPED_COLUMNS = "retyped_columns"
    """A column's values are of another type than they were; wider numbers are no trouble."""
    DUPLICATE = "duplicate"
    """The same bytes as another file of the source: a delivery that came twice."""
    VANISHED_FILE = "vanished_file"
    """The published build read it, and it is gone."""
    LINK = "link"
    """A symbolic link to somewhere outside of the project."""
    NO_FILE = "no_file"
    """It matches the pattern and is no file: a folder, or a pipe, which would be read for ever."""
    NO_MATCH = "no_match"
    """No file matches at all."""
    UNSUPPORTED = "unsupported"
    """A Delta or Iceberg table that asks for more than its reader knows."""
    UNREAD = "unread"
    """Several workbooks match, and the build reads the first alone."""


class Policy(StrEnum):
    """What is done about it."""

    STOP = "stop"
    """The build does not start."""
    QUARANTINE = "quarantine"
    """The file is moved away, and the build goes on without it."""
    WARN = "warn"
    """It is told, and the build goes on; a new shape becomes the known one."""
    ACCEPT = "accept"
    """Nothing is said."""


DEFAULTS: Mapping[Trouble, Policy] = {
    Trouble.EMPTY: Policy.STOP,
    Trouble.DAMAGED: Policy.STOP,
    Trouble.GROWING: Policy.STOP,
    Trouble.ENCODING: Policy.STOP,
    Trouble.RAGGED: Policy.STOP,
    Trouble.LINE_ENDS: Policy.STOP,
    Trouble.UNFINISHED: Policy.WARN,
    Trouble.DIALECT: Policy.STOP,
    Trouble.REPEATED_COLUMNS: Policy.WARN,
    Trouble.NEW_COLUMNS: Policy.WARN,
    Trouble.VANISHED_COLUMNS: Policy.STOP,
    Trouble.RETYPED_COLUMNS: Policy.STOP,
    Trouble.DUPLICATE: Policy.WARN,
    Trouble.VANISHED_FILE: Policy.WARN,
    Trouble.LINK: Policy.WARN,
    Trouble.NO_FILE: Policy.STOP,
    Trouble.NO_MATCH: Policy.STOP,
    Trouble.UNSUPPORTED: Policy.STOP,
    Trouble.UNREAD: Policy.STOP,
}
NOT_MOVABLE = (
    *(Trouble.VANISHED_FILE, Trouble.LINK, Trouble.NO_FILE, Trouble.NO_MATCH, Trouble.UNREAD, Trouble.UNSUPPORTED),
)
"""There is no one file of the source to move."""
UNREADABLE = (
    *(Trouble.EMPTY, Trouble.DAMAGED, Trouble.GROWING, Trouble.ENCODING, Trouble.RAGGED, Trouble.LINE_ENDS),
    *(Trouble.DIALECT, Trouble.VANISHED_COLUMNS, Trouble.RETYPED_COLUMNS, Trouble.NO_FILE, Trouble.NO_MATCH),
    Trouble.UNSUPPORTED,
)
"""It may keep all rows of the source from being read, so that nothing else can be asked of them."""

Rules = Mapping[Trouble, Policy]


def parse_rules(sources: Iterable[Source]) -> dict[str, Rules]:
    """The policy for each trouble, by the unique id of a source.

    Raises:
        ProjectError: lists every unknown trouble and policy of every source.
    """
    problems: list[str] = []
    rules = {source.unique_id: _rules(source, problems) for source in sources}
    if problems:
        raise ProjectError(problem_list("checks of sources cannot be used:", list(dict.fromkeys(problems))))
    return rules


def _rules(source: Source, problems: list[str]) -> Rules:
    declared = source.meta.get("checks", {})
    where = f"{source.file_path}: source {source.source_name}.{source.name}, meta.checks"
    if not isinstance(declared, dict):
        problems.append(f"{where} must map troubles to policies, {{new_columns: stop}} say, not {declared!r}")
        return DEFAULTS
    rules = dict(DEFAULTS)
    is_table = parse_location(source.external_location or "").is_table
    names, policies = [trouble.value for trouble in Trouble], [policy.value for policy in Policy]
    for key, value in declared.items():
        if key not in names:
            problems.append(f"{where} has no {key!r}; {suggestion(str(key), names)}")
        elif value not in policies:
            problems.append(f"{where}.{key} must be one of {', '.join(policies)}, not {value!r}")
        elif value == Policy.QUARANTINE and (is_table or key in NOT_MOVABLE):
            problems.append(f"{where}.{key} cannot be quarantine: there is no file to move")
        else:
            rules[Trouble(key)] = Policy(value)
    return rules
