"""Aspects of times: days without a row, profiles of the week, the day and the year. All in UTC."""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.checks.drift.aspect_making import Setting, change, counted_aspect, effect_of, opening
from warehouse.checks.drift.effects import Evidence
from warehouse.checks.drift.parts import Aspect, AspectBar
from warehouse.checks.drift.words import count_text, time_text
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
    share_gap,
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

    Days of the week (hours of the day) on which neither side ever has a row do not count. A side with fewer rows has
    more empty days by chance: the denser side's are those that it would have at the density of the other.
    """
    unit, length = ("hour", HOUR) if by_hour else ("day", DAY)
    slots = (one.hours, other.hours) if by_hour else (one.days, other.days)
    cycles = (one.hour_of_day, other.hour_of_day) if by_hour else (one.day_of_week, other.day_of_week)
    # Where both sides are closed, on Sundays say, no row is missing.
    rows_of_places = zip(cycles[0].row_counts, cycles[1].row_counts, strict=True)
    closed = [place for place, rows in enumerate(rows_of_places) if not any(rows)]
    open_counts = [
        side.count - sum(cycle.slot_counts[place] for place in closed)
        for side, cycle in zip(slots, cycles, strict=True)
    ]
    if all(side.used_count == count for side, count in zip(slots, open_counts, strict=True)):
        return None
    densities = [side.row_count / count for side, count in zip(slots, open_counts, strict=True)]
    used = [side.expected_used(min(1.0, min(densities) / own)) for side, own in zip(slots, densities, strict=True)]
    name = f"{unit}s without a row"
    shares = [1 - rows / count for rows, count in zip(used, open_counts, strict=True)]
    gap = share_gap(shares[0], shares[1], open_counts[0], open_counts[1])
    told = " and ".join(
        f"{count - side.used_count:,} of {count_text(count, unit)} in {side_name}"
        for side, count, side_name in zip(slots, open_counts, (setting.left_name, setting.right_name), strict=True)
    )
    longest = max(slots, key=lambda side: side.longest_gap)
    assert longest.gap_start is not None
    since = time_text(longest.gap_start * length, Family.TIMESTAMP)
    return Aspect(
        name=name,
        effect=effect_of(setting, name, value=gap.effect, low=gap.low, high=gap.high, p_value=gap.p_value),
        jensen_shannon=gap.distance,
        noise_floor=gap.noise_floor,
        left_mean=None,
        right_mean=None,
        bars=(
            AspectBar(label=f"{unit}s with rows", left_share=1 - shares[0], right_share=1 - shares[1]),
            AspectBar(label=name, left_share=shares[0], right_share=shares[1]),
        ),
        explanation=(
            f"{opening(name)}: {told}; the longest gap is {count_text(longest.longest_gap, unit)} from {since}."
        ),
    )
