"""Fixtures that every test may use."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from common import NOW, PROJECTS, Outcome
from fake_builds import Fake
from hypothesis import HealthCheck, settings
from s3_server import Server, s3_server

from warehouse.cli.app import main
from warehouse.engine.local import LocalEngine
from warehouse.exports.export import export_dataset
from warehouse.exports.outcome import Export
from warehouse.project import Project
from warehouse.storage import connect

# How long one example takes says how busy the machine is.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")


@pytest.fixture
def engine() -> Iterator[LocalEngine]:
    """An engine on an empty database in memory."""
    with connect(None) as connection:
        yield LocalEngine(connection)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A tiny dbt project, copied fresh; the working directory is in it."""
    root = tmp_path / "a project"
    shutil.copytree(PROJECTS / "tiny", root)
    (root / "expectations").mkdir()
    monkeypatch.chdir(root)
    return Project.find(root)


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


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """A project with faked builds in a folder with an odd name; only `?` is left out, which DuckDB refuses."""
    return Fake(tmp_path / "an [odd] *pro'ject* 名前")


@pytest.fixture
def export(fake: Fake) -> Callable[..., Export]:
    """Exports dataset `late` of that project."""

    def run(name: str = "late", **options: Any) -> Export:
        return export_dataset(fake.project, name, **{"now": NOW, **options})

    return run


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An S3 server for all tests that ask for one; each takes a prefix of its own."""
    with s3_server(tmp_path_factory.mktemp("s3")) as started:
        yield started
