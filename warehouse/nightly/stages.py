"""Which stage needs which: the one table that order, skipping and resuming follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from warehouse.errors import ProjectError, problem_list, suggestion
from warehouse.stages import StageName, StageResult, StageStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a stage has to do with those before it."""

    needs: tuple[StageName, ...] = ()
    """It is not run unless these passed, or nothing asked for them."""
    after: tuple[StageName, ...] = ()
    """It runs whatever became of these, and what they do changes what it finds."""
    why: str
    """The reason, in one sentence."""
    always: bool = False
    """Whether it runs again in a run that goes on from an earlier one, also when it passed there."""


RULES: Mapping[StageName, Rule] = {
    StageName.LOAD: Rule(
        why="It asks other systems for what is new, and nothing of ours has to be there for that.",
    ),
    StageName.SOURCES: Rule(
        after=(StageName.LOAD,),
        why="It looks at the very rows and files that the build will read, loaded ones among them; what could not be "
        "loaded leaves the rest to be looked at.",
    ),
    StageName.BUILD: Rule(
        needs=(StageName.LOAD, StageName.SOURCES),
        why="A build from half of the rows, or from a broken file, would be published with all the others.",
    ),
    StageName.DRIFT: Rule(
        after=(StageName.BUILD,),
        why="It compares what is published, which is yesterday's build when tonight's was held back.",
    ),
    StageName.EXPORT: Rule(
        needs=(StageName.BUILD,),
        after=(StageName.DRIFT,),
        why="A new version is made from tonight's build alone; a dataset whose drift is critical waits for a person.",
    ),
    StageName.RETENTION: Rule(
        after=(StageName.BUILD, StageName.EXPORT),
        why="It deletes what nothing needs any more, above all when the disk was full.",
    ),
    StageName.REPORT: Rule(after=tuple(StageName)[:6], always=True, why="It tells what became of all the others."),
    StageName.NOTIFY: Rule(after=tuple(StageName)[:7], always=True, why="Most of all, people must hear of failures."),
}
"""The stages in their order, each after all that it needs or follows."""

BLOCKED_BY = "blocked_by"
"""Key in a skipped stage's details: names of the stages that had to pass and did not."""


def blocking(name: StageName, results: Mapping[StageName, StageResult]) -> tuple[StageName, ...]:
    """The stages because of which this one cannot run."""
    return tuple(other for other in RULES[name].needs if other in results and not _is_fine(results[other]))


def _is_fine(result: StageResult) -> bool:
    if result.status is StageStatus.SKIPPED:
        return BLOCKED_BY not in result.details
    return result.status is StageStatus.PASSED


def chosen_stages(*, only: Sequence[str] = (), skip: Sequence[str] = ()) -> tuple[StageName, ...]:
    """The stages that somebody asked for, in their order.

    Raises:
        ProjectError: a word is no stage, or nothing is left.
    """
    known = [name.value for name in StageName]
    wrong = [word for word in (*only, *skip) if word not in known]
    if wrong:
        raise ProjectError(
            problem_list("no such stage:", [f"{word!r}; {suggestion(word, known)}" for word in dict.fromkeys(wrong)])
            + f"\n  the stages: {', '.join(known)}"
        )
    chosen = tuple(name for name in StageName if (not only or name.value in only) and name.value not in skip)
    if not chosen:
        raise ProjectError(f"no stage is left to run\n  the stages: {', '.join(known)}")
    return chosen
