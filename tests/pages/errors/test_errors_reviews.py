"""Reviews on the page of errors."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from emotion_core.results.reviews import Review, ReviewStore
from tests.pages.errors.driving import open_errors, shown, words
from tests.pages.opening import run


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
