"""What a comparison needs of a stored evaluation, computed once and kept beside the predictions.

The bootstrap draws are the same for every run on the same number of images, and images are taken in the order of their ids. So
the replicates of two runs on the same split are paired: their differences are the replicates of the difference, and two runs
are compared without reading a prediction again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.errors import CheckpointError
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.collapse import find_collapse
from emotion_core.metrics.intervals import bootstrap_measures, percentile_interval, resample_counts
from emotion_core.metrics.summary import summarize
from emotion_core.metrics.table import METRICS
from emotion_core.results.checked import open_arrays, parse_json
from emotion_core.results.evaluation import PREDICTION_COLUMNS, StoredEvaluation
from emotion_core.results.files import DAMAGED_ARCHIVE, strict_json
from emotion_core.results.run import Run

RESAMPLES = 2000
SEED = 0
FILE = "summary.npz"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One evaluation in the form that comparisons use.

    Attributes:
        measures: every measure on all images.
        replicates: the same on each bootstrap resample, float32, shape ``(2000,)`` each; only of the measures that somebody
            has asked for.
        correct: whether each image's expression is right, in the order of ids, shape ``(N,)``; empty without expressions.
        collapse: why the run counts as collapsed; empty when it does not.
        num_images: ``N``.
    """

    measures: dict[str, float]
    replicates: dict[str, npt.NDArray[np.float32]]
    correct: npt.NDArray[np.bool_]
    collapse: tuple[str, ...]
    num_images: int

    def interval(self, measure: str, *, level: float = 0.95) -> tuple[float, float]:
        """Percentile interval of a measure; ``nan`` where no resample defines it."""
        return percentile_interval(self.replicates[measure], level)

    def lacks(self, measures: Collection[str] | None) -> frozenset[str]:
        """Which of these measures, or of all, it has no replicates of although it has the measure."""
        known = self.measures.keys() - self.replicates.keys()
        return frozenset(known if measures is None else known & set(measures))

    def with_intervals(self) -> dict[str, dict[str, float]]:
        """Every measure as ``metrics.json`` holds it: ``value``, ``low`` and ``high``."""
        bounds = {name: self.interval(name) for name in self.measures}
        return {
            name: {"value": value, "low": bounds[name][0], "high": bounds[name][1]} for name, value in self.measures.items()
        }


def read_predictions(run: Run, evaluation: str, columns: list[str] | None = None) -> pd.DataFrame:
    """Stored predictions of one evaluation.

    Args:
        run: which run.
        evaluation: ``<dataset>-<split>``.
        columns: only these; reading few is fast.

    Raises:
        CheckpointError: they are missing or damaged.
    """
    return run.evaluation(evaluation).predictions(columns or PREDICTION_COLUMNS)


@lru_cache(maxsize=1)
def _resamples(images: int, resamples: int) -> npt.NDArray[np.uint16]:
    """Kept from one run to the next, because most are summarised on equally many images; shape ``(R, N)``, read-only."""
    counts = resample_counts(images, resamples, SEED)
    counts.flags.writeable = False
    return counts


def summarise_predictions(
    predictions: pd.DataFrame, *, resamples: int = RESAMPLES, only: Collection[str] | None = None
) -> Summary:
    """Compute what :func:`load_summary` keeps.

    Args:
        predictions: a row an image.
        resamples: how many.
        only: measures that replicates are wanted of; all by default.
    """
    ordered = predictions.sort_values("sample_id", kind="stable").reset_index(drop=True)
    counts = _resamples(len(ordered), resamples)
    probs = ordered[[f"prob_{name}" for name in EXPRESSIONS]].to_numpy(dtype=np.float64)
    labels = np.array([EXPRESSIONS.index(name) if isinstance(name, str) else -1 for name in ordered["expression"]])
    says = not np.isnan(probs).all() and (labels >= 0).any()
    return Summary(
        measures=summarize(ordered),
        replicates={name: values.astype(np.float32) for name, values in bootstrap_measures(ordered, counts, only).items()},
        correct=probs.argmax(axis=1) == labels if says else np.zeros(0, dtype=np.bool_),
        collapse=tuple(find_collapse(ordered)),
        num_images=len(ordered),
    )


def load_summary(run: Run, evaluation: str, measures: Collection[str] | None = None) -> Summary:
    """Summary of one evaluation: from its file as far as that fits the predictions, the rest computed and kept.

    Args:
        run: which run.
        evaluation: ``<dataset>-<split>``.
        measures: those that replicates are needed of; all by default. A few take a tenth of the time of all.

    Raises:
        CheckpointError: the predictions are missing or damaged.
    """
    stored = run.evaluation(evaluation)
    return _load(stored, stored.folder, stored.stamp(), version(), None if measures is None else frozenset(measures))


def summarise_subset(
    run: Run, evaluation: str, sample_ids: frozenset[str], *, between: tuple[str, ...] | None = None
) -> Summary:
    """Summary of some images of one evaluation; kept in memory, not with the run.

    Args:
        run: which run.
        evaluation: ``<dataset>-<split>``.
        sample_ids: of the images that count; many of them get fewer resamples, see :func:`subset_resamples`.
        between: the run decides between these expressions alone, see :func:`decide_between`; between all of its own by default.

    Raises:
        CheckpointError: the predictions are missing or damaged, or lack one of the images; or there is no image at all.
    """
    stored = run.evaluation(evaluation)
    if not sample_ids:
        raise CheckpointError("No image is left to measure on. Choose another slice.")
    return _summarise_subset(stored, stored.stamp(), sample_ids, between, version())


def decide_between(predictions: pd.DataFrame, expressions: Sequence[str]) -> pd.DataFrame:
    """The predictions of a network that knows these expressions alone: other probabilities are 0, the rest sums to 1.

    That is what ``evaluate`` stores for a dataset that distinguishes fewer expressions. Where all of these had a probability of
    0, they get equal ones. An expression that is named without a probability stays the answer, right or wrong.

    Args:
        predictions: a row an image, with the eight ``prob_<expression>``; NaN where a network does not predict them.
        expressions: at least one.
    """
    columns = [f"prob_{name}" for name in EXPRESSIONS]
    probs = predictions[columns].to_numpy(dtype=np.float64)
    if np.isnan(probs).all() or np.isin(probs, (0.0, 1.0)).all():
        return predictions
    kept = np.where(np.isin(EXPRESSIONS, list(expressions)), probs, 0.0)
    total = kept.sum(axis=1, keepdims=True)
    equal = np.isin(EXPRESSIONS, list(expressions)) / len(expressions)
    shares = np.where(total > 0, kept / np.where(total > 0, total, 1.0), equal)
    return predictions.assign(**dict(zip(columns, shares.T, strict=True)))


def subset_resamples(images: int) -> int:
    """How many resamples some images get: as many as take less than half a second, at most :data:`RESAMPLES`.

    Example:
        >>> subset_resamples(800), subset_resamples(10_000)
        (2000, 400)
    """
    return int(np.clip(4_000_000 // max(images, 1), 100, RESAMPLES))


def version() -> str:
    """Digest of all that a summary depends on beside the predictions: the measures there are, and the code that computes them.

    A summary that was kept under another one is computed again.
    """
    return hashlib.blake2b(f"{_code_digest()} {' '.join(METRICS)}".encode(), digest_size=16).hexdigest()


@cache
def _code_digest() -> str:
    """Of the modules in ``emotion_core/metrics`` and this one."""
    files = [*sorted((Path(__file__).parents[1] / "metrics").glob("*.py")), Path(__file__)]
    return hashlib.blake2b(b"".join(file.read_bytes() for file in files), digest_size=16).hexdigest()


def keep_summary(run: Run, evaluation: str, summary: Summary) -> None:
    """Keep a summary that was computed while evaluating, so that no visitor waits for it."""
    stored = run.evaluation(evaluation)
    _write(stored.folder / FILE, summary, stored.digest())


# A run's summary is about 200 kB; size and time of the file only spare hashing it again within one process.
@lru_cache(maxsize=512)
def _load(
    stored: StoredEvaluation, folder: Path, _stamp: tuple[int, int], _version: str, measures: frozenset[str] | None
) -> Summary:
    if stored.exists:
        stored.metrics()
    digest = stored.digest()
    kept = _read(folder / FILE, digest)
    if kept is not None and not kept.lacks(measures):
        return kept
    table = stored.predictions()
    try:
        if kept is None:
            summary = summarise_predictions(table, only=measures)
        else:
            both = kept.replicates | summarise_predictions(table, only=kept.lacks(measures)).replicates
            summary = replace(kept, replicates={name: both[name] for name in kept.measures if name in both})
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"'{stored.predictions_file}' cannot be used ({error}). Evaluate the run again.") from error
    _write(folder / FILE, summary, digest)
    return summary


@lru_cache(maxsize=128)
def _summarise_subset(
    stored: StoredEvaluation,
    _stamp: tuple[int, int],
    sample_ids: frozenset[str],
    between: tuple[str, ...] | None,
    _version: str,
) -> Summary:
    table, path = stored.predictions(), stored.predictions_file
    subset = table[table["sample_id"].isin(sample_ids)]
    if len(subset) != len(sample_ids):
        raise CheckpointError(
            f"'{path}' has predictions for {len(subset)} of {len(sample_ids)} images. Evaluate the run again."
        )
    try:
        if between is not None:
            subset = decide_between(subset, between)
        return summarise_predictions(subset, resamples=subset_resamples(len(subset)))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"'{path}' cannot be used ({error}). Evaluate the run again.") from error


def _read(path: Path, digest: str) -> Summary | None:
    """The kept summary; ``None`` when there is none, or it belongs to other predictions, or it is damaged."""
    try:
        with open_arrays(path) as file:
            about = parse_json(str(file["about"]))
            if about["version"] != version() or about["digest"] != digest:
                return None
            return Summary(
                measures={name: float("nan") if value is None else value for name, value in about["measures"].items()},
                replicates=dict(zip(about["names"], file["replicates"], strict=True)),
                correct=np.unpackbits(file["correct"], count=about["num_correct"]).astype(np.bool_),
                collapse=tuple(about["collapse"]),
                num_images=about["num_images"],
            )
    except DAMAGED_ARCHIVE:
        return None


def _write(path: Path, summary: Summary, digest: str) -> None:
    about = {
        "version": version(),
        "digest": digest,
        "measures": {name: value if np.isfinite(value) else None for name, value in summary.measures.items()},
        "names": list(summary.replicates),
        "num_correct": len(summary.correct),
        "collapse": summary.collapse,
        "num_images": summary.num_images,
    }
    temporary: Path | None = None
    try:
        # Two servers may compute the same summary at once: each writes a file of its own, and the last one stays.
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(
                file,
                about=np.array(strict_json(about)),
                replicates=np.stack(list(summary.replicates.values())) if summary.replicates else np.zeros((0, RESAMPLES)),
                correct=np.packbits(summary.correct),
            )
        # Another user's server may read it as well.
        temporary.chmod(0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        # A store that cannot be written to is slower, not broken.
        log.warning("The summary of '%s' cannot be kept (%s); it is computed again next time.", path.parent, error)
