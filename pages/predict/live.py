"""The camera as it runs: the browser shows it, sends pictures, and draws what is read over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from emotion_core.results.run import Run
from pages.predict.controls import ask_flip
from pages.predict.live_route import address_of, path
from pages.shared.assets import read_beside
from pages.shared.words import count

KIND = "camera_kind"
LIVE, PHOTO = "Live", "Photo"

READER, SECRET, FAILED, VIEW = "live-reader", "live-secret", "live-failed", "live-view"

REASONS = {
    "insecure": "Browsers open the camera only on pages with https, or on localhost.",
    "denied": "The browser may not use the camera. Allow it in the browser's address bar, then start it again.",
    "none": "This browser finds no camera.",
    "busy": "The camera cannot be opened: another program may be using it.",
    "server": "The live camera could not connect to the server. Take a photo instead.",
}
"""Why a camera does not run, by what the browser says."""

_HTML = """<div class="place"><div class="live"><div class="picture"><video playsinline muted></video>
<canvas hidden></canvas><svg class="boxes"></svg>
<button type="button" class="main" data-do="start">Start the camera</button></div>
<div class="side"><svg class="plane" viewBox="-1.18 -1.18 2.36 2.36" role="img"></svg><div class="bars"></div></div>
<div class="row"><button type="button" data-do="stop" hidden>Stop</button>
<select aria-label="Camera" hidden></select><span class="state"></span></div>
<p class="faces"></p><p class="aloud" aria-live="polite"></p></div></div>"""

_live = st.components.v2.component(
    "live_view", html=_HTML, css=read_beside(__file__, "live_view.css"), js=read_beside(__file__, "live_view.js")
)


def ask_kind() -> str:
    """Whether the camera runs or takes one photo; why it takes one where it could not run."""
    if st.session_state.get(FAILED) == "server":
        # No live picture comes through, but a photo goes another way.
        st.session_state[KIND] = PHOTO
        st.warning(REASONS[st.session_state.pop(FAILED)], icon=":material/videocam_off:")
    return str(
        st.segmented_control(
            "Camera",
            [LIVE, PHOTO],
            default=LIVE,
            required=True,
            key=KIND,
            bind="query-params",
            label_visibility="collapsed",
        )
    )


def live_chosen() -> bool:
    """Whether the camera runs; to be asked after :func:`ask_kind`."""
    return st.session_state.get("source") == "Camera" and st.session_state.get(KIND) == LIVE


def show_live(runs: Mapping[str, Run]) -> None:
    """Controls, the picture with what is read now, and all that was read once the camera is stopped."""
    left, middle, right = st.columns([4, 2, 2], vertical_alignment="bottom")
    run = left.selectbox("Run", list(runs), key="live_run", bind="query-params")
    heat = middle.toggle(
        "Heat map", key="live_heat", bind="query-params", help="Lays over each face what speaks for the expression it shows."
    )
    flip = ask_flip(right, "live_flip")
    with st.spinner("Getting ready …"):
        from emotion_core.figures.palette import EXPRESSION_COLOURS, OTHER
        from emotion_core.films.live import LiveReader
        from pages.predict.reading import shared_detector
        from pages.shared.networks import load_predictors
    predictors = load_predictors([runs[run]])
    if not predictors:
        return
    reader: LiveReader | None = st.session_state.get(READER)
    running = _running()
    if running and (reader is None or reader.run != run):
        with st.spinner("Getting ready …"):
            reader = st.session_state[READER] = LiveReader(predictors[run], shared_detector())
        st.session_state[SECRET] = ""
    secret = ""
    if running and reader is not None:
        reader.heat, reader.flip = heat, flip
        secret = st.session_state[SECRET] = address_of(reader, st.session_state[SECRET])
    data = {
        "url": path() + secret if secret else "",
        "colours": {**EXPRESSION_COLOURS, "": OTHER},
    }
    _live(data=data, key=VIEW, on_running_change=_begin, on_failed_change=_fail)
    failed = st.session_state.pop(FAILED, None)
    if failed in REASONS:
        st.warning(f"{REASONS[failed]} Photos and films can be read as well, above.", icon=":material/videocam_off:")
    if running or reader is None:
        st.caption(
            "Pictures go to the server, are read there and forgotten; of each face, one small picture stays in the results "
            "until you close the page. Faces are followed, and values smoothed over the last moments."
        )
        return
    _show_taken(reader)


def _running() -> bool:
    state: Any = st.session_state.get(VIEW)
    return state is not None and state.get("running") is True


def _begin() -> None:
    """A camera that starts begins anew."""
    if _running():
        st.session_state.pop(READER, None)


def _fail() -> None:
    state: Any = st.session_state.get(VIEW)
    st.session_state[FAILED] = None if state is None else str(state.get("failed"))


def _show_taken(reader: Any) -> None:
    """The results as of a film, without its pictures."""
    from emotion_core.films.table import smooth_table
    from pages.predict.films import show_results

    log = reader.taken()
    table = smooth_table(log.table())
    if table.empty:
        st.text("No face was seen.")
        return
    times = table["time"].drop_duplicates().diff().dropna()
    faces = count(int(table["track"].nunique()), "face", "faces")
    st.markdown(f"{faces} in {log.time:.0f} s, {count(log.frames, 'picture', 'pictures')} read")
    if reader.full:
        st.caption(f"Of a longer visit the first {log.time / 60:.0f} minutes are kept.")
    show_results(None, table, log.pictures, reader.run, float(times.median()) if len(times) else 0.1)
