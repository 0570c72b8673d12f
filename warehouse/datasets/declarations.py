"""The datasets that a project declares: dbt exposures of `type: ml` with `config.meta.dataset`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from warehouse.datasets.parsing import parse_spec
from warehouse.datasets.spec import ColumnSplit, DatasetSpec, TimeSplit
from warehouse.datasets.splits import KEY_TYPES, is_key_type
from warehouse.dbt_manifest import DbtManifest, Exposure, Model
from warehouse.errors import SpecError, problem_list, suggestion

TABLES = ("table", "incremental", "seed", "snapshot")
"""Materializations that leave a table: a view could say something else at every scan."""

_TIME_TYPES = ("DATE", "TIMESTAMP", "DATETIME")
_LOSSY_TYPES = (
    "HUGEINT",
    "UHUGEINT",
    "INTERVAL",
    "BIT",
    "BITSTRING",
    "TIMETZ",
    "TIME WITH TIME ZONE",
    "UNION",
    "VARIANT",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One dataset as the project declares it, usable or not."""

    name: str
    exposure: Exposure
    model: Model | None
    """What it reads; None when that is not one model."""
    draft: DatasetSpec | None
    """The specification as far as it can be understood."""
    own_problems: tuple[str, ...]
    """Of the declaration, whatever the columns are."""
    contract_problems: tuple[str, ...]
    """With the columns that the model's contract promises."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that is wrong, as far as one can know without the table."""
        return (*self.own_problems, *self.contract_problems)

    @property
    def document(self) -> Mapping[str, Any]:
        """The specification as it stands in the YAML."""
        document = self.exposure.meta.get("dataset")
        return document if isinstance(document, Mapping) else {}

    def usable(self, types: Mapping[str, str] | None = None) -> tuple[DatasetSpec, Model]:
        """The specification and its model.

        Args:
            types: The table's real columns; without them, the contract's count.

        Raises:
            SpecError: lists every problem of the declaration and with the columns.
        """
        problems = list(self.problems)
        if types is not None and self.draft is not None and self.model is not None:
            problems = [*self.own_problems, *column_problems(self.draft, types, model=self.model)]
        if problems or self.draft is None or self.model is None:
            where = self.exposure.original_file_path
            raise SpecError(problem_list(f"dataset {self.name!r}, declared in {where}, cannot be used:", problems))
        return self.draft, self.model


def read_declarations(manifest: DbtManifest, *, default_salt: str) -> tuple[Declaration, ...]:
    """Every dataset of the project, sorted by name, with the problems of each; reads no data.

    A column is looked for among those of the model's YAML when the model has an enforced contract, where they are
    complete.
    """
    exposures = [exposure for exposure in manifest.exposures.values() if "dataset" in exposure.meta]
    # A file system may take `Late` and `late` for one folder.
    uses = Counter(exposure.name.lower() for exposure in exposures)
    declarations = []
    for exposure in sorted(exposures, key=lambda exposure: (exposure.name, exposure.unique_id)):
        declaration = _declaration(manifest, exposure, default_salt)
        if uses[exposure.name.lower()] > 1:
            files = sorted(e.original_file_path for e in exposures if e.name.lower() == exposure.name.lower())
            problem = f"the name is used {len(files)} times: {', '.join(files)}"
            declaration = replace(declaration, own_problems=(problem, *declaration.own_problems))
        declarations.append(declaration)
    return tuple(declarations)


def find_declaration(manifest: DbtManifest, name: str, *, default_salt: str) -> Declaration:
    """The dataset of this name, usable or not.

    Raises:
        SpecError: the project declares none of this name.
    """
    declarations = read_declarations(manifest, default_salt=default_salt)
    for declaration in declarations:
        if declaration.name == name:
            return declaration
    known = [declaration.name for declaration in declarations]
    hint = suggestion(name, known) or "this build declares none: add an exposure with config.meta.dataset"
    raise SpecError(f"no dataset is called {name!r}; {hint}\n  list: warehouse datasets")


def _declaration(manifest: DbtManifest, exposure: Exposure, default_salt: str) -> Declaration:
    problems = []
    if exposure.type != "ml":
        problems.append(f"the exposure's type is {exposure.type!r}; a dataset's is ml")
    models = [manifest.models[name] for name in exposure.depends_on if name in manifest.models]
    model = models[0] if len(models) == 1 and len(exposure.depends_on) == 1 else None
    if model is None:
        named = ", ".join(name.split(".")[-1] for name in exposure.depends_on) or "nothing"
        problems.append(f"depends_on must be exactly one model, ref('<dataset>_examples') say; it is {named}")
    elif model.materialized not in TABLES:
        problems.append(
            f"model {model.name!r} ({model.file_path}) is a {model.materialized}, and a dataset reads a table"
            "\nset materialized: table"
        )
    spec, found = parse_spec(
        exposure.name, exposure.meta["dataset"], model=model.name if model else "", default_salt=default_salt
    )
    contract_problems: list[str] = []
    if spec is not None and model is not None and model.contract_enforced:
        types = {column.name: column.data_type for column in model.columns.values()}
        contract_problems = column_problems(spec, types, model=model)
    return Declaration(
        name=exposure.name,
        exposure=exposure,
        model=model,
        draft=spec,
        own_problems=(*problems, *found),
        contract_problems=tuple(contract_problems),
    )


def column_problems(spec: DatasetSpec, types: Mapping[str, str | None], *, model: Model) -> list[str]:
    """What does not fit between a specification and these columns of its model; a type of None fits everything."""
    where = f"model {model.name!r}"
    pii = {column.name.lower() for column in model.columns.values() if column.is_pii}
    known = tuple(types)
    problems: list[str] = []
    roles = {
        "key": spec.key,
        "label": (spec.label,),
        "groups": spec.groups,
        "time": (spec.time,),
        "columns.include": spec.include,
        "columns.exclude": spec.exclude,
        "split.column": (spec.split.column,) if isinstance(spec.split, ColumnSplit) else (),
    }
    for role, names in roles.items():
        for name in names:
            if name and name not in types:
                problems.append(f"{role}: {where} has no column {name!r}; {suggestion(name, known)}")
    for role, names in (("key", spec.key), ("groups", spec.groups)):
        for name in names:
            found = types.get(name)
            if found is not None and not is_key_type(found):
                problems.append(
                    f"{role}: {name!r} is of type {found}, which engines print differently, so it cannot place rows"
                    f"\nuse {KEY_TYPES}, or cast it in the model"
                )
    time_type = types.get(spec.time) if spec.time is not None else None
    if time_type is not None and not time_type.upper().startswith(_TIME_TYPES):
        needs = "split by time" if isinstance(spec.split, TimeSplit) else "be the time of an example"
        problems.append(f"time: {spec.time!r} is of type {time_type}; only a date or timestamp can {needs}")
    exported = exported_columns(spec, known)
    problems += [
        f"column {name!r} is marked pii: leave it out (columns.exclude), or grant it by naming it in columns.include"
        for name in exported
        if name.lower() in pii and name not in spec.include
    ]
    if any(name.lower() == "rowid" for name in known):
        problems.append(
            f"{where} has a column 'rowid', which hides the engine's own row numbers; rename it in the model"
        )
    for name in exported:
        found = types[name]
        if found is not None and found.upper().startswith(_LOSSY_TYPES):
            problems.append(f"column {name!r} is of type {found}, which Parquet cannot hold; cast it in the model")
    return problems


def exported_columns(spec: DatasetSpec, columns: Iterable[str]) -> tuple[str, ...]:
    """Which of a table's columns are exported, in the table's order."""
    return tuple(name for name in columns if (name in spec.include if spec.include else name not in spec.exclude))
