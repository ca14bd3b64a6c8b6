"""How good is a run on some of the images? Measures of a slice beside those of all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.errors import CheckpointError
from emotion_core.inspection.table import as_predictions
from emotion_core.metrics.intervals import bootstrap_intervals
from emotion_core.metrics.summary import summarize
from emotion_core.results.summaries import subset_resamples


def slice_measures(table: pd.DataFrame, rows: npt.NDArray[np.int64], run: int = 0) -> pd.DataFrame:
    """Every measure on some of the images, with its 95 % percentile interval over them.

    Args:
        table: from :func:`~emotion_core.inspection.table.inspect_runs`.
        rows: positions of the slice's images.
        run: number of the run.

    Returns:
        ``measure, value, low, high``, a row a measure; none when there is no image.

    Raises:
        CheckpointError: some of the predictions are missing and others not.
    """
    columns = ["measure", "value", "low", "high"]
    if not len(rows):
        return pd.DataFrame(columns=columns)
    predictions = as_predictions(table.iloc[rows], run).reset_index(drop=True)
    try:
        values = summarize(predictions)
        intervals = bootstrap_intervals(predictions, resamples=subset_resamples(len(rows)))
    except ValueError as error:
        raise CheckpointError(f"The predictions are damaged ({error}). Evaluate the run again.") from error
    found = [(name, value, *intervals.get(name, (float("nan"),) * 2)) for name, value in values.items()]
    return pd.DataFrame(found, columns=columns)
