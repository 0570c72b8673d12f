"""Whoever reads a dataset version reads its files and nothing else, whatever its manifest or its files say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from fake_builds import Fake

from warehouse import storage
from warehouse.datasets.named_rows import confine_to_rows, find_pair, find_rows
from warehouse.datasets.versions import confine_to, find_version
from warehouse.engine.local import LocalEngine
from warehouse.errors import QueryError
from warehouse.exports.outcome import Export
from warehouse.sql import Query, Step

DECLARED = {"key": "id", "split": {"method": "hash", "shares": {"train": 0.8, "test": 0.2}}}
ELSEWHERE = [
    "select * from read_text('/etc/passwd')",
    "select * from read_csv('/etc/*')",
    "select * from '{root}/secret.csv'",
    "copy (select 1) to '{root}/stolen.csv'",
    "attach '{root}/other.duckdb'",
    "select * from read_text('{version}/data/../manifest.json')",
    "set enable_external_access = true",
    "load httpfs",
]


@pytest.fixture
def version_path(fake: Fake, export: Callable[..., Export]) -> Path:
    fake.build(DECLARED, rows="select i as id, 'a' as secret from range(1000) as r(i)")
    (fake.project.root / "secret.csv").write_text("a\n1\n")
    path = export().path
    assert path is not None
    return path


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with storage.connect(None, memory_limit="100MB", threads=1, temporary_path=tmp_path / "spill") as connection:
        yield connection


def refuses_everything_else(connection: duckdb.DuckDBPyConnection, fake: Fake, version_path: Path) -> None:
    root = str(fake.project.root).replace("'", "''")
    version = str(version_path).replace("'", "''")
    for statement in ELSEWHERE:
        with pytest.raises(QueryError, match=r"(?i)permission|disabled|locked|cannot"):
            LocalEngine(connection).rows(Query.of(Step("asked", statement.format(root=root, version=version))))
    assert not (fake.project.root / "stolen.csv").exists()


def test_a_version_is_read_and_nothing_else(
    fake: Fake, version_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    version = find_version(fake.project, "late")
    confine_to(connection, version)

    counts = [
        LocalEngine(connection).rows(Query.of(Step("counts", f"select count(*) as n from {relation.sql}")))[0]["n"]
        for relation in version.relations.values()
    ]

    assert sum(counts) == 1000
    refuses_everything_else(connection, fake, version_path)


def test_files_and_tables_that_people_name_beside_a_version_are_read_too(
    fake: Fake, version_path: Path, connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(fake.project.root)
    (fake.project.root / "b [1].csv").write_text("id\n5\n")
    pair = find_pair(fake.project, "late", "./b [1].csv")
    confine_to_rows(connection, *pair)

    counts = [
        LocalEngine(connection).rows(Query.of(Step("counts", f"select count(*) as n from {rows.relation.sql}")))
        for rows in pair
    ]

    assert counts == [[{"n": 1000}], [{"n": 1}]]
    refuses_everything_else(connection, fake, version_path)


def test_a_build_beside_a_version_is_read_and_nothing_else(fake: Fake, version_path: Path, tmp_path: Path) -> None:
    pair = find_pair(fake.project, "late", "@build")
    assert pair[1].build is not None
    with storage.connect(pair[1].build.database_path, temporary_path=tmp_path / "spill") as connection:
        confine_to_rows(connection, *pair)
        for rows in pair:
            found = LocalEngine(connection).rows(Query.of(Step("n", f"select count(*) as n from {rows.relation.sql}")))
            assert found == [{"n": 1000}]
        refuses_everything_else(connection, fake, version_path)


def test_what_is_too_large_for_memory_still_spills(
    fake: Fake, version_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    confine_to(connection, find_version(fake.project, "late"))

    sorted_rows = "select md5(i::varchar) as m, repeat('x', 100) as wide from range(1500000) as r(i) order by m"
    query = Query.of(Step("n", f"select count(*) as n from (select m, wide from ({sorted_rows}) offset 1)"))

    assert LocalEngine(connection).rows(query) == [{"n": 1_499_999}]


def test_a_view_over_raw_files_can_still_be_compared(fake: Fake, tmp_path: Path) -> None:
    raw = tmp_path / "raw.csv"
    raw.write_text("id\n" + "".join(f"{i}\n" for i in range(100)))
    fake.build(model={"materialized": "view"}, table=f"create view examples as select * from read_csv('{raw}')")
    rows = find_rows(fake.project, "main.examples")
    assert rows.build is not None

    with storage.connect(rows.build.database_path) as connection:
        confine_to_rows(connection, rows)
        query = Query.of(Step("n", f"select count(*) as n from {rows.relation.sql}"))
        assert LocalEngine(connection).rows(query) == [{"n": 100}]


def test_a_link_that_leads_out_of_a_version_is_not_read(
    fake: Fake, version_path: Path, connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    version = find_version(fake.project, "late")
    file = version.files("train")[0]
    file.rename(tmp_path / "elsewhere.parquet")
    file.symlink_to(tmp_path / "elsewhere.parquet")
    confine_to(connection, version)

    with pytest.raises(QueryError, match="Permission Error"):
        LocalEngine(connection).rows(Query.of(Step("n", f"select count(*) from {version.split('train').sql}")))
