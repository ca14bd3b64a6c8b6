"""The page of valence and arousal, driven without a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from emotion_core.inspection.sets import decode_set
from emotion_core.predict import Photo, Prediction, Reading
from emotion_core.results.find import DEFAULT_RUN
from pages.shared.chosen import chosen_rows
from pages.shared.pictures import thumbnail, why_no_pictures
from tests import stored
from tests.experiments import write_experiment
from tests.pages.opening import go_to, make_app, run
from tests.stored import predicted, random_predictions, write_run

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGES = 60


@pytest.fixture
def store(checkpoints: Path) -> Callable[..., Path]:
    """Writes a run with one evaluation and no weights."""

    def write(name: str, table: pd.DataFrame, evaluation: tuple[str, str] = ("affectnet-3999", "test")) -> Path:
        folder = write_run(checkpoints / name)
        stored.store(folder, table, *evaluation)
        return folder

    return write


@pytest.fixture
def two_runs(store: Callable[..., Path]) -> None:
    store("a-first", random_predictions(1))
    store(DEFAULT_RUN, random_predictions(2))


def open_map(app: AppTest, **query: str) -> AppTest:
    app.query_params.update(query)
    return run(go_to(app, "affect_map"))


def charts(app: AppTest) -> list[Any]:
    return list(app.get("plotly_chart"))


def titles(app: AppTest) -> list[str]:
    return [json.loads(chart.proto.spec)["layout"]["title"]["text"] for chart in charts(app)]


def choose(app: AppTest, number: int, points: list[dict[str, Any]]) -> AppTest:
    """What the browser sends after a choice on a chart."""
    state = json.dumps({"selection": {"points": points, "point_indices": [], "box": [], "lasso": []}})
    widget = app.get("plotly_chart")[number].proto.id
    states = app._tree.get_widget_states()
    states.widgets.add(id=widget, string_value=state)
    app._tree.get_widget_states = lambda: states  # type: ignore[method-assign]
    return run(app)


def images(app: AppTest) -> list[str]:
    return [image.alt for element in app.image for image in element.proto.imgs]


@pytest.mark.usefixtures("two_runs")
def test_opens_on_the_default_run_with_a_result(app: AppTest) -> None:
    open_map(app)
    assert app.selectbox(key="address-run").value == DEFAULT_RUN
    assert app.selectbox(key="address-second-baseline").value is None
    assert titles(app)[:2] == ["True<br>where annotators put the faces", f"Predicted<br>{DEFAULT_RUN}"]
    assert len(charts(app)) == 5
    assert all(chart.proto.alt for chart in charts(app))
    assert any("60 faces" in caption.value for caption in app.caption)
    measures = app.dataframe[0].value
    assert measures["run"].tolist() == [DEFAULT_RUN]
    assert "[" in measures["ccc_valence"][0]


@pytest.mark.usefixtures("two_runs")
@pytest.mark.parametrize(
    ("view", "first", "planes"),
    [
        ("true", "True<br>", 1),
        ("predicted", "Predicted<br>", 2),
        ("true → predicted", "True → predicted<br>", 2),
        ("density", "True<br>", 3),
        ("true and predicted", "True<br>", 3),
    ],
)
def test_views(app: AppTest, view: str, first: str, planes: int) -> None:
    open_map(app, baseline="a-first", show=view)
    assert app.selectbox(key="show").value == view
    assert titles(app)[0].startswith(first)
    assert len(charts(app)) == planes + 4


@pytest.mark.usefixtures("two_runs")
def test_two_runs_say_which_is_closer(app: AppTest) -> None:
    open_map(app, baseline="a-first")
    words = " ".join(element.value for element in app.markdown).replace("\\", "")
    assert f"{DEFAULT_RUN} is closer on" in words
    assert "mean distance" in words
    assert not app.warning


def test_other_labels_are_named(app: AppTest, store: Callable[..., Path]) -> None:
    store(DEFAULT_RUN, random_predictions(1))
    folder = store("other", random_predictions(2))
    path = folder / "evaluations" / "affectnet-3999-test" / "metrics.json"
    path.write_text(path.read_text().replace('"fingerprint": "abc"', '"fingerprint": "g"'))
    open_map(app, baseline="other")
    assert "other images or labels" in app.warning[0].value


@pytest.mark.usefixtures("two_runs")
def test_the_address_says_what_is_shown_and_filters_work(app: AppTest) -> None:
    open_map(app, run="a-first", show="true", expression="fear", region="sad, bored")
    table = random_predictions(1)
    fits = (table["expression"] == "fear") & (table["valence"] < 0) & (table["arousal"] < 0)
    assert app.selectbox(key="address-run").value == "a-first"
    assert fits.sum() > 0
    assert any(caption.value.startswith(f"{fits.sum()} face") for caption in app.caption)
    assert any("whatever is filtered" in caption.value for caption in app.caption)


@pytest.mark.usefixtures("two_runs")
def test_nonsense_in_the_address_is_ignored(app: AppTest) -> None:
    open_map(app, benchmark="nowhere", run="nobody", baseline="<b>", show="magic", expression="joy", region="moon")
    assert app.selectbox(key="address-run").value == DEFAULT_RUN
    assert app.selectbox(key="address-second-baseline").value is None
    assert app.selectbox(key="show").value == "true and predicted"
    assert len(charts(app)) == 5


def test_filters_that_nothing_fits(app: AppTest, store: Callable[..., Path]) -> None:
    table = random_predictions()
    table["expression"] = "neutral"
    store(DEFAULT_RUN, table)
    open_map(app, expression="fear")
    assert "No face fits" in app.info[0].value
    assert not charts(app)


def test_no_evaluation_is_one_sentence_and_one_command(app: AppTest) -> None:
    open_map(app)
    assert len(app.info) == 1
    assert app.code[0].value.startswith("python -m emotion_core")


def test_a_run_without_valence_says_so(app: AppTest, store: Callable[..., Path]) -> None:
    table = random_predictions()
    table[["valence", "arousal", "pred_valence", "pred_arousal"]] = np.nan
    store("fer", table, ("ferplus", "test"))
    open_map(app)
    assert "no valence and arousal" in app.info[0].value
    assert not charts(app)


def test_a_collapsed_run_is_named(app: AppTest, store: Callable[..., Path]) -> None:
    store("still", random_predictions().assign(pred_arousal=0.25))
    open_map(app)
    assert "Predicted arousal is 0.250 for every image" in app.warning[0].value.replace("\\", "")


def test_missing_predictions_are_one_sentence(app: AppTest, store: Callable[..., Path]) -> None:
    folder = store(DEFAULT_RUN, random_predictions())
    (folder / "evaluations" / "affectnet-3999-test" / "predictions.parquet").unlink()
    open_map(app)
    assert "Evaluate the run again" in app.error[0].value.replace("\\", "")


@pytest.mark.usefixtures("two_runs")
def test_without_a_data_folder_it_says_what_is_missing(app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_map(app)
    assert any("EMOTION_DATA is not set" in text.value for text in app.text)
    monkeypatch.setenv("EMOTION_DATA", str(tmp_path / "nowhere"))
    run(app)
    assert any(str(tmp_path / "nowhere") in text.value and "affectnet-3999.zip" in text.value for text in app.text)
    assert not images(app)


def test_many_faces_are_sampled_over_their_density(app: AppTest, store: Callable[..., Path]) -> None:
    store(DEFAULT_RUN, random_predictions(images=3_000))
    open_map(app, show="predicted")
    kinds = [trace["type"] for trace in json.loads(charts(app)[0].proto.spec)["data"]]
    assert kinds == ["heatmap", "scatter"]
    assert any("3,000 faces; 2,000 of them" in caption.value for caption in app.caption)


def test_chosen_faces_are_listed_with_pictures(
    app: AppTest,
    store: Callable[..., Path],
    write_affectnet: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [(number % 8, 0.1, 0.1, np.full((200, 200, 3), number, dtype=np.uint8)) for number in range(IMAGES)]
    write_affectnet(tmp_path, rows)
    monkeypatch.setenv("EMOTION_DATA", str(tmp_path))
    store(DEFAULT_RUN, random_predictions())
    open_map(app, show="predicted")
    before = len(images(app))
    choose(app, 0, [{"customdata": 3}, {"customdata": [5]}, {"customdata": -1}])
    chosen = next(frame.value for frame in app.dataframe if "distance" in frame.value)
    assert sorted(chosen["image"]) == ["images/3.jpg", "images/5.jpg"]
    assert chosen["distance"].is_monotonic_decreasing
    assert len(images(app)) == before + 2
    assert all(images(app))
    assert any("**2 faces chosen**" in element.value for element in app.markdown)


@pytest.mark.parametrize(
    ("point", "rows"),
    [
        ({"customdata": 4}, {4}),
        ({"customdata": [4]}, {4}),
        ({"customdata": -1}, set()),
        ({"customdata": None}, set()),
        ({}, set()),
        ({"customdata": "4"}, set()),
    ],
)
def test_rows_of_chosen_points(point: dict[str, Any], rows: set[int]) -> None:
    assert chosen_rows([point]) == rows


@pytest.mark.usefixtures("two_runs")
def test_contradictions_of_the_run(app: AppTest) -> None:
    open_map(app)
    app.segmented_control(key="contradicting").select(DEFAULT_RUN)
    run(app)
    found = next(frame.value for frame in app.dataframe if "contradiction" in frame.value)
    assert found["size"].is_monotonic_decreasing
    table = random_predictions(2).set_index("sample_id")
    expected = dict(zip(table.index, predicted(table), strict=True))
    assert all(expected[row.image] == row.expression for row in found.itertuples())
    assert found["valence"].tolist() == pytest.approx(table.loc[found["image"], "pred_valence"].tolist())


@pytest.mark.usefixtures("two_runs")
def test_faces_of_the_session_are_diamonds(app: AppTest) -> None:
    reading = Reading(expression="happiness", probabilities={"happiness": 1.0}, valence=0.4, arousal=-0.2, maps={})
    photo = Photo(name="image 1")
    app.session_state["uploads"] = [SimpleNamespace(name="<b>me</b>.jpg", digest="digest")]
    app.session_state["readings"] = {
        ("digest", False, DEFAULT_RUN): Prediction(photo=photo, readings=(reading,), run=DEFAULT_RUN, device="cpu", seconds=0.1)
    }
    open_map(app)
    marks = json.loads(charts(app)[1].proto.spec)["data"][-1]
    assert marks["marker"]["symbol"] == "diamond"
    assert marks["text"] == ["&lt;b&gt;me&lt;/b&gt;.jpg"]
    app.toggle(key="photos-shown").set_value(False)
    run(app)
    assert len(json.loads(charts(app)[1].proto.spec)["data"]) == 1


def test_thumbnails(write_affectnet: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    st.cache_data.clear()
    st.cache_resource.clear()
    folder = write_affectnet(tmp_path, [(1, 0.1, 0.1, np.zeros((300, 200, 3), dtype=np.uint8))])
    monkeypatch.setenv("EMOTION_DATA", str(tmp_path))
    assert why_no_pictures("affectnet-3999") is None
    content = thumbnail("affectnet-3999", str(tmp_path), "images/0.jpg")
    assert content is not None
    assert content.startswith(b"\xff\xd8")
    assert len(content) < 5_000
    (tmp_path / "secret.jpg").write_bytes((folder / "images" / "0.jpg").read_bytes())
    for outside in ("../secret.jpg", str(tmp_path / "secret.jpg"), "images/9.jpg", "annotations/0_exp.npy"):
        assert thumbnail("affectnet-3999", str(tmp_path), outside) is None


def test_a_link_with_a_name_of_before_leads_to_the_run(app: AppTest, store: Callable[..., Path], checkpoints: Path) -> None:
    write_experiment(checkpoints, "affectnet")
    store("a-first", random_predictions(1))
    store("affectnet/vgg16", random_predictions(2))
    app.query_params.update(run="affectnet-vgg16", baseline="a-first")
    open_map(app)
    assert app.selectbox(key="address-run").value == "affectnet/vgg16"
    assert app.selectbox(key="address-second-baseline").value == "a-first"
    assert app.query_params["run"] in ("affectnet/vgg16", ["affectnet/vgg16"])


@pytest.mark.usefixtures("two_runs")
def test_the_run_and_the_benchmark_go_along_to_another_page(app: AppTest) -> None:
    open_map(app, run="a-first")
    app.query_params.clear()
    run(go_to(app, "errors"))
    assert app.selectbox(key="address-run").value == "a-first"
    app.selectbox(key="address-run").set_value(DEFAULT_RUN)
    run(app)
    app.query_params.clear()
    run(go_to(app, "affect_map"))
    assert app.selectbox(key="address-run").value == DEFAULT_RUN


@pytest.mark.usefixtures("two_runs")
def test_chosen_faces_are_marked_everywhere_and_open_in_errors(app: AppTest) -> None:
    open_map(app)
    choose(app, 0, [{"customdata": 3}, {"customdata": [5]}])
    # Two planes and two residuals.
    marked = [json.loads(chart.proto.spec)["data"][0].get("selectedpoints") for chart in charts(app)[:4]]
    assert marked == [[3, 5]] * 4
    text = app.query_params["chosen"]
    text = text[0] if isinstance(text, list) else text
    ids = np.sort(random_predictions(2)["sample_id"].to_numpy(dtype=object))
    assert ids[decode_set(text, ids)].tolist() == ["images/3.jpg", "images/5.jpg"]
    [link] = [element for element in app.get("page_link") if element.proto.label == "Open in Errors"]
    assert f"chosen={text}" in link.proto.query_string
    # The address is all there is to it: a new visit shows the same, and another page too.
    again = open_map(make_app(), chosen=text)
    assert [json.loads(chart.proto.spec)["data"][0].get("selectedpoints") for chart in charts(again)[:4]] == marked
    app.button(key="choose-none").click()
    run(app)
    assert "chosen" not in app.query_params
    assert json.loads(charts(app)[0].proto.spec)["data"][0].get("selectedpoints") is None


@pytest.mark.usefixtures("two_runs")
def test_a_set_of_other_images_is_told(app: AppTest) -> None:
    open_map(app, chosen="AAAA")
    assert "Choose them again" in app.warning[0].value.replace("\\", "")
    assert len(charts(app)) == 5


def test_contours_where_there_are_many_faces(app: AppTest, store: Callable[..., Path]) -> None:
    store(DEFAULT_RUN, random_predictions(images=2_000))
    open_map(app, show="contours by expression")
    kinds = [trace["type"] for trace in json.loads(charts(app)[0].proto.spec)["data"]]
    # A dotted line around true places and one around predicted ones, for each expression.
    assert kinds == ["heatmap", *["contour"] * 16]
    assert any("solid: predicted ones" in caption.value for caption in app.caption)
    store(DEFAULT_RUN, random_predictions(images=60))
    run(app)
    assert app.selectbox(key="show").value == "true and predicted"
