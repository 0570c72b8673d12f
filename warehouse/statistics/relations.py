"""How a label depends on a feature, and whether that changed between two sides: counts in, numbers out.

A feature is cut into bins, a label is either one of several classes or a number; a class counts as a number that is 1
in its rows and 0 elsewhere, so that both are the same thing: outcomes with a mean in each bin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from warehouse.statistics.distance import NORMAL_QUANTILE
from warehouse.statistics.significance import chi_square_tail

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """The labelled rows of one side by bin of a feature; g parts, k bins, c outcomes.

    Parts are sets of whole groups, chosen by a hash, which show how far rows of one group are alike; one part when rows
    come in no groups.
    """

    counts: Numbers
    """Rows, g x k."""
    sums: Numbers
    """Of each outcome, g x k x c."""
    squares: Numbers
    """Of the outcomes' squared distances from the mean of their bin, over all parts, k x c."""
    has_parts: bool = False

    @property
    def rows(self) -> Numbers:
        """Rows per bin."""
        return np.asarray(self.counts.sum(axis=0))

    @property
    def means(self) -> Numbers:
        """Mean outcomes per bin, k x c; 0 in a bin without rows."""
        return np.asarray(self.sums.sum(axis=0) / np.maximum(self.rows, 1)[:, None])

    def merged(self, groups: list[list[int]]) -> Outcomes:
        """With the bins of each group made one."""
        counts = np.stack([self.counts[:, group].sum(axis=1) for group in groups], axis=1)
        sums = np.stack([self.sums[:, group].sum(axis=1) for group in groups], axis=1)
        middle = sums.sum(axis=0) / np.maximum(counts.sum(axis=0), 1)[:, None]
        apart = [
            self.squares[group].sum(axis=0)
            + (self.rows[group][:, None] * (self.means[group] - middle[index]) ** 2).sum(axis=0)
            for index, group in enumerate(groups)
        ]
        return Outcomes(counts=counts, sums=sums, squares=np.stack(apart), has_parts=self.has_parts)

    @property
    def total(self) -> Outcomes:
        """All bins as one."""
        return self.merged([list(range(self.counts.shape[1]))])


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationChange:
    """A change of the mean outcomes given the feature."""

    change: float
    """Root of the mean squared change over the right's rows, noise taken out, at least 0."""
    low: float
    """Lower end of its 95 % interval."""
    high: float
    p_value: float
    """That no bin's mean outcomes differ."""
    explained_share: float
    """How much of the squared change goes away when the left's means are moved as the whole label moved, 0..1."""
    left_design_effect: float
    """How many rows of the left tell as much as an independent one."""
    right_design_effect: float


@dataclass(frozen=True, slots=True)
class _Clustering:
    left: float
    right: float
    concentration: float
    """By how much fewer things vary than bins and outcomes suggest, at least 1."""


def measure_change(left: Outcomes, right: Outcomes, *, is_class: bool) -> RelationChange:
    """How much P(label | feature) changed; every bin has rows on both sides, twenty or so.

    For classes the change in a bin is half the squared distance of the shares (for two classes, the squared change of
    either); for a number, the squared change of the mean in units of the left's standard deviation. Each bin counts by
    its rows on the right. The change that chance alone leads to expect is subtracted, as in `measure_jensen_shannon`,
    and the interval is found as there: from the variance of the sum of squares of normal variables, which is
    4 d'Vd + 2 tr V², and of the bins' weights.

    The p-value is that of Pearson's chi-square of sides and classes in each bin, summed over the bins, each in its
    exact mean under fixed margins; for a number, of the sum of Welch's squared t. Rows in groups widen all of it by
    the variance that parts of groups show (Rao and Scott 1981, the second-order correction).
    """
    scale = 0.5 if is_class else 1 / max(_spread(left, right), 1e-300)
    n, m = left.rows, right.rows
    weights = m / m.sum()
    gap = right.means - left.means
    clustering = _clustering(left, right, is_class=is_class)
    # Unbiased in expectation for the centre...
    noise = clustering.left * _variances(left) / n[:, None] + clustering.right * _variances(right) / m[:, None]
    size = scale * (gap**2).sum(axis=1)
    centre = float(weights @ (size - scale * noise.sum(axis=1)))
    # ... and never zero for the reach: a share of 0 of 20 rows is not known to be 0.
    spread = clustering.left * _covariances(left, is_class) / n[:, None, None]
    spread = spread + clustering.right * _covariances(right, is_class) / m[:, None, None]
    of_gap = np.einsum("kc,kcd,kd->k", gap, spread, gap)
    of_noise = np.einsum("kcd,kdc->k", spread, spread)
    by_gap = 4 * scale**2 * float(weights**2 @ of_gap) * clustering.concentration
    by_weights = max(0.0, float(weights @ size**2) - float(weights @ size) ** 2) / m.sum() * clustering.right
    by_noise = 2 * scale**2 * float(weights**2 @ of_noise) * clustering.concentration
    measured = float(weights @ size)
    slope = (by_gap + by_weights) / measured if measured > 1e-15 else 0.0
    shift = NORMAL_QUANTILE**2 * slope / 2
    reach = NORMAL_QUANTILE * np.sqrt(by_noise + slope * max(centre, 0.0) + (shift / NORMAL_QUANTILE) ** 2)
    return RelationChange(
        change=_root(centre),
        low=_root(centre + shift - reach),
        high=_root(max(centre, 0.0) + shift + reach),
        p_value=_p_value(left, right, clustering, is_class=is_class),
        explained_share=_explained_share(left, right, weights, scale, centre, noise, is_class=is_class),
        left_design_effect=clustering.left,
        right_design_effect=clustering.right,
    )


def common_bins(
    left: Outcomes, right: Outcomes, *, fewest: int, ordered: int = 0, mixed: int | None = None
) -> list[tuple[list[int], bool]]:
    """Bins that both sides have, made of those counted, each with whether it can be compared.

    Which bins are joined is decided by the rows on both sides, never by their labels.

    Args:
        left: the outcomes of one side.
        right: those of the other.
        fewest: rows that a bin has on either side to be compared.
        ordered: so many bins, from the first, are in order: one with too few rows is joined with the next.
        mixed: the bin of many values, which takes those that are rare on both sides; as the mixture may be another one
            on the other side, it is not compared.
    """
    rows = np.minimum(left.rows, right.rows)
    found: list[tuple[list[int], bool]] = []
    open_bin: list[int] = []
    for index in range(ordered):
        open_bin.append(index)
        if min(left.rows[open_bin].sum(), right.rows[open_bin].sum()) >= fewest:
            found.append((open_bin, True))
            open_bin = []
    if open_bin and found:
        found[-1] = (found[-1][0] + open_bin, True)
    elif open_bin:
        found.append((open_bin, False))
    rest = []
    for index in range(ordered, len(rows)):
        if index == mixed or (mixed is not None and max(left.rows[index], right.rows[index]) < fewest):
            rest.append(index)
        elif left.rows[index] + right.rows[index]:
            found.append(([index], bool(rows[index] >= fewest)))
    if rest and (left.rows[rest].sum() + right.rows[rest].sum()):
        found.append((rest, False))
    return found


def dependence(side: Outcomes, *, is_class: bool, design_effect: float = 1.0) -> float:
    """How much of the label's variation the bins explain, 0..1, what chance explains taken out; 0 for a constant label.

    Classes: Theil's U (1972), the mutual information in shares of the label's entropy, less the bias of Miller (1955).
    Numbers: the correlation ratio in the unbiased form of Kelley (1935).
    """
    rows = side.rows
    total, bins = float(rows.sum()), int((rows > 0).sum())
    if is_class:
        joint = side.sums.sum(axis=0) / max(total, 1)
        entropy = _entropy(joint.sum(axis=0))
        information = entropy + _entropy(joint.sum(axis=1)) - _entropy(joint.ravel())
        classes = int((joint.sum(axis=0) > 0).sum())
        information -= design_effect * (bins - 1) * (classes - 1) / (2 * max(total, 1))
        return min(1.0, max(0.0, information / entropy)) if entropy > 1e-12 else 0.0
    whole, within = float(side.total.squares.sum()), float(side.squares.sum())
    independent = total / design_effect
    if whole <= 0 or independent <= bins:
        return 0.0
    return min(1.0, max(0.0, 1 - within / whole * (independent - 1) / (independent - bins)))


def _entropy(shares: Numbers) -> float:
    present = shares[shares > 0]
    return float(-(present * np.log(present)).sum())


def _root(value: float) -> float:
    return float(np.sqrt(max(0.0, value)))


def _spread(left: Outcomes, right: Outcomes) -> float:
    """Variance of the label in whole, of the left; of both sides when it is constant there."""
    for sides in ((left,), (left, right)):
        variance = sum(float(side.total.squares.sum()) for side in sides) / sum(side.rows.sum() for side in sides)
        if variance > 0:
            return float(variance)
    # Constant on each side.
    middle = float(right.total.means[0, 0] - left.total.means[0, 0])
    return middle**2


def _variances(side: Outcomes) -> Numbers:
    """Of the outcomes in each bin, unbiased."""
    return np.asarray(side.squares / np.maximum(side.rows - 1, 1)[:, None])


def _covariances(side: Outcomes, is_class: bool) -> Numbers:
    """Of the outcomes in each bin, k x c x c, as if a little more had been seen than was."""
    rows = side.rows[:, None]
    if is_class:
        # One row of each class more, of two at least (Agresti and Caffo 2000).
        shares = (side.means * rows + 1) / (rows + side.means.shape[1])
        products = -np.einsum("kc,kd->kcd", shares, shares)
        places = np.arange(shares.shape[1])
        products[:, places, places] += shares
        return np.asarray(products)
    return np.asarray((side.squares + side.total.squares / max(float(side.rows.sum()), 1)) / rows)[:, :, None]


def _p_value(left: Outcomes, right: Outcomes, clustering: _Clustering, *, is_class: bool) -> float:
    n, m = left.rows, right.rows
    if is_class:
        both = n + m
        pooled = (left.sums.sum(axis=0) + right.sums.sum(axis=0)) / both[:, None]
        present = pooled > 0
        terms = np.divide((right.means - left.means) ** 2, pooled, out=np.zeros_like(pooled), where=present)
        # The mean of Pearson's statistic under fixed margins is N / (N - 1) times its degrees of freedom.
        statistic = float((terms.sum(axis=1) * n * m / both * (both - 1) / both).sum())
        degrees = float((present.sum(axis=1) - 1).sum())
    else:
        a, b = _covariances(left, False)[:, 0, 0] / n, _covariances(right, False)[:, 0, 0] / m
        varying = a + b > 0
        gaps = (right.means - left.means)[:, 0][varying] ** 2 / (a + b)[varying]
        freedom = (a + b)[varying] ** 2 / (a**2 / np.maximum(n - 1, 1) + b**2 / np.maximum(m - 1, 1))[varying]
        statistic = float((gaps * (freedom - 2) / freedom).sum())
        degrees = float(varying.sum())
    if degrees <= 0:
        return 1.0
    # The statistic's mean is that of independent rows times the design effects of both sides.
    share = float((m / (n + m)).mean())
    inflation = share * clustering.left + (1 - share) * clustering.right
    fewer = degrees / clustering.concentration
    return chi_square_tail(statistic / inflation / clustering.concentration, fewer)


def _explained_share(
    left: Outcomes,
    right: Outcomes,
    weights: Numbers,
    scale: float,
    centre: float,
    noise: Numbers,
    *,
    is_class: bool,
) -> float:
    """Moves the left's means as the label moved in whole: odds for classes (Saerens et al. 2002), the mean else."""
    if centre <= 0:
        return 0.0
    before, after = left.total.means[0], right.total.means[0]
    if is_class:
        ratio = np.divide(after, before, out=np.ones_like(after), where=before > 0)
        moved = left.means * ratio
        moved = moved / np.maximum(moved.sum(axis=1, keepdims=True), 1e-300)
    else:
        moved = left.means + (after - before)
    rest = float(weights @ (scale * ((right.means - moved) ** 2 - noise).sum(axis=1)))
    return min(1.0, max(0.0, 1 - max(0.0, rest) / centre))


def _clustering(left: Outcomes, right: Outcomes, *, is_class: bool) -> _Clustering:
    """How far rows of a group are alike, from how far the parts differ beyond what independent rows would."""
    if not (left.has_parts or right.has_parts):
        return _Clustering(1.0, 1.0, 1.0)
    n, m = left.rows, right.rows
    if is_class:
        unit = (left.sums.sum(axis=0) + right.sums.sum(axis=0)) / (n + m)[:, None]
        degrees = float(((unit > 0).sum(axis=1) - 1).sum())
    else:
        unit = (left.squares + right.squares) / np.maximum(n + m - 2, 1)[:, None]
        degrees = float((unit > 0).sum())
    if degrees <= 0:
        return _Clustering(1.0, 1.0, 1.0)
    halves = (n * m / (n + m))[:, None]
    effects, traces, squares, products = [], [], [], []
    for side, rows in ((left, n), (right, m)):
        # The last part holds rows without a group, which say nothing of groups.
        parts = side.counts.sum(axis=1) > 0
        parts[-1] = False
        residuals = side.sums - side.means * side.counts[:, :, None]
        residuals = residuals * np.sqrt(np.divide(halves, unit, out=np.zeros_like(unit), where=unit > 0))
        residuals = (residuals / rows[:, None]).reshape(len(parts), -1)
        freedom = max(int(parts.sum()) - 1, 1)
        product = residuals[parts].T @ residuals[parts] * (freedom + 1) / freedom
        grouped = side.counts[:-1].sum(axis=0) / rows
        expected = float((halves[:, 0] / rows * ((unit > 0).sum(axis=1) - (1 if is_class else 0)) * grouped).sum())
        trace = float(np.trace(product))
        if parts.sum() in (1, 2):
            # Too few to see how groups differ: each may be one thing to know.
            effects.append(float(side.counts[:-1].sum() / parts.sum()))
        else:
            effects.append(max(1.0, trace / expected) if expected > 0 else 1.0)
        traces.append(trace)
        square = float((product**2).sum())
        squares.append(
            max(0.0, square - trace**2 / freedom) * freedom**2 / ((freedom - 1) * (freedom + 2)) if freedom > 1 else 0.0
        )
        products.append(product)
    trace = sum(traces)
    square = sum(squares) + 2 * float((products[0] * products[1]).sum())
    concentration = degrees * square / trace**2 if trace > 0 else 1.0
    return _Clustering(effects[0], effects[1], float(min(max(1.0, concentration), degrees)))
