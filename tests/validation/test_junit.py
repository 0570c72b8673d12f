"""JUnit XML that every reader of it can parse."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from result_rows import expectation, result

from warehouse.findings import Severity
from warehouse.validation.junit import write_junit


def test_every_expectation_is_a_test_case_and_only_critical_ones_fail(tmp_path: Path) -> None:
    found = result(
        expectation(),
        expectation(success=False),
        expectation(success=False, error="Binder Error: no"),
        expectation(success=False, severity=Severity.WARNING),
    )
    write_junit(found, tmp_path / "deep" / "junit.xml")
    root = ElementTree.parse(tmp_path / "deep" / "junit.xml").getroot()
    (suite,) = root.findall("testsuite")
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "1", "1")
    assert suite.get("name") == "flights"
    cases = suite.findall("testcase")
    assert [[child.tag for child in case] for case in cases] == [[], ["failure"], ["error"], ["system-out"]]
    assert cases[0].get("classname") == "flights.a"
    assert "severity: warning" in (cases[3].findtext("system-out") or "")


def test_hostile_text_is_escaped_or_replaced(tmp_path: Path) -> None:
    nasty = 'x"<b>&amp;]]>\x00\x1b[31m\ud800\ufffe é'
    found = result(
        expectation(
            success=False,
            arguments={"column": nasty, "regex": nasty},
            column=nasty,
            reason=nasty,
            examples=({nasty: nasty},),
        ),
        name=nasty,
    )
    write_junit(found, tmp_path / "junit.xml")
    case = ElementTree.parse(tmp_path / "junit.xml").getroot().find("testsuite/testcase")
    assert case is not None
    assert 'x"<b>&amp;]]>\ufffd\ufffd[31m\ufffd\ufffd é' in (case.get("name") or "")
    assert "why: x" in (case.findtext("failure") or "")


def test_result_without_suites_is_valid_too(tmp_path: Path) -> None:
    write_junit(result(suites=False), tmp_path / "junit.xml")
    assert ElementTree.parse(tmp_path / "junit.xml").getroot().get("tests") == "0"
