"""One look for all plotly figures."""

from __future__ import annotations

import plotly.graph_objects as go

GREY = "rgba(128, 128, 128, 0.95)"
"""Lines and words beside the data: readable on white and on near-black alike."""

FAINT = "rgba(128, 128, 128, 0.25)"
"""Grid lines."""

FONT = "'Source Sans', 'Source Sans 3', 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
"""Fonts whose digits all have one width, so that numbers in a column line up."""

TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": 14},
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "margin": {"l": 8, "r": 8, "t": 40, "b": 8},
        "title": {"x": 0, "xanchor": "left", "xref": "container", "y": 1, "yanchor": "top", "yref": "container"},
        "xaxis": {"gridcolor": FAINT, "zerolinecolor": FAINT, "automargin": True, "fixedrange": True},
        "yaxis": {"gridcolor": FAINT, "zerolinecolor": FAINT, "automargin": True, "fixedrange": True},
        "hoverlabel": {"align": "left"},
        "dragmode": False,
    }
)
"""Transparent, so that it lies on a light and on a dark page. Text colours are left to the page's theme."""


def new_figure(title: str, *, height: int) -> go.Figure:
    """An empty figure in the common look.

    Args:
        title: the finding, or the question that the figure answers.
        height: px.
    """
    figure = go.Figure()
    # Streamlit lays its own theme over the template; what must stay is said in the layout.
    figure.update_layout(
        template=TEMPLATE,
        height=height,
        title={"text": title, "font": {"size": 15}, "pad": {"t": 6}},
        margin={"l": 8, "r": 8, "t": 40, "b": 8},
        paper_bgcolor="rgba(0, 0, 0, 0)",
        plot_bgcolor="rgba(0, 0, 0, 0)",
        dragmode=False,
    )
    return figure


def literal(text: str) -> str:
    """Text that plotly shows as it is: plotly reads ``<b>``, ``<a>`` and the like in all words of a figure."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
