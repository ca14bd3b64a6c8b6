"""Adds the default run to what is built, so that an installed package predicts in any folder; all else is in pyproject.toml."""

from __future__ import annotations

import ast
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

RUNS = Path("checkpoints")
FILES = ("run.json", "README.md", "model.safetensors")


def default_run() -> str:
    """``DEFAULT_RUN`` of ``emotion_core/results/run.py``, read without importing it: a build does without what it needs."""
    for node in ast.parse(Path("emotion_core/results/run.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DEFAULT_RUN":
            return str(ast.literal_eval(node.value))
    raise SystemExit("emotion_core/results/run.py does not name DEFAULT_RUN, which the package has to carry.")


def carried_files() -> list[Path]:
    """Files of the default run, and what its experiment says of itself."""
    run = RUNS / default_run()
    missing = [name for name in FILES if not (run / name).is_file()]
    if missing:
        raise SystemExit(f"'{run}' lacks {', '.join(missing)}; the package has to carry the default run.")
    return [*(run / name for name in FILES), *run.parent.glob("experiment.toml")]


class BuildWithRun(build_py):
    """Copies the default run into ``emotion_core/checkpoints`` of the build; the sources hold it once."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        for source, target in self._copies():
            self.mkpath(str(target.parent))
            self.copy_file(str(source), str(target))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """What the build writes."""
        return [*super().get_outputs(include_bytecode), *(str(target) for _, target in self._copies())]

    def get_source_files(self) -> list[str]:
        """What a source distribution has to hold."""
        return [*super().get_source_files(), *map(str, carried_files())]

    def _copies(self) -> list[tuple[Path, Path]]:
        # An editable installation reads checkpoints/ itself.
        if self.editable_mode:
            return []
        return [(path, Path(self.build_lib, "emotion_core", path)) for path in carried_files()]


setup(cmdclass={"build_py": BuildWithRun})
