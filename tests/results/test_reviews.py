"""Reviews last, whoever adds them at once, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from emotion_core.errors import ReviewError, ReviewStoreError
from emotion_core.results.reviews import COLUMNS, Review, ReviewStore
from emotion_core.results.verdicts import VERDICTS


def mark(sample_id: str = "images/1.jpg", verdict: str = "fine", reviewer: str = "Ann", **others: str) -> Review:
    return Review(**{"dataset": "faces", "sample_id": sample_id, "verdict": verdict, "reviewer": reviewer, **others})


@pytest.fixture
def store(address: str) -> Iterator[ReviewStore]:
    with ReviewStore(address) as opened:
        yield opened


def test_a_review_comes_back_as_it_was_given(store: ReviewStore):
    before = datetime.now(UTC)
    note = "eyes 😀\n'; DROP TABLE reviews; --\t%s"
    given = mark("bilder/ä 1.jpg", "wrong label", " Anné  B ", expression="fear", note=note)
    kept = store.add(given)
    assert before <= kept.at <= datetime.now(UTC)
    [row] = store.latest("faces").to_dict("records")
    assert row == {name: getattr(kept, name) for name in COLUMNS}
    assert row["reviewer"] == "Anné B"
    assert row["note"] == note
    assert store.latest("other").empty
    assert tuple(store.latest("other").columns) == COLUMNS


def test_the_newest_standing_review_of_each_reviewer_counts(store: ReviewStore):
    store.add(mark(verdict="fine"))
    second = store.add(mark(verdict="bad crop"))
    store.add(mark(verdict="ambiguous", reviewer="Bob"))
    store.add(mark("images/2.jpg", "not a face"))
    latest = store.latest("faces")
    assert latest[["sample_id", "reviewer", "verdict"]].to_numpy().tolist() == [
        ["images/1.jpg", "Ann", "bad crop"],
        ["images/1.jpg", "Bob", "ambiguous"],
        ["images/2.jpg", "Ann", "not a face"],
    ]
    store.withdraw(second.id, " Ann ")
    assert store.latest("faces")["verdict"].tolist() == ["fine", "ambiguous", "not a face"]


def test_history_forgets_nothing(store: ReviewStore):
    first = store.add(mark(verdict="bad crop"))
    store.add(mark(verdict="fine"))
    store.add(mark("images/2.jpg"))
    with pytest.raises(ReviewError, match=f"Review {first.id} is Ann's, and only they take it back"):
        store.withdraw(first.id, "Bob")
    store.withdraw(first.id, "Ann")
    store.withdraw(first.id, "Ann")
    history = store.history("faces", "images/1.jpg")
    assert history["verdict"].tolist() == ["bad crop", "fine"]
    assert history["withdrawn_by"].tolist() == ["Ann", None]
    assert history["withdrawn_at"].notna().tolist() == [True, False]
    with pytest.raises(ReviewError, match="There is no review 999 in "):
        store.withdraw(999, "Bob")
    assert len(store.history("faces", "images/1.jpg")) == 2
    assert store.histories("faces", ["images/1.jpg", "images/2.jpg"])["sample_id"].tolist() == ["images/1.jpg"] * 2 + [
        "images/2.jpg"
    ]


def test_many_are_kept_at_once(store: ReviewStore):
    ids = [f"images/{number}.jpg" for number in range(24)]
    numbers = store.add_all([mark(sample_id) for sample_id in ids])
    latest = store.latest("faces")
    assert (latest["sample_id"].tolist(), latest["id"].tolist()) == (ids, numbers)


def test_verdicts_are_those_of_the_standing_reviews(store: ReviewStore):
    store.add(mark(verdict="wrong label", expression="fear"))
    store.add(mark(verdict="wrong label", expression="fear", reviewer="Bob"))
    store.add(mark(verdict="fine", reviewer="Cid"))
    [row] = store.verdicts("faces").to_dict("records")
    assert row["agreement"] == pytest.approx(2 / 3)
    assert (row["verdict"], row["expression"], row["num_reviewers"], row["conflict"]) == ("wrong label", "fear", 3, True)
    assert store.verdicts("other").empty


def test_csv_has_every_review_and_no_formula(store: ReviewStore):
    first = store.add(mark("=1+1.jpg", note='=HYPERLINK("http://x")', reviewer="@Ann"))
    store.add(Review(dataset="others", sample_id="b", verdict="wrong label", expression="fear", note="a, b\nc", reviewer="Bob"))
    store.withdraw(first.id, "@Ann")
    rows = list(csv.DictReader(io.StringIO(store.to_csv())))
    assert [rows[0][name] for name in ("sample_id", "note", "reviewer", "withdrawn_by")] == [
        "'=1+1.jpg", """'=HYPERLINK("http://x")""", "'@Ann", "'@Ann",
    ]  # fmt: skip
    assert rows[1]["note"] == "a, b\nc"
    assert (rows[1]["expression"], rows[0]["expression"], rows[1]["withdrawn_at"]) == ("fear", "", "")
    assert datetime.fromisoformat(rows[0]["at"]) == first.at.replace(microsecond=0)
    assert [row["dataset"] for row in csv.DictReader(io.StringIO(store.to_csv("others")))] == ["others"]


def test_slices_are_kept_by_name(store: ReviewStore):
    wanted = json.dumps({"true": ["fear"], "confidence": [0.5, 1]})
    store.save_slice("sure and wrong", "faces", "test", wanted, "Ann")
    store.save_slice("sure and wrong", "faces", "val", "{}", "Ann")
    [row] = store.slices("faces", "test").to_dict("records")
    assert (row["name"], row["filter_json"], row["reviewer"]) == ("sure and wrong", wanted, "Ann")
    with pytest.raises(ReviewError, match="There is a slice 'sure and wrong' already"):
        store.save_slice("sure and wrong", "faces", "test", "{}", "Bob")
    store.remove_slice("sure and wrong", "faces", "test")
    assert store.slices("faces", "test").empty
    assert len(store.slices("faces", "val")) == 1
    with pytest.raises(ReviewError, match="no slice 'sure and wrong' for the test split of 'faces'"):
        store.remove_slice("sure and wrong", "faces", "test")


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a": "\ud800"}', "[" * 10_000], ids=["empty", "list", "torn", "surrogate", "deep"]
)
def test_a_filter_that_is_no_json_object_is_refused(sqlite_address: str, text: str):
    with ReviewStore(sqlite_address) as store, pytest.raises(ReviewError, match="not a JSON object"):
        store.save_slice("a", "faces", "test", text, "Ann")


def test_threads_that_add_at_once_lose_nothing(address: str):
    with ReviewStore(address) as first, ReviewStore(address) as second, ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda i: (first, second)[i % 2].add(mark(reviewer=f"R{i % 8}", note=str(i))), range(120)):
            pass
        history = first.history("faces", "images/1.jpg")
        assert sorted(map(int, history["note"])) == list(range(120))
        assert history["id"].is_unique
        latest = first.latest("faces")
    assert len(latest) == 8
    # Of each reviewer the one that was kept last.
    assert latest["id"].tolist() == sorted(history.groupby("reviewer")["id"].max())


ADD = """
import sys
from emotion_core.results.reviews import Review, ReviewStore
address, name = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
with ReviewStore(address) as store:
    for i in range(25):
        store.add(Review(dataset="faces", sample_id="a", verdict="fine", reviewer=name, note=f"{name} {i}"))
"""


def test_processes_that_start_and_add_at_once_lose_nothing(address: str):
    names = [f"R{i}" for i in range(4)]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", ADD, address, name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for name in names
    ]  # fmt: skip
    # None has made the tables before all are there.
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("\n")
        worker.stdin.flush()
    for worker in workers:
        _, errors = worker.communicate()
        assert worker.returncode == 0, errors
    with ReviewStore(address) as store:
        assert sorted(store.history("faces", "a")["note"]) == sorted(f"{name} {i}" for name in names for i in range(25))


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_can_be_given(verdict: str):
    mark(verdict=verdict, **({"expression": "fear"} if verdict == "wrong label" else {}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "wrong"}, "no verdict 'wrong'. Known: wrong label, ambiguous"),
        ({"verdict": "wrong label"}, "needs the right expression: one of neutral"),
        ({"verdict": "wrong label", "expression": "joy"}, "needs the right expression"),
        ({"expression": "fear"}, "'fine' has none"),
        ({"note": "a" * 2001}, "2,001 characters; at most 2,000"),
        ({"note": "a\0"}, "note has characters that cannot be kept"),
        ({"note": "\ud800"}, "note has characters that cannot be kept"),
        ({"reviewer": " \t"}, "name of the reviewer is missing"),
        ({"reviewer": "a" * 81}, "reviewer has 81 characters; at most 80"),
        ({"reviewer": "a\u202eb"}, "reviewer has characters that cannot be shown"),
        ({"sample_id": ""}, "id of the image is missing"),
        ({"sample_id": "a" * 1001}, "1,001 characters"),
        ({"sample_id": "a\nb"}, "id of the image has characters"),
        ({"dataset": ""}, "name of the dataset is missing"),
    ],
)
def test_a_review_that_cannot_be_kept_says_why(change: dict[str, str], message: str):
    with pytest.raises(ReviewError, match=message):
        mark(**change)


def test_the_longest_texts_are_kept(store: ReviewStore):
    kept = store.add(mark("a" * 1000, note="😀" * 2000, reviewer="b" * 80, dataset="c" * 200))
    [row] = store.latest("c" * 200).to_dict("records")
    assert (row["note"], row["reviewer"], row["sample_id"]) == (kept.note, "b" * 80, "a" * 1000)


def test_looking_makes_no_file(sqlite_address: str):
    with ReviewStore(sqlite_address) as store:
        assert store.latest("faces").empty
        assert store.history("faces", "a").empty
        assert store.verdicts("faces").empty
        assert store.slices("faces", "test").empty
        assert store.to_csv().count("\n") == 1
    assert not Path(sqlite_address.removeprefix("sqlite:///")).exists()


def test_a_newer_schema_is_refused(address: str):
    with ReviewStore(address) as store:
        store.add(mark())
        with store._engine.begin() as connection:
            connection.execute(text("UPDATE review_schema SET version = 3"))
    with ReviewStore(address) as store, pytest.raises(ReviewStoreError, match=r"schema version 3; this version reads 2\."):
        store.latest("faces")
