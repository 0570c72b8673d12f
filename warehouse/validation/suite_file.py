"""The text of one suite: YAML with the line of every entry, and what can be wrong with it before anyone asks GX.

YAML is read as its version 1.2 means it: `NO`, `off` and `12:30` are the text they look like, so that a set of codes is
what an analyst wrote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from warehouse.errors import suggestion
from warehouse.findings import Severity

SUITE_KEYS = ("model", "expectations")
ENTRY_KEYS = ("type", "severity", "reason")
Report = Callable[[int, str], None]
"""Takes the line of a problem and what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One expectation as written."""

    type: str
    arguments: dict[str, Any]
    argument_lines: dict[str, int]
    severity: Severity
    reason: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteText:
    """One file as written; entries that are no mapping, or have no type, are left out and reported."""

    model: str
    entries: tuple[Entry, ...]


class _Loader(yaml.SafeLoader):
    """Resolves plain words as YAML 1.2 does; dates stay dates."""


_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag == _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    # A number with leading zeros is a code: 00704 is not 704.
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9_]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("merge", r"<<", "<"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def suite_files(folder: Path) -> list[Path]:
    """All suites under this folder, by name; none when there is no such folder."""
    found = (path for pattern in ("*.yml", "*.yaml") for path in folder.rglob(pattern))
    return sorted(path for path in found if path.is_file() and not path.name.startswith("."))


def read_suite(path: Path, report: Report) -> SuiteText:
    """What this file declares; everything wrong in it is reported with its line."""
    nothing = SuiteText(model=path.stem, entries=())
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        report(line, "is not UTF-8 text; save it with that encoding")
        return nothing
    except OSError as error:
        report(1, f"cannot be read: {error.strerror or error}")
        return nothing
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        report(1 if mark is None else mark.line + 1, f"is not valid YAML: {what}")
        return nothing
    if root is None or (isinstance(root, yaml.ScalarNode) and not root.value):
        report(1, "is empty; write a list under `expectations:`, or delete the file")
        return nothing
    return _Reader(loader, report).suite(root, nothing)


class _Reader:
    """Turns the nodes of one document into a suite."""

    def __init__(self, loader: _Loader, report: Report) -> None:
        self._loader = loader
        self._report = report

    def suite(self, root: yaml.Node, nothing: SuiteText) -> SuiteText:
        if not isinstance(root, yaml.MappingNode):
            self._report(_line(root), f"must be a mapping with the key `expectations`, not {_kind(root)}")
            return nothing
        model = nothing.model
        entries: list[Entry] = []
        found = False
        for key, value in self._pairs(root):
            name = self._value(key)
            if name == "model":
                declared = self._value(value)
                if isinstance(declared, str) and declared:
                    model = declared
                else:
                    self._report(_line(value), f"model must be the name of a table, not {declared!r}")
            elif name == "expectations":
                found = True
                entries = list(self._entries(value))
            else:
                self._report(_line(key), f"has no key {name!r} at this level; {suggestion(str(name), SUITE_KEYS)}")
        if not found:
            self._report(_line(root), "has no key `expectations`")
        return SuiteText(model=model, entries=tuple(entries))

    def _entries(self, node: yaml.Node) -> Iterator[Entry]:
        if not isinstance(node, yaml.SequenceNode):
            self._report(_line(node), f"expectations must be a list, not {_kind(node)}")
            return
        if not node.value:
            self._report(_line(node), "expectations is an empty list: a suite that checks nothing would always pass")
        first_line: dict[str, int] = {}
        for item in node.value:
            entry = self._entry(item)
            if entry is None:
                continue
            identity = repr((entry.type, sorted(entry.arguments.items(), key=lambda pair: pair[0])))
            if identity in first_line:
                self._report(entry.line, f"{entry.type} repeats line {first_line[identity]} with the same arguments")
            else:
                first_line[identity] = entry.line
                yield entry

    def _entry(self, node: yaml.Node) -> Entry | None:
        if not isinstance(node, yaml.MappingNode):
            self._report(_line(node), f"an expectation must be a mapping with the key `type`, not {_kind(node)}")
            return None
        lines: dict[str, int] = {}
        values: dict[str, Any] = {}
        for key, value in self._pairs(node):
            name = self._value(key)
            if not isinstance(name, str):
                self._report(_line(key), f"an argument's name must be text, not {name!r}")
                continue
            lines[name] = _line(key)
            values[name] = self._value(value)
        line = _line(node)
        severity, reason = self._severity(values, lines, line), self._reason(values, lines, line)
        type_name = values.get("type")
        if not isinstance(type_name, str) or not type_name:
            found = (
                f"type must be the name of an expectation, not {type_name!r}" if "type" in values else "has no `type`"
            )
            self._report(lines.get("type", line), found)
            return None
        arguments = {name: value for name, value in values.items() if name not in ENTRY_KEYS}
        return Entry(
            type=type_name, arguments=arguments, argument_lines=lines, severity=severity, reason=reason, line=line
        )

    def _severity(self, values: dict[str, Any], lines: dict[str, int], line: int) -> Severity:
        words = [severity.value for severity in Severity]
        if "severity" not in values:
            self._report(line, f"has no `severity`; one of {', '.join(words)}")
        elif values["severity"] not in words:
            wrong = values["severity"]
            self._report(lines["severity"], f"severity is {wrong!r}; {suggestion(str(wrong).lower(), words)}")
        else:
            return Severity(values["severity"])
        return Severity.CRITICAL

    def _reason(self, values: dict[str, Any], lines: dict[str, int], line: int) -> str:
        reason = values.get("reason")
        if isinstance(reason, str) and reason.strip():
            return " ".join(reason.split())
        if "reason" in values:
            self._report(lines["reason"], f"reason must say why the bound is where it is, not {reason!r}")
        else:
            self._report(line, "has no `reason`: say why the bound is where it is")
        return ""

    def _pairs(self, node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """Keys and values; a key that stands there twice is reported, as YAML would silently keep the last."""
        first_line: dict[str, int] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in first_line:
                    self._report(
                        _line(key), f"key {key.value!r} stands here twice, first on line {first_line[key.value]}"
                    )
                    continue
                first_line[key.value] = _line(key)
            yield key, value

    def _value(self, node: yaml.Node) -> Any:
        self._check_keys_within(node)
        try:
            return self._loader.construct_document(node)
        except (yaml.YAMLError, ValueError) as error:
            what = getattr(error, "problem", None) or str(error)
            self._report(_line(node), f"has a value that cannot be read: {what}")
            return None

    def _check_keys_within(self, node: yaml.Node) -> None:
        if isinstance(node, yaml.MappingNode):
            for _, value in self._pairs(node):
                self._check_keys_within(value)
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self._check_keys_within(item)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "a mapping" if isinstance(node, yaml.MappingNode) else f"{node.value!r}"
