"""The verdict on a whole comparison in plain sentences, the first being enough for those in a hurry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from warehouse.checks.drift.importance import ColumnImportance, rank_columns
from warehouse.checks.drift.result import ColumnDrift, DriftResult, Role
from warehouse.checks.drift.verdicts import EffectName, Verdict
from warehouse.checks.drift.words import (
    NAMED,
    count_text,
    listed,
    lowered,
    number_text,
    points_text,
    quoted,
    share_text,
    some,
)
from warehouse.statistics.kinds import Kind

TELLING = 0.01
"""Below this share of the label's variation a column says next to nothing about it."""
CONTRIBUTING = 0.1
"""A column is behind the label's change when it alone would bring at least this part of it."""
OUTSIDE = 0.02
"""From this share of values on, what a model does beyond the range that it knows matters."""
GIVING_AWAY = 0.05
"""A stable column from whose shuffling the classifier's AUC falls by so much tells by what it goes with."""
NUMBER_WORDS = ("", "one", "two", "three")


def summarise(result: DriftResult) -> tuple[str, ...]:
    """What happened, which columns matter, what could not be told."""
    left, right = result.left_name, result.right_name
    if not result.left_row_count or not result.right_row_count:
        empty = " and ".join(
            name for name, rows in ((left, result.left_row_count), (right, result.right_row_count)) if not rows
        )
        return (f"Nothing could be compared: {empty} has no rows.",)
    return (opening(result), *_on_columns(result), *_on_relations(result), *_on_limits(result))


def opening(result: DriftResult) -> str:
    """The first sentence."""
    left, right, total = result.left_name, result.right_name, len(result.columns)
    drifted, undecided = (len(result.with_verdict(verdict)) for verdict in (Verdict.DRIFTED, Verdict.UNDECIDED))
    label = label_of(result)
    if not total:
        return f"No column of {left} and {right} could be compared."
    if label is not None and label.verdict is Verdict.DRIFTED:
        others = f"{drifted - 1} of {count_text(total - 1, 'other column')} drifted"
        return f"From {left} to {right}, {label_change(label)}{'; ' + others if total > 1 else ''}."
    if drifted:
        return f"{drifted} of {count_text(total, 'column')} drifted from {left} to {right}."
    if _differs_together(result):
        return f"{right} differs from {left}, though no single column drifted."
    if undecided == total:
        return f"Too few rows to tell whether {right} differs from {left}."
    if undecided:
        return (
            f"No column drifted from {left} to {right}, but {undecided} of {count_text(total, 'column')} "
            "cannot be judged without more rows."
        )
    return f"{right} looks like {left}: all {count_text(total, 'column')} are stable."


def label_of(result: DriftResult) -> ColumnDrift | None:
    """The label's column, when there is one."""
    return next((column for column in result.columns if column.is_label), None)


def label_change(label: ColumnDrift) -> str:
    """`is_late rose from 21.0% to 36.0% of rows (15 points)`; an average for numbers."""
    name = quoted(label.name)
    shares = _truth(label)
    if shares is not None:
        way = "rose" if shares[1] > shares[0] else "fell"
        words = f"{share_text(shares[0])} to {share_text(shares[1])} of rows ({points_text(*shares)})"
        return f"{name} {way} from {words}"
    numeric = label.kind in (Kind.NUMBER, Kind.DISCRETE)
    before, after = (label.left.mean, label.right.mean) if numeric else (None, None)
    if before is not None and after is not None and number_text(before) != number_text(after):
        way = "rose" if after > before else "fell"
        return f"{name} {way} from {number_text(before)} to {number_text(after)} on average"
    return f"{name} drifted ({lowered(label.explanation).removesuffix('.')})"


def _truth(label: ColumnDrift) -> tuple[float, float] | None:
    """The shares of true, or of 1 where all else is 0; None for other labels."""
    values = {bar.label: bar for bar in label.bars if bar.role is Role.VALUE}
    for yes, no in (("true", "false"), ("1", "0")):
        bar = values.get(yes)
        if bar is not None and values.keys() <= {yes, no} and bar.left_share != bar.right_share:
            return bar.left_share, bar.right_share
    return None


def _on_columns(result: DriftResult) -> Iterable[str]:
    label = label_of(result)
    columns = {column.name: column for column in result.columns}
    ranked = [entry for entry in rank_columns(result) if entry.name in columns and not columns[entry.name].is_label]
    drifted = [entry for entry in ranked if columns[entry.name].verdict is Verdict.DRIFTED]
    if label is not None and label.verdict is not Verdict.DRIFTED:
        yield _label_stands(label)
    if not drifted:
        return
    if label is not None and label.verdict is Verdict.DRIFTED:
        behind = _behind(label, ranked)
        if behind:
            yield behind
            return
    depends = [entry for entry in drifted if (entry.label_dependence or 0.0) >= TELLING]
    if label is not None and result.relations and not depends:
        yield f"None of the drifted columns tells much about {quoted(label.name)}."
    told = [
        f"{quoted(entry.name)} ({lowered(columns[entry.name].explanation).removesuffix('.')})"
        for entry in (depends or drifted)[:NAMED]
    ]
    if label is not None and depends:
        yield f"Of those that drifted, {quoted(label.name)} depends most on {listed(told)}."
    else:
        yield f"Strongest: {listed(told)}."


def _label_stands(label: ColumnDrift) -> str:
    if label.verdict is Verdict.UNDECIDED:
        return f"The label {quoted(label.name)} is undecided: more rows are needed to know."
    shares = _truth(label)
    if shares is None:
        return f"The label {quoted(label.name)} is stable."
    return f"The label {quoted(label.name)} is stable: {share_text(shares[0])} and {share_text(shares[1])} of rows."


def _behind(label: ColumnDrift, ranked: Sequence[ColumnImportance]) -> str:
    """The columns whose own change would move the label the way it moved, and by how much; empty without any."""
    shares = _truth(label)
    if shares is not None:
        change = shares[1] - shares[0]
    elif label.kind in (Kind.NUMBER, Kind.DISCRETE) and None not in (label.left.mean, label.right.mean):
        change = (label.right.mean or 0.0) - (label.left.mean or 0.0)
    else:
        return ""
    pushing = [entry for entry in ranked if entry.label_shift is not None and change]
    pushing.sort(key=lambda entry: -(entry.label_shift or 0.0) / change)
    pushing = [entry for entry in pushing if (entry.label_shift or 0.0) / change >= CONTRIBUTING][:NAMED]
    if not pushing:
        return ""
    told = []
    for place, entry in enumerate(pushing):
        shift = entry.label_shift or 0.0
        size = points_text(0.0, shift) if shares is not None else number_text(abs(shift))
        told.append(f"{quoted(entry.name)} ({'its change alone would bring ' if not place else ''}{size})")
    which = "column" if len(told) == 1 else f"{NUMBER_WORDS[len(told)]} columns"
    return f"The {which} most behind it: {listed(told)}."


def _on_relations(result: DriftResult) -> Iterable[str]:
    label = label_of(result)
    changed = [relation for relation in result.relations if relation.verdict is Verdict.DRIFTED]
    if label is not None and changed:
        # A label that fell everywhere changes what goes with every value: that alone says nothing of a column.
        own = [quoted(relation.feature) for relation in changed if not relation.follows_label]
        if own:
            yield (
                f"How {quoted(label.name)} depends on {some(own)} has changed too: what was learned on "
                f"{result.left_name} is partly wrong for {result.right_name}."
            )
        else:
            yield (
                f"{quoted(label.name)} changed for nearly all values of {count_text(len(changed), 'column')} alike: "
                f"what was learned on {result.left_name} is off by that much for {result.right_name}."
            )
    if result.domain is not None and _differs_together(result):
        yield result.domain.explanation
    elif result.domain is not None and (jointly := _changed_jointly(result)):
        look, go = ("looks", "goes") if len(jointly) == 1 else ("look", "go")
        yield (
            f"{some([quoted(name) for name in jointly])} {look} as before, but {go} with other columns in another way: "
            f"a classifier tells both sides apart by that (AUC {result.domain.auc:.2f})."
        )
    for segments in result.segments:
        drifted = sum(part.verdict is Verdict.DRIFTED for part in segments.segments)
        if segments.hidden:
            named = some([quoted(name) for name in segments.hidden])
            subject = f"{count_text(len(segments.hidden), 'column')} drifted that the whole does not show: {named}"
            yield f"Within single values of {quoted(segments.by)}, {subject}."
        elif drifted:
            yield f"{drifted} of {count_text(len(segments.segments), 'value')} of {quoted(segments.by)} drifted."


def _differs_together(result: DriftResult) -> bool:
    domain = result.domain
    return domain is not None and domain.verdict is Verdict.DRIFTED and not result.with_verdict(Verdict.DRIFTED)


def _changed_jointly(result: DriftResult) -> list[str]:
    """Stable columns that give most of a row's side away, which by themselves they cannot."""
    domain = result.domain
    if domain is None or domain.verdict is not Verdict.DRIFTED or not domain.columns:
        return []
    stable = {column.name for column in result.with_verdict(Verdict.STABLE)}
    least = max(GIVING_AWAY, domain.columns[0].importance / 2)
    return [column.name for column in domain.columns if column.name in stable and column.importance >= least]


def _on_limits(result: DriftResult) -> Iterable[str]:
    undecided = result.with_verdict(Verdict.UNDECIDED)
    if undecided and result.with_verdict(Verdict.DRIFTED):
        yield f"{count_text(len(undecided), 'column')} cannot be judged without more rows."
    coverage = result.coverage
    if coverage is not None:
        yield (
            f"By {quoted(coverage.column)}, {result.left_name} covers {coverage.left[0]} to {coverage.left[1]} "
            f"and {result.right_name} {coverage.right[0]} to {coverage.right[1]}."
        )
    if result.groups:
        named = ", ".join(quoted(group) for group in result.groups)
        yield f"Rows come in groups by {named}; the intervals are as wide as that makes them."
    problems = [column.name for column in result.left_out if column.is_problem]
    if problems:
        named = ", ".join(quoted(name) for name in problems[:5]) + (", …" if len(problems) > 5 else "")
        yield f"{count_text(len(problems), 'column')} could not be compared: {named}."


def advise(result: DriftResult) -> tuple[str, ...]:
    """What to do about it, in one sentence each; empty when nothing drifted."""
    drifted = result.with_verdict(Verdict.DRIFTED)
    if not drifted:
        return ()
    found = []
    gaps = [quoted(c.name) for c in drifted if c.leading is not None and c.leading.subject == "missing values"]
    if gaps:
        found.append(f"Missing values changed in {some(gaps)}: look at where they come from before anything else.")
    new = [quoted(c.name) for c in drifted if c.leading is not None and c.leading.name is EffectName.NEW]
    if new:
        found.append(f"{some(new)} hold{'s' if len(new) == 1 else ''} values that a model has never seen.")
    if label_of(result) in drifted:
        found.append(f"A score on {result.right_name} will differ from one on {result.left_name} for this alone.")
    beyond = [(c, share) for c in drifted if (share := _share_outside(c)) >= OUTSIDE]
    if beyond:
        told = some([f"{quoted(c.name)} ({share_text(share)} of rows)" for c, share in beyond])
        found.append(f"{result.right_name} goes beyond all that {result.left_name} holds in {told}.")
    if any(relation.verdict is Verdict.DRIFTED for relation in result.relations):
        found.append(f"Train on rows more like {result.right_name}, or expect the error to grow.")
    return tuple(found)


def _share_outside(column: ColumnDrift) -> float:
    """The share of right values smaller or larger than all left ones; 0 where values have no order."""
    measures = column.measures
    if measures is None:
        return 0.0
    return (measures.below_minimum_share or 0.0) + (measures.above_maximum_share or 0.0)
