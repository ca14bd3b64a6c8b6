"""What was found in an upload, and how it is to be measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from emotion_core.apart import read_apart
from emotion_core.data.brought import SPLITS, Brought
from emotion_core.data.table import Problem
from emotion_core.errors import ImageError
from emotion_core.labels import EXPRESSIONS
from emotion_core.texts import listing, shorten
from pages.pictures.asking import ask_measuring
from pages.pictures.bringing import Looked
from pages.shared.pictures import SIDE, small
from pages.shared.words import count, escape

SHOWN = 12
MOST_PROBLEMS = 500
NONE = "without a label"


def show_brought(looked: Looked) -> None:
    """Counts, some of the pictures, what cannot be used; then the way to measure them."""
    brought = looked.brought
    if brought is None:
        return
    images = len(brought.table)
    counts = brought.counts()
    expressions = len(counts.keys() - {""})
    st.header(f"{count(images, 'picture', 'pictures')} with {count(expressions, 'expression', 'expressions')}")
    ask_measuring(looked.title, brought)
    left, right = st.columns([1, 1.35], gap="large")
    with left:
        _show_counts(counts)
        _show_problems(brought)
    with right:
        _show_some(looked, brought)


def _show_counts(counts: Mapping[str, Mapping[str, int]]) -> None:
    splits = [split for split in (*SPLITS, "") if any(row[split] for row in counts.values())]
    rows = []
    for name in (*EXPRESSIONS, *([""] if "" in counts else [])):
        row = counts.get(name, dict.fromkeys(splits, 0))
        cells = {split or "no split": row[split] for split in splits} if len(splits) > 1 else {}
        rows.append({"expression": name or NONE, **cells, "pictures": sum(row.values())})
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={
            "pictures": st.column_config.ProgressColumn(
                format="localized", min_value=0, max_value=max(sum(row.values()) for row in counts.values()), color="blue"
            )
        },
        alt="Pictures by expression",
    )
    missing = [name for name in EXPRESSIONS if name not in counts]
    if missing and len(missing) < len(EXPRESSIONS):
        st.caption(f"None shows {listing(missing, 'or')}.")


def _show_problems(brought: Brought) -> None:
    if brought.passed_over:
        st.caption(f"{count(brought.passed_over, 'file', 'files')} beside them passed over.")
    if not brought.problems:
        return
    with st.expander(f"{count(len(brought.problems), 'thing', 'things')} cannot be used", icon=":material/warning:"):
        st.dataframe(
            _table(brought.problems[:MOST_PROBLEMS]), hide_index=True, height="content" if len(brought.problems) < 8 else 290
        )
        if len(brought.problems) > MOST_PROBLEMS:
            st.caption(f"The first {MOST_PROBLEMS:,} of {len(brought.problems):,}.")


def _table(problems: Sequence[Problem]) -> pd.DataFrame:
    return pd.DataFrame([{"what": shorten(each.path, 80), "why": shorten(each.reason, 300)} for each in problems])


def _show_some(looked: Looked, brought: Brought) -> None:
    """One picture of each expression, then another, and so on."""
    frame = brought.table.frame
    turn = frame.groupby(frame["expression"].fillna("")).cumcount()
    place = frame["expression"].map({name: place for place, name in enumerate(EXPRESSIONS)}).fillna(len(EXPRESSIONS))
    rows = frame.assign(turn=turn, place=place).sort_values(["turn", "place"], kind="stable").head(SHOWN)
    rows = rows.sort_values(["place", "turn"], kind="stable")
    kept: dict[tuple[object, ...], bytes | None] = st.session_state.setdefault("pictures-preview", {})
    with st.container(horizontal=True, gap="small", key="pictures-some"):
        for sample_id, expression in rows[["sample_id", "expression"]].to_numpy():
            key = (looked.files, sample_id)
            if key not in kept:
                kept[key] = _small(brought, sample_id)
            if (picture := kept[key]) is None:
                continue
            words = expression if isinstance(expression, str) else NONE
            with st.container(width=SIDE, gap="xxsmall"):
                st.image(picture, width=SIDE, alt=f"{shorten(sample_id)}: {words}")
                st.caption(escape(words))


def _small(brought: Brought, sample_id: str) -> bytes | None:
    try:
        return small(read_apart(brought.table.read_bytes(sample_id)))
    except (ImageError, OSError):
        return None
