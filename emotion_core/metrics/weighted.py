"""Every measure of many resamples at once.

A resample is how often each image was drawn. With those counts as weights, a measure of ``r`` resamples is a matrix product and
a few operations on small arrays. All of them are equal to the plain functions on the repeated rows; counts are integers, so
confusion matrices and ranks are exact.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.calibration import NUM_BINS, calibration_bins, squared_distances, surprises
from emotion_core.metrics.columns import AffectColumns, ExpressionColumns
from emotion_core.metrics.continuous import concordance_corrcoef, pearson_corrcoef

Array = npt.NDArray[np.float64]

CANCELLATION = 1e-3
"""A variance smaller than this share of the mean square has lost digits, and is computed from the values themselves."""


class WeightedExpressions:
    """Expression measures of resamples of one table.

    Args:
        columns: probabilities and true classes of ``M`` images.
    """

    def __init__(self, columns: ExpressionColumns) -> None:
        self.rows = columns.rows
        size = len(EXPRESSIONS)
        cells = columns.target * size + columns.preds
        numbers, surplus = calibration_bins(columns.probs, columns.target)
        images = np.arange(len(cells))
        # One column a cell of the confusion matrix, one a bin of the calibration error, and two sums.
        self._sums = np.zeros((len(cells), size * size + NUM_BINS + 2))
        self._sums[images, cells] = 1
        self._sums[images, size * size + numbers] = surplus
        self._sums[:, -2] = squared_distances(columns.probs, columns.target)
        self._sums[:, -1] = surprises(columns.probs, columns.target)
        self._rankings = [_Ranking(columns.probs[:, k], columns.target == k) for k in np.unique(columns.target)]

    def measures(self, weights: Array) -> dict[str, Array]:
        """Measures by key, shape ``(r,)`` each; ``nan`` where the plain function gives it or no image was drawn.

        Args:
            weights: how often each image was drawn, whole numbers, shape ``(r, M)``.
        """
        size = len(EXPRESSIONS)
        sums = weights @ self._sums
        with np.errstate(invalid="ignore", divide="ignore"):
            measures = _label_measures(sums[:, : size * size].reshape(-1, size, size))
            areas = np.stack([ranking.areas(weights) for ranking in self._rankings])
            present = np.isfinite(areas[:, 0]).sum(axis=0)
            measures["roc_auc"], measures["pr_auc"] = np.nansum(areas, axis=0) / np.where(present, present, np.nan)
            total = weights.sum(axis=1)
            measures["ece"] = np.abs(sums[:, size * size : -2]).sum(axis=1) / total
            measures["brier"], measures["log_loss"] = sums[:, -2:].T / total
        return measures


def _label_measures(counts: Array) -> dict[str, Array]:
    """Measures of confusion matrices, shape ``(r, K, K)``."""
    hits = np.einsum("rkk->rk", counts)
    predicted, actual = counts.sum(axis=1), counts.sum(axis=2)
    total, right = actual.sum(axis=1), hits.sum(axis=1)
    named = predicted + actual
    f1 = 2 * hits / np.where(named > 0, named, 1)
    chance = (predicted * actual).sum(axis=1)
    expected = (2 * total) ** 2 - (named**2).sum(axis=1)
    return {
        "accuracy": right / total,
        "f1_macro": f1.sum(axis=1) / (named > 0).sum(axis=1),
        "f1_weighted": (f1 * actual).sum(axis=1) / total,
        "cohen_kappa": (total * right - chance) / np.where(chance == total**2, np.nan, total**2 - chance),
        "krippendorff_alpha": 1 - (2 * total - 1) * 2 * (total - right) / np.where(expected == 0, np.nan, expected),
    }


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


class WeightedAffect:
    """Measures of valence or arousal of resamples of one table.

    Args:
        columns: predicted and annotated values of ``M`` images.
    """

    def __init__(self, columns: AffectColumns) -> None:
        self.rows = columns.rows
        self._columns = columns
        p, t = columns.preds, columns.target
        self._shift = float(p.mean() - t.mean())
        centred_p, centred_t = p - p.mean(), t - t.mean()
        self._sums = np.stack(
            [
                (p - t) ** 2,
                np.abs(p - t),
                np.sign(p) == np.sign(t),
                centred_p,
                centred_t,
                centred_p**2,
                centred_t**2,
                centred_p * centred_t,
            ],
            axis=1,
        )

    def measures(self, weights: Array) -> dict[str, Array]:
        """Measures by key without ``_valence`` or ``_arousal``, otherwise as for expressions."""
        with np.errstate(invalid="ignore", divide="ignore"):
            means = (weights @ self._sums).T / weights.sum(axis=1)
            squared, absolute, same_sign, p, t, pp, tt, pt = means
            var_p, var_t, covariance = pp - p**2, tt - t**2, pt - p * t
            corr = np.clip(covariance / np.sqrt(var_p * var_t), -1.0, 1.0)
            ccc = 2 * covariance / (var_p + var_t + (p - t + self._shift) ** 2)
            doubtful = (var_p <= CANCELLATION * pp) | (var_t <= CANCELLATION * tt)
        for index in np.flatnonzero(doubtful):
            images = np.repeat(np.arange(weights.shape[1]), weights[index].astype(np.int64))
            preds, target = self._columns.preds[images], self._columns.target[images]
            corr[index], ccc[index] = pearson_corrcoef(preds, target), concordance_corrcoef(preds, target)
        return {"rmse": np.sqrt(squared), "mae": absolute, "corr": corr, "sagr": same_sign, "ccc": ccc}
