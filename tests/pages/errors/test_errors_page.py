"""The page of errors, driven without a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.significance import mcnemar_exact
from emotion_core.results.find import DEFAULT_RUN
from tests.pages.errors.desk import desk
from tests.pages.errors.driving import IMAGES, click, open_errors, shown, words
from tests.pages.opening import go_to, run
from tests.stored import PROBS, predicted, random_predictions


@pytest.mark.usefixtures("two_runs")
def test_opens_on_the_errors_of_the_default_run(app: AppTest) -> None:
    open_errors(app)
    table = random_predictions(2)
    wrong = table[predicted(table) != table["expression"]]
    probability = wrong[PROBS].to_numpy()[np.arange(len(wrong)), [EXPRESSIONS.index(name) for name in wrong["expression"]]]
    expected = wrong["sample_id"].to_numpy()[np.argsort(probability, kind="stable")]
    assert app.selectbox(key="address-run").value == DEFAULT_RUN
    assert app.selectbox(key="address-second-baseline").value is None
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
    open_errors(app, baseline="b-second")
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
def test_what_is_not_here_is_said(app: AppTest) -> None:
    strange = {"benchmark": "nowhere", "run": "nobody", "baseline": "<b>", "image": "<b>*x*"}
    open_errors(app, **strange, sort="magic", true="joy", page="-3", sure="x")
    said = [warning.value.replace("\\", "") for warning in app.warning]
    assert [words.split(" here")[0] for words in said] == [
        "There is no benchmark “nowhere”",
        "There is no run “nobody”",
        "There is no second run “<b>”",
    ]
    assert app.selectbox(key="address-run").value == DEFAULT_RUN
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
    [item] = [each for each in desk(app)["items"].values() if each["id"] == "images/0.jpg"]
    assert (item["title"][0][0], item["src"]) == ("True neutral", None)
    assert len(app.get("plotly_chart")) == 1
    monkeypatch.setenv("EMOTION_DATA", str(tmp_path / "nowhere"))
    run(app)
    assert str(tmp_path / "nowhere") in words(app)


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


def test_without_a_dataset_it_opens_on_drawn_faces(app: AppTest, store: Callable[..., Path]) -> None:
    store(DEFAULT_RUN, random_predictions())
    store("drawn", random_predictions(), ("schematic", "test"))
    open_errors(app)
    assert app.selectbox(key="address-benchmark").value == "schematic-test"
    assert "none of the other datasets is at hand" in words(app)
    # What somebody chooses by hand is followed, on the next page too.
    app.selectbox(key="address-benchmark").select("affectnet-3999-test")
    run(app)
    run(go_to(app, "affect_map"))
    assert app.selectbox(key="address-benchmark").value == "affectnet-3999-test"


def test_missing_predictions_are_one_sentence(app: AppTest, store: Callable[..., Path]) -> None:
    folder = store(DEFAULT_RUN, random_predictions())
    (folder / "evaluations" / "affectnet-3999-test" / "predictions.parquet").unlink()
    open_errors(app)
    assert "Evaluate the run again" in app.error[0].value.replace("\\", "")


def test_other_labels_are_named(app: AppTest, two_runs: None, checkpoints: Path) -> None:
    path = checkpoints / "b-second" / "evaluations" / "affectnet-3999-test" / "metrics.json"
    path.write_text(path.read_text().replace('"fingerprint": "abc"', '"fingerprint": "g"'))
    open_errors(app, baseline="b-second")
    assert "other images or labels" in app.warning[0].value
