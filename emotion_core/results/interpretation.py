"""What a run's outputs mean: the probabilities, sets and verdicts that follow from its logits and its calibration.

``run.json`` says what was fitted, by benchmark; the first one is what photos go by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from emotion_core.errors import CheckpointError, ConfigError
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.conformal import COVERAGE, prediction_sets, set_thresholds
from emotion_core.metrics.priors import (
    BALANCED,
    ESTIMATE,
    EVERYDAY,
    MIN_FACES,
    TRAINED,
    Prior,
    class_weights,
    estimate_prior,
    make_prior,
    shift_prior,
)
from emotion_core.metrics.selective import ACCURACY, verdict_threshold
from emotion_core.results.calibration import Calibration, JudgedFaces, read_calibration
from emotion_core.results.run import Run, RunInfo

Array = npt.NDArray[np.float64]


def usual_prior(dataset: str) -> Prior:
    """The mix that a benchmark is judged under: everyday for FER+, whose own it is, balanced for all others."""
    return EVERYDAY if dataset == "ferplus" else BALANCED


def trained_prior(info: RunInfo) -> Prior | None:
    """The mix that is inside a run's probabilities; ``None`` where it is not known.

    ``run.json`` says it, or else the dataset does: AffectNet's 3,999 images and drawn faces have all expressions alike, FER+
    has the everyday mix. With class weights in the loss it is neither.
    """
    if info.prior:
        try:
            return make_prior({name: info.prior.get(name, 0.0) for name in EXPRESSIONS}, TRAINED)
        except ConfigError as error:
            raise CheckpointError(f"The prior in 'run.json' cannot be used: {error}") from error
    loss = info.training.get("loss")
    if isinstance(loss, Mapping) and loss.get("class_weights", "none") != "none":
        return None
    known = {"affectnet-3999": BALANCED, "schematic": BALANCED, "ferplus": EVERYDAY}.get(str(info.dataset.get("name")))
    return None if known is None else replace(known, name=TRAINED)


class Interpretation:
    """How the logits of a run are read: under which prior, with which sets, and from which confidence on a verdict stands.

    Args:
        temperature: divides the logits.
        fitted: the prior under which the temperature makes probabilities right; ``None`` for the trained one.
        trained: the prior inside the logits; ``None`` where it is not known, and then nothing is shifted.
        prior: the prior that probabilities are to hold under; ``None`` for the trained one.
        classes: the expressions between which it decides; all others have a probability of 0.
        faces: validation images; without any there are neither sets nor verdicts that stand.
        coverage: share of pictures whose set is to hold the true expression.
        accuracy: share of the verdicts that stand which is to be right.
    """

    def __init__(
        self,
        *,
        temperature: float = 1.0,
        fitted: Prior | None = None,
        trained: Prior | None = None,
        prior: Prior | None = None,
        classes: Sequence[str] = EXPRESSIONS,
        faces: JudgedFaces | None = None,
        coverage: float = COVERAGE,
        accuracy: float = ACCURACY,
    ) -> None:
        self.temperature = temperature
        self.trained = trained
        self.fitted = (fitted or trained) if trained is not None else None
        self.classes = tuple(classes)
        self.coverage = coverage
        self.accuracy = accuracy
        self._columns = np.array([name in self.classes for name in EXPRESSIONS])
        self._faces = faces
        self.prior = None if trained is None else self._restricted(prior or trained)

    def _restricted(self, prior: Prior) -> Prior:
        """The prior over the classes alone."""
        shares = np.where(self._columns, prior.array, 0.0)
        if self.trained is not None:
            shares = np.where(self.trained.array > 0, shares, 0.0)
        if not shares.sum() > 0:
            raise ConfigError(
                f"The prior gives no share to any of the expressions that can be predicted here: {', '.join(self.classes)}."
            )
        return prior if np.isclose(shares.sum(), 1) else Prior(prior.name, tuple((shares / shares.sum()).tolist()))

    def under(self, prior: Prior | None) -> Interpretation:
        """The same run under another prior; ``None`` for the trained one."""
        return Interpretation(
            temperature=self.temperature,
            fitted=self.fitted,
            trained=self.trained,
            prior=prior,
            classes=self.classes,
            faces=self._faces,
            coverage=self.coverage,
            accuracy=self.accuracy,
        )

    def probabilities(self, logits: npt.ArrayLike) -> Array:
        """Probabilities under :attr:`prior`, shape ``(N, 8)``; rows sum to 1.

        Args:
            logits: as the network gives them, shape ``(N, 8)``.
        """
        fitted = self._fitted_probabilities(logits)
        if self.prior is None or self.fitted is None:
            return fitted
        allowed = self._columns & (self.prior.array > 0)
        shifted = np.zeros_like(fitted)
        shifted[:, allowed] = shift_prior(fitted[:, allowed], self.fitted.array[allowed], self.prior.array[allowed])
        return shifted

    def _fitted_probabilities(self, logits: npt.ArrayLike) -> Array:
        """Under the prior at which the temperature was fitted: softmax((z + ln fitted - ln trained) / T)."""
        z = np.array(logits, dtype=np.float64)
        allowed = self._columns.copy()
        if self.trained is not None and self.fitted is not None:
            allowed &= self.trained.array > 0
            z[:, allowed] += np.log(np.maximum(self.fitted.array[allowed], 1e-12) / self.trained.array[allowed])
        z[:, ~allowed] = -np.inf
        probs: Array = softmax(z / self.temperature, axis=1)
        return probs

    def estimated(self, logits: npt.ArrayLike) -> Interpretation:
        """The same run under the mix that the pictures themselves suggest.

        Args:
            logits: of the pictures, shape ``(N, 8)``.

        Raises:
            ConfigError: there are fewer than 30, or the prior inside the logits is not known.
        """
        z = np.asarray(logits, dtype=np.float64)
        if self.trained is None or self.fitted is None:
            raise ConfigError("No mix can be estimated: it is not known which mix of expressions this run was trained on.")
        if len(z) < MIN_FACES:
            faces = "1 face suggests" if len(z) == 1 else f"{len(z)} faces suggest"
            raise ConfigError(f"{faces} no mix of expressions; at least {MIN_FACES} are needed to estimate one.")
        found = estimate_prior(self._fitted_probabilities(z), np.where(self._columns, self.fitted.array, 0.0))
        return self.under(Prior(ESTIMATE, tuple(found.values.tolist())))

    @cached_property
    def _judged(self) -> tuple[Array, npt.NDArray[np.int64], Array] | None:
        """Probabilities, labels and class weights of the validation images of these classes."""
        if self._faces is None:
            return None
        labels = self._faces.labels.astype(np.int64)
        kept = self._columns[labels]
        if not kept.any():
            return None
        probs, labels = self.probabilities(self._faces.logits[kept]), labels[kept]
        weights = np.ones(len(EXPRESSIONS)) if self.prior is None else class_weights(self.prior.array, labels)
        return probs, labels, weights

    @cached_property
    def thresholds(self) -> Array | None:
        """Largest ``1 - p`` with which each expression belongs to a set, shape ``(8,)``; ``None`` without validation images."""
        return None if self._judged is None else set_thresholds(*self._judged, coverage=self.coverage)

    @cached_property
    def verdict_from(self) -> float | None:
        """Confidence from which a verdict stands; infinity where none ever does, ``None`` without validation images."""
        return None if self._judged is None else verdict_threshold(*self._judged, accuracy=self.accuracy)

    def sets(self, probs: Array) -> npt.NDArray[np.bool_] | None:
        """Which expressions each set holds, shape ``(N, 8)``; ``None`` without validation images."""
        return None if self.thresholds is None else prediction_sets(probs, self.thresholds)

    def stands(self, probs: Array) -> npt.NDArray[np.bool_] | None:
        """Whether each verdict stands, shape ``(N,)``; ``None`` without validation images."""
        return None if self.verdict_from is None else np.asarray(probs.max(axis=1) >= self.verdict_from)

    def describe(self) -> str:
        """One plain sentence on what the probabilities assume."""
        if self.prior is None:
            return "It is not known which mix of expressions this run was trained on, so its probabilities stay as they are."
        mix = self.prior.describe()
        return {
            "balanced": "Probabilities assume that all expressions are equally frequent.",
            "everyday": f"Probabilities assume the everyday mix of expressions ({mix}).",
            TRAINED: f"Probabilities assume the mix of expressions that the run was trained on ({mix}).",
            ESTIMATE: f"Probabilities assume the mix of expressions estimated from these faces ({mix}).",
        }.get(self.prior.name, f"Probabilities assume the mix of expressions that was given ({mix}).")

    def prior_dict(self) -> dict[str, Any]:
        """The prior as plain data; ``values`` is ``None`` where the mix is not known."""
        return {"name": TRAINED, "values": None} if self.prior is None else self.prior.to_dict()


def interpret(
    run: Run,
    prior: Prior | str = EVERYDAY,
    *,
    benchmark: str = "",
    classes: Sequence[str] = EXPRESSIONS,
    coverage: float = COVERAGE,
    calibration: Calibration | None = None,
) -> Interpretation:
    """How a run's logits are read.

    Args:
        run: which run.
        prior: that probabilities are to hold under; ``"trained"`` leaves them as they are. For ``"estimate"`` see
            :meth:`Interpretation.estimated`, until which they hold under the everyday prior.
        benchmark: whose calibration counts; the run's first where it was not calibrated on this one.
        classes: the expressions between which it decides.
        coverage: share of pictures whose set is to hold the true expression.
        calibration: read from the run's folder by default.

    Raises:
        CheckpointError: what the run keeps is damaged.
        ConfigError: the prior rules out everything that can be predicted, or there is no such prior or rate.
    """
    if not 0 < coverage < 1:
        raise ConfigError(f"The coverage is {coverage:g}; it has to lie between 0 and 1, such as 0.9.")
    entries = run.info.calibration
    chosen = benchmark if benchmark in entries else next(iter(entries), "")
    entry = entries.get(chosen) or {}
    kept = read_calibration(run) if calibration is None else calibration
    return Interpretation(
        temperature=_temperature(run, entry),
        fitted=_fitted_prior(entry),
        trained=trained_prior(run.info),
        prior=prior if isinstance(prior, Prior) else (EVERYDAY if prior == ESTIMATE else None),
        classes=classes,
        faces=kept.faces.get(chosen),
        coverage=coverage,
    )


def _temperature(run: Run, entry: Mapping[str, Any]) -> float:
    value = entry.get("temperature", run.info.temperature)
    if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value > 0):
        raise CheckpointError(f"'{run.path / 'run.json'}' has the temperature {value!r}; it has to be a number above 0.")
    return float(value)


def _fitted_prior(entry: Mapping[str, Any]) -> Prior | None:
    return {"balanced": BALANCED, "everyday": EVERYDAY}.get(str(entry.get("prior")))
