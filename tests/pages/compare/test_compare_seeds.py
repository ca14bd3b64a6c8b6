"""Seeds and slices on the page that compares runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from emotion_core.inspection.filters import Filter
from emotion_core.metrics.summary import summarize
from emotion_core.results.reviews import ReviewStore
from emotion_core.results.run import read_run
from emotion_core.results.summaries import read_predictions
from tests.pages.compare.driving import captions, compared
from tests.pages.opening import run


def test_seeds_have_their_own_table(app: AppTest, add: Callable[..., Path]) -> None:
    add("one", 0.7)
    add("two", 0.6, seed=1)
    app.query_params["reported"] = "false"
    run(app)
    assert any("over trainings, not over images" in text.value for text in app.markdown)
    seeds = app.dataframe[1].value
    assert seeds["seeds"].tolist() == [2]
    assert seeds["accuracy"].tolist() == ["0.650 ± 0.071"]


def test_of_each_training_one_seed_is_shown(app: AppTest, add: Callable[..., Path]) -> None:
    add("two", 0.6, seed=1)
    add("one", 0.7)
    add("alone", 0.5, backbone="vgg16", seed=2)
    app.query_params["reported"] = "false"
    run(app)
    assert app.dataframe[0].value["run"].tolist() == ["one", "alone"]
    assert "1 pair of ticked runs" in captions(app)
    app.toggle(key="seeds").set_value(True)
    run(app)
    assert app.dataframe[0].value["run"].tolist() == ["one", "two", "alone"]
    app.toggle(key="seeds").set_value(False)
    # Whoever names a run sees it.
    app.query_params["run"] = ["two", "one"]
    run(app)
    assert compared(app) == ["two", "one"]


def test_one_training_alone_says_where_its_other_seeds_are(app: AppTest, add: Callable[..., Path]) -> None:
    add("one", 0.7)
    add("two", 0.6, seed=1)
    app.query_params["reported"] = "false"
    # A link to a difference from a seed that is not shown.
    app.query_params["baseline"] = "two"
    run(app)
    assert "One training alone: “Every training” above also shows 1 other seed of it." in captions(app)


@pytest.mark.usefixtures("three")
def test_without_other_seeds_nobody_is_asked(app: AppTest) -> None:
    run(app)
    assert not any("over trainings" in text.value for text in app.markdown)


def test_a_slice_is_compared_on_its_own_images(app: AppTest, three: list[Path]) -> None:
    names = [folder.name for folder in three]
    app.run()
    assert not [box for box in app.selectbox if box.key == "slice"]
    reviews = ReviewStore()
    reviews.save_slice("fearful", "affectnet-3999", "test", Filter(true=("fear",)).to_json(), "Ada")
    reviews.save_slice("its errors", "affectnet-3999", "test", Filter(outcome="wrong", runs=(names[0],)).to_json(), "Ada")
    reviews.save_slice("gone", "affectnet-3999", "test", Filter(outcome="wrong", runs=("gone",)).to_json(), "Ada")
    app.run()
    app.selectbox(key="slice").select("fearful").run()
    assert not app.exception
    shown = app.dataframe[0].value.set_index("run")
    for name in names:
        table = read_predictions(read_run(three[names.index(name)]), "affectnet-3999-test")
        part = table[table["expression"] == "fear"].reset_index(drop=True)
        assert float(shown.loc[name, "accuracy"]) == pytest.approx(summarize(part)["accuracy"])
    assert any("On the 20 images of the slice" in caption.value for caption in app.caption)
    app.selectbox(key="slice").select("its errors").run()
    assert not app.exception
    assert float(app.dataframe[0].value.set_index("run").loc[names[0], "accuracy"]) == 0
    assert any("unfair to it or in its favour" in caption.value.replace("\\", "") for caption in app.caption)
    app.segmented_control(key="view").select("Confusion").run()
    assert not app.exception
    app.selectbox(key="slice").select("gone").run()
    assert not app.exception
    assert "was chosen by predictions of gone, which is not here" in app.error[0].value.replace("\\", "")


def test_seeds_that_are_not_shown_are_judged_on_the_slice_too(app: AppTest, add: Callable[..., Path]) -> None:
    folders = [add("one", 0.7), add("two", 0.5, seed=1)]
    ReviewStore().save_slice("fearful", "affectnet-3999", "test", Filter(true=("fear",)).to_json(), "Ada")
    app.query_params["reported"] = "false"
    run(app)
    app.selectbox(key="slice").select("fearful").run()
    tables = [read_predictions(read_run(folder), "affectnet-3999-test") for folder in folders]
    values = [summarize(table[table["expression"] == "fear"].reset_index(drop=True))["accuracy"] for table in tables]
    expected = f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"
    assert app.dataframe[1].value["accuracy"].tolist() == [expected]
