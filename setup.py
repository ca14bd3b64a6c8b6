"""Adds the default run to what is built, so that an installed package predicts in any folder; all else is in pyproject.toml."""

from __future__ import annotations

import ast
import shutil
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

RUNS = Path("checkpoints")
FILES = ("run.json", "README.md", "model.safetensors")
ABOUT = "experiment.toml"


def default_run() -> str:
    """``DEFAULT_RUN`` of ``emotion_core/results/find.py``, read without importing it: a build does without what it needs."""
    for node in ast.parse(Path("emotion_core/results/find.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DEFAULT_RUN":
            return str(ast.literal_eval(node.value))
    raise SystemExit("emotion_core/results/find.py does not name DEFAULT_RUN, which the package has to carry.")


def carried_files() -> dict[Path, Path]:
    """Files of the default run by where they are carried: ``checkpoints/EXPERIMENT/RUN``, wherever its folder lies."""
    name = Path(default_run())
    run = RUNS / name
    about = run.parent / ABOUT
    if not run.is_dir() and about.is_file():
        elsewhere = tomllib.loads(about.read_text(encoding="utf-8")).get("folders", {})
        run = run.parent / elsewhere.get(name.name, name.name)
    missing = [file for file in FILES if not (run / file).is_file()]
    if missing:
        raise SystemExit(f"'{run}' lacks {', '.join(missing)}; the package has to carry the default run.")
    # What calibrate stored beside it, if it did.
    files = [*FILES, *(path.name for path in sorted(run.glob("*.npz")))]
    return {RUNS / name / file: run / file for file in files} | ({about: about} if about.is_file() else {})


class BuildWithRun(build_py):
    """Copies the default run into ``emotion_core/checkpoints`` of the build; the sources hold it once."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        # A build folder that is used again may hold an earlier default run.
        shutil.rmtree(Path(self.build_lib, "emotion_core", RUNS), ignore_errors=True)
        for source, target in self._copies():
            self.mkpath(str(target.parent))
            if source.name == ABOUT:
                # Its only table names folders of runs that are not carried.
                target.write_text(source.read_text(encoding="utf-8").partition("[folders]")[0], encoding="utf-8")
            else:
                self.copy_file(str(source), str(target))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """What the build writes."""
        return [*super().get_outputs(include_bytecode), *(str(target) for _, target in self._copies())]

    def get_source_files(self) -> list[str]:
        """What a source distribution has to hold."""
        return [*super().get_source_files(), *map(str, carried_files().values())]

    def _copies(self) -> list[tuple[Path, Path]]:
        # An editable installation reads checkpoints/ itself.
        if self.editable_mode:
            return []
        return [(source, Path(self.build_lib, "emotion_core", path)) for path, source in carried_files().items()]


setup(cmdclass={"build_py": BuildWithRun})
