"""Reviews on the page of errors: the desk, the queue, and what they leave behind."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from emotion_core.results.queue import ReviewQueue
from emotion_core.results.reviews import Review, ReviewStore
from tests.pages.errors.desk import SELECT, ask, desk, drawn, said, send
from tests.pages.errors.driving import IMAGES, open_errors, shown, words
from tests.pages.opening import run

DATASET = "affectnet-3999"


def standing() -> list[tuple[str, str, str | None, str]]:
    columns = ["sample_id", "verdict", "expression", "reviewer"]
    return list(ReviewStore().latest(DATASET)[columns].itertuples(index=False, name=None))


def test_a_verdict_is_kept_found_again_and_taken_back(app: AppTest, two_runs: None) -> None:
    app.session_state["reviewer"] = "Ada *L*"
    open_errors(app, image="images/3.jpg")
    first = said("images/3.jpg", "wrong label", expression="fear", note="=1+1 <b>")
    ask(app, 1, reviewer=" Ada  *L* ", said=[first])
    assert standing() == [("images/3.jpg", "wrong label", "fear", "Ada *L*")]
    answer = desk(app)["answer"]
    assert (answer["number"], answer["failed"], answer["error"], answer["reviewer"]) == (1, [], None, "Ada *L*")
    [line] = answer["said"]["images/3.jpg"]
    assert line["words"].startswith("⚑ wrong label → fear · Ada *L*")
    assert line["note"] == "=1+1 <b>"
    assert isinstance(line["own"], int)
    # A question that is asked again is not acted on twice.
    ask(app, 1, reviewer="Ada *L*", said=[first])
    assert len(ReviewStore().history(DATASET, "images/3.jpg")) == 1
    ask(app, 2, reviewer="Ada *L*", said=[said("images/3.jpg", None, "k2", undo="k1")])
    assert standing() == []
    [line] = desk(app)["answer"]["said"]["images/3.jpg"]
    assert "withdrawn by Ada" in line["words"]
    assert line["own"] is None


def test_what_somebody_else_says_stays(app: AppTest, two_runs: None) -> None:
    number = ReviewStore().add(Review(dataset=DATASET, sample_id="images/3.jpg", verdict="fine", reviewer="Bob")).id
    open_errors(app, image="images/3.jpg")
    [item] = [each for each in desk(app)["items"].values() if each["id"] == "images/3.jpg"]
    assert [line["own"] for line in item["said"]] == [None]
    ask(app, 1, reviewer="Ada", said=[said("images/3.jpg", None, "k", undo=number)])
    assert "only they take it back" in desk(app)["answer"]["error"]
    assert desk(app)["answer"]["failed"] == ["k"]
    assert len(standing()) == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"reviewer": "", "said": [said("images/3.jpg")]}, "name of the reviewer is missing"),
        ({"reviewer": "A", "said": [said("images/3.jpg", "lovely")]}, "There is no verdict"),
        ({"reviewer": "A", "said": [said("nowhere.jpg")]}, None),
        ({"reviewer": "A" * 999, "said": [said("images/3.jpg")]}, None),
        ({"need": [-1]}, None),
        ({"need": ["all"]}, None),
    ],
)
def test_what_a_browser_sends_is_checked(app: AppTest, two_runs: None, wrong: dict[str, object], words: str | None) -> None:
    open_errors(app, image="images/3.jpg")
    ask(app, 1, **wrong)
    answer = desk(app)["answer"]
    assert standing() == []
    assert (answer or {}).get("error") is None if words is None else words in answer["error"]


def test_the_queue_hands_out_and_tells_what_was_found(app: AppTest, two_runs: None, pictures: None) -> None:
    other = ReviewQueue(ReviewStore(), DATASET, "test")
    open_errors(app)
    assert app.button(key="queue-start").disabled
    app.selectbox(key="queue-source").select("random")
    app.text_input(key="queue-name").set_value("Ada")
    run(app)
    app.session_state["queue-asking"] = True
    app.button(key="queue-start").click()
    run(app)
    # What was asked does not lie over the desk.
    assert not app.session_state["queue-asking"]
    first = desk(app)
    ids = [item["id"] for item in first["items"].values()]
    assert len(ids) == 4
    assert (first["total"], first["growing"]) == (8, True)
    assert not set(other.claim([("random", [f"images/{n}.jpg" for n in range(IMAGES)])], "Bob", 5)) & set(ids)
    ask(app, 1, at=1, need=[4, 5], reviewer="Ada", said=[said(ids[0], "wrong label", expression="fear")])
    then = desk(app)
    assert list(then["items"]) == ["4", "5"]
    assert then["total"] == 16
    assert app.query_params.get("image") is None
    assert "wrong [" in words(app).replace("are wrong", "wrong")
    assert "1 of 1 judged" in words(app)


def test_reviewed_images_carry_a_sign(app: AppTest, two_runs: None) -> None:
    kept = ReviewStore()
    for who, verdict in (("Ada", "ambiguous"), ("Bo", "bad crop")):
        kept.add(Review(dataset=DATASET, sample_id="images/0.jpg", verdict=verdict, reviewer=who))
    open_errors(app, outcome="all", sort="name")
    assert "⚑ reviewers disagree" in words(app)
    app.selectbox(key="review").select("reviewed")
    run(app)
    assert shown(app) == ["images/0.jpg"]


def test_a_broken_place_for_reviews_costs_reviews_only(app: AppTest, two_runs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTION_REVIEWS_URL", "nonsense")
    open_errors(app, image="images/3.jpg")
    assert "EMOTION_REVIEWS_URL" in app.warning[0].value.replace("\\", "")
    assert len(shown(app)) == 24
    ask(app, 1, reviewer="Ada", said=[said("images/3.jpg")])
    assert "EMOTION_REVIEWS_URL" in desk(app)["answer"]["error"]
    assert desk(app)["answer"]["failed"] == ["k1"]


def test_one_verdict_for_many(app: AppTest, two_runs: None, pictures: None) -> None:
    app.session_state["several"] = True
    app.session_state["reviewer"] = "Ada"
    open_errors(app)
    ids = [item["id"] for item in drawn(app, SELECT)["items"]]
    assert len(ids) == 24
    assert ["✗ " in line for line, tone in drawn(app, SELECT)["items"][0]["lines"] if tone == "bad"] == [True]
    bulk = {"images": ids[:3], "verdict": "wrong label", "expression": None, "reviewer": "Ada"}
    send(app, SELECT, "say", bulk)
    assert "needs the right expression" in drawn(app, SELECT)["error"]
    send(app, SELECT, "say", {**bulk, "images": [*ids[:2], "nowhere.jpg"], "verdict": "bad crop"})
    assert standing() == []
    send(app, SELECT, "say", {**bulk, "verdict": "bad crop"})
    assert sorted(standing()) == sorted((name, "bad crop", None, "Ada") for name in ids[:3])
    then = drawn(app, SELECT)
    assert then["words"] == "3 pictures are marked “bad crop”."
    assert ["⚑ bad crop", ""] in then["items"][0]["lines"]
    send(app, SELECT, "undo", then["undo"])
    assert standing() == []
    send(app, SELECT, "open", ids[5])
    assert app.query_params["image"] == ids[5]
