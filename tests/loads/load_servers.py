"""Real database servers on loopback, one per module, and a way to load one table without dbt."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from duckdb_extensions import needs_extension

from warehouse import storage
from warehouse.loads.batches import Landed, TableFolder
from warehouse.loads.cursors import load_database_table
from warehouse.loads.dlt_rows import load_dlt_resource
from warehouse.loads.files import load_files
from warehouse.loads.parts import Part, Session
from warehouse.loads.specs import Kind, LoadSpec, Mode
from warehouse.project import Project

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PASSWORD = "planted-p@ss'word"
POSTGRES = next((path for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"))[::-1]), None)


@dataclass
class Table:
    """One declared table in an otherwise empty project."""

    project: Project
    spec: LoadSpec
    session_options: dict[str, Any] = field(default_factory=dict)

    def using(self, **changes: Any) -> Table:
        return replace(self, spec=replace(self.spec, **changes))

    @property
    def folder(self) -> TableFolder:
        return TableFolder(self.project, self.spec.source_name, self.spec.table_name)

    @property
    def landed(self) -> Landed:
        return self.folder.read()

    def load(self, *, now: datetime = NOW, **options: Any) -> Part:
        """Loads it as `warehouse load` does."""
        connection = storage.connect(None, temporary_path=self.project.temporary_path)
        try:
            connection.execute("set preserve_insertion_order = false")
            session, folder = Session(connection), self.folder
            with folder.lock():
                landed = folder.read()
                folder.sweep(landed)
                if self.spec.kind is Kind.FILES:
                    return load_files(session, self.project, self.spec, folder, landed, now=now, **options)
                if self.spec.kind is Kind.DLT:
                    return load_dlt_resource(session, self.project, self.spec, folder, landed, now=now, **options)
                return load_database_table(session, self.spec, folder, landed, now=now, **options)
        finally:
            connection.close()

    def rows(self, select: str = "*", *, tail: str = "order by all") -> list[tuple[Any, ...]]:
        """What a model would see."""
        with storage.connect(None) as connection:
            return connection.execute(
                f"select {select} from read_parquet($path, union_by_name = true) {tail}",
                {"path": f"{self.folder.link}/*.parquet"},
            ).fetchall()


@pytest.fixture
def declare(tmp_path: Path) -> Callable[..., Table]:
    """Declares a load of table `shop.orders`."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "dbt_project.yml").write_text("name: loads\n")

    def make(**options: Any) -> Table:
        mode = Mode.INCREMENTAL if options.get("cursor") or options["kind"] in (Kind.FILES, Kind.DLT) else Mode.FULL
        spec = {"source_name": "shop", "table_name": "orders", "declared_in": "models/_sources.yml", "mode": mode}
        if options["kind"].is_database and "query" not in options:
            spec["table"] = "orders"
        return Table(Project.find(root), LoadSpec(**{**spec, "connection": "SHOP_DB", **options}))

    return make


@pytest.fixture(scope="module")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of a PostgreSQL of its own; databases in it are made by `shop_db`."""
    if POSTGRES is None:
        pytest.skip("PostgreSQL is not installed")
    needs_extension("postgres_scanner")
    folder = tmp_path_factory.mktemp("postgres")
    # PostgreSQL refuses to run as root.
    is_root = os.getuid() == 0
    if is_root:
        # pytest keeps its folders to itself; with several processes there is one more above this.
        for parent in (folder, *folder.parents[:3]):
            if "pytest" in str(parent):
                parent.chmod(0o755)
        shutil.chown(folder, "postgres", "postgres")
    as_user = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups") if is_root else ()
    (folder / "password").write_text(PASSWORD)
    data = folder / "data"
    initialise = [f"{POSTGRES}/initdb", "-D", data, "-U", "shop", "-A", "scram-sha-256", "--no-sync", "--encoding=UTF8"]
    subprocess.run([*as_user, *initialise, f"--pwfile={folder}/password"], check=True, capture_output=True)
    options = ["-clisten_addresses=127.0.0.1", "-cunix_socket_directories=", "-cfsync=off", "-clog_statement=all"]
    options += ["-cmax_prepared_transactions=2", "-cautovacuum=off"]
    words = [*as_user, f"{POSTGRES}/postgres", "-D", data, *options]
    with _running(lambda port: [*words, f"-p{port}"], folder / "log") as port:
        yield f"host=127.0.0.1 port={port} user=shop password='{_escaped(PASSWORD)}' dbname=postgres"


@pytest.fixture
def shop_db(postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty PostgreSQL schema; `SHOP_DB` holds its connection string. Yields a psycopg connection that commits."""
    import psycopg

    monkeypatch.setenv("SHOP_DB", postgres_server)
    deadline = time.monotonic() + 180
    while True:
        try:
            connection = psycopg.connect(postgres_server, autocommit=True)
            break
        except psycopg.OperationalError:  # it listens, and is still starting up
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    with connection:
        connection.execute("drop schema public cascade")
        connection.execute("create schema public")
        yield connection


@pytest.fixture(scope="module")
def mariadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of a MariaDB of its own, with an empty database `shop`."""
    if shutil.which("mariadbd") is None or shutil.which("mariadb-install-db") is None:
        pytest.skip("MariaDB is not installed")
    needs_extension("mysql_scanner")
    folder = tmp_path_factory.mktemp("mariadb")
    data = folder / "data"
    user = "root" if os.getuid() == 0 else os.environ.get("USER", "nobody")
    install = ["mariadb-install-db", "--no-defaults", f"--user={user}", f"--datadir={data}", "--skip-test-db"]
    subprocess.run([*install, "--auth-root-authentication-method=normal"], check=True, capture_output=True)
    (folder / "init.sql").write_text(
        "create database shop;\ncreate user 'shop'@'127.0.0.1' identified by 'planted-password';\n"
        "grant all on shop.* to 'shop'@'127.0.0.1';\n"
    )
    options = [f"--datadir={data}", f"--socket={folder}/socket", f"--init-file={folder}/init.sql"]
    options += ["--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin", "--default-time-zone=+02:00"]
    words = ["mariadbd", "--no-defaults", f"--user={user}", f"--pid-file={folder}/pid", *options]
    with _running(lambda port: [*words, f"--port={port}"], folder / "log") as port:
        yield f"host=127.0.0.1 port={port} user=shop password=planted-password database=shop"


def _escaped(password: str) -> str:
    return password.replace("\\", "\\\\").replace("'", "\\'")


@contextmanager
def _running(command: Callable[[int], list[Any]], log_path: Path) -> Iterator[int]:
    """Runs the server on a port that was free; on another one when somebody took that before the server did."""
    for _ in range(3):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        with log_path.open("wb") as log:
            process = subprocess.Popen(command(port), stdout=log, stderr=log)
        try:
            if _listens(port, process):
                yield port
                return
        finally:
            process.terminate()
            process.wait(timeout=60)
    raise RuntimeError(f"the server did not start: {log_path.read_text(errors='replace')}")


def _listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return process.poll() is None
        except OSError:
            time.sleep(0.05)
    return False
