"""How valence and arousal are missed: residuals by true value, and quarters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from emotion_core.figures.affect_map.planes import TITLE_PAD
from emotion_core.figures.affect_map.sampling import MOST_POINTS, sample_rows
from emotion_core.figures.run_styles import Style, run_styles
from emotion_core.figures.template import FAINT, GREY, literal, new_figure
from emotion_core.inspection.affect import QUARTERS, residual_bins
from emotion_core.texts import signed

Array = npt.NDArray[np.float64]

HEIGHT = 360
"""Of figures that stand beside each other, px."""

FEW, RIGHT, WRONG = "#6b777d", "#1c7c4a", "#b23434"
"""Tiles on which white words are readable: a small share, a large share that is right, a large share that is wrong."""


def residual_figure(
    axis: str,
    true: Array,
    predicted: Mapping[str, Array],
    *,
    styles: Sequence[Style] | None = None,
    hover: Sequence[str] | None = None,
    reach: float | None = None,
    marked: npt.NDArray[np.int64] | None = None,
) -> go.Figure:
    """Predicted minus true against true, one colour a run, with the mean of each bin as a line.

    Args:
        axis: ``"valence"`` or ``"arousal"``.
        true: values of the annotators, shape ``(N,)``.
        predicted: values by run, shape ``(N,)`` each.
        styles: of the runs, from :func:`~emotion_core.figures.run_styles.run_styles`.
        hover: id of each image.
        reach: half the height of the figure's range; what the residuals need when ``None``.
        marked: positions of faces that stand out; all others are pale then.

    Returns:
        A figure with two traces a run: points (at most 2,000 in all, sampled, and the marked ones), then means.

    Raises:
        ValueError: no run.
    """
    if not predicted:
        raise ValueError("Predictions of at least one run are needed.")
    looks = run_styles(list(predicted)) if styles is None else styles
    words = f"{axis.capitalize()}: predicted minus true"
    if len(predicted) == 1:
        mean = float(np.mean(next(iter(predicted.values())) - true))
        words += f"<br>{signed(mean)} on average"
    figure = new_figure(words, height=HEIGHT)
    figure.update_layout(title_pad_t=TITLE_PAD if "<br>" in words else 6)
    rows = sample_rows(len(true), MOST_POINTS // len(predicted))
    selected = None
    if marked is not None and len(marked):
        rows = np.union1d(rows, marked)
        selected = np.flatnonzero(np.isin(rows, marked)).tolist()
    for look, (run, values) in zip(looks, predicted.items(), strict=True):
        figure.add_scatter(
            x=true[rows],
            y=(values - true)[rows],
            mode="markers",
            name=literal(run),
            legendgroup=run,
            showlegend=False,
            text=None if hover is None else [literal(hover[row]) for row in rows],
            hovertemplate=f"%{{text}}<br>true {axis} %{{x:.3f}}, predicted minus true %{{y:+.3f}}<extra></extra>",
            marker={"color": look.colour, "size": 4, "opacity": 0.3, "symbol": look.symbol},
            selectedpoints=selected,
            selected={"marker": {"opacity": 1, "size": 8}},
            unselected={"marker": {"opacity": 0.08}},
        )
    for look, (run, values) in zip(looks, predicted.items(), strict=True):
        bins = residual_bins(true, values)
        figure.add_scatter(
            x=bins["centre"].tolist(),
            y=bins["mean"].tolist(),
            mode="lines+markers",
            name=literal(run) if len(predicted) > 1 else "mean in steps of 0.2",
            legendgroup=run,
            customdata=bins["images"].tolist(),
            hovertemplate=f"mean %{{y:+.3f}} of %{{customdata}} faces<br>{axis} around %{{x:.1f}}"
            "<extra>%{fullData.name}</extra>",
            line={"color": look.colour, "dash": look.dash, "width": 3},
            marker={
                "color": look.colour,
                "symbol": look.symbol,
                "size": 10,
                "line": {"color": "rgba(255, 255, 255, 0.9)", "width": 1},
            },
        )
    needed = residual_reach(true, predicted.values()) if reach is None else reach
    axes = {"gridcolor": FAINT, "zeroline": True, "zerolinecolor": GREY, "fixedrange": True}
    figure.update_xaxes(**axes, range=[-1, 1], title={"text": f"true {axis}, \N{MINUS SIGN}1 to 1", "font": {"size": 13}})
    figure.update_yaxes(
        **axes,
        range=[-needed, needed],
        tickformat="+.1f",
        title={"text": "predicted \N{MINUS SIGN} true", "font": {"size": 13}},
    )
    figure.update_layout(
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": -0.22, "yanchor": "top"},
        hovermode="closest",
        margin={"l": 8, "r": 8, "t": 62 if "<br>" in words else 40, "b": 8},
    )
    return figure


def residual_reach(true: Array, predicted: Iterable[Array]) -> float:
    """Largest residual, rounded up to a quarter; one scale for several figures is the largest of theirs."""
    largest = max((float(np.abs(values - true).max()) for values in predicted if len(true)), default=0.0)
    return max(0.25, float(np.ceil(largest * 4) / 4))


def quarter_matrix(counts: npt.NDArray[np.int64], run: str = "") -> go.Figure:
    """True quarter against predicted quarter: how many faces, and their share of the true quarter.

    Args:
        counts: from :func:`~emotion_core.inspection.affect.quarter_counts`.
        run: named in the title.

    Raises:
        ValueError: no face.
    """
    total = int(counts.sum())
    if not total:
        raise ValueError("At least one face is needed.")
    right = int(np.trace(counts))
    title = f"{right / total:.3f} of {total:,} faces in the correct quarter"
    figure = new_figure(f"{literal(run)}<br>{title}" if run else title, height=HEIGHT)
    figure.update_layout(title_pad_t=TITLE_PAD)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    on = np.eye(len(QUARTERS), dtype=bool)
    labels = [name.replace(", ", ",<br>") for name in QUARTERS]
    for mask, colour in ((on & (counts > 0), RIGHT), (~on & (counts > 0), WRONG)):
        figure.add_heatmap(
            x=labels,
            y=labels,
            z=[
                [float(share) if drawn else None for share, drawn in zip(*pair, strict=True)]
                for pair in zip(shares, mask, strict=True)
            ],
            zmin=0,
            zmax=1,
            colorscale=[[0, FEW], [1, colour]],
            showscale=False,
            xgap=2,
            ygap=2,
            customdata=counts.tolist(),
            hovertemplate="true: %{y}<br>predicted: %{x}<br>%{customdata:,} faces, %{z:.3f} of the row<extra></extra>",
        )
    for i, row in enumerate(labels):
        for j, column in enumerate(labels):
            sign = "✓" if i == j else "✗"
            words = f"{sign} {counts[i, j]:,}<br>{shares[i, j]:.3f}" if counts[i, j] else "0"
            figure.add_annotation(
                x=column,
                y=row,
                text=words,
                showarrow=False,
                font={"size": 13, "color": "#ffffff" if counts[i, j] else GREY},
            )
    figure.update_xaxes(
        title={"text": "predicted", "font": {"size": 13}}, side="bottom", showgrid=False, zeroline=False, tickfont={"size": 12}
    )
    figure.update_yaxes(
        title={"text": "true", "font": {"size": 13}},
        autorange="reversed",
        showgrid=False,
        zeroline=False,
        tickfont={"size": 12},
    )
    figure.update_layout(margin={"l": 8, "r": 8, "t": 62, "b": 8})
    return figure
