"""`synthetic` asks on Spark where the settings say so, of files and of tables there, with the answers of DuckDB."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from drift_pairs import differences
from spark_fakes import SparkFake

ROWS = """
    select
        i as id,
        case when made_up and i % 12 = 0 then 900 + i // 12 else i end as j,
        (j * 7919 % 1009) < 300 as flag,
        (j * 7919 % 10007) / 7.0 as amount,
        case when not made_up or j >= 900 then ['a', 'b', 'it''s'][1 + j % 3] else ['a', 'd'][1 + j % 2] end as kind,
        j * 31 % 4 as grade,
        'customer ' || (j // 2) || ' writes that parcel ' || md5((j // 2)::varchar) || ' has not come, and asks for an '
            || 'answer before day ' || (j % 2) as prose,
        made_up,
        case when i >= 900 then 'test' else 'train' end as part,
    from (select i, i % 3 = 0 and i < 900 as made_up from range(1100) as r(i))
"""
DATASET: dict[str, Any] = {
    "key": "id",
    "label": "flag",
    "synthetic": "made_up",
    "columns": {"exclude": ["j"]},
    "split": {"method": "column", "column": "part"},
}
PREDICTIONS = f"select id, (id * 104729 % 1013 < {{}}) <> flag as prediction from ({ROWS})"
WORDS = ("synthetic", "late", "--predictions", "with.parquet", "--without-synthetic", "examples", "--json")


def test_both_engines_tell_the_same_of_synthetic_rows(
    spark: Any, spark_remote: str, tmp_path: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = SparkFake(tmp_path / "a project", spark, spark_remote)
    fake.build(DATASET, rows=ROWS)
    monkeypatch.chdir(fake.project.root)
    assert run("export", "late").code == 0
    with duckdb.connect() as connection:
        connection.execute(f"copy ({PREDICTIONS.format(100)}) to 'with.parquet'")
    others = PREDICTIONS.format(300)

    fake.build(DATASET, rows=others)
    here = run(*WORDS)
    fake.build_on_spark(DATASET, rows=others)
    monkeypatch.setenv("WAREHOUSE_ENGINE", "spark")
    monkeypatch.setenv("SPARK_REMOTE", spark_remote)
    there = run(*WORDS)

    assert (there.code, there.err) == (here.code, here.err) == (1, "")
    documents = [json.loads(outcome.out) for outcome in (here, there)]
    for document in documents:
        for column in document["drift"]["result"]["columns"]:
            # Of texts it is an estimate, and each engine has its own.
            column["left"]["distinct_count"] = column["right"]["distinct_count"] = None
    assert list(differences(*documents)) == []
    assert {finding["check"] for finding in documents[1]["findings"]} >= {"synthetic_copies"}
    assert all(documents[1][part] for part in ("copies", "closeness", "diversity", "lacking", "texts", "effect"))
