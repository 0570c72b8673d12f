"""The nodes of the lineage, each with the address of its page."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from warehouse.catalog_facts import Node, Thing
from warehouse.datasets.declarations import Declaration
from warehouse.dbt_manifest import DbtManifest, Exposure, Model, Source
from warehouse.site.file_names import file_stem

DATASETS, EXPOSURES = "datasets", "exposures"


def lineage_nodes(manifest: DbtManifest, declarations: Iterable[Declaration], undeclared: Iterable[str]) -> list[Node]:
    """Sources, models, datasets and exposures, each with what it reads and what reads it.

    `undeclared` are datasets of which only versions are left; they read what nobody knows.
    """
    declared = {declaration.exposure.unique_id: declaration.name for declaration in declarations}
    # A draft is what somebody else's node may be called too; a file belongs to one of them.
    taken: set[str] = set()
    parents: dict[str, tuple[str, ...]] = dict.fromkeys(manifest.sources, ())
    parents |= {unique_id: model.depends_on for unique_id, model in manifest.models.items()}
    parents |= {unique_id: exposure.depends_on for unique_id, exposure in manifest.exposures.items()}
    known = {
        unique_id: [parent for parent in dict.fromkeys(read) if parent in parents]
        for unique_id, read in parents.items()
    }
    children: dict[str, list[str]] = {unique_id: [] for unique_id in parents}
    for unique_id, read in known.items():
        for parent in read:
            children[parent].append(unique_id)

    def node(unique_id: str, name: str, thing: Thing, layer: str, folder: str, note: str = "", url: str = "") -> Node:
        return Node(
            id=unique_id,
            name=name,
            thing=thing,
            layer=layer,
            page=_page(folder, name, unique_id, taken) if folder else "",
            parents=tuple(known.get(unique_id, ())),
            children=tuple(children.get(unique_id, ())),
            note=note,
            url=url,
        )

    nodes = [
        node(model.unique_id, _model_name(model), Thing(model.resource_type), _layer(model), "tables")
        for model in manifest.models.values()
    ]
    nodes += [
        node(source.unique_id, _source_name(source), Thing.SOURCE, f"source {source.source_name}", "tables")
        for source in manifest.sources.values()
    ]
    for exposure in manifest.exposures.values():
        if exposure.unique_id in declared:
            nodes.append(node(exposure.unique_id, exposure.name, Thing.DATASET, DATASETS, "datasets", _owner(exposure)))
        else:
            note = ", ".join(filter(None, (exposure.type, _owner(exposure))))
            nodes.append(
                node(exposure.unique_id, exposure.name, Thing.EXPOSURE, EXPOSURES, "", note, _web(exposure.url))
            )
    nodes += [node(undeclared_id(name), name, Thing.DATASET, DATASETS, "datasets") for name in undeclared]
    return nodes


def undeclared_id(name: str) -> str:
    """Id of a dataset that no exposure declares; none of dbt's looks like it."""
    return f"versions of {name}"


def _page(folder: str, name: str, unique_id: str, taken: set[str]) -> str:
    page = f"{folder}/{file_stem(name)}.html"
    if page in taken:
        page = f"{folder}/{file_stem(f'{unique_id} {name}')}.html"
    taken.add(page)
    return page


def _model_name(model: Model) -> str:
    """Its name, with the version of one that has several."""
    last = model.unique_id.rpartition(".")[2]
    return f"{model.name}.{last}" if last != model.name and last[:1] == "v" and last[1:].isdigit() else model.name


def _source_name(source: Source) -> str:
    return f"{source.source_name}.{source.name}"


def _layer(model: Model) -> str:
    """The folders of its file below the first one, two at most: `staging/shop`."""
    folders = PurePosixPath(model.file_path).parts[1:-1]
    return "/".join(folders[:2]) or model.resource_type + "s"


def _owner(exposure: Exposure) -> str:
    return " ".join(filter(None, (exposure.owner_name, f"<{exposure.owner_email}>" if exposure.owner_email else "")))


def _web(url: str | None) -> str:
    """The address when a browser may follow it: no script, no file."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return ""
    return (url or "") if parts.scheme in ("http", "https") and parts.netloc else ""
