from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from warehouse.build_inputs import read_inputs, read_variables
from warehouse.project import Project


def append(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(text)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: append(root / "models/orders.sql", " "),
        lambda root: append(root / "models/deep/new.sql", "select 1"),
        lambda root: append(root / "macros/new.sql", "x"),
        lambda root: append(root / "profiles.yml", "\n"),
        lambda root: append(root / "expectations/orders.yml", "x"),
        lambda root: append(root / "dbt_packages/other/macros/x.sql", "x"),
        lambda root: (root / "models/orders.sql").rename(root / "models/orders2.sql"),
    ],
    ids=["model", "new model", "macro", "profile", "suite", "package", "new name"],
)
def test_a_change_of_any_file_that_dbt_or_the_suites_read_is_noticed(
    project: Project, change: Callable[[Path], object]
) -> None:
    before = read_inputs(project, {})
    change(project.root)

    assert read_inputs(project, {})["files_sha256"] != before["files_sha256"]


def test_times_other_folders_and_generated_state_do_not_count(project: Project) -> None:
    before = read_inputs(project, {})
    (project.root / "models/orders.sql").touch()
    append(project.root / "README.md", "x")
    append(project.root / "models/.hidden/x.sql", "x")
    append(project.state_path / "warehouse/dbt/x.sql", "x")

    assert read_inputs(project, {}) == before


def test_folders_that_the_project_names_count(project: Project) -> None:
    append(project.root / "dbt_project.yml", "\nmacro-paths: [sql_macros]\n")
    before = read_inputs(project, {})
    append(project.root / "sql_macros/x.sql", "x")

    assert read_inputs(project, {})["files_sha256"] not in (None, before["files_sha256"])


@pytest.mark.parametrize("folder", ["../other", "/elsewhere", "{{ var('folder') }}"])
def test_files_outside_cannot_be_told(project: Project, folder: str) -> None:
    append(project.root / "dbt_project.yml", f'\nmacro-paths: ["{folder}"]\n')

    assert read_inputs(project, {})["files_sha256"] is None


def test_variables_count_that_the_files_read_but_no_secrets(project: Project) -> None:
    append(project.root / "models/x.sql", "{{ env_var('REGION') }} {{ env_var(\"DB_PASSWORD\", '') }}")
    before = read_inputs(project, {"REGION": "north", "DB_PASSWORD": "a", "OTHER": "1"})

    assert read_inputs(project, {"REGION": "north", "DB_PASSWORD": "b", "OTHER": "2"}) == before
    assert read_inputs(project, {"REGION": "south"})["environment_sha256"] != before["environment_sha256"]
    assert read_inputs(project, {})["environment_sha256"] != before["environment_sha256"]
    assert read_variables(project) == ("DB_PASSWORD", "REGION")


@pytest.mark.parametrize("call", ["env_var('REGION_' ~ number)", "env_var(name)"])
def test_a_variable_whose_name_is_put_together_cannot_be_told(project: Project, call: str) -> None:
    append(project.root / "models/x.sql", "{{ " + call + " }}")

    assert read_inputs(project, {})["environment_sha256"] is None
