"""Runs every benchmark, one after the other, and fails when a bound is missed."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

TOPICS = (
    "startup",
    "build",
    "sources",
    "catalog_site",
    "validation",
    "export",
    "drift",
    "calibration",
    "stability",
    "leakage",
    "diagnosis",
    "diagnosis_cases",
    "entities",
    "versions",
    "peers_split",
)
PEER_TOPICS = ("stability", "entities", "peers_split")
"""Run by the peers' interpreter, which has ours too."""


def main() -> int:
    """Exit 1 when any topic missed a bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", help="interpreter of an environment with the `bench` extra")
    parser.add_argument("--deepchecks-python", help="interpreter of an environment with the `deepchecks` extra")
    parser.add_argument("--nannyml-python", help="interpreter of an environment with the `nannyml` extra")
    arguments = parser.parse_args()
    peer = arguments.peer_python
    deepchecks = arguments.deepchecks_python
    options_of: dict[str, list[str]] = {
        "drift": [
            *(["--peer-python", peer] if peer else []),
            *(["--deepchecks-python", deepchecks] if deepchecks else []),
        ],
        "calibration": [
            "--quick",
            *(["--peer", f"evidently={peer}"] if peer else []),
            *(["--peer", f"deepchecks={deepchecks}"] if deepchecks else []),
            *(["--peer", f"nannyml={arguments.nannyml_python}"] if arguments.nannyml_python else []),
        ],
        "leakage": ["--peer-python", deepchecks] if deepchecks else [],
    }
    missed = []
    for topic in TOPICS:
        print(f"\n== {topic}", flush=True)
        options = options_of.get(topic, [])
        python = peer if peer and topic in PEER_TOPICS else sys.executable
        if subprocess.run([python, str(Path(__file__).with_name(f"{topic}.py")), *options]).returncode:
            missed.append(topic)
    print(f"\nmissed: {', '.join(missed)}" if missed else "\nall bounds hold")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
