"""Small samples of the load test and of the siege; `make bench-crowd` and `make bench-faults` run them whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"


def run(script: str, *options: str) -> Any:
    words = [sys.executable, str(BENCHMARKS / script), *options, "--json"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_eight_readers_two_exporters_and_a_builder_work_at_once() -> None:
    # How long opening may take is for a quiet machine to say; here other tests run beside it.
    results = run("crowd.py", "--seconds", "15", "--rows", "5000", "--longest", "60")

    assert [result["role"] for result in results].count("export") == 2
    assert len(results) == 11
    assert all(result["count"] and not result["errors"] for result in results)


def test_kills_at_random_moments_lose_no_build_and_running_again_is_all() -> None:
    kills = os.environ.get("WAREHOUSE_TEST_KILLS", "8")
    result = run("faults.py", "--kills", kills, "--seed", os.environ.get("WAREHOUSE_TEST_SEED", "3"))

    assert result["kills"] == int(kills)
