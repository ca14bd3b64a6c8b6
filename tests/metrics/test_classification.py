"""Expression measures against scikit-learn and krippendorff."""

from __future__ import annotations

import math

import krippendorff
import numpy as np
import pytest
from sklearn import metrics as reference

from emotion_core.metrics.agreement import cohen_kappa, krippendorff_alpha
from emotion_core.metrics.classification import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    f1_macro,
    f1_weighted,
    normalise_confusion,
    pr_auc,
    precision_recall_f1,
    roc_auc,
    top2_accuracy,
)

PAIRS = [accuracy, balanced_accuracy, f1_macro, f1_weighted, cohen_kappa, krippendorff_alpha]


def draw(seed: int, classes: int = 8, count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    target = generator.integers(0, classes, count)
    scores = generator.random((count, classes)) + 0.7 * np.eye(classes)[target]
    return scores / scores.sum(axis=1, keepdims=True), target


@pytest.mark.parametrize("seed", range(3))
def test_against_scikit_learn_and_krippendorff(seed: int):
    scores, target = draw(seed)
    preds = scores.argmax(axis=1)
    one_hot = np.eye(8)[target]
    expected = {
        accuracy: reference.accuracy_score(target, preds),
        balanced_accuracy: reference.balanced_accuracy_score(target, preds),
        f1_macro: reference.f1_score(target, preds, average="macro"),
        f1_weighted: reference.f1_score(target, preds, average="weighted"),
        cohen_kappa: reference.cohen_kappa_score(target, preds),
        krippendorff_alpha: krippendorff.alpha(np.stack([preds, target]), level_of_measurement="nominal"),
    }
    for measure, value in expected.items():
        assert measure(preds, target) == pytest.approx(value, abs=1e-9), measure.__name__
    assert roc_auc(scores, target) == pytest.approx(reference.roc_auc_score(one_hot, scores, average="macro"), abs=1e-9)
    assert pr_auc(scores, target) == pytest.approx(
        reference.average_precision_score(one_hot, scores, average="macro"), abs=1e-9
    )
    assert top2_accuracy(scores, target) == pytest.approx(reference.top_k_accuracy_score(target, scores, k=2), abs=1e-12)
    np.testing.assert_array_equal(confusion_matrix(preds, target), reference.confusion_matrix(target, preds))
    expected_three = reference.precision_recall_fscore_support(target, preds)[:3]
    np.testing.assert_allclose(precision_recall_f1(confusion_matrix(preds, target)), expected_three, atol=1e-9)


def test_ties_count_half_as_in_scikit_learn():
    scores, target = draw(5)
    scores = np.round(scores, 1)
    one_hot = np.eye(8)[target]
    assert roc_auc(scores, target) == pytest.approx(reference.roc_auc_score(one_hot, scores), abs=1e-9)
    assert pr_auc(scores, target) == pytest.approx(reference.average_precision_score(one_hot, scores), abs=1e-9)


def test_class_absent_from_the_truth_is_left_out_of_areas_and_of_macro_f1():
    scores, target = draw(1)
    scores, target = scores[target != 3], target[target != 3]
    preds = scores.argmax(axis=1)
    assert (preds == 3).any()
    present = [k for k in range(8) if k != 3]
    one_hot = np.eye(8)[target][:, present]
    assert roc_auc(scores, target) == pytest.approx(reference.roc_auc_score(one_hot, scores[:, present]), abs=1e-9)
    assert pr_auc(scores, target) == pytest.approx(reference.average_precision_score(one_hot, scores[:, present]), abs=1e-9)
    assert f1_macro(preds, target) == pytest.approx(
        reference.f1_score(target, preds, labels=present, average="macro", zero_division=0), abs=1e-9
    )


@pytest.mark.parametrize("absent", [0, 7])
def test_balanced_accuracy_over_the_classes_that_a_set_has(absent: int):
    scores, target = draw(1)
    scores, target = scores[target != absent], target[target != absent]
    preds = scores.argmax(axis=1)
    assert (preds == absent).any()
    # scikit-learn leaves an absent class out with a warning; its recall does so when it is given the labels.
    expected = reference.recall_score(target, preds, labels=np.unique(target), average="macro")
    assert balanced_accuracy(preds, target) == pytest.approx(expected, abs=1e-12)
    assert balanced_accuracy(np.full(70, 3), np.repeat(np.delete(np.arange(8), absent), 10)) == pytest.approx(1 / 7)


def test_second_of_equal_probabilities_is_the_first_that_is_left():
    assert [top2_accuracy([[0.25, 0.25, 0.25, 0.25]], [k]) for k in range(4)] == [1, 1, 0, 0]
    assert [top2_accuracy([[0.2, 0.4, 0.2, 0.2]], [k]) for k in range(4)] == [1, 1, 0, 0]
    # The first of them is the predicted one, so the most probable class always counts.
    scores, target = np.round(draw(5)[0], 1), draw(5)[1]
    assert top2_accuracy(scores, target) >= accuracy(scores.argmax(axis=1), target)
    assert top2_accuracy(scores, scores.argmax(axis=1)) == 1


def test_classes_that_are_ruled_out_are_never_among_the_two():
    scores = np.zeros((4, 8))
    scores[:, [0, 1, 2, 6]] = [0.4, 0.3, 0.2, 0.1]
    assert top2_accuracy(scores, [0, 1, 2, 6]) == 0.5
    # Of two classes that are told apart, the true one is always among the two.
    assert top2_accuracy([[0.9, 0.1], [0.2, 0.8]], [1, 0]) == 1


def test_class_never_predicted_has_precision_and_f1_of_zero():
    preds, target = np.array([0, 0, 0, 0]), np.array([0, 0, 1, 2])
    assert f1_macro(preds, target) == pytest.approx(
        reference.f1_score(target, preds, average="macro", zero_division=0), abs=1e-9
    )
    precision, recall, f1 = precision_recall_f1(confusion_matrix(preds, target))
    assert precision.tolist() == [0.5, 0, 0]
    assert recall.tolist() == [1, 0, 0]
    assert f1[1] == 0


def test_collapsed_network_agrees_no_better_than_chance():
    assert cohen_kappa([2] * 8, range(8)) == 0
    assert roc_auc(np.full((8, 8), 0.125), range(8)) == 0.5
    assert pr_auc(np.full((8, 8), 0.125), range(8)) == pytest.approx(0.125)


def test_single_image_and_single_class():
    assert accuracy([3], [3]) == f1_macro([3], [3]) == 1
    assert math.isnan(cohen_kappa([3], [3]))
    assert math.isnan(krippendorff_alpha([3, 3], [3, 3]))
    assert math.isnan(roc_auc([[0.1, 0.9]], [1]))
    assert math.isnan(pr_auc([[0.1, 0.9]], [1]))


@pytest.mark.parametrize("measure", PAIRS)
@pytest.mark.parametrize(
    ("preds", "target", "message"),
    [
        ([], [], "empty"),
        ([[0]], [[0]], "preds must be 1-D"),
        ([0, 1], [0], "same length, got 2 and 1"),
        ([0.0, math.nan], [0, 1], "preds must be finite"),
        ([0, 1], [0.0, math.inf], "target must be finite"),
        ([0, 1], [0, -1], "target must be class numbers"),
        ([0.5, 1], [0, 1], "preds must be class numbers"),
    ],
)
def test_bad_input_is_refused_by_name(measure, preds, target, message):
    with pytest.raises(ValueError, match=message):
        measure(preds, target)


@pytest.mark.parametrize("measure", [roc_auc, pr_auc, top2_accuracy])
@pytest.mark.parametrize(
    ("probs", "target", "message"),
    [
        ([0.1, 0.9], [0, 1], "probs must be 2-D"),
        ([[0.1, math.nan], [0.5, 0.5]], [0, 1], "probs must be finite"),
        ([[0.1, 0.9], [0.5, 0.5]], [0, 2], "class 2 has no column"),
        ([[0.1, 0.9]], [0, 1], "same length"),
    ],
)
def test_bad_scores_are_refused_by_name(measure, probs, target, message):
    with pytest.raises(ValueError, match=message):
        measure(probs, target)


def test_confusion_matrix_of_too_few_classes_is_refused():
    with pytest.raises(ValueError, match="class 3 is not below num_classes 2"):
        confusion_matrix([0, 3], [1, 1], num_classes=2)


@pytest.mark.parametrize(("by", "normalize"), [("count", None), ("row", "true"), ("column", "pred")])
def test_normalised_confusion_is_scikit_learns(by, normalize):
    scores, target = draw(2)
    preds = scores.argmax(axis=1)
    preds[preds == 3], target[target == 5] = 0, 1  # a column and a row without images
    expected = reference.confusion_matrix(target, preds, labels=range(8), normalize=normalize)
    ours = normalise_confusion(confusion_matrix(preds, target, num_classes=8), by)
    np.testing.assert_allclose(ours, expected, atol=1e-9)


@pytest.mark.parametrize(
    ("counts", "by", "message"),
    [
        ([[1, 2]], "row", r"square, got shape \(1, 2\)"),
        ([[1, math.nan], [0, 1]], "row", "finite and not negative"),
        ([[1, -1], [0, 1]], "row", "finite and not negative"),
        ([[1]], "all", "by must be 'count', 'row' or 'column', got 'all'"),
    ],
)
def test_what_cannot_be_normalised_is_refused(counts, by, message):
    with pytest.raises(ValueError, match=message):
        normalise_confusion(counts, by)
