"""Bring your own results: a dialogue from a file to a run, stored or kept for this visit only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import streamlit as st

from emotion_core.errors import EmotionCoreError
from emotion_core.importing import (
    ORDERS,
    ROLES,
    Columns,
    Prepared,
    find_truth,
    guess_columns,
    known_benchmarks,
    prepare,
    read_classes,
    read_results,
    store_results,
)
from emotion_core.importing.columns import TITLES
from emotion_core.importing.joining import HOW
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.summary import summarize
from emotion_core.metrics.table import METRICS
from emotion_core.results.find import DEFAULT_RUN, checkpoints_folder, find_named
from emotion_core.texts import plain
from pages.shared.roles import may
from pages.shared.sentence import readable
from pages.shared.visit import EXPERIMENT, visit_folder
from pages.shared.words import count, escape

KINDS = ["csv", "tsv", "txt", "json", "jsonl", "parquet", "npz"]
OWN = "The file's own, with a column of true expressions"
NAMED = "As the columns say"
NONE = "none"
SHOWN = ("accuracy", "balanced_accuracy", "ccc_valence", "ccc_arousal")
EXAMPLE = "image,neutral,happy,sad,surprise,fear,disgust,angry,contempt\nimages/7.jpg,0.1,0.7,0.05,0.05,0.02,0.03,0.03,0.02\n"


@st.dialog("Bring your own results", width="large")
def open_import() -> None:
    """From a file to a run, drawn again for every answer."""
    upload = st.file_uploader(
        "Predictions, a row an image",
        type=KINDS,
        key="import-file",
        help="The name of the image, and a column of probabilities for each expression, or the named expression, or valence "
        "and arousal.",
    )
    if upload is None:
        st.caption("CSV, JSON lines, Parquet or NPZ. Such as:")
        st.code(EXAMPLE, language=None)
        return
    try:
        table = _read(upload.file_id, upload.name, upload.getvalue())
        st.dataframe(table.head(3), hide_index=True, alt="The first rows of the file")
        benchmark, own = _ask_benchmark(Path(upload.name).stem)
        # Above the boxes that answer it, which fill a screen.
        question = st.empty()
        columns = _ask_columns(table, upload.file_id)
        if columns.unsure:
            question.warning(_words(" ".join(columns.unsure)), icon=":material/help:")
            return
        prepared = _prepare(table, columns, benchmark, own)
    except EmotionCoreError as error:
        st.error(_words(readable(error)))
        return
    _show(prepared)
    _ask_where(prepared, Path(upload.name).stem)


@st.cache_data(show_spinner="Reading the file …", max_entries=4, scope="session")
def _read(file_id: str, name: str, _content: bytes) -> pd.DataFrame:
    return read_results(_content, name)


def _words(text: str) -> str:
    """A message without what it says of the command line's options."""
    return escape(re.sub(r" \(--[^)]*\)", "", text))


def _ask_benchmark(stem: str) -> tuple[str, str]:
    """The benchmark, or the name of the file's own."""
    known = known_benchmarks()
    chosen = st.selectbox("Benchmark", [*known, OWN], key="import-benchmark", help="The images that it was run on.")
    if chosen != OWN:
        return str(chosen), ""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")
    return "", st.text_input("Name of the benchmark", name or "mine", key="import-own").strip()


def _ask_columns(table: pd.DataFrame, file_id: str) -> Columns:
    """What the columns mean: guessed, and asked for where that is unsure."""
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    order = left.selectbox(
        "Order of the expressions",
        [NAMED, *ORDERS],
        format_func=lambda key: f"{TITLES[key]}: {', '.join(ORDERS[key])}" if key in ORDERS else key,
        accept_new_options=True,
        key=f"import-order-{file_id}",
        help="Of numbered columns, or of numbers that stand for expressions; your own as a list: neutral, happy, sad.",
    )
    logits = right.toggle("Logits", key=f"import-logits-{file_id}", help="The columns are logits, not yet probabilities.")
    classes = () if order in (None, NAMED) else read_classes(str(order))
    guess = guess_columns(table, classes=classes, logits=True if logits else None)
    given = _ask_roles(table, guess, f"{file_id}-{order}-{logits}")
    return guess_columns(table, given=given, classes=classes, logits=True if logits else None) if given else guess


def _ask_roles(table: pd.DataFrame, guess: Columns, key: str) -> Mapping[str, str]:
    """A box for every role, as it was guessed; roles that were answered otherwise, and the column."""
    said, names = guess.roles(), [NONE, *map(str, table.columns)]
    given = {}
    with st.expander("What the columns mean", expanded=bool(guess.unsure), icon=":material/view_column:"):
        for roles in (("image", "label", "truth"), EXPRESSIONS[:4], EXPRESSIONS[4:], ROLES[-5:-3] + ROLES[-2:]):
            for place, role in zip(st.columns(4), roles, strict=False):
                before = said.get(role, NONE)
                column = place.selectbox(_title(role), names, index=names.index(before), key=f"import-{role}-{key}")
                if column != before:
                    given[role] = "" if column == NONE else str(column)
    return given


def _title(role: str) -> str:
    titles = {"image": "Name of the image", "label": "Named expression", "truth": "True expression"}
    return titles.get(role, role.replace("true_", "true ").capitalize())


def _prepare(table: pd.DataFrame, columns: Columns, benchmark: str, own: str) -> Prepared:
    with st.expander("Scale and missing images", icon=":material/tune:"):
        low, high, share = st.columns(3)
        ends = (
            low.number_input("Lowest valence", value=-1.0, key="import-low"),
            high.number_input("Highest valence", value=1.0, key="import-high", help="Of arousal too."),
        )
        percent = share.number_input(
            "Images with a prediction, %",
            1,
            100,
            100,
            key="import-share",
            help="Of those that it could answer, so many at least.",
        )
    truth = find_truth(benchmark) if benchmark else None
    return prepare(table, columns, truth, own=own, min_share=percent / 100, affect_range=ends)


def _show(prepared: Prepared) -> None:
    """What would be stored, and what was noticed."""
    found = ", ".join(f"{number:,} {HOW[how]}" for how, number in prepared.matched.items() if number)
    images = count(len(prepared.predictions), "image", "images")
    measures = summarize(prepared.predictions)
    said = ", ".join(f"{METRICS[name].title} {plain(measures[name])}" for name in SHOWN if name in measures)
    st.markdown(f"**{escape(said)}** on {images} of {escape(prepared.truth.key)}. {prepared.rows:,} rows, found {found}.")
    for finding in prepared.findings:
        if finding.doubt:
            st.warning(_words(finding.text), icon=":material/warning:")
        else:
            st.caption(_words(finding.text))


def _ask_where(prepared: Prepared, stem: str) -> None:
    """Store it, or keep it for this visit."""
    meant = st.checkbox("It is meant, take it all the same", key="import-meant") if prepared.doubts else True
    left, right = st.columns(2)
    name = left.text_input("Name of the run", re.sub(r"[^\w.\-]+", "-", stem).strip("-."), key="import-name").strip()
    source = right.text_input("Where it comes from", key="import-source", placeholder="address and version of the network")
    with st.container(horizontal=True):
        keep = st.button(
            "Keep for this visit", type="primary", disabled=not meant, help="Nobody else sees it; it goes with the visit."
        )
        stored = may("upload") and st.button(
            "Store for everybody", disabled=not meant, help=f"As a run of the experiment “imported” in {_place()}."
        )
    if not (keep or stored):
        return
    folder, experiment = (visit_folder(), EXPERIMENT) if keep else (checkpoints_folder(), "imported")
    try:
        run = store_results(prepared, folder, name=name, experiment=experiment, origin={"source": source})
    except EmotionCoreError as error:
        st.error(_words(readable(error)))
        return
    st.session_state["imported"] = f"{run.name} is there, measured on {prepared.truth.key}."
    beside = [DEFAULT_RUN] if _has(DEFAULT_RUN, prepared.truth.key) else []
    # As an address would: the page opens on the new run, beside the default one.
    st.query_params.from_dict({"experiment": "all", "benchmark": prepared.truth.key, "run": [run.name, *beside]})
    st.rerun()


def _has(name: str, key: str) -> bool:
    run = find_named(name)
    return run is not None and run.evaluation(key).exists


def _place() -> str:
    return escape(checkpoints_folder().name)
