"""The text of one suite: what it says, and every mistake with its line."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from warehouse.findings import Severity
from warehouse.validation.suite_file import SuiteText, read_suite, suite_files


def read(folder: Path, text: str | bytes) -> tuple[SuiteText, list[tuple[int, str]]]:
    path = folder / "fct_flights.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    problems: list[tuple[int, str]] = []
    return read_suite(path, lambda line, what: problems.append((line, what))), problems


def entry(**values: str) -> str:
    pairs = {"type": "expect_x", "severity": "info", "reason": "known", **values}
    return "expectations:\n  - {" + ", ".join(f"{key}: {value}" for key, value in pairs.items()) + "}\n"


def test_suite_is_about_the_model_that_its_file_is_named_after(tmp_path: Path) -> None:
    suite, problems = read(tmp_path, entry(column="a"))
    assert problems == []
    assert suite.model == "fct_flights"
    (found,) = suite.entries
    assert (found.type, found.severity, found.reason, found.line) == ("expect_x", Severity.INFO, "known", 2)
    assert found.arguments == {"column": "a"}


def test_suite_may_name_another_model(tmp_path: Path) -> None:
    suite, problems = read(tmp_path, "model: other\n" + entry())
    assert (suite.model, problems) == ("other", [])


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("NO", "NO"),
        ("off", "off"),
        ("yes", "yes"),
        ("true", True),
        ("12:30", "12:30"),
        ("00704", "00704"),
        ("0", 0),
        ("-3", -3),
        ("1_000", 1000),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("0x1F", "0x1F"),
        ("2013-01-01", date(2013, 1, 1)),
        ("2013-01-01T10:00:00Z", datetime(2013, 1, 1, 10, tzinfo=UTC)),
        ("~", None),
        ("'7'", "7"),
        ("Ünïcode", "Ünïcode"),
    ],
)
def test_words_mean_what_they_look_like(tmp_path: Path, written: str, meant: object) -> None:
    suite, problems = read(tmp_path, entry(value_set=f"[{written}]"))
    assert problems == []
    assert suite.entries[0].arguments["value_set"] == [meant]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "is empty"),
        ("# nothing but this\n", 1, "is empty"),
        ("- type: x\n", 1, "must be a mapping with the key `expectations`, not a list"),
        ("model: fct\n", 1, "has no key `expectations`"),
        ("expectations: []\n", 1, "checks nothing would always pass"),
        ("expectations: yes\n", 1, "must be a list, not 'yes'"),
        ("expectations:\n  - 5\n", 2, "must be a mapping with the key `type`, not '5'"),
        ("expectations:\n  - {severity: info, reason: x}\n", 2, "has no `type`"),
        ("expectations:\n  - {type: [a], severity: info, reason: x}\n", 2, "type must be the name of an expectation"),
        ("modle: x\n" + entry(), 1, "did you mean 'model'?"),
        ("model: [a]\n" + entry(), 1, "model must be the name of a table"),
        ("expectations:\n  - type: x\n    reason: y\n", 2, "has no `severity`; one of critical, warning, info"),
        ("expectations:\n  - type: x\n    severity: info\n", 2, "has no `reason`"),
        (entry(severity="Critcal"), 2, "severity is 'Critcal'; did you mean 'critical'?"),
        (entry(reason="''"), 2, "reason must say why"),
        (entry(reason="5"), 2, "reason must say why"),
        ("expectations:\n  - type: x\n    type: y\n    severity: info\n    reason: z\n", 3, "stands here twice"),
        (entry(quantile_ranges="{a: 1, a: 2}"), 2, "key 'a' stands here twice"),
        ("expectations:\n  - {type: x\n", 3, "is not valid YAML"),
        ("expectations:\n\t- type: x\n", 2, "is not valid YAML"),
        (entry(value_set="!!python/object:os.system x"), 2, "cannot be read"),
        (entry(value="2013-13-45"), 2, "cannot be read"),
        (b"expectations:\n  - {type: \xff}\n", 2, "is not UTF-8"),
        ("a: 1\n---\nb: 2\n", 2, "is not valid YAML"),
    ],
)
def test_mistake_is_told_with_its_line(tmp_path: Path, text: str | bytes, line: int, message: str) -> None:
    _, problems = read(tmp_path, text)
    assert any(found == line and message in what for found, what in problems), problems


def test_repeated_expectation_is_a_mistake_whatever_its_reason(tmp_path: Path) -> None:
    text = entry(column="a") + "  - {column: a, type: expect_x, severity: critical, reason: other}\n"
    _, problems = read(tmp_path, text)
    assert problems == [(3, "expect_x repeats line 2 with the same arguments")]


def test_all_mistakes_of_a_file_are_told_together(tmp_path: Path) -> None:
    _, problems = read(tmp_path, "modle: x\nexpectations:\n  - 5\n  - {type: x}\n")
    assert [line for line, _ in problems] == [1, 3, 4, 4]


def test_suites_are_all_yaml_files_and_a_missing_folder_has_none(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    for name in ("b.yml", "a.yaml", ".hidden.yml", "notes.md", "deeper/c.yml"):
        (tmp_path / name).write_text("")
    assert [path.name for path in suite_files(tmp_path)] == ["a.yaml", "b.yml", "c.yml"]
    assert suite_files(tmp_path / "nowhere") == []
