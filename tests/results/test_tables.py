"""Tables that leave the app: CSV, JSON, Markdown and LaTeX."""

from __future__ import annotations

import csv
import io
import json

import pandas as pd
import pytest

from emotion_core.errors import ConfigError
from emotion_core.results.tables import export_table

TABLE = pd.DataFrame(
    {
        "run": ["a_b & 5%", "x|y\\z <b>*", "=1+1"],
        "value": [0.12345, float("nan"), -1.0],
        "images": pd.array([800, None, 3], dtype="Int64"),
    }
)


def test_csv_comes_back() -> None:
    rows = list(csv.DictReader(io.StringIO(export_table(TABLE, "csv"))))
    assert [row["run"] for row in rows] == TABLE["run"].tolist()
    assert [row["value"] for row in rows] == ["0.12345", "", "-1.0"]
    assert [row["images"] for row in rows] == ["800", "", "3"]


def test_json_comes_back() -> None:
    rows = json.loads(export_table(TABLE, "json"))
    assert rows[0] == {"run": "a_b & 5%", "value": 0.12345, "images": 800}
    assert rows[1] == {"run": "x|y\\z <b>*", "value": None, "images": None}


def test_markdown_is_escaped() -> None:
    lines = export_table(TABLE, "markdown").splitlines()
    assert lines[:2] == ["| run | value | images |", "| --- | --- | --- |"]
    assert lines[2] == "| a_b & 5% | 0.123 | 800 |"
    assert lines[3] == r"| x\|y\\z \<b\>\* |  |  |"
    multiline = pd.DataFrame({"a|b": ["one\ntwo"]})
    assert export_table(multiline, "markdown") == "| a\\|b |\n| --- |\n| one two |\n"


def test_latex_is_escaped() -> None:
    lines = export_table(TABLE, "latex").splitlines()
    assert lines[0] == r"\begin{tabular}{lll}"
    assert lines[-1] == r"\end{tabular}"
    assert [lines[1], lines[3], lines[-2]] == [r"\toprule", r"\midrule", r"\bottomrule"]
    assert lines[4] == r"a\_b \& 5\% & 0.123 & 800 \\"
    assert lines[5] == r"x\textbar{}y\textbackslash{}z \textless{}b\textgreater{}* &  &  \\"
    signs = pd.DataFrame({"κ ↑": ["★ \N{MINUS SIGN}0.5 {#~^$}"]})
    text = export_table(signs, "latex")
    assert r"$\kappa$ $\uparrow$ \\" in text
    assert r"$\star$ $-$0.5 \{\#\textasciitilde{}\textasciicircum{}\$\} \\" in text


def test_unknown_forms_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"'xls' is not a form of table. Known: csv, json, markdown, latex."):
        export_table(TABLE, "xls")  # type: ignore[arg-type]
