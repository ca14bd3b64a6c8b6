"""Several runs as one: the mean of their calibrated probabilities, and of their valence and arousal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emotion_core.errors import CheckpointError, ConfigError
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.results.joined import check_out, joint_selection
from emotion_core.results.run import Run, RunInfo, read_run, write_evaluation, write_info
from emotion_core.results.summaries import keep_summary, read_predictions, summarise_predictions

PROBABILITIES = [f"prob_{name}" for name in EXPRESSIONS]
PREDICTED_AFFECT = [f"pred_{name}" for name in AFFECT]

TAKEN_OVER = ("dataset", "split", "images", "left_out", "fingerprint", "num_classes", "classes")
"""Fields of ``metrics.json`` that describe the images; they are equal for all members and copied from the first."""


def combine(runs: Sequence[Run], out: Path) -> Run:
    """Store a run without weights whose predictions are the mean of others'.

    Each output is the mean over the runs trained on it, so a classifier and a regressor make one run with both outputs.
    Probabilities are those that the runs stored, each divided by its own temperature before.

    Args:
        runs: at least two, evaluated on the same images.
        out: run folder, made if needed; one that holds an ensemble is replaced.

    Raises:
        ConfigError: fewer than two runs, no evaluation that all of them have, or other images or labels in it.
        CheckpointError: predictions cannot be read.
    """
    runs = list({run.path.resolve(): run for run in runs}.values())
    if len(runs) < 2:
        raise ConfigError("An ensemble needs at least two different runs.")
    check_out(out, runs, "members")
    keys = _shared(runs)
    write_info(out, _describe(runs))
    made = read_run(out)
    for stored in made.stored_evaluations():
        # Left by an earlier ensemble of this name: other members, and so other predictions.
        if stored.key not in keys:
            stored.remove()
    for key in keys:
        _combine_evaluation(made, [run for run in runs if key in run.evaluations], key)
    return read_run(out)


def _shared(runs: Sequence[Run]) -> list[str]:
    """Evaluations that every run has."""
    keys = sorted(set.intersection(*(set(run.evaluations) for run in runs)))
    if not keys:
        for run in runs:
            for problem in run.read_evaluations()[1].values():
                raise CheckpointError(problem)
        has = "; ".join(f"'{run.name}' on {', '.join(run.evaluations) or 'nothing'}" for run in runs)
        raise ConfigError(f"There is no evaluation that all runs have: {has}. Evaluate them on the same split first.")
    for key in keys:
        prints = {run.name: run.evaluations[key].get("fingerprint") for run in runs}
        if len(set(prints.values())) > 1:
            first, other = runs[0].name, next(name for name in prints if prints[name] != prints[runs[0].name])
            raise ConfigError(
                f"'{first}' and '{other}' were evaluated on other images or labels of {key}. "
                "Evaluate both again on the same data."
            )
    return keys


def _describe(runs: Sequence[Run]) -> RunInfo:
    infos = [run.info for run in runs]
    backbones = list(dict.fromkeys(info.backbone for info in infos))
    return RunInfo(
        network={
            "backbone": backbones[0] if len(backbones) == 1 else "ensemble",
            "input_size": max(info.input_size for info in infos),
        },
        outputs=tuple(output for output in ("expression", "affect") if any(output in info.outputs for info in infos)),
        training={
            "title": f"Mean of {len(runs)} runs: {', '.join(run.name for run in runs)}",
            "members": [run.name for run in runs],
        },
        dataset=infos[0].dataset,
        # An ensemble selects nothing itself: what selected the epochs of its members is recorded.
        selection=joint_selection(runs),
        init="runs",
        seed=infos[0].seed,
        num_params=sum(info.num_params for info in infos),
        device=infos[0].device,
        seconds=round(sum(info.seconds for info in infos), 1),
        versions=infos[0].versions,
        finished=True,
        role="ensemble",
    )


def _combine_evaluation(made: Run, runs: Sequence[Run], key: str) -> None:
    tables = [read_predictions(run, key).set_index("sample_id").sort_index() for run in runs]
    first = tables[0]
    expression = [table[PROBABILITIES] for run, table in zip(runs, tables, strict=True) if "expression" in run.info.outputs]
    affect = [table[PREDICTED_AFFECT] for run, table in zip(runs, tables, strict=True) if "affect" in run.info.outputs]
    predictions = first[["expression", *AFFECT]].copy()
    predictions[PROBABILITIES] = _mean(expression, len(first), len(PROBABILITIES))
    predictions[PREDICTED_AFFECT] = _mean(affect, len(first), len(PREDICTED_AFFECT))
    predictions = predictions.reset_index()
    summary = summarise_predictions(predictions)
    metrics: dict[str, Any] = {
        **{name: runs[0].evaluations[key][name] for name in TAKEN_OVER if name in runs[0].evaluations[key]},
        "flip": any(run.evaluations[key].get("flip") for run in runs),
        "temperature": 1.0,
        "seed": made.info.seed,
        "chosen_by": made.info.selection,
        "members": [run.name for run in runs],
        "collapse": list(summary.collapse),
        "measures": summary.with_intervals(),
    }
    folder = write_evaluation(made.path, metrics["dataset"], metrics["split"], metrics, predictions)
    keep_summary(made, folder.name, summary)


def _mean(tables: Sequence[pd.DataFrame], rows: int, columns: int) -> Any:
    """Mean over tables with the same rows; missing where there is no table."""
    if not tables:
        return np.full((rows, columns), np.nan)
    return np.mean([table.to_numpy(dtype=float) for table in tables], axis=0)
