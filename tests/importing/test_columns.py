"""What columns mean is told by their names, and asked where they do not say."""

from __future__ import annotations

import pandas as pd
import pytest

from emotion_core.errors import ResultsError
from emotion_core.importing import ORDERS, guess_columns, read_classes
from emotion_core.labels import EXPRESSIONS

SEVEN = EXPRESSIONS[:7]
WORDS = ("Neutral", "Happy", "Sad", "Surprise", "Fear", "Disgust", "Angry")


def table(*columns: str, cell: str = "0.1") -> pd.DataFrame:
    return pd.DataFrame({name: ["a.jpg" if not index else cell] for index, name in enumerate(columns)})


@pytest.mark.parametrize("pattern", ["{}", "prob_{}", "{}_prob", "p({})", "softmax.{}", "faces.0.probabilities.{}", "prob{}"])
@pytest.mark.parametrize("image", ["image", "File Name", "filepath", "sample_id", "ID"])
def test_probabilities_are_found_by_their_names(pattern: str, image: str) -> None:
    names = [pattern.format(word) for word in WORDS]
    found = guess_columns(table(image, *names))
    assert not found.unsure
    assert (found.image, dict(found.scores)) == (image, dict(zip(SEVEN, names, strict=True)))
    assert not found.logits


def test_our_own_predictions_are_understood() -> None:
    ours = ["sample_id", "expression", "valence", "arousal", *(f"prob_{name}" for name in EXPRESSIONS)]
    found = guess_columns(table(*ours, "pred_valence", "pred_arousal"))
    assert not found.unsure
    assert found.truth == "expression"
    assert dict(found.affect) == {"valence": "pred_valence", "arousal": "pred_arousal"}
    assert dict(found.true_affect) == {"valence": "valence", "arousal": "arousal"}
    assert not found.label


def test_numbers_need_the_classes() -> None:
    numbered = table("image", *(f"p{number}" for number in range(7)))
    [question] = guess_columns(numbered).unsure
    assert "p0 to p6 are numbered" in question
    found = guess_columns(numbered, classes=read_classes("fer2013"))
    assert not found.unsure
    assert found.scores["anger"] == "p0"
    assert found.scores["neutral"] == "p6"
    assert guess_columns(table("image", *map(str, range(1, 8))), classes=SEVEN).scores["neutral"] == "1"


def test_a_label_alone() -> None:
    assert guess_columns(table("file", "emotion", cell="happy")).label == "emotion"
    found = guess_columns(table("file", "label", "prediction", cell="happy"))
    assert (found.label, found.truth) == ("prediction", "label")
    [question] = guess_columns(table("file", "emotion", cell="3")).unsure
    assert "holds numbers" in question
    assert not guess_columns(table("file", "emotion", cell="3"), classes=SEVEN).unsure


def test_valence_and_arousal() -> None:
    assert dict(guess_columns(table("img", "V", "A")).affect) == {"valence": "V", "arousal": "A"}
    found = guess_columns(table("img", "valence", "arousal", "gt_valence"))
    assert (dict(found.affect), dict(found.true_affect)) == (
        {"valence": "valence", "arousal": "arousal"},
        {"valence": "gt_valence"},
    )


def test_logits_are_told_by_name_or_said() -> None:
    both = table("image", *(f"prob_{word}" for word in WORDS), *(f"logit_{word}" for word in WORDS))
    assert guess_columns(both).scores["fear"] == "prob_Fear"
    found = guess_columns(both, logits=True)
    assert (found.scores["fear"], found.logits) == ("logit_Fear", True)
    assert guess_columns(table("image", *(f"logits.{word}" for word in WORDS))).logits
    assert guess_columns(table("image", *WORDS), logits=True).logits


def test_what_is_unsure_is_asked_and_what_is_given_counts() -> None:
    strange = table("where", "prob_Happy", "prob_Sad", "score_Happy", "score_Sad")
    questions = guess_columns(strange).unsure
    assert "Which column names the image? There are: where" in questions[0]
    assert "Several groups" in questions[1]
    given = {"image": "where", "happiness": "score_Happy", "sadness": "score_Sad"}
    found = guess_columns(strange, given=given)
    assert not found.unsure
    assert (found.image, found.scores["happiness"], found.scores["sadness"]) == ("where", "score_Happy", "score_Sad")
    assert guess_columns(table("image", "truth", *WORDS), given={"truth": ""}).truth == ""
    with pytest.raises(ResultsError, match="Did you mean 'happiness'"):
        guess_columns(strange, given={"hapiness": "prob_Happy"})
    with pytest.raises(ResultsError, match=r"no column 'prob_Hapy'\. Did you mean 'prob_Happy'"):
        guess_columns(strange, given={"happiness": "prob_Hapy"})


def test_classes_are_a_known_order_or_a_list() -> None:
    assert all(len(set(order)) == len(order) and set(order) <= set(EXPRESSIONS) for order in ORDERS.values())
    assert read_classes("Neutral, happy,SAD") == ("neutral", "happiness", "sadness")
    with pytest.raises(ResultsError, match=r"'fer2031' is no expression\. Did you mean 'fer2013'"):
        read_classes("fer2031")
    with pytest.raises(ResultsError, match="twice"):
        read_classes("happy,happiness")
