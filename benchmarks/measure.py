"""How benchmarks measure: each side in a process of its own, both in one run, and the ratio against its bound."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

OUT = Path(__file__).parent / "out"
"""Generated data and results; ignored by git."""

LAUNCHER = """
import os, resource, sys, time
started = time.perf_counter()
process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status = os.waitpid(process, 0)
seconds = time.perf_counter() - started
with open(sys.argv[1], "w") as report:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    report.write(f"{seconds} {used.ru_maxrss / 1024} {used.ru_utime + used.ru_stime}")
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
"""
"""Starts the process from a small one: on Linux a process' peak is never below the size of the one it came from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one process cost."""

    seconds: float
    """Wall time; what the process itself printed as `seconds=...` when it did, so that imports can be left out."""
    peak_mb: float
    """Largest resident set, MiB."""
    output: str
    cpu_seconds: float = 0.0
    """Of all cores together, imports included: what a busy machine makes no longer."""


def run_process(*command: str, repeat: int = 1) -> Measurement:
    """Runs `command` (a Python script when the first word ends in .py); of several runs, the fastest counts."""
    words = (sys.executable, *command) if command[0].endswith(".py") else command
    best: Measurement | None = None
    for _ in range(repeat):
        with tempfile.NamedTemporaryFile() as report:
            launcher = (sys.executable, "-S", "-E", "-c", LAUNCHER, report.name, *words)
            process = subprocess.run(launcher, stdout=subprocess.PIPE, text=True)
            if process.returncode:
                raise SystemExit(f"{' '.join(words)} exited with {process.returncode}\n{process.stdout}")
            seconds, peak_mb, cpu_seconds = map(float, report.read().split())
        output = process.stdout
        for line in output.splitlines():
            if line.startswith("seconds="):
                seconds = float(line.removeprefix("seconds="))
        measured = Measurement(seconds=seconds, peak_mb=peak_mb, output=output, cpu_seconds=cpu_seconds)
        if best is None or measured.seconds < best.seconds:
            best = measured
    assert best is not None
    return best


def print_bound(title: str, value: float, bound: float, *, unit: str = "x", at_least: bool = False) -> bool:
    """One line: the value, its bound and whether it holds."""
    holds = value >= bound if at_least else value <= bound
    relation = "at least" if at_least else "at most"
    print(
        f"{'ok  ' if holds else 'MISS'}  {title:<72} {value:9.2f} {unit:<3} ({relation} {bound:g} {unit})", flush=True
    )
    return holds
