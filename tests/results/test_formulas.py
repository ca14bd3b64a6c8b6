"""Text that a spreadsheet would run."""

from __future__ import annotations

import pytest

from emotion_core.results.tables import no_formula


@pytest.mark.parametrize("lead", ["", " ", "\u00a0", "\u200b", "\ufeff", "\v", "\f", " \u00a0\u200b ", "\t", "\u3000"])
@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_formulas_stay_text_whatever_stands_before_or_looks_like_them(lead: str, sign: str) -> None:
    assert no_formula(f"{lead}{sign}HYPERLINK(1)") == f"'{lead}{sign}HYPERLINK(1)"


@pytest.mark.parametrize("text", ["", "happy", " a=b", "\u00a0x", "1-2", "\u6d4b\u8bd5"])
def test_text_that_is_no_formula_stays_as_it_is(text: str) -> None:
    assert no_formula(text) == text
