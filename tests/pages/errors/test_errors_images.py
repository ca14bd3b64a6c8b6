"""The gallery, and one image, on the page of errors."""

from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.errors.desk import ask, desk
from tests.pages.errors.driving import open_errors, shown, words
from tests.pages.opening import run
from tests.stored import random_predictions


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
    seen = desk(app)
    assert [item["id"] for item in seen["items"].values()] == shown(app)[:4]
    assert seen["items"]["0"]["src"].startswith("data:image/jpeg;base64,")
    assert seen["at"] == 0
    ask(app, 1, at=1, need=[1, 5])
    assert app.query_params["image"] == second
    after = desk(app)
    assert list(after["items"]) == ["1", "5"]
    # The browser went there by itself: it is not sent there again.
    assert after["opening"] == seen["opening"]
    row = random_predictions(2).set_index("sample_id").loc[second]
    assert f"True {row.expression}" in [text for text, _ in after["items"]["1"]["title"]]


@pytest.mark.usefixtures("two_runs", "pictures")
def test_overlays_of_two_runs(app: AppTest) -> None:
    open_errors(app, baseline="b-second", image="images/3.jpg", overlay="arousal")
    [item] = [each for each in desk(app)["items"].values() if each["id"] == "images/3.jpg"]
    alts = [each["alt"] for each in item["heats"]]
    assert len(alts) == 2
    assert all(alt.startswith("Heat map of") and "for arousal over images/3.jpg" in alt for alt in alts)
    ask(app, 1, heat="true expression", need=[0])
    assert app.query_params["overlay"] == "true expression"
    true = desk(app)["items"]["0"]["true"]
    assert all(f"for {true} over" in each["alt"] for each in desk(app)["items"]["0"]["heats"])


@pytest.mark.usefixtures("two_runs", "pictures")
def test_numbers_and_nearest_images_open_on_demand(app: AppTest) -> None:
    open_errors(app, baseline="b-second", image="images/3.jpg")
    assert not [frame for frame in app.dataframe if "margin" in frame.value]
    open_errors(app, details="true")
    row = random_predictions(2).set_index("sample_id").loc["images/3.jpg"]
    values = next(frame.value for frame in app.dataframe if "margin" in frame.value)
    assert values["loss"][1] == f"{-np.log(row[f'prob_{row.expression}']):.3f}"
    app.button_group(key="nearest").select("b-second")
    run(app)
    near = [button.key for button in app.button if button.key.startswith("near-open-")]
    assert len(near) == 8
    assert "cosine" in words(app)
    app.button(key=near[0]).click()
    run(app)
    ids = sorted(random_predictions()["sample_id"])
    assert app.query_params["image"] == ids[int(near[0].split("-")[-1])]
