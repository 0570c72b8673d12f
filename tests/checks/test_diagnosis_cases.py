"""A planted cause is told, and none where none was planted: a few of the cases of `benchmarks/diagnosis_cases.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import diagnosis_cases

REPEAT = 4


@pytest.mark.parametrize("kind", diagnosis_cases.KINDS)
def test_planted_causes_are_told(kind: str) -> None:
    found = [
        outcome
        for planted in diagnosis_cases.CAUSES
        for outcome in diagnosis_cases.outcomes(kind, planted, repeat=REPEAT)
    ]

    assert sum(outcome.told for outcome in found) >= 0.8 * len(found)
    assert sum(outcome.covered for outcome in found) >= 0.9 * sum(outcome.gaps for outcome in found)
    assert sum(outcome.alarms for outcome in found) <= 0.1 * sum(outcome.without for outcome in found)
