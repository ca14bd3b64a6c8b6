"""A film on the page that predicts: faces over time."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from emotion_core.films.decode import RATE
from emotion_core.films.opening import ENDINGS
from emotion_core.results.run import Run
from emotion_core.texts import shorten
from pages.predict.controls import ask_flip
from pages.shared.charts import CHART
from pages.shared.downloads import offer_file
from pages.shared.words import count, escape

if TYPE_CHECKING:
    from emotion_core.predict import Predictor

RATES = (1.0, 2.0, RATE, 10.0, 25.0)


def ask_film() -> Sequence[Any]:
    """The upload of a film. The photos of the page stay as they are, so it gives none."""
    st.file_uploader(
        "A film",
        type=[ending.removeprefix(".") for ending in (*ENDINGS, ".gif")],
        label_visibility="collapsed",
        on_change=_leave_film,
        key="film",
    )
    return []


def _leave_film() -> None:
    st.session_state.pop("film-file", None)


def show_film(runs: Mapping[str, Run]) -> None:
    """Controls, progress, and what was read."""
    file = _film()
    if file is None:
        st.caption("A film of up to three hours, MP4, MOV, WebM, MKV, AVI or GIF. Several faces are followed at once.")
        return
    left, middle, right = st.columns([4, 3, 2], vertical_alignment="bottom")
    run = left.selectbox("Run", list(runs), key="film_run", bind="query-params")
    rate = middle.selectbox(
        "Frames a second", RATES, index=RATES.index(RATE), format_func=lambda value: f"{value:g}", key="film_rate",
        bind="query-params",
        help="More frames show shorter expressions and take longer.",
    )  # fmt: skip
    mirror = ask_flip(right, "film_flip")
    with st.spinner("Getting ready …"):
        from pages.predict.film_reading import film_reading, go_on
        from pages.shared.networks import load_predictors
    predictors = load_predictors([runs[run]])
    if not predictors:
        return
    reading = film_reading(file, predictors[run], rate=rate, mirror=mirror)
    go_on(reading)
    if reading.error:
        st.error(escape(reading.error))
    for note in reading.notes:
        st.warning(escape(note), icon=":material/info:")
    if reading.stopped:
        st.info(f"Stopped after {reading.log.time:.1f} s of the film. What was read until then is shown.")
    table = _smoothed(reading)
    if table.empty:
        if reading.log.frames:
            st.text(f"No face was found in {count(reading.log.frames, 'frame', 'frames')} of {shorten(file.name)}.")
        return
    faces = table["track"].nunique()
    st.markdown(
        f"{count(faces, 'face', 'faces')} in {count(reading.log.frames, 'frame', 'frames')}, "
        f"read at {reading.log.frames / max(reading.spent, 1e-3):.0f} frames a second"
    )
    show_results(file, table, reading.log.pictures, run, 1 / rate, predictors[run], flip=mirror)


def _film() -> Any:
    """The film, also after a visit to another page, where the upload field forgets it."""
    file = st.session_state.get("film")
    if file is not None:
        st.session_state["film-file"] = file
        return file
    file = st.session_state.get("film-file")
    if file is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(f"{shorten(file.name)} from before")
            st.button("Remove", icon=":material/close:", on_click=_leave_film, key="remove-film")
    elif (reading := st.session_state.pop("film-reading", None)) is not None and not reading.done:
        reading.finish()
    return file


def _smoothed(reading: Any) -> pd.DataFrame:
    from emotion_core.films.table import smooth_table

    kept = st.session_state.get("film-table")
    key = (*reading.key, reading.log.frames)
    if kept is None or kept[0] != key:
        kept = st.session_state["film-table"] = key, smooth_table(reading.log.table())
    table: pd.DataFrame = kept[1]
    return table


@st.fragment
def show_results(
    file: Any | None,
    table: pd.DataFrame,
    pictures: Mapping[int, bytes],
    run: str,
    step: float,
    predictor: Predictor | None = None,
    *,
    flip: bool = False,
) -> None:
    """Summary, time line, and one face over time with the frame under the slider.

    A camera leaves no frames: its ``file`` and ``predictor`` are ``None``.
    """
    from emotion_core.figures.films import affect_curves, affect_trajectory, expression_time_line
    from emotion_core.films.table import segments, summarise, to_csv
    from pages.predict.film_frame import ask_heat_map, offer_annotated, show_frame

    name, saved = ("camera", "camera.csv") if file is None else (file.name, "film.csv")
    summary = summarise(table)
    tracks = [int(track) for track in summary["track"]]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        offer_file(
            "CSV", lambda: to_csv(table, film=name, run=run), saved, "text/csv", key="film-csv",
            meaning="A row a frame and face: box, raw and smoothed probabilities, valence and arousal.",
        )  # fmt: skip
        making = st.container()
    known = bool(table["shown"].notna().any())
    if known:
        stretches = segments(table, gap=2 * step + 0.05)
        figure = expression_time_line(stretches, tracks, step=step)
        st.plotly_chart(figure, key="film-time-line", config=CHART, alt="Expression of each face over time")
    _show_summary(summary, pictures)
    track = (
        tracks[0]
        if len(tracks) == 1
        else st.selectbox("Face", tracks, format_func=lambda each: f"face {each}", key="film-face")
    )
    mine = table[table["track"] == track]
    times = sorted(table["time"].unique().tolist())
    now = _ask_time(times, mine)
    frame, plane = st.columns([0.62, 0.38], gap="medium")
    if file is not None and predictor is not None:
        with frame:
            output = ask_heat_map()
            show_frame(file, table[table["time"] == now], now, predictor, output, flip=flip)
        with making:
            offer_annotated(file, table, predictor, output, step=step, flip=flip)
    if mine["valence"].notna().all() and mine["arousal"].notna().all():
        with plane:
            figure = affect_trajectory(mine, now=now)
            st.plotly_chart(figure, width="content", key="film-plane", config=CHART, alt=f"Way of face {track} over the plane")
        curves = affect_curves(mine, gap=2 * step + 0.05)
        curves.add_vline(x=now, line={"color": "rgba(128, 128, 128, 0.8)", "width": 1, "dash": "dot"})
        st.plotly_chart(curves, key="film-curves", config=CHART, alt=f"Valence and arousal of face {track} over time")
    st.caption(
        "Curves and expressions are means over neighbouring frames, which count e times less after every 0.4 s; bands are one "
        "standard deviation of these frames. Another expression is shown once it has led for 0.4 s, or leads by 0.2."
    )


def _ask_time(times: list[float], mine: pd.DataFrame) -> float:
    """The slider, and buttons to where the face is most pleasant, unpleasant and active."""
    if len(times) == 1:
        return times[0]
    if st.session_state.get("film-time") not in times:
        st.session_state["film-time"] = float(mine["time"].iloc[0])
    peaks = {
        "Most pleasant": ("smooth_valence", 1),
        "Least pleasant": ("smooth_valence", -1),
        "Most active": ("smooth_arousal", 1),
    }
    if mine["smooth_valence"].notna().all() and mine["smooth_arousal"].notna().all():
        with st.container(horizontal=True, gap="small"):
            for title, (column, sign) in peaks.items():
                there = float(mine["time"].iloc[int((sign * mine[column].to_numpy()).argmax())])
                st.button(title, on_click=_jump, args=(there,), key=f"film-peak-{title}", help=f"At {there:.1f} s")
    return float(st.select_slider("Time, s", times, format_func=lambda value: f"{value:.1f}", key="film-time"))


def _jump(time: float) -> None:
    st.session_state["film-time"] = time


def _show_summary(summary: pd.DataFrame, pictures: Mapping[int, bytes]) -> None:
    data = [f"data:image/jpeg;base64,{base64.b64encode(pictures.get(int(each), b'')).decode()}" for each in summary["track"]]
    summary.insert(0, "picture", data)
    number = st.column_config.NumberColumn
    st.dataframe(
        summary.assign(share=100 * summary["share"]),
        hide_index=True,
        row_height=56,
        column_config={
            "picture": st.column_config.ImageColumn("", width=64),
            "track": number("face", help="Followed by place and looks; no face recognition."),
            "frames": number("frames"),
            "first": number("first, s", format="%.1f"),
            "last": number("last, s", format="%.1f"),
            "mostly": "mostly",
            "share": number("share of frames", format="%.0f %%", help="Frames in which this expression is shown."),
            "valence": number("valence, mean", format="%.3f", help="Mean of raw values, from -1 to 1."),
            "arousal": number("arousal, mean", format="%.3f", help="Mean of raw values, from -1 to 1."),
        },
        key="film-summary",
    )
