"""`warehouse docs`: what is said of a site, and how serving it begins and ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_builds import Fake

COMMAND = str(Path(sys.executable).with_name("warehouse"))


@pytest.fixture
def in_project(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake.build(rows="select 1 as id")
    monkeypatch.chdir(fake.project.root)
    return fake


def test_building_says_how_things_stand_and_where_the_site_is(in_project: Fake, run: Callable[..., Any]) -> None:
    outcome = run("docs", "build")

    assert outcome.code == 0
    first, second, third = outcome.out.splitlines()
    assert first == "The warehouse is published; 1 critical to look at."
    assert second.endswith("var/site/index.html")
    assert third == "open it, or show it to a browser with: warehouse docs serve"


def test_building_as_json_names_the_path(in_project: Fake, run: Callable[..., Any]) -> None:
    document = json.loads(run("docs", "build", "--json", "--no-profiles", "--output", "public").out)

    assert document["path"] == str(in_project.project.root / "public")
    assert document["page_count"] == 8
    assert document["attention_count"] == 1
    assert "profiles were left out" in (in_project.project.root / "public" / "tables" / "examples.html").read_text()


def test_a_folder_with_other_files_is_not_replaced(in_project: Fake, run: Callable[..., Any]) -> None:
    outcome = run("docs", "build", "--output", str(in_project.project.root))

    assert outcome.code == 2
    assert "a folder with other files, which a site must not replace" in outcome.err


def test_serving_without_a_site_says_how_to_make_one(in_project: Fake, run: Callable[..., Any]) -> None:
    outcome = run("docs", "serve")

    assert outcome.code == 2
    assert "make it with: warehouse docs build" in outcome.err


@pytest.mark.slow
def test_ctrl_c_ends_serving_cleanly_and_other_hosts_are_warned_of(in_project: Fake, run: Callable[..., Any]) -> None:
    run("docs", "build")
    words = [COMMAND, "docs", "serve", "--port", "0", "--host", "0.0.0.0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().split(":")[2].split("/")[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/tables/examples.html", timeout=60) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)

    assert process.returncode == 0
    assert err.startswith("warning: whoever reaches 0.0.0.0 can read everything in this site")
    assert '"GET /tables/examples.html HTTP/1.1" 200' in err
    assert err.rstrip().endswith("stopped")
    assert "Traceback" not in err
