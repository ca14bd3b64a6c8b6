"""How quickly does Compare open on a large store?

Run with ``python -m benchmarks.store``. Makes a store of 50 runs with 40,000 predictions each in a temporary folder, or of
thousands with ``--runs 5000 --images 800``, 50 runs an experiment. Opens it in fresh processes: the core alone (import, list,
compare, table), and the page (``app.py`` with AppTest): the first experiment, a tick in its table, all runs, a search among
them, and a tick. Four runs have predictions of their own, drawn at random and resampled in full. The others of the first
experiment are theirs with the answers for one image in fifty exchanged and their measures computed anew; their resamples are
those of the original, moved to these values. Runs of further experiments have the predictions of the first one's, and are
resampled when they are ticked.

Prints wall time and processor time; the targets are for an idle core, so processor time is held against them. Exits with
status 1 when one is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from tqdm import tqdm

from benchmarks.pages import Watch, fresh, open_page, print_header, print_times

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

NAME = "benchmarks.store"
EXPERIMENT = 50
"""Runs."""
TARGETS = {"core, cold": 1.5, "page, cold": 1.5, "page, warm": 0.3, "page, another run": 0.3}
MANY = {"page, warm": 2.0, "page, another run": 0.5, "page, all runs": 2.0, "page, search": 0.5, "page, another of all": 0.5}
"""With more runs than an experiment holds."""
MEMORY = 1024
"""MiB."""
DISTINCT = 4
KEY = "affectnet-3999-test"
BACKBONES = ("efficientnet_b0", "resnet50", "mobilenetv2", "densenet121", "vgg16", "custom_cnn")


def random_predictions(images: int, skill: float, seed: int) -> pd.DataFrame:
    """Predictions that are right about as often as they should be, in single precision."""
    from emotion_core.labels import AFFECT, EXPRESSIONS

    common, own = np.random.default_rng(0), np.random.default_rng(seed)
    labels = common.integers(0, 8, images)
    logits = common.normal(size=(images, 8)) + 0.5 * own.normal(size=(images, 8))
    logits[np.arange(images), labels] += skill
    probs = np.exp(logits)
    probs = (probs / probs.sum(axis=1, keepdims=True)).astype(np.float32)
    table = pd.DataFrame(
        {"sample_id": [f"images/{number:06}.jpg" for number in range(images)], "expression": np.array(EXPRESSIONS)[labels]}
    )
    for name in AFFECT:
        table[name] = common.uniform(-1, 1, images).astype(np.float32)
        table[f"pred_{name}"] = np.clip(0.3 * skill * table[name] + 0.3 * own.normal(size=images), -1, 1).astype(np.float32)
    for index, name in enumerate(EXPRESSIONS):
        table[f"prob_{name}"] = probs[:, index]
    return table


def write_store(folder: Path, runs: int, images: int) -> None:
    """Runs, each with one evaluation and its summary."""
    from emotion_core.metrics.summary import summarize
    from emotion_core.results import summaries
    from emotion_core.results.run import read_run, write_evaluation

    own = [random_predictions(images, 1.2 + 0.1 * number, number) for number in range(min(DISTINCT, runs))]
    summarised = [summaries.summarise_predictions(table) for table in own]
    for number in tqdm(range(runs), desc="making the store", unit="run", leave=False, disable=None):
        path = write_run(folder, number)
        if number >= EXPERIMENT:
            link_evaluation(run_path(folder, number % EXPERIMENT), path)
            continue
        generator = np.random.default_rng(1000 + number)
        table, summary = own[number % DISTINCT], summarised[number % DISTINCT]
        if number >= DISTINCT:
            chosen = generator.choice(images, max(2, images // 50), replace=False)
            columns = [name for name in table if str(name).startswith(("prob_", "pred_"))]
            table = table.copy()
            table.loc[chosen, columns] = table.loc[np.roll(chosen, 1), columns].to_numpy()
            measures = summarize(table)
            moved = {
                name: (values + np.float32(measures[name] - summary.measures[name])).astype(np.float32)
                for name, values in summary.replicates.items()
            }
            correct = summary.correct.copy()
            correct[chosen] = False
            summary = replace(summary, measures=measures, replicates=moved, correct=correct)
        metrics = {
            "dataset": "affectnet-3999",
            "split": "test",
            "images": images,
            "fingerprint": "0123456789abcdef",
            "seed": 0,
            "chosen_by": {"measure": "accuracy", "split": "val", "epoch": 3, "value": 0.5},
            "collapse": list(summary.collapse),
            "measures": {
                name: dict(zip(("value", "low", "high"), (value, *summary.interval(name)), strict=True))
                for name, value in summary.measures.items()
            },
        }
        write_evaluation(path, "affectnet-3999", "test", metrics, table)
        summaries.keep_summary(read_run(path), KEY, summary)


def run_path(folder: Path, number: int) -> Path:
    """Where a run lies."""
    return folder / f"experiment-{number // EXPERIMENT:03}" / f"{BACKBONES[number % len(BACKBONES)]}-{number:04}"


def write_run(folder: Path, number: int) -> Path:
    """A run without evaluation, and its experiment where it is the first one of it."""
    from emotion_core.results.run import RunInfo, append_history, write_info

    path = run_path(folder, number)
    if not number % EXPERIMENT:
        path.parent.mkdir()
        title = f"Experiment {number // EXPERIMENT}"
        (path.parent / "experiment.toml").write_text(f'title = "{title}"\n', encoding="utf-8")
    training = {"title": "Benchmark", "lr": 1e-3 * (1 + number), "epochs": 20}
    network = {"backbone": BACKBONES[number % len(BACKBONES)], "input_size": 112}
    write_info(path, RunInfo(network=network, training=training, num_params=4_000_000 + number, finished=True))
    for epoch in range(1, 21 if number < EXPERIMENT else 1):
        append_history(path, {"epoch": epoch, "loss": 2 / epoch, "val_accuracy": 0.5 - 0.4 / epoch})
    return path


def link_evaluation(first: Path, second: Path) -> None:
    """The same evaluation for another run, without its resamples; files are replaced and never changed, so links do."""
    folder = second / "evaluations" / KEY
    folder.mkdir(parents=True)
    for name in ("metrics.json", "predictions.parquet"):
        os.link(first / "evaluations" / KEY / name, folder / name)


def measure_core() -> dict[str, tuple[float, float]]:
    """What the page asks of the core when it opens."""
    watch = Watch()
    from emotion_core.compare import compare, comparison_table, load_store

    measures = ("accuracy", "f1_macro", "ccc_valence", "ccc_arousal")
    store = load_store()
    comparison = compare(store.entries[:EXPERIMENT], measures, baseline=store.entries[0].name)
    comparison_table(comparison, measures)
    watch.note("core, cold")
    assert len(comparison.entries) == min(EXPERIMENT, len(store.entries))
    return watch.times


def measure_page() -> dict[str, tuple[float, float]]:
    """The page itself; what Streamlit needs to start is shown on its own."""
    watch = Watch()
    app = open_page("compare")
    watch.note("Streamlit, before the page")
    app.run()
    watch.note("page, cold")
    app.run()
    watch.note("page, warm")
    tick(app, range(5))
    watch.restart()
    tick(app, range(6))
    watch.note("page, another run")
    assert compared(app) == 6, app.exception
    app.selectbox(key="address-experiment").set_value("all")
    app.run()
    watch.note("page, all runs")
    app.text_input(key="search").set_value("0001")
    app.run()
    watch.note("page, search")
    tick(app, range(7))
    watch.note("page, another of all")
    assert compared(app) == 7, app.exception
    assert not {"torch", "sklearn"} & set(sys.modules)
    return watch.times


def tick(app: AppTest, rows: Iterable[int]) -> None:
    """Choose rows of the table, as a click does."""
    app.session_state[app.dataframe[0].key] = {"selection": {"rows": list(rows), "columns": [], "cells": []}}
    app.run()


def compared(app: AppTest) -> int:
    """How many rows of the table are compared with each other."""
    return int((app.dataframe[0].value["verdict"] != "").sum())


def measure_first() -> dict[str, tuple[float, float]]:
    """What an evaluation costs once, when it is compared for the first time."""
    from emotion_core.compare import load_store
    from emotion_core.results.summaries import read_predictions, summarise_predictions

    entry = load_store().entries[0]
    assert entry.run is not None
    watch = Watch()
    summarise_predictions(read_predictions(entry.run, entry.evaluation))
    watch.note("one evaluation, first time")
    return watch.times


PARTS = {"core": measure_core, "page": measure_page, "first": measure_first}


def main() -> int:
    """Make the store, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--images", type=int, default=40_000)
    parser.add_argument("--store", type=Path, help="use this folder, and make it where it is not there yet")
    parser.add_argument("--part", choices=(*PARTS, "write"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part == "write":
        write_store(Path(os.environ["EMOTION_CHECKPOINTS"]), arguments.runs, arguments.images)
        print("{}")
        return 0
    if arguments.part:
        times = PARTS[arguments.part]()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"times": times, "peak": peak}))
        return 0
    missed = False
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.store or Path(temporary)
        environment = {"EMOTION_CHECKPOINTS": str(folder), "EMOTION_SHIPPED_RUNS": "hide"}
        folder.mkdir(parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            fresh(NAME, "write", environment, "--runs", str(arguments.runs), "--images", str(arguments.images))
        print_header()
        for part in PARTS:
            if part != "first":
                fresh(NAME, part, environment)  # once for the disk and for compiled modules
            found = fresh(NAME, part, environment)
            missed |= print_times(found["times"], MANY if arguments.runs > EXPERIMENT else TARGETS)
            missed |= found["peak"] > MEMORY
            print(f"{part + ', peak memory':<28}{found['peak']:8.0f} MiB{'':>4}{MEMORY:8}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
