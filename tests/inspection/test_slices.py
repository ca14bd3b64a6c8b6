"""Measures of some images."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.store import random_predictions
from emotion_core.errors import CheckpointError
from emotion_core.inspection.filters import Filter, choose_rows
from emotion_core.inspection.slices import slice_measures
from emotion_core.inspection.table import inspect_runs
from emotion_core.metrics.intervals import bootstrap_intervals
from emotion_core.metrics.summary import summarize
from emotion_core.results.summaries import subset_resamples


def test_a_slice_has_the_measures_of_its_rows() -> None:
    runs = [random_predictions(400, skill, seed) for seed, skill in enumerate((1.5, 1.0))]
    table = inspect_runs(runs)
    rows = choose_rows(table, Filter(true=("fear", "anger", "disgust")))
    for number, run in enumerate(runs):
        part = run[run["expression"].isin(["fear", "anger", "disgust"])].sort_values("sample_id").reset_index(drop=True)
        found = slice_measures(table, rows, number).set_index("measure")
        assert found["value"].to_dict() == pytest.approx(summarize(part), rel=1e-6, nan_ok=True)
        expected = bootstrap_intervals(part)
        assert found.loc["accuracy", ["low", "high"]].tolist() == pytest.approx(expected["accuracy"], abs=1e-9)
        assert found.loc["ccc_valence", ["low", "high"]].tolist() == pytest.approx(expected["ccc_valence"], rel=1e-6)


def test_one_image_defines_what_it_can(predictions: pd.DataFrame) -> None:
    found = slice_measures(inspect_runs([predictions]), np.array([0])).set_index("measure")
    assert found.loc["accuracy"].tolist() == [1, 1, 1]
    assert found.loc["mae_valence", "value"] == pytest.approx(0.2)
    assert np.isnan(found.loc["corr_valence", "value"])


def test_nothing_has_no_measures(predictions: pd.DataFrame) -> None:
    assert slice_measures(inspect_runs([predictions]), np.array([], dtype=np.int64)).empty


def test_damaged_predictions_are_named(predictions: pd.DataFrame) -> None:
    predictions.loc[0, "prob_fear"] = np.nan
    with pytest.raises(CheckpointError, match=r"damaged \(expression probabilities of some images are not finite\)"):
        slice_measures(inspect_runs([predictions]), np.arange(3))


@pytest.mark.parametrize(("images", "resamples"), [(1, 2_000), (2_000, 2_000), (8_000, 500), (10**7, 100)])
def test_many_images_get_fewer_resamples(images: int, resamples: int) -> None:
    assert subset_resamples(images) == resamples
