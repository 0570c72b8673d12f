"""How long Spark's client waits for a server that does not answer."""

from __future__ import annotations

from pyspark.sql.connect.client.retries import DefaultPolicy, RetryPolicyState


class Patience(DefaultPolicy):  # type: ignore[misc]  # of an extra, which is not looked into for types
    """Calls again until one call was made in vain: then the server is gone, and no other call waits for it.

    Whoever finds that out still drops tables and ends the session, and each of these would wait as long.
    """

    def __init__(self, retries: int) -> None:
        """A client's.

        Args:
            retries: How often a call is made again.
        """
        super().__init__(max_retries=retries, max_backoff=15_000)
        self.is_over = False

    def can_retry(self, e: BaseException) -> bool:
        """Whether this is a call that was not answered, by a server that is not known to be gone."""
        return not self.is_over and super().can_retry(e)

    def to_state(self) -> RetryPolicyState:
        """The waiting for one call."""
        return _Waiting(self)


class _Waiting(RetryPolicyState):  # type: ignore[misc]  # as above
    def __init__(self, patience: Patience) -> None:
        super().__init__(patience)
        self._patience = patience

    def next_attempt(self, exception: BaseException | None = None) -> int | None:
        wait: int | None = super().next_attempt(exception)
        self._patience.is_over = self._patience.is_over or wait is None
        return wait
