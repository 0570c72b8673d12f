"""Dev builds with real dbt. They share one published project."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from warehouse import storage
from warehouse.builds import DevBuild, build_dev, build_warehouse
from warehouse.errors import BuildError, LockedError, ProjectError, ValidationError
from warehouse.project import Project
from warehouse.published import CATALOG, DEV_CATALOG, build_ids, dev_files, find_build, find_dev, published_id
from warehouse.records import Status, run_ids

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TINY = Path(__file__).parent.parent / "projects" / "tiny"
SUITE = """\
expectations:
  - {type: expect_table_row_count_to_be_between, min_value: 1, severity: critical, reason: r}
  - type: expect_query_results_to_match_comparison
    base_query: select count(*) from {batch}
    comparison_query: select count(distinct customer) from customers
    comparison_data_source_name: warehouse
    severity: warning
    reason: r
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published project. Its files are put back for every test, so that dbt parses only what a test changes."""
    root = tmp_path_factory.mktemp("published") / "a project"
    shutil.copytree(TINY, root)
    put_back(root)
    assert build_warehouse(Project.find(root), now=NOW).published
    return root


def put_back(root: Path) -> None:
    for folder in ("models", "data", "expectations"):
        shutil.rmtree(root / folder, ignore_errors=True)
    for folder in ("models", "data"):
        shutil.copytree(TINY / folder, root / folder)
    shutil.copy(TINY / "profiles.yml", root)
    (root / "expectations").mkdir()
    models = (root / "models/models.yml").read_text()
    (root / "models/models.yml").write_text(models[: models.index("unit_tests:")])
    (root / "models/seen.sql").write_text(
        "{{ config(materialized='incremental') }} select order_id, '{{ invocation_id }}' as run"
        " from {{ ref('orders') }}"
    )
    for path in (root / "var/dev").glob("*/current"):
        path.unlink()


@pytest.fixture
def project(made: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    put_back(made)
    monkeypatch.chdir(made)
    return Project.find(made)


@pytest.fixture
def own(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy in another folder, for what publishes."""
    put_back(made)
    root = tmp_path / "else where [x]"
    shutil.copytree(made, root, symlinks=True)
    shutil.rmtree(root / "var/dev", ignore_errors=True)
    monkeypatch.chdir(root)
    return Project.find(root)


def dev(project: Project, **options: Any) -> DevBuild:
    return build_dev(project, **{"now": NOW, "name": "ann", **options})


def query(project: Project, sql: str, *, name: str = "ann") -> list[tuple[Any, ...]]:
    files, beside = find_dev(project, name)
    connection = storage.connect(None)
    try:
        storage.attach_read_only(connection, files.database_path, name=DEV_CATALOG)
        storage.attach_read_only(connection, beside.database_path, name=CATALOG)
        storage.look_into(connection, [DEV_CATALOG, CATALOG])
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def edit(project: Project, name: str, old: str, new: str) -> None:
    path = project.root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def built(result: DevBuild) -> set[str]:
    return {node.name for node in result.nodes if node.resource_type == "model"}


def test_a_changed_model_and_what_depends_on_it_are_built_and_the_rest_is_read_as_published(project: Project) -> None:
    before = {path: path.stat().st_mtime_ns for path in project.warehouse_path.rglob("*")}
    edit(project, "models/customers.sql", "sum(amount)", "2 * sum(amount)")
    (project.root / "expectations/customers.yml").write_text(SUITE)
    (project.root / "expectations/orders.yml").write_text(SUITE)

    result = dev(project)

    assert result.status is Status.PASSED
    assert built(result) == {"customers"}
    assert {node.name: node.rows for node in result.nodes if node.resource_type == "model"} == {"customers": 2}
    assert result.read == ("orders",)
    assert result.beside == published_id(project)
    assert result.validation is not None
    assert [suite.table for suite in result.validation.suites] == ["customers"]
    assert query(project, "select * from customers order by all") == [("ann", 80), ("bob", 40)]
    assert query(project, "select sum(amount) from orders") == [(60,)]
    assert query(project, "select count(*) from stg_orders") == [(3,)]
    assert query(project, "select table_name from information_schema.tables where table_catalog = 'dev'") == [
        ("customers",)
    ]
    # Nothing that others read or wait for was touched.
    assert {path: path.stat().st_mtime_ns for path in project.warehouse_path.rglob("*")} == before


def test_nothing_is_built_where_nothing_differs_also_in_another_folder(own: Project) -> None:
    result = dev(own)

    assert (result.nodes, result.status, result.vanished) == ((), Status.PASSED, ())
    assert not result.path.exists()
    with pytest.raises(ProjectError, match="make one with: warehouse dev"):
        find_dev(own, "ann")


def test_what_reads_a_source_that_now_lies_elsewhere_is_built(project: Project) -> None:
    edit(project, "models/models.yml", "/data/{name}.csv", "/data/new_{name}.csv")
    (project.root / "data/new_orders.csv").write_text("order_id,customer,amount\n9,eve,1\n")

    result = dev(project)

    assert built(result) == {"stg_orders", "orders", "customers", "seen"}
    assert result.read == ()
    assert query(project, "select * from customers") == [("eve", 1)]


def test_a_new_model_reads_what_is_published(project: Project) -> None:
    (project.root / "models/big.sql").write_text("select * from {{ ref('customers') }} where amount > 30")

    result = dev(project)

    assert built(result) == {"big"}
    assert query(project, "from big") == [("ann", 40)]  # a view of the one file on a table of the other


def test_a_deleted_model_is_named_and_who_still_reads_it_is_told(project: Project) -> None:
    (project.root / "models/seen.sql").unlink()
    assert dev(project).vanished == ("seen",)

    (project.root / "models/late.sql").write_text("select * from {{ ref('seen') }}")
    with pytest.raises(BuildError, match=r"late.*depends on a node named 'seen' which was not found"):
        dev(project)


def test_an_incremental_model_adds_to_a_copy_of_the_published_rows_until_refreshed(project: Project) -> None:
    edit(project, "models/orders.sql", "select *", "select * replace (amount + 1 as amount)")

    result = dev(project)

    assert result.started_from_copy == ("seen",)
    assert query(project, "select count(*), count(distinct run) from seen") == [(6, 2)]
    assert query(project, "select count(*) from warehouse.seen") == [(3,)]
    assert dev(project, full_refresh=True).started_from_copy == ()
    assert query(project, "select count(*), count(distinct run) from seen") == [(3, 1)]


def test_rows_that_fail_a_test_are_shown_and_there_to_be_looked_at(project: Project) -> None:
    edit(project, "models/customers.sql", "select customer", "select 'ann' as customer")
    edit(project, "models/customers.sql", "group by customer", "group by orders.customer")

    result = dev(project)

    assert result.is_failed
    (finding,) = result.findings
    assert finding.subject == "customers.unique_customers_customer"
    assert "unique_field = 'ann', n_records = '2'" in finding.message
    assert query(project, "select count(*) from customers") == [(2,)]
    assert result.validation is None


def test_a_failing_expectation_is_critical_unless_nobody_wants_to_validate(project: Project) -> None:
    edit(project, "models/customers.sql", "select customer", "select upper(customer) as customer")
    (project.root / "expectations/customers.yml").write_text(SUITE.replace("min_value: 1", "min_value: 10"))

    assert dev(project).is_failed
    assert dev(project, validate=False).status is Status.PASSED

    (project.root / "expectations/customers.yml").write_text("expectations: 7\n")
    with pytest.raises(ValidationError, match=r"customers\.yml"):
        dev(project)


def test_where_dbt_breaks_the_file_before_stays(project: Project) -> None:
    edit(project, "models/customers.sql", "sum(amount)", "2 * sum(amount)")
    first = dev(project)
    edit(project, "models/customers.sql", "sum(amount)", "sum(amonut)")

    with pytest.raises(BuildError, match="amonut"):
        dev(project)

    assert query(project, "select * from customers order by all") == [("ann", 80), ("bob", 40)]
    assert first.path.is_file()


def test_who_reads_the_file_before_keeps_it(project: Project) -> None:
    (project.root / "models/big.sql").write_text("{{ config(materialized='table') }} select 1 as a")
    first = dev(project)
    reader = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys\nconnection = duckdb.connect(sys.argv[1], read_only=True)\nprint('open', flush=True)\n"
            "sys.stdin.readline()\nprint(connection.execute('from big').fetchone())",
            str(first.path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "open\n"
    (project.root / "models/big.sql").write_text("{{ config(materialized='table') }} select 2 as a")
    dev(project)

    assert reader.communicate("\n")[0] == "(1,)\n"
    assert query(project, "from big") == [(2,)]
    dev(project)
    assert len(list(dev_files(project, "ann").path.glob("made-*"))) == 1


def test_a_selection_is_built_instead_and_must_be_whole(project: Project) -> None:
    (project.root / "models/one.sql").write_text("select 1 as a")
    (project.root / "models/two.sql").write_text("select * from {{ ref('one') }}")

    with pytest.raises(BuildError, match="two reads one, which is new and not selected"):
        dev(project, select=["two"])
    assert built(dev(project, select=["customers"])) == {"customers"}
    assert built(dev(project, exclude=["two"])) == {"one"}
    with pytest.raises(BuildError, match="nosuchmodel"):
        dev(project, select=["nosuchmodel"])


def test_it_waits_for_no_other_build_and_no_other_person(project: Project) -> None:
    (project.root / "models/one.sql").write_text("select 1 as a")
    with (
        storage.lock(project.warehouse_path / "build.lock", purpose="a build"),
        storage.lock(project.warehouse_path / "publish.lock", purpose="publishing"),
        storage.lock(dev_files(project, "bob").path / "dev.lock", purpose="a dev build of bob"),
    ):
        assert built(dev(project)) == {"one"}
        with pytest.raises(LockedError, match="a dev build of bob is already running"):
            dev(project, name="bob")
    assert built(dev(project, name="bob")) == {"one"}
    assert query(project, "from one", name="bob") == [(1,)]


def test_a_snapshot_is_never_begun_anew_and_views_outlive_the_build_that_they_read(own: Project) -> None:
    (own.root / "snapshots").mkdir()
    (own.root / "snapshots/history.yml").write_text(
        "snapshots:\n  - name: order_history\n    relation: ref('orders')\n"
        "    config: {unique_key: order_id, strategy: check, check_cols: [amount]}\n"
    )
    build_warehouse(own, now=NOW)
    edit(own, "models/orders.sql", "select *", "select * replace (amount + 1 as amount)")
    (own.root / "models/big.sql").write_text("select * from {{ ref('stg_orders') }} where amount > 10")

    result = dev(own, full_refresh=True)

    assert result.started_from_copy == ("order_history",)
    assert query(own, "select count(*) from order_history") == [(6,)]

    for build_id in set(build_ids(own)) - {published_id(own)}:
        shutil.rmtree(own.builds_path / build_id)
    newest = own.builds_path / "20260102T030405Z-0009"
    (own.builds_path / result.beside).rename(newest)
    storage.switch_link(own.current_path, newest)
    assert find_dev(own, "ann")[1] == find_build(own)
    assert query(own, "select count(*) from big") == [(2,)]


def test_without_a_published_build_there_is_one_clear_error(project: Project) -> None:
    project = replace(project, settings=replace(project.settings, state_path="elsewhere"))

    with pytest.raises(ProjectError, match=r"no build is published yet[\s\S]*warehouse build"):
        dev(project)

    assert not (project.root / "elsewhere").exists()


@pytest.mark.parametrize("name", ["../bob", "", ".", "a b", "-x", "a/b", "ä" * 3, "x" * 65])
def test_a_name_that_is_no_folder_is_refused(project: Project, name: str) -> None:
    with pytest.raises(ProjectError, match="a dev build cannot be called"):
        dev(project, name=name)


def test_a_profile_without_the_build_target_is_one_clear_error(project: Project) -> None:
    (project.root / "profiles.yml").write_text("warehouse: {target: dev, outputs: {dev: {type: duckdb}}}\n")

    with pytest.raises(BuildError, match="has no target 'build' of type duckdb"):
        dev(project)


def test_the_command_says_what_was_built_what_was_read_and_how_to_ask_it(
    project: Project, run: Callable[..., Any]
) -> None:
    assert "nothing differs from build 20260102T030405Z" in run("dev", "--name", "ann").out
    (project.root / "models/big.sql").write_text("select * from {{ ref('customers') }} where amount > 30")

    done = run("dev")

    assert done.code == 0
    assert "big" in done.out
    assert "read from build 20260102T030405Z: customers" in done.out
    assert done.out.splitlines()[-1] == "ask it: warehouse sql --dev"
    assert "ann" in run("sql", "--dev", "from big").out
    document = json.loads(run("dev", "--json").out)
    assert (document["beside"], document["status"]) == ("20260102T030405Z", "passed")
    assert run_ids(project) == ["20260102T030405Z"]
