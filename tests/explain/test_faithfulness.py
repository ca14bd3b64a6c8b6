"""Methods are judged on the same faces, and the verdicts follow from the figures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from emotion_core.explain.faithfulness import CONTROLS, MEASURES, Judged, judge_methods, stratified_rows, sum_up
from emotion_core.explain.perturbation import area_under
from emotion_core.labels import EXPRESSIONS
from emotion_core.models.inference import to_input
from emotion_core.models.network import EmotionNetwork
from emotion_core.results.explanations import findings


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (5, 3, 64, 64), dtype=np.uint8)


def judged(level: float, num: int = 40, seed: int = 0, spread: float = 0.02) -> Judged:
    """Insertion at ``level`` throughout and deletion at 0."""
    flat = level + np.random.default_rng(seed).normal(0, spread, (num, 1))
    return Judged(insertion=np.repeat(flat, 11, axis=1), deletion=np.zeros((num, 11)), road=flat[:, 0] / 2)


def test_curves_run_between_the_same_ends(build: Callable[..., EmotionNetwork], pixels: np.ndarray):
    network = build("custom_cnn")
    predicted = np.array([0, 3, 1, 7, 2])
    done: list[int] = []
    found = judge_methods(
        network, pixels, predicted, ["gradcam", "random", "centre"], temperature=2.0, batch_size=3, progress=done.append
    )
    assert sum(done) == 15
    with torch.inference_mode():
        logits = network(to_input(network, torch.from_numpy(pixels))).logits
    probs = torch.softmax(logits / 2.0, dim=1).numpy()[np.arange(5), predicted]
    for each in found.values():
        assert each.insertion.shape == each.deletion.shape == (5, 11)
        np.testing.assert_allclose(each.insertion[:, -1], probs, atol=1e-5)
        np.testing.assert_allclose(each.deletion[:, 0], probs, atol=1e-5)
        np.testing.assert_allclose(each.insertion[:, 0], found["random"].insertion[:, 0])
        np.testing.assert_allclose(each.deletion[:, -1], found["random"].deletion[:, -1])
    again = judge_methods(network, pixels, predicted, ["gradcam", "random", "centre"], temperature=2.0, batch_size=3)
    np.testing.assert_array_equal(again["random"].insertion, found["random"].insertion)


class _Patch(nn.Module):
    """Stands in for a network that sees nothing but the brightness of the upper left quarter."""

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        self.inner = network

    def __getattr__(self, name: str) -> object:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.inner, name)

    def forward(self, images: torch.Tensor) -> object:
        outputs = self.inner(images)
        logits = torch.zeros(len(images), len(EXPRESSIONS))
        logits[:, 0] = 4 * images[:, :, :32, :32].mean(dim=(1, 2, 3))
        return outputs._replace(logits=logits)


def test_a_map_of_what_is_seen_is_found_to_be_better(build: Callable[..., EmotionNetwork], monkeypatch: pytest.MonkeyPatch):
    """The closed form of a believable map: all that counts comes first."""
    network = build("custom_cnn")
    bright = np.full((16, 3, 64, 64), 250, dtype=np.uint8)
    bright[:, :, 32:] = 0
    bright[:, :, :, 32:] = 0

    def told(_: object, images: torch.Tensor, outputs: object, *, method: str) -> np.ndarray:
        maps = np.zeros((len(images), 64, 64), dtype=np.float32)
        maps[:, :32, :32] = {"gradcam": 1, "eigencam": -1}[method]
        return maps

    monkeypatch.setattr("emotion_core.explain.faithfulness.explain", told)
    found = judge_methods(_Patch(network), bright, np.zeros(16, dtype=np.int64), ["gradcam", "eigencam", *CONTROLS])
    summed = sum_up(found)
    assert summed["best"] == "gradcam"
    assert summed["like_best"] == []
    for control in CONTROLS:
        assert summed["methods"]["gradcam"]["score"]["against"][control]["low"] > 0
    assert summed["methods"]["eigencam"]["score"]["against"]["random"]["high"] < 0
    # After a quarter of the pixels everything that counts is there, or gone.
    whole = found["gradcam"].deletion[0, 0]
    np.testing.assert_allclose(found["gradcam"].insertion[:, 3:], whole, rtol=1e-5)
    np.testing.assert_allclose(found["gradcam"].deletion[:, 3:], 1 / 8, rtol=1e-5)


def test_measures_are_areas_and_their_difference():
    each = Judged(insertion=np.array([[0.0, 1.0]]), deletion=np.array([[0.2, 0.0]]), road=np.array([0.3]))
    assert [each.measure(name)[0] for name in MEASURES] == pytest.approx([0.4, 0.5, 0.1, 0.3])


def test_means_and_paired_intervals():
    maps = {"gradcam": judged(0.5), "layercam": judged(0.5, seed=1), "random": judged(0.2), "centre": judged(0.4, seed=2)}
    found = sum_up(maps)["methods"]
    for name, each in maps.items():
        assert found[name]["insertion"]["value"] == pytest.approx(area_under(each.insertion).mean(), abs=1e-5)
        # The interval of a mean, by the normal approximation.
        error = 1.96 * area_under(each.insertion).std() / np.sqrt(40)
        interval = found[name]["insertion"]
        assert (interval["high"] - interval["low"]) / 2 == pytest.approx(error, rel=0.1)
    # Grad-CAM and the random map differ by 0.3 on every face, whatever the spread between faces.
    paired = found["gradcam"]["score"]["against"]["random"]
    assert (paired["low"], paired["value"], paired["high"]) == pytest.approx((0.3, 0.3, 0.3), abs=1e-5)
    assert "random" not in found["random"]["score"]["against"]
    assert [found[name]["control"] for name in maps] == [False, False, True, True]


@pytest.mark.parametrize(
    ("levels", "best", "like", "words"),
    [
        ({"gradcam": 0.5, "layercam": 0.3}, "gradcam", [], "Grad-CAM explains this run best."),
        ({"gradcam": 0.5, "layercam": 0.5}, None, ["either"], "is not significantly different."),
    ],
)
def test_best_and_what_cannot_be_told_from_it(levels: dict[str, float], best: str | None, like: list[str], words: str):
    maps = {name: judged(level, seed=number) for number, (name, level) in enumerate(levels.items())}
    found = sum_up({**maps, "random": judged(0.1), "centre": judged(0.2)})
    assert found["best"] == best or best is None
    assert len(found["like_best"]) == len(like)
    assert found["best"] not in found["like_best"]
    assert words in findings(found)[0]


@pytest.mark.parametrize(
    ("centre", "words"),
    [
        (0.3, "It beats the centre of the picture (+0.200 [+0.200, +0.200]), so it knows more"),
        (0.7, "The centre of the picture beats it (\N{MINUS SIGN}0.200 "),
        (None, "It is not significantly different from the centre of the picture ("),
    ],
)
def test_a_control_that_knows_nothing_may_win(centre: float | None, words: str):
    control = judged(centre) if centre else judged(0.5, seed=5)
    found = findings(sum_up({"gradcam": judged(0.5), "random": judged(0.1), "centre": control}))
    assert found[1].startswith("It beats a random map (+0.400")
    assert found[2].startswith(words)


def test_a_method_on_fewer_faces_is_compared_on_those():
    whole, few = judged(0.5), judged(0.6)
    few = Judged(insertion=few.insertion[:8], deletion=few.deletion[:8], road=few.road[:8])
    found = sum_up({"gradcam": whole, "scorecam": few, "random": judged(0.2), "centre": judged(0.3)})
    # Better, but on too few faces to be called the best.
    assert found["best"] == "gradcam"
    assert found["like_best"] == ["scorecam"]
    assert found["methods"]["scorecam"]["images"] == 8
    assert found["methods"]["scorecam"]["score"]["against"]["gradcam"]["value"] == pytest.approx(0.1, abs=1e-5)


def test_no_method_is_no_best():
    found = sum_up({"random": judged(0.2), "centre": judged(0.3)})
    assert (found["best"], found["like_best"]) == (None, [])
    assert findings(found) == ("No method was judged.",)


def test_a_sample_has_every_expression_as_often_as_it_can():
    labels = np.repeat([0, 1, 2, -1], [50, 50, 3, 20])
    rows = stratified_rows(labels, 23)
    assert len(set(rows.tolist())) == 23
    assert np.bincount(labels[rows]).tolist() == [10, 10, 3]
    # The beginning of a sample is a sample, and the seed decides which.
    np.testing.assert_array_equal(stratified_rows(labels, 9), rows[:9])
    assert np.bincount(labels[rows[:9]]).tolist() == [3, 3, 3]
    assert stratified_rows(labels, 23, seed=1).tolist() != rows.tolist()
    assert len(stratified_rows(labels, 999)) == 103
