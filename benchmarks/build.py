"""`warehouse build` of the example against plain `dbt build` plus the validation on its own."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from measure import OUT, print_bound, run_process

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PARTS = (
    "models",
    "macros",
    "data",
    "expectations",
    "dbt_project.yml",
    "profiles.yml",
    "pyproject.toml",
    "var/dev/.gitkeep",
)


def copy_example(target: Path) -> Path:
    """A fresh copy of the example project."""
    shutil.rmtree(target, ignore_errors=True)
    for part in PARTS:
        source = ROOT / part
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target / part)
        elif source.exists():
            shutil.copyfile(source, target / part)
    return target


def main() -> int:
    folder = copy_example(OUT / "example")
    options = ("--project-dir", str(folder), "--profiles-dir", str(folder))
    warehouse = (str(BIN / "warehouse"), "--project", str(folder))
    # Once each to warm dbt's parse cache and the disk, then alternating, the fastest of each counts.
    run_process(str(BIN / "dbt"), "build", *options)
    run_process(*warehouse, "build")
    plain, ours, checks = [], [], []
    for _ in range(3):
        plain.append(run_process(str(BIN / "dbt"), "build", *options).seconds)
        ours.append(run_process(*warehouse, "build").seconds)
        checks.append(run_process(*warehouse, "validate", "--no-docs").seconds)
    print(f"dbt build {min(plain):.2f} s, warehouse validate {min(checks):.2f} s, warehouse build {min(ours):.2f} s")
    return not print_bound(
        "warehouse build / (dbt build + warehouse validate)", min(ours) / (min(plain) + min(checks)), 1.15
    )


if __name__ == "__main__":
    sys.exit(main())
