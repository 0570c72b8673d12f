"""The one door to Great Expectations: imported quietly, with no word to its makers, knowing DuckDB.

GX takes seconds to import, so nothing imports this module at its top, and it imports GX only inside `load()`.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

SILENT = logging.CRITICAL + 1


@contextmanager
def _without_pyspark() -> Iterator[None]:
    """Lets GX do without Spark's client, which it would load, for seconds, wherever it is installed.

    Under `python -c` that would even end the process.
    """
    loaded = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "pyspark"}
    for name in loaded:
        del sys.modules[name]
    sys.modules["pyspark"] = None  # type: ignore[assignment] # how Python is told that there is no such module
    try:
        yield
    finally:
        del sys.modules["pyspark"]
        sys.modules.update(loaded)


@cache
def load() -> Any:
    """The package `great_expectations`, with DuckDB's datasource and metrics registered."""
    # GX reads this when it is imported, and would send usage statistics.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # What fails is in the results; GX would also log it, with a traceback per metric.
    logging.getLogger("great_expectations").setLevel(SILENT)
    with warnings.catch_warnings(), _without_pyspark():
        # Deprecations among GX's own dependencies, none of which we can change.
        warnings.simplefilter("ignore")
        import great_expectations
        from great_expectations.validator import validation_graph as graph

        from warehouse.validation import metrics  # noqa: F401 - registers our metrics
    # This one sets a level of its own, and tells whoever listens to the root where it keeps its temporary files.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(SILENT)
    # One expectation (Kullback-Leibler) shows a progress bar whatever the context's setting is.
    module: Any = graph
    bar = module.tqdm
    module.tqdm = lambda *values, **options: bar(*values, **{**options, "disable": True})
    return great_expectations
