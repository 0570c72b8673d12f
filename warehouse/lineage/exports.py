"""What an export comes to for a catalog: from the model's table to the dataset's version."""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.lineage import facets
from warehouse.lineage.names import table_name, version_name
from warehouse.lineage.runs import DatasetUse, Run
from warehouse.records import Status


def end_export(
    run: Run,
    *,
    seconds: float,
    table: tuple[str, str],
    dataset: str,
    version: str,
    description: str,
    columns: Sequence[tuple[str, str, str]],
    rows: int,
    error: str = "",
) -> None:
    """Ends the run of an export.

    Args:
        run: The run.
        seconds: How long it took.
        table: Schema and name of the table that it read.
        dataset: Its name.
        version: The number that was written, or that stands.
        description: The dataset's.
        columns: Name, type and description of each.
        rows: Of all splits together.
        error: Why nothing was written; empty when there is a version.
    """
    if not run.is_told:
        return
    output = DatasetUse(
        name=version_name(run.project, dataset),
        facets=facets.of_dataset(description=description, columns=columns, version=version),
        use_facets=facets.of_writing(rows=rows),
    )
    run.end(
        Status.FAILED if error else Status.PASSED,
        seconds=seconds,
        error=error,
        inputs=[DatasetUse(name=table_name(run.project, schema=table[0], table=table[1]))],
        outputs=[] if error else [output],
    )
