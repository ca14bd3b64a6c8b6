"""The tables of results: seeds, ablations, and what is not significantly different."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotion_core.models.backbones import BACKBONES
from tests import stored
from tests.stored import first_right, store, write_run

IMAGES = 400


@pytest.fixture(scope="module")
def results() -> ModuleType:
    spec = importlib.util.spec_from_file_location("results", Path(__file__).resolve().parents[1] / "scripts" / "results.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def predictions(right: int, *, affect: bool = True) -> pd.DataFrame:
    """The first ``right`` images are right; without ``affect`` no valence and arousal are predicted."""
    table = stored.predictions(first_right(right, IMAGES))
    return table if affect else table.assign(pred_valence=np.nan, pred_arousal=np.nan)


def make(
    folder: Path,
    name: str,
    table: pd.DataFrame,
    *,
    seed: int = 0,
    images: str = "abc",
    flip: bool = False,
    about: tuple[str, str, str] = ("network", "", ""),
    **settings: Any,
) -> None:
    training = {"title": "A preset", "phases": [], "seed": seed, **settings}
    role, variant_of, changed = about
    write_run(folder / name, training=training, seed=seed, num_params=1, role=role, variant_of=variant_of, changed=changed)
    store(folder / name, table, "ferplus", fingerprint=images, seed=seed, flip=flip)


def test_repeats_and_ablations_have_their_own_lines(results: ModuleType, tmp_path: Path) -> None:
    for seed, right in enumerate((200, 210, 220)):
        # Older runs do not say what could not be chosen then.
        later = {"precision": "auto", "keep": "best"} if seed else {}
        make(tmp_path, "base" if not seed else f"base-seed{seed}", predictions(right), seed=seed, **later)
    # Another training than the base, whatever its name says.
    make(tmp_path, "base-seed7", predictions(30), seed=7, lr=0.1)
    make(tmp_path, "one", predictions(120), about=("ablation", "base", "heads alone learn"))
    make(tmp_path, "two", predictions(202), about=("ablation", "base", "with mixup"))
    make(tmp_path, "three", predictions(204, affect=False), about=("ablation", "base", "expression alone"))
    # There is no run that this one is a variant of.
    make(tmp_path, "other", predictions(40), about=("ablation", "gone", "heads alone learn"))
    # A name says nothing.
    make(tmp_path, "base-frozen", predictions(20), lr=0.2)
    lines = results.render(tmp_path).splitlines()
    table = [line.split("|")[1].strip() for line in lines if line.startswith("| `")]
    assert table == ["`base`", "`other`", "`base-seed7`", "`base-frozen`"]
    [seeds] = [line for line in lines if line.startswith("- `base`, 3 seeds: ")]
    # Standard deviation of 0.5, 0.525 and 0.55.
    assert "accuracy 0.525 ± 0.025" in seeds
    rows = {line.split("|")[1].strip(): line.split("|")[2:] for line in lines if line.startswith("| ")}
    assert rows["heads alone learn"][0].strip().startswith("**-0.200 [")
    assert rows["with mixup"][0].strip().startswith("+0.005 [")
    affect = lines[[line.startswith("| change") for line in lines].index(True)].split("|")[2:].index(" CCC valence ↑ ")
    assert rows["expression alone"][affect].strip() == ""
    assert rows["with mixup"][affect].strip() != ""


def test_the_halves_of_a_run_are_no_changes_to_it(results: ModuleType, tmp_path: Path) -> None:
    make(tmp_path, "pair", predictions(200), members=["pair-classifier", "pair-regressor"])
    make(tmp_path, "pair-classifier", predictions(200, affect=False), about=("report", "pair", "expression alone"))
    text = results.render(tmp_path)
    assert "`pair-classifier`" not in text
    assert "One change to" not in text


def test_what_is_not_significantly_different_is_said(results: ModuleType, tmp_path: Path) -> None:
    for name, right in (("a", 300), ("b", 298), ("c", 100)):
        make(tmp_path, name, predictions(right))
    text = results.render(tmp_path)
    assert "In accuracy, `a` is the best measured in this table and is not significantly different from `b`." in text
    make(tmp_path, "b", predictions(150))
    said = "In accuracy, `a` is the best measured in this table and is significantly better than all others in this table."
    assert said in results.render(tmp_path)


def test_a_mean_of_weights_stands_for_what_went_into_it(results: ModuleType, tmp_path: Path) -> None:
    for name, right, seed in (("a-student", 300, 0), ("a-student-seed1", 310, 1)):
        make(tmp_path, name, predictions(right), seed=seed)
    make(tmp_path, "a", predictions(320), averaged=["a-student", "a-student-seed1"])
    text = results.render(tmp_path)
    assert [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| `")] == ["`a`"]
    assert "- `a-student`, 2 seeds: accuracy 0.762 ± 0.018" in text


def test_runs_averaged_over_mirror_images_are_marked(results: ModuleType, tmp_path: Path) -> None:
    make(tmp_path, "a", predictions(300), flip=True)
    make(tmp_path, "b", predictions(200))
    rows = [line.split("|")[1].strip() for line in results.render(tmp_path).splitlines() if line.startswith("| `")]
    assert rows == ["`a` ⇆", "`b`"]


def test_nothing_is_said_of_what_was_not_tested(results: ModuleType, tmp_path: Path) -> None:
    make(tmp_path, "a", predictions(300))
    make(tmp_path, "expressions-alone", predictions(100, affect=False))
    make(tmp_path, "other-images", predictions(299), images="def")
    text = results.render(tmp_path)
    assert "In accuracy, `a` is the best measured in this table" in text
    assert "In CCC" not in text


def test_one_run_is_compared_with_nothing(results: ModuleType, tmp_path: Path) -> None:
    make(tmp_path, "a", predictions(300))
    assert " is the best" not in results.render(tmp_path)


def test_the_stored_document_is_that_of_the_runs(results: ModuleType) -> None:
    root = Path(__file__).resolve().parents[1]
    stored = (root / "docs" / "results.md").read_text(encoding="utf-8")
    assert results.render(root / "checkpoints") == stored, "run 'python scripts/results.py'"


def test_runs_on_several_datasets_have_a_matrix(results: ModuleType, tmp_path: Path) -> None:
    make(tmp_path, "one", predictions(200))
    make(tmp_path, "two", predictions(300))
    assert "How they generalise" not in results.render(tmp_path)
    path = tmp_path / "two" / "evaluations"
    [metrics_file] = path.glob("*/metrics.json")
    metrics = json.loads(metrics_file.read_text())
    metrics |= {
        "dataset": "sfew",
        "measures": {key: {"value": 0.25, "low": 0.2, "high": 0.3} for key in ("accuracy", "balanced_accuracy")},
    }
    store(tmp_path / "two", predictions(100), **metrics)
    text = results.render(tmp_path)
    section = text[text.index("## How they generalise") :].split("\n## ")[0].splitlines()
    assert section[0] == "## How they generalise"
    head, line, row = (found for found in section if found.startswith("|"))
    assert head.endswith("| sfew-test | worst on |")
    assert line == "|---|---|---|---|"
    assert row.startswith("| `two` | 0.750 [")
    assert row.endswith("| 0.250 [0.200, 0.300] | sfew-test |")


def test_the_networks_in_the_readme_are_those_of_the_runs(results: ModuleType) -> None:
    root = Path(__file__).resolve().parents[1]
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert results.with_networks(readme, results.short_table(root / "checkpoints")) == readme, "run 'python scripts/results.py'"
    accuracies = [float(value) for value in re.findall(r"^\| `affectnet/\w+` ⇆ \| ([\d.]+) \[", readme, re.M)]
    assert len(accuracies) == len(BACKBONES)
    assert accuracies == sorted(accuracies, reverse=True)
