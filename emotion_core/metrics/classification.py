"""Measures for expressions. Labels are positions in ``EXPRESSIONS``."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]
Array = npt.NDArray[np.float64]


def class_pair(preds: npt.ArrayLike, target: npt.ArrayLike, *, first: str = "preds") -> tuple[Labels, Labels]:
    """Predicted and true classes as arrays, checked.

    Args:
        preds: predicted classes, shape ``(N,)``.
        target: true classes, shape ``(N,)``.
        first: what ``preds`` is called in messages.

    Raises:
        ValueError: shapes differ, or inputs are empty, not 1-D, not finite or not class numbers.
    """
    checked = []
    for name, values in ((first, np.asarray(preds)), ("target", np.asarray(target))):
        if values.ndim != 1:
            raise ValueError(f"{name} must be 1-D, got shape {values.shape}")
        if not np.isfinite(values.astype(np.float64)).all():
            raise ValueError(f"{name} must be finite")
        if not np.equal(values, np.floor(values.astype(np.float64))).all() or (len(values) and values.min() < 0):
            raise ValueError(f"{name} must be class numbers from 0 on")
        checked.append(values.astype(np.int64))
    p, t = checked
    if p.shape != t.shape:
        raise ValueError(f"{first} and target must have the same length, got {len(p)} and {len(t)}")
    if not len(p):
        raise ValueError(f"{first} and target are empty")
    return p, t


def confusion_matrix(preds: npt.ArrayLike, target: npt.ArrayLike, *, num_classes: int | None = None) -> Labels:
    """Counts of true class (row) against predicted class (column).

    Args:
        preds: predicted classes, shape ``(N,)``.
        target: true classes, shape ``(N,)``.
        num_classes: ``K``; by default one more than the largest class that occurs.

    Returns:
        Shape ``(K, K)``.

    Raises:
        ValueError: shapes differ, or inputs are empty, not 1-D, not finite or not class numbers below ``K``.

    Example:
        >>> confusion_matrix([0, 1, 1], [0, 0, 1]).tolist()
        [[1, 1], [0, 1]]
    """
    p, t = class_pair(preds, target)
    largest = int(max(p.max(), t.max())) + 1
    size = largest if num_classes is None else num_classes
    if largest > size:
        raise ValueError(f"class {largest - 1} is not below num_classes {size}")
    return np.bincount(t * size + p, minlength=size * size).reshape(size, size).astype(np.int64)


def normalise_confusion(counts: npt.ArrayLike, by: Literal["count", "row", "column"] = "row") -> Array:
    """Confusion matrix as counts or as shares.

    Args:
        counts: shape ``(K, K)``, rows are true classes, columns predicted ones.
        by: ``"row"`` divides by how often a class is true (the diagonal is recall), ``"column"`` by how often it is predicted
            (the diagonal is precision), ``"count"`` leaves the counts.

    Returns:
        Shape ``(K, K)``; shares in [0, 1], 0 throughout a row or column without images.

    Raises:
        ValueError: ``counts`` is not square, not finite or negative, or ``by`` is none of the three.

    Example:
        >>> normalise_confusion([[3, 1], [0, 2]], "row").tolist()
        [[0.75, 0.25], [0.0, 1.0]]
    """
    matrix = np.asarray(counts, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"counts must be square, got shape {matrix.shape}")
    if not np.isfinite(matrix).all() or (matrix < 0).any():
        raise ValueError("counts must be finite and not negative")
    if by == "count":
        return matrix
    if by not in ("row", "column"):
        raise ValueError(f"by must be 'count', 'row' or 'column', got '{by}'")
    totals = matrix.sum(axis=1 if by == "row" else 0, keepdims=True)
    shares: Array = np.divide(matrix, totals, out=np.zeros_like(matrix), where=totals > 0)
    return shares


def accuracy(preds: npt.ArrayLike, target: npt.ArrayLike) -> float:
    """Share of images whose predicted class is the true one, in [0, 1]. Arguments and errors as in :func:`confusion_matrix`.

    Example:
        >>> accuracy([0, 1, 1, 2], [0, 0, 1, 2])
        0.75
    """
    p, t = class_pair(preds, target)
    return float(np.mean(p == t))


def balanced_accuracy(preds: npt.ArrayLike, target: npt.ArrayLike) -> float:
    r"""Mean recall over the classes present in ``target``, :math:`\frac{1}{|C|} \sum_{k \in C} c_{kk} / n_k`, in [0, 1].

    With equally many images of each class it is the accuracy; naming one and the same class throughout gives ``1 / |C|``.
    Arguments and errors as in :func:`confusion_matrix`.

    References:
        K. Brodersen, C. S. Ong, K. Stephan, J. Buhmann (2010), The Balanced Accuracy and Its Posterior Distribution, ICPR.

    Example:
        >>> balanced_accuracy([0, 0, 0, 1], [0, 0, 0, 0])
        0.75
        >>> balanced_accuracy([0, 0, 0, 0], [0, 0, 0, 1])
        0.5
    """
    counts = confusion_matrix(preds, target)
    return float(precision_recall_f1(counts)[1][counts.sum(axis=1) > 0].mean())


def among_top(probs: Array, target: Labels, k: int) -> npt.NDArray[np.bool_]:
    """Whether the true class of each image is among its ``k`` most probable ones; of equal ones the first come first.

    Args:
        probs: shape ``(N, K)``.
        target: shape ``(N,)``.
        k: how many.

    Returns:
        Shape ``(N,)``.
    """
    true = probs[np.arange(len(target)), target][:, None]
    earlier = np.arange(probs.shape[1]) < target[:, None]
    better: npt.NDArray[np.bool_] = ((probs > true) | ((probs == true) & earlier)).sum(axis=1) < k
    return better


def top2_accuracy(probs: npt.ArrayLike, target: npt.ArrayLike) -> float:
    """Share of images whose true class is one of the two most probable ones, in [0, 1].

    Of equally probable classes the first come first, as in :func:`accuracy`. Arguments and errors as in :func:`roc_auc`.

    Example:
        >>> top2_accuracy([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]], [1, 0])
        0.5
    """
    p, t, _ = _scores(probs, target)
    return float(among_top(p, t, 2).mean())


def precision_recall_f1(counts: npt.ArrayLike) -> tuple[Array, Array, Array]:
    """Precision, recall and F1 of every class.

    Args:
        counts: a confusion matrix ``(K, K)``, rows are true classes.

    Returns:
        Three arrays of shape ``(K,)`` in [0, 1]; 0 where a class is never predicted (precision), never true
        (recall), or neither (F1).

    Example:
        >>> [values.tolist() for values in precision_recall_f1([[3, 1], [0, 2]])]
        [[1.0, 0.6666666666666666], [0.75, 1.0], [0.8571428571428571, 0.8]]
    """
    matrix = np.asarray(counts, dtype=np.float64)
    hits, predicted, actual = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
    precision = np.divide(hits, predicted, out=np.zeros_like(hits), where=predicted > 0)
    recall = np.divide(hits, actual, out=np.zeros_like(hits), where=actual > 0)
    f1 = np.divide(2 * hits, predicted + actual, out=np.zeros_like(hits), where=predicted + actual > 0)
    return precision, recall, f1


def f1_macro(preds: npt.ArrayLike, target: npt.ArrayLike) -> float:
    """Mean F1 over the classes present in ``target``, in [0, 1].

    A set without a class is not judged by it: saying that class costs the recall of others, and no F1 of its own counts as 0.
    Arguments and errors as in :func:`confusion_matrix`.

    Example:
        >>> round(f1_macro([0, 1, 1, 2], [0, 0, 1, 2]), 4)
        0.7778
    """
    counts = confusion_matrix(preds, target)
    return float(precision_recall_f1(counts)[2][counts.sum(axis=1) > 0].mean())


def f1_weighted(preds: npt.ArrayLike, target: npt.ArrayLike) -> float:
    """Mean F1 over classes, weighted by how often each is true, in [0, 1].

    Arguments and errors as in :func:`confusion_matrix`.

    Example:
        >>> round(f1_weighted([0, 1, 1, 2], [0, 0, 1, 2]), 4)
        0.75
    """
    counts = confusion_matrix(preds, target)
    return float(np.average(precision_recall_f1(counts)[2], weights=counts.sum(axis=1)))


def class_numbers(name: str, shape: tuple[int, ...], target: npt.ArrayLike) -> Labels:
    """True classes, checked against a matrix with a row an image and a column a class.

    Args:
        name: what the matrix is called in messages.
        shape: its shape ``(N, K)``.
        target: true classes, shape ``(N,)``.

    Raises:
        ValueError: lengths differ, or ``target`` is empty, not 1-D, not finite or names a class without a column.
    """
    _, t = class_pair(np.zeros(shape[0], dtype=np.int64), target, first=name)
    if t.max() >= shape[1]:
        raise ValueError(f"class {t.max()} has no column in {name} of shape {shape}")
    return t


def _scores(probs: npt.ArrayLike, target: npt.ArrayLike) -> tuple[Array, Labels, Labels]:
    p = np.asarray(probs, dtype=np.float64)
    if p.ndim != 2:
        raise ValueError(f"probs must be 2-D, got shape {p.shape}")
    if not np.isfinite(p).all():
        raise ValueError("probs must be finite")
    t = class_numbers("probs", p.shape, target)
    # Ranking needs images of the class and images of others.
    present = np.array([k for k in range(p.shape[1]) if 0 < (t == k).sum() < len(t)], dtype=np.int64)
    return p, t, present


def roc_auc(probs: npt.ArrayLike, target: npt.ArrayLike) -> float:
    """Area under the ROC curve, one against the rest, mean over the classes present in ``target``.

    The probability that an image of the class gets a higher score than one of another class; ties count half.

    Args:
        probs: scores, shape ``(N, K)``.
        target: true classes, shape ``(N,)``.

    Returns:
        In [0, 1], 0.5 for guessing; ``nan`` when fewer than two classes are present.

    Raises:
        ValueError: shapes differ, inputs are empty or not finite, or a class has no column.

    References:
        J. Hanley, B. McNeil (1982), The meaning and use of the area under a ROC curve, Radiology 143(1).

    Example:
        >>> roc_auc([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.6, 0.4]], [0, 0, 1, 1])
        0.75
    """
    p, t, present = _scores(probs, target)
    areas = []
    for k in present:
        positive = t == k
        _, inverse, counts = np.unique(p[:, k], return_inverse=True, return_counts=True)
        # Mean rank of each group of equal scores, ranks from 1.
        ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
        num = int(positive.sum())
        areas.append((ranks[positive].sum() - num * (num + 1) / 2) / (num * (len(t) - num)))
    return float(np.mean(areas)) if areas else float("nan")


def pr_auc(probs: npt.ArrayLike, target: npt.ArrayLike) -> float:
    r"""Average precision, one against the rest, mean over the classes present in ``target``.

    .. math:: \sum_n (R_n - R_{n-1}) P_n

    over the distinct scores from high to low; no interpolation. Arguments and errors as in :func:`roc_auc`.

    Returns:
        In [0, 1], the share of the class for guessing; ``nan`` when fewer than two classes are present.

    Example:
        >>> round(pr_auc([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.6, 0.4]], [0, 0, 1, 1]), 4)
        0.8333
    """
    p, t, present = _scores(probs, target)
    areas = []
    for k in present:
        order = np.argsort(-p[:, k], kind="stable")
        scores, hits = p[order, k], np.cumsum(t[order] == k)
        ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
        precision, recall = hits[ends] / (ends + 1), hits[ends] / hits[-1]
        areas.append(np.sum(np.diff(recall, prepend=0.0) * precision))
    return float(np.mean(areas)) if areas else float("nan")
