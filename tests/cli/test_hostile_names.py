"""Whatever tables, columns, values and arguments are called: commands quote names, bind values and stay inside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from common import Outcome
from fake_builds import Fake

from warehouse.sql import identifier

SCHEMA = 'we"ird schema; drop'
TABLE = "examples\" where 1=1; -- '名前"
KEY = 'id"; drop table x; --'
LABEL = "<script>alert(1)</script>"
GROUP = "group by"
TIME = "tiME ' of 名前"
OTHERS = (
    *(
        "select",
        "a b",
        "a.b",
        "ünïcode",
        "Case",
        "../../x",
        "$label",
        "{name}",
        "%s",
        "a\nb",
        "[x]",
        "?",
        "split",
        "answer",
    ),
    *("row_hash", "*", "NULL", "\\", "`tick`", "=1+1", "\x1b[31m"),
)
VALUES = "'<img src=x onerror=alert(1)>' || chr(10) || chr(39) || chr(34) || (i // 3 % 5)"
DECLARED = {
    "key": KEY,
    "label": LABEL,
    "groups": [GROUP],
    "time": TIME,
    "target_distribution": f"{identifier(GROUP)} <> 'x'' or 1=1'",
    "split": {
        "method": "hash",
        "shares": {"train": 0.6, "dev": 0.2, "test": 0.2},
        "train_dev": 0.2,
        "stratify": [LABEL],
    },
}
ARGUMENTS = (
    *(
        "../../../etc/passwd",
        "/etc/passwd",
        "a b",
        "'",
        '"; drop table x; --',
        "<b>",
        "名前",
        "%s",
        "$(touch x)",
        "*",
        "-",
    ),
    *("\x1b[31m", "late@../1.0.0", "late@'", "late@1.0.0:' or 1=1", "late@1.0.0/../1.0.0", "..", ".", "", " ", "a\nb"),
)


def files(root: Path) -> set[Path]:
    """Those that a command may not make when it refuses: locks may stay."""
    return {path for path in root.rglob("*") if path.is_file() and ".lock" not in path.name}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    """Two builds of a table in which everything has a hostile name."""
    fake = Fake(tmp_path_factory.mktemp("hostile") / "an [odd] *pro'ject\" 名前")
    for count in (270, 300):
        columns = [
            f"i as {identifier(KEY)}",
            f"{VALUES} as {identifier(LABEL)}",
            f"'g' || (i // 3) as {identifier(GROUP)}",
            f"timestamp '2026-01-01' + to_hours(i::integer) as {identifier(TIME)}",
            *(f"{VALUES} || (i * {n + 3} % 7) as {identifier(name)}" for n, name in enumerate(OTHERS)),
        ]
        relation = f"{identifier(SCHEMA)}.{identifier(TABLE)}"
        fake.build(
            DECLARED,
            model={"schema": SCHEMA, "alias": TABLE},
            table=f"create schema {identifier(SCHEMA)}; "
            f"create table {relation} as select {', '.join(columns)} from range({count}) r(i)",
        )
    return fake


@pytest.fixture
def inside(exported: Fake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Fake:
    monkeypatch.chdir(exported.project.root)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return exported


@pytest.mark.parametrize(
    "words",
    [
        ["export", "late", "--build", "20261123T000001Z"],
        ["export", "late"],
        ["datasets"],
        ["show", "late"],
        ["verify", "late"],
        ["diff", "late"],
        ["reproduce", "late"],
        ["leakage", "late"],
        ["drift", "late", "@build", "--by", "group by", "--fail-on", "critical"],
        ["drift", "late", f"{SCHEMA}.{TABLE}", "--markdown"],
        ["profile", "late"],
        ["forget", "--key", f"{KEY}=3", "--dry-run"],
        ["forget", "--key", f"{LABEL}=' or 1=1; --", "--dry-run"],
        ["tag", "late", "prod"],
        ["sql", f"select count(*) from {identifier(SCHEMA)}.{identifier(TABLE)}"],
        ["sql", "--safe", f"select {identifier('../../x')} from {identifier(SCHEMA)}.{identifier(TABLE)}"],
        [
            "sql",
            "--version",
            "late",
            f"select {identifier(LABEL)}, {identifier('answer')} from train",
            "--format",
            "csv",
        ],
        ["sql", f"from {identifier(SCHEMA)}.{identifier(TABLE)}", "--format", "markdown"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_names_are_names(
    run: Callable[..., Outcome], inside: Fake, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warehouse.questions.asking.confine_process", lambda **_: None)  # not this very process
    own = inside.project.state_path
    before = {path for path in own.parent.parent.rglob("*") if not path.is_relative_to(own)}

    outcome = run(*words)

    assert {path for path in own.parent.parent.rglob("*") if not path.is_relative_to(own)} == before

    assert outcome.code in (0, 1), outcome.err
    assert "Traceback" not in outcome.err
    assert "\x1b" not in outcome.out.replace("\x1b[31m\r\n", "") + outcome.err or "csv" in words


def test_pages_show_names_as_text(inside: Fake, run: Callable[..., Outcome]) -> None:
    run("export", "late")
    run("drift", "late")
    pages = list(inside.project.state_path.rglob("*.html"))

    assert pages
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "<script>alert(1)" not in text
        assert "<img src=x" not in text


def test_the_manifest_holds_every_name_as_it_is(inside: Fake, run: Callable[..., Outcome]) -> None:
    run("export", "late")
    document = json.loads(run("show", "late", "--json").out)
    text = json.dumps(document, ensure_ascii=False)

    for name in (KEY, LABEL, GROUP, TIME, *OTHERS):
        assert json.dumps(name, ensure_ascii=False)[1:-1] in text


@pytest.mark.parametrize(
    "words",
    [
        ["export", "{}"],
        ["export", "late", "--build", "{}"],
        ["show", "{}"],
        ["verify", "{}"],
        ["diff", "{}", "late"],
        ["reproduce", "{}"],
        ["tag", "{}", "prod"],
        ["tag", "late", "{}"],
        ["rm", "{}", "--yes"],
        ["leakage", "{}"],
        ["drift", "{}"],
        ["drift", "late", "{}"],
        ["drift", "late", "--left", "{}"],
        ["profile", "{}"],
        ["push", "{}", "--store", "file:///nowhere"],
        ["pull", "{}", "--store", "file:///nowhere"],
        ["publish", "{}"],
        ["rollback", "{}"],
        ["validate", "--build", "{}"],
        ["sql", "select 1", "--build", "{}"],
        ["sql", "select 1", "--version", "{}"],
    ],
    ids=" ".join,
)
def test_arguments_that_name_nothing_are_refused_and_nothing_is_made(
    run: Callable[..., Outcome], inside: Fake, words: list[str]
) -> None:
    root = inside.project.root
    before = files(root)

    for argument in ARGUMENTS:
        outcome = run(*(word.replace("{}", argument) for word in words))

        assert outcome.code == 2, argument
        assert "Traceback" not in outcome.err
        assert "\x1b" not in outcome.out + outcome.err
        assert "root:" not in outcome.out + outcome.err
    assert files(root) == before
