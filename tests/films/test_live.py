"""A camera, read as it runs."""

from __future__ import annotations

import base64
import math
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from emotion_core.faces import Face, crop_square, load_detector
from emotion_core.films import live
from emotion_core.films.live import FINE, SIDE, LiveReader, heat_picture
from emotion_core.films.smoothing import TAU
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.predict import Predictor, Reading
from tests.films.films import scene
from tests.stored import write_network


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return Predictor.from_run(write_network(tmp_path_factory.mktemp("runs") / "small"), device="cpu")


@pytest.fixture(scope="module")
def detector():
    return load_detector()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(predictor: Predictor, detector, clock: Clock) -> LiveReader:
    return LiveReader(predictor, detector, clock=clock)


def test_values_are_means_over_the_past(reader: LiveReader, clock: Clock):
    times, answers = [0.0, 0.1, 0.3, 0.7], []
    for step, time in enumerate(times):
        clock.now = 100 + time
        answers.append(reader.read(scene((8 + step, 180, 20))))
    table = reader.taken().table()
    assert table["time"].tolist() == pytest.approx(times)
    assert table["frame"].tolist() == [0, 1, 2, 3]
    for column in AFFECT:
        raw = table[column].tolist()
        for now, answer in enumerate(answers):
            weights = [math.exp(-(times[now] - times[then]) / TAU) for then in range(now + 1)]
            mean = sum(weight * value for weight, value in zip(weights, raw, strict=False)) / sum(weights)
            assert answer["faces"][0][column] == pytest.approx(mean)
    assert [each["rate"] for each in answers] == pytest.approx([0, 10, 2 / 0.3, 3 / 0.7])
    assert sum(answers[-1]["faces"][0]["probabilities"].values()) == pytest.approx(1)
    assert answers[-1]["faces"][0]["track"] == 1


def test_a_large_picture_is_reduced_and_boxes_are_in_its_pixels(reader: LiveReader):
    image = scene((8, 180, 20))
    [near] = reader.read(image)["faces"]
    answer = reader.read(cv2.resize(image, (1280, 720), interpolation=cv2.INTER_LINEAR))
    assert (answer["width"], answer["height"]) == (SIDE, 360)
    assert answer["faces"][0]["box"] == pytest.approx([2 * each for each in near["box"]], abs=12)
    empty = reader.read(np.full((90, 160, 3), 90, np.uint8))
    assert empty["faces"] == []
    assert (empty["width"], empty["height"]) == (160, 90)


def test_a_heat_map_comes_where_it_is_asked_for(reader: LiveReader):
    [face] = reader.read(scene((0, 20, 20)))["faces"]
    assert "heat" not in face
    reader.heat = True
    [face] = reader.read(scene((0, 20, 20)))["faces"]
    heat = face["heat"]
    assert (heat["left"], heat["top"], heat["side"]) == crop_square(Face(tuple(face["box"])))
    content = base64.b64decode(heat["src"].removeprefix("data:image/png;base64,"))
    assert cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).shape == (FINE, FINE, 3)


def test_nothing_is_drawn_where_nothing_speaks_for_an_output():
    against = {"fear": np.array([[-1.0, -2.0]], np.float32)}
    reading = Reading(expression="fear", probabilities={}, valence=None, arousal=None, maps={}, contributions=against)
    assert heat_picture(Face((0, 0, 10, 10)), reading, "fear") is None


@pytest.mark.parametrize(("shown", "said"), [("fear", True), ("anger", False)])
def test_a_verdict_stands_only_if_it_is_the_most_probable(shown: str, said: bool):
    probabilities = {name: 0.65 if name == "fear" else 0.05 for name in EXPRESSIONS}
    seen = []

    def stands(probs: np.ndarray) -> np.ndarray:
        seen.append(probs[0].tolist())
        return probs.max(axis=1) > 0.6

    frame = SimpleNamespace(prediction=SimpleNamespace(interpretation=SimpleNamespace(stands=stands)))
    assert live._stands(frame, SimpleNamespace(expression=shown, probabilities=probabilities)) is said
    assert seen == [list(probabilities.values())]


def test_results_are_kept_up_to_a_limit(reader: LiveReader, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live, "KEPT", 3)
    two = scene((0, 20, 20), (8, 180, 20))
    reader.read(two)
    assert not reader.full
    before = reader.taken()
    answer = reader.read(two)
    assert len(answer["faces"]) == 2
    assert reader.full
    assert reader.taken().table().equals(before.table())
    reader.read(scene((0, 20, 20)))
    assert reader.taken().frames == 1


def test_what_was_taken_stays_as_it_was(reader: LiveReader):
    reader.read(scene((0, 20, 20)))
    before = reader.taken()
    reader.read(scene((0, 20, 20)))
    assert (before.frames, before.faces, len(before.table())) == (1, 1, 1)
    assert reader.taken().frames == 2


def test_threads_read_one_after_the_other(reader: LiveReader):
    image = scene((0, 20, 20))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: reader.read(image), range(8)))
    assert reader.taken().table()["frame"].tolist() == list(range(8))
