"""How does each run do on each dataset?"""

from __future__ import annotations

import plotly.graph_objects as go

from emotion_core.compare.matrix import TRAINED, Cell, GeneralisationMatrix
from emotion_core.figures.template import GREY, literal, new_figure
from emotion_core.metrics.table import METRICS
from emotion_core.texts import shorten

SCALE = ((0.0, "rgba(31, 111, 139, 0.05)"), (1.0, "rgba(31, 111, 139, 1)"))

ROW = 44
"""Height of a row, px."""


def generalisation_heatmap(matrix: GeneralisationMatrix) -> go.Figure:
    """Runs downwards, datasets to the right; a frame around the dataset that a run does worst on.

    Args:
        matrix: of one run or more.

    Returns:
        A figure with one heat map; colours run from the worst to the best cell.
    """
    metric = METRICS[matrix.measure]
    names = list(matrix.rows)
    cells = [[matrix.rows[name].get(key) for key in matrix.evaluations] for name in names]
    values = [[None if cell is None else cell.value for cell in row] for row in cells]
    known = [value for row in values for value in row if value is not None]
    low, high = min(known), max(known)
    figure = new_figure(f"{metric.title.capitalize()} by dataset", height=130 + ROW * len(names))
    figure.add_heatmap(
        z=values,
        x=list(matrix.evaluations),
        y=list(range(len(names))),
        zmin=low,
        zmax=max(high, low + 1e-9),
        colorscale=[list(stop) for stop in (SCALE if metric.better == "higher" else _reversed())],
        showscale=False,
        xgap=1,
        ygap=1,
        customdata=[[_hover(name, cell) for cell in row] for name, row in zip(names, cells, strict=True)],
        hovertemplate="%{customdata}<extra></extra>",
        hoverongaps=False,
    )
    strong = [(value - low) / max(high - low, 1e-9) for value in known]
    dark = dict(zip(known, strong if metric.better == "higher" else [1 - share for share in strong], strict=True))
    figure.update_layout(
        annotations=[
            {
                "x": place,
                "y": line,
                "text": _text(cell),
                "showarrow": False,
                "font": {"size": 13, "color": "#ffffff" if dark[cell.value] > 0.5 else GREY},
            }
            for line, row in enumerate(cells)
            for place, cell in enumerate(row)
            if cell is not None
        ],
        shapes=[
            {
                "type": "rect",
                "x0": place - 0.49, "x1": place + 0.49, "y0": line - 0.47, "y1": line + 0.47,
                "line": {"color": "rgb(196, 90, 20)", "width": 2},
            }
            for line, name in enumerate(names)
            for place, key in enumerate(matrix.evaluations)
            if (worst := matrix.worst(name)) is not None and worst.entry.evaluation == key
        ],
    )  # fmt: skip
    figure.update_xaxes(showgrid=False, zeroline=False, tickangle=-30, tickfont={"size": 12})
    figure.update_yaxes(
        autorange="reversed",
        showgrid=False,
        zeroline=False,
        tickmode="array",
        tickvals=list(range(len(names))),
        ticktext=[literal(shorten(name, 34)) for name in names],
        tickfont={"size": 12},
    )
    return figure


def _reversed() -> tuple[tuple[float, str], ...]:
    return tuple((1 - place, colour) for place, colour in reversed(SCALE))


def _text(cell: Cell) -> str:
    # A narrow screen leaves no room for the interval: it is on hover, and in the table beside the figure.
    return f"{cell.value:.3f}{f' {TRAINED}' if cell.trained_on else ''}"


def _hover(name: str, cell: Cell | None) -> str:
    if cell is None:
        return ""
    trained = "<br>trained on other images of this dataset" if cell.trained_on else ""
    images = "" if cell.entry.images is None else f"<br>{cell.entry.images:,} images"
    return f"{literal(name)} on {literal(cell.entry.evaluation)}<br>{cell.text}{images}{trained}"
