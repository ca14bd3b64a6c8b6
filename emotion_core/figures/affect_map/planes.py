"""Many faces on the plane of valence and arousal: as points, as arrows from true to predicted, as density."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from emotion_core.figures.affect_map.contours import Contour, add_contours
from emotion_core.figures.palette import EXPRESSION_COLOURS, OTHER
from emotion_core.figures.plane import REGIONS
from emotion_core.figures.template import FAINT, GREY, literal, new_figure

Array = npt.NDArray[np.float64]

SHADES = tuple((share, f"rgba(36, 150, 186, {0.25 + 0.75 * share**0.5:.2f})") for share in (0.0, 0.05, 0.2, 0.5, 1.0))
"""Density is paler or fuller of one colour, so it works on white and on near-black; it fills with the root of the count."""

TITLE_PAD = 26
"""Room above a title of two lines, px; plotly aligns the last line."""

OUTSIDE = -1
"""Row number of a face that is no row of the table."""


@dataclass(frozen=True, kw_only=True)
class Dots:
    """Faces that are drawn one by one.

    Attributes:
        rows: row number of each in the caller's table, for ``customdata``; shape ``(N,)``.
        valence: shape ``(N,)``.
        arousal: shape ``(N,)``.
        expressions: a name each, or missing; gives the colour.
        hover: what is shown on hover, plain text a face; ``"\\n"`` breaks the line.
    """

    rows: npt.NDArray[np.int64]
    valence: Array
    arousal: Array
    expressions: Sequence[str | None]
    hover: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Diamond:
    """A face from elsewhere, drawn as a diamond.

    Attributes:
        name: of its photo, shown beside it.
        valence: in [-1, 1].
        arousal: in [-1, 1].
        expression: gives the colour; grey when ``None``.
        hover: more words for hover.
    """

    name: str
    valence: float
    arousal: float
    expression: str | None = None
    hover: str = ""


def point_plane(
    title: str,
    dots: Dots,
    *,
    side: int = 460,
    density: Array | None = None,
    diamonds: Sequence[Diamond] = (),
    marked: Collection[int] = (),
    contours: Sequence[Contour] = (),
) -> go.Figure:
    """Faces as points; over the density of all faces where the points are only a sample of them.

    Args:
        title: of the figure; ``"\\n"`` breaks the line.
        dots: what is drawn.
        side: width, and height without the title, px.
        density: from :func:`~emotion_core.figures.affect_map.sampling.plane_density`.
        diamonds: faces from elsewhere.
        marked: row numbers of faces that stand out; where there are any, all others are pale.
        contours: lines around most faces of an expression, from :func:`~emotion_core.figures.affect_map.contours.contours_of`.
    """
    figure = _empty_plane(title, side)
    if density is not None:
        _add_density(figure, density, float(density.max()), scale=False)
    figure.add_scatter(
        x=dots.valence,
        y=dots.arousal,
        mode="markers",
        name="faces",
        cliponaxis=False,
        customdata=dots.rows,
        text=[_lines(words) for words in dots.hover],
        hovertemplate="%{text}<extra></extra>",
        marker={
            "color": [_colour(name) for name in dots.expressions],
            "size": _size(len(dots.rows)),
            "opacity": 0.8,
            "line": {"color": "rgba(255, 255, 255, 0.5)", "width": 0.5},
        },
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 0.15}},
        selectedpoints=_selected(dots.rows, marked),
    )
    add_contours(figure, contours)
    _add_diamonds(figure, diamonds)
    return figure


def arrow_plane(
    title: str,
    true: Dots,
    predicted: Dots,
    *,
    side: int = 460,
    diamonds: Sequence[Diamond] = (),
    marked: Collection[int] = (),
) -> go.Figure:
    """An arrow a face, from its true to its predicted place; one trace an expression.

    Args:
        title: of the figure.
        true: where annotators put the faces.
        predicted: where a network puts the same faces, in the same order.
        side: width, and height without the title, px.
        diamonds: faces from elsewhere.
        marked: as in :func:`point_plane`.

    Raises:
        ValueError: the two are not the same faces.
    """
    if not np.array_equal(true.rows, predicted.rows):
        raise ValueError("True and predicted values must be of the same faces, in the same order.")
    figure = _empty_plane(title, side)
    names = np.array([name if name in EXPRESSION_COLOURS else "" for name in true.expressions], dtype=object)
    gap = np.full(len(names), np.nan)
    x, y = (np.stack([a, b, gap], axis=1) for a, b in ((true.valence, predicted.valence), (true.arousal, predicted.arousal)))
    for name in (*EXPRESSION_COLOURS, ""):
        mine = np.flatnonzero(names == name)
        if not len(mine):
            continue
        figure.add_scatter(
            x=x[mine].ravel(),
            y=y[mine].ravel(),
            mode="lines+markers",
            name=name or "no expression",
            cliponaxis=False,
            customdata=np.repeat(true.rows[mine], 3),
            text=[_lines(true.hover[index]) for index in np.repeat(mine, 3).tolist()],
            hovertemplate="%{text}<extra></extra>",
            opacity=0.75,
            line={"color": _colour(name), "width": 1},
            marker={"color": _colour(name), "symbol": "arrow", "angleref": "previous", "size": [0, 7, 0] * len(mine)},
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 0.1}},
            selectedpoints=_selected(np.repeat(true.rows[mine], 3), marked),
        )
    _add_diamonds(figure, diamonds)
    return figure


def density_plane(
    title: str,
    density: Array,
    *,
    most: float | None = None,
    side: int = 460,
    diamonds: Sequence[Diamond] = (),
    contours: Sequence[Contour] = (),
) -> go.Figure:
    """How many faces lie in each cell.

    Args:
        title: of the figure.
        density: from :func:`~emotion_core.figures.affect_map.sampling.plane_density`.
        most: number of faces that the fullest colour means, so that several planes have one scale.
        side: width, and height without the title, px.
        diamonds: faces from elsewhere.
        contours: as in :func:`point_plane`.
    """
    figure = _empty_plane(title, side)
    _add_density(figure, density, float(density.max()) if most is None else most, scale=True)
    add_contours(figure, contours)
    _add_diamonds(figure, diamonds)
    return figure


def _selected(rows: npt.NDArray[np.int64], marked: Collection[int]) -> list[int] | None:
    """Positions of the marked rows; ``None`` where nothing is marked, and nothing is pale."""
    return np.flatnonzero(np.isin(rows, list(marked))).tolist() if marked else None


def _empty_plane(title: str, side: int) -> go.Figure:
    # The second line stands below the buttons, which take the right half of the first.
    figure = new_figure(_lines(title), height=side + 34)
    figure.update_layout(title_pad_t=TITLE_PAD if "\n" in title else 6)
    axis = {
        "range": [-1, 1],
        "tickvals": [-1, -0.5, 0, 0.5, 1],
        "ticktext": ["\N{MINUS SIGN}1", "\N{MINUS SIGN}0.5", "0", "0.5", "1"],
        "gridcolor": FAINT,
        "zeroline": True,
        "zerolinecolor": GREY,
        "fixedrange": True,
        "constrain": "domain",
    }
    figure.update_xaxes(
        **axis,
        title={"text": "valence (pleasant \N{RIGHTWARDS ARROW})", "font": {"size": 13}, "standoff": 4},
        constraintoward="left",
    )
    figure.update_yaxes(
        **axis,
        title={"text": "arousal (active \N{RIGHTWARDS ARROW})", "font": {"size": 13}, "standoff": 4},
        constraintoward="top",
        scaleanchor="x",
        scaleratio=1,
    )
    figure.add_shape(type="rect", x0=-1, y0=-1, x1=1, y1=1, line={"color": FAINT, "width": 1}, layer="below")
    for horizontal, vertical, words in REGIONS:
        figure.add_annotation(
            x=horizontal * 0.97,
            y=vertical,
            xanchor="right" if horizontal > 0 else "left",
            # The upper names stand above the plane, where most faces lie; the lower ones have room inside.
            yanchor="bottom",
            text=words,
            showarrow=False,
            font={"size": 12, "color": GREY},
        )
    figure.update_layout(
        width=side,
        showlegend=False,
        hovermode="closest",
        margin={"l": 8, "r": 14, "t": 76, "b": 8},
        modebar={"bgcolor": "rgba(0, 0, 0, 0)", "color": GREY, "activecolor": "#1f87a8"},
    )
    return figure


def _add_density(figure: go.Figure, density: Array, most: float, *, scale: bool) -> None:
    cells = density.shape[0]
    centres = -1 + (2 * np.arange(cells) + 1) / cells
    figure.add_heatmap(
        x=centres,
        y=centres,
        # Cells without faces stay empty: the page shines through.
        z=[[value if value > 0 else None for value in row] for row in density.tolist()],
        zmin=0,
        zmax=max(most, 1),
        colorscale=[list(step) for step in SHADES],
        showscale=scale,
        colorbar={
            "orientation": "h",
            "thickness": 8,
            "y": -0.27,
            "yanchor": "top",
            "outlinewidth": 0,
            "title": {"text": "faces a cell", "side": "bottom", "font": {"size": 12}},
        },
        hoverinfo=None if scale else "skip",
        hovertemplate="%{z} faces around<br>valence %{x:.3f}, arousal %{y:.3f}<extra></extra>" if scale else None,
        name="density",
    )


def _add_diamonds(figure: go.Figure, diamonds: Sequence[Diamond]) -> None:
    if not diamonds:
        return
    figure.add_scatter(
        x=[diamond.valence for diamond in diamonds],
        y=[diamond.arousal for diamond in diamonds],
        mode="markers+text" if len(diamonds) <= 8 else "markers",
        name="from Predict",
        cliponaxis=False,
        customdata=np.full(len(diamonds), OUTSIDE),
        text=[literal(diamond.name) for diamond in diamonds],
        textposition=["middle left" if diamond.valence > 0.3 else "middle right" for diamond in diamonds],
        hovertext=[_lines(f"{diamond.name}\n{diamond.hover}" if diamond.hover else diamond.name) for diamond in diamonds],
        hovertemplate="%{hovertext}<extra></extra>",
        marker={
            "color": [_colour(diamond.expression) for diamond in diamonds],
            "symbol": "diamond",
            "size": 15,
            "line": {"color": "rgba(255, 255, 255, 0.95)", "width": 2},
        },
    )


def _colour(name: str | None) -> str:
    return EXPRESSION_COLOURS.get(name, OTHER) if isinstance(name, str) else OTHER


def _lines(words: str) -> str:
    return literal(words).replace("\n", "<br>")


def _size(points: int) -> int:
    return 8 if points <= 1_000 else 5
