"""Pictures with what is true and what was predicted, 24 a page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from emotion_core.texts import shorten, signed
from pages.errors.chosen import ChosenImages
from pages.errors.heat import HEAT, OFF, ask_heat
from pages.errors.select import show_selection
from pages.shared.inspected import Inspected, Rows
from pages.shared.pictures import PAGE, SIDE, pictures_root, thumbnail, why_no_pictures
from pages.shared.store import read_store
from pages.shared.words import count, escape

_COLOUR = re.compile(r":[a-z]+\[([^]]*)\]")
"""Words that Streamlit's Markdown shows in a colour."""

_OVER = """<style>
[class*="st-key-face-"] { position: relative; }
[class*="st-key-face-"] [data-testid="stElementToolbar"] { display: none; }
[class*="st-key-face-"] > [class*="st-key-open-"] { position: absolute; top: 0; left: 0; z-index: 2; width: SIDEpx; }
[class*="st-key-face-"] [data-testid="stButton"] button {
  width: SIDEpx; height: SIDEpx; min-height: SIDEpx; background: transparent; color: transparent; border-color: transparent; }
[class*="st-key-face-"] [data-testid="stButton"] button:hover,
[class*="st-key-face-"] [data-testid="stButton"] button:focus-visible { border: 2px solid #1f87a8; color: transparent; }
</style>""".replace("SIDE", str(SIDE))


def show_gallery(chosen: ChosenImages) -> None:
    """One page of the chosen images, each of which opens."""
    inspected, total = chosen.inspected, len(chosen.rows)
    missing = why_no_pictures(inspected.dataset)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        with st.container(width="stretch", gap="xxsmall"):
            st.markdown(f"**{count(total, 'image', 'images')}** of {len(inspected.table):,}, by {chosen.order}")
            st.caption(chosen.wanted.describe())
        output = (
            OFF
            if missing
            else ask_heat(
                HEAT,
                "heat",
                "Does it look at the face at all? Grad-CAM of the run for one output, dark is 0, pale yellow is 1.",
            )
        )
    if not total:
        st.info("No image fits these filters. Take one away above, or click another cell.")
        return
    pages = -(-total // PAGE)
    if st.session_state.get("page", 1) > pages:
        st.session_state["page"] = pages
    page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    rows = chosen.rows[(page - 1) * PAGE : page * PAGE]
    several = not missing and st.toggle(
        "Select several", key="several", help="Select pictures by click, Shift or a box, and say the same of all of them."
    )
    if missing:
        st.text(missing)
        if any(entry.dataset == "schematic" for entry in read_store()[0].entries):
            st.caption("Drawn faces need no folder: choose 'schematic-test' above to see this page with pictures.")
        contents: Sequence[bytes | None] = [None] * len(rows)
    else:
        # A button that covers the picture: Streamlit's pictures cannot be clicked.
        st.html(_OVER)
        contents = _contents(inspected, rows, output)
    if several:
        words = [face_lines(inspected.table.iloc[row], inspected.names, inspected.flags.verdicts) for row in rows]
        show_selection(inspected.dataset, inspected.ids(rows), contents, words)
        return
    with st.container(horizontal=True, gap="small", key="faces"):
        for row, sample_id, content in zip(rows.tolist(), inspected.ids(rows), contents, strict=True):
            _show_face(inspected, row, sample_id, content)


def _contents(inspected: Inspected, rows: Rows, output: str) -> Sequence[bytes | None]:
    """Thumbnails as JPEG, under the heat maps that somebody asked for."""
    if output != OFF:
        with st.spinner("Getting ready …"):
            from pages.errors.overlays import heat_thumbnails
        heated = heat_thumbnails(inspected, rows, output)
        if heated is not None:
            return heated
    root = pictures_root(inspected.dataset)
    return [thumbnail(inspected.dataset, root, sample_id) for sample_id in inspected.ids(rows)]


def _show_face(inspected: Inspected, row: int, sample_id: str, content: bytes | None) -> None:
    words = face_lines(inspected.table.iloc[row], inspected.names, inspected.flags.verdicts)
    with st.container(width=SIDE, gap="xxsmall", key=f"{'face' if content else 'plain'}-{row}"):
        if content is not None:
            plain = _COLOUR.sub(r"\1", ", ".join(words))
            st.image(content, width=SIDE, alt=f"{shorten(sample_id)}: {plain}")
        st.button(
            f"Open {escape(shorten(sample_id, 24))}", key=f"open-{row}", type="tertiary", on_click=open_image, args=(sample_id,)
        )
        st.markdown(small_lines(words))


def open_image(sample_id: str) -> None:
    """Put an image into the address, which opens it."""
    st.query_params["image"] = sample_id


def face_lines(image: pd.Series, names: Sequence[str], verdicts: Mapping[str, str]) -> list[str]:
    """What stands below a picture, as Markdown."""
    lines = []
    for number in range(len(names)):
        said, correct = image[f"predicted_{number}"], image[f"correct_{number}"]
        if isinstance(said, str):
            who = "AB"[number] + " " if len(names) > 1 else ""
            sure = f"{said} {image[f'confidence_{number}']:.2f}"
            lines.append(f":green[{who}✓ {sure}]" if correct == 1 else f":red[{who}✗ {sure}]" if correct == 0 else who + sure)
    true = image["expression"]
    lines.append(f"true {true}" if isinstance(true, str) else "no true label")
    for axis, letter in (("valence", "V"), ("arousal", "A")):
        values = (image[axis], image[f"{axis}_0"])
        if any(pd.notna(value) for value in values):
            lines.append(f"{letter} {' → '.join(_short(value) for value in values)}")
    verdict = verdicts.get(str(image["sample_id"]))
    if verdict:
        lines.append(f":orange[⚑ {verdict}]")
    return lines


def small_lines(lines: Sequence[str]) -> str:
    """Lines in small letters; a caption would be too pale for green and red."""
    return "  \n".join(f":small[{line}]" for line in lines)


def _short(value: float) -> str:
    """Two decimals: four numbers have to fit below a thumbnail."""
    return "–" if pd.isna(value) else signed(value, 2)
