"""Of which output heat maps are shown."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from emotion_core.labels import OUTPUTS

OFF, PREDICTED, TRUE = "off", "predicted expression", "true expression"
HEAT = (OFF, PREDICTED, TRUE, *OUTPUTS)
"""What can be asked of many images; the expressions are those of each image."""


def ask_heat(outputs: Sequence[str], key: str, meaning: str) -> str:
    """One of the outputs; the first when nobody asks.

    Args:
        outputs: what can be chosen.
        key: name in the address.
        meaning: shown on hover.
    """
    return str(st.selectbox("Heat map of", outputs, key=key, bind="query-params", width=220, help=meaning))
