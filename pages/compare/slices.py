"""Compare on some of the images: those of a slice that was kept on the Errors page."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from emotion_core.compare import Entry, judge_subset
from emotion_core.errors import CheckpointError, EmotionCoreError
from emotion_core.inspection.filters import Filter, choose_rows
from pages.shared.inspected import inspect_entries, read_flags
from pages.shared.reviews import review_store
from pages.shared.sentence import sentence
from pages.shared.words import count, escape

EVERYTHING = "all images"


def ask_slice(
    where: DeltaGenerator, shown: Sequence[Entry], others: Sequence[Entry], measured: Sequence[Entry]
) -> tuple[tuple[Entry, ...], tuple[Entry, ...]] | None:
    """Both groups of runs judged on the images of a slice; ``None`` where none is kept or chosen.

    Args:
        where: the list of slices is drawn.
        shown: what is compared.
        others: what only repeats one of these.
        measured: all runs of the same evaluation, among them those that a slice may speak of.
    """
    slices = saved_slices(shown)
    if not slices:
        return None
    name = where.selectbox(
        "Slice",
        [EVERYTHING, *slices],
        key="slice",
        bind="query-params",
        width=280,
        help="Compare on the images of a filter that was kept on the Errors page. What others reported is on all images.",
    )
    if name not in slices:
        return None
    judged = judge_slice([*shown, *others], measured, name, slices[name])
    hidden = {entry.name for entry in others}
    mine = tuple(entry for entry in judged if entry.name not in hidden)
    return mine, tuple(entry for entry in judged if entry.name in hidden)


def saved_slices(entries: Sequence[Entry]) -> dict[str, str]:
    """Filters as JSON by name, for the evaluation of these entries; none where the place cannot be reached."""
    if not entries:
        return {}
    try:
        known = review_store().slices(entries[0].dataset, entries[0].split)
    except EmotionCoreError:
        return {}
    return dict(zip(known["name"].astype(str), known["filter_json"].astype(str), strict=True))


def judge_slice(entries: Sequence[Entry], known: Sequence[Entry], name: str, text: str) -> list[Entry]:
    """The measured entries, judged on the images of a slice; says how many images these are, and who chose them.

    Args:
        entries: what is compared.
        known: all measured entries of the same evaluation, among them those that the filter may speak of.
        name: of the slice.
        text: its filter as JSON.
    """
    try:
        wanted = Filter.from_json(text)
        chosen_by = [entry for run in wanted.runs for entry in known if entry.name == run]
        missing = set(wanted.runs) - {entry.name for entry in chosen_by}
        if missing:
            st.error(
                escape(f"The slice '{name}' was chosen by predictions of {', '.join(sorted(missing))}, which is not here.")
            )
            return []
        flags = read_flags(entries[0].dataset, entries[0].split)
        inspected = inspect_entries(chosen_by or list(entries[:1]), flags)
        images = frozenset(inspected.ids(choose_rows(inspected.table, wanted, flags)))
        with st.spinner(f"Resampling {count(len(images), 'image', 'images')} …"):
            judged = _judge(entries, images)
    except EmotionCoreError as error:
        st.error(sentence(error))
        return []
    words = f"On the {count(len(images), 'image', 'images')} of the slice “{name}”."
    if wanted.asks_answers:
        words += f" They were chosen by predictions of {', '.join(wanted.runs)}, so they are unfair to it or in its favour."
    st.caption(escape(words))
    return judged


def _judge(entries: Sequence[Entry], images: frozenset[str]) -> list[Entry]:
    judged = []
    for entry in entries:
        try:
            judged.append(judge_subset(entry, images if entry.subset is None else images & entry.subset))
        except CheckpointError as error:
            st.caption(escape(f"{entry.name} is left out: {error}"))
    return judged
