"""Loading a dataset version into Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.datasets.frames import scan
from warehouse.datasets.manifest import FileRecord, Manifest
from warehouse.datasets.record_batches import UNIT_FORMATS, read_table
from warehouse.datasets.store_pull import open_remote
from warehouse.datasets.subsets import SUBSET_SPLIT, Share, check_fraction, is_written, share_of, subset_files
from warehouse.datasets.versions import Version, find_version, read_version
from warehouse.errors import MissingExtraError, VersionError, import_extra, suggestion
from warehouse.project import Project

if TYPE_CHECKING:
    import datasets
    import duckdb
    import pandas
    import polars
    import pyarrow

    from warehouse.datasets.torch_data import SplitRows

__all__ = ["Dataset", "MissingExtraError", "load_dataset"]


class Dataset:
    """One version's splits, read when they are asked for.

    `dataset["train"]` is a lazy polars frame; nothing is read before `.collect()`, and then only the columns it needs.
    """

    def __init__(self, version: Version, *, fraction: float = 1.0) -> None:
        check_fraction(version.manifest, fraction)
        self.version = version
        self.fraction = fraction

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
        frame = scan(self._paths(split), self.manifest.columns, self.manifest.spec.format)
        share = self._share(split)
        return frame if share is None else frame.filter(_holds(share))

    def arrow(self, split: str, *, columns: Sequence[str] | None = None) -> pyarrow.Table:
        """The split as one Arrow table, `columns` to read fewer; in memory, but for Arrow files, which are mapped.

        Raises:
            MissingExtraError: pyarrow is not installed.
            VersionError: this version has no such split or column.
        """
        import_extra("pyarrow", extra="arrow")
        chosen = self._columns(columns)
        if self.manifest.spec.format in UNIT_FORMATS and self._share(split) is None:
            return read_table(self._paths(split), chosen, self.manifest.spec.format)
        return self[split].select(chosen).collect().to_arrow()

    def pandas(self, split: str, *, columns: Sequence[str] | None = None) -> pandas.DataFrame:
        """The split as a pandas frame, in memory; `columns` to read fewer.

        Raises:
            MissingExtraError: pandas or pyarrow is not installed.
            VersionError: this version has no such split or column.
        """
        import_extra("pandas", extra="pandas")
        frame: pandas.DataFrame = self.arrow(split, columns=columns).to_pandas()
        return frame

    def torch(
        self,
        split: str,
        *,
        columns: Sequence[str] | None = None,
        label: str | None = None,
        batch_size: int | None = None,
        shuffle_seed: int | None = None,
    ) -> SplitRows:
        """The split as a PyTorch `IterableDataset`, for a `DataLoader` with any number of workers and ranks.

        It reads a row group at a time, each in one worker alone. See `SplitRows` for what becomes of types and NULL.

        Args:
            split: The split's name.
            columns: To read fewer.
            label: A column that is given apart: the dataset then yields pairs of features and label.
            batch_size: Yields whole batches, much faster than rows that a `DataLoader` collects (give it
                `batch_size=None` then); rows when left out.
            shuffle_seed: Shuffles row groups, and rows within each; differently after each `set_epoch`.

        Raises:
            MissingExtraError: torch or pyarrow is not installed.
            VersionError: no such split or column, or files of text, which cannot be read in parts.
        """
        import_extra("torch", extra="torch")
        import_extra("pyarrow", extra="arrow")
        spec = self.manifest.spec
        if spec.format not in UNIT_FORMATS:
            raise VersionError(
                f"{self.version.reference} is of {spec.format} files, which cannot be read in parts\n"
                f"  export it as parquet or arrow, or wrap dataset[{split!r}] yourself"
            )
        if batch_size is not None and batch_size < 1:
            raise VersionError(f"batch_size must be at least 1, not {batch_size}")
        chosen = self._columns(columns)
        self._columns([label] if label else [])
        from warehouse.datasets.torch_data import SplitRows

        return SplitRows(
            self._paths(split),
            tuple(dict.fromkeys((*chosen, *([label] if label else [])))),
            format_=spec.format,
            label=label,
            batch_size=batch_size,
            shuffle_seed=shuffle_seed,
            share=self._share(split),
        )

    def huggingface(self, split: str | None = None) -> datasets.Dataset | datasets.DatasetDict:
        """The split, or all in a dictionary, for Hugging Face `datasets`: rows stay in mapped files, not in memory.

        Arrow files are mapped as they lie; others are converted once, into the cache of `datasets`.

        Raises:
            MissingExtraError: datasets is not installed.
            VersionError: this version has no such split.
        """
        from warehouse.datasets.hugging_face import hugging_face_dataset

        library = import_extra("datasets", extra="huggingface")
        if split is None:
            return library.DatasetDict({name: self.huggingface(name) for name in self.splits})
        return hugging_face_dataset(
            self._paths(split),
            self.manifest.columns,
            format_=self.manifest.spec.format,
            split=split,
            checksums=[file.sha256 for file in self._files(split)],
            share=self._share(split),
        )

    def duckdb(self, split: str, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """The split as a relation of your connection, read when it is asked.

        Raises:
            VersionError: no such split, or a fraction that was not written as files.
        """
        if split == SUBSET_SPLIT and self.fraction != 1:
            raise VersionError(f"a fraction of {self.version.reference} cannot be a relation; load it without one")
        return connection.sql(f"select * from {self.version.split(split).sql}")

    def __repr__(self) -> str:
        rows = ", ".join(f"{split.name} {split.row_count:,}" for split in self.manifest.splits)
        share = f", train x {self.fraction:g}" if self.fraction != 1 else ""
        return f"<Dataset {self.version.reference}: {rows}{share}>"

    def _files(self, split: str) -> tuple[FileRecord, ...]:
        self.version.files(split)  # refuses a split that is not there
        files = next(record.files for record in self.manifest.splits if record.name == split)
        if split == SUBSET_SPLIT and self.fraction != 1 and is_written(self.manifest, self.fraction):
            return subset_files(files, self.fraction)
        return files

    def _paths(self, split: str) -> tuple[Path, ...]:
        chosen = {file.path for file in self._files(split)}
        records = next(record.files for record in self.manifest.splits if record.name == split)
        both = zip(records, self.version.files(split), strict=True)
        return tuple(path for record, path in both if record.path in chosen)

    def _share(self, split: str) -> Share | None:
        """The rule that tells the rows of the fraction, where no files do."""
        if split != SUBSET_SPLIT or self.fraction == 1 or is_written(self.manifest, self.fraction):
            return None
        return share_of(self.manifest, self.fraction)

    def _columns(self, columns: Sequence[str] | None) -> list[str]:
        known = [column.name for column in self.manifest.columns]
        for name in columns or ():
            if name not in known:
                raise VersionError(f"{self.version.reference} has no column {name!r}; {suggestion(name, known)}")
        return known if columns is None else list(columns)


def load_dataset(
    name: str | Path,
    version: str | None = None,
    *,
    fraction: float = 1.0,
    project: Project | Path | str | None = None,
) -> Dataset:
    """A dataset's version: the newest, the one that `version` or `name@version` says, or the one in a folder.

    Args:
        name: `late_arrivals`, `late_arrivals@1.0.0`, the path of a version's folder, wherever it was copied to, or
            `s3://bucket/prefix/late_arrivals` in an object store: downloaded once, then read from a cache. So is a
            version of the project whose data files lie in its store.
        version: `1.0.0`, say, or a tag.
        fraction: Share of train to read, by entity; a smaller one is always inside a larger one. One that the dataset
            declares as a subset reads only its files; any other reads all of train and keeps its rows.
        project: The project or a folder in it; the one around the working directory when left out.

    Raises:
        VersionError: there is no such version, its manifest cannot be read, or the fraction cannot be told.
        StoreError: the store has no such version, or cannot be reached.
        ProjectError: `name` is no path, and there is no project.
    """
    if isinstance(name, str) and name.startswith(("s3://", "file://")):
        return Dataset(open_remote(name, version), fraction=fraction)
    folder = Path(name)
    if isinstance(name, Path) or (folder / "manifest.json").is_file():
        return Dataset(read_version(folder), fraction=fraction)
    found = project if isinstance(project, Project) else Project.find(None if project is None else Path(project))
    named = find_version(found, f"{name}@{version}" if version else str(name))
    if (store := named.store_url) is not None:
        named = open_remote(f"{store}/{named.name}", named.number)
    return Dataset(named, fraction=fraction)


def _holds(share: Share) -> polars.Expr:
    """Whether a row is in the share, for a lazy frame."""
    import polars

    def held(rows: Any) -> polars.Series:
        frame = rows.struct.unnest()
        return polars.Series(share.holds({name: frame[name].to_list() for name in share.columns}), dtype=polars.Boolean)

    return polars.struct(share.columns).map_batches(held, return_dtype=polars.Boolean())
