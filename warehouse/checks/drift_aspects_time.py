"""Aspects of times: days without a row, profiles of the week, the day and the year. All in UTC."""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.checks.drift_aspect_making import Setting, change, counted_aspect, opening
from warehouse.checks.drift_effects import Evidence
from warehouse.checks.drift_parts import Aspect, AspectBar
from warehouse.checks.drift_words import count_text, time_text
from warehouse.engine.base import Engine
from warehouse.sql import Relation, identifier
from warehouse.statistics.calendar_facts import (
    DAY,
    DAYS,
    HOUR,
    MONTHS,
    Calendar,
    Profile,
    Slots,
    calendar,
    rows_per_day_sql,
    rows_per_hour_sql,
)
from warehouse.statistics.kinds import Family
from warehouse.statistics.session_tables import SessionTables
from warehouse.statistics.tallies import Tally, common_cells

HOURS_MATTER_DAYS = 31
"""Gaps are told in hours when both sides cover at most so many days."""
WEEK_DAYS = 14
"""A profile of the week needs so many days on either side."""
DAY_HOURS = 48
"""A profile of the day needs so many hours."""
YEAR_DAYS = 365
"""A profile of the year needs so many days."""


def time_aspects(
    engine: Engine, tables: SessionTables, left: Relation, right: Relation, evidence: Evidence, setting: Setting
) -> list[Aspect]:
    """Those of a date or timestamp; one scan of the column per side."""
    name = identifier(evidence.pair.name)
    sides = []
    for side, relation in (("left", left), ("right", right)):
        moment = f"epoch_us(cast({name} as timestamp))"
        hours = tables.create(f"{side}_hours", rows_per_hour_sql(relation, moment))
        days = tables.create(f"{side}_days", rows_per_day_sql(hours))
        sides.append(calendar(engine, hours, days))
    one, other = sides
    if one is None or other is None:
        return []
    effects = (evidence.left.design_effect, evidence.right.design_effect)
    has_clock = one.has_clock or other.has_clock
    alike = _shared_days(one.days, other.days) >= 0.5
    in_utc = ", in UTC" if "ZONE" in evidence.pair.left_type.upper() + evidence.pair.right_type.upper() else ""
    found = [_gaps(one, other, setting, by_hour=has_clock and _is_short(one, other))]
    if min(one.days.count, other.days.count) >= WEEK_DAYS:
        found.append(
            _profile(one.day_of_week, other.day_of_week, f"day of the week{in_utc}", DAYS, setting, effects, alike)
        )
    if has_clock and min(one.hours.count, other.hours.count) >= DAY_HOURS:
        labels = [f"{hour:02}:00" for hour in range(24)]
        found.append(
            _profile(one.hour_of_day, other.hour_of_day, f"hour of the day{in_utc}", labels, setting, effects, alike)
        )
    if one.month and other.month and min(one.days.count, other.days.count) >= YEAR_DAYS:
        found.append(_profile(one.month, other.month, f"month of the year{in_utc}", MONTHS, setting, effects, alike))
    return [aspect for aspect in found if aspect is not None]


def _is_short(one: Calendar, other: Calendar) -> bool:
    return max(one.days.count, other.days.count) <= HOURS_MATTER_DAYS


def _shared_days(one: Slots, other: Slots) -> float:
    """Share of all days that either side covers which both cover."""
    shared = min(one.last, other.last) - max(one.first, other.first) + 1
    return max(0, shared) / (one.count + other.count - max(0, shared))


def _profile(
    left: Profile,
    right: Profile,
    name: str,
    labels: Sequence[str],
    setting: Setting,
    design_effects: tuple[float, float],
    alike: bool,
) -> Aspect:
    """Rows per place in a cycle, as if each place had as many days (or hours).

    When both sides cover the same days, whatever a day did it did to both. When they do not, days differ among
    themselves, and rows count by how much those at one place do.
    """
    tallies = [
        Tally(
            counts=dict(zip(labels, profile.even_counts, strict=True)),
            design_effect=design_effect if alike else max(design_effect, profile.dispersion),
        )
        for profile, design_effect in zip((left, right), design_effects, strict=True)
    ]
    cells = common_cells(tallies[0], tallies[1], order=labels)
    bars = [
        AspectBar(
            label=label,
            left_share=tallies[0].counts[label] / tallies[0].total,
            right_share=tallies[1].counts[label] / tallies[1].total,
        )
        for label in labels
    ]
    return counted_aspect(
        setting, name, cells.independent_counts, bars=bars, explanation=f"{opening(name)}: {change(bars)} of rows."
    )


def _gaps(one: Calendar, other: Calendar, setting: Setting, *, by_hour: bool) -> Aspect | None:
    """Days or hours without a row between the first and the last; None when neither side has any.

    A side with fewer rows has more empty days by chance: the denser side's are those that it would have at the density
    of the other.
    """
    unit, length = ("hour", HOUR) if by_hour else ("day", DAY)
    slots = (one.hours, other.hours) if by_hour else (one.days, other.days)
    if all(side.used_count == side.count for side in slots):
        return None
    densities = [side.row_count / side.count for side in slots]
    used = [side.expected_used(min(1.0, min(densities) / own)) for side, own in zip(slots, densities, strict=True)]
    name, with_rows = f"{unit}s without a row", f"{unit}s with rows"
    tallies = [
        Tally(counts={with_rows: share, name: side.count - share}) for side, share in zip(slots, used, strict=True)
    ]
    told = " and ".join(
        f"{words} of {count_text(side.count, unit)} in {name}"
        for side, name in zip(slots, (setting.left_name, setting.right_name), strict=True)
        for words in (f"{side.count - side.used_count:,}",)
    )
    longest = max(slots, key=lambda side: side.longest_gap)
    assert longest.gap_start is not None
    since = time_text(longest.gap_start * length, Family.TIMESTAMP)
    return counted_aspect(
        setting,
        name,
        common_cells(tallies[0], tallies[1]).independent_counts,
        bars=[
            AspectBar(
                label=label,
                left_share=tallies[0].counts[label] / slots[0].count,
                right_share=tallies[1].counts[label] / slots[1].count,
            )
            for label in (with_rows, name)
        ],
        explanation=(
            f"{opening(name)}: {told}; the longest gap is {count_text(longest.longest_gap, unit)} from {since}."
        ),
    )
