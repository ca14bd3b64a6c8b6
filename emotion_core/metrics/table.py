"""The table of measures: everything that is computed of predictions, a row a measure.

Whatever shows a measure reads its row: evaluations and their intervals, comparisons, model cards, tables and help texts. A new
measure is a function and a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from emotion_core.labels import AFFECT
from emotion_core.metrics import agreement, batched, calibration, classification, continuous
from emotion_core.metrics.batched import Resamples
from emotion_core.metrics.columns import AffectColumns, ExpressionColumns

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One measure: how it is computed, and what is said of it.

    Attributes:
        name: its key in ``metrics.json``.
        title: short name for people.
        better: which way it improves.
        scale: its range and the values that one should know, as a sentence.
        meaning: what it is, as a sentence.
        function: takes what ``takes`` says, and the truth; ``nan`` where it is not defined.
        takes: ``"classes"``: predicted and true class of each image; ``"probs"``: probabilities ``(N, 8)`` and true class;
            ``"values"``: predicted and annotated valence or arousal. Such a row stands for a measure of each: ``{of}`` in its
            words is replaced by the name, which ends the key.
        batched: the same of many resamples at once, shape ``(r,)``; without it ``function`` is called on each of them in turn,
            which is slower.
        of: what it judges: ``"expression"``, ``"valence"`` or ``"arousal"``.
    """

    name: str
    title: str
    better: Literal["higher", "lower"]
    scale: str
    meaning: str
    function: Callable[[Any, Any], float]
    takes: Literal["classes", "probs", "values"] = "classes"
    batched: Callable[[Resamples[Any]], Array] | None = None
    of: str = "expression"

    @property
    def header(self) -> str:
        """Title and the direction of better."""
        return f"{self.title} {'↑' if self.better == 'higher' else '↓'}"

    @property
    def help(self) -> str:
        """Definition, range and what is good."""
        return f"{self.meaning} {self.scale} {self.better.capitalize()} is better."

    def measure(self, columns: ExpressionColumns | AffectColumns) -> float:
        """Its value on some images."""
        outputs = columns.probs if self.takes == "probs" and isinstance(columns, ExpressionColumns) else columns.preds
        return self.function(outputs, columns.target)

    def resample(self, drawn: Resamples[Any]) -> Array:
        """Its value on each resample, shape ``(r,)``; ``nan`` where it is not defined or no image was drawn."""
        if self.batched is not None:
            with np.errstate(invalid="ignore", divide="ignore"):
                return self.batched(drawn)
        values = np.full(len(drawn.weights), np.nan)
        for index, weights in enumerate(drawn.weights.astype(np.int64)):
            if weights.any():
                values[index] = self.measure(drawn.columns.take(np.repeat(np.arange(len(weights)), weights)))
        return values


_ROWS = (
    Metric(
        name="accuracy",
        title="accuracy",
        better="higher",
        scale="0 to 1; guessing among eight equally frequent expressions gives 0.125.",
        meaning="Share of images whose predicted expression is the true one.",
        function=classification.accuracy,
        batched=batched.accuracy,
    ),
    Metric(
        name="balanced_accuracy",
        title="balanced accuracy",
        better="higher",
        scale="0 to 1; predicting one expression throughout gives 1 divided by the number of expressions present.",
        meaning="Mean recall over the expressions present, each counting the same.",
        function=classification.balanced_accuracy,
        batched=batched.balanced_accuracy,
    ),
    Metric(
        name="top2_accuracy",
        title="top-2 accuracy",
        better="higher",
        scale="0 to 1; guessing among eight equally frequent expressions gives 0.25.",
        meaning="Share of images whose true expression is one of the two most probable ones.",
        takes="probs",
        function=classification.top2_accuracy,
        batched=batched.top2_accuracy,
    ),
    Metric(
        name="f1_macro",
        title="F1, macro",
        better="higher",
        scale="0 to 1.",
        meaning="Harmonic mean of precision and recall, averaged over the expressions present, each counting the same.",
        function=classification.f1_macro,
        batched=batched.f1_macro,
    ),
    Metric(
        name="f1_weighted",
        title="F1, weighted",
        better="higher",
        scale="0 to 1.",
        meaning="Harmonic mean of precision and recall, averaged over expressions by how often each is true.",
        function=classification.f1_weighted,
        batched=batched.f1_weighted,
    ),
    Metric(
        name="cohen_kappa",
        title="Cohen's κ",
        better="higher",
        scale="-1 to 1; 0 is chance.",
        meaning="Agreement of predicted and true expression beyond what their frequencies give by chance.",
        function=agreement.cohen_kappa,
        batched=batched.cohen_kappa,
    ),
    Metric(
        name="krippendorff_alpha",
        title="Krippendorff's α",
        better="higher",
        scale="At most 1; 0 is chance.",
        meaning="Agreement of prediction and truth as two coders, beyond what their pooled frequencies give by chance.",
        function=agreement.krippendorff_alpha,
        batched=batched.krippendorff_alpha,
    ),
    Metric(
        name="roc_auc",
        title="ROC AUC",
        better="higher",
        scale="0 to 1; 0.5 is guessing.",
        meaning="Chance that an image of an expression scores higher for it than one of another; mean over expressions.",
        takes="probs",
        function=classification.roc_auc,
        batched=batched.roc_auc,
    ),
    Metric(
        name="pr_auc",
        title="PR AUC",
        better="higher",
        scale="0 to 1; guessing gives the share of the expression.",
        meaning="Average precision over all thresholds, averaged over expressions.",
        takes="probs",
        function=classification.pr_auc,
        batched=batched.pr_auc,
    ),
    Metric(
        name="ece",
        title="ECE",
        better="lower",
        scale="0 to 1; 0 is perfectly calibrated, and few images inflate it.",
        meaning="Expected calibration error: mean distance between how sure the network is and how often it is right.",
        takes="probs",
        function=calibration.expected_calibration_error,
        batched=batched.expected_calibration_error,
    ),
    Metric(
        name="brier",
        title="Brier score",
        better="lower",
        scale="0 to 2; equal probabilities for eight expressions give 0.875.",
        meaning="Sum over expressions of squared distances between probability and truth, averaged over images.",
        takes="probs",
        function=calibration.brier_score,
        batched=batched.brier_score,
    ),
    Metric(
        name="log_loss",
        title="log loss",
        better="lower",
        scale="0 to 36; equal probabilities for eight expressions give 2.079.",
        meaning="Minus the logarithm of the probability of the true expression, averaged over images.",
        takes="probs",
        function=calibration.log_loss,
        batched=batched.log_loss,
    ),
    Metric(
        name="rmse",
        title="RMSE {of}",
        better="lower",
        scale="0 to 2, in units of {of}; predicting the mean for all scores the standard deviation of the annotations.",
        meaning="Root of the mean squared distance between predicted and annotated {of}.",
        takes="values",
        function=continuous.rmse,
        batched=batched.rmse,
    ),
    Metric(
        name="mae",
        title="MAE {of}",
        better="lower",
        scale="0 to 2, in units of {of}.",
        meaning="Mean distance between predicted and annotated {of}.",
        takes="values",
        function=continuous.mae,
        batched=batched.mae,
    ),
    Metric(
        name="corr",
        title="correlation {of}",
        better="higher",
        scale="-1 to 1; 0 is no linear relation, undefined for constant predictions.",
        meaning="Pearson's correlation of predicted and annotated {of}; blind to a wrong mean or spread.",
        takes="values",
        function=continuous.pearson_corrcoef,
        batched=batched.correlation,
    ),
    Metric(
        name="sagr",
        title="SAGR {of}",
        better="higher",
        scale="0 to 1; always predicting the more frequent sign scores its share.",
        meaning="Sign agreement: share of images whose predicted and annotated {of} have the same sign.",
        takes="values",
        function=continuous.sign_agreement,
        batched=batched.sign_agreement,
    ),
    Metric(
        name="ccc",
        title="CCC {of}",
        better="higher",
        scale="-1 to 1; 0 is no agreement, also for constant predictions.",
        meaning="Lin's concordance of predicted and annotated {of}: correlation, reduced by a wrong mean or spread.",
        takes="values",
        function=continuous.concordance_corrcoef,
        batched=batched.concordance,
    ),
)


def _of(row: Metric, of: str) -> Metric:
    words = {field: getattr(row, field).format(of=of) for field in ("title", "scale", "meaning")}
    return replace(row, name=f"{row.name}_{of}", of=of, **words)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        *(row for row in _ROWS if row.takes != "values"),
        *(_of(row, of) for of in AFFECT for row in _ROWS if row.takes == "values"),
    )
}
"""Every measure by its key, in the order in which they are shown."""
