"""Any table as text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from emotion_core.errors import ConfigError
from emotion_core.results.files import strict_json

Form = Literal["csv", "json", "markdown", "latex"]

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_CONTROLS = ("\t", "\r", "\n", "\v", "\f")
_UNSEEN = "\t\r\n\v\f\u00a0\u200b\u200c\u200d\u2060\ufeff\u3000"


def no_formula(text: str) -> str:
    """Text that a spreadsheet would take for a formula, with a leading apostrophe.

    A formula in someone else's text can send what the sheet holds to a stranger.
    """
    # Spreadsheets pass over blanks and marks that nobody sees, and take full-width signs for the usual ones.
    visible = text.lstrip(_UNSEEN + " ")
    return f"'{text}" if visible.startswith(_FORMULA) or text.lstrip(" ").startswith(_CONTROLS) else text


def export_table(table: pd.DataFrame, form: Form) -> str:
    """Any table as text.

    Raises:
        ConfigError: unknown form.
    """
    if form == "csv":
        return table.to_csv(index=False)
    if form == "json":
        return strict_json(json.loads(table.to_json(orient="records")), indent=2, ensure_ascii=False) + "\n"
    if form not in ("markdown", "latex"):
        raise ConfigError(f"'{form}' is not a form of table. Known: csv, json, markdown, latex.")
    escape = markdown if form == "markdown" else tex
    head = [escape(str(name)) for name in table.columns]
    cells = [[escape(_shown(value)) for value in row] for row in table.itertuples(index=False)]
    if form == "markdown":
        return markdown_table(head, cells)
    return pd.DataFrame(cells, columns=head).style.hide(axis="index").to_latex(hrules=True, column_format="l" * len(head))


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, align: Sequence[str] | None = None) -> str:
    """A table of cells that are Markdown already.

    Args:
        head: a cell a column.
        rows: of as many cells.
        align: ``---`` or ``---:`` a column.
    """
    lines = [head, align or ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _shown(value: Any) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    return f"{value:.3f}" if isinstance(value, float) else " ".join(str(value).split())


def markdown(text: str) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"([\\|<>*`\[\]])", r"\\\1", str(text))


_TEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "★": r"$\star$",
    "≈": r"$\approx$",
    "○": r"$\circ$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "Δ": r"$\Delta$",
    "κ": r"$\kappa$",
    "α": r"$\alpha$",
    "\N{MINUS SIGN}": "$-$",
    "†": r"\textdagger{}",
    "…": r"\ldots{}",
}


def tex(text: str) -> str:
    """Text that LaTeX shows as it is."""
    return "".join(_TEX.get(character, character) for character in str(text))
