"""Runs every benchmark, one after the other, and fails when a bound is missed."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

TOPICS = (
    "startup",
    "build",
    "validation",
    "export",
    "drift",
    "stability",
    "leakage",
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
    arguments = parser.parse_args()
    peer = arguments.peer_python
    peers = {"drift": peer, "leakage": arguments.deepchecks_python}
    missed = []
    for topic in TOPICS:
        print(f"\n== {topic}", flush=True)
        options = ["--peer-python", peers[topic]] if peers.get(topic) else []
        python = peer if peer and topic in PEER_TOPICS else sys.executable
        if subprocess.run([python, str(Path(__file__).with_name(f"{topic}.py")), *options]).returncode:
            missed.append(topic)
    print(f"\nmissed: {', '.join(missed)}" if missed else "\nall bounds hold")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
