"""How long `warehouse --help` takes, cold imports included."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from measure import print_bound

COMMAND = str(Path(sys.executable).with_name("warehouse"))


def main() -> int:
    times = []
    for _ in range(9):
        started = time.perf_counter()
        subprocess.run([COMMAND, "--help"], check=True, stdout=subprocess.DEVNULL)
        times.append((time.perf_counter() - started) * 1000)
    return not print_bound("warehouse --help, median of 9 runs", sorted(times)[4], 400, unit="ms")


if __name__ == "__main__":
    sys.exit(main())
