"""The gallery, and one image, on the page of errors."""

from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.errors.driving import open_errors, shown, words
from tests.pages.opening import run
from tests.stored import predicted, random_predictions


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
    open_errors(app, baseline="b-second", image="images/3.jpg", overlay="arousal")
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
