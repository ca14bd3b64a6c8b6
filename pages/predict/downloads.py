"""Results as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from emotion_core.apart import read_apart
from emotion_core.export import png_name, to_csv, to_json, to_png, to_zip
from emotion_core.predict import Prediction
from pages.predict.photos import Upload
from pages.shared.downloads import offer_file


def offer_downloads(uploads: Sequence[Upload], results: Mapping[str, Sequence[Prediction]]) -> None:
    """CSV, JSON, and the photos with boxes; the last are drawn when they are asked for, from the photos in memory."""
    every = [prediction for predictions in results.values() for prediction in predictions]
    by_photo = list(zip(uploads, zip(*results.values(), strict=True), strict=True))
    good = [(upload, found) for upload, found in by_photo if found[0].photo.faces]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        offer_file(
            "CSV", lambda: to_csv(every), "faces.csv", "text/csv", key="csv",
            meaning="A row a face: box, score, expression, probabilities, valence and arousal.",
        )  # fmt: skip
        offer_file(
            "JSON", lambda: to_json(every), "faces.json", "application/json", key="json",
            meaning="An object a photo, also for those without a face or that could not be read.",
        )  # fmt: skip
        if len(good) == 1:
            upload, found = good[0]
            offer_file(
                "Photo with boxes", lambda: to_png(upload.content, found, read=read_apart), png_name(upload.name), "image/png",
                key="png", meaning="A PNG with a box and the expression for each face.",
            )  # fmt: skip
        elif good:
            offer_file(
                "Photos with boxes",
                lambda: to_zip([(upload.content, found) for upload, found in good], read=read_apart),
                "faces.zip", "application/zip", key="zip",
                meaning="A ZIP archive of PNG files with a box and the expression for each face.",
            )  # fmt: skip
