"""Measures of many resamples at once.

A resample is how often each image was drawn. With those counts as weights, a measure of ``r`` resamples is a matrix product and
a few operations on small arrays. All of them are equal to the plain functions on the repeated rows; counts are integers, so
confusion matrices and ranks are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.calibration import NUM_BINS, calibration_bins, squared_distances, surprises
from emotion_core.metrics.classification import among_top
from emotion_core.metrics.columns import AffectColumns, ExpressionColumns
from emotion_core.metrics.continuous import concordance_corrcoef, pearson_corrcoef

Array = npt.NDArray[np.float64]
_Columns = TypeVar("_Columns", bound=ExpressionColumns | AffectColumns)
_Result = TypeVar("_Result")

CANCELLATION = 1e-3
"""A variance smaller than this share of the mean square has lost digits, and is computed from the values themselves."""


class Resamples(Generic[_Columns]):
    """Some resamples of one table; what several measures need of them is computed once.

    Args:
        columns: labels and outputs of ``M`` images.
        weights: how often each image was drawn, whole numbers, shape ``(r, M)``.
        of_table: results that depend on the table alone, shared by all resamples of it.
    """

    def __init__(self, columns: _Columns, weights: Array, of_table: dict[Callable[..., Any], Any]) -> None:
        self.columns = columns
        self.weights = weights
        self._of_table = of_table
        self._of_these: dict[Callable[..., Any], Any] = {}

    def once(self, function: Callable[[_Columns], _Result]) -> _Result:
        """What a function of the columns gives, computed once for the table."""
        if function not in self._of_table:
            self._of_table[function] = function(self.columns)
        result: _Result = self._of_table[function]
        return result

    def shared(self, function: Callable[[Resamples[_Columns]], _Result]) -> _Result:
        """What a function of these resamples gives, computed once for all measures."""
        if function not in self._of_these:
            self._of_these[function] = function(self)
        result: _Result = self._of_these[function]
        return result

    def mean(self, values: npt.NDArray[Any]) -> Array:
        """Mean over the drawn images of values of shape ``(M,)`` or ``(M, columns)``; ``nan`` where none was drawn."""
        total = self.weights.sum(axis=1)
        means: Array = ((self.weights @ values).T / total).T
        return means


Expressions = Resamples[ExpressionColumns]
Affect = Resamples[AffectColumns]


def accuracy(drawn: Expressions) -> Array:
    """See :func:`~emotion_core.metrics.classification.accuracy`; all of these give an array of shape ``(r,)``."""
    counts = drawn.shared(_confusion)
    right: Array = np.einsum("rkk->r", counts) / counts.sum(axis=(1, 2))
    return right


def balanced_accuracy(drawn: Expressions) -> Array:
    """See :func:`~emotion_core.metrics.classification.balanced_accuracy`."""
    counts = drawn.shared(_confusion)
    hits, actual = np.einsum("rkk->rk", counts), counts.sum(axis=2)
    recall = hits / np.where(actual > 0, actual, 1)
    mean: Array = recall.sum(axis=1) / (actual > 0).sum(axis=1)
    return mean


def top2_accuracy(drawn: Expressions) -> Array:
    """See :func:`~emotion_core.metrics.classification.top2_accuracy`."""
    return drawn.mean(drawn.once(_among_two))


def f1_macro(drawn: Expressions) -> Array:
    """See :func:`~emotion_core.metrics.classification.f1_macro`."""
    f1, _, actual = drawn.shared(_f1)
    present = actual > 0
    mean: Array = (f1 * present).sum(axis=1) / present.sum(axis=1)
    return mean


def f1_weighted(drawn: Expressions) -> Array:
    """See :func:`~emotion_core.metrics.classification.f1_weighted`."""
    f1, _, actual = drawn.shared(_f1)
    mean: Array = (f1 * actual).sum(axis=1) / actual.sum(axis=1)
    return mean


def cohen_kappa(drawn: Expressions) -> Array:
    """See :func:`~emotion_core.metrics.agreement.cohen_kappa`."""
    counts = drawn.shared(_confusion)
    total, right = counts.sum(axis=(1, 2)), np.einsum("rkk->r", counts)
    chance = (counts.sum(axis=1) * counts.sum(axis=2)).sum(axis=1)
    kappa: Array = (total * right - chance) / np.where(chance == total**2, np.nan, total**2 - chance)
    return kappa


def krippendorff_alpha(drawn: Expressions) -> Array:
    r"""See :func:`~emotion_core.metrics.agreement.krippendorff_alpha`; here in closed form.

    .. math:: \alpha = 1 - (n - 1) \frac{n - \sum_k o_{kk}}{n^2 - \sum_k n_k^2}

    with the coincidences :math:`o` of :math:`n = 2N` values and :math:`n_k` of them naming class :math:`k`.
    """
    counts = drawn.shared(_confusion)
    named = counts.sum(axis=1) + counts.sum(axis=2)
    total, right = counts.sum(axis=(1, 2)), np.einsum("rkk->r", counts)
    expected = (2 * total) ** 2 - (named**2).sum(axis=1)
    alpha: Array = 1 - (2 * total - 1) * 2 * (total - right) / np.where(expected == 0, np.nan, expected)
    return alpha


def roc_auc(drawn: Expressions) -> Array:
    """See :func:`~emotion_core.metrics.classification.roc_auc`."""
    return _mean_area(drawn.shared(_areas)[:, 0])


def pr_auc(drawn: Expressions) -> Array:
    """See :func:`~emotion_core.metrics.classification.pr_auc`."""
    return _mean_area(drawn.shared(_areas)[:, 1])


def expected_calibration_error(drawn: Expressions) -> Array:
    """See :func:`~emotion_core.metrics.calibration.expected_calibration_error`."""
    error: Array = np.abs(drawn.mean(drawn.once(_surplus_by_bin))).sum(axis=1)
    return error


def brier_score(drawn: Expressions) -> Array:
    """See :func:`~emotion_core.metrics.calibration.brier_score`."""
    return drawn.mean(drawn.once(_distances))


def log_loss(drawn: Expressions) -> Array:
    """See :func:`~emotion_core.metrics.calibration.log_loss`."""
    return drawn.mean(drawn.once(_surprises))


def rmse(drawn: Affect) -> Array:
    """See :func:`~emotion_core.metrics.continuous.rmse`."""
    root: Array = np.sqrt(drawn.mean((drawn.columns.preds - drawn.columns.target) ** 2))
    return root


def mae(drawn: Affect) -> Array:
    """See :func:`~emotion_core.metrics.continuous.mae`."""
    return drawn.mean(np.abs(drawn.columns.preds - drawn.columns.target))


def sign_agreement(drawn: Affect) -> Array:
    """See :func:`~emotion_core.metrics.continuous.sign_agreement`."""
    return drawn.mean(np.sign(drawn.columns.preds) == np.sign(drawn.columns.target))


def correlation(drawn: Affect) -> Array:
    """See :func:`~emotion_core.metrics.continuous.pearson_corrcoef`."""
    return drawn.shared(_correlation_and_concordance)[0]


def concordance(drawn: Affect) -> Array:
    """See :func:`~emotion_core.metrics.continuous.concordance_corrcoef`."""
    return drawn.shared(_correlation_and_concordance)[1]


def _cells(columns: ExpressionColumns) -> Array:
    """A column a cell of the confusion matrix, 1 for the cell of each image; shape ``(M, K * K)``."""
    size = len(EXPRESSIONS)
    cells = np.zeros((len(columns.target), size * size))
    cells[np.arange(len(cells)), columns.target * size + columns.preds] = 1
    return cells


def _confusion(drawn: Expressions) -> Array:
    """Confusion matrices, shape ``(r, K, K)``; rows are true classes."""
    size = len(EXPRESSIONS)
    counts: Array = (drawn.weights @ drawn.once(_cells)).reshape(-1, size, size)
    return counts


def _f1(drawn: Expressions) -> tuple[Array, Array, Array]:
    """F1 of every class, how often it is named by truth or predictions, and how often it is true; shape ``(r, K)`` each."""
    counts = drawn.shared(_confusion)
    hits, actual = np.einsum("rkk->rk", counts), counts.sum(axis=2)
    named = counts.sum(axis=1) + actual
    return 2 * hits / np.where(named > 0, named, 1), named, actual


def _among_two(columns: ExpressionColumns) -> npt.NDArray[np.bool_]:
    return among_top(columns.probs, columns.target, 2)


def _distances(columns: ExpressionColumns) -> Array:
    return squared_distances(columns.probs, columns.target)


def _surprises(columns: ExpressionColumns) -> Array:
    return surprises(columns.probs, columns.target)


def _surplus_by_bin(columns: ExpressionColumns) -> Array:
    """A column a bin, with what each image adds there; shape ``(M, bins)``."""
    numbers, surplus = calibration_bins(columns.probs, columns.target)
    values = np.zeros((len(numbers), NUM_BINS))
    values[np.arange(len(numbers)), numbers] = surplus
    return values


def _rankings(columns: ExpressionColumns) -> list[_Ranking]:
    return [_Ranking(columns.probs[:, k], columns.target == k) for k in np.unique(columns.target)]


def _areas(drawn: Expressions) -> Array:
    """Both areas of every class that is true of any image, shape ``(classes, 2, r)``."""
    return np.stack([ranking.areas(drawn.weights) for ranking in drawn.once(_rankings)])


def _mean_area(areas: Array) -> Array:
    """Mean over the classes that a resample holds, of areas of shape ``(classes, r)``."""
    present = np.isfinite(areas).sum(axis=0)
    mean: Array = np.nansum(areas, axis=0) / np.where(present, present, np.nan)
    return mean


class _Ranking:
    """Areas under the curves of one class against the rest; the class occurs at least once."""

    def __init__(self, scores: Array, positive: npt.NDArray[np.bool_]) -> None:
        self._order = np.argsort(-scores, kind="stable")
        ordered, hit = scores[self._order], positive[self._order]
        starts = np.flatnonzero(np.append(True, np.diff(ordered) != 0))
        ends = np.append(starts[1:], len(ordered))
        hits_before, hits_after = np.append(0, np.cumsum(hit))[starts], np.append(0, np.cumsum(hit))[ends]
        # Of images with equal scores, only groups with an image of the class add to an area.
        useful = hits_after > hits_before
        self._starts, self._ends, self._hit_ends = starts[useful], ends[useful], hits_after[useful]
        self._positives = self._order[hit]

    def areas(self, weights: Array) -> Array:
        """ROC AUC and average precision, shape ``(2, r)``; ``nan`` where only the class or only others were drawn."""
        drawn = _running_sums(weights, self._order)
        hits = _running_sums(weights, self._positives)
        positives, negatives = hits[:, -1], drawn[:, -1] - hits[:, -1]
        hits_before, hits_after = hits[:, np.append(0, self._hit_ends[:-1])], hits[:, self._hit_ends]
        gained, until = hits_after - hits_before, drawn[:, self._ends]
        # Negatives above a group and up to its end: half their sum counts ties half.
        above = drawn[:, self._starts] - hits_before + until - hits_after
        roc = 1 - np.einsum("rg,rg->r", gained, above) / (2 * positives * negatives)
        precision = hits_after / np.where(until > 0, until, 1)
        average = np.einsum("rg,rg->r", gained, precision) / positives
        undefined = (positives == 0) | (negatives == 0)
        return np.where(undefined, np.nan, np.stack([roc, average]))


def _running_sums(weights: Array, order: npt.NDArray[np.int64]) -> Array:
    """Sums of the first 0, 1, … images in an order, shape ``(r, len(order) + 1)``."""
    sums = np.zeros((len(weights), len(order) + 1))
    np.cumsum(np.take(weights, order, axis=1), axis=1, out=sums[:, 1:])
    return sums


def _moments(columns: AffectColumns) -> Array:
    """Columns whose means are the first and second moments about the means of the table, shape ``(M, 5)``."""
    p, t = columns.preds - columns.preds.mean(), columns.target - columns.target.mean()
    return np.stack([p, t, p**2, t**2, p * t], axis=1)


def _correlation_and_concordance(drawn: Affect) -> tuple[Array, Array]:
    preds, target = drawn.columns.preds, drawn.columns.target
    p, t, pp, tt, pt = drawn.mean(drawn.once(_moments)).T
    var_p, var_t, covariance = pp - p**2, tt - t**2, pt - p * t
    corr = np.clip(covariance / np.sqrt(var_p * var_t), -1.0, 1.0)
    ccc = 2 * covariance / (var_p + var_t + (p - t + float(preds.mean() - target.mean())) ** 2)
    doubtful = (var_p <= CANCELLATION * pp) | (var_t <= CANCELLATION * tt)
    for index in np.flatnonzero(doubtful):
        images = np.repeat(np.arange(len(preds)), drawn.weights[index].astype(np.int64))
        corr[index] = pearson_corrcoef(preds[images], target[images])
        ccc[index] = concordance_corrcoef(preds[images], target[images])
    return corr, ccc
