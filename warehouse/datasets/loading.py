"""Loading a dataset version into Python."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.datasets.manifest import Manifest
from warehouse.datasets.versions import Version, find_version, read_version
from warehouse.errors import WarehouseError
from warehouse.project import Project

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow


class MissingExtraError(WarehouseError):
    """A package that only some users need is not installed."""


class Dataset:
    """One version's splits, read when they are asked for.

    `dataset["train"]` is a lazy polars frame; nothing is read before `.collect()`, and then only the columns it needs.
    """

    def __init__(self, version: Version) -> None:
        self.version = version

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.version.name

    @property
    def manifest(self) -> Manifest:
        """What the version records about itself."""
        return self.version.manifest

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits: train first, test last."""
        return self.version.splits

    def __iter__(self) -> Iterator[str]:
        return iter(self.splits)

    def __len__(self) -> int:
        return len(self.splits)

    def __contains__(self, split: object) -> bool:
        return split in self.splits

    def __getitem__(self, split: str) -> polars.LazyFrame:
        """The split as a lazy polars frame, rows in the order that they were written.

        Raises:
            VersionError: this version has no such split.
        """
        import polars

        # NOTE: without `glob=False`, polars reads `*` and `[` in a folder's name as a pattern.
        return polars.scan_parquet(list(self.version.files(split)), glob=False, hive_partitioning=False)

    def arrow(self, split: str, *, columns: list[str] | None = None) -> pyarrow.Table:
        """The split as one Arrow table, in memory; `columns` to read fewer.

        Raises:
            MissingExtraError: pyarrow is not installed.
            VersionError: this version has no such split.
        """
        pyarrow = _import("pyarrow", extra="arrow")
        parquet = _import("pyarrow.parquet", extra="arrow")
        # One file at a time: given a folder or several files, pyarrow would look for partitions in their names.
        tables = [parquet.ParquetFile(path).read(columns=columns) for path in self.version.files(split)]
        return pyarrow.concat_tables(tables)

    def pandas(self, split: str, *, columns: list[str] | None = None) -> pandas.DataFrame:
        """The split as a pandas frame, in memory; `columns` to read fewer.

        Raises:
            MissingExtraError: pandas or pyarrow is not installed.
            VersionError: this version has no such split.
        """
        _import("pandas", extra="pandas")
        return self.arrow(split, columns=columns).to_pandas()

    def __repr__(self) -> str:
        rows = ", ".join(f"{split.name} {split.row_count:,}" for split in self.manifest.splits)
        return f"<Dataset {self.version.reference}: {rows}>"


def load_dataset(
    name: str | Path, version: str | None = None, *, project: Project | Path | str | None = None
) -> Dataset:
    """A dataset's version: the newest, the one that `version` or `name@version` says, or the one in a folder.

    Args:
        name: `late_arrivals`, `late_arrivals@1.0.0`, or the path of a version's folder, wherever it was copied to.
        version: `1.0.0`, say.
        project: The project or a folder in it; the one around the working directory when left out.

    Raises:
        VersionError: there is no such version, or its manifest cannot be read.
        ProjectError: `name` is no path, and there is no project.
    """
    folder = Path(name)
    if isinstance(name, Path) or (folder / "manifest.json").is_file():
        return Dataset(read_version(folder))
    found = project if isinstance(project, Project) else Project.find(None if project is None else Path(project))
    return Dataset(find_version(found, f"{name}@{version}" if version else name))


def _import(module: str, *, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module} is needed for this and is not installed\n  install it with: pip install 'ml-warehouse[{extra}]'"
        ) from error
