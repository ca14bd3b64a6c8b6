"""Where an image lies on the plane, and where runs put it."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from emotion_core.figures.palette import EXPRESSION_COLOURS, OTHER
from emotion_core.figures.plane import AffectPoint, affect_plane

SHORTEST = 0.06
"""Arrows shorter than this would be nothing but their head."""


def place_arrows(annotated: AffectPoint, predicted: Sequence[AffectPoint], *, side: int = 300) -> go.Figure:
    """The annotated place, and an arrow from it to that of each run.

    Args:
        annotated: by its annotators.
        predicted: one point a run, in the colour of the run's prediction.
        side: width and height of the figure, px.

    Returns:
        A figure with a trace for the annotators and one a run, in this order, and an arrow a run.

    Raises:
        ValueError: a point lies outside [-1, 1].
    """
    figure = affect_plane([annotated, *predicted], side=side)
    for point in predicted:
        if abs(point.valence - annotated.valence) + abs(point.arousal - annotated.arousal) < SHORTEST:
            continue
        figure.add_annotation(
            x=point.valence,
            y=point.arousal,
            ax=annotated.valence,
            ay=annotated.arousal,
            xref="x",
            yref="y",
            axref="x",
            ayref="y",
            text="",
            showarrow=True,
            arrowhead=2,
            arrowsize=1,
            arrowwidth=2,
            arrowcolor=EXPRESSION_COLOURS.get(point.expression or "", OTHER),
            standoff=8,
            startstandoff=8,
        )
    figure.update_layout(title_text="Annotated → predicted")
    return figure
