"""The rows of controls above the errors. All of it is part of the page's address."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from emotion_core.compare import Entry
from emotion_core.errors import ConfigError
from emotion_core.inspection.affect import QUARTERS
from emotion_core.inspection.filters import CONTRADICTIONS, NOT_REVIEWED, OUTCOMES, PLACES, REVIEWED, Filter, part_names
from emotion_core.inspection.sets import decode_set
from emotion_core.inspection.sorting import ORDERS, known_orders
from emotion_core.labels import EXPRESSIONS
from pages.errors.piles import ask_pile
from pages.shared.address import SET
from pages.shared.entries import EntryHelp, ask_entries
from pages.shared.inspected import Inspected
from pages.shared.words import count, escape

ALL = "all"

USUAL = Filter(outcome="wrong")
"""What is shown when nobody asks for anything else."""

HELP = EntryHelp(
    evaluation="Dataset and split whose images are shown.",
    first="The network whose errors are shown.",
    second="Another network on the same images: where does it do better?",
)

PICKED = {"true": "true", "predicted": "said", "second": "said-b"}
CHOSEN = {
    "outcome": "outcome", "pile": "pile", "region": "quarter", "contradiction": "contradiction", "review": "review",
    "part": "part",
}  # fmt: skip
SWITCHED = {"doubtful": "doubtful", "conflict": "conflict", "leaked": "leaked"}
"""Keys of the widgets, which are names in the address, by what they set in a filter."""


@dataclass(frozen=True, kw_only=True)
class ErrorsChoice:
    """What was chosen.

    Attributes:
        wanted: the filter.
        order: a key of :data:`~emotion_core.inspection.sorting.ORDERS`.
        reverse: in descending order.
    """

    wanted: Filter
    order: str
    reverse: bool


def ask_runs(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """One or two evaluations on the same images.

    Args:
        entries: measured ones, at least one.
    """
    return ask_entries(st.columns(3), entries, _says_expressions, HELP, on_change=first_page)


def ask_filter(inspected: Inspected) -> ErrorsChoice:
    """The second row: which images, in which order."""
    two = len(inspected.entries) == 2
    says = bool(inspected.table["predicted_0"].notna().any())
    labelled = bool(inspected.table["expression"].notna().any())
    columns = st.columns([1.5, 1.5, 1.6, 1.4], vertical_alignment="bottom")
    true = _pick(columns[0], "True", "true", "What annotators say.") if labelled else ()
    said = _pick(columns[1], "Predicted", "predicted", "What the run predicts.") if says else ()
    outcome = ALL
    if labelled and says:
        outcome = columns[2].segmented_control(
            "Right or wrong", (ALL, *OUTCOMES), default="wrong", required=True, key="outcome", bind="query-params",
            on_change=first_page,
        )  # fmt: skip
    orders = known_orders(inspected.table)
    with columns[3].container(horizontal=True, vertical_alignment="bottom", gap="small", wrap=False):
        order = st.selectbox(
            "Sort by",
            orders,
            key="sort",
            bind="query-params",
            on_change=first_page,
            help="  \n".join(f"**{name}** {ORDERS[name].meaning}" for name in orders),
        )
        reverse = st.toggle("Reverse", key="reverse", bind="query-params", on_change=first_page)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        more = _ask_more(inspected, says=says, two=two)
        more["name"] = st.text_input(
            "File name", key="file", bind="query-params", on_change=first_page, max_chars=200, width=220,
            placeholder="Search by file name", label_visibility="collapsed",
        ).strip()  # fmt: skip
        st.button(
            "Clear filters", key="clear", type="tertiary", icon=":material/filter_alt_off:", on_click=set_filter, args=(USUAL,)
        )
    chosen: dict[str, Any] = {"true": true, "predicted": said, "outcome": "" if outcome == ALL else str(outcome), **more}
    chosen["chosen"] = _asked_set(inspected)
    if two and labelled and says:
        chosen["pile"] = ask_pile(inspected, Filter(**chosen))
    wanted = Filter(**chosen)
    runs = inspected.names if wanted.asks_second else inspected.names[:1] if wanted.asks_answers else ()
    return ErrorsChoice(wanted=Filter(**chosen, runs=runs), order=str(order), reverse=reverse)


def set_filter(wanted: Filter) -> None:
    """Set the widgets to a filter: for callbacks, before the widgets are drawn."""
    for name, key in PICKED.items():
        st.session_state[key] = list(getattr(wanted, name))
    for name, key in CHOSEN.items():
        st.session_state[key] = getattr(wanted, name) or (ALL if name == "outcome" else None)
    for name, key in SWITCHED.items():
        st.session_state[key] = getattr(wanted, name)
    st.session_state["sure"] = (wanted.least, wanted.most)
    st.session_state["place"] = wanted.place
    st.session_state["file"] = wanted.name
    if wanted.chosen:
        st.query_params[SET] = wanted.chosen
    else:
        drop_set()
    first_page()


def drop_set() -> None:
    """Take images chosen one by one out of the address."""
    st.query_params.pop(SET, None)


def _asked_set(inspected: Inspected) -> str:
    """Images that another page or a lasso chose; what is no such set here is said and dropped."""
    text = st.query_params.get(SET, "")
    if not text:
        return ""
    try:
        images = len(decode_set(text, inspected.table["sample_id"].to_numpy()))
    except ConfigError as error:
        st.warning(escape(str(error)), icon=":material/link_off:")
        return ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f":material/lasso_select: {count(images, 'image', 'images')} chosen one by one")
        st.button("Show all", key="drop-set", type="tertiary", icon=":material/close:", on_click=drop_set)
    return text


def first_page() -> None:
    """Other images begin on their first page again."""
    st.session_state["page"] = 1


def _ask_more(inspected: Inspected, *, says: bool, two: bool) -> dict[str, Any]:
    """Conditions that are needed less often. What nothing could meet is not asked."""
    table, flags = inspected.table, inspected.flags
    found: dict[str, Any] = {}
    with st.popover("More filters", icon=":material/tune:") as more:
        if two and says:
            found["second"] = _pick(more, "Predicted by the second run", "second", f"What {inspected.names[1]} predicts.")
        if says:
            least, most = st.slider(
                "Confidence", 0.0, 1.0, (0.0, 1.0), 0.01, key="sure", bind="query-params", on_change=first_page,
                help="Probability of the predicted expression.",
            )  # fmt: skip
            found |= {"least": least, "most": most}
        if table["valence"].notna().any() or table["valence_0"].notna().any():
            found["region"] = _choose("Region of the plane", "region", QUARTERS, "Zero is pleasant, and active.")
            found["place"] = st.segmented_control(
                "Whose place", list(PLACES), default="annotated", required=True, key="place", bind="query-params",
                on_change=first_page, label_visibility="collapsed",
            )  # fmt: skip
            found["contradiction"] = _choose(
                "Expression contradicts place", "contradiction", CONTRADICTIONS, "Such as happiness with negative valence."
            )
        if says:
            found["doubtful"] = _switch("Another label suggested", "doubtful", "By confident learning (Northcutt et al. 2021).")
        ids = table["sample_id"]
        if flags.conflicts and ids.isin(flags.conflicts).any():
            found["conflict"] = _switch("Same pixels, other label", "conflict", "By the stored audit of the dataset.")
        if flags.leaked and ids.isin(flags.leaked).any():
            found["leaked"] = _switch("Also in the training split", "leaked", "Pixel for pixel, by the stored audit.")
        verdicts = sorted(set(flags.verdicts.values()))
        if parts := part_names(flags.slices):
            found["part"] = _choose(
                "Size, light, pose, own columns", "part", parts, "Slices of the images by what was measured."
            )
        found["review"] = _choose("Review", "review", (NOT_REVIEWED, REVIEWED, *verdicts), "What reviewers said.")
    return found | {name: found[name] or "" for name in ("region", "contradiction", "review", "part") if name in found}


def _pick(where: DeltaGenerator, label: str, name: str, words: str) -> tuple[str, ...]:
    return tuple(
        where.multiselect(
            label, EXPRESSIONS, key=PICKED[name], bind="query-params", on_change=first_page, placeholder="any", help=words
        )
    )


def _choose(label: str, name: str, options: Iterable[str], words: str) -> str | None:
    return st.selectbox(
        label,
        list(options),
        index=None,
        key=CHOSEN[name],
        bind="query-params",
        on_change=first_page,
        placeholder="any",
        help=words,
    )


def _switch(label: str, name: str, words: str) -> bool:
    return st.toggle(label, key=SWITCHED[name], bind="query-params", on_change=first_page, help=words)


def _says_expressions(entry: Entry) -> bool:
    return "accuracy" in entry.measures
