"""Words from outside, made fit to be shown."""

from __future__ import annotations

import re
import string


def shorten(text: str, length: int = 60) -> str:
    """A name on one line: control and direction characters replaced, the middle left out where it is long.

    What comes out is still untrusted: show it with ``st.text`` or in a dataframe, never as Markdown.
    """
    clean = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    if len(clean) <= length:
        return clean
    tail = length // 3
    return f"{clean[: length - tail - 1]}\N{HORIZONTAL ELLIPSIS}{clean[-tail:]}"


def escape(text: str) -> str:
    """Text that Streamlit's Markdown shows letter by letter.

    Fit for paths and names of runs. Names of uploads go to ``st.text``, which needs no escaping.

    Example:
        >>> escape("a_b")
        'a\\\\_b'
    """
    return re.sub(f"([{re.escape(string.punctuation)}])", r"\\\1", text)


def count(number: int, one: str, many: str) -> str:
    """A number with its word.

    Example:
        >>> count(1, "face", "faces")
        '1 face'
    """
    return f"{number:,} {one if number == 1 else many}"


def signed(value: float) -> str:
    """Three decimals and a sign, with a true minus."""
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")
