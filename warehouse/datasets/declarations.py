"""The datasets that a project declares: dbt exposures of `type: ml` with `config.meta.dataset`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from warehouse.datasets.parsing import parse_refresh, parse_spec
from warehouse.datasets.spec import (
    FOLD,
    WEIGHT,
    ColumnSplit,
    DatasetSpec,
    HashSplit,
    HashTimeSplit,
    Refresh,
    TimeSplit,
)
from warehouse.datasets.splits import KEY_TYPES, is_key_type
from warehouse.dbt_manifest import DbtManifest, Exposure, Model
from warehouse.errors import SpecError, problem_list, suggestion
from warehouse.statistics.kinds import family_of, kinds_of

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
    refresh: Refresh = Refresh.MANUAL

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that is wrong, as far as one can know without the table."""
        return (*self.own_problems, *self.contract_problems)

    @property
    def document(self) -> Mapping[str, Any]:
        """The specification as the YAML has it, without `refresh`: when a version is made makes it no other."""
        document = self.exposure.meta.get("dataset")
        if not isinstance(document, Mapping):
            return {}
        return {key: value for key, value in document.items() if key != "refresh"}

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
    refresh, wrong_refresh = parse_refresh(exposure.meta["dataset"])
    contract_problems: list[str] = []
    if spec is not None and model is not None and model.contract_enforced:
        types = {column.name: column.data_type for column in model.columns.values()}
        contract_problems = column_problems(spec, types, model=model)
    return Declaration(
        name=exposure.name,
        exposure=exposure,
        model=model,
        draft=spec,
        own_problems=(*problems, *found, *wrong_refresh),
        contract_problems=tuple(contract_problems),
        refresh=refresh,
    )


def column_problems(spec: DatasetSpec, types: Mapping[str, str | None], *, model: Model) -> list[str]:
    """What does not fit between a specification and these columns of its model; a type of None fits everything."""
    where = f"model {model.name!r}"
    known = tuple(types)
    problems = [
        f"{role}: {where} has no column {name!r}; {suggestion(name, known)}"
        for role, names in _columns_by_role(spec).items()
        for name in names
        if name not in types
    ]
    problems += _type_problems(spec, types)
    exported = exported_columns(spec, known)
    problems += _privacy_problems(spec, exported, model)
    if any(name.lower() == "rowid" for name in known):
        problems.append(
            f"{where} has a column 'rowid', which hides the engine's own row numbers; rename it in the model"
        )
    added = {FOLD: spec.folds > 0, WEIGHT: spec.weights is not None}
    problems += [
        f"{where} has a column {name!r}, and the export would add one of this name; rename it in the model"
        for name in exported
        if added.get(name.lower())
    ]
    for name in exported:
        found = types[name]
        if found is not None and found.upper().startswith(_LOSSY_TYPES) and name not in spec.pseudonymise:
            problems.append(f"column {name!r} is of type {found}, which Parquet cannot hold; cast it in the model")
    return problems


def _columns_by_role(spec: DatasetSpec) -> dict[str, tuple[str, ...]]:
    split, text = spec.split, spec.deduplicate.text
    return {
        "key": spec.key,
        "label": (spec.label,) if spec.label else (),
        "groups": spec.groups,
        "time": (spec.time,) if spec.time else (),
        "known_at": spec.known_at,
        "columns.include": spec.include,
        "columns.exclude": spec.exclude,
        "columns.grant": spec.grant,
        "columns.pseudonymise": spec.pseudonymise,
        "synthetic": (spec.synthetic.column,) if spec.synthetic else (),
        "deduplicate.text": (text.column,) if text else (),
        "drift.ignore": spec.drift.ignore,
        "drift.by": spec.drift.by,
        "drift.columns": tuple(spec.drift.columns),
        "weights": (spec.weights.column,) if spec.weights else (),
        "split.column": (split.column,) if isinstance(split, ColumnSplit) and split.column else (),
        "split.stratify": split.stratify if isinstance(split, HashSplit) else (),
    }


def _type_problems(spec: DatasetSpec, types: Mapping[str, str | None]) -> Iterable[str]:
    for role, names in (("key", spec.key), ("groups", spec.groups)):
        for name in names:
            found = types.get(name)
            if found is not None and not is_key_type(found):
                yield (
                    f"{role}: {name!r} is of type {found}, which engines print differently, so it cannot place rows"
                    f"\nuse {KEY_TYPES}, or cast it in the model"
                )
    moments = [("time", spec.time)] if spec.time else []
    for role, name in (*moments, *(("known_at", name) for name in spec.known_at)):
        found = types.get(name)
        if found is not None and not found.upper().startswith(_TIME_TYPES):
            by_time = role == "time" and isinstance(spec.split, TimeSplit | HashTimeSplit)
            needs = "split by time" if by_time else "be the time of an example"
            yield f"{role}: {name!r} is of type {found}; only a date or timestamp can {needs}"
    if spec.synthetic is not None:
        found = types.get(spec.synthetic.column)
        if found is not None and found.upper() not in ("BOOLEAN", "BOOL"):
            yield f"synthetic: {spec.synthetic.column!r} is of type {found}; it must be a boolean"
    if spec.deduplicate.text is not None:
        found = types.get(spec.deduplicate.text.column)
        if found is not None and not found.upper().startswith(("VARCHAR", "TEXT", "STRING", "CHAR", "BPCHAR")):
            yield f"deduplicate.text: {spec.deduplicate.text.column!r} is of type {found}; it must be text"
    for name, kind in spec.drift.kinds.items():
        found = types.get(name)
        possible = kinds_of(family_of(found), found) if found is not None else ()
        if found is not None and kind not in possible:
            yield (
                f"drift.columns.{name}.kind: a column of type {found} cannot be compared as {kind.value}; "
                f"it can be {', '.join(sorted(kind.value for kind in possible))}"
            )


def _privacy_problems(spec: DatasetSpec, exported: Iterable[str], model: Model) -> Iterable[str]:
    """Columns with personal data that are neither left out, granted nor pseudonymised."""
    documented = {column.name.lower(): column for column in model.columns.values()}
    denied = {tag.lower() for tag in spec.tags_denied}
    allowed = {*spec.include, *spec.grant, *spec.pseudonymise}
    for name in exported:
        column = documented.get(name.lower())
        if column is None or name in allowed:
            continue
        tags = [tag for tag in column.tags if tag.lower() in denied]
        if column.is_pii or tags:
            why = "is marked pii" if column.is_pii else f"has the tag {tags[0]!r}, which columns.tags_denied names"
            yield (
                f"column {name!r} {why}: leave it out (columns.exclude), export a keyed hash of it "
                "(columns.pseudonymise), or grant it (columns.grant)"
            )


def exported_columns(spec: DatasetSpec, columns: Iterable[str]) -> tuple[str, ...]:
    """Which of a table's columns are exported, in the table's order."""
    return tuple(name for name in columns if (name in spec.include if spec.include else name not in spec.exclude))
