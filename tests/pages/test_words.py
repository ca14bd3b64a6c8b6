"""Words from outside."""

from __future__ import annotations

import pytest

from pages.shared.words import count, escape, shorten, signed


def test_short_names_stay() -> None:
    assert shorten("photo 1 <b>.jpg") == "photo 1 <b>.jpg"


def test_long_names_keep_both_ends() -> None:
    short = shorten("a" * 300 + ".jpg", 30)
    assert len(short) == 30
    assert short.startswith("aaa")
    assert short.endswith("aaa.jpg")


@pytest.mark.parametrize("hidden", ["\n", "\x00", "\u202e", "\u200b"])
def test_what_cannot_be_seen_is_made_visible(hidden: str) -> None:
    assert shorten(f"a{hidden}b") == "a\N{REPLACEMENT CHARACTER}b"


def test_escape_leaves_letters_and_disarms_the_rest() -> None:
    assert escape("run_a") == r"run\_a"
    assert escape("<b>[x](y) $z$ 5 é") == r"\<b\>\[x\]\(y\) \$z\$ 5 é"


def test_numbers() -> None:
    assert count(1, "face", "faces") == "1 face"
    assert count(1200, "face", "faces") == "1,200 faces"
    assert signed(-0.5) == "\N{MINUS SIGN}0.500"
    assert signed(0.25) == "+0.250"
