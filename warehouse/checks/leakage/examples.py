"""Counts and examples as findings show them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from warehouse.checks.leakage.result import PairCount


def pairs_text(pairs: Iterable[PairCount]) -> str:
    """`train and test 12, dev and test 3`."""
    return ", ".join(f"{pair.left} and {pair.right} {pair.count:,}" for pair in pairs)


def examples_text(examples: Sequence[str]) -> str:
    """`, for example 17; 42`; empty without any."""
    shown = [example for example in examples if example]
    return f", for example {'; '.join(shown[:3])}" if shown else ""
