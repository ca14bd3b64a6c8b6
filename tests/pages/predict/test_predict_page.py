"""The page that predicts, driven without a browser."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

import emotion_core.faces
import emotion_core.predict
from emotion_core.predict import heat
from emotion_core.results.find import DEFAULT_RUN
from tests.pages.opening import run
from tests.pages.predict.driving import SAMPLE, captions, cards, drawn, heat_maps, images, try_sample, upload


@pytest.mark.usefixtures("one_run")
def test_one_click_leads_to_a_result(app: AppTest) -> None:
    run(app)
    assert cards(app) == 0
    assert not app.multiselect  # no controls without anything to control
    try_sample(app)
    assert cards(app) == 1
    assert "grace_hopper.jpg" in [text.value for text in app.text]
    assert any(line.startswith("Found by") for line in captions(app))
    assert any(" ms on " in line for line in captions(app))
    assert len(app.get("plotly_chart")) == 2
    assert app.query_params["photo"] == "sample"


@pytest.mark.usefixtures("one_run")
def test_every_picture_and_chart_has_alternative_text(app: AppTest) -> None:
    try_sample(app)
    assert len(images(app)) == 2
    assert all(images(app))
    assert all(chart.proto.alt for chart in app.get("plotly_chart"))


@pytest.mark.usefixtures("one_run")
def test_another_output_does_not_run_the_network_again(app: AppTest, calls: dict[str, list[int]]) -> None:
    try_sample(app)
    assert calls["read"] == [1]
    app.selectbox(key="output").select("fear")
    run(app)
    [alt] = heat_maps(app)
    assert alt.startswith("Heat map over face 1 of grace_hopper.jpg: Grad-CAM for fear, from 0 to for ")
    app.selectbox(key="shows").select("Speaks against it")
    run(app)
    assert "from 0 to against" in heat_maps(app)[0]
    assert calls == {"read": [1], "explain": [], "find": [1]}


@pytest.mark.usefixtures("one_run")
def test_another_method_runs_once_for_each_output(app: AppTest, calls: dict[str, list[int]]) -> None:
    try_sample(app)
    app.selectbox(key="method").select("Eigen-CAM")
    app.selectbox(key="output").select("anger")
    run(app)
    assert ["Eigen-CAM for anger, from 0 to 1" in alt for alt in heat_maps(app)] == [True]
    app.toggle(key="own_scale").set_value(True)
    run(app)
    assert calls["explain"] == [1]
    app.selectbox(key="output").select("valence")
    run(app)
    assert calls["explain"] == [1, 1]


def test_faces_are_read_with_their_mirror_image_until_that_is_switched_off(
    app: AppTest, one_run: Path, calls: dict[str, list[int]]
) -> None:
    run(app)
    upload(app, ("one.jpg", SAMPLE))

    def said() -> dict[str, float]:
        [prediction] = app.session_state["readings"].values()
        return dict(prediction.readings[0].probabilities)

    predictor = emotion_core.predict.Predictor.from_run(one_run, device="cpu")
    for number, mirror in enumerate((True, False), start=1):
        [expected] = predictor.predict([SAMPLE], flip=mirror)
        assert app.toggle(key="mirror").value is mirror
        assert said() == pytest.approx(dict(expected.readings[0].probabilities), abs=1e-6)
        assert calls["read"][::2] == [1] * number  # each followed by the expected one
        app.toggle(key="mirror").set_value(False)
        run(app)


def test_the_address_says_what_is_shown(app: AppTest, make_run: Callable[..., Path]) -> None:
    make_run("a-second", seed=1)
    make_run(DEFAULT_RUN)
    app.query_params.update(photo="sample", run="a-second", output="fear", method="Eigen-CAM", shows="Both")
    run(app)
    assert app.multiselect(key="run").value == ["a-second"]
    assert app.selectbox(key="output").value == "fear"
    assert app.selectbox(key="method").value == "Eigen-CAM"
    assert app.selectbox(key="shows").value == "Both"
    assert ["Eigen-CAM for fear" in alt for alt in heat_maps(app)] == [True]


@pytest.mark.usefixtures("one_run")
def test_what_the_address_asks_for_in_vain_is_said_or_ignored(app: AppTest) -> None:
    app.query_params.update(
        photo="sample", run="nobody", output="<b>", method="magic", shows="seven", face="seven", whole="perhaps"
    )
    run(app)
    assert cards(app) == 1
    assert app.multiselect(key="run").value == [DEFAULT_RUN]
    assert app.warning[0].value.replace("\\", "") == "There is no run with weights “nobody” here: it is left out."
    assert app.selectbox(key="output").value == "predicted expression"
    assert app.selectbox(key="shows").value == "Speaks for it"
    assert drawn(app, "photo_view")[0]["open"] == 0


@pytest.mark.usefixtures("one_run")
def test_a_damaged_face_model_is_one_sentence(app: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMOTION_FACE_MODEL", str(tmp_path / "nowhere.onnx"))
    try_sample(app)
    assert len(app.error) == 1
    assert "FACE" in app.error[0].value


@pytest.mark.usefixtures("one_run")
def test_the_sidebar_says_what_it_runs_on(app: AppTest) -> None:
    run(app)
    values = [text.value for text in app.sidebar.text]
    assert values[1:] == [DEFAULT_RUN, "not set"]


@pytest.mark.usefixtures("one_run")
def test_a_face_that_can_hardly_be_read_is_a_warning_with_its_reason(app: AppTest) -> None:
    app.query_params["whole"] = "true"
    run(app)
    stream = io.BytesIO()
    Image.open(io.BytesIO(SAMPLE)).crop((176, 113, 350, 325)).resize((12, 12)).save(stream, format="PNG")
    upload(app, ("tiny.png", stream.getvalue()))
    [warning] = [warning.value.replace("\\", "") for warning in app.warning]
    assert warning.startswith("Read with care: the face is small (12 px) and blurred")


@pytest.mark.usefixtures("one_run")
def test_valence_and_arousal_show_both_sides_in_words(app: AppTest) -> None:
    app.query_params.update(photo="sample", output="valence")
    run(app)
    assert app.selectbox(key="shows_affect").value == "Both"
    [alt] = heat_maps(app)
    assert "from less pleasant \N{MINUS SIGN}" in alt
    assert "to more pleasant " in alt
    app.selectbox(key="output").select("arousal")
    run(app)
    assert "from calmer " in heat_maps(app)[0]
    assert "to more active " in heat_maps(app)[0]


@pytest.mark.usefixtures("one_run")
def test_a_map_that_shows_nothing_says_so_in_words(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heat, "NOTHING", 1e9)
    app.query_params.update(photo="sample", output="fear")
    run(app)
    assert heat_maps(app) == []
    assert "Nothing in this face speaks for fear." in captions(app)


@pytest.mark.usefixtures("one_run")
def test_a_map_that_shows_hardly_anything_says_so_in_words(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heat, "FAINT", 2.0)
    app.query_params.update(photo="sample", output="fear")
    run(app)
    assert heat_maps(app) == []
    [said] = [each for each in captions(app) if each.startswith("Hardly anything in this face speaks for fear: at most 0.")]
    assert " (logits) on a scale to " in said
    assert not [button for button in app.button if button.label == "Test this map"]


def test_maps_of_a_card_share_one_scale_until_they_have_their_own(app: AppTest, make_run: Callable[..., Path]) -> None:
    make_run("a-second", seed=1)
    make_run(DEFAULT_RUN)
    app.query_params.update(photo="sample", run=[DEFAULT_RUN, "a-second"], output="fear", shows="Both")
    run(app)
    ends = [alt.rsplit(" ", 1)[1] for alt in heat_maps(app)]
    assert len(ends) == 2
    assert ends[0] == ends[1]
    app.toggle(key="own_scale").set_value(True)
    run(app)
    own = [float(alt.rsplit(" ", 1)[1]) for alt in heat_maps(app)]
    assert own[0] != own[1]
    assert max(own) <= float(ends[0])


@pytest.mark.usefixtures("one_run")
def test_one_click_puts_a_map_to_the_test(app: AppTest) -> None:
    try_sample(app)
    next(button for button in app.button if button.label == "Test this map").click()
    run(app)
    [line] = [line for line in captions(app) if "with the warm fifth blurred" in line]
    assert line.endswith(("The map shows what matters.", "Other places matter as much: do not rely on this map."))


@pytest.mark.usefixtures("one_run")
def test_score_cam_ends_with_its_map_and_leaves_no_bar(app: AppTest, calls: dict[str, list[int]]) -> None:
    app.query_params.update(photo="sample", output="fear", method="Score-CAM")
    run(app)
    assert calls["explain"] == [1]
    assert not [button for button in app.button if button.label == "Stop"]
