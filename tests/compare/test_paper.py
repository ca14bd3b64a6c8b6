"""Tables as they go into a paper say what was tested, and against what."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emotion_core.cli import main
from emotion_core.compare import compare, judge_subset, reported_entries
from emotion_core.compare.paper import paper_table
from emotion_core.errors import ConfigError
from tests.compare.stored import MakeRun, correct, load
from tests.stored import predictions

MEASURES = ["accuracy", "ccc_valence"]


@pytest.fixture
def runs(tmp_path: Path, make_run: MakeRun) -> Path:
    for name, number in (("best_one", 150), ("near", 149), ("far", 60)):
        make_run(name, predictions(correct(number)), dataset="affectnet-3999")
    return tmp_path


def rows_of(text: str) -> dict[str, str]:
    """Rows of a Markdown table by their first cell."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines[2:]}


def test_bold_is_the_best_and_daggers_follow_the_tests(runs: Path) -> None:
    comparison = compare(load(runs, "best_one", "near", "far"), MEASURES)
    text = paper_table(comparison, MEASURES, "markdown")
    rows = rows_of(text)
    assert "**0.750** [0.740, 0.760]" in rows["best_one"]
    assert "| 0.745 [0.735, 0.755]" in rows["near"]
    assert "| 0.300† [0.290, 0.310]" in rows["far"]
    said = text.splitlines()[0]
    assert "affectnet-3999, test split, 200 images; values with 95 % bootstrap intervals" in said
    assert "†: significantly different from the best at 0.05. McNemar's exact test for accuracy" in said
    assert "Holm's correction over all pairs of runs shown" in said


def test_with_a_baseline_daggers_mark_what_differs_from_it(runs: Path) -> None:
    comparison = compare(load(runs, "best_one", "near", "far"), MEASURES, baseline="far")
    rows = rows_of(paper_table(comparison, MEASURES, "markdown"))
    assert "**0.750**† " in rows["best_one"]
    assert "0.745† " in rows["near"]
    assert "0.300 " in rows["far"]
    alone = paper_table(compare(load(runs, "best_one", "near"), MEASURES, baseline="near"), MEASURES, "markdown")
    assert "None is significantly different from near at 0.05." in alone
    assert "†" not in alone


@pytest.mark.parametrize("form", ["markdown", "latex"])
def test_reported_rows_have_their_source_as_a_footnote(runs: Path, form: str) -> None:
    reported = reported_entries("affectnet-3999")
    comparison = compare([*load(runs), *reported], MEASURES)
    text = paper_table(comparison, MEASURES, form)  # type: ignore[arg-type]
    sources = {entry.source for entry in reported if set(entry.measures) & set(MEASURES)}
    definitions = re.findall(
        r"^\[\^\d+\]: Reported" if form == "markdown" else r"superscript\{\w\} Reported", text, re.MULTILINE
    )
    assert len(definitions) == len(sources)
    uses = re.findall(r"\[\^\d+\] \|" if form == "markdown" else r"superscript\{\w\} &", text)
    assert len(uses) == sum(bool(set(entry.measures) & set(MEASURES)) for entry in reported)


def test_latex_is_a_table_for_booktabs(runs: Path) -> None:
    text = paper_table(compare(load(runs), MEASURES), MEASURES, "latex")
    lines = text.splitlines()
    assert lines[0] == r"% \usepackage{booktabs}"
    assert [line for line in lines if line.endswith("rule")] == [r"\toprule", r"\midrule", r"\bottomrule"]
    assert r"\begin{tabular}{lcc}" in lines
    assert r" & accuracy $\uparrow$ & CCC valence $\uparrow$ \\" in lines
    row = next(line for line in lines if line.startswith(r"best\_one"))
    assert row.startswith(r"best\_one & \textbf{0.750} {\scriptsize [0.740, 0.760]} & ")
    assert r"0.300\textsuperscript{\dag} {\scriptsize [0.290, 0.310]}" in text
    assert text.count("{") == text.count("}")
    assert "†" not in text


def test_more_measures_have_their_intervals_below(runs: Path) -> None:
    measures = ["accuracy", "f1_macro", "ccc_valence", "ccc_arousal"]
    text = paper_table(compare(load(runs), measures), measures, "latex")
    assert r"\begin{tabular}[t]{@{}c@{}}\textbf{0.750}\\[-2pt]{\scriptsize [0.740, 0.760]}\end{tabular}" in text
    assert r" & accuracy $\uparrow$ & \shortstack{F1,\\macro $\uparrow$} & " in text


def test_what_is_not_tested_says_why(runs: Path, make_run: MakeRun) -> None:
    make_run("seven", predictions(correct(190)), dataset="affectnet-3999", num_classes=7)
    text = paper_table(compare(load(runs, "best_one", "near", "seven"), MEASURES), MEASURES, "latex")
    assert r"seven\textsuperscript{a} & 0.950 {\scriptsize [0.940, 0.960]}" in text
    assert r"\textsuperscript{a} Not tested: best\_one decides between 8 expressions, seven between 7." in text
    assert [line for line in text.splitlines() if line == r"\midrule"] == [r"\midrule"] * 2


def test_a_measure_that_no_run_has_is_refused(runs: Path) -> None:
    entries = load(runs)
    with pytest.raises(ConfigError, match="No run has the measure 'auc'"):
        paper_table(compare(entries, MEASURES), ["auc"], "latex")


def test_the_command_line_prints_few_columns(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(runs))
    assert main(["compare", "best_one", "far", "--baseline", "far", "--format", "latex"]) == 0
    printed = capsys.readouterr().out
    head = next(line for line in printed.splitlines() if "accuracy $" in line)
    assert head.count("&") == 4
    assert "p 0.000" not in printed


def test_a_caption_names_the_expressions_where_they_are_fewer(runs: Path) -> None:
    entries = load(runs, "near", "far")
    ids = frozenset(entries[0].predictions(["expression"]).query("expression in ('neutral', 'happiness')")["sample_id"])
    judged = [judge_subset(entry, ids, between=("neutral", "happiness")) for entry in entries]
    said = paper_table(compare(judged, ["accuracy"]), ["accuracy"], "markdown").splitlines()[0]
    assert f"test split, {len(ids)} images, between 2 expressions (neutral and happiness); values" in said
