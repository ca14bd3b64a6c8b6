"""Planes of faces, and the faces that were chosen on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from emotion_core.figures.affect_map.contours import SHARE, Contour, contours_of
from emotion_core.figures.affect_map.planes import Diamond, Dots, arrow_plane, density_plane, point_plane
from emotion_core.figures.affect_map.sampling import MOST_POINTS, plane_density, sample_rows
from emotion_core.figures.palette import EXPRESSION_COLOURS, OTHER
from emotion_core.inspection.affect import distances
from emotion_core.texts import shorten, signed
from pages.affect_map.controls import CONTOURS
from pages.affect_map.faces import ChosenFaces
from pages.shared.charts import kept_figure
from pages.shared.chosen import ROUND, TOOL, keep_points, show_way_on
from pages.shared.pictures import show_pictures
from pages.shared.words import count

ARROWS = 300
"""More arrows than these hide one another."""

WHOLE = ("density", CONTOURS)
"""Views that show all faces together, of which none can be chosen."""

CONFIG = {"displayModeBar": True, "displaylogo": False, "scrollZoom": False, "modeBarButtonsToRemove": ["toImage"]}


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One plane.

    Attributes:
        title: of the figure.
        run: number of the run; ``None`` for the true places.
        name: of the run; empty for the true places.
        arrows: from the true places to the run's.
    """

    title: str
    run: int | None
    name: str = ""
    arrows: bool = False

    @property
    def columns(self) -> tuple[str, str]:
        """Where its values are."""
        return ("valence", "arousal") if self.run is None else (f"valence_{self.run}", f"arousal_{self.run}")


def panels_of(view: str, names: Sequence[str]) -> list[Panel]:
    """Which planes a view has, for one or two runs."""
    true = Panel(title="True\nwhere annotators put the faces", run=None)
    predicted = [Panel(title=f"Predicted\n{shorten(name, 44)}", run=i, name=name) for i, name in enumerate(names)]
    if view == "true":
        return [true]
    if view == "predicted":
        return predicted
    if view == CONTOURS:
        return predicted
    if view == "true → predicted":
        return [
            Panel(title=f"True → predicted\n{shorten(name, 44)}", run=i, name=name, arrows=True) for i, name in enumerate(names)
        ]
    return [true, *predicted]


def show_planes(
    chosen: ChosenFaces, marked: npt.NDArray[np.int64], *, view: str, diamonds: Sequence[tuple[str, Diamond]]
) -> None:
    """Draw planes on one scale, side by side, and what is chosen on them.

    Args:
        chosen: the faces.
        marked: rows of those that stand out.
        view: one of :data:`~pages.affect_map.controls.VIEWS`.
        diamonds: faces from the Predict page, with the names of the runs that read them.
    """
    panels = panels_of(view, chosen.names)
    drawn = chosen.rows[sample_rows(len(chosen.rows), ARROWS if panels[0].arrows else MOST_POINTS)]
    drawn = np.union1d(drawn, marked)
    whole = view in WHOLE
    st.caption(_what_is_drawn(len(drawn), len(chosen.rows), view))
    if view != "density":
        _legend(chosen.faces["expression"])
    columns = st.columns(max(2, len(panels)), gap="medium")
    for number, (panel, column) in enumerate(zip(panels, columns, strict=False)):
        mine = _diamonds_of(panel, diamonds, alone=len(panels) == 1)
        figure = _figure(chosen, drawn, marked, panels, number, view, mine)
        alt = _alt(panel, len(chosen.rows) if whole else len(drawn))
        key = f"plane-{number}-{st.session_state.get(ROUND, 0)}"
        keep = partial(keep_points, key, chosen.rows, chosen.places[chosen.rows], chosen.ids)
        with column:
            if whole:
                st.plotly_chart(figure, width="content", key=key, config={"displayModeBar": False}, alt=alt)
            else:
                st.plotly_chart(
                    figure,
                    width="content",
                    key=key,
                    config=CONFIG,
                    on_select=keep,
                    alt=alt,
                )
    if not whole or len(marked):
        with columns[1] if len(panels) == 1 and not whole else st.container():
            _show_chosen(chosen, marked)


def _figure(
    chosen: ChosenFaces,
    drawn: npt.NDArray[np.int64],
    marked: npt.NDArray[np.int64],
    panels: Sequence[Panel],
    number: int,
    view: str,
    diamonds: Sequence[Diamond],
) -> go.Figure:
    """One plane; kept for all visitors unless it shows the photos or the choice of one of them."""
    side = 440 if len(panels) < 3 else 350

    def build() -> go.Figure:
        panel = panels[number]
        if view == "density":
            densities = [_density(chosen, other) for other in panels]
            most = max(float(density.max()) for density in densities)
            return density_plane(panel.title, densities[number], most=most, side=side, diamonds=diamonds)
        if view == CONTOURS:
            return density_plane(
                panel.title, _density(chosen, panel), side=side, diamonds=diamonds, contours=_contours(chosen, panel)
            )
        hover = _hover(chosen.table.iloc[drawn], chosen.names)
        predicted = _dots(chosen.table, drawn, panel.columns, hover)
        stand_out = marked.tolist()
        if panel.arrows:
            true = _dots(chosen.table, drawn, ("valence", "arousal"), hover)
            return arrow_plane(panel.title, true, predicted, side=side, diamonds=diamonds, marked=stand_out)
        density = _density(chosen, panel) if len(drawn) < len(chosen.rows) else None
        return point_plane(panel.title, predicted, side=side, density=density, diamonds=diamonds, marked=stand_out)

    if diamonds or len(marked):
        figure = build()
        # The tool that was just used stays in the hand.
        figure.update_layout(dragmode=(st.session_state.get(TOOL) or False) if len(marked) else False)
        return figure
    return kept_figure(("plane", chosen.key, view, number), build)


def _contours(chosen: ChosenFaces, panel: Panel) -> list[Contour]:
    """Around the places of a plane; true places are dashed beside predicted ones."""
    faces = chosen.faces

    def lines(columns: tuple[str, str], *, dashed: bool) -> list[Contour]:
        valence, arousal = (faces[column].to_numpy(dtype=np.float64) for column in columns)
        return contours_of(valence, arousal, faces["expression"].to_numpy(dtype=object), dashed=dashed)

    if panel.run is None:
        return lines(panel.columns, dashed=True)
    return [*lines(("valence", "arousal"), dashed=True), *lines(panel.columns, dashed=False)]


def _density(chosen: ChosenFaces, panel: Panel) -> npt.NDArray[np.float64]:
    valence, arousal = (chosen.table[column].to_numpy()[chosen.rows] for column in panel.columns)
    return plane_density(valence, arousal)


def _show_chosen(chosen: ChosenFaces, rows: npt.NDArray[np.int64]) -> None:
    if not len(rows):
        st.caption("Choose faces to see them here: click one, or drag with the box or the lasso at the top of a plane.")
        return
    faces = face_table(chosen.table, rows, chosen.names)
    distance = next(name for name in faces.columns if name.startswith("distance"))
    faces = faces.sort_values(distance, ascending=False)
    st.markdown(f"**{count(len(rows), 'face', 'faces')} chosen**, furthest from the truth first")
    show_way_on(chosen.entries)
    show_table(faces, key="chosen")
    show_pictures(chosen.entries[0].dataset, [(str(row["image"]), _words(row)) for _, row in faces.iterrows()], key="chosen")


def face_table(table: pd.DataFrame, rows: npt.NDArray[np.int64], names: Sequence[str]) -> pd.DataFrame:
    """Chosen faces in the columns that readers see."""
    part = table.iloc[rows]
    shown = {
        "image": part["sample_id"].to_numpy(),
        "true expression": part["expression"].to_numpy(),
        "true valence": part["valence"].to_numpy(),
        "true arousal": part["arousal"].to_numpy(),
    }
    for number, name in enumerate(names):
        which = f", {name}" if len(names) > 1 else ""
        shown[f"predicted valence{which}"] = part[f"valence_{number}"].to_numpy()
        shown[f"predicted arousal{which}"] = part[f"arousal_{number}"].to_numpy()
        shown[f"distance{which}"] = distances(part, number)
    return pd.DataFrame(shown)


def show_table(faces: pd.DataFrame, *, key: str) -> None:
    """A table with three decimals; long ones scroll."""
    numbers = faces.select_dtypes("number").columns
    st.dataframe(
        faces,
        hide_index=True,
        height=min(36 * (len(faces) + 1), 290),
        column_config={
            name: st.column_config.NumberColumn(
                format="%.3f",
                help="Euclidean distance on the plane between true and predicted place, 0 to 2.828; 0 is best."
                if name.startswith("distance")
                else None,
            )
            for name in numbers
        },
        key=f"{key}-table",
    )


def _words(row: pd.Series) -> str:
    name = row["true expression"] if isinstance(row["true expression"], str) else "no expression"
    return f"{name}, distance {row.iloc[6]:.3f}"


def _what_is_drawn(drawn: int, total: int, view: str) -> str:
    faces = count(total, "face", "faces")
    if view == CONTOURS:
        return (
            f"{faces}. Each line encloses the smallest region that holds {SHARE:.0%} of an expression's faces, by their true "
            "expression; dotted: true places, solid: predicted ones. The shade shows where all of them lie."
        )
    if view == "density" or drawn == total:
        return f"{faces}, coloured by true expression." if view != "density" else f"{faces}."
    shade = "" if view == "true → predicted" else " The shade shows where all of them lie."
    return f"{faces}; {drawn:,} of them, drawn at random and always the same, are shown and can be chosen.{shade}"


def _legend(expressions: pd.Series) -> None:
    names = set(expressions.unique())
    chips = [(name, colour) for name, colour in EXPRESSION_COLOURS.items() if name in names]
    chips += [("no expression", OTHER)] if names - set(EXPRESSION_COLOURS) else []
    dot = "display:inline-block;width:0.7rem;height:0.7rem;border-radius:50%;margin-right:0.35rem;background:"
    st.html(
        '<div style="display:flex;flex-wrap:wrap;gap:0.2rem 1rem;font-size:0.9rem">'
        + "".join(f'<span><span style="{dot}{colour}"></span>{name}</span>' for name, colour in chips)
        + "</div>"
    )


def _hover(part: pd.DataFrame, names: Sequence[str]) -> list[str]:
    lines = [
        f"{image}\n{name if isinstance(name, str) else 'no expression'}\ntrue: {_place(v, a)}"
        for image, name, v, a in zip(part["sample_id"], part["expression"], part["valence"], part["arousal"], strict=True)
    ]
    for number, run in enumerate(names):
        said = zip(lines, part[f"valence_{number}"], part[f"arousal_{number}"], strict=True)
        who = f"predicted by {run}" if len(names) > 1 else "predicted"
        lines = [f"{line}\n{who}: {_place(v, a)}" for line, v, a in said]
    return lines


def _place(valence: float, arousal: float) -> str:
    return f"valence {signed(valence)}, arousal {signed(arousal)}"


def _dots(table: pd.DataFrame, rows: npt.NDArray[np.int64], columns: tuple[str, str], hover: Sequence[str]) -> Dots:
    part = table.iloc[rows]
    return Dots(
        rows=rows,
        valence=part[columns[0]].to_numpy(dtype=np.float64),
        arousal=part[columns[1]].to_numpy(dtype=np.float64),
        expressions=part["expression"].tolist(),
        hover=hover,
    )


def _diamonds_of(panel: Panel, diamonds: Sequence[tuple[str, Diamond]], *, alone: bool) -> list[Diamond]:
    """Faces from Predict have no true place, so they stand among predictions: those of the same run if there are any."""
    if panel.run is None and not alone:
        return []
    return [diamond for run, diamond in diamonds if run == panel.name] or [diamond for _, diamond in diamonds]


def _alt(panel: Panel, faces: int) -> str:
    what = "true valence and arousal" if panel.run is None else f"valence and arousal predicted by {panel.name}"
    return f"Plane of {what} of {count(faces, 'face', 'faces')}"
