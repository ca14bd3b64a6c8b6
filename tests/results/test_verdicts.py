"""What the reviewers of an image say together, counted by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from emotion_core.results.verdicts import combine_reviews, corrected_labels, reviewed_out

WRONG = "wrong label"


def said(*reviews: tuple[str, str | None], sample_id: str = "a") -> pd.DataFrame:
    return pd.DataFrame(
        [(sample_id, verdict, expression) for verdict, expression in reviews],
        columns=["sample_id", "verdict", "expression"],
        dtype=object,
    )


@pytest.mark.parametrize(
    ("reviews", "verdict", "expression", "agreement", "conflict"),
    [
        ([("fine", None)], "fine", None, 1, False),
        ([(WRONG, "fear")], WRONG, "fear", 1, False),
        ([(WRONG, "fear"), (WRONG, "fear")], WRONG, "fear", 1, False),
        ([(WRONG, "fear"), (WRONG, "anger")], WRONG, None, 1, True),
        ([(WRONG, "fear"), (WRONG, "fear"), (WRONG, "anger")], WRONG, "fear", 1, True),
        ([(WRONG, "fear"), ("fine", None)], None, None, 1 / 2, True),
        ([(WRONG, "fear"), (WRONG, "fear"), ("fine", None)], WRONG, "fear", 2 / 3, True),
        # The most frequent verdict, but not that of more than half.
        ([("bad crop", None), ("bad crop", None), ("fine", None), ("ambiguous", None)], None, None, 1 / 2, True),
    ],
)
def test_more_than_half_decide(
    reviews: list[tuple[str, str | None]], verdict: str | None, expression: str | None, agreement: float, conflict: bool
):
    [row] = combine_reviews(said(*reviews)).to_dict("records")
    assert row == {
        "sample_id": "a",
        "verdict": verdict,
        "expression": expression,
        "num_reviewers": len(reviews),
        "agreement": pytest.approx(agreement),
        "conflict": conflict,
    }


def test_what_is_out_and_what_is_corrected():
    table = pd.concat(
        [
            said((WRONG, "fear"), sample_id="a"),
            said((WRONG, "fear"), (WRONG, "anger"), sample_id="b"),
            said(("not a face", None), sample_id="c"),
            said(("bad crop", None), sample_id="d"),
            said(("ambiguous", None), sample_id="e"),
            said(("fine", None), sample_id="f"),
            said((WRONG, "fear"), ("fine", None), sample_id="g"),
        ]
    )
    verdicts = combine_reviews(table)
    assert verdicts["sample_id"].tolist() == list("abcdefg")
    assert reviewed_out(verdicts) == frozenset("abcd")
    assert corrected_labels(verdicts) == {"a": "fear"}


def test_no_review_is_no_verdict():
    verdicts = combine_reviews(said())
    assert verdicts.empty
    assert reviewed_out(verdicts) == frozenset()
    assert corrected_labels(verdicts) == {}
