"""What Spark raises becomes one plain reason, and a server that is gone is waited for once."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from warehouse.engine.spark_errors import spark_errors, spark_reason
from warehouse.errors import QueryError

CALL = (
    '<_InactiveRpcError of RPC that terminated with:\n\tstatus = StatusCode.{status}\n\tdetails = "{details}"\n'
    '\tdebug_error_string = "{status}: ..."\n>'
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "[X] No `a;b`. SQLSTATE: 42P01; line 1 pos 14;\n'Project [*]\n+- ...",
            "[X] No `a;b`. SQLSTATE: 42P01; line 1 pos 14",
        ),
        ("Job aborted\nby a worker\n\nJVM stacktrace:\norg.apache...", "Job aborted\nby a worker"),
        (
            CALL.format(status="UNAVAILABLE", details='ipv4:127.0.0.1:1: "refused"'),
            'Spark\'s server does not answer any more: ipv4:127.0.0.1:1: "refused"',
        ),
        (CALL.format(status="INTERNAL", details="Invalid metadata"), "Invalid metadata"),
        (CALL.format(status="INTERNAL", details=""), "internal"),
        (
            "Runtime Error in model orders\n  " + CALL.format(status="UNAVAILABLE", details="refused"),
            "Runtime Error in model orders\n  Spark's server does not answer any more: refused",
        ),
        ("", "AnalysisException"),
    ],
    ids=["plan", "trace", "gone", "protocol", "without details", "of dbt", "nothing"],
)
def test_a_reason_is_told_without_plan_trace_or_protocol(text: str, reason: str) -> None:
    from pyspark.errors import AnalysisException

    error = AnalysisException(message=text)

    assert spark_reason(error) == reason
    with pytest.raises(QueryError, match="query 'counts' failed: ") as caught, spark_errors("select 1", step="counts"):
        raise error
    assert (caught.value.reason, caught.value.statement) == (reason, "select 1")


class GoneError(grpc.RpcError):
    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE

    def trailing_metadata(self) -> None:
        return None


def call(retries: Any, waits: list[float], patience: Any) -> None:
    for attempt in retries.Retrying(patience, sleep=waits.append):
        with attempt:
            raise GoneError


@pytest.mark.filterwarnings("ignore:.RETRIES_EXCEEDED")
@pytest.mark.usefixtures("spark")
def test_a_server_that_is_gone_is_waited_for_once() -> None:
    # Here, since Spark's client can be imported once a session was made.
    from pyspark.sql.connect.client import retries

    from warehouse.engine.spark_retries import Patience

    patience = Patience(6)
    waits: list[float] = []

    for _ in range(2):
        with pytest.raises(GoneError):
            call(retries, waits, patience)

    assert len(waits) == 6
    assert sum(waits) > 20
