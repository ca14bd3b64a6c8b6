"""Filters that are kept, and slices, on the page of errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from emotion_core.inspection.sets import encode_set
from emotion_core.metrics.summary import summarize
from emotion_core.results.attributes import read_attributes
from emotion_core.results.reviews import ReviewStore
from tests.pages.errors.driving import open_errors, shown, words
from tests.pages.opening import run
from tests.stored import predicted, random_predictions


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


def choose_row(app: AppTest, key: str, rows: list[int]) -> AppTest:
    """What the browser sends after a click on a row of a table."""
    frame = next(frame for frame in app.dataframe if frame.proto.id.endswith(key))
    states = app._tree.get_widget_states()
    states.widgets.add(id=frame.proto.id, string_value=json.dumps({"selection": {"rows": rows, "columns": [], "cells": []}}))
    app._tree.get_widget_states = lambda: states  # type: ignore[method-assign]
    return run(app)


@pytest.mark.usefixtures("checkpoints", "pictures")
def test_slices_are_measured_and_open_their_errors(app: AppTest, store: Callable[..., Path]) -> None:
    table = random_predictions(1)
    store("b-second", table)
    open_errors(app, **{"by-slice": "true"})
    [slices] = [frame.value for frame in app.dataframe if "lost" in frame.value]
    assert slices["lost"].is_monotonic_decreasing
    assert set(slices["by"]) == {"true expression", "region of the plane"}
    assert "significantly worse" in words(app)
    place = slices.index[slices["images"] == "fear"][0]
    choose_row(app, "by-slice-table", [int(place)])
    wrong = (table["expression"] == "fear") & (predicted(table) != "fear")
    assert set(shown(app)) == set(table["sample_id"][wrong])
    app.button(key="measure-pictures").click()
    run(app)
    [slices] = [frame.value for frame in app.dataframe if "lost" in frame.value]
    assert {"sharpness", "brightness"} <= set(slices["by"])
    sharpest = slices[(slices["by"] == "sharpness") & slices["images"].str.startswith("above")].iloc[0]
    part = f"sharpness: {sharpest['images']}"
    choose_row(app, "by-slice-table", [int(sharpest.name)])
    assert app.selectbox(key="part").value == part
    assert 0 < len(shown(app)) <= sharpest["number"]
    kept = read_attributes("affectnet-3999", "test")
    assert kept is not None
    assert set(shown(app)) <= set(kept.index[kept["sharpness"] > kept["sharpness"].quantile(2 / 3)])
    choose_row(app, "by-slice-table", [])
    assert app.selectbox(key="part").value is None


@pytest.mark.usefixtures("two_runs")
def test_a_set_of_the_address_is_shown_and_checked(app: AppTest) -> None:
    ids = np.sort(random_predictions(2)["sample_id"].to_numpy(dtype=object))
    open_errors(app, chosen=encode_set([3, 7], ids), outcome="all", sort="name")
    assert shown(app) == [ids[3], ids[7]]
    assert "2 images chosen one by one" in words(app)
    app.button(key="drop-set").click()
    run(app)
    assert len(shown(app)) == 24
    app.query_params["chosen"] = "<b>nonsense"
    run(app)
    assert "Choose them again" in app.warning[0].value.replace("\\", "")
    assert len(shown(app)) == 24


@pytest.mark.usefixtures("two_runs")
def test_images_are_found_by_their_file_name(app: AppTest) -> None:
    open_errors(app, outcome="all", file="IMAGES/5", sort="name")
    assert shown(app) == sorted(f"images/{number}.jpg" for number in (5, *range(50, 60)))
    app.text_input(key="file").set_value(".*")
    run(app)
    assert not shown(app)
    app.button(key="clear").click()
    run(app)
    assert app.text_input(key="file").value == ""
