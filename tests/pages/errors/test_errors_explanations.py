"""What is stored of a run's explanations is shown, and where nothing is stored the command that makes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from emotion_core.explain.faithfulness import Judged, sum_up
from emotion_core.results.explanations import FAITHFULNESS, MeanMaps, write_explanations
from emotion_core.results.find import find_run


def page() -> None:
    from emotion_core.results.find import find_run
    from pages.errors.explanations import show_explanations

    show_explanations(find_run("my run"), "faces", "test")


@pytest.fixture
def run(make_run: Callable[..., Path]) -> Path:
    path = make_run("my run")
    (path / "evaluations" / "faces-test").mkdir(parents=True)
    (path / "evaluations" / "faces-test" / "metrics.json").write_text("{}")
    return path


@pytest.fixture
def app(run: Path) -> AppTest:
    st.cache_resource.clear()
    return AppTest.from_function(page, default_timeout=60)


def store(path: Path, affect: int = 2) -> None:
    generator = np.random.default_rng(0)
    counts = np.full((8, 2), 3)
    counts[4, 1] = 0
    maps = MeanMaps(
        expression=generator.random((8, 2, 2, 4, 4), dtype=np.float32),
        counts=counts,
        affect=generator.random((affect, 4, 4), dtype=np.float32),
        num_images=50,
    )

    def judged(level: float) -> Judged:
        flat = np.full((20, 1), level)
        return Judged(insertion=np.repeat(flat, 11, axis=1), deletion=np.zeros((20, 11)), road=flat[:, 0])

    found: dict[str, Any] = sum_up({"gradcam": judged(0.5), "random": judged(0.1), "centre": judged(0.6)})
    write_explanations(find_run(path), "faces", "test", "abc", maps, {**found, "images": 20, "of": 50, "seed": 0, "seconds": 1})


def test_where_nothing_is_stored_the_command_stands(app: AppTest):
    app.run()
    assert not app.exception
    assert "Nothing is known" in app.info[0].value
    assert app.code[0].value == "python -m emotion_core explain 'my run' --dataset faces --split test"


def test_findings_maps_and_curves_are_shown(app: AppTest, run: Path):
    store(run)
    app.run()
    assert not app.exception
    words = [element.value.replace("\\", "") for element in app.markdown]
    assert words[0] == "Grad-CAM explains this run best."
    assert words[1].startswith("It beats a random map (+0.400")
    assert words[2].startswith("The centre of the picture beats it")
    table = app.dataframe[0].value
    assert table["method"].tolist() == ["Grad-CAM", "Random map", "Centre of the picture"]
    assert table["insertion ↑"][0] == "0.500 [0.500, 0.500]"
    assert "20 of 50 images" in app.caption[1].value
    assert len(app.get("plotly_chart")) == 2
    for view in ("wrong", "missed", "affect"):
        app.segmented_control(key="explanations-view-my run").set_value(view).run()
        assert not app.exception
    for shown in ("Insertion", "Deletion", "ROAD"):
        app.segmented_control(key="explanations-measure-my run").set_value(shown).run()
        assert not app.exception


def test_a_run_without_valence_has_no_such_view(app: AppTest, run: Path):
    store(run, affect=0)
    app.run()
    assert not app.exception
    assert "affect" not in app.segmented_control(key="explanations-view-my run").options
    assert len(app.segmented_control(key="explanations-view-my run").options) == 3


def test_damage_is_one_sentence(app: AppTest, run: Path):
    store(run)
    (run / "evaluations" / "faces-test" / FAITHFULNESS).write_text("{")
    app.run()
    assert not app.exception
    assert "cannot be read" in app.error[0].value
