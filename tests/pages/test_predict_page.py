"""The page that reads faces, driven without a browser."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.cbook import get_sample_data
from PIL import Image
from streamlit.testing.v1 import AppTest

import emotion_core.faces
import emotion_core.predict
from emotion_core.results.calibration import Calibration, JudgedFaces, write_calibration
from emotion_core.results.evaluation import PREDICTION_COLUMNS
from emotion_core.results.find import DEFAULT_RUN
from emotion_core.results.run import read_run, write_evaluation, write_info
from pages.predict import reading
from pages.shared.words import escape
from tests.pages.opening import go_to

SAMPLE = Path(str(get_sample_data("grace_hopper.jpg", asfileobj=False))).read_bytes()


def plain_png(level: int) -> bytes:
    """A picture without a face."""
    stream = io.BytesIO()
    Image.new("RGB", (64, 48), (level, 80, 120)).save(stream, format="PNG")
    return stream.getvalue()


def run(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception, app.exception[0].message
    return app


def upload(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    app.file_uploader[0].set_value([(name, content, "image/jpeg") for name, content in files])
    return run(app)


def try_sample(app: AppTest) -> AppTest:
    run(app)
    next(button for button in app.button if "sample" in button.label).click()
    return run(app)


def images(app: AppTest) -> list[str]:
    """Alternative texts of all pictures on the page."""
    return [image.alt for element in app.image for image in element.proto.imgs]


def cards(app: AppTest) -> int:
    return sum("cut out" in alt for alt in images(app))


def captions(app: AppTest) -> list[str]:
    return [caption.value.replace("\\", "") for caption in app.caption]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[int]]:
    """How many faces or photos each costly function was given."""
    counted: dict[str, list[int]] = {"read": [], "explain": [], "find": []}
    predictor = emotion_core.predict.Predictor
    read, explain = predictor.read, predictor.explain

    def count_read(self: Any, crops: Any, **options: Any) -> Any:
        counted["read"].append(len(crops))
        return read(self, crops, **options)

    def count_explain(self: Any, crops: Any, *args: Any, **options: Any) -> Any:
        counted["explain"].append(len(crops))
        return explain(self, crops, *args, **options)

    def count_find(sources: Any, *args: Any, **options: Any) -> Iterator[Any]:
        counted["find"].append(len(sources))
        return find(sources, *args, **options)

    find = emotion_core.predict.find_faces
    monkeypatch.setattr(predictor, "read", count_read)
    monkeypatch.setattr(predictor, "explain", count_explain)
    monkeypatch.setattr(reading, "find_faces", count_find)
    return counted


@pytest.fixture
def one_run(make_run: Callable[..., Path]) -> Path:
    return make_run(DEFAULT_RUN)


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
def test_output_and_opacity_do_not_run_the_network_again(app: AppTest, calls: dict[str, list[int]]) -> None:
    try_sample(app)
    assert calls["read"] == [1]
    app.selectbox(key="output").select("fear")
    run(app)
    assert any("Grad-CAM for fear" in alt for alt in images(app))
    app.slider(key="opacity").set_value(0.8)
    run(app)
    assert calls == {"read": [1], "explain": [], "find": [1]}


@pytest.mark.usefixtures("one_run")
def test_another_method_runs_once_for_each_output(app: AppTest, calls: dict[str, list[int]]) -> None:
    try_sample(app)
    app.selectbox(key="method").select("Eigen-CAM")
    app.selectbox(key="output").select("anger")
    run(app)
    assert any("Eigen-CAM for anger" in alt for alt in images(app))
    app.slider(key="opacity").set_value(0.2)
    run(app)
    assert calls["explain"] == [1]
    app.selectbox(key="output").select("valence")
    run(app)
    assert calls["explain"] == [1, 1]


@pytest.mark.usefixtures("one_run")
def test_a_bad_file_does_not_disturb_a_good_one(app: AppTest) -> None:
    run(app)
    upload(app, ("notes.jpg", b"no picture"), ("good.jpg", SAMPLE), ("cut.jpg", SAMPLE[:2000]))
    assert cards(app) == 1
    assert app.warning[0].value == "2 files could not be read."
    texts = [text.value for text in app.text]
    assert "notes.jpg" in texts
    assert any("cannot be read as a picture" in text for text in texts)
    assert any("truncated" in text for text in texts)


@pytest.mark.usefixtures("one_run")
@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>.jpg", "*a* `b` $c$ :smile: [d](http://e) :red[f].jpg", "x" * 300 + ".jpg", "a\u202egpj.jpg"],
)
def test_names_are_shown_literally_or_shortened(app: AppTest, name: str) -> None:
    run(app)
    upload(app, (name, SAMPLE), (name, b"no picture"), (name, plain_png(9)))
    assert cards(app) == 1
    # Every element that reads Markdown or HTML.
    for kind in ("markdown", "caption", "warning", "info", "error", "button", "html"):
        for element in app.get(kind):
            assert name[:20] not in str(element.proto), kind
    texts = [text.value for text in app.text]
    if len(name) > 60:
        assert not any(name in text for text in texts)
        assert any(text.startswith("xxx") and text.endswith("xxx.jpg") and len(text) == 60 for text in texts)
    elif name.isprintable():
        assert name in texts
    else:
        assert "a\N{REPLACEMENT CHARACTER}gpj.jpg" in texts


@pytest.mark.usefixtures("one_run")
def test_the_same_file_twice(app: AppTest, calls: dict[str, list[int]]) -> None:
    run(app)
    upload(app, ("one.jpg", SAMPLE), ("two.jpg", SAMPLE), ("two.jpg", SAMPLE))
    assert cards(app) == 3
    assert sum(calls["read"]) == 1


@pytest.mark.usefixtures("one_run")
def test_more_files_cost_only_the_new_ones(app: AppTest, calls: dict[str, list[int]]) -> None:
    run(app)
    upload(app, ("one.jpg", SAMPLE))
    upload(app, ("one.jpg", SAMPLE), ("plain.png", plain_png(1)))
    assert len(calls["find"]) == 2
    assert sum(calls["read"]) == 1


@pytest.mark.usefixtures("one_run")
def test_without_a_face_the_whole_picture_can_be_taken(app: AppTest) -> None:
    run(app)
    upload(app, ("wall.png", plain_png(3)))
    assert cards(app) == 0
    assert "No face was found in wall.png." in [text.value for text in app.text]
    app.button(key="take-whole").click()
    run(app)
    assert cards(app) == 1
    assert app.toggle(key="whole").value is True
    assert any("The whole picture counts as the face" in line for line in captions(app))


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


@pytest.mark.usefixtures("one_run")
def test_many_photos_are_read_in_batches_and_shown_in_pages(app: AppTest, calls: dict[str, list[int]]) -> None:
    app.query_params["whole"] = "true"
    run(app)
    upload(app, *((f"{level}.png", plain_png(level)) for level in range(40)))
    assert calls["read"] == [32, 8]
    assert cards(app) == 8
    assert "40 faces in 40 photos" in [markdown.value for markdown in app.markdown]
    first = images(app)
    app.pagination[0].set_value(5)
    run(app)
    assert cards(app) == 8
    assert set(images(app)).isdisjoint(first)
    assert calls["read"] == [32, 8]


def test_several_runs_side_by_side(app: AppTest, make_run: Callable[..., Path]) -> None:
    make_run("a-second", seed=1)
    make_run(DEFAULT_RUN)
    try_sample(app)
    assert app.multiselect(key="run").value == [DEFAULT_RUN]
    app.multiselect(key="run").set_value([DEFAULT_RUN, "a-second"])
    run(app)
    assert len(images(app)) == 3
    assert len([line for line in captions(app) if " ms on " in line]) == 2
    app.multiselect(key="run").set_value([])
    run(app)
    assert app.info[0].value == "Choose at least one run above."


def test_the_choice_of_runs_says_how_good_and_fast_they_are(app: AppTest, make_run: Callable[..., Path]) -> None:
    def add(
        name: str, accuracy: float, milliseconds: float, machine: str = "a_chip", images: str = "abc", flip: bool = False
    ) -> None:
        path = make_run(name)
        write_info(path, replace(read_run(path).info, timings={"ms_per_face": milliseconds, "measured_on": machine}))
        measures = {"accuracy": {"value": accuracy, "low": 0.0, "high": 1.0}}
        metrics = {"dataset": "toy", "split": "test", "fingerprint": images, "measures": measures, "flip": flip}
        write_evaluation(path, "toy", "test", metrics, pd.DataFrame({column: ["neutral"] for column in PREDICTION_COLUMNS}))

    def words() -> list[str]:
        text: str = run(app).multiselect(key="run").help
        return text.splitlines()[2:]

    reason = (
        "The first is the default: of those measured on toy and timed on the same machine, none is as accurate in its time."
    )
    add(DEFAULT_RUN, 0.5, 8.0)
    try_sample(app)
    mine = f"- **{escape(DEFAULT_RUN)}**: accuracy 0.500 on toy, 8.0 ms a face on {escape('a_chip')}"
    # Alone it is better than nobody.
    assert words() == [mine]
    add("other-images", 0.9, 1.0, images="def")
    add("other-machine", 0.9, 1.0, machine="another")
    make_run("unknown")
    assert words()[-1] == "- **unknown**"
    add("slower", 0.6, 9.0)
    assert words()[0] == mine
    assert words()[-2:] == ["", reason]
    add("better", 0.5, 7.0)
    assert reason not in words()
    add("mirrored", 0.4, 9.0, flip=True)
    assert any("**mirrored**: accuracy 0.400 on toy with flip, 9.0 ms" in w for w in words())


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        '{"split": "test"}',
        '{"split": "test", "measures": null}',
        '{"split": "test", "measures": {"accuracy": 0.5}}',
        '{"split": "test", "measures": {"accuracy": {"value": null}}}',
        '{"split": "test", "measures": {"accuracy": {"value": NaN}}}',
        '{"split": "test", "measures": {"accuracy": {"value": true}}}',
    ],
)
def test_odd_figures_of_a_run_are_left_out(app: AppTest, make_run: Callable[..., Path], content: str) -> None:
    path = make_run(DEFAULT_RUN)
    write_info(path, replace(read_run(path).info, timings={"ms_per_face": "fast", "measured_on": 3}))
    (path / "evaluations" / "toy-test").mkdir(parents=True)
    (path / "evaluations" / "toy-test" / "metrics.json").write_text(content)
    try_sample(app)
    assert app.multiselect(key="run").help.splitlines()[2:] == [f"- **{escape(DEFAULT_RUN)}**"]


def test_the_address_says_what_is_shown(app: AppTest, make_run: Callable[..., Path]) -> None:
    make_run("a-second", seed=1)
    make_run(DEFAULT_RUN)
    app.query_params.update(photo="sample", run="a-second", output="fear", method="Eigen-CAM", opacity="0.8")
    run(app)
    assert app.multiselect(key="run").value == ["a-second"]
    assert app.selectbox(key="output").value == "fear"
    assert app.selectbox(key="method").value == "Eigen-CAM"
    assert app.slider(key="opacity").value == pytest.approx(0.8)
    assert any("Eigen-CAM for fear" in alt for alt in images(app))


@pytest.mark.usefixtures("one_run")
def test_nonsense_in_the_address_is_ignored(app: AppTest) -> None:
    app.query_params.update(photo="sample", run="nobody", output="<b>", method="magic", opacity="seven", whole="perhaps")
    run(app)
    assert cards(app) == 1
    assert app.multiselect(key="run").value == [DEFAULT_RUN]
    assert app.selectbox(key="output").value == "predicted expression"
    assert app.slider(key="opacity").value == pytest.approx(0.5)


def test_no_run_is_one_sentence_and_one_command(app: AppTest) -> None:
    run(app)
    assert "no trained network" in app.info[0].value
    assert app.code[0].value == "python -m emotion_core train"
    assert not app.file_uploader


@pytest.mark.usefixtures("one_run")
def test_a_damaged_run_folder_is_named_and_the_rest_works(app: AppTest, checkpoints: Path) -> None:
    (checkpoints / "broken").mkdir()
    (checkpoints / "broken" / "run.json").write_text("{", encoding="utf-8")
    try_sample(app)
    assert cards(app) == 1
    assert app.expander[0].label == "1 run folder cannot be read"
    assert any("broken" in text.value and "not readable JSON" in text.value for text in app.text)


def test_damaged_weights_cost_only_their_run(app: AppTest, make_run: Callable[..., Path]) -> None:
    (make_run("bad") / "model.safetensors").write_bytes(b"no weights")
    make_run(DEFAULT_RUN)
    app.query_params.update(photo="sample", run=["bad", DEFAULT_RUN])
    run(app)
    assert cards(app) == 1
    assert len(app.error) == 1
    assert "safetensors" in app.error[0].value


@pytest.mark.usefixtures("one_run")
def test_a_damaged_face_model_is_one_sentence(app: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMOTION_FACE_MODEL", str(tmp_path / "nowhere.onnx"))
    try_sample(app)
    assert len(app.error) == 1
    assert "FACE" in app.error[0].value


@pytest.mark.usefixtures("one_run")
def test_a_photo_from_the_camera(app: AppTest) -> None:
    run(app)
    assert not app.camera_input  # the browser is not asked for the camera before it is wanted
    app.segmented_control(key="source").select("Camera")
    run(app)
    app.camera_input[0].upload("photo.jpg", SAMPLE, "image/jpeg")
    run(app)
    assert cards(app) == 1


@pytest.mark.usefixtures("one_run")
def test_the_sidebar_says_what_it_runs_on(app: AppTest) -> None:
    run(app)
    values = [text.value for text in app.sidebar.text]
    assert values[1:] == [DEFAULT_RUN, "not set"]


@pytest.mark.usefixtures("one_run")
def test_what_is_uploaded_is_forgotten_with_the_file(app: AppTest) -> None:
    run(app)
    upload(app, ("one.jpg", SAMPLE))
    assert len(app.session_state["photos"]) == 1
    upload(app, ("plain.png", plain_png(1)))
    assert len(app.session_state["photos"]) == 1
    assert len(app.session_state["readings"]) == 1


@pytest.mark.usefixtures("one_run")
def test_photos_survive_a_visit_to_another_page_until_they_are_removed(app: AppTest, calls: dict[str, list[int]]) -> None:
    run(app)
    upload(app, ("good.jpg", SAMPLE))
    go_to(app, "about")
    run(app)
    go_to(app, "predict")
    run(app)
    assert cards(app) == 1
    assert "1 photo from before" in [text.value for text in app.text]
    assert calls["read"] == [1]
    app.button(key="remove-photos").click()
    run(app)
    assert cards(app) == 0


def test_a_collapsed_run_is_named(app: AppTest, one_run: Path) -> None:
    folder = one_run / "evaluations" / "affectnet-3999-test"
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps({"collapse": ["one class is predicted for everything"]}))
    try_sample(app)
    [warning] = [warning.value.replace("\\", "") for warning in app.warning]
    assert warning == f"{DEFAULT_RUN} has collapsed: one class is predicted for everything."


def test_the_expected_mix_is_said_and_can_be_changed_without_reading_again(
    app: AppTest, one_run: Path, calls: dict[str, list[int]]
) -> None:
    write_info(one_run, replace(read_run(one_run).info, dataset={"name": "affectnet-3999"}))
    try_sample(app)
    assert any("Probabilities assume the everyday mix of expressions (neutral 33 %" in line for line in captions(app))
    app.radio(key="prior").set_value("balanced")
    run(app)
    assert any("all expressions are equally frequent" in line for line in captions(app))
    app.radio(key="prior").set_value("estimate")
    run(app)
    assert "1 face suggests no mix of expressions" in app.info[0].value
    assert any("everyday mix" in line for line in captions(app))
    assert calls["read"] == [1]


def test_a_run_whose_mix_is_not_known_says_so(app: AppTest, one_run: Path) -> None:
    try_sample(app)
    assert any("not known which mix of expressions this run was trained on" in line for line in captions(app))


def test_a_calibrated_run_names_no_expression_where_none_stands(app: AppTest, one_run: Path) -> None:
    # Validation images of which the network is right by chance: no verdict ever stands, and sets are large.
    generator = np.random.default_rng(0)
    faces = JudgedFaces(
        logits=generator.normal(size=(200, 8)).astype(np.float16), labels=generator.integers(0, 8, 200).astype(np.uint8)
    )
    entry = {"temperature": 1.0, "prior": "balanced"}
    info = replace(read_run(one_run).info, dataset={"name": "affectnet-3999"}, calibration={"affectnet-3999": entry})
    write_info(one_run, info)
    write_calibration(read_run(one_run), Calibration(faces={"affectnet-3999": faces}))
    try_sample(app)
    [heading] = [markdown.value for markdown in app.markdown if markdown.value.startswith("#### ")]
    assert heading.startswith("#### Unsure: ")
    assert any("90 % set:" in line for line in captions(app))


@pytest.mark.usefixtures("one_run")
def test_a_face_that_can_hardly_be_read_is_a_warning_with_its_reason(app: AppTest) -> None:
    app.query_params["whole"] = "true"
    run(app)
    stream = io.BytesIO()
    Image.open(io.BytesIO(SAMPLE)).crop((176, 113, 350, 325)).resize((12, 12)).save(stream, format="PNG")
    upload(app, ("tiny.png", stream.getvalue()))
    [warning] = [warning.value.replace("\\", "") for warning in app.warning]
    assert warning.startswith("Read with care: the face is small (12 px) and blurred")
