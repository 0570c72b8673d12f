"""What the page on drift shows, in its order: pairs, one card per column over all pairs, series."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from warehouse.checks.drift.importance import ColumnImportance, rank_columns
from warehouse.checks.drift.parts import Aspect, LabelRelation
from warehouse.checks.drift.report import DriftPair, DriftReport, pair_sentence
from warehouse.checks.drift.result import Bar, ColumnDrift, DriftResult, Role
from warehouse.checks.drift.series_result import DriftSeries, SeriesColumn, SeriesPoint
from warehouse.checks.drift.summary import advise, label_change, label_of
from warehouse.checks.drift.verdicts import Verdict
from warehouse.checks.drift.words import count_text, listed, quoted, some
from warehouse.reports import charts, line_charts
from warehouse.statistics.kinds import Kind

MOST_COLUMNS = 500
"""Beyond, the least important columns are in the JSON file only."""
MOST_RELATIONS = 50
MOST_TREND_POINTS = 3_000
MOST_TRENDS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One pair's place on the first screen."""

    pair: DriftPair
    state: str
    """`drifted`, `undecided` or `stable`: the colour."""
    word: str
    """`alike`, `not alike`..."""
    sentence: str
    counts: dict[str, int]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A distribution: upright bars along an axis, or lying ones by name."""

    upright: charts.Columns | None
    lying: tuple[charts.Row, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One column in one pair."""

    pair: DriftPair
    column: ColumnDrift
    chart: Chart


@dataclass(frozen=True, slots=True, kw_only=True)
class AspectView:
    """One aspect with its chart."""

    aspect: Aspect
    chart: Chart


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One column: how it differs in the first pair that has it, and what became of it in the others."""

    id: str
    first: Sighting
    others: tuple[Sighting, ...]
    verdicts: tuple[Verdict | None, ...]
    """By pair; None where the column was not compared."""
    importance: ColumnImportance
    aspects: tuple[AspectView, ...]
    relation: LabelRelation | None
    dependence: line_charts.Dependence | None
    """Drawn unless how the label depends on the column is surely as before."""

    @property
    def column(self) -> ColumnDrift:
        """In the first pair that has it."""
        return self.first.column

    @property
    def as_share(self) -> bool:
        """Whether the label is told by the share of a class, and not by its mean."""
        return self.relation is not None and self.relation.outcome != ""

    @property
    def worst(self) -> Verdict:
        """Of all pairs, and of how the label depends on the column."""
        rank = list(Verdict)
        found = [verdict for verdict in self.verdicts if verdict is not None]
        found += [self.relation.verdict] if self.relation is not None else []
        return min(found, key=rank.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendView:
    """One column over time."""

    column: SeriesColumn
    trend: line_charts.Trend


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesView:
    """The columns over time that matter most."""

    series: DriftSeries
    label: line_charts.Trend | None
    trends: tuple[TrendView, ...]
    points: Mapping[tuple[str, str], SeriesPoint]
    """By column and first day of the period."""
    hidden_count: int

    def point(self, column: str, period: str) -> SeriesPoint | None:
        """A column in a period; None where it has no value."""
        return self.points.get((column, period))


def sentences(report: DriftReport) -> list[str]:
    """The verdict: on the first pair in full, of a series its first sentence; other pairs have their tiles."""
    found = list(report.main.result.summary or report.summary)
    return [*found, *(report.series.summary[:1] if report.series is not None else ())]


def tiles(report: DriftReport) -> list[Tile]:
    """One per pair."""
    return [_tile(pair) for pair in report.pairs]


def _tile(pair: DriftPair) -> Tile:
    counts = {verdict.value: len(pair.result.with_verdict(verdict)) for verdict in Verdict}
    state, word = Verdict.UNDECIDED, "too few rows to know"
    if pair.differs:
        state, word = Verdict.DRIFTED, "not alike" if pair.expected_alike else "differs"
    elif pair.is_alike and pair.result.columns:
        state, word = Verdict.STABLE, "alike"
    elif pair.result.columns and counts[Verdict.STABLE] > counts[Verdict.UNDECIDED]:
        word = "no drift seen"
    return Tile(
        pair=pair,
        state=state.value,
        word=word,
        sentence=_tile_sentence(pair),
        counts=counts,
        total=max(1, len(pair.result.columns)),
    )


def _tile_sentence(pair: DriftPair) -> str:
    """What differs, the label before all; the tile says the rest."""
    result, drifted = pair.result, pair.drifted
    if not drifted:
        return pair_sentence(pair)
    label = label_of(result)
    if label is None or label not in drifted:
        named = [quoted(entry.name) for entry in rank_columns(result) if entry.name in {c.name for c in drifted}]
        return f"{some(named)} drifted."
    others = f"; {count_text(len(drifted) - 1, 'other column')} drifted" if len(drifted) > 1 else ""
    return f"{label_change(label)}{others}."


def advice(report: DriftReport) -> list[str]:
    """What to do about the first pair, and about pairs that must be alike and are not."""
    broken = [
        f"{pair.result.left_name} and {pair.result.right_name} must be alike and are not: {pair.advice}."
        for pair in report.pairs
        if pair.expected_alike and pair.differs
    ]
    return [*broken, *advise(report.main.result)]


def cards(report: DriftReport) -> list[Card]:
    """One per column of any pair: the label first, then by the worst verdict, each from the most important down."""
    sightings: dict[str, dict[int, ColumnDrift]] = {}
    importance: dict[str, ColumnImportance] = {}
    for index, pair in enumerate(report.pairs):
        for column in pair.result.columns:
            sightings.setdefault(column.name, {})[index] = column
        for entry in rank_columns(pair.result):
            importance.setdefault(entry.name, entry)
    rank = list(Verdict)

    def order(name: str) -> tuple[bool, int, int, float, float, str]:
        found = sightings[name]
        first = found[min(found)]
        worst = min(rank.index(column.verdict) for column in found.values())
        return (
            not first.is_label,
            rank.index(first.verdict),
            worst,
            -importance[name].importance,
            -first.strength,
            name,
        )

    relations = {relation.feature: relation for relation in report.main.result.relations}
    return [
        _card(report, index, sightings[name], importance[name], relations.get(name))
        for index, name in enumerate(sorted(sightings, key=order))
    ]


def _card(
    report: DriftReport,
    index: int,
    found: dict[int, ColumnDrift],
    importance: ColumnImportance,
    relation: LabelRelation | None,
) -> Card:
    first, *others = [
        Sighting(pair=report.pairs[place], column=column, chart=chart_of(column.bars, column.kind))
        for place, column in sorted(found.items())
    ]
    return Card(
        id=f"c{index}",
        first=first,
        others=tuple(others),
        verdicts=tuple(found[place].verdict if place in found else None for place in range(len(report.pairs))),
        importance=importance,
        aspects=tuple(
            AspectView(aspect=aspect, chart=chart_of(charts.aspect_bars(aspect), None))
            for aspect in first.column.aspects
        ),
        relation=relation,
        dependence=(
            line_charts.dependence(relation)
            if relation is not None and relation.bins and relation.verdict is not Verdict.STABLE
            else None
        ),
    )


def chart_of(bars: Iterable[Bar], kind: Kind | None) -> Chart:
    """Upright for what lies along an axis, lying for names; of aspects their labels tell which."""
    drawn = tuple(bars)
    values = [bar for bar in drawn if bar.role is Role.VALUE]
    along = kind is Kind.DISCRETE or any(bar.low is not None for bar in values)
    if kind is None:
        along = len(values) > 12 or all(bar.label[:1].isdigit() for bar in values)
    return Chart(upright=charts.upright(drawn) if along else None, lying=None if along else charts.lying(drawn))


def series_view(series: DriftSeries | None) -> SeriesView | None:
    """The label and the columns that drifted most, as many as fit; None without periods."""
    if series is None or not series.periods:
        return None
    at = line_charts.places(series)
    most = max(4, min(MOST_TRENDS, MOST_TREND_POINTS // len(series.periods)))
    rank = list(Verdict)
    ordered = sorted(
        (column for column in series.columns if column.points),
        key=lambda c: (
            not c.is_label,
            not c.change_points,
            rank.index(c.verdict),
            -max(p.value for p in c.points),
            c.name,
        ),
    )
    return SeriesView(
        series=series,
        label=line_charts.label_trend(series, at),
        trends=tuple(
            TrendView(column=column, trend=line_charts.column_trend(series, column, at)) for column in ordered[:most]
        ),
        points={(column.name, point.period): point for column in ordered[:most] for point in column.points},
        hidden_count=max(0, len(ordered) - most),
    )


def changed_relations(result: DriftResult) -> list[LabelRelation]:
    """Where the label may depend on a feature in another way than before: those that surely do first."""
    rank = list(Verdict)
    found = [relation for relation in result.relations if relation.verdict is not Verdict.STABLE]
    found.sort(key=lambda r: (rank.index(r.verdict), -r.change / r.threshold, r.feature))
    return found[:MOST_RELATIONS]


def relation_sentence(result: DriftResult) -> str:
    """How many features the label depends on as before."""
    counts = {verdict: sum(r.verdict is verdict for r in result.relations) for verdict in Verdict}
    if counts[Verdict.STABLE] == len(result.relations):
        return f"Here it depends on all {count_text(len(result.relations), 'column')} as before."
    told = [f"on {counts[Verdict.DRIFTED]:,} in another way"] if counts[Verdict.DRIFTED] else []
    told += [f"on {counts[Verdict.STABLE]:,} as before"] if counts[Verdict.STABLE] else []
    few = f"for {counts[Verdict.UNDECIDED]:,} there are too few rows to know"
    if not counts[Verdict.UNDECIDED]:
        return f"Here it depends {listed(told)}."
    return f"Here it depends {listed(told)}; {few}." if told else f"{few[0].upper()}{few[1:]}."


def left_out(report: DriftReport) -> list[tuple[str, str, list[str]]]:
    """Columns not compared: name, reason, titles of the pairs."""
    found: dict[tuple[str, str], list[str]] = {}
    for pair in report.pairs:
        for column in pair.result.left_out:
            found.setdefault((column.name, column.reason), []).append(pair.title)
    return [(name, reason, titles) for (name, reason), titles in found.items()]
