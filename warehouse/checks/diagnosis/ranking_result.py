"""What a ranking was judged by, besides its measures; `--json` has the same names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedQueries:
    """The queries of one split: rows that are ranked together."""

    split: str
    query_count: int
    """With judged rows, and with a relevant one among them: what the measures are means over."""
    left_out_count: int
    """With judged rows, none of them relevant: no order of them is better than another."""
    shared_count: int
    """Of both, those with judged rows in other splits too: each split's part is ranked by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """How rows were ranked."""

    query: str
    """The column whose equal values are one query."""
    at: int
    """NDCG counts the first so many rows of a query."""
    splits: tuple[RankedQueries, ...]
