"""Words that Streamlit shows."""

from __future__ import annotations

import re
import string


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
