"""What does a bootstrap of all measures cost, and are they scikit-learn's?

Run with ``python -m benchmarks.bootstrap``. Both ways measure the same resamples of one table of predictions: all of them at
once, and a plain loop over scikit-learn's functions on the repeated rows, for as many resamples as patience allows. Times are
given for one resample, so that the loop need not be run to its end. Exits with status 1 when a measure differs by more than
1e-9.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import metrics as reference
from sklearn.calibration import calibration_curve

from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.metrics.agreement import krippendorff_alpha
from emotion_core.metrics.intervals import bootstrap_measures, resample_counts

TOLERANCE = 1e-9
"""Largest difference allowed between a measure and the plain loop's."""


def draw_predictions(num_images: int, seed: int = 0) -> pd.DataFrame:
    """A table of predictions like those of a network that is right half of the time; a tenth of the scores is tied."""
    generator = np.random.default_rng(seed)
    target = generator.integers(0, len(EXPRESSIONS), num_images)
    logits = generator.normal(0, 1, (num_images, len(EXPRESSIONS)))
    logits[np.arange(num_images), target] += 1.5
    coarse = generator.random(num_images) < 0.1
    logits[coarse] = np.round(logits[coarse])
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    columns: dict[str, object] = {
        "sample_id": [f"{index}.jpg" for index in range(num_images)],
        "expression": [EXPRESSIONS[index] for index in target],
    }
    affect = generator.uniform(-1, 1, (num_images, len(AFFECT)))
    columns |= {name: affect[:, index] for index, name in enumerate(AFFECT)}
    columns |= {f"prob_{name}": probs[:, index] for index, name in enumerate(EXPRESSIONS)}
    noisy = np.clip(0.6 * affect + generator.normal(0, 0.3, affect.shape), -1, 1)
    columns |= {f"pred_{name}": noisy[:, index] for index, name in enumerate(AFFECT)}
    return pd.DataFrame(columns)


def plain_measures(probs: NDArray[np.float64], target: NDArray[np.int64]) -> dict[str, float]:
    """Expression measures of one resample by scikit-learn, Krippendorff's alpha by the package of its name."""
    preds, num_classes = probs.argmax(axis=1), probs.shape[1]
    one_hot = np.eye(num_classes)[target]
    present = np.flatnonzero((one_hot.sum(axis=0) > 0) & (one_hot.sum(axis=0) < len(target)))
    confidence, right = probs.max(axis=1), preds == target
    share_right, mean_confidence = calibration_curve(right, confidence, n_bins=15)
    in_bin = np.bincount(np.searchsorted(np.linspace(0, 1, 16)[1:-1], confidence), minlength=15)
    return {
        "accuracy": reference.accuracy_score(target, preds),
        "balanced_accuracy": reference.recall_score(target, preds, labels=np.unique(target), average="macro"),
        # Among equal probabilities scikit-learn takes the last class first, and we the first one: hence in reverse order.
        "top2_accuracy": reference.top_k_accuracy_score(
            num_classes - 1 - target, probs[:, ::-1], k=2, labels=np.arange(num_classes)
        ),
        "f1_macro": reference.f1_score(target, preds, labels=np.unique(target), average="macro", zero_division=0),
        "f1_weighted": reference.f1_score(target, preds, average="weighted", zero_division=0),
        "cohen_kappa": reference.cohen_kappa_score(target, preds) if len({*target, *preds}) > 1 else np.nan,
        "krippendorff_alpha": krippendorff_alpha(preds, target),
        "roc_auc": reference.roc_auc_score(one_hot[:, present], probs[:, present]) if len(present) else np.nan,
        "pr_auc": reference.average_precision_score(one_hot[:, present], probs[:, present]) if len(present) else np.nan,
        "ece": float(np.abs(share_right - mean_confidence) @ in_bin[in_bin > 0] / len(target)),
        "brier": float(num_classes * reference.mean_squared_error(one_hot, probs)),
        "log_loss": reference.log_loss(target, probs, labels=np.arange(num_classes)),
    }


def plain_affect_measures(preds: NDArray[np.float64], target: NDArray[np.float64]) -> dict[str, float]:
    """Measures of valence or arousal of one resample, by scikit-learn and NumPy."""
    covariance = np.cov(preds, target, bias=True)
    gap = (preds.mean() - target.mean()) ** 2
    return {
        "rmse": reference.root_mean_squared_error(target, preds),
        "mae": reference.mean_absolute_error(target, preds),
        "corr": float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])),
        "sagr": reference.accuracy_score(np.sign(target), np.sign(preds)),
        "ccc": float(2 * covariance[0, 1] / (covariance[0, 0] + covariance[1, 1] + gap)),
    }


def plain_loop(predictions: pd.DataFrame, counts: NDArray[np.integer]) -> dict[str, NDArray[np.float64]]:
    """Every measure on every resample, one after the other."""
    probs = predictions[[f"prob_{name}" for name in EXPRESSIONS]].to_numpy(dtype=np.float64)
    labels = predictions["expression"].map({name: index for index, name in enumerate(EXPRESSIONS)}).to_numpy(dtype=np.float64)
    affect = {name: predictions[[f"pred_{name}", name]].to_numpy(dtype=np.float64) for name in AFFECT}
    drawn: dict[str, list[float]] = {}
    for row in counts:
        images = np.repeat(np.arange(len(predictions)), row)
        known = images[~np.isnan(labels[images])]
        measures = plain_measures(probs[known], labels[known].astype(np.int64))
        for name, values in affect.items():
            preds, target = values[images[~np.isnan(values[images, 1])]].T
            measures |= {f"{key}_{name}": value for key, value in plain_affect_measures(preds, target).items()}
        for key, value in measures.items():
            drawn.setdefault(key, []).append(float(value))
    return {key: np.array(values) for key, values in drawn.items()}


def largest_difference(first: dict[str, NDArray[np.float64]], second: dict[str, NDArray[np.float64]]) -> tuple[float, str]:
    """Largest difference between two results, and the measure that has it; infinite where only one of them is NaN."""
    if first.keys() != second.keys():
        raise ValueError(f"different measures: {', '.join(first)} and {', '.join(second)}")
    found = [(0.0, next(iter(first)))]
    for key, values in first.items():
        differences = np.abs(values - second[key])
        differences[np.isnan(values) & np.isnan(second[key])] = 0
        found.append((float(np.nan_to_num(differences, nan=np.inf).max()), key))
    return max(found)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and tell whether all measures agree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bootstrap", description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=800, help="images (default %(default)s)")
    parser.add_argument("--resamples", type=int, default=2000, help="resamples at once (default %(default)s)")
    parser.add_argument("--plain", type=int, default=100, help="of them, those that the plain loop does (default %(default)s)")
    parser.add_argument(
        "--cpu-time", action="store_true", help="measure time on the processor instead of the wall, for a busy machine"
    )
    arguments = parser.parse_args(argv)
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    num_plain = min(arguments.plain, arguments.resamples)

    predictions = draw_predictions(arguments.images)
    small = resample_counts(arguments.images, 2)
    plain_loop(predictions, small)
    bootstrap_measures(predictions, small)

    start = clock()
    counts = resample_counts(arguments.images, arguments.resamples)
    at_once = bootstrap_measures(predictions, counts)
    seconds = clock() - start
    start = clock()
    plain = plain_loop(predictions, counts[:num_plain])
    plain_seconds = clock() - start

    difference, key = largest_difference({key: values[:num_plain] for key, values in at_once.items()}, plain)
    each, plain_each = seconds / arguments.resamples, plain_seconds / num_plain
    print(f"{arguments.images} images, {len(at_once)} measures, {'processor' if arguments.cpu_time else 'wall'} time")
    print(f"at once     {arguments.resamples:6d} resamples  {seconds:8.2f} s  {1000 * each:8.3f} ms each, with drawing")
    print(f"plain loop  {num_plain:6d} resamples  {plain_seconds:8.2f} s  {1000 * plain_each:8.3f} ms each, "
          f"so {plain_each * arguments.resamples:.0f} s for {arguments.resamples}")  # fmt: skip
    print(f"ratio       {plain_each / each:.0f} times faster per resample")
    print(f"largest difference on the {num_plain} shared resamples  {difference:.1e} ({key})")
    if not difference <= TOLERANCE:
        print(f"{key} differs from the plain loop's by {difference:.1e}, more than {TOLERANCE:g}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
