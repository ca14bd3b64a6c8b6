"""Class priors: what users write, Bayes' rule, and a mix found without labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

from emotion_core.data.ferplus import load_ferplus
from emotion_core.errors import ConfigError
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.priors import (
    BALANCED,
    EVERYDAY,
    class_weights,
    estimate_prior,
    make_prior,
    read_prior,
    shift_prior,
)

TABLE = {name: index for index, name in enumerate(EXPRESSIONS)}


def test_everyday_is_the_mix_of_ferplus_training_votes(shared_data: Path):
    table = load_ferplus(shared_data, labels="distribution")
    training = (table.frame["split"] == "train").to_numpy()
    assert training.sum() == 28_386
    np.testing.assert_allclose(EVERYDAY.array, table.distributions[training].mean(axis=0), atol=1e-4)


@pytest.mark.parametrize("prior", [BALANCED, EVERYDAY, make_prior(TABLE)])
def test_shares_sum_to_one(prior):
    assert sum(prior.values) == pytest.approx(1)
    assert list(prior.to_dict()["values"]) == list(EXPRESSIONS)


def test_names_tables_and_files_are_read(tmp_path: Path):
    assert read_prior("balanced") is BALANCED
    assert read_prior(" everyday ") is EVERYDAY
    assert (read_prior("trained"), read_prior("estimate")) == ("trained", "estimate")
    expected = np.arange(8) / 28
    pairs = ", ".join(f"{name} = {value}" for name, value in TABLE.items())
    np.testing.assert_allclose(read_prior(pairs).array, expected)
    (tmp_path / "mix.json").write_text(json.dumps(TABLE))
    (tmp_path / "mix.toml").write_text("[prior]\n" + "\n".join(f"{name} = {value}" for name, value in TABLE.items()))
    for file in ("mix.json", "mix.toml"):
        np.testing.assert_allclose(read_prior(str(tmp_path / file)).array, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fear": -1}, "The prior of fear is -1; a share cannot be negative."),
        ({"fear": float("nan")}, "The prior of fear is nan, which is not a number."),
        ({"fear": "much"}, "The prior of fear is 'much', which is not a number."),
        ({"fear": True}, "The prior of fear is True, which is not a number."),
        ({"fear": None}, "The prior has no number for fear; write 0 for what does not occur."),
        ({"rage": 1}, "The prior names 'rage', which is not one of neutral, happiness"),
        (dict.fromkeys(EXPRESSIONS, 0), "All entries of the prior are 0"),
    ],
)
def test_a_bad_table_is_one_sentence(change: dict, message: str):
    table = {name: value for name, value in {**TABLE, **change}.items() if value is not None}
    with pytest.raises(ConfigError, match="^" + message.replace("(", r"\(")) as caught:
        make_prior(table)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("everyday_", "Did you mean 'everyday'"),
        ("neutral=1,neutral=2", "names neutral twice"),
        ("neutral=one", "'one', which is not a number"),
        ("neutral=1", "no number for happiness, sadness"),
        ("nowhere.toml", "'nowhere.toml' cannot be read"),
    ],
)
def test_a_bad_word_is_one_sentence(text: str, message: str):
    with pytest.raises(ConfigError, match=message):
        read_prior(text)


def test_a_file_without_a_table_is_named(tmp_path: Path):
    for content, message in (("[1, 2]", "holds no table"), ("{", "cannot be read"), ('{"prior": 3}', "holds no table")):
        (tmp_path / "mix.json").write_text(content)
        with pytest.raises(ConfigError, match=message):
            read_prior(str(tmp_path / "mix.json"))


def two_bells(x: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Exact probabilities of two normal distributions one and a half apart."""
    joint = np.stack([norm.pdf(x, 0), norm.pdf(x, 1.5)], axis=1) * prior
    return joint / joint.sum(axis=1, keepdims=True)


def test_bayes_rule_holds_for_known_densities():
    x = np.linspace(-3, 4, 50)
    one, other = np.array([0.5, 0.5]), np.array([0.85, 0.15])
    np.testing.assert_allclose(shift_prior(two_bells(x, one), one, other), two_bells(x, other), atol=1e-12)
    np.testing.assert_allclose(shift_prior(two_bells(x, other), other, one), two_bells(x, one), atol=1e-12)


def test_a_class_without_a_share_is_ruled_out():
    probs = np.array([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])
    for source, target in (([0.5, 0.25, 0.25], [0.5, 0, 0.5]), ([0.5, 0, 0.5], [0.4, 0.2, 0.4])):
        shifted = shift_prior(probs, source, target)
        assert (shifted[:, 1] == 0).all()
        np.testing.assert_allclose(shifted.sum(axis=1), 1)
    with pytest.raises(ValueError, match="no class has a share under both"):
        shift_prior(probs, [1, 0, 0], [0, 1, 1])


def test_weighted_images_have_the_wanted_mix():
    labels = np.repeat([0, 1, 2], [70, 20, 10])
    target = np.array([0.2, 0.3, 0.5])
    weights = class_weights(target, labels)
    mix = np.bincount(labels, weights=weights[labels])
    np.testing.assert_allclose(mix / mix.sum(), target)
    assert class_weights(np.array([0.2, 0.3, 0.5]), labels[:90])[2] == pytest.approx(0.3 * 90 / 20)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.9])
def test_the_mix_of_unlabelled_pictures_is_found(share: float):
    rng = np.random.default_rng(0)
    labels = rng.random(20_000) < share
    source = np.array([0.5, 0.5])
    probs = two_bells(rng.normal(1.5 * labels), source)
    found = estimate_prior(probs, source)
    assert found.values[1] == pytest.approx(labels.mean(), abs=0.015)
    assert found.faces == 20_000
    # It is the maximum of the likelihood, sought by another method ...
    likelihood = probs / source
    best = minimize(lambda p: -np.log(likelihood @ [1 - p[0], p[0]]).mean(), [0.5], bounds=[(1e-6, 1 - 1e-6)], tol=1e-12)
    assert found.values[1] == pytest.approx(best.x[0], abs=1e-4)
    # ... and the mean of the probabilities under it is itself.
    np.testing.assert_allclose(shift_prior(probs, source, found.values).mean(axis=0), found.values, atol=1e-6)


def test_the_estimate_does_not_depend_on_the_prior_the_probabilities_hold_under():
    rng = np.random.default_rng(1)
    x = rng.normal(1.5 * (rng.random(3_000) < 0.2))
    one, other = np.array([0.5, 0.5]), np.array([0.1, 0.9])
    first, second = (estimate_prior(two_bells(x, prior), prior).values for prior in (one, other))
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_no_picture_has_no_mix():
    with pytest.raises(ValueError, match="at least one row"):
        estimate_prior(np.zeros((0, 2)), [0.5, 0.5])
