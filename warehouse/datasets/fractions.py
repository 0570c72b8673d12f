"""A nested share of train, exported under a name of its own: same dev and test, and a smaller share inside a larger."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from warehouse.datasets.parsing import NAME
from warehouse.datasets.reading import is_number
from warehouse.datasets.spec import DatasetSpec
from warehouse.datasets.splits import fraction_suffix, whole_name
from warehouse.errors import ExportError


def fraction_name(name: str, fraction: float | None, *, declared: Collection[str]) -> str:
    """`late_10pct` for a tenth of `late`; the name itself for the whole.

    Raises:
        ExportError: it is no share, or the name is too long or that of another dataset.
    """
    if fraction is None:
        return name
    if not is_number(fraction) or not 0 < fraction < 1:
        raise ExportError(f"--fraction must be a share above 0 and below 1, 0.1 say, not {fraction!r}")
    found = name + fraction_suffix(fraction)
    if found.lower() in {other.lower() for other in declared}:
        raise ExportError(
            f"{fraction:g} of dataset {name!r} would be exported as {found!r}, and another dataset has this name\n"
            "  rename that one, or choose another fraction"
        )
    if not NAME.fullmatch(found):
        raise ExportError(f"{fraction:g} of dataset {name!r} would be exported as {found!r}, and that name is too long")
    return found


def fraction_spec(spec: DatasetSpec, fraction: float | None, *, name: str) -> DatasetSpec:
    """The specification of that share."""
    return spec if fraction is None else replace(spec, name=name, fraction=float(fraction))


def export_words(spec: DatasetSpec) -> str:
    """What to give `warehouse export` for the next version of a dataset or of a share of one."""
    return spec.name if spec.fraction == 1 else f"{whole_name(spec)} --fraction {spec.fraction:g}"
