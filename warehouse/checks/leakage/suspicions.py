"""What only suggests a leak, judged and said: as severe as the dataset's `gates: {leakage: ...}`, or information."""

from __future__ import annotations

import math
from collections.abc import Iterator

from warehouse.checks.drift.words import count_text, quoted, share_text
from warehouse.checks.leakage.examples import examples_text, pairs_text
from warehouse.checks.leakage.result import LabelKind, LeakageResult, Predictor, Twins
from warehouse.datasets.spec import DatasetSpec, HashSplit, HashTimeSplit
from warehouse.findings import Finding, Severity

PERFECT = 0.7
"""Error reduction (or explained entropy) from which one feature alone tells the label too well."""
KEY_TELLS = 0.2
"""The same for a key, which should tell nothing."""
CHANGE = 0.2
"""Difference between train and test from which a feature's power changed; beyond two standard errors."""
LEAST_TRAIN_ROWS = 100
SMALL_SHARE = 0.01
"""A split of fewer rows than this share of train's hardly measures anything."""


def suspicions(result: LeakageResult, spec: DatasetSpec, gate: Severity) -> Iterator[Finding]:
    """Findings that are judgements; those that the gate is for have its severity."""
    yield from _twins(result, gate)
    yield from _texts(result, gate)
    yield from _predictors(result, spec, gate)
    yield from _identifiers(result, gate)
    yield from _new_values(result, gate)
    yield from _spellings(result, gate)
    yield from _sizes(result)


def _rows(count: int) -> str:
    return count_text(count, "row")


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def is_beyond_chance(twins: Twins) -> bool:
    """Whether more rows are alike between splits than columns drawn by chance explain.

    Twice what is expected, plus three standard deviations of a Poisson count.
    """
    expected = sum(pair.count for pair in twins.expected)
    return sum(pair.count for pair in twins.across) > 2 * expected + 3 * math.sqrt(expected)


def _twins(result: LeakageResult, gate: Severity) -> Iterator[Finding]:
    twins = result.twins
    if twins is None:
        return
    if not twins.identify_rows or (twins.across and not is_beyond_chance(twins)):
        if twins.across:
            yield Finding(
                severity=Severity.INFO,
                check="duplicates",
                subject="features",
                message=(
                    f"the features take {twins.distinct_count:,} different values in {twins.row_count:,} rows, so "
                    f"equal rows in several splits prove nothing ({pairs_text(twins.across)})"
                ),
                measured=twins.distinct_count / max(1, twins.row_count),
                threshold=0.5,
            )
        return
    if twins.across:
        with_label = sum(pair.count for pair in twins.across_with_label)
        total = sum(pair.count for pair in twins.across)
        told = "all" if with_label == total else f"{with_label:,} of them"
        label = f", {told} with the same label" if result.label_kind and with_label else ""
        yield Finding(
            severity=gate,
            check="duplicates",
            subject="features",
            message=(
                f"{_rows(total)} of later splits {_have(total)} exactly the features of a "
                f"row of an earlier one{label} ({pairs_text(twins.across)}){examples_text(twins.examples)}"
            ),
            measured=float(total),
            threshold=float(sum(pair.count for pair in twins.expected)),
            advice="deduplicate in the model, or declare deduplicate: {exact: once} (or together)",
        )
    within = sum(twins.within.values())
    if within:
        splits = ", ".join(f"{split} {count:,}" for split, count in twins.within.items())
        yield Finding(
            severity=Severity.INFO,
            check="duplicates_within",
            subject="features",
            message=f"{_rows(within)} {'repeats' if within == 1 else 'repeat'} another one of their split ({splits})",
            measured=float(within),
            threshold=0.0,
            advice="deduplicate: {exact: once} keeps one of each",
        )
    yield from _conflicts(result, twins, gate)


def _conflicts(result: LeakageResult, twins: Twins, gate: Severity) -> Iterator[Finding]:
    severity = gate if result.label_kind is LabelKind.CLASS else Severity.INFO
    across = sum(pair.count for pair in twins.conflicts_across)
    within = sum(twins.conflicts_within.values())
    if across:
        yield Finding(
            severity=severity,
            check="conflicting_labels",
            subject="label",
            message=(
                f"{_rows(across)} of later splits {_have(across)} the features of an earlier "
                f"split's row and another label ({pairs_text(twins.conflicts_across)})"
                f"{examples_text(twins.conflict_examples)}"
            ),
            measured=float(across),
            threshold=0.0,
            advice="find out which label is right, or add the feature that tells such rows apart",
        )
    if within:
        splits = ", ".join(f"{split} {count:,}" for split, count in twins.conflicts_within.items())
        yield Finding(
            severity=Severity.INFO,
            check="conflicting_labels_within",
            subject="label",
            message=(
                f"{count_text(within, 'row')} {'has' if within == 1 else 'have'} the features of another row of "
                f"their split and another label ({splits}){examples_text(twins.conflict_examples)}"
            ),
            measured=float(within),
            threshold=0.0,
            advice="find out which label is right, or add the feature that tells such rows apart",
        )


def _texts(result: LeakageResult, gate: Severity) -> Iterator[Finding]:
    for text in result.texts:
        total = sum(pair.count for pair in text.across)
        same = (
            "the same text, but for case and white space,"
            if text.threshold is None
            else f"nearly the same text (similarity of at least {text.threshold:g})"
        )
        yield Finding(
            severity=gate,
            check="same_text" if text.threshold is None else "near_text",
            subject=text.name,
            message=(
                f"{_rows(total)} of later splits {_have(total)} in {quoted(text.name)} {same} "
                f"as a row of an earlier one ({pairs_text(text.across)})"
                f"{examples_text(text.examples)}"
            ),
            measured=float(total),
            threshold=0.0,
            advice=f"keep such rows together: deduplicate: {{text: {{column: {text.name}}}}}",
        )


def _predictors(result: LeakageResult, spec: DatasetSpec, gate: Severity) -> Iterator[Finding]:
    apart = set(spec.groups) if isinstance(spec.split, HashSplit | HashTimeSplit) else set()
    for predictor in result.predictors:
        found = _perfect(predictor, gate)
        if found is not None:
            yield found
        elif predictor.role in ("feature", "group") and predictor.name not in apart:
            change = _change(predictor, gate)
            if change is not None:
                yield change


def _perfect(predictor: Predictor, gate: Severity) -> Finding | None:
    """The label told too well, by the best score outside train; inside, when nothing else was scored."""
    scores = [score for score in predictor.scores if score.split != "train"]
    if not scores or predictor.role == "key":
        # Keys of later rows lie beyond those of train: within train it shows.
        scores = list(predictor.scores)
    if not scores:
        return None
    best = max(scores, key=lambda score: max(score.error_reduction, score.information or 0.0))
    measured = max(best.error_reduction, best.information or 0.0)
    threshold = KEY_TELLS if predictor.role == "key" else PERFECT
    if measured < threshold:
        return None
    what = (
        f"removes {share_text(best.error_reduction)} of the errors"
        if best.error_reduction >= (best.information or 0.0)
        else f"explains {share_text(best.information or 0.0)} of the label"
    )
    kind = {"key": "the key ", "time": "the time "}.get(predictor.role, "")
    advice = (
        "a key should tell nothing: were the rows numbered in the order of their labels?"
        if predictor.role == "key"
        else "find out when and from what it is made; leave it out if it is known only with the label"
    )
    return Finding(
        severity=gate if measured >= PERFECT else Severity.INFO,
        check="predictor",
        subject=predictor.name,
        message=f"{kind}{quoted(predictor.name)} alone tells the label: in {best.split} it {what}",
        measured=measured,
        threshold=threshold,
        advice=advice,
    )


def _change(predictor: Predictor, gate: Severity) -> Finding | None:
    train, test = predictor.of("train"), predictor.of("test") or predictor.of("dev")
    if train is None or test is None:
        return None
    pairs = [(train.error_reduction, test.error_reduction, 2 * math.hypot(train.error, test.error))]
    if train.information is not None and test.information is not None:
        pairs.append((train.information, test.information, 2 * math.hypot(train.error, test.error)))
    before, after, noise = max(pairs, key=lambda pair: abs(max(0.0, pair[0]) - max(0.0, pair[1])))
    before, after = max(0.0, before), max(0.0, after)
    if abs(before - after) < max(CHANGE, noise):
        return None
    better = "much better" if before > after else "much worse"
    return Finding(
        severity=gate,
        check="predictor_change",
        subject=predictor.name,
        message=(
            f"{quoted(predictor.name)} alone tells the label {better} in train than in {test.split}: "
            f"{share_text(before)} and {share_text(after)} of what there is to tell"
        ),
        measured=before - after,
        threshold=CHANGE,
        advice="what makes it tell the label in train does not hold later: an identifier, a leak, or drift",
    )


def _identifiers(result: LeakageResult, gate: Severity) -> Iterator[Finding]:
    for found in result.identifiers:
        if found.distinct_share:
            along = f", and it runs along {quoted(found.follows)}" if found.follows else ""
            yield Finding(
                severity=gate,
                check="identifier",
                subject=found.name,
                message=f"{quoted(found.name)} names its row: nearly every row has a value of its own{along}",
                measured=found.distinct_share,
                threshold=0.99,
                advice="leave it out (columns.exclude), or add it to the key; a model can only learn it by heart",
            )
        elif found.follows:
            yield Finding(
                severity=Severity.INFO,
                check="monotonic",
                subject=found.name,
                message=f"{quoted(found.name)} runs along {quoted(found.follows)}: it tells when a row was made",
                advice="if that is not meant, leave it out, or take the difference from a moment of the row",
            )


def _new_values(result: LeakageResult, gate: Severity) -> Iterator[Finding]:
    for new in result.new_values:
        if new.is_label:
            yield Finding(
                # Train of a few rows lacks labels by chance.
                severity=gate if result.row_counts["train"] >= LEAST_TRAIN_ROWS else Severity.INFO,
                check="new_labels",
                subject=new.name,
                message=(
                    f"{new.split} has {count_text(new.value_count, 'label')} that train never had "
                    f"({_rows(new.row_count)}){examples_text([quoted(value) for value in new.examples])}"
                ),
                measured=float(new.value_count),
                threshold=0.0,
                advice="no model can learn a label that it has never seen: stratify, or merge rare labels",
            )
    categories = [new for new in result.new_values if not new.is_label]
    if categories:
        names = list(dict.fromkeys(new.name for new in categories))
        told = "; ".join(
            f"{quoted(new.name)} in {new.split} {new.value_count:,} ({share_text(new.row_share)} of rows"
            + (f", {quoted(new.examples[0])}" if new.examples else "")
            + ")"
            for new in categories[:5]
        )
        yield Finding(
            severity=Severity.INFO,
            check="new_categories",
            subject=", ".join(names[:5]),
            message=f"values that train never had, in {count_text(len(names), 'column')}: {told}",
            measured=max(new.row_share for new in categories),
            advice="the model needs an answer to unknown values; warehouse drift says whether they are many",
        )


def _spellings(result: LeakageResult, gate: Severity) -> Iterator[Finding]:
    for found in result.spellings:
        where = f", of which {found.new_split} has some that train lacks" if found.new_split else ""
        yield Finding(
            severity=gate if found.new_split else Severity.INFO,
            check="spellings",
            subject=found.name,
            message=(
                f"{count_text(found.group_count, 'value')} of {quoted(found.name)} "
                f"{'is' if found.group_count == 1 else 'are'} "
                f"written in several ways{where}{examples_text(found.examples)}"
            ),
            measured=float(found.group_count),
            threshold=0.0,
            advice="write each value in one way in staging",
        )


def _sizes(result: LeakageResult) -> Iterator[Finding]:
    train = result.row_counts.get("train", 0)
    for split in ("dev", "test"):
        count = result.row_counts.get(split)
        if count is not None and count < SMALL_SHARE * train:
            yield Finding(
                severity=Severity.INFO,
                check="small_split",
                subject=split,
                message=f"{split} has {count_text(count, 'row')}, {share_text(count / train)} of train's {train:,}",
                measured=count / train,
                threshold=SMALL_SHARE,
                advice="so few rows measure a model only roughly",
            )
