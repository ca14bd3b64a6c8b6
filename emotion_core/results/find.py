"""Where runs lie, which there are, and which one is meant by a name."""

from __future__ import annotations

import csv
import logging
import os
from functools import lru_cache
from importlib import resources
from pathlib import Path

from emotion_core.errors import CheckpointError, CheckpointNotFoundError
from emotion_core.results.experiments import FILE as EXPERIMENT
from emotion_core.results.experiments import Experiment, is_name, list_experiments_in, root_of
from emotion_core.results.run import DamagedRun, Run, read_run

DEFAULT_RUN = "joint/custom_cnn"
"""The run that is used when none is named; it comes with the repository and with the package."""

CARRIED = Path(__file__).resolve().parents[1] / "checkpoints"
"""The default run in an installed package; a clone has no such folder."""
CLONED = Path(__file__).resolve().parents[2] / "checkpoints"
"""The runs of a clone."""

HIDE = "hide"
"""Value of ``EMOTION_SHIPPED_RUNS`` that leaves the shipped runs out."""

KEPT_SUMMARY = "summary.npz"
"""What Compare keeps beside predictions; see :mod:`emotion_core.results.summaries`, which builds on this module's runs."""

log = logging.getLogger(__name__)


def shipped_folder() -> Path:
    """The runs that come with the program: all those of a clone, or the default run that an installed package carries."""
    return CARRIED if CARRIED.is_dir() else CLONED


def checkpoints_folders() -> tuple[Path, ...]:
    """Where runs are looked for, in this order: the folders in ``EMOTION_CHECKPOINTS``, then the shipped runs.

    Folders in the variable are separated as in ``PATH``. Where it names none, an installed package looks into
    ``checkpoints/`` of the current folder. With ``EMOTION_SHIPPED_RUNS=hide`` the shipped runs stay out where the
    variable names a folder.
    """
    named = [Path(text) for text in os.environ.get("EMOTION_CHECKPOINTS", "").split(os.pathsep) if text]
    shipped = [] if named and os.environ.get("EMOTION_SHIPPED_RUNS") == HIDE else [shipped_folder()]
    # What is trained with an installed package never goes into the package.
    own = [Path("checkpoints")] if not named and CARRIED.is_dir() else []
    found: dict[Path, Path] = {}
    for folder in (*named, *own, *shipped):
        found.setdefault(folder.resolve(), folder)
    return tuple(found.values())


def checkpoints_folder() -> Path:
    """Where new runs go: the first of :func:`checkpoints_folders`."""
    return checkpoints_folders()[0]


def find_run(path_or_name: str | Path) -> Run:
    """Read a run by its folder, or by its name in :func:`checkpoints_folders`; a name of before is answered with the new one.

    Raises:
        CheckpointNotFoundError: there is none.
        CheckpointError: it is damaged.
    """
    text = str(path_or_name)
    try:
        if ((path := Path(text).expanduser()) / "run.json").is_file():
            return read_run(path)
    except (OSError, ValueError, RuntimeError) as error:
        # A name of 10,000 characters or with a NUL byte is refused by the operating system, '~nobody' has no home.
        if isinstance(error, CheckpointError):
            raise
    if (run := find_named(text)) is not None:
        return run
    for old in (text, Path(text).name):
        if (new := new_name(old)) is not None and (run := find_named(new)) is not None:
            log.warning("The run '%s' is called '%s' now.", old, new)
            return run
    raise CheckpointNotFoundError(Path(text))


def find_named(name: str, *, beside: Run | None = None) -> Run | None:
    """Read a run by its name alone, which leads into no other folder.

    Args:
        name: ``EXPERIMENT/RUN``, or the folder of a run that belongs to no experiment.
        beside: a run whose folder of checkpoints is looked into first.

    Returns:
        ``None`` where there is none.

    Raises:
        CheckpointError: it is damaged.
    """
    near = [] if beside is None else [root_of(beside.path)]
    for folder in (*near, *checkpoints_folders()):
        if (path := locate(folder, name)) is not None:
            return read_run(path)
    return None


def locate(folder: Path, name: str) -> Path | None:
    """Folder of the run with this name in one folder of checkpoints; ``None`` where there is none."""
    parts = name.split("/")
    if len(parts) > 2 or not all(is_name(part) for part in parts):
        return None
    path = folder.joinpath(*parts)
    return path if (path / "run.json").is_file() else None


def out_folder(text: str) -> Path:
    """The folder that ``--out`` means: a run's name leads into the folder for new runs, everything else is a path."""
    first, _, rest = text.partition("/")
    root = checkpoints_folder()
    if (path := locate(root, text)) is not None:
        return path
    inside = is_name(first) and (not rest or (is_name(rest) and (root / first / EXPERIMENT).is_file()))
    return root / text if inside else Path(text)


def list_runs(folder: Path | None = None) -> list[Run | DamagedRun]:
    """Every run, those of experiments first, in their order; a damaged one is an entry that says why.

    Args:
        folder: of checkpoints; by default all of :func:`checkpoints_folders`, and of two runs with one name the first.
    """
    found: list[Run | DamagedRun] = []
    for root in checkpoints_folders() if folder is None else (folder,):
        known = {run.name for run in found}
        found += [run for run in _runs_in(root) if run.name not in known]
    experiments = {experiment.name: place for place, experiment in enumerate(list_experiments(folder))}
    return sorted(found, key=lambda run: experiments.get(run.experiment, len(experiments)))


def list_experiments(folder: Path | None = None) -> list[Experiment]:
    """Every experiment that can be read, in their order; of two with one name the first.

    Args:
        folder: of checkpoints; by default all of :func:`checkpoints_folders`.
    """
    found: dict[str, Experiment] = {}
    for root in checkpoints_folders() if folder is None else (folder,):
        for experiment in list_experiments_in(root)[0]:
            found.setdefault(experiment.name, experiment)
    return sorted(found.values(), key=lambda experiment: (experiment.place, experiment.name))


def _runs_in(root: Path) -> list[Run | DamagedRun]:
    if not root.is_dir():
        return []
    experiments, problems = list_experiments_in(root)
    runs: list[Run | DamagedRun] = []
    for experiment in experiments:
        runs += [_read(path, name, experiment.name) for name, path in experiment.run_folders().items()]
    for path, problem in problems.items():
        runs.append(DamagedRun(path=path, name=path.name, reason=problem))
        runs += [_read(inner, f"{path.name}/{inner.name}", path.name) for inner in _folders(path)]
    known = {experiment.path.resolve() for experiment in experiments} | {path.resolve() for path in problems}
    alone = [path for path in _folders(root) if path.resolve() not in known and not _left_behind(path)]
    return runs + [_read(path, path.name, "") for path in alone]


def _left_behind(path: Path) -> bool:
    """Whether a folder holds nothing but summaries: version control moves a run, and leaves what it ignores."""
    if (path / "run.json").exists():
        return False
    names = {file.name for file in path.rglob("*") if not file.is_dir()}
    return names == {KEPT_SUMMARY}


def _folders(root: Path) -> list[Path]:
    return [path for path in sorted(root.iterdir()) if path.is_dir() and not path.name.startswith(".")]


def _read(path: Path, name: str, experiment: str) -> Run | DamagedRun:
    try:
        return read_run(path, (name, experiment))
    except CheckpointError as error:
        return DamagedRun(path=path, name=name, experiment=experiment, reason=str(error))


def stamp_runs(folder: Path | None = None) -> tuple[tuple[str, int, int], ...]:
    """Name, time and size of every file that describes an experiment, a run or its measures; nothing is opened.

    Args:
        folder: of checkpoints; by default all of :func:`checkpoints_folders`.
    """
    found = []
    for root in checkpoints_folders() if folder is None else (folder,):
        for pattern in (f"*/{EXPERIMENT}", "*/run.json", "*/*/run.json", "*/evaluations/*/*.json", "*/*/evaluations/*/*.json"):
            for path in sorted(root.glob(pattern)):
                try:
                    status = path.stat()
                    found.append((str(path), status.st_mtime_ns, status.st_size))
                except OSError:
                    found.append((str(path), 0, 0))
    return tuple(found)


def new_name(name: str) -> str | None:
    """What a run is called that had this name before runs were sorted into experiments; ``None`` for all other names.

    Example:
        >>> new_name("affectnet-custom_cnn"), new_name("affectnet/custom_cnn")
        ('affectnet/custom_cnn', None)
    """
    return _new_names().get(name)


def current_name(name: str) -> str:
    """What a run is called now that a link or a note may call by a name of before; all other names stay."""
    new = new_name(name)
    if new is None:
        return name
    try:
        run = find_named(name) or find_named(new)
    except CheckpointError:
        return name
    return name if run is None else run.name


@lru_cache(maxsize=1)
def _new_names() -> dict[str, str]:
    text = (resources.files("emotion_core.results") / "old_names.csv").read_text(encoding="utf-8")
    return {row["old"]: row["new"] for row in csv.DictReader(text.splitlines())}
