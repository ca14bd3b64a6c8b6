"""Where a network looks, and whether its heat maps can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import plotly.colors
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from emotion_core.figures.template import FAINT, GREY, literal, new_figure

Maps = npt.NDArray[np.floating]

METHOD_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "gradcam": "#0072b2",
        "gradcam++": "#d55e00",
        "eigencam": "#009e73",
        "layercam": "#b8608f",
        "scorecam": "#8c6d00",
    }
)
"""After Okabe and Ito (2008), two of them darkened for white pages; controls are grey."""

COLOUR_SCALE = ["#040310", *plotly.colors.sequential.Inferno[1:]]
"""The colours of overlays. Streamlit takes plotly's first one, #000004, for a place to put a colour of its theme."""

_SYMBOLS: Mapping[str, str] = MappingProxyType(
    {"gradcam": "circle", "gradcam++": "square", "eigencam": "diamond", "layercam": "triangle-up", "scorecam": "cross"}
)
_DASHES: Mapping[str, str] = MappingProxyType({"random": "dot", "centre": "dash"})

OUTLINE: Mapping[str, tuple[tuple[float, float], ...]] = MappingProxyType(
    {
        "jaw": ((0.08, 0.39), (0.16, 0.79), (0.50, 0.99), (0.85, 0.79), (0.94, 0.39)),
        "left eye": ((0.24, 0.38), (0.38, 0.38)),
        "right eye": ((0.61, 0.38), (0.75, 0.38)),
        "nose": ((0.44, 0.58), (0.51, 0.60), (0.58, 0.58)),
        "mouth": ((0.34, 0.75), (0.50, 0.79), (0.66, 0.75)),
    }
)
"""Where the parts of a face lie, as shares of the picture from the upper left: medians of AffectNet's landmarks."""

TILE = 150
"""Height of a row of maps, px."""


def mean_maps_figure(maps: Maps, names: Sequence[str], counts: Sequence[int], title: str) -> go.Figure:
    """Mean heat maps beside each other, with the outline of a face.

    Args:
        maps: shape ``(K, h, w)``, in [0, 1].
        names: what each map is of.
        counts: how many images each is the mean of; those of none are left out.
        title: what they show.

    Returns:
        A figure with up to four maps in a row: for each a heat map and an outline.

    Raises:
        ValueError: no map is the mean of any image.
    """
    shown = [index for index, count in enumerate(counts) if count]
    if not shown:
        raise ValueError("At least one map has to be the mean of an image.")
    columns = min(4, len(shown))
    rows = -(-len(shown) // columns)
    titles = [f"{literal(names[index])} · {counts[index]:,}" for index in shown]
    figure = make_subplots(rows, columns, subplot_titles=titles, horizontal_spacing=0.02, vertical_spacing=0.16 / rows)
    for place, index in enumerate(shown):
        row, column = place // columns + 1, place % columns + 1
        figure.add_trace(_map(maps[index], names[index]), row, column)
        figure.add_trace(_outline(), row, column)
    look = new_figure(title, height=110 + (TILE + 24) * rows)
    figure.update_layout(look.layout)
    figure.update_layout(
        margin={"l": 8, "r": 8, "t": 64, "b": 48},
        showlegend=False,
        coloraxis={
            "colorscale": COLOUR_SCALE,
            "cmin": 0,
            "cmax": 1,
            "colorbar": {
                "orientation": "h", "thickness": 10, "x": 0, "xanchor": "left", "len": 0.5, "y": 0, "yanchor": "top",
                "title": {"text": "mean of maps from 0 to 1", "side": "bottom", "font": {"size": 12}}, "tickvals": [0, 0.5, 1],
                "ypad": 4,
            },
        },
    )  # fmt: skip
    figure.update_annotations(font={"size": 12}, yshift=-2)
    figure.update_xaxes(visible=False, range=[0, 1], constrain="domain", fixedrange=True)
    figure.update_yaxes(visible=False, range=[1, 0], constrain="domain", fixedrange=True)
    for number in range(1, len(shown) + 1):
        figure.update_layout({f"yaxis{number if number > 1 else ''}": {"scaleanchor": f"x{number if number > 1 else ''}"}})
    return figure


def _map(values: Maps, name: str) -> go.Heatmap:
    height, width = values.shape
    return go.Heatmap(
        z=np.asarray(values, dtype=np.float64).round(4).tolist(),
        x0=0.5 / width,
        dx=1 / width,
        y0=0.5 / height,
        dy=1 / height,
        coloraxis="coloraxis",
        hovertemplate=f"{literal(name)}: %{{z:.3f}}<extra></extra>",
    )


def _outline() -> go.Scatter:
    x: list[float | None] = []
    y: list[float | None] = []
    for points in OUTLINE.values():
        x += [point[0] for point in points] + [None]
        y += [point[1] for point in points] + [None]
    # White and black maps alike lie below it.
    line = {"color": "rgba(140, 200, 255, 0.8)", "width": 1.5, "shape": "spline"}
    return go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip")


def curve_figure(faithfulness: Mapping[str, Any], kind: Literal["insertion", "deletion"]) -> go.Figure:
    """Mean probability of the predicted expression by share of pixels, a line a method, controls in grey.

    Args:
        faithfulness: content of ``faithfulness.json``.
        kind: which curves.
    """
    question = {
        "insertion": "How fast does the answer come back?",
        "deletion": "How fast does the answer go?",
    }[kind]
    axis = {"insertion": "share of pixels put into a blurred picture", "deletion": "share of pixels made grey"}[kind]
    figure = new_figure(question, height=340)
    for name, entry in _controls_first(faithfulness):
        figure.add_scatter(
            x=faithfulness["fractions"],
            y=entry[f"{kind}_curve"],
            mode="lines" if entry["control"] else "lines+markers",
            name=_legend(entry, faithfulness),
            line={"color": _colour(name), "dash": _DASHES.get(name, "solid"), "width": 2},
            marker={"symbol": _SYMBOLS.get(name, "circle"), "size": 7},
            hovertemplate="%{x:.0%} of pixels: %{y:.3f}<extra>" + literal(entry["title"]) + "</extra>",
        )
    figure.update_xaxes(title={"text": axis, "font": {"size": 13}}, tickformat=".0%", range=[-0.02, 1.02])
    figure.update_yaxes(title={"text": "mean probability", "font": {"size": 13}}, rangemode="tozero")
    figure.update_layout(legend={"orientation": "h", "x": 0, "y": -0.28, "yanchor": "top"}, margin={"b": 8})
    return figure


def score_figure(faithfulness: Mapping[str, Any], measure: Literal["score", "road"] = "score") -> go.Figure:
    """A point with its interval for each method and control, the best on top.

    Args:
        faithfulness: content of ``faithfulness.json``.
        measure: ``"score"``, the area under insertion minus that under deletion, or ``"road"``.
    """
    rows = sorted(faithfulness["methods"].items(), key=lambda item: -item[1][measure]["value"])
    first = rows[0][1]
    tops = f"On top is what knows nothing: {first['title'].lower()}" if first["control"] else f"{first['title']} is on top"
    figure = new_figure(tops, height=110 + 32 * len(rows))
    for place, (name, entry) in enumerate(rows):
        found = entry[measure]
        figure.add_scatter(
            x=[found["value"]],
            y=[place],
            mode="markers",
            name=literal(entry["title"]),
            marker={
                "color": _colour(name),
                "symbol": "circle-open" if entry["control"] else _SYMBOLS.get(name, "circle"),
                "size": 11,
                "line": {"width": 2, "color": _colour(name)},
            },
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [found["high"] - found["value"]],
                "arrayminus": [found["value"] - found["low"]],
                "color": GREY,
                "thickness": 1.5,
                "width": 4,
            },
            customdata=[[found["low"], found["high"], entry["images"]]],
            hovertemplate="%{x:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}], %{customdata[2]:,} images<extra></extra>",
        )
    words = {"score": "insertion area \N{MINUS SIGN} deletion area", "road": "ROAD"}[measure]
    figure.update_xaxes(title={"text": f"{words}, 95 % interval over images (higher is better)", "font": {"size": 13}})
    figure.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=[f"{_legend(entry, faithfulness)} " for _, entry in rows],
        range=[len(rows) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
    )
    figure.update_xaxes(zeroline=True, zerolinecolor=FAINT)
    figure.update_layout(showlegend=False)
    return figure


def _legend(entry: Mapping[str, Any], faithfulness: Mapping[str, Any]) -> str:
    fewer = entry["images"] < max(each["images"] for each in faithfulness["methods"].values())
    return literal(f"{entry['title']} ({entry['images']} images)" if fewer else str(entry["title"]))


def _colour(name: str) -> str:
    return METHOD_COLOURS.get(name, "#808080")


def _controls_first(faithfulness: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """So that methods are drawn over them."""
    return sorted(faithfulness["methods"].items(), key=lambda item: not item[1]["control"])
