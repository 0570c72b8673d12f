"""Rows that people name on the command line: a version, one of its splits, a table of the published build, files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse import storage
from warehouse.build_tables import read_build_manifest
from warehouse.datasets.formats import read_relation
from warehouse.datasets.versions import MANIFEST_NAME, Version, dataset_names, find_version_or_folder
from warehouse.dbt_manifest import DbtManifest, Model
from warehouse.errors import ProjectError, VersionError, suggestion
from warehouse.project import Project
from warehouse.published import BuildFiles, find_build, published_id
from warehouse.sql import Relation, literal

if TYPE_CHECKING:
    import duckdb

TODAY = "@build"
"""What people write for the table, in the published build, of the model that a dataset is made from."""
ENDINGS = (".parquet", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".arrow")
_STORED = ("table", "incremental", "seed", "snapshot", "view")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRows:
    """What a name means. To read a build's table, it must be the one that is open; see `row_engines.py`."""

    name: str
    """As messages and reports say it."""
    relation: Relation
    version: Version | None = None
    """Whose rows these are; None for tables and files."""
    split: str | None = None
    """The one split that was named; None for all of them."""
    build: BuildFiles | None = None
    """The build that has the table; None for files."""
    is_today: bool = False
    """Whether it is the table that the dataset on the other side is made from."""
    is_view: bool = False
    """Whether it is a view of the build, which may read any file that the project's own SQL names."""
    paths: tuple[str, ...] = ()
    """Of files that belong to no version."""
    is_text: bool = False
    """Whether reading it means to guess types and parse text, which one wants to do once."""

    @property
    def is_csv(self) -> bool:
        """Whether these are CSV files, whose types are guessed."""
        return self.is_text and any(path.lower().removesuffix(".gz").endswith(".csv") for path in self.paths)

    @property
    def is_gone(self) -> bool:
        """Whether it is a version and some of its files are not there."""
        if self.version is None:
            return False
        splits = [self.split] if self.split else self.version.splits
        return not all(path.is_file() for split in splits for path in self.version.files(split))


def check_presence(rows: NamedRows) -> None:
    """Makes sure that a version's files are there, and whole as far as their sizes tell.

    Raises:
        VersionError: some are not.
    """
    if rows.version is not None:
        rows.version.check_is_here()
    if rows.is_gone and rows.version is not None:
        reference = rows.version.reference
        raise VersionError(
            f"files of {reference} are gone, so its rows cannot be read"
            f"\n  get them back: warehouse pull {reference}; or let its profile stand for them as the first of two: "
            f"warehouse drift {reference} @build"
        )
    if rows.version is not None:
        for split in [rows.split] if rows.split else rows.version.splits:
            rows.version.check_files(split)


def confine_to_rows(connection: duckdb.DuckDBPyConnection, *rows: NamedRows) -> None:
    """From now on the connection reads these rows and no other file, whatever the manifests of their versions say.

    With a view among them nothing changes, since nobody knows which files it reads.
    """
    if any(one.is_view for one in rows):
        return
    paths = [path for one in rows for path in one.paths]
    storage.confine(
        connection,
        folders=[one.version.path / "data" for one in rows if one.version is not None],
        files={*paths, *Relation.escaped(paths)},
    )


def find_pair(project: Project, left: str, right: str) -> tuple[NamedRows, NamedRows]:
    """What two names mean; `@build` is the table of the dataset that the other one names.

    Raises:
        VersionError: there is no such version or split.
        ProjectError: nothing has this name, no file matches, or `@build` is not clear.
    """
    if left == TODAY and right == TODAY:
        raise ProjectError(
            f"{TODAY} cannot be compared with itself\n  for example: warehouse drift late_arrivals {TODAY}"
        )
    if left == TODAY:
        second = find_rows(project, right)
        return find_rows(project, left, beside=second.version), second
    first = find_rows(project, left)
    return first, find_rows(project, right, beside=first.version)


def find_rows(project: Project, text: str, *, beside: Version | None = None) -> NamedRows:
    """What a name means: the first of version or dataset, files, table of the published build that it can be.

    Args:
        project: where to look.
        text: `late_arrivals`, `late_arrivals@1.0.0:test`, `@build`, `main.fct_flights`, `data/*.parquet`.
        beside: the version that it is compared with, which `@build` alone refers to.

    Raises:
        VersionError: there is no such version or split.
        ProjectError: nothing has this name, or no file matches.
    """
    if not text.strip() or "\0" in text:
        raise ProjectError(f"{text!r} names nothing\n{_EXAMPLES}")
    if text.endswith(TODAY):
        return _table_of_today(project, text.removesuffix(TODAY), beside)
    reference, colon, split = text.rpartition(":") if "://" not in text else ("", "", text)
    if not colon:
        reference, split = text, ""
    if _is_version(project, reference):
        version = find_version_or_folder(project, reference)
        return rows_of_version(version, split or None) if split or not colon else _no_split(version, text)
    if _is_path(text):
        return _files(text)
    if text.startswith("@"):
        raise ProjectError(f"{text!r} names nothing; {suggestion(text, [TODAY])}\n{_EXAMPLES}")
    if "@" in reference:
        # Nothing else has an @, so the message about versions is the right one.
        find_version_or_folder(project, reference)
    return _table(project, text)


def _no_split(version: Version, text: str) -> NamedRows:
    raise VersionError(f"{text!r} names no split; {version.reference} has {', '.join(version.splits)}")


def _is_version(project: Project, reference: str) -> bool:
    return reference.partition("@")[0] in dataset_names(project) or (Path(reference) / MANIFEST_NAME).is_file()


def rows_of_version(version: Version, split: str | None = None) -> NamedRows:
    """One split of a version, or all of its rows; the files need not be there, since a profile may stand for them.

    Raises:
        VersionError: the version has no such split.
    """
    manifest = version.manifest
    name = version.reference if split is None else f"{split} of {version.reference}"
    paths = [str(path) for each in (version.splits if split is None else [split]) for path in version.files(each)]
    relation = read_relation(manifest.spec.format, paths, manifest.columns, name=name)
    return NamedRows(name=name, relation=relation, version=version, split=split)


def columns_of_export(version: Version, names: Sequence[str]) -> dict[str, str]:
    """Columns that only one of a version and the table it was made from has because of the export, with the reason.

    Args:
        version: the exported rows.
        names: the table's columns.
    """
    exported = [column.name for column in version.manifest.columns]
    apart = {name: "not part of the dataset" for name in names if name not in exported}
    return apart | {
        name: "not in the table: the export or an earlier model gave it" for name in exported if name not in names
    }


def pseudonyms(version: Version) -> dict[str, str]:
    """Columns whose values are nobody else's, with the reason."""
    columns = version.manifest.columns
    return {column.name: "exported as a keyed hash of its values" for column in columns if column.pseudonym}


def _table_of_today(project: Project, dataset: str, beside: Version | None) -> NamedRows:
    version = beside
    if dataset:
        version = find_version_or_folder(project, dataset)
    if version is None:
        raise ProjectError(
            f"{TODAY} is the table of a dataset's model, and neither side names a dataset"
            f"\n  for example: warehouse drift late_arrivals {TODAY}, or name the table: warehouse drift A fct_flights"
        )
    files, manifest = _published(project)
    unique_id = version.manifest.provenance.model
    model = manifest.models.get(unique_id)
    if model is None or model.materialized not in _STORED:
        raise ProjectError(
            f"the published build {files.id} has no table of {unique_id.split('.')[-1]!r}, which {version.reference} "
            "was made from\n  name the table that has taken its place: warehouse drift "
            f"{version.reference} SCHEMA.TABLE"
        )
    return replace(_rows_of_model(files, model, name=f"{model.name} today"), is_today=True)


def _published(project: Project) -> tuple[BuildFiles, DbtManifest]:
    files = find_build(project)
    return files, read_build_manifest(files)


def _rows_of_model(files: BuildFiles, model: Model, *, name: str) -> NamedRows:
    relation = Relation.table("warehouse", model.schema, model.alias)
    return NamedRows(name=name, relation=relation, build=files, is_view=model.materialized == "view")


def _table(project: Project, text: str) -> NamedRows:
    models: dict[str, Model] = {}
    if published_id(project) is not None:
        files, manifest = _published(project)
        models = {name: model for name, model in manifest.models.items() if model.materialized in _STORED}
        called = {name: f"{model.schema}.{model.alias}" for name, model in models.items()}
        found = [name for name, model in models.items() if text in (model.name, called[name])]
        if len(found) == 1:
            return _rows_of_model(files, models[found[0]], name=called[found[0]])
        if found:
            names = ", ".join(sorted(called[name] for name in found))
            raise ProjectError(f"{text!r} is the name of {len(found)} tables: {names}\n  name one with its schema")
    known = [*dataset_names(project), *sorted({model.name for model in models.values()})]
    hint = suggestion(text, known)
    raise ProjectError(
        f"{text!r} is neither a dataset with a version, nor a table of the published build, nor files"
        f"{f'; {hint}' if hint else ''}\n{_EXAMPLES}"
    )


_EXAMPLES = (
    "  a dataset: late_arrivals; a version: late_arrivals@1.0.0; a split: late_arrivals@1.0.0:test; "
    f"today's table: {TODAY};\n  a table: main.fct_flights; files: 'data/*.parquet' ({', '.join(ENDINGS)})"
)


def _is_path(text: str) -> bool:
    return "/" in text or Path(text).is_dir() or any(char in text for char in "*?[") or text.lower().endswith(ENDINGS)


def _files(text: str) -> NamedRows:
    """Files by a path or pattern, in the order of their names."""
    if "://" in text:
        raise ProjectError(f"{text!r} is an address, and only local files are read\n  copy the files here first")
    if Path(text).is_dir():
        raise ProjectError(
            f"{text!r} is a folder and no dataset version\n  name its files: '{text.rstrip('/')}/*.parquet'"
        )
    exact = Path(text).is_file()
    paths = [text] if exact else _matching(text)
    if not paths:
        folder = Path(text).parent
        near = [str(path) for path in sorted(folder.iterdir())] if folder.is_dir() else []
        hint = suggestion(text, [path for path in near if path.lower().endswith(ENDINGS)])
        raise ProjectError(f"no file matches {text!r}{f'; {hint}' if hint else ''}")
    endings = {next((ending for ending in ENDINGS if path.lower().endswith(ending)), "") for path in paths}
    if "" in endings:
        wrong = next(path for path in paths if not path.lower().endswith(ENDINGS))
        raise ProjectError(f"{wrong!r} is of no kind that is read; known: {', '.join(ENDINGS)}")
    kinds = {ending.removesuffix(".gz") for ending in endings}
    if len(kinds) > 1:
        raise ProjectError(f"{text!r} matches files of several kinds: {', '.join(sorted(kinds))}\n  name one kind")
    kind = kinds.pop()
    absolute = tuple(str(Path(path).absolute()) for path in paths)
    relation = _relation(kind, absolute, text)
    return NamedRows(name=text, relation=relation, paths=absolute, is_text=kind not in (".parquet", ".arrow"))


def _matching(text: str) -> list[str]:
    pattern = Path(text)
    root = Path(pattern.anchor) if pattern.is_absolute() else Path()
    try:
        return sorted(str(path) for path in root.glob(str(pattern.relative_to(pattern.anchor))) if path.is_file())
    except ValueError as error:
        raise ProjectError(f"{text!r} is not a pattern of files: {error}") from error


def with_text_columns(rows: NamedRows, columns: Sequence[str]) -> NamedRows:
    """The same rows of CSV files, with these columns as text, as it is written there."""
    return replace(rows, relation=_relation(".csv", rows.paths, rows.name, text_columns=columns))


def _relation(kind: str, paths: Sequence[str], name: str, *, text_columns: Sequence[str] = ()) -> Relation:
    if kind == ".parquet":
        return Relation.parquet(paths, name=name)
    if kind == ".arrow":
        return Relation.arrow(paths, name=name)
    listed = ", ".join(map(literal, Relation.escaped(paths)))
    # All rows are looked at to find the types, so that these do not depend on which come first.
    options = "union_by_name = true, hive_partitioning = false, sample_size = -1"
    if kind == ".csv":
        if text_columns:
            texts = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in text_columns)
            options += f", types = {{{texts}}}"
        return Relation(f"read_csv([{listed}], {options})", name)
    return Relation(f"read_json([{listed}], format = 'newline_delimited', {options})", name)
