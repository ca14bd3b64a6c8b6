"""The queue hands an image to one reviewer at a time, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy import text

from emotion_core.errors import ReviewError
from emotion_core.results.queue import PATIENCE, ReviewQueue, agreement
from emotion_core.results.reviews import Review, ReviewStore

IDS = [f"{number}.jpg" for number in range(30)]
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(address: str) -> Iterator[ReviewStore]:
    with ReviewStore(address) as opened:
        yield opened


@pytest.fixture
def queue(store: ReviewStore) -> ReviewQueue:
    return ReviewQueue(store, "faces", "test")


def say(store: ReviewStore, sample_id: str, verdict: str = "fine", reviewer: str = "Ann") -> None:
    expression = "fear" if verdict == "wrong label" else None
    store.add(Review(dataset="faces", sample_id=sample_id, verdict=verdict, expression=expression, reviewer=reviewer))


def test_two_reviewers_never_get_the_same(queue: ReviewQueue, store: ReviewStore, address: str):
    queue.claim([("random", IDS)], "Zoe", 1)

    def work(name: str) -> list[str]:
        with ReviewStore(address) as mine:
            own = ReviewQueue(mine, "faces", "test")
            found: list[str] = []
            while some := own.claim([("doubtful label", IDS)], name, 3, without=found):
                found += some
            return found

    with ThreadPoolExecutor(3) as pool:
        handed = list(pool.map(work, ("Ann", "Bob", "Cid")))
    assert sorted(sample for some in handed for sample in some) == sorted(IDS[1:])


def test_the_most_wanted_come_first_and_piles_in_their_order(queue: ReviewQueue):
    piles = [("doubtful label", IDS[3:5]), ("runs disagree", IDS[4:7]), ("random", IDS)]
    assert queue.claim(piles, "Ann", 6) == ["3.jpg", "4.jpg", "5.jpg", "6.jpg", "0.jpg", "1.jpg"]
    assert queue.claim(piles, "Bob", 2) == ["2.jpg", "7.jpg"]
    with pytest.raises(ReviewError, match=r"There is no pile 'luck'\. Known: doubtful label"):
        queue.claim([("luck", IDS)], "Ann", 1)
    with pytest.raises(ReviewError, match="name of the reviewer is missing"):
        queue.claim(piles, " ", 1)


def test_what_is_open_comes_back_to_its_reviewer_and_later_to_others(queue: ReviewQueue, store: ReviewStore):
    pile = [("doubtful label", IDS[:3])]
    assert queue.claim(pile, "Ann", 2, now=NOW) == IDS[:2]
    assert queue.claim(pile, "Ann", 3, without=IDS[:2], now=NOW) == IDS[2:3]
    assert queue.claim(pile, "Ann", 2, now=NOW + timedelta(minutes=1)) == IDS[:2]
    assert queue.claim(pile, "Bob", 3, now=NOW + PATIENCE) == []
    say(store, IDS[0])
    assert queue.claim(pile, "Bob", 3, now=NOW + 2 * PATIENCE) == IDS[1:3]
    assert queue.claim(pile, "Ann", 3, now=NOW + 2 * PATIENCE) == []


def test_second_opinions_are_asked_for(queue: ReviewQueue, store: ReviewStore):
    say(store, IDS[0])
    say(store, IDS[1], reviewer="Bob")
    pile = [("random", IDS[:3])]
    assert queue.claim(pile, "Bob", 3, second=True) == IDS[:1]
    assert queue.claim(pile, "Cid", 3, second=True) == IDS[1:2]
    assert queue.wrong_labels().drawn == 0


def test_the_rate_counts_all_that_were_drawn_whoever_judged_them(queue: ReviewQueue, store: ReviewStore):
    assert queue.wrong_labels().share is None
    say(store, IDS[1], "wrong label")  # before, and for another reason
    say(store, IDS[20], "wrong label")  # never drawn
    queue.claim([("doubtful label", [IDS[2]])], "Bob", 1)
    assert queue.claim([("random", IDS)], "Ann", 3) == ["0.jpg", "3.jpg", "4.jpg"]
    for sample_id, verdict in (("0.jpg", "fine"), ("3.jpg", "ambiguous"), ("4.jpg", "wrong label")):
        say(store, sample_id, verdict)
    say(store, "4.jpg", "fine", "Bob")
    found = queue.wrong_labels()
    assert (found.drawn, found.judged, found.disputed, found.wrong) == (5, 3, 1, 1)
    # Wilson (1927) with 1 of 3, by hand.
    z, p, n = 1.959964, 1 / 3, 3
    centre, half = p + z * z / 6, z * math.sqrt(p * (1 - p) / n + z * z / 36)
    assert found.share == pytest.approx(p)
    assert (found.low, found.high) == pytest.approx(((centre - half) / (1 + z * z / 3), (centre + half) / (1 + z * z / 3)))


def test_agreement_is_krippendorffs_alpha():
    # Of 20 values 14 are 0 and 6 are 1, and four units differ: alpha is 1 - 19 · 4 / (14 · 6) (Krippendorff 2011, section A).
    coders = {"Ann": "0100000000", "Bob": "1110010100"}
    words = {"0": "fine", "1": "ambiguous"}
    rows = [(str(unit), words[value], who) for who, values in coders.items() for unit, value in enumerate(values)]
    latest = pd.DataFrame([*rows, ("alone", "bad crop", "Ann")], columns=["sample_id", "verdict", "reviewer"])
    found = agreement(latest)
    assert found.images == 10
    assert found.alpha == pytest.approx(1 - 19 * 4 / (14 * 6))
    assert math.isnan(agreement(latest.iloc[:0]).alpha)


def test_reviews_from_before_there_was_a_queue_get_one(address: str):
    with ReviewStore(address) as store:
        say(store, IDS[0])
        with store._engine.begin() as connection:
            connection.execute(text("DROP TABLE review_claims"))
            connection.execute(text("UPDATE review_schema SET version = 1"))
    with ReviewStore(address) as store:
        assert ReviewQueue(store, "faces", "test").claim([("random", IDS)], "Bob", 1) == [IDS[1]]
        assert len(store.latest("faces")) == 1
