"""Results as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from emotion_core.export import png_name, to_csv, to_json, to_png, to_zip
from emotion_core.predict import Prediction
from pages.predict.photos import Upload


def offer_downloads(uploads: Sequence[Upload], results: Mapping[str, Sequence[Prediction]]) -> None:
    """CSV, JSON, and the photos with boxes; the last are drawn when they are asked for, from the photos in memory."""
    every = [prediction for predictions in results.values() for prediction in predictions]
    by_photo = list(zip(uploads, zip(*results.values(), strict=True), strict=True))
    good = [(upload, found) for upload, found in by_photo if found[0].photo.faces]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.download_button(
            "CSV",
            lambda: to_csv(every),
            file_name="faces.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="download-csv",
            help="A row a face: box, score, expression, probabilities, valence and arousal.",
        )
        st.download_button(
            "JSON",
            lambda: to_json(every),
            file_name="faces.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
            key="download-json",
            help="An object a photo, also for those without a face or that could not be read.",
        )
        if len(good) == 1:
            upload, found = good[0]
            st.download_button(
                "Photo with boxes",
                lambda: to_png(upload.content, found),
                file_name=png_name(upload.name),
                mime="image/png",
                icon=":material/download:",
                on_click="ignore",
                key="download-png",
                help="A PNG with a box and the expression for each face.",
            )
        elif good:
            st.download_button(
                "Photos with boxes",
                lambda: to_zip([(upload.content, found) for upload, found in good]),
                file_name="faces.zip",
                mime="application/zip",
                icon=":material/download:",
                on_click="ignore",
                key="download-zip",
                help="A ZIP archive of PNG files with a box and the expression for each face.",
            )
