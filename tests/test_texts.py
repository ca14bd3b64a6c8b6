"""Numbers and names as people read them."""

from __future__ import annotations

import pytest

from emotion_core.texts import minus, plain, printable, shorten, signed, with_interval

NAN, INFINITE = float("nan"), float("inf")


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


def test_names_beside_an_axis_keep_both_ends() -> None:
    assert shorten("a" * 50 + "b" * 50, 12) == "aaaaaaa…bbbb"


def test_lines_of_a_report_stay_lines() -> None:
    assert printable("one\ntwo\x1b[0m", keep="\n") == "one\ntwo\N{REPLACEMENT CHARACTER}[0m"


def test_numbers_have_a_true_minus_and_no_signed_zero() -> None:
    assert minus("-1 to 1") == "\N{MINUS SIGN}1 to 1"
    assert [plain(value) for value in (-0.5, -0.0004, 0.0)] == ["\N{MINUS SIGN}0.500", "0.000", "0.000"]
    assert [signed(value) for value in (-0.5, 0.25, -0.0004)] == ["\N{MINUS SIGN}0.500", "+0.250", "+0.000"]
    assert signed(-0.126, 2) == "\N{MINUS SIGN}0.13"


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (-0.1, -0.2, 0.0, "\N{MINUS SIGN}0.100 [\N{MINUS SIGN}0.200, 0.000]"),
        (0.1, None, 0.2, "0.100"),
        (0.1, NAN, 0.2, "0.100"),
        (0.1, 0.0, INFINITE, "0.100"),
        (INFINITE, 0.0, 1.0, "not defined"),
    ],
)
def test_an_interval_stands_where_both_ends_are_known(value: float, low: float | None, high: float, text: str) -> None:
    assert with_interval(value, low, high) == text
