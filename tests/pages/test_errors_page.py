"""The page of errors, driven without a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.significance import mcnemar_exact
from emotion_core.metrics.summary import summarize
from emotion_core.results.find import DEFAULT_RUN
from emotion_core.results.reviews import Review, ReviewStore
from emotion_core.results.run import read_run
from emotion_core.results.slices import Slice, write_slices
from tests import stored
from tests.pages.opening import go_to
from tests.stored import predicted, random_predictions

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGES = 60
PROBS = [f"prob_{name}" for name in EXPRESSIONS]


@pytest.fixture
def store(make_run: Callable[..., Path]) -> Callable[..., Path]:
    """Writes a run with weights and one evaluation."""

    def write(name: str, table: pd.DataFrame, evaluation: tuple[str, str] = ("affectnet-3999", "test")) -> Path:
        folder = make_run(name, seed=len(name))
        stored.store(folder, table, *evaluation)
        return folder

    return write


@pytest.fixture
def two_runs(store: Callable[..., Path]) -> None:
    store(DEFAULT_RUN, random_predictions(2))
    store("b-second", random_predictions(1))


@pytest.fixture
def pictures(write_affectnet: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A made-up picture for each image."""
    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, 60, 60, 3), dtype=np.uint8)
    write_affectnet(tmp_path, [(number % 8, 0.1, 0.1, pixels[number]) for number in range(IMAGES)])
    monkeypatch.setenv("EMOTION_DATA", str(tmp_path))


def open_errors(app: AppTest, **query: str) -> AppTest:
    st.cache_data.clear()
    app.query_params.update(query)
    return run(go_to(app, "errors"))


def run(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception, app.exception[0].message
    return app


def shown(app: AppTest) -> list[str]:
    """Ids in the gallery, in order."""
    return [
        button.label.replace("\\", "").removeprefix("Open ") for button in app.button if str(button.key).startswith("open-")
    ]


def words(app: AppTest) -> str:
    elements = [*app.markdown, *app.caption, *app.text]
    return "\n".join(element.value for element in elements).replace("\\", "")


def click(app: AppTest, *cells: list[int]) -> AppTest:
    """What the browser sends after a click on the matrix."""
    points = [{"customdata": cell} for cell in cells]
    state = json.dumps({"selection": {"points": points, "point_indices": [], "box": [], "lasso": []}})
    states = app._tree.get_widget_states()
    states.widgets.add(id=app.get("plotly_chart")[0].proto.id, string_value=state)
    app._tree.get_widget_states = lambda: states  # type: ignore[method-assign]
    return run(app)


@pytest.mark.usefixtures("two_runs")
def test_opens_on_the_errors_of_the_default_run(app: AppTest) -> None:
    open_errors(app)
    table = random_predictions(2)
    wrong = table[predicted(table) != table["expression"]]
    probability = wrong[PROBS].to_numpy()[np.arange(len(wrong)), [EXPRESSIONS.index(name) for name in wrong["expression"]]]
    expected = wrong["sample_id"].to_numpy()[np.argsort(probability, kind="stable")]
    assert app.selectbox(key="a").value == DEFAULT_RUN
    assert app.selectbox(key="b").value is None
    assert f"**{len(wrong)} images** of 60, by loss" in words(app)
    assert shown(app) == list(expected[:24])
    title = json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]["title"]["text"]
    assert title == f"{1 - len(wrong) / 60:.3f} of 60 images right"
    assert app.get("plotly_chart")[0].proto.alt.startswith(title)


@pytest.mark.usefixtures("two_runs")
def test_a_click_opens_the_images_of_a_cell_and_again_closes_them(app: AppTest) -> None:
    open_errors(app)
    table = random_predictions(2)
    answers = predicted(table)
    first = next(row for row in range(IMAGES) if answers[row] != table["expression"][row])
    true, said = table["expression"][first], answers[first]
    cell = [EXPRESSIONS.index(true), EXPRESSIONS.index(said)]
    click(app, cell)
    expected = set(table["sample_id"][(table["expression"] == true) & (answers == said)])
    assert set(shown(app)) == expected
    assert app.multiselect(key="true").value == [true]
    assert app.multiselect(key="said").value == [said]
    assert app.segmented_control(key="outcome").value == "all"
    assert (app.query_params["true"], app.query_params["said"]) == (true, said)
    click(app, cell)
    assert app.multiselect(key="true").value == []
    assert app.segmented_control(key="outcome").value == "wrong"


@pytest.mark.usefixtures("two_runs")
def test_rows_and_columns_open_too(app: AppTest) -> None:
    open_errors(app)
    table = random_predictions(2)
    click(app, [4, -1])
    assert set(shown(app)) == set(table["sample_id"][table["expression"] == "fear"])
    app.button(key="clear").click()
    run(app)
    assert app.multiselect(key="true").value == []
    click(app, [-1, 6])
    assert set(shown(app)) == set(table["sample_id"][predicted(table) == "anger"])


@pytest.mark.usefixtures("two_runs")
def test_two_runs_have_piles_and_a_matrix_of_their_own(app: AppTest) -> None:
    open_errors(app, b="b-second")
    first, second = (random_predictions(seed) for seed in (2, 1))
    right = [predicted(table) == table["expression"].to_numpy() for table in (first, second)]
    expected = mcnemar_exact(*right)
    assert f"p = {expected.p_value:.3f}" in words(app)
    labels = [option.content for option in app.segmented_control(key="pile").proto.options]
    assert f"only B right {expected.only_second}" in labels
    app.segmented_control(key="pile").select("only second")
    run(app)
    assert set(shown(app)) == set(first["sample_id"][~right[0] & right[1]])
    app.button(key="clear").click()
    run(app)
    app.segmented_control(key="axes").select("run × run")
    run(app)
    cell = [EXPRESSIONS.index(predicted(first)[0]), EXPRESSIONS.index(predicted(second)[0])]
    click(app, cell)
    expected_ids = first["sample_id"][(predicted(first) == predicted(first)[0]) & (predicted(second) == predicted(second)[0])]
    assert set(shown(app)) == set(expected_ids)


@pytest.mark.usefixtures("two_runs")
def test_filters_order_and_page_come_from_the_address(app: AppTest) -> None:
    open_errors(app, outcome="all", sort="valence error", page="2", true="fear")
    assert app.selectbox(key="sort").value == "valence error"
    table = random_predictions(2)
    fear = table[table["expression"] == "fear"]
    order = np.argsort(-(fear["pred_valence"] - fear["valence"]).abs().to_numpy(), kind="stable")
    # Eight images have one page only.
    assert shown(app) == list(fear["sample_id"].to_numpy()[order])
    app.toggle(key="reverse").set_value(True)
    run(app)
    assert shown(app) == list(fear["sample_id"].to_numpy()[order[::-1]])


@pytest.mark.usefixtures("two_runs")
def test_pages(app: AppTest) -> None:
    open_errors(app, outcome="all", sort="name", page="3")
    assert len(shown(app)) == 60 - 48
    assert shown(app) == sorted(random_predictions()["sample_id"])[48:]


@pytest.mark.usefixtures("two_runs")
def test_nonsense_in_the_address_is_ignored(app: AppTest) -> None:
    open_errors(app, evaluation="nowhere", a="nobody", b="<b>", sort="magic", true="joy", page="-3", sure="x", image="<b>*x*")
    assert app.selectbox(key="a").value == DEFAULT_RUN
    assert len(shown(app)) == 24
    assert any("There is no image '<b>*x*'" in text.value for text in app.text)


@pytest.mark.usefixtures("two_runs")
def test_filters_that_nothing_fits(app: AppTest) -> None:
    open_errors(app, true="fear", said="fear", outcome="wrong")
    assert "No image fits" in app.info[0].value
    assert shown(app) == []


@pytest.mark.usefixtures("two_runs")
def test_without_a_data_folder_all_but_pictures_is_there(app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_errors(app, image="images/0.jpg")
    assert "EMOTION_DATA is not set" in words(app)
    assert len(shown(app)) == 24
    assert not app.image
    assert "True neutral" in words(app)
    assert len(app.get("plotly_chart")) == 3
    monkeypatch.setenv("EMOTION_DATA", str(tmp_path / "nowhere"))
    run(app)
    assert str(tmp_path / "nowhere") in words(app)


@pytest.mark.usefixtures("two_runs", "pictures")
def test_the_gallery_shows_pictures_and_what_was_said(app: AppTest) -> None:
    open_errors(app)
    alts = [image.alt for element in app.image for image in element.proto.imgs]
    assert len(alts) == 24
    assert all("✗" in alt and "red" not in alt for alt in alts)
    assert any(value.value.startswith(":small[:red[✗ ") for value in app.markdown)


@pytest.mark.usefixtures("two_runs", "pictures")
def test_heat_maps_over_the_gallery(app: AppTest) -> None:
    open_errors(app)
    before = [image.url for element in app.image for image in element.proto.imgs]
    app.selectbox(key="heat").select("predicted expression")
    run(app)
    after = [image.url for element in app.image for image in element.proto.imgs]
    assert len(after) == 24
    assert not set(before) & set(after)


@pytest.mark.usefixtures("two_runs", "pictures")
def test_one_image_opens_and_leads_on(app: AppTest) -> None:
    open_errors(app)
    first, second = shown(app)[:2]
    app.button(key=next(button.key for button in app.button if button.key.startswith("open-"))).click()
    run(app)
    assert app.query_params["image"] == first
    assert app.button(key="Previous").disabled
    app.button(key="Next").click()
    run(app)
    assert app.query_params["image"] == second
    assert f"2 of {len(predicted(random_predictions(2)))}" not in words(app)
    assert f"· {second}" in words(app)
    assert not app.button(key="Previous").disabled
    row = random_predictions(2).set_index("sample_id").loc[second]
    values = next(frame.value for frame in app.dataframe if "margin" in frame.value)
    assert values["loss"][1] == f"{-np.log(row[f'prob_{row.expression}']):.3f}"


@pytest.mark.usefixtures("two_runs", "pictures")
def test_overlays_of_two_runs_and_nearest_images(app: AppTest) -> None:
    open_errors(app, b="b-second", image="images/3.jpg", overlay="arousal")
    alts = [image.alt for element in app.image for image in element.proto.imgs]
    assert sum(alt.startswith("Heat map of") and "for arousal over images/3.jpg" in alt for alt in alts) == 2
    app.button_group(key="nearest").select("b-second")
    run(app)
    near = [button.key for button in app.button if button.key.startswith("near-open-")]
    assert len(near) == 8
    assert "cosine" in words(app)
    app.button(key=near[0]).click()
    run(app)
    ids = sorted(random_predictions()["sample_id"])
    assert app.query_params["image"] == ids[int(near[0].split("-")[-1])]


def test_a_review_is_kept_and_found_again(app: AppTest, two_runs: None) -> None:
    open_errors(app, image="images/3.jpg")
    assert app.button(key="save-review").disabled
    app.button_group(key="verdict-images/3.jpg").select("wrong label")
    run(app)
    assert app.button(key="save-review").disabled
    app.button_group(key="right-images/3.jpg").select("fear")
    app.text_input(key="note-images/3.jpg").set_value("=1+1 <b>")
    run(app)
    app.button(key="save-review").click()
    run(app)
    assert "name of the reviewer is missing" in app.error[0].value.replace("\\", "")
    app.text_input(key="reviewer-typed").set_value("Ada *L*")
    run(app)
    app.button(key="save-review").click()
    run(app)
    (kept,) = ReviewStore().latest("affectnet-3999").to_dict("records")
    assert (kept["sample_id"], kept["verdict"], kept["expression"], kept["reviewer"]) == (
        "images/3.jpg", "wrong label", "fear", "Ada *L*",
    )  # fmt: skip
    assert any(text.value.startswith("⚑ wrong label → fear · Ada *L*") for text in app.text)
    assert any(text.value == "=1+1 <b>" for text in app.text)
    # Asked once: the name is known from here on.
    assert not [box for box in app.text_input if box.key == "reviewer-typed"]
    app.selectbox(key="review").select("wrong label")
    app.segmented_control(key="outcome").select("all")
    run(app)
    assert shown(app) == ["images/3.jpg"]
    assert "⚑ wrong label" in words(app)
    app.button(key=f"withdraw-{kept['id']}").click()
    run(app)
    assert "withdrawn by Ada" in words(app)
    assert ReviewStore().latest("affectnet-3999").empty


def test_reviewed_images_carry_a_sign(app: AppTest, two_runs: None) -> None:
    kept = ReviewStore()
    for who, verdict in (("Ada", "ambiguous"), ("Bo", "bad crop")):
        kept.add(Review(dataset="affectnet-3999", sample_id="images/0.jpg", verdict=verdict, reviewer=who))
    open_errors(app, outcome="all", sort="name")
    assert "⚑ reviewers disagree" in words(app)
    app.selectbox(key="review").select("reviewed")
    run(app)
    assert shown(app) == ["images/0.jpg"]


def test_a_broken_place_for_reviews_costs_reviews_only(app: AppTest, two_runs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTION_REVIEWS_URL", "nonsense")
    open_errors(app)
    assert "EMOTION_REVIEWS_URL" in app.warning[0].value.replace("\\", "")
    assert len(shown(app)) == 24


@pytest.mark.usefixtures("two_runs")
def test_measures_of_a_selection(app: AppTest) -> None:
    open_errors(app, true="fear", outcome="all", **{"measures-open": "true"})
    table = random_predictions(2)
    value = summarize(table[table["expression"] == "fear"].reset_index(drop=True))["accuracy"]
    whole = summarize(table)["accuracy"]
    measures = next(frame.value for frame in app.dataframe if "these images" in frame.value).set_index("measure")
    assert measures.loc["accuracy ↑", "these images"].startswith(f"{value:.3f} [")
    assert measures.loc["accuracy ↑", "all images"].startswith(f"{whole:.3f} [")
    assert "2,000 resamples" in words(app)
    assert "chosen by what a run predicts" not in words(app)
    app.segmented_control(key="outcome").select("right")
    run(app)
    assert "chosen by what a run predicts" in words(app)


@pytest.mark.usefixtures("two_runs")
def test_a_filter_is_kept_applied_and_forgotten(app: AppTest) -> None:
    open_errors(app, true="fear", outcome="all", sure="0.2&sure=0.9")
    app.text_input(key="slice-name").set_value("dim fear")
    app.text_input(key="slice-by").set_value("Ada")
    run(app)
    app.button(key="slice-keep").click()
    run(app)
    assert ReviewStore().slices("affectnet-3999", "test")["name"].tolist() == ["dim fear"]
    before = shown(app)
    app.button(key="clear").click()
    run(app)
    assert shown(app) != before
    app.selectbox(key="slice-picked").select("dim fear")
    run(app)
    app.button(key="slice-apply").click()
    run(app)
    assert app.multiselect(key="true").value == ["fear"]
    assert shown(app) == before
    app.button(key="slice-forget").click()
    run(app)
    assert ReviewStore().slices("affectnet-3999", "test").empty


@pytest.mark.usefixtures("two_runs")
def test_a_slice_of_a_run_that_is_gone_says_so(app: AppTest) -> None:
    ReviewStore().save_slice("old", "affectnet-3999", "test", '{"v":1,"outcome":"right","runs":["gone"]}', "Ada")
    ReviewStore().save_slice("worse", "affectnet-3999", "test", '{"v":7}', "Ada")
    open_errors(app)
    for name, reason in (("old", "the run 'gone'"), ("worse", "not of version 1")):
        app.selectbox(key="slice-picked").select(name)
        run(app)
        app.button(key="slice-apply").click()
        run(app)
        assert reason in app.error[0].value.replace("\\", "")


@pytest.mark.usefixtures("two_runs")
def test_filters_of_an_audit_are_offered_where_it_knows_the_images(app: AppTest, checkpoints: Path) -> None:
    open_errors(app, outcome="all")
    keys = {toggle.key for toggle in app.toggle}
    assert not {"conflict", "leaked"} & keys
    record = {
        "version": 1,
        "dataset": "affectnet-3999",
        "conflicts": ["images/5.jpg", "images/999.jpg"],
        "leaked": ["images/999.jpg"],
    }
    (checkpoints / "audit-affectnet-3999.json").write_text(json.dumps(record))
    run(app)
    keys = {toggle.key for toggle in app.toggle}
    # Nothing that no image of this evaluation could meet.
    assert "conflict" in keys
    assert "leaked" not in keys
    app.toggle(key="conflict").set_value(True)
    run(app)
    assert shown(app) == ["images/5.jpg"]
    (checkpoints / "audit-affectnet-3999.json").write_text("damaged")
    run(app)
    # It costs its filters only.
    assert "audit affectnet-3999 --store" in app.warning[0].value.replace("\\", "")
    assert len(shown(app)) == 24


def test_a_run_without_expressions_is_sorted_by_valence(app: AppTest, store: Callable[..., Path]) -> None:
    table = random_predictions()
    table[PROBS] = np.nan
    store(DEFAULT_RUN, table)
    open_errors(app)
    assert "Nothing to count" in app.info[0].value
    assert app.selectbox(key="sort").value == "valence error"
    worst = table["sample_id"][(table["pred_valence"] - table["valence"]).abs().idxmax()]
    assert shown(app)[0] == worst
    assert len(shown(app)) == 24


def test_no_evaluation_is_one_sentence_and_one_command(app: AppTest) -> None:
    open_errors(app)
    assert len(app.info) == 1
    assert app.code[0].value.startswith("python -m emotion_core")


def test_missing_predictions_are_one_sentence(app: AppTest, store: Callable[..., Path]) -> None:
    folder = store(DEFAULT_RUN, random_predictions())
    (folder / "evaluations" / "affectnet-3999-test" / "predictions.parquet").unlink()
    open_errors(app)
    assert "Evaluate the run again" in app.error[0].value.replace("\\", "")


def test_other_labels_are_named(app: AppTest, two_runs: None, checkpoints: Path) -> None:
    path = checkpoints / "b-second" / "evaluations" / "affectnet-3999-test" / "metrics.json"
    path.write_text(path.read_text().replace('"fingerprint": "abc"', '"fingerprint": "g"'))
    open_errors(app, b="b-second")
    assert "other images or labels" in app.warning[0].value


@pytest.mark.usefixtures("two_runs")
def test_does_not_load_the_networks_library(run_alone: Callable[[str], None]) -> None:
    code = (
        "import sys\n"
        "from tests.pages.opening import make_app\n"
        "app = make_app('errors')\n"
        "app.query_params['image'] = 'images/3.jpg'\n"
        "app.query_params['b'] = 'b-second'\n"
        "app.run()\n"
        "assert not app.exception, app.exception\n"
        "assert len(app.get('plotly_chart')) == 3\n"
        "loaded = {'torch', 'timm', 'sklearn'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    run_alone(code)


@pytest.mark.usefixtures("pictures")
def test_accuracy_by_slice_is_shown_once_it_is_known(app: AppTest, store: Callable[..., Path]) -> None:
    folder = store("b-second", random_predictions(1))
    open_errors(app, **{"by-slice": "true"})
    assert [code.value for code in app.code] == ["python -m emotion_core slices b-second --dataset affectnet-3999 --split test"]
    old = Slice(attribute="age_group", name="old", images=40, accuracy=0.3, low=0.2, high=0.4, expected=0.6, p_holm=0.001)
    write_slices(read_run(folder), "affectnet-3999-test", [old, replace(old, name="young", accuracy=0.7, p_holm=None)])
    run(app)
    [table] = [frame.value for frame in app.dataframe if "expected" in frame.value]
    assert table[["images", "accuracy", "verdict"]].to_numpy().tolist() == [
        ["old", "0.300 [0.200, 0.400]", "worse"],
        ["young", "0.700 [0.200, 0.400]", ""],
    ]
    assert "Significantly worse: age_group: old." in words(app)
