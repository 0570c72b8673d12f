"""What was learned of synthetic rows as findings and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from warehouse.checks.drift.words import quoted, share_text
from warehouse.checks.synthetic.result import (
    REAL,
    SYNTHETIC,
    Closeness,
    Diversity,
    ExactCopies,
    LackingValues,
    NearTextRows,
    Repeats,
    SyntheticResult,
)
from warehouse.findings import Finding, Severity
from warehouse.statistics.estimates import Estimate, Mean, difference, rate_estimate

LEAST_LOSS = 0.05
"""A smaller loss of coverage or precision is not worth a warning."""
LEAST_EXCESS = 0.01
"""Nor is a smaller share of repeated rows."""
LEAST_LACKING = 0.01
"""Nor are values that fewer real rows have."""
NAMED = 3
JUDGING = ("dev", "test")
REMOVE = "take these synthetic rows out, and make new ones from rows of train alone"


def change_text(change: Estimate) -> str:
    """A difference of shares in percentage points, with its interval."""
    return f"{100 * change.value:.1f} points ({100 * change.low:.1f} to {100 * change.high:.1f})"


def judge(result: SyntheticResult) -> tuple[Finding, ...]:
    """What to know, the most severe first."""
    found = [*_misplaced(result)]
    for copies in result.copies:
        found += _copied(copies)
    for closeness in result.closeness:
        found += _close(closeness)
    for texts in result.texts:
        found += _texts(texts)
    if result.repeats is not None:
        real_rows = next(split.real_count for split in result.splits if split.split == "train")
        found += _repeated(result.repeats, synthetic_rows=result.synthetic_count, real_rows=real_rows)
    if result.diversity is not None:
        found += _diverse(result.diversity)
    found += _lacking(result.lacking)
    order = list(Severity)
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def _misplaced(result: SyntheticResult) -> Iterator[Finding]:
    for split in result.splits:
        if split.split in JUDGING and split.synthetic_count:
            yield Finding(
                severity=Severity.CRITICAL,
                check="synthetic_rows",
                subject=split.split,
                message=f"{split.synthetic_count:,} rows of {split.split} are synthetic",
                measured=float(split.synthetic_count),
                threshold=0.0,
                advice="a model must be judged on real rows: let the split be made by another rule than a column",
            )


def _copied(copies: ExactCopies) -> Iterator[Finding]:
    new = copies.copied_count - copies.known_count
    if not copies.is_beyond_chance:
        return
    examples = f" ({', '.join(copies.examples)})" if copies.examples else ""
    yield Finding(
        severity=Severity.CRITICAL if copies.split in JUDGING else Severity.WARNING,
        check="synthetic_copies",
        subject=copies.split,
        message=f"synthetic rows copy {new:,} of {copies.row_count:,} rows of {copies.split} in every feature, "
        f"which no real row of train does{examples}; chance would make {copies.expected_count:,.0f}",
        measured=float(new),
        threshold=copies.expected_count,
        advice=f"what makes them has seen {copies.split}: {REMOVE}",
    )


def _close(closeness: Closeness) -> Iterator[Finding]:
    if not closeness.is_close:
        return
    excess = (
        f"{share_text(closeness.near.value)} of the sampled rows have one within {closeness.limit:.3g} standard "
        f"deviations, {change_text(closeness.excess)} more than"
    )
    if closeness.of != SYNTHETIC:
        message = f"synthetic rows lie nearer to rows of {closeness.of} than real ones of train do: {excess} a real one"
        check, subject = "synthetic_near_copies", closeness.of
        advice = f"were they made from {closeness.of}? then {REMOVE}; if not, do they imitate where it was drawn from?"
    elif closeness.to == REAL:
        message = f"synthetic rows nearly copy real rows of train: {excess} other real rows have"
        check, subject = "synthetic_near_copies", "train"
        advice = "they add weight to these rows and nothing new, and may give away whom they are of: vary them more"
    else:
        message = f"synthetic rows nearly repeat each other: {excess} real rows among themselves"
        check, subject = "synthetic_repeats", SYNTHETIC
        advice = "keep one of each, or make what produces them vary more"
    yield Finding(
        severity=Severity.WARNING,
        check=check,
        subject=subject,
        message=message,
        measured=closeness.near.value,
        threshold=closeness.near.value - closeness.excess.value,
        advice=advice,
    )


def _texts(texts: NearTextRows) -> Iterator[Finding]:
    for split, count in texts.split_counts.items():
        yield Finding(
            severity=Severity.WARNING,
            check="synthetic_near_copies",
            subject=f"{split}.{texts.column}",
            message=f"{quoted(texts.column)} of {count:,} rows of {split} is nearly that of a synthetic row, "
            f"similarity {texts.threshold:g} or more: {'; '.join(texts.examples[:NAMED])}",
            measured=float(count),
            threshold=0.0,
            advice=f"were they written from {split}? then {REMOVE}",
        )
    if texts.synthetic_share > LEAST_EXCESS:
        yield Finding(
            severity=Severity.WARNING,
            check="synthetic_repeats",
            subject=f"{SYNTHETIC}.{texts.column}",
            message=f"{quoted(texts.column)} of {texts.synthetic_count:,} synthetic rows "
            f"({share_text(texts.synthetic_share)}) is nearly that of another one, "
            f"similarity {texts.threshold:g} or more",
            measured=texts.synthetic_share,
            threshold=LEAST_EXCESS,
            advice="keep one of each, or make what writes them vary more",
        )


def _repeated(repeats: Repeats, *, synthetic_rows: int, real_rows: int) -> Iterator[Finding]:
    usual = _rate(repeats.real_share, real_rows)
    # More rows repeat more. Were the real law theirs, at most so many would (Jensen's inequality).
    of_more = 1 - (1 - repeats.real_share) ** max(1.0, synthetic_rows / real_rows)
    found = (
        (
            *(repeats.synthetic_count, repeats.synthetic_share, _rate(of_more, real_rows)),
            *("synthetic_repeats", SYNTHETIC, "repeat each other", "keep one of each"),
        ),
        (
            *(repeats.copied_count, repeats.copied_share, usual, "synthetic_copies", "train"),
            "copy a real row of train",
            "they add weight to these rows and nothing new, and are no protection for whom they are of",
        ),
    )
    for count, share, expected, check, subject, does, advice in found:
        if difference(expected, _rate(share, synthetic_rows)).low > LEAST_EXCESS:
            yield Finding(
                severity=Severity.WARNING,
                check=check,
                subject=subject,
                message=f"{count:,} synthetic rows ({share_text(share)}) {does} in every feature; of real rows "
                f"{share_text(expected.value)} would",
                measured=share,
                threshold=expected.value + LEAST_EXCESS,
                advice=advice,
            )


def _rate(share: float, count: int) -> Estimate:
    return rate_estimate(Mean(value=share, standard_error=0.0, row_count=count))


def _diverse(diversity: Diversity) -> Iterator[Finding]:
    if diversity.coverage_loss.low > LEAST_LOSS:
        yield Finding(
            severity=Severity.WARNING,
            check="synthetic_diversity",
            subject=SYNTHETIC,
            message="synthetic rows leave out part of what is real: "
            f"{share_text(diversity.synthetic.coverage)} of real rows have one within reach, "
            f"{change_text(diversity.coverage_loss)} less than as many real rows would cover",
            measured=diversity.synthetic.coverage,
            threshold=diversity.real.coverage - LEAST_LOSS,
            advice="look at the columns that differ and at the values they lack; mean them to be part of train only",
        )
    if diversity.precision_loss.low > LEAST_LOSS:
        yield Finding(
            severity=Severity.WARNING,
            check="synthetic_realism",
            subject=SYNTHETIC,
            message=f"synthetic rows lie where no real ones do: {share_text(diversity.synthetic.precision)} are within "
            f"the reach of a real row, {change_text(diversity.precision_loss)} less than other real rows are",
            measured=diversity.synthetic.precision,
            threshold=diversity.real.precision - LEAST_LOSS,
            advice="look at the columns that differ most: a model may learn what made the rows instead of what is true",
        )


def _lacking(lacking: Sequence[LackingValues]) -> Iterator[Finding]:
    for kind, other, says in (
        (SYNTHETIC, "real", "values of real rows that synthetic ones lack"),
        (REAL, SYNTHETIC, "values of synthetic rows that no real row of train has"),
    ):
        found = [one for one in lacking if one.lacking == kind and one.sure_count]
        if not found:
            continue
        most = max(one.sure_row_share for one in found)
        parts = [
            f"{' with '.join(quoted(name) for name in one.columns)} in {share_text(one.sure_row_share)} of {other} "
            f"rows ({', '.join(one.examples[:NAMED])})"
            for one in found[:NAMED]
        ]
        rest = f", and {len(found) - NAMED} more columns or pairs" if len(found) > NAMED else ""
        yield Finding(
            severity=Severity.WARNING if most > LEAST_LACKING else Severity.INFO,
            check="synthetic_values",
            subject=kind,
            message=f"{says}, beyond chance: {'; '.join(parts)}{rest}",
            measured=most,
            threshold=LEAST_LACKING,
            advice="make rows of these too, unless they are left out on purpose"
            if kind == SYNTHETIC
            else "are they possible at all? a model learns them as true",
        )


def summarise(result: SyntheticResult) -> tuple[str, ...]:
    """What it comes down to, in sentences."""
    return tuple(_sentences(result))


def _sentences(result: SyntheticResult) -> Iterator[str]:
    held = " and ".join(copies.split for copies in result.copies)
    if result.copies:
        beyond = [copies for copies in result.copies if copies.is_beyond_chance]
        if beyond:
            named = ", ".join(f"{copies.copied_count - copies.known_count:,} of {copies.split}" for copies in beyond)
            yield f"Synthetic rows copy rows that judge a model: {named}. What is measured there is too good."
        else:
            yield f"Synthetic rows copy no row of {held} beyond chance."
    if result.repeats is not None:
        repeats = result.repeats
        yield (
            f"{share_text(repeats.synthetic_share)} of them repeat each other and {share_text(repeats.copied_share)} "
            f"copy a real row of train; of real rows {share_text(repeats.real_share)} repeat each other."
        )
    if result.diversity is not None:
        diversity = result.diversity
        synthetic, real = diversity.synthetic, diversity.real
        yield (
            f"They cover {share_text(synthetic.coverage)} of real rows' neighbourhoods, where as many real ones cover "
            f"{share_text(real.coverage)}; {share_text(synthetic.precision)} lie among real rows, of real ones "
            f"{share_text(real.precision)}."
        )
    missed = [one for one in result.lacking if one.lacking == SYNTHETIC and one.sure_count]
    if missed:
        alone = sum(one.sure_count for one in missed if len(one.columns) == 1)
        together = sum(one.sure_count for one in missed if len(one.columns) == 2)
        yield f"They surely lack {alone:,} values and {together:,} combinations of two values that real rows have."
