"""What the reviewers of an image say together, and what that makes of labels."""

from __future__ import annotations

import pandas as pd

VERDICTS: tuple[str, ...] = ("wrong label", "ambiguous", "not a face", "bad crop", "fine")
"""What can be said about an image."""

REVIEWED_OUT: tuple[str, ...] = ("wrong label", "not a face", "bad crop")
"""Verdicts on images that a network should not be judged by."""

VERDICT_COLUMNS = ("sample_id", "verdict", "expression", "num_reviewers", "agreement", "conflict")


def combine_reviews(latest: pd.DataFrame) -> pd.DataFrame:
    """What the reviewers of each image say together.

    Args:
        latest: one row a reviewer and image, with ``sample_id``, ``verdict`` and ``expression``.

    Returns:
        A row an image, by id: ``verdict`` that more than half of its reviewers give, ``None`` where there is none;
        ``expression`` that more than half of those who call the label wrong give, ``None`` likewise; ``num_reviewers``;
        ``agreement``, the share of them that gives the most frequent verdict; ``conflict``, whether any two differ.
    """
    rows = []
    for sample_id, said in latest.groupby("sample_id", sort=True):
        counts = said["verdict"].value_counts()
        verdict = _majority(said["verdict"])
        wrong = said.loc[said["verdict"] == "wrong label", "expression"]
        expression = _majority(wrong) if verdict == "wrong label" else None
        conflict = len(counts) > 1 or wrong.nunique() > 1
        rows.append((sample_id, verdict, expression, len(said), float(counts.iloc[0] / len(said)), conflict))
    table = pd.DataFrame(rows, columns=list(VERDICT_COLUMNS), dtype=object)
    return table.astype({"num_reviewers": "int64", "agreement": "float64", "conflict": "bool"})


def _majority(said: pd.Series) -> str | None:
    counts = said.value_counts()
    return str(counts.index[0]) if 2 * counts.iloc[0] > len(said) else None


def reviewed_out(verdicts: pd.DataFrame) -> frozenset[str]:
    """Ids of the images whose verdict is one of :data:`REVIEWED_OUT`."""
    return frozenset(verdicts.loc[verdicts["verdict"].isin(REVIEWED_OUT), "sample_id"])


def corrected_labels(verdicts: pd.DataFrame) -> dict[str, str]:
    """The right expression by id, for images whose label is wrong and whose reviewers agree on another."""
    known = verdicts[(verdicts["verdict"] == "wrong label") & verdicts["expression"].notna()]
    return dict(zip(known["sample_id"], known["expression"], strict=True))
