"""Fixtures for datasets: a project whose builds are faked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fake_builds import Fake

from warehouse.datasets.export import Export, export_dataset

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """A project in a folder with an odd name; only `?` is left out, which DuckDB does not take in a database's path."""
    return Fake(tmp_path / "an [odd] *pro'ject* 名前")


@pytest.fixture
def export(fake: Fake) -> Callable[..., Export]:
    """Exports dataset `late` of that project."""

    def run(name: str = "late", **options: Any) -> Export:
        return export_dataset(fake.project, name, now=NOW, **options)

    return run
