"""What Spark, or the way to it, raises, as errors of ours: without plans, traces and words of the protocol."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from warehouse.errors import QueryError, import_extra

GONE = "Spark's server does not answer any more"
"""What a reason begins with when the server could not be reached again."""
_CALL = re.compile(
    r'<\w+ of RPC .*?status = StatusCode\.(\w+)\s+details = "(.*?)"\s+debug_error_string = ".*?"\s*>', re.DOTALL
)
"""How an error of the way to the server shows itself, not one of the server."""
_BEHIND = re.compile(r";\n|\n\s*JVM stacktrace")
"""Between a reason and what follows it: its plan, Java's own trace."""


@contextmanager
def spark_errors(statement: str, *, step: str = "spark") -> Iterator[None]:
    """Turns what the session raises in the block into a `QueryError` about this statement."""
    pyspark_error = import_extra("pyspark.errors", extra="spark").PySparkException
    rpc_error = import_extra("grpc", extra="spark").RpcError
    try:
        yield
    except (pyspark_error, rpc_error) as error:
        raise QueryError(spark_reason(error), step=step, statement=statement) from error


def spark_reason(error: Exception) -> str:
    """Why it was raised, in Spark's own words; usually one line."""
    # Behind an empty line stands the statement.
    return plain_reason(str(error)).partition("\n\n")[0].strip() or type(error).__name__


def plain_reason(text: str) -> str:
    """A text that somebody else made of what was raised, without plan, trace and words of the protocol."""
    return _BEHIND.split(_CALL.sub(_told, text).strip(), maxsplit=1)[0].strip()


def _told(call: re.Match[str]) -> str:
    status, details = call.groups()
    if status == "UNAVAILABLE":
        return f"{GONE}: {details}"
    return details or status.lower()
