"""For which images is a run worse? Accuracy of every slice of every attribute, and what to look at first."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from emotion_core.errors import EmotionCoreError
from emotion_core.inspection.accuracy_slices import EXPRESSION, REGION, accuracy_by_slice, known_slices, what_first
from emotion_core.inspection.filters import Filter, part_name
from emotion_core.inspection.table import as_predictions
from emotion_core.results.slices import ALPHA, Slice
from pages.errors.controls import USUAL, set_filter
from pages.shared.inspected import Inspected
from pages.shared.pictures import pictures_root, why_no_pictures
from pages.shared.roles import may
from pages.shared.sentence import sentence
from pages.shared.words import count, escape

HELP = {
    "accuracy": "With its 95 % Wilson interval over images.",
    "expected": "What it would be if each expression of the slice was recognised as often as among all images.",
    "difference": "Accuracy less that of the other images of the same expressions (Mantel and Haenszel); for a true "
    "expression, less that of all other images.",
    "lost": "How many images fewer are right than expected.",
    "p (Holm)": "Of the difference, corrected for the number of slices tested (Holm). Empty below 10 images.",
    "verdict": f"Worse or better where p is below {ALPHA:g}.",
}


def show_accuracy(inspected: Inspected, split: str) -> None:
    """The slices of the first run, computed when somebody opens them. A click opens the pictures of one."""
    opened = st.expander("For which images is it worse?", key="by-slice", on_change="rerun", bind="query-params")
    if not opened.open:
        return
    with opened:
        try:
            slices = _slices((*inspected.key, _stamp(inspected)), inspected)
        except EmotionCoreError as error:
            st.info(sentence(error))
            return
        for words in filter(None, what_first(slices)):
            st.markdown(escape(words))
        _show_table(slices)
        if inspected.flags.slices.empty:
            _offer_measuring(inspected.dataset, split)


def _stamp(inspected: Inspected) -> tuple[object, ...]:
    slices = inspected.flags.slices
    return tuple((str(name), tuple(slices[name].cat.categories)) for name in slices.columns)


# Some forty slices a run.
@st.cache_data(show_spinner="Comparing slices …", max_entries=32)
def _slices(key: tuple[object, ...], _inspected: Inspected) -> tuple[Slice, ...]:
    table = _inspected.table
    found = accuracy_by_slice(as_predictions(table), known_slices(table, _inspected.flags.slices))
    return tuple(sorted(found, key=lambda each: -each.lost))


def _show_table(slices: Sequence[Slice]) -> None:
    rows = [
        {
            "by": each.attribute,
            "images": each.name,
            "number": each.images,
            "accuracy": f"{each.accuracy:.3f} [{each.low:.3f}, {each.high:.3f}]",
            "expected": each.expected,
            "difference": each.difference,
            "lost": each.lost,
            "p (Holm)": each.p_holm,
            "verdict": ("✗ worse" if each.worse else "✓ better") if each.differs else "",
        }
        for each in slices
    ]
    formats = {"number": "localized", "expected": "%.3f", "difference": "%+.3f", "lost": "%.0f", "p (Holm)": "%.3f"}
    key = "by-slice-table"
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height=min(36 * (len(rows) + 1), 362),
        column_config={
            name: st.column_config.NumberColumn(format=formats[name], help=HELP.get(name))
            if name in formats
            else st.column_config.TextColumn(help=HELP.get(name))
            for name in rows[0]
        },
        selection_mode="single-row",
        on_select=lambda: _open(key, slices),
        key=key,
    )
    st.caption("What loses most stands first. Choose a row to see its errors below; choose it again to see all errors.")


def _open(key: str, slices: Sequence[Slice]) -> None:
    """Turn a chosen row into a filter."""
    rows = st.session_state[key].selection.rows
    chosen = slices[rows[0]] if rows and rows[0] < len(slices) else None
    set_filter(USUAL if chosen is None else replace(_filter_of(chosen), outcome=USUAL.outcome))


def _filter_of(chosen: Slice) -> Filter:
    if chosen.attribute == EXPRESSION:
        return Filter(true=(chosen.name,))
    if chosen.attribute == REGION:
        return Filter(region=chosen.name)
    return Filter(part=part_name(chosen.attribute, chosen.name))


def _offer_measuring(dataset: str, split: str) -> None:
    """Slices by what the pictures show need the pictures, once."""
    missing = why_no_pictures(dataset)
    if missing:
        st.text(f"Slices by size, sharpness, light and pose of the face need the pictures. {missing}")
        return
    if not may("upload"):
        return
    st.button("Measure the pictures", key="measure-pictures", icon=":material/straighten:")
    st.caption("Size, sharpness, brightness, colour and pose of each face, and columns of your own: once for all runs.")
    if not st.session_state.get("measure-pictures"):
        return
    with st.spinner("Getting ready …"):
        from emotion_core.data.datasets import load_dataset
        from emotion_core.faces.loading import load_detector
        from emotion_core.inspection.attributes import measure_attributes
        from emotion_core.results.attributes import write_attributes
    try:
        table = load_dataset(dataset, pictures_root(dataset), on_error="skip").split(split)
        bar, started, done = st.progress(0.0), time.monotonic(), 0

        def progress(images: int) -> None:
            nonlocal done
            done += images
            if done % 20 == 0 or done == len(table):
                left = (time.monotonic() - started) / done * (len(table) - done)
                bar.progress(done / len(table), text=f"{done:,} of {count(len(table), 'image', 'images')}, {left:.0f} s left")

        write_attributes(dataset, split, measure_attributes(table, load_detector(), progress=progress))
    except EmotionCoreError as error:
        st.error(sentence(error))
        return
    st.rerun()
