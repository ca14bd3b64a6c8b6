"""How well do people agree? The line that a network's figures are held against."""

from __future__ import annotations

import krippendorff
import numpy as np
import numpy.typing as npt

from emotion_core.labels import FERPLUS_VOTES

Votes = npt.NDArray[np.int64]


def annotator_accuracy(votes: npt.ArrayLike) -> float:
    r"""How often an annotator names what most of the others name.

    .. math:: \frac{1}{N} \sum_i \sum_k \frac{v_{ik}}{m_i} \cdot \frac{[k \in W_{ik}]}{|W_{ik}|}

    with :math:`v_{ik}` of :math:`m_i` votes for category :math:`k`, and :math:`W_{ik}` the categories with most votes once one
    vote for :math:`k` is taken away. That is the mean over images and over each of their annotators, and needs no drawing: a
    tie among the others is a draw of lots between its categories, so it counts as its share. Every column is a category,
    "unknown" and "not a face" too. Images with fewer than two votes do not count.

    Args:
        votes: how many annotators named each category, shape ``(N, K)``.

    Returns:
        In [0, 1]; ``nan`` when no image has two votes.

    Raises:
        ValueError: ``votes`` is empty, not 2-D, not finite, or not of whole numbers from 0 on.

    Example:
        Two of three agree: each of them is met with a tie of the other two, the third with the majority against it.

        >>> round(annotator_accuracy([[2, 1]]), 4)
        0.3333
    """
    counts = _votes(votes)
    counts = counts[counts.sum(axis=1) >= 2]
    if not len(counts):
        return float("nan")
    expected = np.zeros(len(counts))
    for category in range(counts.shape[1]):
        others = counts.copy()
        others[:, category] -= 1
        most = others.max(axis=1)
        wins = (others[:, category] == most) / (others == most[:, None]).sum(axis=1)
        expected += counts[:, category] / counts.sum(axis=1) * wins
    return float(expected.mean())


def annotator_alpha(votes: npt.ArrayLike) -> float:
    """Krippendorff's alpha, nominal, over all annotators, by the package ``krippendorff``.

    Images with fewer than two votes do not count. Arguments and errors as in :func:`annotator_accuracy`.

    Returns:
        At most 1, 0 for chance; ``nan`` when only one category is named at all, or no image has two votes.

    References:
        K. Krippendorff (2011), Computing Krippendorff's Alpha-Reliability.

    Example:
        >>> round(annotator_alpha([[2, 0], [1, 1], [0, 2]]), 4)
        0.4444
    """
    counts = _votes(votes)
    counts = counts[counts.sum(axis=1) >= 2]
    if (counts.sum(axis=0) > 0).sum() < 2:
        return float("nan")
    return float(krippendorff.alpha(value_counts=counts, level_of_measurement="nominal"))


def human_line(votes: npt.ArrayLike) -> dict[str, float]:
    """Agreement of FER+'s annotators, by the keys of the measures it is held against.

    A network is right when it names the majority of all ten; an annotator is right when naming that of the other nine, so
    that no vote is compared with itself. Pass the votes of the images on which the network was measured.

    Args:
        votes: shape ``(N, 10)``, columns as in :data:`~emotion_core.labels.FERPLUS_VOTES`.

    Returns:
        ``images`` with at least two votes, ``accuracy`` (:func:`annotator_accuracy`) and ``krippendorff_alpha``
        (:func:`annotator_alpha`).

    Raises:
        ValueError: there are not ten columns; otherwise as in :func:`annotator_accuracy`.
    """
    counts = _votes(votes)
    if counts.shape[1] != len(FERPLUS_VOTES):
        raise ValueError(f"votes must have {len(FERPLUS_VOTES)} columns ({', '.join(FERPLUS_VOTES)}), got {counts.shape[1]}")
    return {
        "images": int((counts.sum(axis=1) >= 2).sum()),
        "accuracy": annotator_accuracy(counts),
        "krippendorff_alpha": annotator_alpha(counts),
    }


def _votes(votes: npt.ArrayLike) -> Votes:
    values = np.asarray(votes)
    if values.ndim != 2:
        raise ValueError(f"votes must be 2-D, got shape {values.shape}")
    if not values.size:
        raise ValueError("votes are empty")
    numbers = values.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError("votes must be finite")
    if (numbers < 0).any() or (numbers != np.floor(numbers)).any():
        raise ValueError("votes must be whole numbers from 0 on")
    return values.astype(np.int64)
