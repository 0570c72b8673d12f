from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer
from typer.main import get_command

from warehouse.cli import console
from warehouse.cli.app import app
from warehouse.project import Project


def commands() -> Iterator[tuple[str, Any]]:
    group = get_command(app)
    for name, command in sorted(group.commands.items()):  # type: ignore[attr-defined]  # get_command() promises less
        yield name, command
        for inner, part in sorted(getattr(command, "commands", {}).items()):
            yield f"{name} {inner}", part


@pytest.mark.parametrize(
    ("name", "command"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_has_a_sentence_an_example_and_help_for_each_option(name: str, command: Any) -> None:
    text = command.help or ""

    assert text.strip().split("\n")[0].endswith("."), text
    assert f"Example: warehouse {name}" in text
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{name} {parameter.name}"


def test_an_unknown_command_exits_with_2(run: Callable[..., Any]) -> None:
    outcome = run("exprot")

    assert outcome.code == 2
    assert "export" in outcome.err


def test_the_version_is_the_package_s(run: Callable[..., Any]) -> None:
    from importlib.metadata import version

    assert run("--version").out == f"ml-warehouse {version('ml-warehouse')}\n"


def test_json_has_no_infinities_and_keeps_non_latin_text(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_json({"a": float("nan"), "b": float("inf"), "c": "名前"})

    assert capsys.readouterr().out == '{\n  "a": null,\n  "b": null,\n  "c": "名前"\n}\n'


def test_tables_show_markup_and_control_characters_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_table(["[bold]name[/]"], [["[red]x[/red]"], ["a\x1b[31mb"]])

    out = capsys.readouterr().out
    assert "[bold]name[/]" in out
    assert "[red]x[/red]" in out
    assert "\x1b" not in out


def test_a_typer_app_is_what_the_entry_point_runs() -> None:
    assert isinstance(app, typer.Typer)


def test_an_interrupted_command_exits_with_130_and_no_traceback(
    project: Project, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("warehouse.builds.list_builds", interrupted)

    outcome = run("builds")

    assert outcome.code == 130
    assert outcome.err.startswith("error: interrupted")
