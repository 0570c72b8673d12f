"""Turn a company's raw data into training sets that can be trusted.

The way of the data: project -> build -> validate -> publish -> export -> judge -> report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from warehouse.build_sharing.opening import open_warehouse
    from warehouse.datasets.loading import Dataset, load_dataset

__all__ = ["Dataset", "load_dataset", "open_warehouse"]


def __getattr__(name: str) -> Any:
    # Loading a dataset needs polars, half a second; `warehouse --help` must not wait for it.
    if name == "open_warehouse":
        from warehouse.build_sharing import opening

        return opening.open_warehouse
    if name in __all__:
        from warehouse.datasets import loading

        return getattr(loading, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
