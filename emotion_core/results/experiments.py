"""Experiments: a question, and the runs that answer it.

A folder with an ``experiment.toml`` is an experiment, and the folders in it are its runs, named ``EXPERIMENT/RUN``. A run
folder that lies directly in a folder of checkpoints belongs to none and has its folder's name.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from emotion_core.errors import CheckpointError
from emotion_core.results.checked import read_text
from emotion_core.results.files import strict_json, write_text

FILE = "experiment.toml"
LAST = 1_000
"""Place of an experiment that names none."""


def is_name(text: str) -> bool:
    """Whether this may name an experiment, or a run within one: a folder's name that leads nowhere else and is not hidden."""
    return text == Path(text).name and not text.startswith(".") and "\0" not in text and 0 < len(text.encode()) <= 255


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Content of ``experiment.toml``.

    Attributes:
        path: its folder.
        title: in a few words.
        question: that its runs answer, in a sentence.
        varies: what differs from run to run.
        benchmark: evaluation that the runs are compared on, such as ``"affectnet-3999-test"``.
        baseline: name of the run that the others are compared with; empty where there is none.
        first: name of the run that is shown first; empty where none is named.
        order: names of runs in the order in which they are listed; others follow by name.
        reported: whether what others reported on the benchmark belongs beside it.
        place: among the experiments, smallest first.
    """

    path: Path
    title: str
    question: str = ""
    varies: str = ""
    benchmark: str = ""
    baseline: str = ""
    first: str = ""
    order: tuple[str, ...] = ()
    reported: bool = False
    place: int = LAST

    @property
    def name(self) -> str:
        """Its folder's name."""
        return self.path.name

    def run_folders(self) -> dict[str, Path]:
        """Folders of its runs by the name of the run, in their order."""
        found = {f"{self.name}/{path.name}": path for path in self.path.iterdir() if path.is_dir() and is_name(path.name)}
        return {name: found[name] for name in [*(name for name in self.order if name in found), *sorted(found)]}


_TEXTS = ("title", "question", "varies", "benchmark", "baseline", "first")
_TYPES: dict[str, type] = {**dict.fromkeys(_TEXTS, str), "order": list, "reported": bool, "place": int}
_SAID = {str: "text", list: "a list of names of runs", bool: "true or false", int: "a whole number"}


def read_experiment(path: Path) -> Experiment:
    """Read the ``experiment.toml`` of a folder.

    Raises:
        CheckpointError: there is none, or it is not valid; the message says what is wrong with it.
    """
    path = path.absolute()
    file = path / FILE
    try:
        status = file.stat()
        return _read(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise CheckpointError(f"'{file}' cannot be read ({error.strerror}). Restore it.") from error


# A list of runs asks for each experiment several times; time and size of the file tell whether it is the same.
@lru_cache(maxsize=256)
def _parse(file: Path, _modified: int, _size: int) -> dict[str, Any]:
    try:
        data = tomllib.loads(read_text(file))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"'{file}' is not valid TOML ({error}). Mend it.") from error
    for key, value in data.items():
        if key not in _TYPES:
            raise CheckpointError(f"'{file}' has the entry '{key}', which is none of {', '.join(_TYPES)}.")
        kind = _TYPES[key]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise CheckpointError(f"'{file}' has {value!r} as '{key}'; it has to be {_SAID[kind]}.")
    for name in data.get("order", ()):
        if not isinstance(name, str):
            raise CheckpointError(f"'{file}' has {name!r} in 'order'; it has to be text.")
    if not data.get("title"):
        raise CheckpointError(f"'{file}' lacks a 'title'.")
    return data


def _read(path: Path, modified: int, size: int) -> Experiment:
    data = dict(_parse(path / FILE, modified, size))

    def full(name: str) -> str:
        return f"{path.name}/{name}" if name else ""

    return Experiment(
        path=path,
        baseline=full(data.pop("baseline", "")),
        first=full(data.pop("first", "")),
        order=tuple(full(name) for name in data.pop("order", ())),
        **data,
    )


def make_experiment(path: Path, *, title: str, question: str, varies: str, benchmark: str) -> None:
    """Make a folder an experiment.

    Args:
        path: the folder; made if it is not there.
        title: as in :class:`Experiment`, as the others.
        question: that its runs answer.
        varies: what differs from run to run.
        benchmark: that they are compared on.

    Raises:
        OSError: it cannot be written.
    """
    texts = {"title": title, "question": question, "varies": varies, "benchmark": benchmark}
    # A JSON string is a TOML string.
    lines = [f"{key} = {strict_json(value, ensure_ascii=False)}\n" for key, value in texts.items()]
    write_text(path / FILE, "".join(lines))


def list_experiments_in(folder: Path) -> tuple[list[Experiment], dict[Path, str]]:
    """Experiments of one folder of checkpoints in their order, and what is wrong with those that cannot be read, by folder."""
    found: list[Experiment] = []
    problems: dict[Path, str] = {}
    for file in sorted(folder.glob(f"*/{FILE}")):
        try:
            found.append(read_experiment(file.parent))
        except CheckpointError as error:
            problems[file.parent] = str(error)
    return sorted(found, key=lambda experiment: (experiment.place, experiment.name)), problems


def root_of(path: Path) -> Path:
    """The folder of checkpoints that a run folder lies in, directly or in an experiment."""
    return path.absolute().parent.parent if (path.absolute().parent / FILE).is_file() else path.absolute().parent


def name_of(path: Path) -> tuple[str, str]:
    """Name of the run in a folder, and of its experiment; the latter is empty where it belongs to none."""
    path = path.absolute()
    if (path.parent / FILE).is_file():
        return f"{path.parent.name}/{path.name}", path.parent.name
    return path.name, ""
