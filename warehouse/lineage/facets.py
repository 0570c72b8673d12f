"""Facets: what OpenLineage says beside names; only those that it defines itself, so that any catalog knows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version as installed_version
from typing import Any

PRODUCER = f"https://pypi.org/project/ml-warehouse/{installed_version('ml-warehouse')}/"


def of_dataset(
    *, description: str = "", columns: Iterable[tuple[str, str, str]] = (), version: str = ""
) -> dict[str, Any]:
    """Of a dataset itself.

    Args:
        description: As its YAML gives it.
        columns: Name, type and description of each; what is empty is left out.
        version: Of a dataset that has versions.
    """
    from openlineage.client.facet_v2 import dataset_version_dataset, documentation_dataset, schema_dataset

    found: dict[str, Any] = {}
    fields = [
        schema_dataset.SchemaDatasetFacetFields(
            name=name, type=type_ or None, description=text.strip() or None, ordinal_position=place
        )
        for place, (name, type_, text) in enumerate(columns, start=1)
    ]
    if fields:
        found["schema"] = schema_dataset.SchemaDatasetFacet(fields=fields, producer=PRODUCER)
    if description.strip():
        found["documentation"] = documentation_dataset.DocumentationDatasetFacet(
            description=description.strip(), contentType="text/markdown", producer=PRODUCER
        )
    if version:
        found["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=version, producer=PRODUCER)
    return found


def of_reading(*, rows: int | None, files: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    """Of files that were read, each with its `bytes`; None where they are not known."""
    from openlineage.client.facet_v2 import input_statistics_input_dataset as module

    facet = module.InputStatisticsInputDatasetFacet(
        rowCount=rows,
        size=None if files is None else sum(int(file["bytes"]) for file in files),
        fileCount=None if files is None else len(files),
        producer=PRODUCER,
    )
    return {"inputStatistics": facet}


def of_writing(*, rows: int | None, size: int | None = None, files: int | None = None) -> dict[str, Any]:
    """Of what was written; empty for a view, which has no rows of its own."""
    from openlineage.client.facet_v2 import output_statistics_output_dataset as module

    if rows is None:
        return {}
    facet = module.OutputStatisticsOutputDatasetFacet(rowCount=rows, size=size, fileCount=files, producer=PRODUCER)
    return {"outputStatistics": facet}


def of_checks(assertions: list[Any]) -> dict[str, Any]:
    """Of a table that was checked."""
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as module

    return {"dataQualityAssertions": module.DataQualityAssertionsDatasetFacet(assertions=assertions, producer=PRODUCER)}


def assertion(name: str, *, kind: str, column: str | None, success: bool, severity: str) -> Any:
    """One check: its name, the sort that it is of, and how it ended; never a value of the data."""
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as module

    return module.Assertion(assertion=kind, success=success, column=column, severity=severity.lower(), name=name)


def of_job(*, description: str = "", sql: str = "") -> dict[str, Any]:
    """Of a job: what it is for, and what it runs."""
    from openlineage.client.facet_v2 import documentation_job, sql_job

    found: dict[str, Any] = {}
    if description.strip():
        found["documentation"] = documentation_job.DocumentationJobFacet(
            description=description.strip(), contentType="text/markdown", producer=PRODUCER
        )
    if sql.strip():
        found["sql"] = sql_job.SQLJobFacet(query=sql.strip(), dialect="duckdb", producer=PRODUCER)
    return found
