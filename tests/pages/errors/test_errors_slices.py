"""Filters that are kept, and slices, on the page of errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from emotion_core.metrics.summary import summarize
from emotion_core.results.reviews import ReviewStore
from emotion_core.results.run import read_run
from emotion_core.results.slices import Slice, write_slices
from tests.pages.errors.driving import open_errors, shown, words
from tests.pages.opening import run
from tests.stored import random_predictions


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
