from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from warehouse.errors import ProjectError
from warehouse.project import Project, Settings, read_settings


def test_a_project_is_found_from_a_folder_inside(project: Project) -> None:
    assert Project.find(project.root / "models").root == project.root


def test_outside_a_project_the_error_says_where_it_looked_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        Project.find(tmp_path)

    assert str(tmp_path) in str(caught.value)
    assert "--project" in str(caught.value)


def test_settings_come_from_the_file_then_from_the_environment(project: Project) -> None:
    path = project.root / "pyproject.toml"

    assert read_settings(path, {}).keep_builds == 2
    assert read_settings(path, {"WAREHOUSE_KEEP_BUILDS": "7"}).keep_builds == 7
    assert read_settings(project.root / "missing.toml", {}) == Settings()


def test_all_problems_of_settings_come_together(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text('[tool.warehouse]\nkeep_build = 3\nthreads = "two"\n')

    with pytest.raises(ProjectError) as caught:
        read_settings(path, {"WAREHOUSE_KEEP_BUILDS": "0"})

    message = str(caught.value)
    assert "no setting 'keep_build'; did you mean 'keep_builds'?" in message
    assert "threads must be of type int, not 'two'" in message
    assert "keep_builds must be 1 or more" in message


@pytest.mark.parametrize(
    "content", ["[tool.warehouse", "tool = 1", "[tool]\nwarehouse = 3"], ids=["cut", "flat", "scalar"]
)
def test_a_malformed_settings_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(content)

    with pytest.raises(ProjectError, match=r"pyproject\.toml"):
        read_settings(path, {})


def test_a_command_outside_a_project_exits_with_2_and_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any]
) -> None:
    monkeypatch.chdir(tmp_path)

    outcome = run("builds")

    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("error: no warehouse project here")


def test_sparks_own_variable_wins_and_no_address_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text('[tool.warehouse]\nengine = "spark"\nspark_remote = "sc://one:15002/;token=geheim"\n')

    assert read_settings(path, {}).spark_remote == "sc://one:15002/;token=geheim"
    assert read_settings(path, {"SPARK_REMOTE": "sc://two"}).spark_remote == "sc://two"
    assert "geheim" not in repr(read_settings(path, {}))


def test_a_spark_engine_without_a_usable_address_is_an_error_that_shows_no_token(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text('[tool.warehouse]\nengine = "spark"\n')

    with pytest.raises(ProjectError, match="no cluster is set"):
        read_settings(path, {})
    with pytest.raises(ProjectError, match="sc://host:15002") as caught:
        read_settings(path, {"SPARK_REMOTE": "local://geheim"})
    assert "geheim" not in str(caught.value)
    with pytest.raises(ProjectError, match="engine must be one of duckdb, spark"):
        read_settings(path, {"WAREHOUSE_ENGINE": "flink"})


def test_builds_on_spark_are_not_shared_and_that_is_said_before_one_is_made(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    shared = 'share_builds = true\nstore = "s3://company/warehouse"\nspark_remote = "sc://one:15002"\n'
    path.write_text(f'[tool.warehouse]\nengine = "spark"\n{shared}')
    with pytest.raises(ProjectError, match="share_builds is true, and builds on Spark are not files"):
        read_settings(path, {})
    here = Project(root=tmp_path, settings=read_settings(path, {"WAREHOUSE_ENGINE": "duckdb"}))
    with pytest.raises(ProjectError, match="share_builds is true, and builds on Spark are not files"):
        here.on_engine("spark")
    assert here.on_engine("duckdb").settings.share_builds
