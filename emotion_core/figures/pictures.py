"""Figures as files for papers and slides: SVG, PNG and PDF, drawn by a Chromium on this machine, without a connection."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

import plotly.graph_objects as go

from emotion_core.errors import FigureError

FORMS: Mapping[str, str] = MappingProxyType({"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf"})
"""Forms of a picture, and their media types."""

WIDTH, SQUARE = 800, 520
"""Of a picture, px; ``SQUARE`` of one whose axes have one scale."""

SCALE = 3
"""Pixels of a PNG file for each px of a figure: 2,400 across, enough for print at 300 dpi and 20 cm."""

INK, PAPER = "#1a1c23", "#ffffff"

# A browser a picture; several at once would fill the memory of a small server.
_ONE_AT_A_TIME = threading.Lock()


def why_no_pictures() -> str | None:
    """One sentence that says what is missing here for pictures, and what brings it; ``None`` where nothing is."""
    if find_spec("kaleido") is None:
        return "SVG, PNG and PDF need the package kaleido: pip install kaleido."
    from choreographer.browsers.chromium import Chromium

    if not Chromium.find_browser(skip_local=False):
        return "SVG, PNG and PDF need Chromium or Chrome on the server: install one, or name it in BROWSER_PATH."
    return None


def on_paper(figure: go.Figure) -> go.Figure:
    """A copy of a figure with dark words on white, whatever page it lies on."""
    printed = go.Figure(figure)
    printed.update_layout(paper_bgcolor=PAPER, plot_bgcolor=PAPER, font={"color": INK})
    return printed


def picture(figure: go.Figure, form: str) -> bytes:
    """A figure as a file.

    Args:
        figure: in the common look; its height is kept.
        form: a key of :data:`FORMS`.

    Raises:
        FigureError: there is no such form, Chromium or kaleido is not there, or drawing failed.
    """
    if form not in FORMS:
        raise FigureError(f"'{form}' is not a form of picture. Known: {', '.join(FORMS)}.")
    if (reason := why_no_pictures()) is not None:
        raise FigureError(reason)
    import kaleido

    width = SQUARE if figure.layout.yaxis.scaleanchor else WIDTH
    options = {"format": form, "width": width, "height": figure.layout.height or 500, "scale": SCALE if form == "png" else 1}
    try:
        with _ONE_AT_A_TIME:
            # Formulas would be fetched from elsewhere; our figures have none.
            content: Any = kaleido.calc_fig_sync(on_paper(figure).to_dict(), opts=options, kopts={"mathjax": False})
    except Exception as error:  # a browser fails in as many ways as it likes
        raise FigureError(f"The figure could not be drawn ({str(error) or type(error).__name__}). Try again.") from error
    return bytes(content)


def pictures(figures: Sequence[go.Figure], form: str) -> bytes:
    """One figure as a file, several as a ZIP archive of files that are numbered in their order.

    Args:
        figures: at least one.
        form: a key of :data:`FORMS`.

    Raises:
        FigureError: as in :func:`picture`.
    """
    if len(figures) == 1:
        return picture(figures[0], form)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number, figure in enumerate(figures, start=1):
            archive.writestr(f"{number}.{form}", picture(figure, form))
    return stream.getvalue()
