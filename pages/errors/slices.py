"""How good is it on these images? Measures of the selection, and filters that are kept by name."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from emotion_core.errors import ConfigError, EmotionCoreError
from emotion_core.inspection.filters import Filter
from emotion_core.inspection.slices import slice_measures
from emotion_core.metrics.table import METRICS
from emotion_core.results.reviews import LONGEST_NAME
from emotion_core.results.summaries import subset_resamples
from emotion_core.texts import with_interval
from pages.errors.chosen import ChosenImages
from pages.errors.controls import USUAL, set_filter
from pages.shared.inspected import Inspected, Rows
from pages.shared.reviews import review_store
from pages.shared.roles import may, reviewer_name
from pages.shared.sentence import sentence
from pages.shared.store import read_store
from pages.shared.words import count, escape

SHOWN = ("accuracy", "f1_macro", "cohen_kappa", "ece", "log_loss", "rmse_valence", "ccc_valence", "rmse_arousal", "ccc_arousal")
"""Measures that are shown, those that a selection defines."""


def show_slice(chosen: ChosenImages) -> None:
    """Measures of the selection beside those of all images, computed when somebody opens it."""
    total = len(chosen.rows)
    opened = st.expander(
        f"How good is it on these {count(total, 'image', 'images')}?",
        key="measures-open",
        on_change="rerun",
        bind="query-params",
    )
    if not opened.open or not total:
        return
    with opened:
        if chosen.wanted.asks_answers:
            st.caption("These images were chosen by what a run predicts for them, so its measures on them describe the choice.")
        tables = [measures_of(chosen, number) for number in range(len(chosen.inspected.entries))]
        table = pd.concat(tables, ignore_index=True)
        if len(tables) == 1:
            table = table.drop(columns="run")
        st.dataframe(table, hide_index=True, key="slice-measures")
        st.caption(
            f"[..] is the 95 % interval over images, from {subset_resamples(total):,} resamples of the selection; arrows "
            "say which way is better."
        )


def measures_of(chosen: ChosenImages, number: int) -> pd.DataFrame:
    """A row a measure: of the selection, and of the whole evaluation as it was stored."""
    entry = chosen.inspected.entries[number]
    found = _measures(chosen.inspected.key, chosen.wanted.to_json(), _sorted(chosen.rows), number, chosen.inspected)
    rows = []
    for name in SHOWN:
        mine = found[found["measure"] == name]
        if len(mine):
            whole = entry.measures.get(name)
            rows.append(
                {
                    "run": entry.name,
                    "measure": METRICS[name].header,
                    "these images": with_interval(*mine[["value", "low", "high"]].iloc[0]),
                    "all images": "" if whole is None else with_interval(whole.value, whole.low, whole.high),
                }
            )
    return pd.DataFrame(rows, columns=["run", "measure", "these images", "all images"])


def _sorted(rows: Rows) -> Rows:
    # The order of the gallery draws other resamples, not other measures.
    return pd.Index(rows).sort_values().to_numpy()


@st.cache_data(show_spinner="Resampling these images …", max_entries=128)
def _measures(key: tuple[object, ...], wanted: str, rows: Rows, number: int, _inspected: Inspected) -> pd.DataFrame:
    return slice_measures(_inspected.table, rows, number)


def show_slices(chosen: ChosenImages) -> None:
    """Filters that somebody kept: choose one, keep this one, forget one."""
    entry = chosen.inspected.entries[0]
    with st.popover("Slices", icon=":material/bookmark:", help="Filters that are kept under a name, for everybody."):
        try:
            known = review_store().slices(entry.dataset, entry.split)
        except EmotionCoreError as error:
            st.error(sentence(error))
            return
        names = [str(name) for name in known["name"]]
        if names:
            picked = st.selectbox("Saved slice", names, index=None, key="slice-picked", placeholder="choose one")
            mine = known[known["name"] == picked]
            if len(mine):
                st.caption(f"Kept by {escape(str(mine['reviewer'].iloc[0]))}.")
                text = str(mine["filter_json"].iloc[0])
                with st.container(horizontal=True):
                    st.button("Apply", on_click=_apply, args=(text, entry.evaluation), key="slice-apply")
                    if may("review"):
                        st.button(
                            "Forget", on_click=_forget, args=(str(picked), entry.dataset, entry.split), key="slice-forget"
                        )
        if may("review"):
            _ask_name(chosen)
        said = st.session_state.pop("slice-said", None)
        if said:
            (st.error if said[0] == "error" else st.success)(escape(said[1]))


def _ask_name(chosen: ChosenImages) -> None:
    """Keep these filters, as what and by whom."""
    st.text_input("Keep these filters as", key="slice-name", max_chars=LONGEST_NAME, placeholder="such as: dark pictures")
    if not reviewer_name():
        st.text_input("Your name", key="slice-by", max_chars=LONGEST_NAME)
    empty = chosen.wanted in (Filter(), Filter(outcome=USUAL.outcome, runs=chosen.wanted.runs))
    st.button("Keep", on_click=_keep, args=(chosen,), disabled=empty, key="slice-keep")


def _apply(text: str, evaluation: str) -> None:
    """Set the widgets to a kept filter, and to the runs that it speaks of."""
    try:
        wanted = Filter.from_json(text)
    except ConfigError as error:
        st.session_state["slice-said"] = ("error", str(error))
        return
    known = {entry.name for entry in read_store()[0].entries if entry.evaluation == evaluation}
    missing = [name for name in wanted.runs if name not in known]
    if missing:
        st.session_state["slice-said"] = ("error", f"This slice speaks of the run '{missing[0]}', which is not here.")
        return
    for key, name in zip(("a", "b"), wanted.runs, strict=False):
        st.session_state[key] = name
    set_filter(wanted)


def _keep(chosen: ChosenImages) -> None:
    entry = chosen.inspected.entries[0]
    name, by = (
        str(st.session_state.get("slice-name") or ""),
        reviewer_name() or st.session_state.get("slice-by"),
    )
    try:
        review_store().save_slice(name.strip(), entry.dataset, entry.split, chosen.wanted.to_json(), str(by or ""))
    except EmotionCoreError as error:
        st.session_state["slice-said"] = ("error", str(error))
        return
    st.session_state["reviewer"] = " ".join(str(by).split())
    st.session_state["slice-name"] = ""
    st.session_state["slice-said"] = ("saved", f"Kept as {name.strip()}.")


def _forget(name: str, dataset: str, split: str) -> None:
    try:
        review_store().remove_slice(name, dataset, split)
    except EmotionCoreError as error:
        st.session_state["slice-said"] = ("error", str(error))
