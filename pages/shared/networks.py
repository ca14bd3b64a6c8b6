"""Networks shared by all visitors. Loads the networks' library, so import it only when asked."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from emotion_core.errors import EmotionCoreError
from emotion_core.predict import Predictor
from emotion_core.results.run import Run
from pages.shared.sentence import sentence


@st.cache_resource(show_spinner=False)
def _load(path: str, written: int, device: str) -> Predictor:
    return Predictor.from_run(path, device=device)


def load_predictors(runs: Sequence[Run]) -> dict[str, Predictor]:
    """One network a run and server; a run that cannot be loaded says why and is left out."""
    predictors = {}
    for run in runs:
        try:
            with st.spinner(f"Loading the network of '{run.name}' …"):
                # A run that was trained or calibrated again is another one under the same name.
                written = max(path.stat().st_mtime_ns for path in (run.weights, run.path / "run.json"))
                predictors[run.name] = _load(str(run.path), written, "auto")
        except (EmotionCoreError, OSError) as error:
            st.error(sentence(error))
    return predictors
