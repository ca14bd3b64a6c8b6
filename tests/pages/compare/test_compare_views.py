"""The views below the table of the page that compares runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from emotion_core.results.run import append_history, write_evaluation
from tests.pages.compare.driving import captions, columns, figure, tick
from tests.pages.opening import run


@pytest.mark.usefixtures("three")
def test_errors_are_better_when_lower(app: AppTest) -> None:
    app.query_params.update(measures="RMSE valence", measure="log loss")
    run(app)
    assert columns(app)["rmse_valence"]["label"] == "RMSE valence ↓"
    values = app.dataframe[0].value["rmse_valence"].tolist()
    assert values == sorted(values)
    assert app.selectbox(key="measure").value == "log loss"


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("view", "charts", "alt"),
    [
        ("Trade-off", 1, "accuracy against parameters, M"),
        ("Profile", 1, "3 runs on 4 measures"),
        ("Confusion", 3, "Confusion matrix: good"),
        ("Expressions", 1, "F1 of each expression"),
        ("Calibration", 1, "good, ECE"),
        ("Coverage", 1, "Accuracy by share of images answered. Half of them: good"),
    ],
)
def test_views(app: AppTest, view: str, charts: int, alt: str) -> None:
    app.query_params["view"] = view
    run(app)
    found = app.get("plotly_chart")
    assert len(found) == charts
    assert alt in found[0].proto.alt
    assert all(chart.proto.alt for chart in found)
    assert {button.label for button in app.get("download_button")} >= {
        "CSV",
        "JSON",
        "Markdown",
        "LaTeX",
        "Data, CSV",
        "HTML",
    }


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("missing", "labels"), [(None, {"HTML", "SVG", "PNG", "PDF"}), ("SVG, PNG and PDF need Chromium.", {"HTML"})]
)
def test_figures_leave_as_pictures_where_they_can_be_drawn(
    app: AppTest, monkeypatch: pytest.MonkeyPatch, missing: str | None, labels: set[str]
) -> None:
    monkeypatch.setattr("pages.shared.figure_files.why_no_pictures", lambda: missing)
    run(app)
    offered = {button.label for button in app.get("download_button")}
    assert offered & {"HTML", "SVG", "PNG", "PDF"} == labels
    assert (missing is not None) == any("need Chromium" in caption.value for caption in app.caption)


@pytest.mark.usefixtures("three")
def test_intervals_stand_by_backbone_when_asked(app: AppTest) -> None:
    app.query_params.update(measure="log loss", grouped="backbone")
    run(app)
    words = [note["text"] for note in figure(app)["layout"]["annotations"]]
    assert [word for word in words if word.startswith("<b>")]
    # A measure that is not in the table above is tested all the same.
    assert (
        "significantly different" in figure(app)["layout"]["title"]["text"] or "best" in figure(app)["layout"]["title"]["text"]
    )


@pytest.mark.usefixtures("three")
def test_trade_off_says_when_a_run_is_worth_its_cost(app: AppTest) -> None:
    app.query_params["view"] = "Trade-off"
    run(app)
    assert "significantly better than every run that costs less" in captions(app)


def test_confusion_side_by_side_is_on_one_scale(app: AppTest, three: list[Path]) -> None:
    app.query_params.update(view="Confusion", matrices=["good", "worse"])
    run(app)
    one, two, difference = (figure(app, place)["data"][0] for place in range(3))
    assert one["zmax"] == two["zmax"]
    assert difference["zmin"] == -difference["zmax"]
    app.multiselect(key="matrices").set_value([])
    run(app)
    assert "Choose at least one run" in app.info[0].value


def test_training_curves_need_a_history(app: AppTest, three: list[Path]) -> None:
    app.query_params["view"] = "Training"
    run(app)
    assert "history" in app.info[0].value
    assert not app.get("plotly_chart")
    for epoch in (1, 2, 3):
        append_history(three[0], {"epoch": epoch, "loss": 1 / epoch, "val_accuracy": 0.2 * epoch})
    run(app)
    assert app.selectbox(key="curve").options == ["val_accuracy", "loss"]
    assert figure(app)["data"][0]["name"] == "good"
    assert "Without a history: alike and worse." in captions(app)
    app.toggle(key="smooth").set_value(True)
    run(app)
    assert len(figure(app)["data"]) == 2


def test_settings_show_differences_only(app: AppTest, three: list[Path]) -> None:
    app.query_params["view"] = "Settings"
    run(app)
    assert app.dataframe[-1].value["setting"].tolist() == ["network.backbone"]
    app.toggle(key="differences").set_value(False)
    run(app)
    assert "loss.expression" in app.dataframe[-1].value["setting"].tolist()
    app.toggle(key="differences").set_value(True)
    tick(app, "good")
    assert app.info[-1].value == "These runs were set up alike."


def test_generalisation_shows_runs_by_datasets(app: AppTest, add: Callable[..., Path]) -> None:
    folder = add("good", 0.75)
    add("worse", 0.4)
    app.query_params["view"] = "Generalisation"
    run(app)
    assert any("were measured on one dataset" in info.value for info in app.info)
    metrics = json.loads((folder / "evaluations" / "affectnet-3999-test" / "metrics.json").read_text())
    table = pd.read_parquet(folder / "evaluations" / "affectnet-3999-test" / "predictions.parquet")
    metrics |= {"dataset": "sfew", "measures": {"balanced_accuracy": {"value": 0.25, "low": 0.2, "high": 0.3}}}
    write_evaluation(folder, "sfew", "test", metrics, table)
    run(app)
    assert not any("were measured on one dataset" in info.value for info in app.info)
    [alt] = [chart.proto.alt for chart in app.get("plotly_chart")]
    assert alt == "balanced accuracy by dataset. good does worst on sfew-test, 0.250"
    assert "A frame marks the dataset that a run does worst on." in captions(app)
