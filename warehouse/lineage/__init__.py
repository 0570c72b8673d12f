"""Tells catalogs that read OpenLineage what ran, from which datasets to which, and how it ended.

Nothing is sent, and nothing of OpenLineage imported, unless it is configured: by its own environment variables or an
`openlineage.yml`. What cannot be sent is logged and never stops a run.
"""

from warehouse.lineage.builds import end_build
from warehouse.lineage.exports import end_export
from warehouse.lineage.runs import Run, abort_run, start_run

__all__ = ["Run", "abort_run", "end_build", "end_export", "start_run"]
