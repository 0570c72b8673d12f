from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from warehouse.engine import spark_session
from warehouse.engine.spark_session import connect_spark, shown_remote
from warehouse.errors import MissingExtraError, ProjectError, StorageError
from warehouse.project import Project, Settings


def on(remote: str) -> Project:
    return Project(root=Path("/nowhere"), settings=Settings(spark_remote=remote))


def test_sessions_of_one_address_share_a_catalog_and_leave_it_to_each_other(spark: Any, spark_project: Project) -> None:
    spark.sql("create schema shared_by_all")
    spark.sql("create table shared_by_all.answers using parquet as select 42 as answer")

    for _ in range(2):
        other = connect_spark(spark_project)
        (row,) = other.sql("select answer from shared_by_all.answers").collect()
        other.stop()
        assert row.answer == 42


def test_a_session_counts_in_utc_and_refuses_what_cannot_be_computed(spark: Any) -> None:
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"
    assert spark.conf.get("spark.sql.ansi.enabled") == "true"


def test_nobody_there_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark_session, "READY_SECONDS", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        remote = f"sc://127.0.0.1:{free.getsockname()[1]}/;user_id=me;x-token=geheim"

        with pytest.raises(StorageError, match="no Spark Connect server answers at sc:") as caught:
            connect_spark(on(remote))
        with pytest.raises(StorageError, match="the address asks for TLS, as use_ssl=true and any token do"):
            connect_spark(on(f"{remote};token=geheim"))

    assert "geheim" not in str(caught.value)
    assert "TLS" not in str(caught.value)


@pytest.mark.parametrize(
    "remote",
    ["sc://", "sc://host/path", "sc://host:port", "sc://host/;token", "http://host", "sc://host/;session_id=1"],
)
def test_a_wrong_address_is_one_clear_error(remote: str) -> None:
    with pytest.raises(ProjectError, match="is no address of a Spark Connect server"):
        connect_spark(on(remote))


def test_no_address_says_where_to_set_it() -> None:
    with pytest.raises(ProjectError, match="SPARK_REMOTE"):
        connect_spark(on(""))


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql.connect.session", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'ml-warehouse\[spark\]'"):
        connect_spark(on("sc://127.0.0.1:1"))


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("sc://host:15002", "sc://host:15002"),
        ("sc://me:secret@host:1/;token=secret", "sc://host:1"),
        ("sc://host;token=secret", "sc://host"),
        ("sc://[::1]:15002/;a=b", "sc://[::1]:15002"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(remote: str, shown: str) -> None:
    assert shown_remote(remote) == shown


def test_spark_is_reached_from_a_process_whose_main_module_is_no_file(spark_project: Project) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom warehouse.engine.spark_session import connect_spark\n"
        "from warehouse.project import Project, Settings\n"
        "project = Project(root=Path(sys.argv[1]), settings=Settings(spark_remote=sys.argv[2]))\n"
        "session = connect_spark(project)\nprint(session.sql('select 1').collect()[0][0])\nsession.stop()"
    )
    words = [sys.executable, "-c", script, str(spark_project.root), spark_project.settings.spark_remote]

    done = subprocess.run(words, capture_output=True, text=True, timeout=120)

    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
