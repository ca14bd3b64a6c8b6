"""What a run's outputs mean: priors inside and outside of its logits, sets, verdicts, and what is kept of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from emotion_core.errors import CheckpointError, ConfigError
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.priors import BALANCED, EVERYDAY, Prior, make_prior
from emotion_core.models.familiarity import describe_faces
from emotion_core.results.calibration import FILE, Calibration, JudgedFaces, read_calibration, write_calibration
from emotion_core.results.interpretation import Interpretation, interpret, trained_prior, usual_prior
from emotion_core.results.run import Run, RunInfo, read_run, write_info

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 2, (60, 8))
SKEWED = make_prior({name: index + 1 for index, name in enumerate(EXPRESSIONS)})


def judged(count: int = 600, seed: int = 1) -> JudgedFaces:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 8, count)
    logits = rng.normal(size=(count, 8)) + 2.2 * np.eye(8)[labels]
    return JudgedFaces(logits=logits.astype(np.float16), labels=labels.astype(np.uint8))


def info(**values) -> RunInfo:
    return RunInfo(network={"backbone": "custom_cnn", "input_size": 48}, **values)


def test_probabilities_follow_bayes_rule_after_the_temperature():
    trained = softmax(LOGITS / 1.3, axis=1)
    how = Interpretation(temperature=1.3, trained=SKEWED)
    np.testing.assert_allclose(how.probabilities(LOGITS), trained)
    for prior in (BALANCED, EVERYDAY):
        expected = trained * prior.array / SKEWED.array
        expected /= expected.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(how.under(prior).probabilities(LOGITS), expected)
        np.testing.assert_allclose(how.under(prior).under(None).probabilities(LOGITS), trained)


def test_a_temperature_holds_under_the_prior_at_which_it_was_fitted():
    how = Interpretation(temperature=0.7, trained=BALANCED, fitted=EVERYDAY, prior=EVERYDAY)
    np.testing.assert_allclose(
        how.probabilities(LOGITS), softmax((LOGITS + np.log(EVERYDAY.array * 8)) / 0.7, axis=1), rtol=1e-6
    )
    # So a temperature never changes which expression is the most probable on its own benchmark.
    one = replace_temperature(how, 1.0).probabilities(LOGITS).argmax(axis=1)
    assert (how.probabilities(LOGITS).argmax(axis=1) == one).all()


def replace_temperature(how: Interpretation, temperature: float) -> Interpretation:
    return Interpretation(temperature=temperature, trained=how.trained, fitted=how.fitted, prior=how.prior)


def test_a_mix_that_is_not_known_leaves_probabilities_as_they_are():
    how = Interpretation(temperature=2.0, trained=None, prior=EVERYDAY)
    np.testing.assert_allclose(how.probabilities(LOGITS), softmax(LOGITS / 2, axis=1))
    assert how.prior_dict() == {"name": "trained", "values": None}
    assert how.describe().startswith("It is not known which mix")
    with pytest.raises(ConfigError, match="No mix can be estimated"):
        how.estimated(LOGITS)


def test_classes_that_a_dataset_or_a_training_lacks_are_ruled_out():
    four = ("happiness", "fear", "disgust", "anger")
    columns = [EXPRESSIONS.index(name) for name in four]
    how = Interpretation(trained=BALANCED, prior=EVERYDAY, classes=four)
    probs = how.probabilities(LOGITS)
    assert (np.delete(probs, columns, axis=1) == 0).all()
    expected = softmax(LOGITS[:, columns], axis=1) * EVERYDAY.array[columns]
    np.testing.assert_allclose(probs[:, columns], expected / expected.sum(axis=1, keepdims=True))
    assert sum(how.prior.values) == pytest.approx(1)
    seen = make_prior(dict.fromkeys(EXPRESSIONS, 1) | {"contempt": 0})
    assert (Interpretation(trained=seen, prior=BALANCED).probabilities(LOGITS)[:, 7] == 0).all()
    with pytest.raises(ConfigError, match="no share to any of the expressions that can be predicted here: happiness"):
        Interpretation(trained=BALANCED, prior=Prior("table", (1.0, *[0.0] * 7)), classes=("happiness",))


def test_sets_cover_at_the_asked_rate_under_each_prior():
    fresh = judged(4_000, seed=7)
    for prior in (BALANCED, EVERYDAY, SKEWED):
        how = Interpretation(trained=BALANCED, prior=prior, faces=judged(2_000), coverage=0.85)
        probs = how.probabilities(fresh.logits)
        weights = (prior.array * 8)[fresh.labels]
        held = how.sets(probs)[np.arange(4_000), fresh.labels]
        assert np.average(held, weights=weights) == pytest.approx(0.85, abs=0.03)
        stands = how.stands(probs)
        right = probs.argmax(axis=1) == fresh.labels
        assert np.average(right[stands], weights=weights[stands]) == pytest.approx(how.accuracy, abs=0.04)


def test_without_validation_images_nothing_stands_or_falls():
    how = Interpretation(trained=BALANCED)
    probs = how.probabilities(LOGITS)
    assert (how.sets(probs), how.stands(probs), how.thresholds, how.verdict_from) == (None, None, None, None)


def test_an_estimated_mix_needs_thirty_faces_and_finds_theirs():
    how = Interpretation(trained=BALANCED)
    with pytest.raises(ConfigError, match="1 face suggests no mix of expressions; at least 30"):
        how.estimated(LOGITS[:1])
    rng = np.random.default_rng(3)
    labels = rng.choice(8, 5_000, p=EVERYDAY.array)
    # Unit noise around 2.2 times the class: the likelihood ratio is exp(2.2 x_c).
    logits = 2.2 * (rng.normal(size=(5_000, 8)) + 2.2 * np.eye(8)[labels])
    np.testing.assert_allclose(how.estimated(logits).prior.array, EVERYDAY.array, atol=0.02)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"dataset": {"name": "affectnet-3999"}}, BALANCED.values),
        ({"dataset": {"name": "ferplus"}}, EVERYDAY.values),
        ({"dataset": {"name": "schematic"}}, BALANCED.values),
        ({"dataset": {"name": "fer2013-4"}}, None),
        ({}, None),
        ({"dataset": {"name": "ferplus"}, "training": {"loss": {"class_weights": "inverse"}}}, None),
        ({"dataset": {"name": "ferplus"}, "prior": dict(zip(EXPRESSIONS, SKEWED.values, strict=True))}, SKEWED.values),
    ],
)
def test_the_trained_mix_is_what_the_run_or_its_dataset_says(values: dict, expected):
    found = trained_prior(info(**values))
    assert (None if found is None else found.values) == (None if expected is None else pytest.approx(expected))


def test_a_broken_prior_in_run_json_is_one_sentence():
    with pytest.raises(CheckpointError, match=r"prior in 'run\.json' cannot be used: The prior of fear is -1"):
        trained_prior(info(prior={"fear": -1.0, "neutral": 1.0}))


def test_benchmarks_are_judged_by_their_usual_mix():
    assert usual_prior("ferplus") is EVERYDAY
    assert {usual_prior(name) for name in ("affectnet-3999", "affectnet-96", "sfew", "mine")} == {BALANCED}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    path = tmp_path / "run"
    path.mkdir()
    entry = {"temperature": 0.8, "prior": "balanced"}
    kept = {"affectnet-3999": entry, "ferplus": {**entry, "temperature": 1.4, "prior": "everyday"}}
    write_info(path, info(dataset={"name": "affectnet-3999"}, calibration=kept, temperature=0.8))
    return read_run(path)


def test_what_is_kept_is_read_back(run: Run):
    features = np.random.default_rng(0).random((80, 10))
    known = describe_faces(features[:50], features[50:])
    faces = {"affectnet-3999": judged(50), "ferplus": judged(70, seed=2), "elsewhere": judged(9)}
    write_calibration(run, Calibration(faces=faces, familiarity=known))
    found = read_calibration(run)
    # Of benchmarks that run.json does not name, nothing counts.
    assert list(found.faces) == ["affectnet-3999", "ferplus"]
    np.testing.assert_array_equal(found.faces["ferplus"].logits, faces["ferplus"].logits)
    np.testing.assert_array_equal(found.faces["ferplus"].labels, faces["ferplus"].labels)
    np.testing.assert_allclose(found.familiarity.distances(features), known.distances(features))
    assert (run.path / FILE).stat().st_size < 20_000


def test_photos_go_by_the_first_benchmark_and_a_benchmark_by_its_own(run: Run):
    write_calibration(run, Calibration(faces={"affectnet-3999": judged(50), "ferplus": judged(70)}))
    assert interpret(run).temperature == 0.8
    assert interpret(run, benchmark="ferplus").temperature == 1.4
    assert interpret(run, benchmark="ferplus").fitted is EVERYDAY
    assert interpret(run, benchmark="sfew").temperature == 0.8
    assert interpret(run).prior is EVERYDAY
    assert interpret(run, "trained").prior.name == "trained"
    for coverage in (0.0, 1.0, float("nan")):
        with pytest.raises(ConfigError, match="it has to lie between 0 and 1"):
            interpret(run, coverage=coverage)


def test_a_run_that_was_trained_again_has_lost_its_calibration(run: Run):
    write_calibration(run, Calibration(faces={"affectnet-3999": judged(50)}))
    write_info(run.path, replace(run.info, calibration={}))
    assert not read_calibration(read_run(run.path)).faces


def test_damaged_content_is_one_sentence(run: Run):
    write_calibration(run, Calibration(faces={"affectnet-3999": judged(50)}))
    content = (run.path / FILE).read_bytes()
    for damaged in (b"", b"no archive", content[: len(content) // 2]):
        (run.path / FILE).write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"calibration\.npz' cannot be used .*Calibrate the run again"):
            read_calibration(run)
    odd = replace(run, info=replace(run.info, calibration={"affectnet-3999": {"temperature": "warm"}}))
    (run.path / FILE).unlink()
    with pytest.raises(CheckpointError, match="temperature 'warm'"):
        interpret(odd)
