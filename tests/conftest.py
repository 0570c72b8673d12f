"""Fixtures that every test may use."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from warehouse.cli.app import main
from warehouse.project import Project

PROJECTS = Path(__file__).parent / "projects"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A tiny dbt project, copied fresh; the working directory is in it."""
    root = tmp_path / "a project"
    shutil.copytree(PROJECTS / "tiny", root)
    (root / "expectations").mkdir()
    monkeypatch.chdir(root)
    return Project.find(root)


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Runs a `warehouse` command in this process, as its entry point would."""

    def run_command(*words: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["warehouse", *words])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run_command
