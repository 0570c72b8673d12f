"""When it is time to move: what was measured against this machine's limits, with the arithmetic in plain words.

Three limits are asked, each alone: the disk, the night, the memory. Growth is a straight line through what is known;
without two builds a day apart nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from warehouse.capacity.machine import Machine
from warehouse.capacity.usage import BuildSize, Usage
from warehouse.datasets.spec import SPLITS
from warehouse.exports.local_workplace import export_memory_mb
from warehouse.exports.timing import ExportTime
from warehouse.reports.visible import size_text

SPILL_BYTES_PER_ROW = 30
"""What an export leaves on the disk at most while it runs, beside the version; docs/scale.md has the measurement."""
PROCESS_MB = 500
"""What a process takes beside DuckDB's memory limit; likewise."""
BIT_COPIES = 5
"""How often the bits of every row's split lie in memory: in variables, and in the statements that ask them."""
NIGHT_SECONDS = 8 * 3600
"""What a build and all exports may take together, so that they are done in the morning."""
SOON_DAYS = 90
"""A limit that is reached so soon is near: a move takes weeks."""
LEAST_SPAN = timedelta(days=1)
"""Builds that lie closer together say nothing about growth."""


class State(Enum):
    """How a limit stands; a word of the terminal and of JSON."""

    FITS = "fits"
    NEAR = "near"
    """Reached within `SOON_DAYS` at the growth of the last builds."""
    BEYOND = "beyond"
    """Passed already."""
    UNKNOWN = "unknown"
    """Nothing is measured yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit of the machine, and how far the warehouse is from it."""

    name: str
    state: State
    days: float | None
    """Until it is reached at the growth of the last builds; None when it is not, or when growth is not known."""
    sentences: tuple[str, ...]
    """The arithmetic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The answer, and what it follows from."""

    answer: str
    machine: Machine
    usage: Usage
    limits: tuple[Limit, ...]

    @property
    def is_beyond(self) -> bool:
        """Whether this machine is too small already."""
        return any(limit.state is State.BEYOND for limit in self.limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How builds grew."""

    bytes_per_day: float
    """Negative when they shrank."""
    first: BuildSize
    last: BuildSize

    @property
    def days(self) -> float:
        """Between the two."""
        return (self.last.started_at - self.first.started_at) / timedelta(days=1)

    @property
    def sentence(self) -> str:
        """The arithmetic."""
        word = "grew" if self.bytes_per_day > 0 else "did not grow"
        return (
            f"builds {word}: {size_text(self.first.byte_count)} on {_day(self.first.started_at)}, "
            f"{size_text(self.last.byte_count)} on {_day(self.last.started_at)}, {self.days:.0f} days later"
            + (f": {size_text(round(self.bytes_per_day))} a day" if self.bytes_per_day > 0 else "")
        )


def growth_of(builds: Sequence[BuildSize]) -> Growth | None:
    """From the oldest build that is kept to the newest; None when there are no two at least a day apart."""
    if len(builds) < 2 or builds[-1].started_at - builds[0].started_at < LEAST_SPAN:
        return None
    span = (builds[-1].started_at - builds[0].started_at) / timedelta(days=1)
    grown = builds[-1].byte_count - builds[0].byte_count
    return Growth(bytes_per_day=grown / span, first=builds[0], last=builds[-1])


def outlook(machine: Machine, usage: Usage, *, keep_builds: int, memory_limit: str) -> Outlook:
    """What the machine has, what the warehouse takes of it, and when that ends.

    Args:
        machine: Its limits.
        usage: What was measured.
        keep_builds: How many builds are kept, each a file of its own.
        memory_limit: DuckDB's for everything but exports, as the settings say it.
    """
    growth = growth_of(usage.builds)
    limits = (
        disk_limit(machine, usage, growth, keep_builds=keep_builds),
        night_limit(usage, growth),
        memory_limit_of(machine, usage, memory_limit=memory_limit),
    )
    return Outlook(answer=_answer(limits, usage), machine=machine, usage=usage, limits=limits)


def _unmeasured(name: str, usage: Usage, *, there: str) -> Limit:
    why = f"the published build lies on Spark, and {there}" if usage.is_on_spark else "nothing is published yet"
    return Limit(name=name, state=State.UNKNOWN, days=None, sentences=(why,))


def disk_limit(machine: Machine, usage: Usage, growth: Growth | None, *, keep_builds: int) -> Limit:
    """Whether the next build and the largest export fit beside what is there, and for how long."""
    if usage.build_id is None:
        return _unmeasured("disk", usage, there="the cluster's disks are not this machine's to judge")
    spilled = max((table.row_count for table in usage.tables), default=0) * SPILL_BYTES_PER_ROW
    version = max((time.byte_count for time in usage.newest_exports), default=0)
    needed = usage.build_bytes + spilled + version
    sentences = [
        f"the next build and an export of the largest table need up to {size_text(needed)}: "
        f"{size_text(usage.build_bytes)} for the build, {size_text(spilled)} of spill "
        f"({SPILL_BYTES_PER_ROW} bytes a row)" + (f", {size_text(version)} for the version" if version else ""),
        f"{size_text(machine.free_bytes)} of {size_text(machine.disk_bytes)} are free",
    ]
    if needed > machine.free_bytes:
        sentences.append(f"{size_text(needed - machine.free_bytes)} are missing")
        return Limit(name="disk", state=State.BEYOND, days=0.0, sentences=tuple(sentences))
    versions = _version_bytes_per_day(usage.exports)
    if growth is None:
        sentences.append("two builds that lie a day apart or more will tell how fast it fills")
        return Limit(name="disk", state=State.FITS, days=None, sentences=tuple(sentences))
    per_day = keep_builds * max(growth.bytes_per_day, 0.0) + versions
    sentences.append(growth.sentence)
    if per_day <= 0:
        return Limit(name="disk", state=State.FITS, days=None, sentences=tuple(sentences))
    days = (machine.free_bytes - needed) / per_day
    sentences.append(
        f"{keep_builds} builds are kept, each growing"
        + (f", and versions take {size_text(round(versions))} a day" if versions else "")
        + f": {size_text(round(per_day))} a day, so the disk's end comes in {_days_text(days)} "
        f"({size_text(machine.free_bytes - needed)} / {size_text(round(per_day))} a day)"
    )
    return Limit(name="disk", state=_state(days), days=days, sentences=tuple(sentences))


def night_limit(usage: Usage, growth: Growth | None) -> Limit:
    """Whether a build and all exports are done in a night, and for how long."""
    whole = [build for build in usage.builds if build.is_whole]
    if not whole:
        return Limit(name="night", state=State.UNKNOWN, days=None, sentences=("no whole build has passed yet",))
    build, exports = whole[-1], usage.newest_exports
    total = build.seconds + sum(time.seconds for time in exports)
    sentences = [f"the last whole build took {_duration(build.seconds)}"]
    sentences += [
        f"the last export of {time.dataset}, {time.row_count:,} rows, took {_duration(time.seconds)}"
        + (f": {time.row_count / time.seconds:,.0f} rows a second" if time.seconds >= 1 else "")
        for time in sorted(exports, key=lambda time: -time.seconds)[:3]
    ]
    sentences.append(
        f"together {_duration(total)}"
        + (f" with {len(exports)} exports" if len(exports) > 1 else "")
        + f", of {_duration(NIGHT_SECONDS)} that a night has"
    )
    if total > NIGHT_SECONDS:
        return Limit(name="night", state=State.BEYOND, days=0.0, sentences=tuple(sentences))
    if growth is None or growth.bytes_per_day <= 0 or not growth.last.byte_count:
        return Limit(name="night", state=State.FITS, days=None, sentences=tuple(sentences))
    share = growth.bytes_per_day / growth.last.byte_count
    days = (NIGHT_SECONDS / total - 1) / share if total > 0 else None
    if days is not None:
        sentences.append(
            f"time grows as the rows do (measured: linear), {share:.2%} a day, so a night is full in {_days_text(days)}"
        )
    return Limit(name="night", state=_state(days), days=days, sentences=tuple(sentences))


def memory_limit_of(machine: Machine, usage: Usage, *, memory_limit: str) -> Limit:
    """Whether an export of the largest table has the memory that it needs; whatever exceeds its limit is spilled."""
    if machine.memory_bytes is None:
        return Limit(name="memory", state=State.UNKNOWN, days=None, sentences=("the system does not say how much",))
    if not usage.tables:
        return _unmeasured("memory", usage, there="so does the memory that its rows need")
    largest = usage.tables[0]
    export_mb = export_memory_mb(column_count=largest.column_count) + PROCESS_MB
    bits = largest.row_count * len(SPLITS)
    needed = export_mb * 10**6 + BIT_COPIES * bits // 8
    sentences = (
        f"the largest table, {largest.name}, has {largest.row_count:,} rows; an export of it takes up to "
        f"{size_text(needed)} of {size_text(machine.memory_bytes)}, five bits for each row and split among them, "
        "and spills the rest",
        f"everything else keeps DuckDB below {memory_limit} (memory_limit)",
    )
    state = State.BEYOND if needed > machine.memory_bytes else State.FITS
    return Limit(name="memory", state=state, days=0.0 if state is State.BEYOND else None, sentences=sentences)


def _version_bytes_per_day(exports: Sequence[ExportTime]) -> float:
    """What new versions add; 0 when no two exports lie a day apart."""
    if len(exports) < 2:
        return 0.0
    first, last = (datetime.fromisoformat(exports[place].started_at) for place in (0, -1))
    if last - first < LEAST_SPAN:
        return 0.0
    return sum(time.byte_count for time in exports[1:]) / ((last - first) / timedelta(days=1))


def _answer(limits: Sequence[Limit], usage: Usage) -> str:
    beyond = [limit.name for limit in limits if limit.state is State.BEYOND]
    if beyond and usage.is_on_spark:
        return "too slow: the warehouse lies on Spark, and a build with all exports takes longer than a night there"
    if beyond:
        return f"move: this machine is too small already ({', '.join(beyond)})"
    near = [limit for limit in limits if limit.state is State.NEAR]
    if near:
        words = ", ".join(f"{limit.name} in {_days_text(limit.days or 0.0)}" for limit in near)
        return f"plan the move: a limit of this machine is near ({words})"
    if usage.is_on_spark:
        return "moved: the warehouse lies on Spark, where only the night is judged"
    if any(limit.state is State.UNKNOWN for limit in limits):
        return "too early to say: not everything is measured yet"
    return "stay: this machine does it"


def _state(days: float | None) -> State:
    return State.NEAR if days is not None and days <= SOON_DAYS else State.FITS


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _days_text(days: float) -> str:
    if days >= 3650:
        return "more than 10 years"
    return f"{days:,.0f} days" if days >= 1.5 else "a day or less"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
