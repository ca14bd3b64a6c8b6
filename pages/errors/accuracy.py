"""For which images is a run worse? Accuracy by slice, as the command line has computed and kept it."""

from __future__ import annotations

import shlex

import pandas as pd
import streamlit as st

from emotion_core.compare import Entry
from emotion_core.results.slices import LEGEND, read_slices, slice_rows, worse_slices
from pages.shared.words import escape


def show_accuracy(entry: Entry) -> None:
    """The table of one run, read when somebody opens it; the one command that makes it where there is none."""
    opened = st.expander("For which images is it worse?", key="by-slice", on_change="rerun", bind="query-params")
    if not opened.open or entry.run is None:
        return
    with opened:
        slices = read_slices(entry.run, entry.evaluation)
        if not slices:
            st.info("Not computed for this run on these images yet. Run this, then reload.")
            dataset = f"--dataset {shlex.quote(entry.dataset)} --split {shlex.quote(entry.split)}"
            st.code(f"python -m emotion_core slices {shlex.quote(entry.run.name)} {dataset}", language="bash")
            return
        st.dataframe(pd.DataFrame(slice_rows(slices)), hide_index=True, key="by-slice-table")
        st.caption(escape(f"{LEGEND} {worse_slices(slices)}"))
