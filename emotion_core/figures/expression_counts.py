"""How many faces show which expression?"""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from emotion_core.figures.palette import EXPRESSION_COLOURS
from emotion_core.figures.template import FAINT, new_figure
from emotion_core.labels import EXPRESSIONS


def expression_counts(counts: Mapping[str, int]) -> go.Figure:
    """A bar for each expression, in its own colour.

    Args:
        counts: faces by their most probable expression; others have no bar.

    Raises:
        ValueError: no face.
    """
    names = [name for name in EXPRESSIONS if counts.get(name)]
    if not names:
        raise ValueError("At least one face is needed.")
    values = [counts[name] for name in names]
    total = sum(values)
    figure = new_figure("Faces by most probable expression", height=300)
    figure.add_bar(
        x=names,
        y=values,
        text=values,
        textposition="outside",
        cliponaxis=False,
        marker={"color": [EXPRESSION_COLOURS[name] for name in names]},
        customdata=[100 * value / total for value in values],
        hovertemplate="%{x}: %{y}, %{customdata:.0f} %<extra></extra>",
    )
    figure.update_xaxes(categoryorder="array", categoryarray=EXPRESSIONS, range=[-0.5, len(EXPRESSIONS) - 0.5], fixedrange=True)
    figure.update_yaxes(title={"text": "faces", "font": {"size": 13}}, gridcolor=FAINT, rangemode="tozero", fixedrange=True)
    return figure
