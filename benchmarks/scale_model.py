"""A model on paper: how long one export takes at 1 to 100 TB, on one machine and on clusters; prints a table for docs.

    python benchmarks/scale_model.py

Nothing here is measured but what says so. Parts follow each other and do not overlap, so that the sum is an upper
bound of what the assumptions give.
"""

from __future__ import annotations

from dataclasses import dataclass

SIZES_TB = (1, 3, 10, 30, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What the model takes for granted; rates in bytes per second."""

    row_bytes: float = 100.0
    """As it lies in files. Assumed."""
    export_ns_per_row: float = 1600.0
    """CPU time of a whole export on DuckDB, with its search for leaks. Measured at a billion rows of four columns."""
    spill_bytes_per_row: float = 10.0
    """What an export spills and reads again. Measured likewise."""
    cluster_factor: float = 15.0
    """CPU time of a cluster's engine beside DuckDB's. Assumed: Spark took 25 microseconds a row at 100 million rows,
    the start included, which is 15.5 times the above; Sail 2.5 times at 5 million rows."""
    shuffle_bytes_per_row: float = 24.0
    """What goes from worker to worker: hashes, keys, places. Assumed."""
    disk_rate: float = 2e9
    """Of a machine's own disk. Assumed."""
    network_rate: float = 1.25e9
    """Of each worker, from others and from the object store: 10 Gbit/s. Assumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What does the work: one machine with a disk of its own, or workers that share an object store."""

    name: str
    worker_count: int
    core_count: int
    """Of each worker."""
    is_cluster: bool


FLEETS = (
    Fleet(name="1 machine, 2 cores", worker_count=1, core_count=2, is_cluster=False),
    Fleet(name="1 machine, 64 cores", worker_count=1, core_count=64, is_cluster=False),
    Fleet(name="10 workers, 16 cores", worker_count=10, core_count=16, is_cluster=True),
    Fleet(name="100 workers, 16 cores", worker_count=100, core_count=16, is_cluster=True),
)


def export_hours(terabytes: float, fleet: Fleet, assumed: Assumptions) -> float:
    """Read, compute, spill or shuffle (out and in again), write: one after the other."""
    data = terabytes * 1e12
    rows = data / assumed.row_bytes
    cpu_ns = assumed.export_ns_per_row * (assumed.cluster_factor if fleet.is_cluster else 1.0)
    computing = rows * cpu_ns / 1e9 / (fleet.worker_count * fleet.core_count)
    rate = fleet.worker_count * (assumed.network_rate if fleet.is_cluster else assumed.disk_rate)
    aside = rows * (assumed.shuffle_bytes_per_row if fleet.is_cluster else assumed.spill_bytes_per_row)
    return (computing + (2 * data + 2 * aside) / rate) / 3600


def break_even_cores(core_count: int, assumed: Assumptions) -> float:
    """How many cores a cluster needs to compute as fast as one machine with so many."""
    return core_count * assumed.cluster_factor


def table(assumed: Assumptions) -> str:
    """Hours of one export, as Markdown."""
    lines = [
        f"| data | rows | {' | '.join(fleet.name for fleet in FLEETS)} |",
        f"|---:|---:|{'---:|' * len(FLEETS)}",
    ]
    for size in SIZES_TB:
        hours = " | ".join(_words(export_hours(size, fleet, assumed)) for fleet in FLEETS)
        lines.append(f"| {size} TB | {size * 1e12 / assumed.row_bytes / 1e9:,.0f} billion | {hours} |")
    return "\n".join(lines)


def _words(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.0f} min"


if __name__ == "__main__":
    print(table(Assumptions()))
