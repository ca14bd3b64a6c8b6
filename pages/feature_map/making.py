"""A map is made once, when somebody asks for it, and kept with the evaluation."""

from __future__ import annotations

import shlex
import threading
import time

import streamlit as st

from emotion_core.results.feature_map import FILE, FeatureMap, read_feature_map
from emotion_core.results.run import Run
from pages.shared.command import show_command
from pages.shared.inspected import Inspected
from pages.shared.pictures import pictures_root, why_no_pictures
from pages.shared.roles import may
from pages.shared.words import count, escape


def read_map(inspected: Inspected) -> FeatureMap | None:
    """The stored map of the first run, read once a server; ``None`` where there is none.

    Raises:
        CheckpointError: it is damaged.
    """
    run, evaluation = _place(inspected)
    path = run.evaluation(evaluation).folder / FILE
    try:
        status = path.stat()
    except OSError:
        return None
    weights = run.weights.stat().st_mtime_ns if run.has_weights else 0
    return _read((str(path), status.st_mtime_ns, status.st_size, weights, *inspected.key), inspected)


def offer_map(inspected: Inspected, split: str) -> None:
    """Say what a map is, and make one when somebody asks; or say what is missing."""
    run, evaluation = _place(inspected)
    if not run.has_weights:
        st.info(escape(f"{run.name} holds results only, no weights: nobody can ask what it sees. Choose another run above."))
        return
    missing = why_no_pictures(inspected.dataset)
    if missing:
        st.text(missing)
        return
    if not may("upload"):
        st.info("There is no map of this run yet, and you may not make one that others see here.")
        return
    st.markdown(
        f"There is no map of {escape(run.name)} on {escape(evaluation)} yet. It reads "
        f"{count(len(inspected.table), 'picture', 'pictures')} once, and puts faces next to each other that look alike to the "
        "network. It is kept with the evaluation, for everybody."
    )
    clicked = st.button("Make the map", type="primary", icon=":material/bubble_chart:", key="make-map")
    with st.expander("On the command line"):
        dataset = f"--dataset {shlex.quote(inspected.dataset)} --split {shlex.quote(split)}"
        show_command(f"python -m emotion_core map {shlex.quote(run.name)} {dataset}")
    if clicked:
        _make(run, inspected, split)
        st.rerun()


def _make(run: Run, inspected: Inspected, split: str) -> None:
    bar, started = st.progress(0.0, text="Getting ready …"), time.monotonic()
    from emotion_core.explain.feature_map import map_split

    def progress(done: int, total: int) -> None:
        left = (time.monotonic() - started) / done * (total - done)
        words = f"{done:,} of {total:,} pictures read, about {left:.0f} s left" if done < total else "Laying out the map …"
        bar.progress(done / total, text=words)

    # Whoever asks at the same time waits, and finds it there.
    with _lock():
        if read_map(inspected) is None:
            map_split(run, inspected.dataset, pictures_root(inspected.dataset) or None, split=split, progress=progress)


@st.cache_resource(show_spinner=False)
def _lock() -> threading.Lock:
    return threading.Lock()


# At 40,000 faces a map takes 9 MB.
@st.cache_resource(show_spinner="Reading the map …", max_entries=4)
def _read(key: tuple[object, ...], _inspected: Inspected) -> FeatureMap | None:
    run, evaluation = _place(_inspected)
    return read_feature_map(run, evaluation, len(_inspected.table))


def _place(inspected: Inspected) -> tuple[Run, str]:
    entry = inspected.entries[0]
    assert entry.run is not None  # noqa: S101 - only measured entries come here
    return entry.run, entry.evaluation
