"""Going on where an earlier run stopped: which of its stages need not be run again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from warehouse.nightly.stages import RULES
from warehouse.records import Status
from warehouse.stages import Nightly, StageName, StageResult, StageStatus

OLDEST = timedelta(hours=24)
"""What an older run found of sources and tables says nothing of today's."""


def can_resume(earlier: Nightly | None) -> bool:
    """Whether there is a run that did not come to a good end."""
    return earlier is not None and earlier.status is not Status.PASSED


def kept_stages(
    earlier: Nightly,
    *,
    now: datetime,
    chosen: Collection[StageName] = tuple(StageName),
    done_since: frozenset[StageName] = frozenset(),
) -> Mapping[StageName, StageResult]:
    """The results of the earlier run that stand: those that passed, as long as nothing before them runs again.

    Empty when the earlier run began more than a day ago. What other runs have done since (`done_since`) runs again, and
    so does what follows it: they may have changed what these stages found.
    """
    if abs(now - datetime.fromisoformat(earlier.started_at)) > OLDEST:
        return {}
    before = {result.name: result for result in earlier.stages}
    kept: dict[StageName, StageResult] = {}
    for name, rule in RULES.items():
        result = before.get(name)
        if name not in chosen or rule.always or result is None or result.status is not StageStatus.PASSED:
            continue
        if not done_since.isdisjoint((name, *rule.needs, *rule.after)):
            continue
        # A stage that runs again may change what this one found. Skipped ones are looked at anew and change nothing.
        if all(other in kept or not _runs_again(other, before, chosen) for other in (*rule.needs, *rule.after)):
            kept[name] = replace(result, kept=True)
    return kept


def _runs_again(name: StageName, before: Mapping[StageName, StageResult], chosen: Collection[StageName]) -> bool:
    result = before.get(name)
    # Nothing asked for it the last time, and most likely nothing does now.
    idle = result is not None and result.status is StageStatus.SKIPPED and not result.details
    return name in chosen and not idle
