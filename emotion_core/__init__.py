"""Networks that read emotion from faces: train them, judge them, explain them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emotion_core.errors import EmotionCoreError
from emotion_core.labels import EXPRESSIONS

if TYPE_CHECKING:
    from emotion_core.predict import Predictor

__version__ = "0.1.0"
__all__ = ["EXPRESSIONS", "EmotionCoreError", "Predictor", "__version__"]


def __getattr__(name: str) -> Any:
    # Predictor brings torch along; whoever only reads results should not wait for it.
    if name == "Predictor":
        from emotion_core.predict import Predictor

        return Predictor
    raise AttributeError(f"module 'emotion_core' has no attribute '{name}'")
