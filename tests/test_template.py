from __future__ import annotations

import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from warehouse.project import Project


def test_init_writes_a_project_with_the_example_and_its_data(tmp_path: Path, run: Callable[..., Any]) -> None:
    folder = tmp_path / "my warehouse"

    outcome = run("init", str(folder))

    assert outcome.code == 0
    assert f"cd '{folder}' && warehouse build" in outcome.out.splitlines()[-1]
    assert Project.find(folder).settings.split_salt == "company"
    assert (folder / "data/nycflights13/flights/2013-12.parquet").is_file()
    assert (folder / "models").is_dir()
    assert (folder / "train_late_arrivals.py").is_file()


def test_the_example_model_reads_columns_that_the_dataset_promises() -> None:
    root = Path(__file__).parents[1]
    script = runpy.run_path(str(root / "train_late_arrivals.py"))
    (models,) = (root / "models/datasets/flight_operations").glob("*__models.yml")
    promised = {
        column["name"]
        for model in yaml.safe_load(models.read_text())["models"]
        if model["name"] == "late_arrivals_examples"
        for column in model["columns"]
    }

    assert {script["KEY"], script["LABEL"], *script["FEATURES"]} <= promised


def test_init_overwrites_nothing(project: Project, run: Callable[..., Any]) -> None:
    before = (project.root / "dbt_project.yml").read_text()

    outcome = run("init", str(project.root))

    assert outcome.code == 2
    assert "dbt_project.yml" in outcome.err
    assert (project.root / "dbt_project.yml").read_text() == before


@pytest.mark.slow
def test_a_project_whose_models_were_deleted_says_what_it_still_wants(
    tmp_path: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("init", str(tmp_path / "own"))
    monkeypatch.chdir(tmp_path / "own")
    shutil.rmtree("models")

    nothing = run("build")
    Path("models").mkdir()
    Path("models/own.sql").write_text("select 1 as id")
    refused = run("build")

    assert (nothing.code, refused.code) == (2, 2)
    assert nothing.err.startswith(f"error: nothing to build: the project in {tmp_path / 'own'} has no model\n")
    assert "warehouse init FOLDER" in nothing.err
    assert "declare group data_platform in a YAML file of models/" in refused.err
    assert "`+group: data_platform` stands, most likely in dbt_project.yml" in refused.err


def test_status_of_a_new_project_names_the_next_command(project: Project, run: Callable[..., Any]) -> None:
    assert run("status").out == "warehouse  not built yet: warehouse build\n"
