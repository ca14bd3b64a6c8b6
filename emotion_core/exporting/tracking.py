"""A run for MLflow: its parameters, measures with their intervals, its history as steps, and its files."""

from __future__ import annotations

import hashlib
import importlib
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from emotion_core.errors import ConfigError
from emotion_core.models.runtimes import installed
from emotion_core.results.card import render_card
from emotion_core.results.experiments import list_experiments_in, root_of
from emotion_core.results.files import strict_json
from emotion_core.results.run import Run, read_history
from emotion_core.texts import shorten

DATABASE = "mlflow.db"
"""In a folder that a run is exported to, beside ``artifacts``."""

NO_EXPERIMENT = "emotion_core"
"""MLflow's experiment for runs that belong to none."""

DIGEST = "emotion_core.digest"
"""Tag that tells whether the same run was exported before."""

LONGEST_VALUE = 6000
AT_ONCE = 100
"""What MLflow takes: characters of a parameter, and entries a call."""


def export_to_mlflow(run: Run, target: str) -> str:
    """Write a run to MLflow.

    Args:
        run: with or without weights.
        target: a folder, which gets a SQLite database and the files, or a tracking URI such as ``http://host:5000``.

    Returns:
        The id of the MLflow run; of the one that is there already where nothing has changed.

    Raises:
        ConfigError: MLflow is not installed, or refuses what it is told.
    """
    if not installed("mlflow"):
        raise ConfigError("Exporting to MLflow needs its package: pip install mlflow-skinny alembic, or all of it: mlflow.")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    client, place = _client(target)
    digest = _digest(run)
    try:
        experiment = _experiment(client, run.experiment or NO_EXPERIMENT, place)
        before = client.search_runs([experiment], f"tags.`{DIGEST}` = '{digest}' and attributes.status = 'FINISHED'")
        if before:
            return str(before[0].info.run_id)
        made = client.create_run(experiment, run_name=run.name, tags=dict(_tags(run, digest))).info.run_id
    except Exception as error:  # whatever a database or a server answers
        raise ConfigError(f"MLflow at '{shorten(target, 100)}' cannot be used ({_reason(error)}).") from error
    try:
        _log(client, made, run)
        client.set_terminated(made, "FINISHED")
    except Exception as error:
        client.set_terminated(made, "FAILED")
        raise ConfigError(
            f"MLflow did not take all of '{run.name}' ({_reason(error)}); its run is marked as failed."
        ) from error
    return str(made)


def _client(target: str) -> tuple[Any, str | None]:
    """MLflow's client, and where the files of new experiments go."""
    mlflow: Any = importlib.import_module("mlflow")
    if re.match(r"[a-z][a-z0-9+.-]+:", target):
        return mlflow.MlflowClient(tracking_uri=target), None
    folder = Path(target).expanduser().resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"The folder '{folder}' cannot be made ({error.strerror}).") from error
    if not installed("alembic"):
        raise ConfigError("MLflow needs the package alembic for a folder: pip install alembic.")
    uri = f"sqlite:///{folder / DATABASE}"
    return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri), (folder / "artifacts").as_uri()


def _experiment(client: Any, name: str, place: str | None) -> str:
    if (known := client.get_experiment_by_name(name)) is not None:
        return str(known.experiment_id)
    return str(client.create_experiment(name, artifact_location=None if place is None else f"{place}/{name}"))


def _log(client: Any, made: str, run: Run) -> None:
    entities: Any = importlib.import_module("mlflow.entities")
    now = int(1000 * (run.path / "run.json").stat().st_mtime)
    params = [entities.Param(name, value) for name, value in parameters(run)]
    metrics = [entities.Metric(name, value, now, step) for name, value, step in [*measures(run), *history(run)]]
    for start in range(0, len(params), AT_ONCE):
        client.log_batch(made, params=params[start : start + AT_ONCE])
    for start in range(0, len(metrics), AT_ONCE):
        client.log_batch(made, metrics=metrics[start : start + AT_ONCE])
    client.log_text(made, render_card(run), "README.md")
    for path in files(run):
        inside = path.relative_to(run.path).parent.as_posix()
        client.log_artifact(made, str(path), None if inside == "." else inside)


def parameters(run: Run) -> Iterator[tuple[str, str]]:
    """What a run was made with, flat: ``training.loss.label_smoothing`` and the like."""
    said = asdict(run.info)
    about = ("network", "training", "dataset", "selection")
    plain = ("outputs", "init", "seed", "num_params", "temperature", "role", "variant_of", "changed", "origin", "prior")
    for name, value in _flat({key: said[key] for key in (*about, *plain)}):
        yield _name(name), shorten(value, LONGEST_VALUE)


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif value not in (None, "", (), []):
        yield name, value if isinstance(value, str) else strict_json(value, ensure_ascii=False, default=str)


def measures(run: Run) -> Iterator[tuple[str, float, int]]:
    """Every measure of every evaluation, and the ends of its 95 % interval: ``affectnet-3999-test/accuracy.low``."""
    for key, metrics in run.evaluations.items():
        for name, measure in metrics.get("measures", {}).items():
            for part, end in (("value", ""), ("low", ".low"), ("high", ".high")):
                if _is_number(number := measure.get(part)):
                    yield _name(f"{key}/{name}{end}"), float(number), 0


def history(run: Run) -> Iterator[tuple[str, float, int]]:
    """Every number of every epoch: ``history/train.loss``."""
    for place, row in enumerate(read_history(run.path)):
        step = row.get("epoch", place)
        for name, value in _numbers(row):
            if name != "epoch":
                yield _name(f"history/{name}"), value, int(step)


def _numbers(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(inner, f"{name}.{key}" if name else str(key))
    elif _is_number(value):
        yield name, float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def files(run: Run) -> Sequence[Path]:
    """What goes along: what the run is, its weights, its history, and every evaluation."""
    own = [run.path / name for name in ("run.json", "model.safetensors", "history.jsonl", "calibration.npz")]
    evaluated = [
        run.path / "evaluations" / key / name for key in run.evaluations for name in ("metrics.json", "predictions.parquet")
    ]
    return [path for path in (*own, *evaluated) if path.is_file()]


def _tags(run: Run, digest: str) -> Iterator[tuple[str, str]]:
    yield DIGEST, digest
    yield "emotion_core.role", run.info.role
    titles = {one.name: one.title for one in list_experiments_in(root_of(run.path))[0]}
    if run.experiment in titles:
        yield "emotion_core.experiment", titles[run.experiment]
    yield "mlflow.note.content", shorten(render_card(run).split("\n---\n", 1)[-1].strip(), LONGEST_VALUE)


def _digest(run: Run) -> str:
    digest = hashlib.sha256(run.name.encode())
    for path in files(run):
        digest.update(path.relative_to(run.path).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _name(text: str) -> str:
    """Only what MLflow allows in a name."""
    return re.sub(r"[^\w./ :-]", "_", text)[:250]


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return shorten(" ".join(lines[0].split()).rstrip("."), 200)
