"""The macro as_of_join, run by the real dbt: what was known, and nothing that came later."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from warehouse import storage
from warehouse.builds import build_warehouse
from warehouse.errors import BuildError
from warehouse.project import Project
from warehouse.published import find_build

pytestmark = pytest.mark.slow

MACROS = Path(__file__).parents[2] / "macros"
NOW = datetime(2026, 1, 2, tzinfo=UTC)

MODEL = """
{{{{ config(materialized='table') }}}}
with events as (
    select * from (values
        (1, 'a', timestamp '2025-01-10 12:00'), (2, 'a', timestamp '2025-01-10 11:59'),
        (3, 'a', timestamp '2025-01-01 00:00'), (4, 'b', timestamp '2025-01-10 12:00'),
        (5, null, timestamp '2025-01-10 12:00'), (6, 'a', timestamp '2025-02-10 12:00')
    ) as t(id, shop, happened_at)
),
readings as (
    select * from (values
        ('a', timestamp '2025-01-09 08:00', 10), ('a', timestamp '2025-01-10 12:00', 20),
        ('a', timestamp '2025-01-11 00:00', 30), (null, timestamp '2025-01-01 00:00', 40)
    ) as t(shop, seen_at, degrees)
)
select id, before_degrees, before_seen_at from {{{{ {join}(
    left='events', right='readings', left_at='happened_at', right_at='seen_at', keys=['shop'],
    columns=['degrees', 'seen_at'], prefix='before_'{more}
) }}}}
"""


CASES: dict[str, tuple[str, dict[int, int | None]]] = {
    "latest": ("", {1: 20, 2: 10, 3: None, 4: None, 5: None, 6: 30}),
    "before": (", strictly_before=true", {1: 10, 2: 10, 3: None, 4: None, 5: None, 6: 30}),
    "fresh": (", at_most='1 day'", {1: 20, 2: None, 3: None, 4: None, 5: None, 6: None}),
    "both": (", at_most='30 days', strictly_before=true", {1: 10, 2: 10, 3: None, 4: None, 5: None, 6: None}),
}


DEFAULTS = ("strictly_before=false", "at_most=none")


def test_each_row_gets_the_latest_row_that_was_known(project: Project) -> None:
    shutil.copytree(MACROS, project.root / "macros", dirs_exist_ok=True)
    for name, (more, _) in CASES.items():
        (project.root / "models" / f"{name}.sql").write_text(MODEL.format(join="as_of_join", more=more))
        # What other databases do, which DuckDB can do too.
        given = "".join(f", {option}" for option in DEFAULTS if option.partition("=")[0] not in more) + more
        path = project.root / "models" / f"{name}_elsewhere.sql"
        path.write_text(MODEL.format(join="default__as_of_join", more=given))

    assert build_warehouse(project, now=NOW).published

    connection = storage.connect(find_build(project).database_path)
    try:
        found = {
            name: dict(connection.execute(f'select id, before_degrees from "{name}" order by id').fetchall())
            for name in (*CASES, *(f"{name}_elsewhere" for name in CASES))
        }
    finally:
        connection.close()
    for name, (_, expected) in CASES.items():
        assert found[name] == found[f"{name}_elsewhere"] == expected, name


def test_a_list_that_is_no_list_is_refused(project: Project) -> None:
    shutil.copytree(MACROS, project.root / "macros", dirs_exist_ok=True)
    (project.root / "models" / "joined.sql").write_text(
        MODEL.format(join="as_of_join", more="").replace("['shop']", "'shop'")
    )

    with pytest.raises(BuildError, match="keys and columns are lists"):
        build_warehouse(project, now=NOW)
