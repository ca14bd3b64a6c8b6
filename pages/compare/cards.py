"""The ticked runs as cards, in place of most of the table's columns: what a narrow screen has room for."""

from __future__ import annotations

import html

import streamlit as st

from emotion_core.compare import Comparison, comparison_table
from emotion_core.compare.readable import interval_text, value_text
from emotion_core.metrics.table import METRICS
from emotion_core.texts import p_text

MOST = 30
"""Cards that somebody scrolls past."""

_STYLE = """<style>
.st-key-cards { display: none; }
@media (max-width: 640px) { .st-key-cards { display: block; } }
.st-key-cards .card { border: 1px solid rgba(128, 128, 128, 0.4); border-radius: 8px; padding: 8px 12px; margin-bottom: 8px; }
.st-key-cards .name { font-weight: 600; overflow-wrap: anywhere; }
.st-key-cards .value { font-variant-numeric: tabular-nums; }
.st-key-cards .more { opacity: 0.75; font-size: 0.875rem; }
</style>"""


def show_cards(comparison: Comparison, measure: str) -> None:
    """Name, value with interval, and difference from the baseline of each run; drawn on narrow screens alone."""
    table = comparison_table(comparison, [measure])
    rows = table[(table["apart"] == "") & table[measure].notna()].head(MOST).to_dict("records")
    if not rows:
        return
    cards = "".join(_card({str(name): value for name, value in row.items()}, measure, comparison.baseline) for row in rows)
    words = html.escape(f"{METRICS[measure].header}, 95 % interval over images")
    with st.container(key="cards"):
        st.html(f'{_STYLE}<p class="more">{words}</p>{cards}')


def _card(row: dict[str, object], measure: str, baseline: str | None) -> str:
    difference = interval_text(row, f"{measure}_diff")
    if difference:
        p_value = row[f"{measure}_p"]
        words = f"Δ {difference}, {p_text(float(str(p_value)))}: {row[f'{measure}_verdict']}"
    else:
        words = "baseline" if row["name"] == baseline else ""
    lines = (("name", row["name"]), ("value", value_text(row, measure)), ("more", words))
    inner = "".join(f'<div class="{kind}">{html.escape(str(text))}</div>' for kind, text in lines if text)
    return f'<div class="card">{inner}</div>'
