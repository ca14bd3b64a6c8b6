"""Choosing runs on the page that compares them: ticks, experiments, searches and addresses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.experiments import write_experiment
from tests.pages.compare.driving import captions, compared, tick
from tests.pages.opening import go_to, run


@pytest.mark.usefixtures("three")
def test_runs_are_chosen_in_the_table(app: AppTest) -> None:
    run(app)
    app.selectbox(key="address-baseline").set_value("worse")
    tick(app, "good", "worse")
    # The row stays, so that it can be ticked again, and p is corrected for what is ticked.
    assert app.dataframe[0].value["run"].tolist() == ["good", "alike", "worse"]
    assert compared(app) == ["good", "worse"]
    assert app.query_params["run"] == ["good", "worse"]
    assert "1 pair of ticked runs" in captions(app)
    assert app.dataframe[0].value["accuracy_diff"][0] == pytest.approx(0.35, abs=1e-3)
    assert app.dataframe[0].value["accuracy"][1] == pytest.approx(0.7437, abs=1e-3)
    tick(app, "alike")
    assert "One run alone: tick another one" in captions(app)
    tick(app)
    assert app.info[0].value == "Tick the runs to compare."
    tick(app, "good", "alike", "worse")
    assert "run" not in app.query_params
    app.multiselect(key="measures").set_value([])
    run(app)
    assert app.info[0].value == "Choose at least one measure above."


@pytest.mark.usefixtures("three")
def test_a_search_keeps_what_is_ticked_on_top(app: AppTest) -> None:
    run(app)
    tick(app, "worse")
    app.text_input(key="search").set_value("VGG16")
    run(app)
    assert app.dataframe[0].value["run"].tolist() == ["worse", "alike"]
    key = app.dataframe[0].key
    tick(app, "worse", "alike")
    assert compared(app) == ["worse", "alike"]
    # Rows stay where they are while they are ticked, even those that the search would not list.
    tick(app, "alike")
    assert app.dataframe[0].value["run"].tolist() == ["worse", "alike"]
    assert app.dataframe[0].key == key
    app.text_input(key="search").set_value("nothing like it")
    run(app)
    assert app.dataframe[0].value["run"].tolist() == ["alike"]
    assert "No run holds all of these words." in captions(app)
    app.text_input(key="search").set_value("")
    app.toggle(key="only").set_value(True)
    run(app)
    assert app.dataframe[0].value["run"].tolist() == ["alike"]


@pytest.mark.usefixtures("three")
def test_runs_of_one_group_stand_together(app: AppTest, add: Callable[..., Path]) -> None:
    add("fourth", 0.5, backbone="resnet50", seed=7)
    app.query_params.update(group="backbone", seeds="true")
    run(app)
    table = app.dataframe[0].value
    assert table["run"].tolist() == ["good", "fourth", "alike", "worse"]
    assert table["group"].tolist() == ["resnet50", "resnet50", "vgg16", "custom_cnn"]


def test_opens_on_an_experiment(app: AppTest, store: Path, add: Callable[..., Path]) -> None:
    write_experiment(store, "later", title="Seen later", place=2)
    write_experiment(
        store, "six", title="Six backbones", place=1, benchmark="affectnet-3999-test", baseline="two", order=["one", "two"]
    )
    for name, share in (("six/one", 0.7), ("six/two", 0.6), ("six/extra", 0.65), ("later/one", 0.8), ("alone", 0.9)):
        add(name, share, backbone=name.replace("/", "-"))
    run(app)
    assert app.selectbox(key="address-experiment").options == ["Six backbones", "Seen later", "All runs"]
    assert app.dataframe[0].value["run"].tolist() == ["six/one", "six/extra", "six/two"]
    # What the experiment names is compared, with its baseline; others of its runs are there to be ticked.
    assert compared(app) == ["six/one", "six/two"]
    assert app.dataframe[0].value["verdict"].tolist()[2] == "baseline"
    assert len(app.dataframe) == 1, "what others reported belongs to experiments that say so"
    app.selectbox(key="address-experiment").set_value("all")
    run(app)
    # Whoever looks for more runs keeps those at hand.
    assert len(app.dataframe[0].value) == 5
    app.selectbox(key="address-experiment").set_value("later")
    run(app)
    assert compared(app) == []
    assert app.dataframe[0].value["run"].tolist() == ["later/one"]
    assert dict(app.query_params)["experiment"] in ("later", ["later"])


def test_runs_of_several_experiments_in_one_address(app: AppTest, store: Path, add: Callable[..., Path]) -> None:
    write_experiment(store, "six", title="Six backbones")
    for name, share in (("six/one", 0.7), ("six/two", 0.6), ("alone", 0.9)):
        add(name, share, backbone=name.replace("/", "-"))
    app.query_params.update(experiment="six", run=["six/two", "alone"])
    run(app)
    assert app.dataframe[0].value["run"].tolist() == ["alone", "six/one", "six/two"]
    assert compared(app) == ["alone", "six/two"]


@pytest.mark.usefixtures("three")
def test_a_margin_makes_runs_practically_the_same(app: AppTest) -> None:
    app.query_params["margin"] = "0.2"
    run(app)
    assert app.dataframe[0].value["verdict"].tolist() == ["baseline", "practically the same", "significantly worse"]


@pytest.mark.usefixtures("three")
def test_cards_for_a_phone_say_the_first_measure(app: AppTest, add: Callable[..., Path]) -> None:
    add("<b>bold", 0.5)
    run(app)
    [cards] = [block.proto.body for block in app.get("html") if "card" in block.proto.body]
    assert "★ 0.750 [0.700, 0.800]" in cards
    assert "p &lt; 0.001: significantly worse" in cards
    assert "&lt;b&gt;bold" in cards
    assert "<b>" not in cards


@pytest.mark.usefixtures("three")
def test_the_address_says_what_is_shown(app: AppTest) -> None:
    app.query_params.update(
        benchmark="affectnet-3999-test", run=["good", "worse"], measures=["accuracy", "ECE"], baseline="worse",
        reported="false", view="Confusion", by="images",
    )  # fmt: skip
    run(app)
    assert compared(app) == ["good", "worse"]
    assert {"accuracy", "ece"} <= set(app.dataframe[0].value.columns)
    assert "difference from worse" in captions(app)
    assert len(app.dataframe) == 1
    assert app.segmented_control(key="by").value == "images"
    assert len(app.get("plotly_chart")) == 3


@pytest.mark.usefixtures("three")
def test_what_is_not_here_is_said(app: AppTest) -> None:
    app.query_params.update(
        experiment="mars", benchmark="moon", run=["nobody", "<b>"], baseline="no", measures="beauty", view="magic", measure="x",
    )  # fmt: skip
    run(app)
    assert [warning.value.replace("\\", "") for warning in app.warning] == [
        "There is no experiment “mars” here: “All runs” is shown.",
        "There is no benchmark “moon” here: “affectnet-3999-test” is shown.",
        "There is no run on affectnet-3999-test called “nobody”, “<b>” here: those of the list are compared.",
        "There is no baseline “no” here: “the best run” is shown.",
    ]
    assert compared(app) == ["good", "alike", "worse"]
    assert len(app.get("plotly_chart")) == 1
    run(app)
    assert not app.warning


def test_another_evaluation_keeps_no_runs_of_the_first(app: AppTest, add: Callable[..., Path], three: list[Path]) -> None:
    add("validated", 0.6, split="val", chosen_by={})
    add("validated-too", 0.5, split="val", chosen_by={})
    run(app)
    assert app.selectbox(key="address-benchmark").options == ["affectnet-3999-test", "affectnet-3999-val"]
    tick(app, "good", "worse")
    app.selectbox(key="address-baseline").set_value("good")
    run(app)
    app.selectbox(key="address-benchmark").set_value("affectnet-3999-val")
    run(app)
    assert compared(app) == ["validated", "validated-too"]


@pytest.mark.usefixtures("three")
def test_another_page_and_back_keeps_what_was_chosen(app: AppTest) -> None:
    run(app)
    tick(app, "good", "worse")
    app.selectbox(key="address-baseline").set_value("worse")
    run(app)
    run(go_to(app, "about"))
    app.query_params.clear()
    run(go_to(app, "compare"))
    assert compared(app) == ["good", "worse"]
    assert app.selectbox(key="address-baseline").value == "worse"
