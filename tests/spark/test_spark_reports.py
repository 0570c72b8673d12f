"""`leakage` and `diagnose` of a version ask on Spark where the settings say so, and write what they write otherwise."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from warehouse.engine import spark_session

sys.path.append(str(Path(__file__).parents[1]))
import fake_builds

ROWS = """
    select
        i as id,
        timestamp '2013-01-01' + to_hours(i::int) as happened_at,
        (i * 7919 % 1009) < 300 as is_late,
        (i * 7919 % 10007) / 7.0 as amount,
        'k' || (i % 5) as kind,
    from range(1200) as rows(i)
"""
DATASET: dict[str, Any] = {
    "key": "id",
    "label": "is_late",
    "time": "happened_at",
    "split": {"method": "time", "cutoffs": {"dev": "2013-02-08", "test": "2013-02-14"}},
}
COMMANDS = {
    "leakage": ["leakage", "late", "--json"],
    "diagnose": ["diagnose", "late", "--predictions", "predictions.parquet", "--slices", "none", "--json"],
    "curve": ["diagnose", "late", "--curve", "errors.parquet", "--human", "0.02", "--json"],
}
ERRORS = """
    select fraction, split, repeat, n, bound + 0.2 * pow(fraction, -0.3) + repeat / 500 as error
    from (values (0.05), (0.1), (0.3), (1.0)) as f(fraction), (values (1), (2)) as r(repeat),
        (values ('train', 0.02, 900), ('dev', 0.05, 144)) as s(split, bound, n)
"""


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any]) -> Path:
    """A project with a version that was exported from DuckDB, and predictions beside it; the working folder."""
    fake = fake_builds.Fake(tmp_path / "project")
    fake.build(DATASET, rows=ROWS)
    monkeypatch.chdir(fake.project.root)
    assert run("export", "late").code == 0
    with duckdb.connect() as connection:
        for suffix in ("parquet", "csv"):
            connection.execute(
                f"copy (select id, is_late <> (id % 7 = 0) as prediction from ({ROWS})) to 'predictions.{suffix}'"
            )
        connection.execute(f"copy ({ERRORS}) to 'errors.parquet'")
    return fake.project.root


@pytest.mark.parametrize("command", COMMANDS)
def test_both_engines_answer_alike(
    exported: Path, run: Callable[..., Any], spark_remote: str, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    here = run(*COMMANDS[command])
    monkeypatch.setenv("WAREHOUSE_ENGINE", "spark")
    monkeypatch.setenv("SPARK_REMOTE", spark_remote)
    there = run(*COMMANDS[command])

    assert (there.code, there.err) == (here.code, here.err)
    assert json.loads(there.out) == approximately(json.loads(here.out))


def test_csv_is_read_on_this_machine_and_a_cluster_that_is_gone_is_one_error(
    exported: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark_session, "READY_SECONDS", 0.2)
    monkeypatch.setenv("WAREHOUSE_ENGINE", "spark")
    monkeypatch.setenv("SPARK_REMOTE", "sc://127.0.0.1:1")

    text = run("diagnose", "late", "--predictions", "predictions.csv", "--slices", "none")
    assert text.code == 0, text.err
    for words in COMMANDS.values():
        gone = run(*words)
        assert (gone.code, gone.out) == (2, "")
        assert "no Spark Connect server answers at sc://127.0.0.1:1" in gone.err


def approximately(value: Any) -> Any:
    """The value, with numbers that may differ in the ninth digit."""
    if isinstance(value, dict):
        return {key: approximately(one) for key, one in value.items()}
    if isinstance(value, list):
        return [*map(approximately, value)]
    return pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
