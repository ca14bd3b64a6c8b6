"""What a run that several others make has in common with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emotion_core.errors import ConfigError
from emotion_core.results.run import Run, read_run


def check_out(out: Path, runs: Sequence[Run], mark: str) -> None:
    """Refuse a folder that holds one of ``runs``, or a run whose training lacks the entry ``mark``: nothing may be lost.

    Raises:
        ConfigError: it does.
    """
    if out.resolve() in {run.path.resolve() for run in runs}:
        raise ConfigError(f"'{out}' is itself one of the runs. Choose another folder with --out.")
    if (out / "run.json").is_file() and not read_run(out).info.training.get(mark):
        raise ConfigError(f"'{out}' holds a run of another kind. Choose another folder with --out.")


def joint_selection(runs: Sequence[Run]) -> dict[str, Any]:
    """How the epochs of several runs were chosen, as :attr:`~emotion_core.results.run.RunInfo.selection` of what they make."""
    measures = {str(run.info.selection["measure"]) for run in runs if "measure" in run.info.selection}
    last = all(run.info.selection.get("keep") == "last" for run in runs)
    judged = {"measure": " and ".join(sorted(measures)), "split": "val"} if measures else {}
    return judged | ({"keep": "last"} if last else {})
