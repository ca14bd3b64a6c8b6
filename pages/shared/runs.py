"""What is said where runs are missing or damaged."""

from __future__ import annotations

import streamlit as st

from emotion_core.results.find import checkpoints_folder, current_name
from emotion_core.results.run import DamagedRun
from pages.shared.command import show_command
from pages.shared.roles import may
from pages.shared.sentence import readable


def show_damaged(damaged: list[DamagedRun]) -> None:
    """One line that opens to the reasons."""
    folders = "1 run folder" if len(damaged) == 1 else f"{len(damaged)} run folders"
    with st.expander(f"{folders} cannot be read", icon=":material/warning:"):
        for run in damaged:
            st.text(readable(run.reason))


def show_no_runs() -> None:
    """What to do where no run has weights."""
    st.info("There is no trained network yet. Train one with the command below, then reload this page.")
    show_command("python -m emotion_core train")
    if may("owner"):
        with st.container(horizontal=True):
            st.caption("Looked in")
            st.text(str(checkpoints_folder()))


def follow_new_names() -> None:
    """Start again where an address was kept before runs were sorted into experiments: with the names that runs have now."""
    renamed = {key: [current_name(value) for value in st.query_params.get_all(key)] for key in st.query_params}
    if renamed != {key: st.query_params.get_all(key) for key in st.query_params}:
        st.query_params.from_dict(renamed)
        st.rerun()
