"""What measures are called, and what they mean: the words beside every number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class MeasureWords:
    """How a measure is spoken of.

    Attributes:
        title: short name.
        better: which way it improves.
        scale: its range and the values that one should know.
        meaning: one sentence.
    """

    title: str
    better: Literal["higher", "lower"]
    scale: str
    meaning: str

    @property
    def header(self) -> str:
        """Title and the direction of better."""
        return f"{self.title} {'↑' if self.better == 'higher' else '↓'}"

    @property
    def help(self) -> str:
        """Definition, range and what is good."""
        return f"{self.meaning} {self.scale} {self.better.capitalize()} is better."


def _affect(name: str) -> dict[str, MeasureWords]:
    return {
        f"rmse_{name}": MeasureWords(
            title=f"RMSE {name}",
            better="lower",
            scale=f"0 to 2, in units of {name}; saying the mean for all scores the standard deviation of the annotations.",
            meaning=f"Root of the mean squared distance between predicted and annotated {name}.",
        ),
        f"mae_{name}": MeasureWords(
            title=f"MAE {name}",
            better="lower",
            scale=f"0 to 2, in units of {name}.",
            meaning=f"Mean distance between predicted and annotated {name}.",
        ),
        f"corr_{name}": MeasureWords(
            title=f"correlation {name}",
            better="higher",
            scale="-1 to 1; 0 is no linear relation, undefined for constant predictions.",
            meaning=f"Pearson's correlation of predicted and annotated {name}; blind to a wrong mean or spread.",
        ),
        f"sagr_{name}": MeasureWords(
            title=f"SAGR {name}",
            better="higher",
            scale="0 to 1; always saying the more frequent sign scores its share.",
            meaning=f"Sign agreement: share of images whose predicted and annotated {name} have the same sign.",
        ),
        f"ccc_{name}": MeasureWords(
            title=f"CCC {name}",
            better="higher",
            scale="-1 to 1; 0 is no agreement, also for constant predictions.",
            meaning=f"Lin's concordance of predicted and annotated {name}: correlation, reduced by a wrong mean or spread.",
        ),
    }


MEASURE_WORDS: Mapping[str, MeasureWords] = MappingProxyType(
    {
        "accuracy": MeasureWords(
            title="accuracy",
            better="higher",
            scale="0 to 1; guessing among eight equally frequent expressions gives 0.125.",
            meaning="Share of images whose predicted expression is the true one.",
        ),
        "f1_macro": MeasureWords(
            title="F1, macro",
            better="higher",
            scale="0 to 1.",
            meaning="Harmonic mean of precision and recall, averaged over expressions, each counting the same.",
        ),
        "f1_weighted": MeasureWords(
            title="F1, weighted",
            better="higher",
            scale="0 to 1.",
            meaning="Harmonic mean of precision and recall, averaged over expressions by how often each is true.",
        ),
        "cohen_kappa": MeasureWords(
            title="Cohen's κ",
            better="higher",
            scale="-1 to 1; 0 is chance.",
            meaning="Agreement of predicted and true expression beyond what their frequencies give by chance.",
        ),
        "krippendorff_alpha": MeasureWords(
            title="Krippendorff's α",
            better="higher",
            scale="At most 1; 0 is chance.",
            meaning="Agreement of prediction and truth as two coders, beyond what their pooled frequencies give by chance.",
        ),
        "roc_auc": MeasureWords(
            title="ROC AUC",
            better="higher",
            scale="0 to 1; 0.5 is guessing.",
            meaning="Chance that an image of an expression scores higher for it than one of another; mean over expressions.",
        ),
        "pr_auc": MeasureWords(
            title="PR AUC",
            better="higher",
            scale="0 to 1; guessing gives the share of the expression.",
            meaning="Average precision over all thresholds, averaged over expressions.",
        ),
        "ece": MeasureWords(
            title="ECE",
            better="lower",
            scale="0 to 1; 0 is perfectly calibrated, and few images inflate it.",
            meaning="Expected calibration error: mean distance between how sure the network is and how often it is right.",
        ),
        "brier": MeasureWords(
            title="Brier score",
            better="lower",
            scale="0 to 2; equal probabilities for eight expressions give 0.875.",
            meaning="Sum over expressions of squared distances between probability and truth, averaged over images.",
        ),
        "log_loss": MeasureWords(
            title="log loss",
            better="lower",
            scale="0 to 36; equal probabilities for eight expressions give 2.079.",
            meaning="Minus the logarithm of the probability of the true expression, averaged over images.",
        ),
        **_affect("valence"),
        **_affect("arousal"),
    }
)
"""Words for every measure of ``emotion_core.metrics.summary``."""

COST_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "num_params_millions": "parameters, M",
        "size_mb": "size of the weights, MB",
        "ms_per_face": "time a face, ms",
        "ms_per_face_batch_32": "time a face in batches of 32, ms",
        "multiply_adds_millions": "multiply-adds a face, M",
        "training_minutes": "training time, min",
        "seconds_per_epoch": "training time an epoch, s",
    }
)
"""What runs cost, by the names of facts. Less is better for all of them."""


def cost_title(fact: str) -> str:
    """Words for a fact; its own name where there are none."""
    return COST_WORDS.get(fact, fact.replace("_", " "))
