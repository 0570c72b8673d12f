"""Secrets planted wherever one can come in are found nowhere that anything is kept or shown."""

from __future__ import annotations

import base64
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
from common import PROJECTS, Outcome

from warehouse.project import Project

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning:apprise")]

# No two share a part, and each has what must be written otherwise in an address, in JSON or in SQL.
PLANTED = {
    "SHOP_DB": "postgresql://reader:Tulip+9'x@127.0.0.1:1/shop",
    "AWS_ACCESS_KEY_ID": "AKIAPLANTEDROSE00001",
    "AWS_SECRET_ACCESS_KEY": "Rose/secret+Key0000000000000000000000001",
    "AWS_SESSION_TOKEN": "Daisy/session==token00001",
    "WAREHOUSE_NOTIFY_URLS": "json://bell:Lilac9word@{heard}/Orchid0000token9 json://Iris:Peony77pass@{heard}/refused",
    "WAREHOUSE_PSEUDONYM_KEY": "Marigold-0123456789-key",
    "VAULT_TOKEN": 'Poppy"vault token 42',
    "LAKE_PASSWORD": "Violet42lake",
}
SEARCHED = (
    *("Tulip+9", "AKIAPLANTEDROSE00001", "Rose/secret+Key", "Daisy/session", "Lilac9word", "Orchid0000token9"),
    *("Peony77pass", "Marigold-0123", "Poppy", "Violet42lake"),
)
EXPOSURES = """
exposures:
  - name: spending
    type: ml
    maturity: low
    owner: {name: Shop, email: shop@example.com}
    depends_on: [ref('orders')]
    config:
      meta:
        dataset:
          key: order_id
          label: amount
          columns: {pseudonymise: [customer]}
          split: {method: hash, shares: {train: 0.8, test: 0.2}}
          refresh: nightly
"""
SOURCES = """
sources:
  - name: bought
    config:
      meta:
        external_location: >-
          read_parquet('{{ env_var('WAREHOUSE_RAW') }}/bought/{name}/*.parquet', union_by_name = true)
        load: {from: postgres, connection: SHOP_DB}
    tables: [name: sales]
"""
SECRETS_OF_THE_PROFILE = """
      config_options: {extension_directory: "{{ env_var('WAREHOUSE_EXTENSIONS', '') }}"}
      secrets:
        - {type: s3, name: lake, key_id: "{{ env_var('AWS_ACCESS_KEY_ID') }}", secret: "{{ env_var('LAKE_PASSWORD') }}"}
"""
ATTACHED = """
      attach:
        - path: "/nowhere/{{ env_var('VAULT_TOKEN') }}/{{ env_var('LAKE_PASSWORD') }}.duckdb"
          alias: vault
          read_only: true
"""


def shapes(text: str) -> Iterator[bytes]:
    """The text as it is and as it may have been written."""
    yield text.encode()
    yield quote(text, safe="").encode()
    yield json.dumps(text)[1:-1].encode()
    yield base64.b64encode(text.encode())[: len(text)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("secrets") / "shop"
    shutil.copytree(PROJECTS / "tiny", root)
    (root / "models/exposures.yml").write_text(EXPOSURES)
    rows = "".join(f"{i},customer {i % 7},{i % 50}\n" for i in range(200))
    (root / "data/orders.csv").write_text("order_id,customer,amount\n" + rows)
    (root / "expectations").mkdir()
    return root


class Hooks(BaseHTTPRequestHandler):
    """Hears notices, and refuses those to `/refused`."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(401 if self.path == "/refused" else 200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: it would be printed."""


@pytest.fixture(scope="module")
def hooks() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hooks) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def planted(root: Path, hooks: str, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(root)
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value.replace("{heard}", hooks))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("WAREHOUSE_NOTIFY_ON", "always")
    monkeypatch.setenv("XDG_STATE_HOME", str(root / "var/home"))
    return Project.find(root)


def check(project: Project, outcome: Outcome) -> None:
    """Nothing planted is in what was printed, nor in any file but those that the test wrote."""
    shown = (outcome.out + outcome.err).encode()
    contents = {path: path.read_bytes() for path in project.state_path.rglob("*") if path.is_file()}
    assert contents or outcome.code
    for text in SEARCHED:
        for shape in shapes(text):
            assert shape not in shown, f"{text} was printed"
            found = [str(path) for path, content in contents.items() if shape in content]
            assert not found, f"{text} is in {found}"


def put(project: Project, profile: str) -> None:
    path = project.root / "profiles.yml"
    path.write_text((PROJECTS / "tiny/profiles.yml").read_text() + profile)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["build"], 0),
        (["export", "spending"], 0),
        (["show", "spending", "--json"], 0),
        (["verify", "spending"], 0),
        (["reproduce", "spending"], 0),
        (["leakage", "spending"], 0),
        (["drift", "spending", "@build"], 0),
        (["forget", "--key", "customer=customer 3", "--dry-run"], 0),
        (["sql", "select * from duckdb_secrets()"], 0),
        (["dev"], 0),
        (["status"], 0),
        (["remote", "--store", "s3://bucket/prefix"], 2),
        (["push", "spending", "--store", "s3://bucket/prefix"], 2),
        (["nightly"], 2),  # one of the addresses refuses
    ],
    ids=lambda value: " ".join(value[:1]) if isinstance(value, list) else None,
)
def test_runs_that_use_secrets_show_and_keep_none(
    run: Callable[..., Outcome], planted: Project, words: list[str], code: int
) -> None:
    put(planted, SECRETS_OF_THE_PROFILE)

    outcome = run(*words)

    assert outcome.code == code, outcome.err
    check(planted, outcome)


def test_a_database_that_cannot_be_reached_is_told_without_how(run: Callable[..., Outcome], planted: Project) -> None:
    put(planted, "")
    sources = planted.root / "models/bought.yml"
    sources.write_text(SOURCES)
    try:
        loaded, night = run("load"), run("nightly")
    finally:
        sources.unlink()

    assert (loaded.code, night.code) == (2, 2)
    assert "SHOP_DB" in loaded.err
    check(planted, loaded)
    check(planted, night)


def test_a_profile_that_cannot_be_opened_is_told_without_its_secrets(
    run: Callable[..., Outcome], planted: Project
) -> None:
    put(planted, ATTACHED)

    built, night = run("build"), run("nightly")

    assert (built.code, night.code) == (2, 2)
    assert "/nowhere/***/***.duckdb" in built.err or "/nowhere/*****/*****.duckdb" in built.err
    check(planted, built)
    check(planted, night)


@pytest.mark.parametrize("place", ["models/leaking.sql", "models/leaking.yml", "macros/leaking.sql"])
def test_a_secret_in_what_dbt_compiles_is_refused_before_anything_is_made(
    run: Callable[..., Outcome], planted: Project, place: str
) -> None:
    put(planted, "")
    path = planted.root / place
    path.parent.mkdir(exist_ok=True)
    path.write_text("# {{ env_var('LAKE_PASSWORD') }} {{ env_var('SORT_KEY', 'id') }}")
    try:
        outcome = run("build")
    finally:
        path.unlink()

    assert outcome.code == 2
    assert f"{place} reads LAKE_PASSWORD" in outcome.err
    assert "SORT_KEY" not in outcome.err
    assert "profiles.yml" in outcome.err
    check(planted, outcome)
