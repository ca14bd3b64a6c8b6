"""An imported evaluation becomes a run folder like all others, without weights."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from emotion_core.durable import replace_durably
from emotion_core.errors import CheckpointNotFoundError, ResultsError
from emotion_core.importing.prepare import Prepared, benchmark_of
from emotion_core.importing.truth import fingerprint
from emotion_core.results.card import write_card
from emotion_core.results.experiments import FILE as EXPERIMENT
from emotion_core.results.experiments import make_experiment
from emotion_core.results.find import list_experiments, list_runs
from emotion_core.results.measured import measure_predictions
from emotion_core.results.run import UNKNOWN, Run, RunInfo, read_run, write_evaluation, write_info
from emotion_core.results.summaries import keep_summary
from emotion_core.texts import shorten

TITLE = "Imported results"
ORIGIN = ("source", "licence", "trained_on", "command", "weights")
"""What can be said of where results come from."""


def store_results(
    prepared: Prepared,
    folder: Path,
    *,
    name: str,
    experiment: str = "",
    network: Mapping[str, Any] | None = None,
    origin: Mapping[str, str] | None = None,
    replace_old: bool = False,
) -> Run:
    """Store results as an evaluation of a run; all of it or nothing.

    Args:
        prepared: what is stored.
        folder: of checkpoints.
        name: of the run. One that was imported before gets another evaluation.
        experiment: that it belongs to, made if there is none; empty for none.
        network: ``backbone``, ``input_size`` and ``num_params``, as far as somebody says so.
        origin: texts by :data:`ORIGIN`.
        replace_old: whether an evaluation that the run has on this benchmark may be replaced.

    Raises:
        ResultsError: a name is none or taken, or the folder cannot be written to.
    """
    for said, what in ((name, "run"), *(((experiment, "experiment"),) if experiment else ())):
        if not re.fullmatch(r"\w[\w.\-]{0,99}", said):
            raise ResultsError(f"'{shorten(said)}' cannot name a {what}: letters, digits, '.', '_' and '-' only.")
    _check_benchmark(prepared)
    path = folder / experiment / name if experiment else folder / name
    before = _before(path, prepared, replace_old)
    info = _describe(before, network or {}, origin or {}, prepared)
    try:
        if experiment and not (folder / experiment / EXPERIMENT).is_file():
            _make_experiment(folder / experiment, prepared)
        if before is not None:
            _write(path, info, prepared)
        else:
            with tempfile.TemporaryDirectory(dir=path.parent, prefix=".import-") as place:
                made = Path(place) / name
                _write(made, info, prepared)
                replace_durably(made, path)
        run = read_run(path)
        write_card(run)
    except OSError as error:
        raise ResultsError(f"'{path.parent}' cannot be written to ({error.strerror}). Nothing is stored.") from error
    return run


def remove_results(run: Run) -> None:
    """Take an imported run away.

    Raises:
        ResultsError: it is no imported one.
    """
    if run.info.role != "imported":
        raise ResultsError(f"'{run.name}' is not imported.")
    shutil.rmtree(run.path)


def metrics_of(prepared: Prepared) -> tuple[dict[str, Any], Any]:
    """What ``metrics.json`` says of imported predictions, and their summary."""
    truth, predictions = prepared.truth, prepared.predictions
    leaked = truth.leaked & frozenset(predictions["sample_id"])
    blocks, summary = measure_predictions(predictions, leaked=leaked)
    metrics = {
        "dataset": truth.dataset,
        "split": truth.split,
        "images": len(predictions),
        "left_out": len(truth.frame) - len(predictions),
        "fingerprint": truth.fingerprint() if len(predictions) == len(truth.frame) else fingerprint(predictions),
        "num_classes": len(prepared.classes),
        "classes": list(prepared.classes),
        "flip": False,
        "temperature": 1.0,
        "chosen_by": {},
        "benchmark": benchmark_of(prepared),
        "imported": {
            "rows": prepared.rows,
            "matched": dict(prepared.matched),
            "findings": [finding.text for finding in prepared.findings],
        },
        **blocks,
    }
    return metrics, summary


def _write(path: Path, info: RunInfo, prepared: Prepared) -> None:
    metrics, summary = metrics_of(prepared)
    write_info(path, info)
    written = write_evaluation(path, prepared.truth.dataset, prepared.truth.split, metrics, prepared.predictions)
    keep_summary(read_run(path), written.name, summary)


def _before(path: Path, prepared: Prepared, replace_old: bool) -> Run | None:
    """The imported run that lies there; ``None`` where nothing does."""
    try:
        run = read_run(path)
    except CheckpointNotFoundError:
        if path.exists():
            raise ResultsError(f"'{path}' is there already and no run. Choose another name.") from None
        return None
    if run.info.role != "imported":
        raise ResultsError(f"There is a run '{run.name}' already, which was not imported. Choose another name.")
    if prepared.truth.key in {stored.key for stored in run.stored_evaluations()} and not replace_old:
        raise ResultsError(
            f"'{run.name}' has results on {prepared.truth.key} already. Choose another name, or replace them (--replace)."
        )
    return run


def _check_benchmark(prepared: Prepared) -> None:
    """Refuse a name that a benchmark with other images or labels has."""
    key, own = prepared.truth.key, prepared.truth.fingerprint()
    for run in list_runs():
        if isinstance(run, Run) and (metrics := run.evaluations.get(key)) is not None:
            known = str((metrics.get("benchmark") or metrics).get("fingerprint"))
            if known == own:
                return
            if "benchmark" in metrics:
                raise ResultsError(
                    f"The benchmark {key} has other images or labels in '{run.name}' ({known}, here {own}). Choose another "
                    "name."
                )


def _describe(before: Run | None, network: Mapping[str, Any], origin: Mapping[str, str], prepared: Prepared) -> RunInfo:
    said = {key: " ".join(str(value).split()) for key, value in origin.items() if key in ORIGIN and str(value).strip()}
    if before is not None:
        outputs = tuple(name for name in ("expression", "affect") if name in (*before.info.outputs, *prepared.outputs))
        return replace(before.info, outputs=outputs, origin={**before.info.origin, **said})
    return RunInfo(
        network={"backbone": str(network.get("backbone") or UNKNOWN), "input_size": int(network.get("input_size") or 0)},
        outputs=prepared.outputs,
        training={"title": TITLE},
        init=UNKNOWN,
        num_params=int(network.get("num_params") or 0),
        device=UNKNOWN,
        finished=True,
        role="imported",
        origin=said,
    )


def _make_experiment(path: Path, prepared: Prepared) -> None:
    """An ``experiment.toml`` of the same name as one elsewhere, or a new one."""
    known = next((one for one in list_experiments() if one.name == path.name), None)
    make_experiment(
        path,
        title=path.name.replace("-", " ").replace("_", " ").capitalize() if known is None else known.title,
        question="What do networks reach whose predictions were imported?" if known is None else known.question,
        varies="the network" if known is None else known.varies,
        benchmark=prepared.truth.key if known is None else known.benchmark,
    )
