"""The result as JUnit XML, which every CI server shows: one test case per expectation, one test suite per table."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

from warehouse.findings import Severity
from warehouse.storage import write_file
from warehouse.validation.results import ExpectationResult, SuiteResult, ValidationResult

NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped."""


def write_junit(result: ValidationResult, path: Path) -> None:
    """Writes the result as JUnit XML.

    A critical expectation that failed is a failure, one that could not be evaluated an error. The others are passed
    cases whose output says what was found: they must not break a build that they do not stop.

    Raises:
        StorageError: the file cannot be written.
    """
    root = ElementTree.Element("testsuites", _counts([item for suite in result.suites for item in suite.expectations]))
    root.set("name", "expectations")
    root.set("time", f"{result.seconds:.3f}")
    root.extend(_suite(suite) for suite in result.suites)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    write_file(path, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')


def _suite(suite: SuiteResult) -> ElementTree.Element:
    element = ElementTree.Element("testsuite", _counts(suite.expectations))
    element.set("name", _text(suite.name))
    element.set("time", f"{suite.seconds:.3f}")
    element.extend(_case(suite, result) for result in suite.expectations)
    return element


def _case(suite: SuiteResult, result: ExpectationResult) -> ElementTree.Element:
    words = f"{result.type}({result.expected})" if result.expected else result.type
    element = ElementTree.Element(
        "testcase",
        {
            "classname": _text(f"{suite.name}.{result.subject}"),
            "name": _text(words),
            "file": _text(str(result.path)),
            "line": str(result.line),
        },
    )
    if result.success:
        return element
    lines = [f"severity: {result.severity.value}", f"found: {result.measured}", f"why: {result.reason}"]
    lines += [json.dumps(row, ensure_ascii=False, default=str) for row in result.examples]
    kind = _kind(result)
    if kind is None:
        ElementTree.SubElement(element, "system-out").text = _text("\n".join(lines))
    else:
        attributes = {"message": _text(result.measured), "type": result.severity.value}
        ElementTree.SubElement(element, kind, attributes).text = _text("\n".join(lines))
    return element


def _kind(result: ExpectationResult) -> str | None:
    if result.success or result.severity is not Severity.CRITICAL:
        return None
    return "failure" if result.error is None else "error"


def _counts(results: list[ExpectationResult] | tuple[ExpectationResult, ...]) -> dict[str, str]:
    kinds = [_kind(result) for result in results]
    return {
        "tests": str(len(results)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": "0",
    }


def _text(value: str) -> str:
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", value)
