"""Machines of a team: projects with builds that no dbt made, each with its record."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fake_builds import Fake

from warehouse import records
from warehouse.build_sharing import BuildPull, BuildPush, pull_build, push_build
from warehouse.build_sharing.layout import FOLDER
from warehouse.object_store import Store, open_store
from warehouse.project import Project
from warehouse.published import find_build
from warehouse.records import Record, Status

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ROWS = "select i as id, md5(i::varchar) as note from range({count}) as r(i)"


class Machine:
    """One machine with a project of its own; `first` tells its builds from those of others."""

    def __init__(self, root: Path, *, first: int = 0) -> None:
        self.fake = Fake(root)
        self.fake.count = first

    @property
    def project(self) -> Project:
        return self.fake.project

    def build(
        self, count: int = 3, *, table: str | None = None, details: Mapping[str, Any] | None = None, **more: Any
    ) -> str:
        """A published build whose table `examples` has so many rows."""
        build_id = self.fake.build(rows=ROWS.format(count=count), table=table, exposures=[])
        self.record(build_id, details=details or {}, **more)
        return build_id

    def build_on(self, other: str, statement: str) -> str:
        """A published build that starts from a copy of another one, as partial ones do."""
        build_id = self.build()
        path = find_build(self.project, build_id).database_path
        path.unlink()
        shutil.copyfile(find_build(self.project, other).database_path, path)
        with duckdb.connect(str(path)) as connection:
            connection.execute(statement)
        return build_id

    def record(self, build_id: str, *, details: Mapping[str, Any], status: Status = Status.PASSED) -> None:
        """The record that its build would have written."""
        records.write_record(
            self.project,
            Record(
                id=build_id,
                command="build",
                status=status,
                started_at="2026-11-23T00:00:00+00:00",
                by={"user": "ana", "host": "build-host", "pid": 1},
                tools={"duckdb": duckdb.__version__},
                details={"dbt_project": "fake", **details},
            ),
        )

    def push(self, store: Store, build_id: str | None = None, **options: Any) -> BuildPush:
        return push_build(self.project, **{"now": NOW, "store": store, "build_id": build_id, **options})

    def pull(self, store: Store, build_id: str | None = None, **options: Any) -> BuildPull:
        return pull_build(self.project, **{"now": NOW, "store": store, "build_id": build_id, **options})

    def count(self, build_id: str | None = None) -> int:
        """Rows of the published build, or of this one."""
        with duckdb.connect(str(find_build(self.project, build_id).database_path), read_only=True) as connection:
            ((count,),) = connection.execute("select count(*) from examples").fetchall()
            return int(count)

    def leftovers(self) -> list[str]:
        """What an interrupted pull leaves."""
        return sorted(path.name for path in self.project.builds_path.glob(".*"))


class Team:
    """A machine that builds, one that reads, and a store between them: in a folder, which needs no server."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # Pieces of 16 KiB, so that small builds have many.
        monkeypatch.setattr("warehouse.build_sharing.describing.CHUNK_BYTES", 2**14)
        self.builder = Machine(folder / "a builder's [machine]")
        self.reader = Machine(folder / "a reader 名前", first=500)
        self.store = open_store(f"file://{folder}/a store")
        self.store_path = folder / "a store" / FOLDER

    def object_path(self, key: str) -> Path:
        """The file of an object in the store."""
        return self.store_path.parent / key

    def stored_chunks(self) -> list[str]:
        return sorted(path.name for path in (self.store_path / "chunks").iterdir())
