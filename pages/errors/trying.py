"""Try another picture of it: sliders that change one picture, read again by every chosen network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from emotion_core.inspection.changes import Change
from emotion_core.labels import AFFECT
from emotion_core.texts import plain, shorten
from pages.shared.inspected import Inspected
from pages.shared.pictures import pictures_root, read_picture

if TYPE_CHECKING:
    from pages.errors.rereading import Reader

Picture = npt.NDArray[np.uint8]

WIDTH = 224
"""Of both pictures, px."""


def offer_trying(inspected: Inspected, sample_id: str, true: str | None) -> None:
    """A panel that opens on demand.

    Args:
        inspected: whose networks read the picture.
        sample_id: id of the image.
        true: its label.
    """
    if not any(entry.run is not None and entry.run.has_weights for entry in inspected.entries):
        return
    opened = st.expander(
        "Try another picture of it", icon=":material/tune:", key="trying", on_change="rerun", bind="query-params"
    )
    if opened.open:
        with opened:
            _try(inspected, sample_id, true)


@st.fragment
def _try(inspected: Inspected, sample_id: str, true: str | None) -> None:
    """Sliders, both pictures, and how the answers move. A slider draws only this again."""
    picture = read_picture(inspected.dataset, pictures_root(inspected.dataset), sample_id)
    if picture is None:
        st.text("The picture cannot be read.")
        return
    with st.spinner("Getting ready …"):
        from pages.errors.rereading import face_of, read_again, readers
    networks = readers(inspected)
    if not networks:
        return
    face = face_of(inspected, sample_id, picture)
    sliders, before, after = st.columns([0.4, 0.3, 0.3], gap="medium")
    with sliders:
        change = _ask(sample_id)
    changed = change.apply(face)
    before.image(face, width=WIDTH, caption="as it is", alt=f"{shorten(sample_id)}, as it is")
    after.image(changed, width=WIDTH, caption="changed", alt=f"{shorten(sample_id)}, changed")
    for name, network in networks.items():
        first, second = read_again(network, [face, changed])
        st.markdown(_line(name if len(networks) > 1 else "", first, second, true))
        st.dataframe(_moves(first, second), hide_index=True, key=f"moves-{name}")
        if true is not None and first[0]:
            _say_what_helps(inspected, name, network, face, sample_id, true)


def _ask(sample_id: str) -> Change:
    """What is done to the picture."""

    def slide(label: str, name: str, low: float, high: float, usual: float, step: float) -> float:
        return float(st.slider(label, low, high, usual, step, key=f"try-{name}-{sample_id}"))

    zoom = slide("Crop: how much closer", "zoom", 1.0, 2.0, 1.0, 0.05)
    brightness = slide("Brightness", "brightness", 0.2, 2.0, 1.0, 0.05)
    blur = slide("Blur, % of the picture's side", "blur", 0.0, 5.0, 0.0, 0.25)
    rotation = slide("Rotation, degrees to the left", "rotation", -45.0, 45.0, 0.0, 1.0)
    cover, cover_x, cover_y = slide("Cover a square, share of the side", "cover", 0.0, 0.6, 0.0, 0.05), 0.5, 0.5
    if cover:
        cover_x = slide("Its place, from the left", "cover_x", 0.0, 1.0, 0.5, 0.05)
        cover_y = slide("Its place, from above", "cover_y", 0.0, 1.0, 0.5, 0.05)
    with st.container(horizontal=True):
        mirror = st.toggle("Mirror", key=f"try-mirror-{sample_id}")
        grey = st.toggle("Grey", key=f"try-grey-{sample_id}")
    return Change(
        zoom=zoom, brightness=brightness, blur=blur, rotation=rotation, mirror=mirror, grey=grey, cover=cover,
        cover_x=cover_x, cover_y=cover_y,
    )  # fmt: skip


Answer = tuple[dict[str, float], dict[str, float]]
"""Probabilities by expression, and valence and arousal; empty where the network is not trained on them."""


def _line(name: str, before: Answer, after: Answer, true: str | None) -> str:
    """The verdict before and after."""
    who = f"{shorten(name, 40)}: ".replace("_", "\\_") if name else ""
    words = []
    for probs in (before[0], after[0]):
        if probs:
            said = max(probs, key=lambda key: probs[key])
            colour, sign = ("green", "✓ ") if said == true else ("red", "✗ ")
            words.append(f":{colour}[{sign}{said} {probs[said]:.2f}]" if true else f"{said} {probs[said]:.2f}")
    moved = [f"{axis} {plain(before[1][axis], 2)} → {plain(after[1][axis], 2)}" for axis in AFFECT if axis in before[1]]
    return f"**{who}{' → '.join(words)}**" + (f" · {', '.join(moved)}" if moved else "")


def _moves(before: Answer, after: Answer) -> pd.DataFrame:
    """Every output before and after, what moves most first."""
    rows = []
    for one, two in zip(before, after, strict=True):
        for key, value in one.items():
            rows.append({"output": key, "as it is": plain(value), "changed": plain(two[key]), "moved": two[key] - value})
    table = pd.DataFrame(rows)
    order = table["moved"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order].assign(moved=[f"{value:+.3f}" for value in table["moved"].loc[order]])


def _say_what_helps(inspected: Inspected, name: str, network: Reader, face: Picture, sample_id: str, true: str) -> None:
    from pages.errors.rereading import try_everything

    st.markdown(f":material/lightbulb: {try_everything(network, inspected.dataset, sample_id, true, face)}")
