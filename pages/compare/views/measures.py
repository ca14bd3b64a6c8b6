"""Views of measures: intervals, what quality costs, several measures at once."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from emotion_core.compare import comparison_table
from emotion_core.compare.order import GROUPS
from emotion_core.compare.worth import worth_their_cost
from emotion_core.figures.compare.forest import forest_plot, forest_rows
from emotion_core.figures.compare.profile import profile
from emotion_core.figures.compare.trade_off import trade_off, trade_off_rows
from emotion_core.metrics.table import METRICS
from emotion_core.results.costs import COSTS, cost_title
from pages.compare.cache import key_of
from pages.compare.views.shown import Compared, ask_measure, draw, offer
from pages.shared.words import count

_NO_GROUP = {"measured": "no experiment", "reported": "reported"}
"""What runs without a group stand below."""


def _columns(table: pd.DataFrame, measure: str, *more: str) -> pd.DataFrame:
    names = [
        "name",
        "kind",
        "backbone",
        measure,
        f"{measure}_low",
        f"{measure}_high",
        f"{measure}_mark",
        *more,
        "apart",
        "source",
    ]
    return table[names]


@st.cache_resource(show_spinner=False, max_entries=64)
def _forest(
    key: tuple[object, ...], measure: str, by: str | None, margin: float, baseline: str | None, _shown: Compared
) -> tuple[go.Figure, pd.DataFrame]:
    """Figure and rows, which stay the same while one searches in the table above."""
    table = comparison_table(_shown.tested(measure), [measure])
    if by is not None:
        groups = {entry.name: GROUPS[by](entry) or _NO_GROUP[entry.kind] for entry in _shown.entries}
        table = table.assign(group=table["name"].map(groups))
    return forest_plot(table, measure, baseline=baseline), forest_rows(table, measure)


def show_intervals(shown: Compared) -> None:
    with st.container(horizontal=True, gap="small"):
        measure = ask_measure(shown)
        by = st.selectbox(
            "Group runs by", list(GROUPS), index=None, key="grouped", bind="query-params", placeholder="nothing", width=200
        )
    st.caption(METRICS[measure].help)
    figure, rows = _forest(key_of(shown.comparison), measure, by, shown.comparison.margin, shown.comparison.baseline, shown)
    said = "; ".join(f"{name} {value:.3f}" for name, value in zip(rows["name"].head(10), rows[measure].head(10), strict=True))
    draw(figure, "intervals", f"{METRICS[measure].title}: {said}")
    offer([figure], _columns(rows, measure), f"intervals-{measure}")


def show_trade_off(shown: Compared) -> None:
    costs = [name for name in COSTS if sum(entry.facts.get(name, 0) > 0 for entry in shown.entries) > 1]
    if not costs:
        st.info("What the runs cost is not known: fewer than two of them say their size or time.")
        return
    with st.container(horizontal=True, gap="small"):
        measure = ask_measure(shown)
        titles = {cost_title(name): name for name in costs}
        cost = titles[st.selectbox("Cost", list(titles), key="cost", bind="query-params", width=240) or next(iter(titles))]
    comparison = shown.tested(measure)
    table = comparison_table(comparison, [measure])
    if (table[measure].notna() & (table[cost] > 0)).sum() < 2:
        st.info("Fewer than two entries have both; choose another measure or another cost.")
        return
    worth = worth_their_cost(comparison, measure, cost)
    figure = trade_off(table, measure, cost, worth)
    rows = trade_off_rows(table, measure, cost, worth)
    best = ", ".join(rows.loc[rows["worth"], "name"])
    draw(figure, "trade-off", f"{METRICS[measure].title} against {cost_title(cost)}. Worth their cost: {best}")
    st.caption(
        "A run is worth its cost if it is significantly better than every run that costs less (Holm's correction over all "
        "pairs shown, 0.05); the cheapest always is. All others are faint."
    )
    offer([figure], _columns(rows, measure, cost, "worth"), f"trade-off-{measure}-{cost}")


def show_profile(shown: Compared) -> None:
    if len(shown.measures) < 2:
        st.info("Choose at least two measures above.")
        return
    names = [entry.name for entry in shown.few()]
    table = comparison_table(shown.comparison, shown.measures)
    table = table[(table["kind"] == "measured") & table["name"].isin(names)]
    fair = table[table["collapsed"] == ""]
    if 2 <= len(fair) < len(table):
        # A collapsed run would press all others together.
        st.caption(f"{count(len(table) - len(fair), 'collapsed run is', 'collapsed runs are')} left out.")
        table = fair
    if len(table) < 2:
        st.info("A profile needs at least two runs.")
        return
    figure = profile(table, shown.measures)
    draw(figure, "profile", f"{count(len(table), 'run', 'runs')} on {count(len(shown.measures), 'measure', 'measures')}")
    st.caption("Each axis spans the 95 % intervals of the runs shown, and up is better on every one.")
    columns = [f"{measure}{which}" for measure in shown.measures for which in ("", "_low", "_high")]
    offer([figure], table[["name", "backbone", *columns]], "profile")
