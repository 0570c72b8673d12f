"""What more rows would give is told from errors as scipy fits them, and what cannot be told is not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from warehouse.checks.diagnosis.curve_result import CurveAnswer, HumanAnswer, LearningCurve
from warehouse.checks.diagnosis.learning_curve import CurveQuestion, read_learning_curve
from warehouse.checks.diagnosis.result import MetricName
from warehouse.datasets.versions import Version
from warehouse.engine.local import LocalEngine
from warehouse.errors import PredictionError
from warehouse.sql import Relation

TRAIN_ROWS = 10_000


def curve(engine: LocalEngine, rows: str, **question: Any) -> LearningCurve:
    """Of errors that this select gives, for a version with 10,000 rows in train."""
    engine.connection.execute(f"create or replace table errors as {rows}")
    names = ("train", "dev", "test")
    splits = tuple(SimpleNamespace(name=name, row_count=TRAIN_ROWS) for name in names)
    version = SimpleNamespace(reference="d@1.0.0", splits=names, manifest=SimpleNamespace(splits=splits))
    question.setdefault("metric", MetricName.ERROR_RATE)
    return read_learning_curve(engine, cast(Version, version), Relation.table("errors"), CurveQuestion(**question))


def shares(error: str, split: str = "dev") -> str:
    """Errors of six nested shares, as an expression over `f`, the share."""
    return (
        f"select f as fraction, '{split}' as split, {error} as error, row_number() over () as place "
        "from (select unnest([0.05, 0.1, 0.2, 0.4, 0.7, 1.0]) as f)"
    )


NOISE = "[0.001, -0.0014, 0.0007, 0.0006, -0.0011, 0.0004][place]"


def noisy(error: str) -> str:
    return f"select * replace (error + {NOISE} as error) from ({shares(error)})"


def test_a_law_is_found_again_and_answers(engine: LocalEngine) -> None:
    result = curve(engine, shares("0.05 + 0.03 * f ** -0.4"), human=0.02)

    found = result.of("dev")
    assert found is not None
    assert found.fit is not None
    assert found.fit.limit.value == pytest.approx(0.05, abs=1e-6)
    assert found.fit.exponent.value == pytest.approx(0.4, abs=1e-5)
    assert found.fit.at(10.0).row_count == 10 * TRAIN_ROWS
    assert found.fit.at(10.0).error.value == pytest.approx(0.05 + 0.03 * 10**-0.4, abs=1e-6)
    assert found.fit.at(2.0).gain.value == pytest.approx(0.03 * (1 - 2**-0.4), abs=1e-6)
    assert (found.fit.answer, found.fit.human) == (CurveAnswer.HELPS, HumanAnswer.NEVER)
    assert [point.row_count for point in found.points] == [500, 1000, 2000, 4000, 7000, 10000]
    assert found.fit.line[0].row_count == 500
    assert found.fit.line[-1].row_count == 10 * TRAIN_ROWS


@pytest.mark.parametrize(
    ("error", "human", "answers"),
    [
        ("0.05 + 0.03 * f ** -0.4", 0.10, (CurveAnswer.HELPS, HumanAnswer.REACHED)),
        ("0.05 + 0.03 * f ** -0.4", 0.076, (CurveAnswer.HELPS, HumanAnswer.WITHIN_TEN)),
        ("0.30 + 0.0005 * f ** -0.5", 0.1, (CurveAnswer.FLAT, HumanAnswer.NEVER)),
        ("0.02 + 0.002 * f ** -0.2", 0.021, (CurveAnswer.UNDECIDED, HumanAnswer.UNDECIDED)),
    ],
)
def test_noisy_points_tell_what_they_can(
    engine: LocalEngine, error: str, human: float, answers: tuple[CurveAnswer, HumanAnswer]
) -> None:
    result = curve(engine, noisy(error), human=human)

    found = result.of("dev")
    assert found is not None
    assert found.fit is not None
    assert (found.fit.answer, found.fit.human) == answers, (found.fit.projections, found.fit.limit)


def test_rows_repeats_and_what_errors_were_measured_on(engine: LocalEngine) -> None:
    repeated = "select round(fraction * 10000) as rows, split, error + r / 1000 as error, r as repeat"
    rows = f"{repeated} from ({noisy('0.05 + 0.03 * f ** -0.4')}), range(-1, 2) as repeats(r)"
    known = curve(engine, f"select *, 100000 as n from ({rows})").of("dev")
    vague = curve(engine, f"select *, 500 as n from ({rows})").of("dev")
    silent = curve(engine, rows).of("dev")

    widths = []
    for found in (silent, known, vague):
        assert found is not None
        assert found.fit is not None
        assert len(found.points) == 18
        ten = found.fit.at(10.0).error
        widths.append(ten.high - ten.low)
    assert widths[1] < widths[2] > widths[0]


def test_the_answer_is_about_dev_and_train_may_rise(engine: LocalEngine) -> None:
    result = curve(
        engine, f"{shares('0.04 - 0.01 * f ** -0.3', 'train')} union all {shares('0.05 + 0.03 * f ** -0.4')}"
    )

    assert result.target == "dev"
    train = result.of("train")
    assert train is not None
    assert train.fit is not None
    assert train.fit.scale == pytest.approx(-0.01, abs=1e-6)


def test_too_few_sizes_are_said(engine: LocalEngine) -> None:
    result = curve(engine, f"select * from ({shares('0.05 + f / 100')}) where fraction > 0.2")

    found = result.of("dev")
    assert found is not None
    assert found.fit is None
    assert result.summary[0].startswith("Too few points to tell what more rows would give: 3 sizes of train")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("select 1.5 as fraction, 'dev' as split, 0.1 as error", "1 row has a 'fraction' outside of 0 to 1: 1.5"),
        ("select 0 as fraction, 'dev' as split, 0.1 as error", "'fraction' outside of 0 to 1: 0"),
        ("select 'nan'::double as fraction, 'dev' as split, 0.1 as error", "'fraction' outside of 0 to 1: nan"),
        ("select 0.5 as fraction, 'dev' as split, 'nan'::double as error", "an 'error' that is NaN or infinite: nan"),
        ("select 0.5 as fraction, 'dev' as split, 12 as error", "'error' that is no share: 12\n    give shares"),
        (
            "select 0.5 as fraction, 'val' as split, 0.1 as error",
            "'split' that the version has not: val\n    it has tr",
        ),
        ("select 0.5 as fraction, 'dev' as split, null::double as error", "1 row has no 'error'"),
        ("select 'half' as fraction, 'dev' as split, 0.1 as error", "'fraction' must hold numbers and is VARCHAR"),
        ("select 0.5 as fraction, 'dev' as split, 0.1 as err", "there is no column 'error'; did you mean 'err'?"),
        ("select 0.5 as share, 'dev' as split, 0.1 as error", "there is neither a column 'fraction' nor 'rows'"),
        ("select 0 as rows, 'dev' as split, 0.1 as error", "'rows' that is no number of rows: 0"),
        ("select 0.5 as fraction, 'dev' as split, 0.1 as error, 0 as n", "'n' that is no number of rows: 0"),
        (
            "select 0.5 as fraction, 'dev' as split, 0.1 as error, 1 as repeat from range(2)",
            "split dev, fraction 0.5, repeat 1 is there 2 times",
        ),
        ("select 0.5 as fraction, 'dev' as split, 0.1 as error limit 0", "errors holds no rows"),
    ],
)
def test_what_cannot_be_read_is_said(engine: LocalEngine, rows: str, message: str) -> None:
    with pytest.raises(PredictionError) as error:
        curve(engine, rows)

    assert message in str(error.value).replace("has a 'error'", "has an 'error'")


def test_of_success_no_curve_is_made(engine: LocalEngine) -> None:
    with pytest.raises(PredictionError, match="give 1 - auc as the error, and say --metric loss"):
        curve(engine, shares("0.8"), metric=MetricName.AUC)


def test_a_curve_of_any_loss_may_fall_below_zero(engine: LocalEngine) -> None:
    found = curve(engine, shares("-3 + f ** -0.5"), metric=MetricName.LOSS).of("dev")

    assert found is not None
    assert found.fit is not None
    assert found.fit.limit.value == pytest.approx(-3, abs=1e-4)
    assert np.isfinite([found.fit.limit.low, found.fit.limit.high]).all()
