"""The macros of clocks for platforms that no test can reach: what they render is SQL of theirs. It is run nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import pytest
import sqlglot

MACROS = Path(__file__).parents[2] / "macros/clocks.sql"
PLATFORMS = ("trino", "bigquery", "snowflake")
CALLS: dict[str, tuple[str, ...]] = {
    "local_to_utc": ("landed_at", "'America/New_York'"),
    "utc_to_local": ("landed_at", "time_zone"),
    "clock_to_minutes": ("clock",),
    "minutes_between": ("left_at", "landed_at"),
    "iso_day_of_week": ("flown_on",),
}


@pytest.fixture(scope="module")
def macros() -> Any:
    """The macros of the file, by name; `return` and `adapter` are dbt's, and only dispatch takes them."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    return environment.from_string(MACROS.read_text()).module


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_macro_has_a_variant_that_the_platform_can_parse(macros: Any, platform: str, name: str) -> None:
    text = str(getattr(macros, f"{platform}__{name}")(*CALLS[name]))
    (parsed,) = sqlglot.parse(f"select {text} as answer from flights", read=platform)

    assert parsed is not None
    assert [column.alias for column in parsed.find_all(sqlglot.exp.Alias)] == ["answer"]
    columns = {column.name for column in parsed.find_all(sqlglot.exp.Column)}
    # Words such as `minute` are parts of a time, and no columns.
    assert columns == {word for word in CALLS[name] if not word.startswith("'")}


def test_minutes_are_those_that_pass_in_between_everywhere(macros: Any) -> None:
    rendered = {
        platform: str(getattr(macros, f"{platform}__minutes_between")("a", "b"))
        for platform in ("default", "spark", *PLATFORMS)
    }

    assert rendered == {
        "default": "date_diff('minute', a, b)",
        "spark": "timestampdiff(minute, date_trunc('minute', a), date_trunc('minute', b))",
        "trino": "date_diff('minute', date_trunc('minute', a), date_trunc('minute', b))",
        "bigquery": "datetime_diff(b, a, minute)",
        "snowflake": "datediff(minute, a, b)",
    }
