"""Fixtures for everything that asks SQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from warehouse.engine.local import LocalEngine
from warehouse.storage import connect


@pytest.fixture
def engine() -> Iterator[LocalEngine]:
    """An engine on an empty database in memory."""
    with connect(None) as connection:
        yield LocalEngine(connection)
