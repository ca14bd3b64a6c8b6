"""A stored evaluation: measures and the predictions that they were computed from, as one thing.

It is a folder in the run's ``evaluations/``, named by dataset and split. ``metrics.json`` holds the digest of
``predictions.parquet``, so that files of two evaluations are never taken for one. A folder is replaced whole: the new one is
written beside the old one, and takes its place by renaming. Whoever is killed on the way leaves the old evaluation or the
new one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from emotion_core.durable import replace_durably
from emotion_core.errors import CheckpointError
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.results.checked import LARGEST_TABLE, check_metrics, read_bytes, read_json, read_table
from emotion_core.results.files import strict_json, write_bytes, write_text

PREDICTION_COLUMNS = (
    "sample_id",
    "expression",
    *AFFECT,
    *(f"prob_{name}" for name in EXPRESSIONS),
    *(f"pred_{name}" for name in AFFECT),
)
"""Columns of ``predictions.parquet``, a row an image."""

FOLDER = "evaluations"
METRICS, PREDICTIONS = "metrics.json", "predictions.parquet"
DIGEST = "predictions"
"""Entry of ``metrics.json``: digest of the predictions, by :func:`digest_of`. Evaluations of earlier versions have none."""
KEPT = ("explanations.npz", "faithfulness.json")
"""Files that a new evaluation takes over: they name the weights that they were made with, and count for no others."""


@dataclass(frozen=True, kw_only=True)
class StoredEvaluation:
    """One evaluation of a run, whether it is there or not.

    Attributes:
        run: the run's folder.
        key: ``<dataset>-<split>``.
    """

    run: Path
    key: str

    @property
    def folder(self) -> Path:
        """Where it lies: in its place, or where a writer that was killed has put the old one."""
        return self._aside if self._aside.is_dir() and not self._place.is_dir() else self._place

    @property
    def exists(self) -> bool:
        """Whether there are measures."""
        return os.path.lexists(self.folder / METRICS)

    @property
    def predictions_file(self) -> Path:
        """The table of predictions."""
        return self.folder / PREDICTIONS

    def stamp(self) -> tuple[int, int]:
        """Time and size of the predictions: other ones have another stamp.

        Raises:
            CheckpointError: they are missing.
        """
        try:
            status = self.predictions_file.stat()
        except OSError as error:
            raise CheckpointError(
                f"'{self.predictions_file}' cannot be read ({error.strerror}). Evaluate the run again."
            ) from error
        return status.st_mtime_ns, status.st_size

    def digest(self) -> str:
        """Digest of the predictions.

        Raises:
            CheckpointError: they are missing.
        """
        return _digest_file(self.predictions_file, *self.stamp())

    def metrics(self) -> dict[str, Any]:
        """Content of ``metrics.json``.

        Raises:
            CheckpointError: it cannot be read, or was measured on other predictions than those beside it.
        """
        content = self._metrics()
        if os.path.lexists(self.predictions_file):
            self._check(content)
        return content

    def predictions(self, columns: Sequence[str] = PREDICTION_COLUMNS) -> pd.DataFrame:
        """The predictions, a row an image.

        Args:
            columns: only these; reading few is fast.

        Raises:
            CheckpointError: they are missing or damaged, or others than the measures beside them were computed from.
        """
        self.stamp()
        if self.exists:
            self._check(self._metrics())
        return read_table(self.predictions_file, list(columns))

    def write(self, metrics: Mapping[str, Any], predictions: pd.DataFrame) -> None:
        """Store the evaluation; one that is there is replaced as a whole.

        Args:
            metrics: what goes into ``metrics.json``, beside the digest; NaN becomes ``null``.
            predictions: a row an image with :data:`PREDICTION_COLUMNS`.

        Raises:
            CheckpointError: a column is missing.
        """
        missing = [column for column in PREDICTION_COLUMNS if column not in predictions.columns]
        if missing:
            raise CheckpointError(f"The predictions lack the column '{missing[0]}'.")
        # Both contents are made before any file is touched.
        table = predictions.loc[:, list(PREDICTION_COLUMNS)].to_parquet(None, index=False)
        text = _text({**metrics, DIGEST: digest_of(table)})
        self._settle()
        write_bytes(self._new / PREDICTIONS, table)
        write_text(self._new / METRICS, text)
        for name in KEPT:
            if (self._place / name).is_file():
                shutil.copy2(self._place / name, self._new / name)
        if self._place.is_dir():
            replace_durably(self._place, self._aside)
        replace_durably(self._new, self._place)
        shutil.rmtree(self._aside, ignore_errors=True)

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Replace the measures; the predictions stay as they are.

        Args:
            metrics: with the digest of the predictions that they were computed from, where it is known; NaN becomes ``null``.
        """
        write_text(self.folder / METRICS, _text({**metrics, DIGEST: metrics.get(DIGEST) or self.digest()}))

    def remove(self) -> None:
        """Take the evaluation away, with all that lies beside it."""
        for path in (self._aside, self._new, self._place):
            shutil.rmtree(path, ignore_errors=True)

    @property
    def _place(self) -> Path:
        return self.run / FOLDER / self.key

    @property
    def _new(self) -> Path:
        return self.run / FOLDER / f".{self.key}.new"

    @property
    def _aside(self) -> Path:
        return self.run / FOLDER / f".{self.key}.old"

    def _settle(self) -> None:
        """Bring to its end what an earlier writer was killed in."""
        if self._aside.is_dir() and not self._place.is_dir():
            replace_durably(self._aside, self._place)
        shutil.rmtree(self._aside, ignore_errors=True)
        shutil.rmtree(self._new, ignore_errors=True)

    def _metrics(self) -> dict[str, Any]:
        path = self.folder / METRICS
        try:
            content = read_json(path)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"'{path}' is not readable JSON ({error}). Evaluate again.") from error
        return check_metrics(content, path)

    def _check(self, metrics: Mapping[str, Any]) -> None:
        if DIGEST in metrics and metrics[DIGEST] != self.digest():
            raise CheckpointError(
                f"'{self.predictions_file}' holds other predictions than those that '{METRICS}' beside it was measured on. "
                "Evaluate the run again."
            )


def stored_evaluations(run: Path) -> list[StoredEvaluation]:
    """Evaluations that lie in a run folder, readable or not, by key."""
    entries = (run / FOLDER).iterdir() if (run / FOLDER).is_dir() else ()
    # Some systems list accented letters in pieces.
    folders = [unicodedata.normalize("NFC", path.name) for path in entries if path.is_dir()]
    keys = {name for name in folders if not name.startswith(".")}
    keys |= {name[1:].removesuffix(".old") for name in folders if name.startswith(".") and name.endswith(".old")}
    found = [StoredEvaluation(run=run, key=key) for key in sorted(keys)]
    return [evaluation for evaluation in found if evaluation.exists]


def digest_of(table: bytes | memoryview) -> str:
    """Names predictions by their content: BLAKE2b of the file, 128 bits, in hexadecimal."""
    return hashlib.blake2b(table, digest_size=16).hexdigest()


# Predictions are megabytes; time and size of the file spare hashing them for every visitor.
@lru_cache(maxsize=1024)
def _digest_file(path: Path, _modified: int, _size: int) -> str:
    try:
        return digest_of(read_bytes(path, largest=LARGEST_TABLE))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"'{path}' cannot be read ({error}). Evaluate the run again.") from error


def _text(metrics: Mapping[str, Any]) -> str:
    return strict_json(dict(metrics), indent=2, ensure_ascii=False) + "\n"
