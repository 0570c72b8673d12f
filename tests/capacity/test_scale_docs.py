"""docs/scale.md: its table is what the model gives, and the benchmark refuses what the disk cannot hold."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("scale_model", ROOT / "benchmarks" / "scale_model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "scale_model", module)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_the_docs_is_the_model_s(model: ModuleType) -> None:
    assert model.table(model.Assumptions()) in (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


def test_the_model_adds_reading_computing_spilling_and_writing(model: ModuleType) -> None:
    assumed = model.Assumptions(
        row_bytes=100, export_ns_per_row=1000, spill_bytes_per_row=50, shuffle_bytes_per_row=25, cluster_factor=4,
        disk_rate=1e9, network_rate=2e9,
    )  # fmt: skip
    machine = model.Fleet(name="", worker_count=1, core_count=10, is_cluster=False)
    cluster = model.Fleet(name="", worker_count=5, core_count=10, is_cluster=True)

    # 10 billion rows: 1,000 s of computing on 10 cores; 1 TB twice and 0.5 TB twice at 1 GB/s.
    assert model.export_hours(1, machine, assumed) * 3600 == pytest.approx(1000 + 3000)
    # Four times the work on five times the cores; 1 TB twice and 0.25 TB twice at 10 GB/s.
    assert model.export_hours(1, cluster, assumed) * 3600 == pytest.approx(800 + 250)
    assert model.export_hours(10, cluster, assumed) == pytest.approx(10 * model.export_hours(1, cluster, assumed))
    assert model.break_even_cores(64, assumed) == 256


def test_the_benchmark_refuses_what_does_not_fit_on_the_disk() -> None:
    words = [sys.executable, str(ROOT / "benchmarks" / "scale.py"), "--rows", "1000", str(10**15)]
    refused = subprocess.run(words, capture_output=True, text=True, check=False)

    assert refused.returncode == 1
    assert refused.stderr.startswith("1,000,000,000,000,000 rows need about ")
    assert "ask for fewer rows: --rows " in refused.stderr
    assert len(refused.stderr.splitlines()) == 2
