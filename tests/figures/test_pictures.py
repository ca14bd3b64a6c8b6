"""Figures as files, drawn by the Chromium of this machine."""

from __future__ import annotations

import io
import zipfile
from xml.etree import ElementTree

import plotly.graph_objects as go
import pytest

from emotion_core.errors import FigureError
from emotion_core.figures import pictures as module
from emotion_core.figures.pictures import PAPER, SCALE, SQUARE, WIDTH, on_paper, picture, pictures, why_no_pictures
from emotion_core.figures.template import new_figure

needs_chromium = pytest.mark.skipif(why_no_pictures() is not None, reason=str(why_no_pictures()))


def figure() -> go.Figure:
    return new_figure("Größe − 95 %", height=300).add_scatter(x=[1, 2], y=[3, 4])


def test_on_paper_words_are_dark_and_the_page_is_white() -> None:
    mine = figure()
    assert on_paper(mine).layout.paper_bgcolor == PAPER
    assert mine.layout.paper_bgcolor == "rgba(0, 0, 0, 0)"


@needs_chromium
def test_a_figure_becomes_a_drawing() -> None:
    root = ElementTree.fromstring(picture(figure(), "svg"))
    assert (root.get("width"), root.get("height")) == (str(WIDTH), "300")
    assert any(text.text == "Größe − 95 %" for text in root.iter("{http://www.w3.org/2000/svg}text"))


def test_pixels_are_enough_for_print_and_squares_stay_square(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(module, "why_no_pictures", lambda: None)
    monkeypatch.setattr("kaleido.calc_fig_sync", lambda drawn, *, opts, kopts: asked.append((drawn, opts, kopts)) or b"x")
    square = figure().update_yaxes(scaleanchor="x")
    assert [picture(figure(), "png"), picture(square, "pdf")] == [b"x", b"x"]
    (drawn, wide, nothing), (_, narrow, _) = asked
    assert drawn["layout"]["paper_bgcolor"] == PAPER
    assert wide == {"format": "png", "width": WIDTH, "height": 300, "scale": SCALE}
    assert (narrow["width"], narrow["scale"]) == (SQUARE, 1)
    # Nothing is fetched from elsewhere.
    assert nothing == {"mathjax": False}


def test_several_figures_are_an_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "picture", lambda figure, form: f"{figure.layout.height} {form}".encode())
    assert pictures([figure()], "pdf") == b"300 pdf"
    with zipfile.ZipFile(io.BytesIO(pictures([figure(), new_figure("b", height=90)], "pdf"))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"1.pdf": b"300 pdf", "2.pdf": b"90 pdf"}


def test_where_it_cannot_be_drawn_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FigureError, match=r"'eps' is not a form of picture\. Known: svg, png, pdf"):
        picture(figure(), "eps")
    monkeypatch.setattr("choreographer.browsers.chromium.Chromium.find_browser", lambda **_: None)
    assert why_no_pictures() == (
        "SVG, PNG and PDF need Chromium or Chrome on the server: install one, or name it in BROWSER_PATH."
    )
    with pytest.raises(FigureError, match="need Chromium or Chrome"):
        picture(figure(), "svg")
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert why_no_pictures() == "SVG, PNG and PDF need the package kaleido: pip install kaleido."


def test_a_browser_that_fails_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    kaleido = pytest.importorskip("kaleido")

    def fail(*_: object, **__: object) -> bytes:
        raise TimeoutError

    monkeypatch.setattr(module, "why_no_pictures", lambda: None)
    monkeypatch.setattr(kaleido, "calc_fig_sync", fail)
    with pytest.raises(FigureError, match=r"could not be drawn \(TimeoutError\). Try again\."):
        picture(figure(), "png")
