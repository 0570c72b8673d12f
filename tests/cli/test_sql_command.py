"""`warehouse sql` as people run it: on a terminal, in a pipe, for others."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest
from common import Outcome
from fake_builds import Fake

SLOW = "select count(*) from range(1000000000000) t(i)"


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    fake = Fake(tmp_path_factory.mktemp("sql") / "an [odd] *pro'ject* 名前")
    fake.build(rows="select i as id, 'n' || i as name, repeat('wide ', 30) as \"Long One\" from range(250) t(i)")
    return fake


@pytest.fixture(autouse=True)
def _inside(fake: Fake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(fake.project.root)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def process(*words: str, text: bytes | None = None, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Runs the command in a process of its own."""
    command = [sys.executable, "-m", "warehouse.cli", "sql", *words]
    return subprocess.run(command, input=text, capture_output=True, timeout=60, check=False, **options)  # type: ignore[call-overload,no-any-return]


def test_a_statement_is_answered_as_a_table(run: Callable[..., Outcome]) -> None:
    outcome = run("sql", "select id, name, null as gap from examples order by id limit 2")

    assert outcome.code == 0
    assert [line.split() for line in outcome.out.splitlines() if line.strip(" ─")] == [
        ["id", "name", "gap"],
        ["0", "n0", "NULL"],
        ["1", "n1", "NULL"],
        ["2", "rows"],
    ]


def test_a_cap_of_shown_rows_is_stated(run: Callable[..., Outcome]) -> None:
    outcome = run("sql", "select id from examples")

    assert "the first 100 rows; there are more: --limit N shows N, --format csv all" in outcome.out
    assert "250 rows" in run("sql", "select id from examples", "--limit", "1000").out


def test_markdown_and_lines_hold_hostile_values(run: Callable[..., Outcome]) -> None:
    statement = "select 'a|b' || chr(10) || '<script>' as x, chr(27) || '[31m' as y"

    assert run("sql", statement, "--format", "markdown").out == (
        "| x | y |\n| --- | --- |\n| a\\|b\\n&lt;script> | \\x1b[31m |\n"
    )
    assert "x  a|b\\n<script>\ny  \\x1b[31m\n" in run("sql", statement, "--format", "line").out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["selec 1"], 'error: Parser Error: syntax error at or near "selec"\nLINE 1: selec 1\n        ^\n'),
        (["select 1", "--format", "xml"], "--format 'xml' is not one of table, line, markdown, csv"),
        (["select 1", "--format", "parquet"], "parquet is no text\n  name a file for it: --output"),
        (["select 1", "--output", "x.csv"], "--output takes rows of --format csv, json, jsonl or parquet"),
        (["select 1", "--file", "x.sql"], "name a statement or --file, not both"),
        (["--file", "nowhere.sql"], "cannot read nowhere.sql: No such file or directory"),
        (["--build", "x", "--dev", "select 1"], "exclude each other"),
        (["--version", "nothing", "select 1"], "dataset 'nothing' has no version"),
        (["explain select 1", "--format", "csv"], "only a select can be written as csv"),
    ],
)
def test_what_cannot_run_is_one_clear_error(run: Callable[..., Outcome], words: list[str], message: str) -> None:
    outcome = run("sql", *words)

    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.out == ""


def test_statements_come_from_a_file(run: Callable[..., Outcome], tmp_path: Path) -> None:
    path = tmp_path / "query.sql"
    path.write_bytes("\ufeff-- names\nselect '名前' as n;\n".encode())

    assert run("sql", "--file", str(path), "--format", "csv").out == "n\r\n名前\r\n"
    path.write_bytes(b"select '\xff'")
    assert "is not UTF-8" in run("sql", "--file", str(path)).err


def test_rows_go_to_a_file(run: Callable[..., Outcome], tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    outcome = run("sql", "from examples select id", "--format", "jsonl", "--output", str(path), "--limit", "3")

    assert outcome.out == f"wrote {path}\n"
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [0, 1, 2]


def test_stdin_is_read_and_a_pipe_may_end_early() -> None:
    done = process("--format", "csv", text=b"select count(*) as n from examples")
    assert (done.returncode, done.stdout) == (0, b"n\r\n250\r\n")

    command = f'{sys.executable} -m warehouse.cli sql "select i, md5(i::varchar) as m from range(5000000) t(i)"'
    head = subprocess.run(
        ["bash", "-c", f"{command} --format csv | head -1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (head.returncode, head.stdout, head.stderr) == (0, b"i,m\r\n", b"")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system tells no process its own peak")
def test_millions_of_rows_pass_in_bounded_memory() -> None:
    # NOTE: not `ru_maxrss`, which a process inherits from the one that started it: pytest itself may be large by now.
    script = (
        "import pathlib, sys\nfrom warehouse.cli.app import main\n"
        "sys.argv = ['warehouse', 'sql', 'select i, md5(i::varchar) as m, i * 1.5 as x from range(4000000) t(i)',"
        " '--format', 'csv']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "sys.stderr.write(status.partition('VmHWM:')[2].split()[0])"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        size = sum(len(piece) for piece in iter(lambda: child.stdout.read(1 << 20), b""))  # type: ignore[union-attr]
        peak_kb = int(child.stderr.read())

    assert size > 200_000_000
    assert peak_kb < 200_000, f"{peak_kb:,} kB"


@pytest.mark.parametrize(
    "statement",
    [
        "from read_csv('/etc/passwd')",
        "select * from '/etc/passwd.csv'",
        "select * from 'https://example.com/x.parquet'",
        "from enable_logging(storage = 'file', storage_path = 'logs')",
        "copy (select 1) to 'stolen.csv'",
        "attach 'stolen.duckdb'",
        "set enable_external_access = true",
    ],
)
def test_safe_mode_reaches_no_file(
    run: Callable[..., Outcome], fake: Fake, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warehouse.questions.asking.confine_process", lambda **_: None)  # not this very process
    before = sorted(fake.project.root.rglob("*"))

    outcome = run("sql", "--safe", statement)

    assert outcome.code == 2
    assert "safe mode" in outcome.err
    assert "root:" not in outcome.out + outcome.err
    assert sorted(fake.project.root.rglob("*")) == before


def test_safe_mode_writes_rows_where_it_is_told_to(tmp_path: Path) -> None:
    path = tmp_path / "it's.csv"

    piped = process("--safe", "--format", "csv", "select sum(id) as n from examples")
    filed = process("--safe", "--format", "csv", "--output", str(path), "select sum(id) as n from examples")

    assert (piped.returncode, piped.stdout) == (0, b"n\r\n31125\r\n")
    assert (filed.returncode, path.read_bytes()) == (0, b"n\r\n31125\r\n")


def test_safe_mode_ends_what_nothing_interrupts() -> None:
    # DuckDB makes this text in one call, outside of its memory limit, and hears no interrupt meanwhile.
    huge = process("--safe", "--timeout", "1", "select length(repeat('x', 100000000000))")
    endless = process("--safe", "--timeout", "0.5", SLOW)

    assert huge.returncode == 2
    assert b"Traceback" not in huge.stderr
    assert (endless.returncode, endless.stderr) == (2, b"error: stopped after 0.5 seconds (--timeout)\n")


@pytest.fixture
def shell(fake: Fake, tmp_path: Path) -> Iterator[pexpect.spawn]:
    environment = {
        **os.environ,
        "TERM": "xterm",
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "PROMPT_TOOLKIT_NO_CPR": "1",
    }
    child = pexpect.spawn(
        sys.executable,
        ["-m", "warehouse.cli", "sql"],
        cwd=str(fake.project.root),
        env=environment,
        encoding="utf-8",
        timeout=60,
        dimensions=(40, 100),
    )
    yield child
    child.close(force=True)


def test_the_shell_answers_stops_and_leaves(shell: pexpect.spawn, tmp_path: Path) -> None:
    shell.expect("build 20261123T000001Z, read-only")
    shell.expect("sql>")
    shell.send("select count(*)\r")
    shell.expect(r"\.\.\.>")
    shell.send("from examples;\r")
    shell.expect("250")
    shell.expect("1 row")
    shell.expect("sql>")
    shell.send("select nope from examples;\r")
    shell.expect('Referenced column "nope" not found')
    shell.expect("sql>")
    shell.send(".tables exam\r")
    shell.expect("examples")
    shell.expect("1 row")
    shell.expect("sql>")
    shell.send(".schema examples\r")
    shell.expect("Long One")
    shell.expect("sql>")
    shell.send(".wrong\r")
    shell.expect("is no command here")
    shell.expect("sql>")
    shell.send(f"{SLOW};\r")
    shell.expect("t\\(i\\);")
    # Until the statement runs, the terminal is not yet its own, and the key may be lost.
    for _ in range(60):
        shell.sendintr()
        if shell.expect(["interrupted", pexpect.TIMEOUT], timeout=0.5) == 0:
            break
    else:
        pytest.fail("Ctrl-C stopped nothing")
    shell.expect("sql>")
    shell.send('select 40 + 2 as answer, "Long One", "Long One" from exa\t')
    shell.expect("mples")
    shell.send(" where id = 0;\r")
    shell.expect("-- row 1 ---")
    shell.expect("answer  42")
    shell.expect("sql>")
    shell.sendeof()
    shell.expect(pexpect.EOF)
    shell.wait()

    assert shell.exitstatus == 0
    (history,) = (tmp_path / "state").rglob("*.sql_history")
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    assert "from examples;" in history.read_text()


def test_help_names_every_format(run: Callable[..., Outcome]) -> None:
    outcome = run("sql", "--help")

    assert outcome.code == 0
    assert io.StringIO(outcome.out).read().count("--safe-csv") >= 1
