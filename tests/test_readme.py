"""What the README promises."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emotion_core.data.datasets import DATASETS
from emotion_core.results.card import render_card
from emotion_core.results.find import list_runs
from emotion_core.results.run import Run

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_python_example_runs_and_prints_eight_probabilities(capsys: pytest.CaptureFixture[str]):
    [code] = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len([line for line in code.splitlines() if line]) <= 6
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert len(re.findall(r"'\w+': [01]\.\d+", printed)) == 8


def test_it_is_short_enough_to_be_read():
    assert len(README.splitlines()) <= 150


def test_sections_stand_in_the_order_a_newcomer_reads_them():
    titles = re.findall(r"^## (.*)$", README, re.M)
    wanted = ["Run it", "Use it from Python", "Test it", "Limits of use", "Data terms", "Licences"]
    assert [title for title in titles if title in wanted] == wanted


def test_pictures_and_files_it_links_exist():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("run", list_runs(ROOT / "checkpoints"), ids=lambda run: run.name)
def test_the_card_of_a_run_says_what_its_folder_holds(run: Run):
    assert (run.path / "README.md").read_text(encoding="utf-8") == render_card(run), "run 'python scripts/results.py'"


def test_every_dataset_has_a_row_that_says_what_has_to_lie_where():
    page = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([^`]+)`(?:, `[^`]+`)? \|", page, re.M)
    assert [name for name in named if name in DATASETS] == list(DATASETS)
    assert "PATH.csv" in named
