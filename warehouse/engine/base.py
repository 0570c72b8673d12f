"""What every engine can do: run a query of ours and describe a relation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from warehouse.sql import Query, Relation

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the engine types it, `DECIMAL(18,3)` say."""

    name: str
    type: str


class Engine(Protocol):
    """Runs SQL written once."""

    @property
    def is_distributed(self) -> bool:
        """Whether rows may lie on many machines: none may then be asked to sort or number all of them."""
        ...

    @property
    def hash_bits(self) -> int:
        """How many bits the numbers of its `hash` have; none is negative."""
        ...

    def rows(self, query: Query) -> list[dict[str, Any]]:
        """All rows of the result, each by column name.

        Raises:
            QueryError: the engine refused it.
        """
        ...

    def numbers(self, query: Query) -> npt.NDArray[np.float64]:
        """The result's only column, of doubles without nulls, as an array; the caller bounds its length.

        Raises:
            QueryError: the engine refused it.
        """
        ...

    def number_columns(self, query: Query) -> list[npt.NDArray[np.float64]]:
        """The result's columns, all of doubles without nulls, each as an array that the caller may change.

        Raises:
            QueryError: the engine refused it.
        """
        ...

    def arrays(self, query: Query) -> list[npt.NDArray[Any]]:
        """The result's columns, without nulls, each as an array of its own type.

        Raises:
            QueryError: the engine refused it.
        """
        ...

    def batches(self, query: Query, *, row_count: int) -> pyarrow.RecordBatchReader:
        """The rows of the result in their order, in record batches of about `row_count` rows, read as they are asked.

        No other query may run until the last batch was read.

        Raises:
            QueryError: the engine refused it.
            MissingExtraError: pyarrow is not installed.
        """
        ...

    def columns(self, relation: Relation) -> tuple[Column, ...]:
        """The relation's columns in order; reads no data.

        Raises:
            QueryError: there is no such relation.
        """
        ...
