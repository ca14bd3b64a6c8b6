"""Figures as files; apart from other files, which need not wait for the figures' library."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import plotly.graph_objects as go
import streamlit as st

from emotion_core.figures.pictures import FORMS, on_paper, pictures, why_no_pictures
from pages.shared.downloads import offer_file


def offer_figures(figures: Sequence[go.Figure], name: str) -> None:
    """A page that any browser opens, and pictures where this server can draw them; said where it cannot.

    Args:
        figures: at least one.
        name: of the file, without ending.
    """
    offer_file(
        "HTML", partial(_page, figures, name), f"{name}.html", "text/html", key=f"page-{name}",
        meaning="A file that any browser opens, without a connection.",
    )  # fmt: skip
    missing = why_no_pictures()
    if missing is not None:
        st.caption(missing)
        return
    several = len(figures) > 1
    for form, mime in FORMS.items():
        offer_file(
            form.upper(), partial(pictures, figures, form), f"{name}-{form}.zip" if several else f"{name}.{form}",
            "application/zip" if several else mime, key=f"{form}-{name}",
            meaning=f"{'Several files in an archive; each' if several else 'It'} takes a few seconds to draw.",
        )  # fmt: skip


def _page(figures: Sequence[go.Figure], name: str) -> str:
    parts = [on_paper(figure).to_html(full_html=False, include_plotlyjs=not number) for number, figure in enumerate(figures)]
    return f'<!doctype html><meta charset="utf-8"><title>{name}</title>{"".join(parts)}'
