"""The network of a run in another folder of runs: for measures that do not belong to the run itself."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from emotion_core.durable import replace_durably
from emotion_core.errors import CheckpointError, write_remedy
from emotion_core.results.calibration import FILE as CALIBRATION
from emotion_core.results.experiments import FILE as EXPERIMENT
from emotion_core.results.experiments import make_experiment
from emotion_core.results.run import WEIGHTS, Run, read_run, write_info


def lend_run(run: Run, folder: Path, experiment: str, *, title: str, question: str, benchmark: str) -> Run:
    """A run with the same weights in an experiment of another folder of runs, made when it is first asked for.

    Args:
        run: one with weights.
        folder: of runs.
        experiment: that it goes into; made if there is none.
        title: of the experiment.
        question: that the experiment's runs answer, as a sentence.
        benchmark: that they are compared on.

    Returns:
        The run, called by the name of the given one with a hyphen for the slash. Its weights are a link to those.

    Raises:
        CheckpointError: the run has no weights, or the folder cannot be written to.
    """
    if not run.has_weights:
        raise CheckpointError(f"'{run.name}' has no weights, so it can measure nothing. Choose another run.")
    weights = run.weights.resolve()
    place = folder / experiment
    try:
        if not (place / EXPERIMENT).is_file():
            make_experiment(place, title=title, question=question, varies="the network", benchmark=benchmark)
        path = _place(place, run.name.replace("/", "-"), weights)
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=place, prefix=".lend-") as made:
                new = Path(made) / path.name
                new.mkdir()
                _link(weights, new / WEIGHTS)
                if (run.path / CALIBRATION).is_file():
                    shutil.copyfile(run.path / CALIBRATION, new / CALIBRATION)
                write_info(new, replace(run.info, role="network", variant_of="", changed=""))
                replace_durably(new, path)
        return read_run(path)
    except OSError as error:
        raise CheckpointError(f"'{place}' cannot be written to ({error.strerror or error}). {write_remedy(error)}.") from error


def _place(folder: Path, name: str, weights: Path) -> Path:
    """Folder of the run with these weights: its own, or the first that is free."""
    number, path = 1, folder / name
    while path.exists() and not _same(path / WEIGHTS, weights):
        number += 1
        path = folder / f"{name}-{number}"
    return path


def _same(one: Path, other: Path) -> bool:
    """Whether two files are one, or a copy that keeps its time."""
    try:
        first, second = one.stat(), other.stat()
    except OSError:
        return False
    return (first.st_size, first.st_mtime_ns) == (second.st_size, second.st_mtime_ns)


def _link(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source)
    except (OSError, NotImplementedError):  # Windows lets few people make links
        shutil.copy2(source, target)
