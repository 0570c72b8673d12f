"""The pages of the catalog, one after the other: address and text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from warehouse.catalog_facts import (
    CatalogFacts,
    DatasetFacts,
    Node,
    RunFacts,
    State,
    TableFacts,
    Thing,
)
from warehouse.findings import Severity
from warehouse.reports import catalog_charts as charts
from warehouse.reports import lineage_chart
from warehouse.reports.catalog_search import search_files
from warehouse.reports.html import linked_page, template_macro, template_text

SECTIONS = (
    ("Home", "index.html"),
    ("Tables", "tables/index.html"),
    ("Datasets", "datasets/index.html"),
    ("Lineage", "lineage.html"),
    ("Runs", "runs/index.html"),
)
SHOWN_RUNS = 30
"""In the chart of the first page."""
OPEN_ATTENTION = 6
STATE_WORDS = {
    State.GOOD: "all checks hold",
    State.BAD: "a check fails",
    State.WARN: "a check warns",
    State.NONE: "no checks",
}
LOOKS = {Severity.CRITICAL: "bad", Severity.WARNING: "warn", Severity.INFO: "none"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A dataset version, in the list of runs: its manifest is the record of its export."""

    name: str
    number: str
    created_at: str
    row_count: int
    page: str


def catalog_pages(facts: CatalogFacts) -> Iterator[tuple[str, str]]:
    """Every file of the site but the reports that it links to: address, made of safe characters alone, and content."""
    site = _Site(facts)
    # A page's own styles are forbidden, so that the widths of bars are classes.
    widths = "".join(f".w{width}{{width:{width}%}}" for width in range(101))
    yield "assets/catalog.css", template_text("report.css", "nightly.css", "catalog.css") + widths
    yield "assets/catalog.js", template_text("catalog.js")
    yield "assets/icon.svg", template_text("catalog.svg")
    yield from search_files(facts)
    yield site.page("index.html", "catalog_home.html", **_home(facts))
    yield site.page("404.html", "catalog_missing.html", absolute=True)
    yield site.page("tables/index.html", "catalog_tables.html", state_words=STATE_WORDS)
    for table in facts.tables:
        yield site.page(table.node.page, "catalog_table.html", **_table(facts, table, site.kin))
    yield site.page("datasets/index.html", "catalog_datasets.html")
    for dataset in facts.datasets:
        yield site.page(dataset.node.page, "catalog_dataset.html", **_dataset(facts, dataset, site.kin))
    yield site.page("lineage.html", "catalog_lineage.html", **_lineage(facts))
    exports = _exports(facts.datasets)
    yield site.page("runs/index.html", "catalog_runs.html", exports=exports, bars=charts.run_bars(_timed(facts.runs)))
    for run in facts.runs:
        if run.page:
            yield site.page(run.page, "catalog_run.html", **_run(facts, run))


class _Site:
    """What all pages share."""

    def __init__(self, facts: CatalogFacts) -> None:
        self._facts = facts
        self._node_link = template_macro("catalog_macros.html", "node_link")
        self._links: dict[tuple[str, str], Any] = {}
        self.kin = lineage_chart.Kin(facts.nodes)

    def page(self, page: str, template: str, *, absolute: bool = False, **values: object) -> tuple[str, str]:
        """One page; `absolute` for one that is shown at any address."""
        root = "/" if absolute else "../" * page.count("/")
        section = page.partition("/")[0].partition(".")[0]
        return page, linked_page(
            template,
            facts=self._facts,
            page=page,
            root=root,
            link_of=lambda node: self._link(node, root),
            sections=SECTIONS,
            section=next(
                (name for name, first in SECTIONS if first.partition("/")[0].partition(".")[0] == section), ""
            ),
            looks=LOOKS,
            **values,
        )

    def _link(self, node: Node, root: str) -> Any:
        """The link to a node, which stands on the pages of all its relatives."""
        known = self._links.get((node.id, root))
        if known is None:
            known = self._links[node.id, root] = self._node_link(node, root)
        return known


def _home(facts: CatalogFacts) -> dict[str, Any]:
    checks = [check for table in facts.tables for check in table.checks]
    sources = [table for table in facts.tables if table.source is not None]
    return {
        "state": _verdict_state(facts),
        "headline": headline(facts),
        "opened": facts.attention[:OPEN_ATTENTION],
        "folded": facts.attention[OPEN_ATTENTION:],
        "table_count": len(facts.tables) - len(sources),
        "sources": sources,
        "checks": checks,
        "held_count": sum(check.last.state is State.GOOD for check in checks),
        "version_count": sum(len(dataset.versions) + dataset.older_count for dataset in facts.datasets),
        "bars": charts.run_bars(_timed(facts.runs)),
    }


def _verdict_state(facts: CatalogFacts) -> str:
    severities = {item.severity for item in facts.attention}
    return next(
        (LOOKS[severity] for severity in (Severity.CRITICAL, Severity.WARNING) if severity in severities), "good"
    )


def headline(facts: CatalogFacts) -> str:
    """The state of everything in one sentence."""
    critical = sum(item.severity is Severity.CRITICAL for item in facts.attention)
    warnings = sum(item.severity is Severity.WARNING for item in facts.attention)
    if facts.published is None:
        return "Nothing is published yet."
    counted = [f"{critical:,} critical"] if critical else []
    counted += [f"{warnings:,} {'warning' if warnings == 1 else 'warnings'}"] if warnings else []
    if not counted:
        return "The warehouse is published, and all is well."
    return f"The warehouse is published; {' and '.join(counted)} to look at."


def _timed(runs: Sequence[RunFacts]) -> list[RunFacts]:
    """The newest runs that took time, oldest first."""
    return [run for run in runs if run.command in ("build", "nightly")][:SHOWN_RUNS][::-1]


def _table(facts: CatalogFacts, table: TableFacts, kin: lineage_chart.Kin) -> dict[str, Any]:
    node = table.node
    unique = {check.subject for check in table.checks if check.is_dbt and check.title.startswith("unique_")}
    never_null = {check.subject for check in table.checks if check.is_dbt and check.title.startswith("not_null_")}
    up, down = kin.ancestors(node.id), kin.descendants(node.id)
    return {
        "table": table,
        "node": node,
        "columns": [
            {
                "facts": column,
                "histogram": charts.histogram(column.digest) if column.digest is not None else None,
                "frequent": charts.value_rows(column.digest) if column.digest is not None else (),
                "is_unique": column.name in unique,
                "is_never_null": column.name in never_null,
            }
            for column in table.columns
        ],
        "has_digests": any(column.digest is not None for column in table.columns),
        "checks": sorted(table.checks, key=lambda check: _ORDER.index(check.last.state)),
        "dots": charts.dots,
        "held_count": sum(check.last.state is State.GOOD for check in table.checks),
        "trend": charts.size_trend(table.sizes),
        "graph": lineage_chart.neighbourhood(facts.nodes, node.id),
        "up": _near_and_far(facts, node.parents, up),
        "down": _near_and_far(facts, node.children, down),
        "run_pages": {run.id: run.page for run in facts.runs},
    }


_ORDER = [State.BAD, State.WARN, State.NONE, State.GOOD]


def _near_and_far(facts: CatalogFacts, near: Iterable[str], every: Sequence[Node]) -> Mapping[str, Sequence[Node]]:
    direct = {facts.nodes[other].id for other in near}
    return {
        "near": [node for node in every if node.id in direct],
        "far": [node for node in every if node.id not in direct],
    }


def _dataset(facts: CatalogFacts, dataset: DatasetFacts, kin: lineage_chart.Kin) -> dict[str, Any]:
    newest_first = dataset.versions
    oldest_first = newest_first[::-1]
    return {
        "dataset": dataset,
        "node": dataset.node,
        "newest": newest_first[0] if newest_first else None,
        "split_bars": list(zip(oldest_first, charts.split_bars(oldest_first), strict=True)),
        "split_names": list(dict.fromkeys(split.name for version in newest_first for split in version.splits)),
        "graph": lineage_chart.neighbourhood(facts.nodes, dataset.node.id),
        "up": _near_and_far(facts, dataset.node.parents, kin.ancestors(dataset.node.id)),
        "run_pages": {run.id: run.page for run in facts.runs},
    }


def _lineage(facts: CatalogFacts) -> dict[str, Any]:
    nodes = facts.nodes
    layers = lineage_chart.layers(nodes)
    by_layer = {
        layer.name: sorted((node for node in nodes.values() if node.layer == layer.name), key=lambda node: node.name)
        for layer in layers
    }
    return {"graph": lineage_chart.whole(nodes), "layers": layers, "by_layer": by_layer}


def _run(facts: CatalogFacts, run: RunFacts) -> dict[str, Any]:
    pages = {table.node.name: table.node.page for table in facts.tables if table.node.thing is not Thing.SOURCE}
    return {
        "run": run,
        "pages": pages,
        "longest": max((step.seconds for step in run.steps), default=0.0) or 1.0,
    }


def _exports(datasets: Iterable[DatasetFacts]) -> list[Export]:
    """All versions that are told of, newest first."""
    found = [
        Export(
            name=dataset.node.name,
            number=version.number,
            created_at=version.created_at,
            row_count=version.row_count,
            page=dataset.node.page,
        )
        for dataset in datasets
        for version in dataset.versions
    ]
    return sorted(found, key=lambda export: export.created_at, reverse=True)
