"""What doctor says of dbt's target on Spark, before a build would fail by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from warehouse.engine.spark_checks import check_spark
from warehouse.project import Project

ROOT = Path(__file__).parents[2]
PROFILES = (ROOT / "profiles.yml").read_text()


@pytest.mark.parametrize(
    ("profiles", "found"),
    [
        (PROFILES, ""),
        (PROFILES.replace("    spark:", "    sparky:"), "profile warehouse has no target spark"),
        (PROFILES.replace("method: session", "method: thrift"), "must have type: spark and method: session"),
        (
            PROFILES.replace("warehouse:", "shop:", 1),
            "profiles.yml has no profile warehouse, which dbt_project.yml names",
        ),
        ("warehouse:", "profile warehouse has no target spark"),
        ("a: [", "profiles.yml or dbt_project.yml cannot be read"),
        ("- a", "profiles.yml or dbt_project.yml cannot be read"),
    ],
    ids=["fine", "missing", "another way", "another profile", "empty", "no YAML", "a list"],
)
def test_a_target_that_cannot_be_built_on_is_told_of(
    tmp_path: Path, spark_remote: str, profiles: str, found: str
) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: warehouse\n")
    (tmp_path / "profiles.yml").write_text(profiles)
    project = Project.find(tmp_path)
    project = replace(project, settings=replace(project.settings, spark_remote=spark_remote))

    client, server, target = check_spark(project)

    assert (client.is_fine, server.is_fine, target.is_fine) == (True, True, not found)
    assert found in target.found
