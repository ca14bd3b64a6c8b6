"""Words that Streamlit shows."""

from __future__ import annotations

from pages.shared.words import count, escape


def test_escape_leaves_letters_and_disarms_the_rest() -> None:
    assert escape("run_a") == r"run\_a"
    assert escape("<b>[x](y) $z$ 5 é") == r"\<b\>\[x\]\(y\) \$z\$ 5 é"


def test_numbers() -> None:
    assert count(1, "face", "faces") == "1 face"
    assert count(1200, "face", "faces") == "1,200 faces"
