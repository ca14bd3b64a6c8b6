"""The page of what a network sees, driven without a browser."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from emotion_core.data.schematic import load_schematic
from emotion_core.explain import feature_map
from emotion_core.results.feature_map import read_feature_map
from emotion_core.results.find import DEFAULT_RUN, find_run
from tests.pages.opening import go_to, run
from tests.stored import random_predictions, store, write_network, write_run


@pytest.fixture
def drawn(checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network that was evaluated on sixty drawn faces; without PaCMAP, which takes seconds to import."""
    monkeypatch.setattr(feature_map.importlib.util, "find_spec", lambda name: None)
    folder = write_network(checkpoints / DEFAULT_RUN)
    ids = load_schematic(count=60).frame["sample_id"].to_numpy()
    store(folder, random_predictions().assign(sample_id=ids), "schematic")
    return folder


def open_features(app: AppTest, **query: str) -> AppTest:
    st.cache_data.clear()
    app.query_params.update(query)
    return run(go_to(app, "feature_map"))


def traces(app: AppTest) -> list[dict[str, Any]]:
    return list(json.loads(app.get("plotly_chart")[0].proto.spec)["data"])


def choose(app: AppTest, points: list[dict[str, Any]]) -> AppTest:
    """What the browser sends after a lasso."""
    state = json.dumps({"selection": {"points": points, "point_indices": [], "box": [], "lasso": []}})
    states = app._tree.get_widget_states()
    states.widgets.add(id=app.get("plotly_chart")[0].proto.id, string_value=state)
    app._tree.get_widget_states = lambda: states  # type: ignore[method-assign]
    return run(app)


def test_a_map_is_made_coloured_and_chosen_on(app: AppTest, drawn: Path) -> None:
    open_features(app)
    assert "There is no map of" in app.markdown[0].value
    app.button(key="make-map").click()
    run(app)
    assert len(traces(app)) == 8
    assert any("PaCMAP would part groups better" in caption.value for caption in app.caption)
    app.selectbox(key="colour").select("right or wrong")
    run(app)
    assert [trace["name"].split(" (")[0] for trace in traces(app)] == ["✓ right", "✗ wrong"]
    first = traces(app)[0]
    assert "selectedpoints" not in first
    found = read_feature_map(find_run(drawn), "schematic-test", 60)
    assert found is not None
    # Only faces of the split are read.
    assert 8 < len(found.rows) < 60
    choose(app, [{"customdata": int(found.rows[4])}, {"customdata": -1}])
    images = [image.alt for element in app.image for image in element.proto.imgs]
    # The face itself, and its nearest.
    assert len(images) == 1 + 8
    assert any("**1 face chosen**" in element.value for element in app.markdown)
    assert sum(len(trace["selectedpoints"]) for trace in traces(app)) == 1
    assert "chosen" in app.query_params


def test_faces_from_predict_drop_into_it(app: AppTest, drawn: Path) -> None:
    feature_map.map_split(find_run(drawn), "schematic", None, method="pca")
    faces = (SimpleNamespace(crop=np.full((50, 50, 3), 90, dtype=np.uint8)),)
    app.session_state["uploads"] = [SimpleNamespace(name="<b>me</b>.jpg", digest="digest")]
    app.session_state["photos"] = {("digest", False): SimpleNamespace(name="image 1", faces=faces)}
    open_features(app)
    marks = traces(app)[-1]
    assert marks["marker"]["symbol"] == "diamond"
    assert marks["text"] == ["&lt;b&gt;me&lt;/b&gt;.jpg"]
    assert "nearest faces: " in marks["hovertext"][0]
    app.toggle(key="newcomers").set_value(False)
    run(app)
    assert traces(app)[-1]["name"] != "from Predict"


def test_a_run_without_weights_says_so(app: AppTest, checkpoints: Path) -> None:
    store(write_run(checkpoints / DEFAULT_RUN), random_predictions(), "schematic")
    open_features(app)
    assert "holds results only" in app.info[0].value.replace("\\", "")


def test_a_damaged_map_is_one_sentence(app: AppTest, drawn: Path) -> None:
    (drawn / "evaluations" / "schematic-test" / "features.npz").write_bytes(b"PK\x03\x04garbage")
    open_features(app)
    assert "Make the map again" in app.error[0].value.replace("\\", "")
