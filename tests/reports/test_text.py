"""The terminal's rows."""

from __future__ import annotations

import drift_results

from warehouse.reports.text import DRIFT_HEADERS, drift_rest, drift_rows


def test_the_worst_columns_are_shown_and_the_rest_is_counted() -> None:
    result = drift_results.ordinary()

    rows = drift_rows(result, limit=3)

    assert [len(row) for row in rows] == [len(DRIFT_HEADERS)] * 3
    assert rows[0][0] == "is_late (label)"
    assert {row[2] for row in rows[1:]} == {"drifted"}
    assert drift_rest(result, limit=3).startswith("and ")
    assert drift_rest(result, limit=100) == ""
