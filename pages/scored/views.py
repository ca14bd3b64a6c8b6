"""What a table shows: numbers, figures, examples, and what could not be read."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import streamlit as st
from PIL import Image

from emotion_core.errors import ImageError
from emotion_core.figures.affect_map.planes import density_plane
from emotion_core.figures.expression_counts import expression_counts
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.results.tables import no_formula
from emotion_core.scoring.originals import face_of
from emotion_core.scoring.query import MOST_EXPORTED, ORDERS, ScoredTable, Selection
from emotion_core.texts import plain, printable, shorten
from pages.scored.tables import answer
from pages.shared.charts import CHART
from pages.shared.pictures import PAGE, SIDE
from pages.shared.roles import may
from pages.shared.sentence import without_folders
from pages.shared.words import count, escape

CSV_ROWS = 200_000
"""Rows of a CSV file; more leave as Parquet."""


def show_headline(table: ScoredTable) -> None:
    """What the table is."""
    about, manifest = [], table.manifest
    if not manifest.finished:
        about.append("It is not finished: what is done so far is shown.")
    without, unread = answer(table, "outcome")
    about.append(f"{count(without, 'picture shows', 'pictures show')} no face, {unread:,} could not be read.")
    said = manifest.settings
    settings = f"prior {said.get('prior')}, sets for {said.get('coverage')}{', with flip' if said.get('flip') is True else ''}"
    name = shorten(str(manifest.run.get("name", "?")), 80)
    st.caption(escape(f"Read by {name} ({shorten(settings, 120)}). {' '.join(about)}"))


def show_overview(table: ScoredTable, selection: Selection) -> bool:
    """How many faces, which expressions, where on the plane; whether there is any."""
    faces, certain = answer(table, "counts", selection)
    if not faces:
        st.info("No face fits these filters. Choose others above.")
        return False
    share = f", {certain / faces:.0%} with a verdict that stands" if certain else ""
    st.markdown(f"**{count(faces, 'face', 'faces')}**{share}")
    left, right = st.columns([1.2, 1])
    counts = answer(table, "expressions", selection)
    if any(counts[name] for name in EXPRESSIONS):
        left.plotly_chart(expression_counts(counts), config=CHART, key="scored-expressions")
    density = answer(table, "plane", selection)
    if density.any():
        right.plotly_chart(density_plane("Valence and arousal", density, side=360), config=CHART, key="scored-plane")
    return True


def show_examples(table: ScoredTable, selection: Selection) -> None:
    """Faces, cut out of their pictures where these lie in the data folder."""
    st.header("Examples")
    faces, _ = answer(table, "counts", selection)
    pages = min(-(-faces // PAGE), 500)
    left, right = st.columns([1, 3], vertical_alignment="bottom")
    order = left.selectbox("Order", list(ORDERS), key="scored-order")
    with right:
        page = st.pagination(pages, key=f"scored-page-{pages}") if pages > 1 else 1
    rows = answer(table, "examples", selection, order, start=(page - 1) * PAGE)
    root = os.environ.get("EMOTION_DATA", "")
    missing: dict[str, int] = {}
    with st.container(horizontal=True, gap="small", key="scored-pictures"):
        for row in rows.itertuples(index=False):
            content = None
            if not root:
                missing["EMOTION_DATA, the folder that pictures are shown from, is not set."] = 1
            else:
                content, reason = _thumbnail(root, str(row.source), str(row.key or ""), *map(int, row[5:9]))
                if reason:
                    missing[reason] = missing.get(reason, 0) + 1
            if content is not None:
                with st.container(width=SIDE, gap="xxsmall"):
                    st.image(content, width=SIDE, alt=f"{shorten(str(row.source))}: {_words(row)}")
                    st.caption(escape(_words(row)))
    for reason, number in missing.items():
        st.caption(
            escape(f"{count(number, 'picture is', 'pictures are')} not shown. {reason}" if root else f"No pictures. {reason}")
        )
    with st.expander("As a table", expanded=not root):
        st.dataframe(_listed(rows), hide_index=True, alt="The examples as a table")


def _words(row: object) -> str:
    name, prob = getattr(row, "expression", None), getattr(row, "prob", None)
    if name in EXPRESSIONS and pd.notna(prob):
        return f"{name} {plain(float(str(prob)), 2)}"
    return ", ".join(plain(float(getattr(row, axis)), 2) for axis in AFFECT if pd.notna(getattr(row, axis)))


def _source(source: str) -> str:
    """Where a picture lies, as the visitor may know it: below the data folder, or for the owner anywhere."""
    root = os.environ.get("EMOTION_DATA", "")
    return source if may("owner") else without_folders(source.removeprefix(f"{root}/") if root else source)


def _listed(rows: pd.DataFrame) -> pd.DataFrame:
    shown = rows[["source", "key", "time", "face", "expression", "prob", "stands", *AFFECT]].copy()
    shown["source"] = shown["source"].map(_source)
    for name in ("source", "key", "expression"):
        shown[name] = [shorten(str(text), 200) if pd.notna(text) else "" for text in shown[name]]
    return shown.round({"prob": 3, **dict.fromkeys(AFFECT, 3)}).dropna(axis="columns", how="all")


@st.cache_data(show_spinner=False, max_entries=2_000)
def _thumbnail(root: str, source: str, key: str, left: int, top: int, width: int, height: int) -> tuple[bytes | None, str]:
    """A face as JPEG, or why there is none."""
    try:
        pixels = face_of(Path(root), source, key, (left, top, width, height))
    except ImageError as error:
        # Without the picture's name, which differs for each.
        return None, printable(str(error).replace(source, "The picture"))[:200]
    picture = Image.fromarray(pixels)
    picture.thumbnail((2 * SIDE, 2 * SIDE))
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=88)
    return stream.getvalue(), ""


def show_export(table: ScoredTable, selection: Selection) -> None:
    """The selected faces as a file, made when it is asked for."""
    faces, _ = answer(table, "counts", selection)
    with st.popover("Download the selection", icon=":material/download:"):
        if faces > MOST_EXPORTED:
            st.caption(f"The first {MOST_EXPORTED:,} of {faces:,} faces; the whole table lies in its folder.")
        st.download_button(
            "Parquet", lambda: _parquet(_export(table, selection)), "faces.parquet", on_click="ignore", key="scored-parquet"
        )
        if faces <= CSV_ROWS:
            st.download_button("CSV", lambda: _csv(_export(table, selection)), "faces.csv", on_click="ignore", key="scored-csv")
        else:
            st.caption(f"A CSV file holds {CSV_ROWS:,} faces at most: narrow the filters for one.")


def _export(table: ScoredTable, selection: Selection) -> pa.Table:
    rows = table.export(selection)
    sources = pa.array([_source(str(each)) for each in rows["source"].to_pylist()], pa.string())
    return rows if may("owner") else rows.set_column(rows.schema.get_field_index("source"), "source", sources)


def _parquet(rows: pa.Table) -> bytes:
    stream = io.BytesIO()
    pq.write_table(rows, stream, compression="zstd")
    return stream.getvalue()


def _csv(rows: pa.Table) -> bytes:
    """Text that a spreadsheet would take for a formula is defused."""
    frame = rows.to_pandas()
    for name in ("source", "key", "expression", "error"):
        frame[name] = [no_formula(str(text)) if pd.notna(text) else "" for text in frame[name]]
    frame["set"] = ["" if each is None else no_formula(" ".join(map(str, each))) for each in frame["set"]]
    text: str = frame.to_csv(index=False, float_format="%.4f")
    return text.encode()


def show_unread(table: ScoredTable) -> None:
    """What could not be read, on demand."""
    _, unread = answer(table, "outcome")
    if not unread:
        return
    with st.expander(f"{count(unread, 'picture', 'pictures')} could not be read", icon=":material/broken_image:"):
        rows = answer(table, "unread").map(lambda text: printable(str(text)) if pd.notna(text) else "")
        rows["source"] = rows["source"].map(_source)
        st.dataframe(rows, hide_index=True, alt="What could not be read and why")
        if len(rows) < unread:
            st.caption(f"The first {len(rows):,} of them.")
