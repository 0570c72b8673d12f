from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from warehouse import storage
from warehouse.project import Project


@pytest.mark.parametrize("words", [(), ("--select", "orders")], ids=["alone", "with others"])
def test_a_build_fails_at_once_or_waits_as_asked(
    project: Project, run: Callable[..., Any], words: tuple[str, ...]
) -> None:
    with storage.lock(project.warehouse_path / "build.lock", purpose="a build"):
        at_once = run("build", *words)
        waited = run("build", "--wait", "0.3", *words)

    assert (at_once.code, waited.code) == (2, 2)
    assert at_once.err.startswith("error: a build is already running: process ")
    assert waited.err.startswith("waiting, as a build is already running: process ")
    assert "after waiting 0.3 seconds" in waited.err
    assert at_once.out == waited.out == ""


def test_how_long_builds_wait_may_be_a_setting(
    project: Project, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_BUILD_WAIT_SECONDS", "1")
    with storage.lock(project.warehouse_path / "build.lock", purpose="a build"):
        assert "after waiting 1 seconds" in run("build").err
        assert run("build", "--wait", "0").err.startswith("error: a build is already running")

    monkeypatch.setenv("WAREHOUSE_BUILD_WAIT_SECONDS", "-1")
    assert "build_wait_seconds must be 0 or more, not -1" in run("build").err


def test_waiting_needs_no_number_and_takes_none_below_zero(
    project: Project, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("warehouse.queues.time.sleep", stop)
    with storage.lock(project.warehouse_path / "build.lock", purpose="a build"):
        for words in (("--wait",), ("--wait", "--json"), ("--json", "--wait")):
            interrupted = run("build", *words)
            assert interrupted.code == 130
            assert "waiting, as a build is already running" in interrupted.err
    assert run("build", "--wait", "-3").code == 2
    assert not project.builds_path.exists()
    assert list((project.warehouse_path / "build.queue").iterdir()) == []
