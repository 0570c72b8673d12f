"""Placing rows without numbering them: what needs more is refused by name. Where rows lie is tested with tables."""

from __future__ import annotations

from typing import Any

import pytest
from placed_on_both import HASH, spec_of

from warehouse.datasets.placement_columns import placed_columns_sql
from warehouse.errors import ExportError
from warehouse.sql import Relation

TABLE = Relation.table("t")


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"split": HASH, "groups": ["g", "h"]}, "linked groups"),
        ({"split": {**HASH, "stratify": ["y"]}}, r"split\.stratify"),
        ({"split": {**HASH, "freeze": ["test"]}}, r"split\.freeze"),
        ({"split": HASH, "deduplicate": {"exact": "once"}}, r"deduplicate\.exact"),
    ],
)
def test_what_ties_rows_together_is_refused_by_name(rule: dict[str, Any], reason: str) -> None:
    with pytest.raises(ExportError, match=reason):
        placed_columns_sql(TABLE, spec_of(rule), ["id"], place="place of row")


def test_a_column_with_the_name_of_the_place_is_refused() -> None:
    with pytest.raises(ExportError, match="'point' has the name of what is added"):
        placed_columns_sql(TABLE, spec_of({"split": HASH}), ["id", "point"], place="point")
