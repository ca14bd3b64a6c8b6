"""Photos on the page of predictions: many, bad, twice, from the camera."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.opening import go_to, run
from tests.pages.predict.driving import SAMPLE, captions, cards, drawn, images, plain_png, upload
from tests.portraits import two_faces


@pytest.mark.usefixtures("one_run")
def test_a_bad_file_does_not_disturb_a_good_one(app: AppTest) -> None:
    run(app)
    upload(app, ("notes.jpg", b"no picture"), ("good.jpg", SAMPLE), ("cut.jpg", SAMPLE[:2000]))
    assert cards(app) == 1
    assert app.warning[0].value == "2 files could not be read."
    texts = [text.value for text in app.text]
    assert "notes.jpg" in texts
    assert any("cannot be read as a picture" in text for text in texts)
    assert any("truncated" in text for text in texts)


@pytest.mark.usefixtures("one_run")
@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>.jpg", "*a* `b` $c$ :smile: [d](http://e) :red[f].jpg", "x" * 300 + ".jpg", "a\u202egpj.jpg"],
)
def test_names_are_shown_literally_or_shortened(app: AppTest, name: str) -> None:
    run(app)
    upload(app, (name, SAMPLE), (name, b"no picture"), (name, plain_png(9)))
    assert cards(app) == 1
    # Every element that reads Markdown or HTML.
    for kind in ("markdown", "caption", "warning", "info", "error", "button", "html"):
        for element in app.get(kind):
            assert name[:20] not in str(element.proto), kind
    texts = [text.value for text in app.text]
    if len(name) > 60:
        assert not any(name in text for text in texts)
        assert any(text.startswith("xxx") and text.endswith("xxx.jpg") and len(text) == 60 for text in texts)
    elif name.isprintable():
        assert name in texts
    else:
        assert "a\N{REPLACEMENT CHARACTER}gpj.jpg" in texts


@pytest.mark.usefixtures("one_run")
def test_the_same_file_twice(app: AppTest, calls: dict[str, list[int]]) -> None:
    run(app)
    upload(app, ("one.jpg", SAMPLE), ("two.jpg", SAMPLE), ("two.jpg", SAMPLE))
    assert cards(app) == 3
    assert sum(calls["read"]) == 1


@pytest.mark.usefixtures("one_run")
def test_more_files_cost_only_the_new_ones(app: AppTest, calls: dict[str, list[int]]) -> None:
    run(app)
    upload(app, ("one.jpg", SAMPLE))
    upload(app, ("one.jpg", SAMPLE), ("plain.png", plain_png(1)))
    assert len(calls["find"]) == 2
    assert sum(calls["read"]) == 1


@pytest.mark.usefixtures("one_run")
def test_without_a_face_the_whole_picture_can_be_taken(app: AppTest) -> None:
    run(app)
    upload(app, ("wall.png", plain_png(3)))
    assert cards(app) == 0
    assert "No face was found in wall.png." in [text.value for text in app.text]
    app.button(key="take-whole").click()
    run(app)
    assert cards(app) == 1
    assert app.toggle(key="whole").value is True
    assert any("The whole picture counts as the face" in line for line in captions(app))


@pytest.mark.usefixtures("one_run")
def test_one_photo_has_a_box_for_each_face_and_the_card_of_one(app: AppTest) -> None:
    run(app)
    upload(app, ("two.png", two_faces()))
    [photo] = drawn(app, "photo_view")
    assert [face["words"].split(":")[0] for face in photo["faces"]] == ["Face 1", "Face 2"]
    assert photo["open"] == 0
    assert cards(app) == 1
    app.query_params["face"] = "2"
    run(app)
    assert drawn(app, "photo_view")[0]["open"] == 1
    assert any("Face 2 of two.png" in alt for alt in images(app))


@pytest.mark.usefixtures("one_run")
def test_several_photos_at_a_glance(app: AppTest) -> None:
    run(app)
    upload(app, ("one.png", two_faces()), ("wall.png", plain_png(1)), ("two.jpg", SAMPLE))
    assert {alt.split(":")[0] for alt in images(app)} >= {"one.png", "wall.png", "two.jpg"}
    app.segmented_control(key="overview").select("Table")
    run(app)
    table = app.dataframe[0].value
    assert list(table["photo"]) == ["one.png", "one.png", "two.jpg"]
    assert list(table["face"]) == [1, 2, 1]
    assert table["confidence"].between(0, 1).all()
    assert (table["size"] > 50).all()
    app.segmented_control(key="overview").select("Histogram")
    run(app)
    assert any(chart.proto.alt.startswith("Faces by most probable") for chart in app.get("plotly_chart"))


@pytest.mark.usefixtures("one_run")
def test_many_photos_are_read_in_batches_and_shown_in_pages(app: AppTest, calls: dict[str, list[int]]) -> None:
    app.query_params["whole"] = "true"
    run(app)
    upload(app, *((f"{level}.png", plain_png(level)) for level in range(40)))
    assert calls["read"] == [32, 8]
    assert cards(app) == 8
    assert "40 faces in 40 photos" in [markdown.value for markdown in app.markdown]
    first = [alt for alt in images(app) if "cut out" in alt]
    next(each for each in app.pagination if each.key == "page").set_value(5)
    run(app)
    assert cards(app) == 8
    assert not set(images(app)) & set(first)
    assert calls["read"] == [32, 8]


@pytest.mark.usefixtures("one_run")
def test_a_photo_from_the_camera(app: AppTest) -> None:
    run(app)
    assert not app.camera_input  # the browser is not asked for the camera before it is wanted
    app.segmented_control(key="source").select("Camera")
    run(app)
    assert not app.camera_input
    app.segmented_control(key="camera_kind").select("Photo")
    run(app)
    app.camera_input[0].upload("photo.jpg", SAMPLE, "image/jpeg")
    run(app)
    assert cards(app) == 1


@pytest.mark.usefixtures("one_run")
def test_what_is_uploaded_is_forgotten_with_the_file(app: AppTest) -> None:
    run(app)
    upload(app, ("one.jpg", SAMPLE))
    assert len(app.session_state["photos"]) == 1
    upload(app, ("plain.png", plain_png(1)))
    assert len(app.session_state["photos"]) == 1
    assert len(app.session_state["readings"]) == 1


@pytest.mark.usefixtures("one_run")
def test_photos_survive_a_visit_to_another_page_until_they_are_removed(app: AppTest, calls: dict[str, list[int]]) -> None:
    run(app)
    upload(app, ("good.jpg", SAMPLE))
    go_to(app, "about")
    run(app)
    go_to(app, "predict")
    run(app)
    assert cards(app) == 1
    assert "1 photo from before" in [text.value for text in app.text]
    assert calls["read"] == [1]
    app.button(key="remove-photos").click()
    run(app)
    assert cards(app) == 0


@pytest.mark.usefixtures("one_run")
def test_a_picture_of_the_gallery_opens_its_card(app: AppTest) -> None:
    run(app)
    upload(app, ("one.jpg", SAMPLE), ("two.jpg", SAMPLE + b"\0"))
    assert cards(app) == 2
    app.button(key="open-1").click()
    run(app)
    assert cards(app) == 1
    assert app.query_params["card"] == "2"
    app.button(key="all-cards").click()
    run(app)
    assert cards(app) == 2
