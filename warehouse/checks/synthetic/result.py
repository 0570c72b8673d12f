"""What is learned of a dataset's synthetic rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from warehouse.findings import Finding
from warehouse.statistics.distance import NORMAL_QUANTILE
from warehouse.statistics.estimates import Estimate
from warehouse.statistics.neighbours import Resemblance

SYNTHETIC, REAL = "synthetic", "real train"


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRowCounts:
    """How many rows of a split were made up."""

    split: str
    real_count: int
    synthetic_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Rows whose features are all equal to those of another row."""

    synthetic_count: int
    """Synthetic rows that equal another synthetic one."""
    synthetic_share: float
    real_count: int
    """Real rows of train that equal another one."""
    real_share: float
    copied_count: int
    """Synthetic rows that equal a real row of train."""
    copied_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactCopies:
    """Real rows of a split that judges a model, and synthetic rows with the same features."""

    split: str
    row_count: int
    copied_count: int
    """Rows that a synthetic row equals."""
    known_count: int
    """Those of them that a real row of train equals too."""
    real_only_count: int
    """Rows that a real row of train equals and no synthetic one."""
    expected_count: float
    """Rows that a synthetic one and no real one would equal by chance."""
    is_beyond_chance: bool
    examples: tuple[str, ...]
    """Keys of rows that only synthetic ones equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closeness:
    """How near rows come to their closest among others, against what real rows of train would do.

    Rows that equal another are left out: they are counted exactly, over all rows, elsewhere.
    """

    of: str
    """Whose distances are measured: a split's rows, or the synthetic ones."""
    to: str
    """Among which the closest is sought."""
    against_of: str
    against_to: str
    row_count: int
    """Rows that were measured."""
    against_row_count: int
    other_count: int
    """Rows among which the closest was sought, the same number both times."""
    median: float
    """Distance to the closest, in standard deviations."""
    against_median: float
    limit: float
    """Distance to the closest that one in a hundred has in the other comparison."""
    near: Estimate
    """Share that is as near."""
    excess: Estimate
    """How much greater that share is than in the other comparison."""

    @property
    def is_close(self) -> bool:
        """Whether more rows are near than should be, by more than a trifle and surely beyond chance."""
        error = (self.excess.value - self.excess.low) / NORMAL_QUANTILE
        return self.excess.value > max(LEAST_NEAR_SHARE, STANDARD_ERRORS * error)


STANDARD_ERRORS = 3.3
"""There are several comparisons, and in each two rows that are each other's closest count twice: a plain 95 % interval
would be wrong in up to one of twenty."""
LEAST_NEAR_SHARE = 0.005
"""A smaller excess of near rows is not worth a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diversity:
    """How synthetic rows lie among real ones, against how a second sample of real rows does."""

    neighbours: int
    """The k of a row's reach."""
    row_count: int
    """Rows of each of the three samples."""
    synthetic: Resemblance
    real: Resemblance
    """Of other real rows of train: as good as can be."""
    coverage_loss: Estimate
    """How much less synthetic rows cover than real ones would."""
    precision_loss: Estimate
    recall_loss: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class LackingValues:
    """Values, or combinations of two columns' values, that one kind of rows has and the other lacks."""

    columns: tuple[str, ...]
    """One or two; of a combination each value by itself occurs in both kinds."""
    lacking: str
    """Which rows lack them."""
    value_count: int
    row_count: int
    """Rows of the other kind that have them."""
    row_share: float
    sure_count: int
    """Values so frequent in the one kind that the other would have them, were both alike (at the 5 % level in all)."""
    sure_row_share: float
    examples: tuple[str, ...]
    """The most frequent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NearTextRows:
    """Texts that are nearly the same as a synthetic row's: linked by a similarity of their shingles."""

    column: str
    threshold: float
    synthetic_count: int
    """Synthetic rows whose text is nearly that of another synthetic one."""
    synthetic_share: float
    split_counts: Mapping[str, int]
    """By split that judges a model: its rows whose text is nearly a synthetic one's; only those that have any."""
    examples: tuple[str, ...]
    """Keys and texts of such rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticResult:
    """Everything that was looked for in a version's synthetic rows, and what it means."""

    subject: str
    column: str
    """True for synthetic rows."""
    features: tuple[str, ...]
    """Columns by which rows are told equal or near."""
    splits: tuple[SplitRowCounts, ...]
    repeats: Repeats | None
    copies: tuple[ExactCopies, ...]
    closeness: tuple[Closeness, ...]
    diversity: Diversity | None
    lacking: tuple[LackingValues, ...]
    """Those that matter most first."""
    texts: tuple[NearTextRows, ...]
    summary: tuple[str, ...] = ()
    not_judged: tuple[str, ...] = ()
    """What could not be looked at, and why."""
    findings: tuple[Finding, ...] = ()
    """The most severe first."""

    @property
    def synthetic_count(self) -> int:
        """Synthetic rows of all splits."""
        return sum(split.synthetic_count for split in self.splits)
