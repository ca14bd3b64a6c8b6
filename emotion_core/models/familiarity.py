r"""Does a picture look, to the network, like the faces it was trained on?

The pooled features of training faces, scaled to length 1, are described by their mean and a covariance of few directions and
one remainder (probabilistic principal components). The distance of a picture is Mahalanobis',

.. math:: d(x) = \sqrt{\sum_{j \le k} \frac{(v_j \cdot (f - \mu))^2}{\lambda_j} + \frac{\lVert r \rVert^2}{\bar\lambda}} , \quad
          f = \frac{x}{\lVert x \rVert}

with the remainder :math:`r` outside of the :math:`k` directions and the mean variance :math:`\bar\lambda` there. Scaling
matters: without it blurred and tiny faces, whose features are short, lie near the mean.

References:
    M. Tipping, C. Bishop (1999), Probabilistic Principal Component Analysis, JRSS B 61.
    K. Lee, K. Lee, H. Lee, J. Shin (2018), A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial
    Attacks, NeurIPS.
    M. Mueller, M. Hein (2025), Mahalanobis++: Improving OOD Detection via Feature Normalization, ICML.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

MAX_DIRECTIONS = 64
MAX_NUMBERS = 50_000
"""Directions take at most so many half-precision numbers: 100 kB."""

FAMILIAR = 0.99
"""Share of validation faces that are to count as familiar."""


@dataclass(frozen=True)
class Familiarity:
    """Training faces in feature space.

    Attributes:
        mean: of the scaled features, shape ``(C,)``.
        directions: orthonormal, shape ``(k, C)``.
        variances: along them, shape ``(k,)``.
        rest: mean variance in all other directions.
        threshold: distance above which a picture counts as unlike the training faces.
    """

    mean: Array
    directions: Array
    variances: Array
    rest: float
    threshold: float

    def distances(self, features: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Distance of each picture, shape ``(N,)``.

        Args:
            features: pooled, shape ``(N, C)``.
        """
        centred = _scaled(features) - self.mean
        along = centred @ self.directions.T.astype(np.float64)
        beyond = np.maximum((centred**2).sum(axis=1) - (along**2).sum(axis=1), 0)
        distances: npt.NDArray[np.float64] = np.sqrt((along**2 / self.variances).sum(axis=1) + beyond / self.rest)
        return distances

    def unfamiliar(self, features: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether each picture is farther away than almost all validation faces, shape ``(N,)``."""
        return np.asarray(self.distances(features) > self.threshold)


def describe_faces(
    training: npt.ArrayLike, validation: npt.ArrayLike, *, directions: int = MAX_DIRECTIONS, familiar: float = FAMILIAR
) -> Familiarity:
    """Describe the faces that a network was trained on.

    Args:
        training: pooled features of training faces, shape ``(N, C)``, at least two.
        validation: of faces that trained nothing, shape ``(M, C)``, at least one: they give the threshold.
        directions: how many at most; fewer where there are few faces or the features are many.
        familiar: share of the validation faces within the threshold.

    Raises:
        ValueError: too few faces.
    """
    faces = _scaled(training)
    if len(faces) < 2 or not len(np.asarray(validation)):
        raise ValueError(f"At least two training faces and one validation face are needed, not {len(faces)}.")
    mean = faces.mean(axis=0)
    _, lengths, vectors = np.linalg.svd(faces - mean, full_matrices=False)
    spread = lengths**2 / len(faces)
    channels = int(faces.shape[1])
    count = max(1, min(directions, MAX_NUMBERS // channels, len(faces) // 2, channels - 1))
    floor = max(float(spread.sum()), float(np.finfo(np.float32).tiny)) * 1e-6 / channels
    rest = max(float(spread[count:].sum()) / (channels - count), floor)
    # As precise as it will be stored, so that the threshold fits what is read back.
    found = Familiarity(
        mean.astype(np.float32),
        vectors[:count].astype(np.float16).astype(np.float32),
        np.maximum(spread[:count], floor).astype(np.float32),
        rest,
        float("inf"),
    )
    threshold = float(np.quantile(found.distances(validation), familiar, method="higher"))
    return Familiarity(found.mean, found.directions, found.variances, rest, threshold)


def _scaled(features: npt.ArrayLike) -> npt.NDArray[np.float64]:
    rows = np.asarray(features, dtype=np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: npt.NDArray[np.float64] = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return scaled
