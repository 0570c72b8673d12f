"""A project with builds that no dbt made, on DuckDB and on Spark: the same rows in both, and the same manifest."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
from fake_builds import Fake

from warehouse.datasets.manifest import Manifest
from warehouse.engine.spark_schemas import run
from warehouse.published import BuildFiles, SparkPlace, spark_prefix, write_spark_place


class SparkFake(Fake):
    """Makes builds in DuckDB (`build`) and on Spark (`build_on_spark`); each is published as it is made."""

    made = 0

    def __init__(self, root: Path, session: Any, remote: str) -> None:
        super().__init__(root)
        self.session = session
        self.project = replace(self.project, settings=replace(self.project.settings, spark_remote=remote))

    def build(self, *arguments: Any, **options: Any) -> str:
        """As `Fake.build`, with an id that no other project has: their schemas lie in one catalog."""
        SparkFake.made += 1
        self.count = SparkFake.made
        return super().build(*arguments, **options)

    def build_on_spark(self, dataset: Any = None, *, rows: str = "select 1 as id", **options: Any) -> str:
        """The same build as `build` makes, with its table on Spark; its id."""
        build_id = self.build(dataset, rows=rows, **options)
        files = BuildFiles(id=build_id, path=self.project.builds_path / build_id)
        schema = f"{spark_prefix(build_id)}_main"
        table = files.path / "rows.parquet"
        with duckdb.connect(str(files.database_path), read_only=True) as connection:
            connection.execute(f"copy examples to '{table}'")
        run(self.session, f"create schema {schema}")
        self.session.read.parquet(str(table)).write.format("parquet").saveAsTable(f"{schema}.examples")
        table.unlink()
        files.database_path.unlink()
        manifest = json.loads(files.dbt_manifest_path.read_text())
        for node in manifest["nodes"].values():
            node["schema"] = schema
        files.dbt_manifest_path.write_text(json.dumps(manifest))
        place = SparkPlace(remote="sc://127.0.0.1", catalog="spark_catalog", schemas={"main": schema})
        write_spark_place(files.spark_path, place)
        return build_id


def told(manifest: Manifest) -> Manifest:
    """What is equal whichever engine wrote a version: all but where it came from, and its files."""
    splits = tuple(replace(split, fingerprint="", files=()) for split in manifest.splits)
    nowhere = replace(manifest.provenance, build_id="", compiled_sql=None, compiled_sql_sha256=None)
    return replace(manifest, splits=splits, fingerprint="", provenance=nowhere, tools={})
