from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from common import source_of_shop

from warehouse.dbt_code import Code, read_code
from warehouse.dbt_manifest import DbtManifest
from warehouse.errors import BuildError
from warehouse.nightly.doubts import doubts_about
from warehouse.project import Project


def manifest(location: str | None = "data/orders.csv") -> DbtManifest:
    source = source_of_shop("orders", location)
    return DbtManifest(
        project_name="tiny",
        dbt_version="1.11",
        generated_at="",
        models={},
        sources={"source.tiny.shop.orders": source},
        tests={},
        exposures={},
    )


def doubts(project: Project, *, sql: str | None = "select 1", template: str = "") -> list[str]:
    code = Code(sql={"model.tiny.orders": sql}, templates={"model.tiny.orders": template})
    return list(doubts_about(project, manifest(), code))


@pytest.mark.parametrize(
    "sql",
    [
        "select now()",
        "select current_date - day",
        "select CURRENT_TIMESTAMP",
        "select today() from x",
        "select age(born)",
        "select random()",
        "select uuid()",
        "from t using sample 10%",
        None,
    ],
)
def test_a_model_that_may_differ_from_run_to_run_is_built_again(project: Project, sql: str | None) -> None:
    assert len(doubts(project, sql=sql)) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "select 'now' as word, \"today\" from t -- now()",
        "select /* current_date */ nowhere, snow, age(born, died) from t",
        "select * from read_csv('/a/now/today.csv')",
    ],
)
def test_words_in_texts_names_and_comments_raise_no_doubt(project: Project, sql: str) -> None:
    assert doubts(project, sql=sql) == []


@pytest.mark.parametrize(
    "template",
    [
        "select * from read_csv('other.csv')",
        "select * from 'other.parquet'",
        "select '{{ run_started_at }}'",
        "{% set rows = run_query('select 1') %}",
        "{{ modules.datetime.datetime.now() }}",
        "select * from postgres_scan('', 'public', 't')",
        "attach 's3://bucket/x.db'",
    ],
)
def test_a_template_that_reads_past_its_sources_is_built_again(project: Project, template: str) -> None:
    assert len(doubts(project, template=template)) == 1


def test_a_template_of_sources_and_models_raises_no_doubt(project: Project) -> None:
    template = "{# read_csv( #} select * from {{ source('shop', 'orders') }} join {{ ref('x') }} -- from 'y'"

    assert doubts(project, template=template) == []


@pytest.mark.parametrize("location", [None, "s3://bucket/orders.csv", "read_csv('https://example.com/x.csv')"])
def test_a_source_that_is_no_local_file_is_read_again(project: Project, location: str | None) -> None:
    found = list(doubts_about(project, manifest(location), Code(sql={}, templates={})))

    assert len(found) == 1
    assert found[0].startswith("source shop.orders ")


def test_a_suite_that_asks_for_the_time_is_run_again(project: Project) -> None:
    suite = project.expectations_path / "orders.yml"
    suite.write_text("expectations:\n  - type: x\n    reason: nobody orders after today\n")
    assert doubts(project) == []
    suite.write_text("expectations:\n  - type: x\n    unexpected_rows_query: select * from t where d > current_date\n")
    assert doubts(project) == ["expectations/orders.yml asks for the time (current_date)"]


def node(**more: Any) -> dict[str, Any]:
    return {"resource_type": "model", "raw_code": "raw", "compiled_code": "compiled", "depends_on": {}, **more}


def test_code_is_what_ran_with_its_hooks_and_the_macros_that_it_calls(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    nodes = {
        "model.p.a": node(depends_on={"macros": ["macro.p.one"]}, config={"post-hook": [{"sql": "hook"}]}),
        "model.p.python": node(language="python"),
        "seed.p.s": node(resource_type="seed"),
        "operation.p.end": node(resource_type="operation", compiled_code=None),
    }
    macros = {
        "macro.p.one": {"macro_sql": "one", "depends_on": {"macros": ["macro.q.two", "macro.dbt.core"]}},
        "macro.q.two": {"macro_sql": "two", "depends_on": {"macros": ["macro.p.one"]}},
        "macro.dbt.core": {"macro_sql": "core", "depends_on": {"macros": []}},
        "macro.p.unused": {"macro_sql": "unused", "depends_on": {"macros": []}},
    }
    path.write_text(json.dumps({"nodes": nodes, "macros": macros}))

    code = read_code(path)

    assert code.sql == {
        "model.p.a": "compiled",
        "model.p.a.hook0": "hook",
        "model.p.python": None,
        "operation.p.end": "raw",
    }
    assert code.templates == {
        "model.p.a": "raw",
        "model.p.a.hook0": "hook",
        "model.p.python": "raw",
        "operation.p.end": "raw",
        "macro.p.one": "one",
        "macro.q.two": "two",
    }


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"nodes": {"a": 1}, "macros": {}}'])
def test_code_that_cannot_be_read_is_one_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)

    with pytest.raises(BuildError, match="cannot read what dbt ran"):
        read_code(path)
