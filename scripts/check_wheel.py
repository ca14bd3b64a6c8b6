"""Builds the wheel and uses it as its user would: ``make wheel``.

It goes into a fresh environment, with the versions of ``requirements.lock`` and without what only the app needs. There the
command ``emotion-core`` has to find the face on matplotlib's sample photo, from a folder that knows nothing of the repository.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = ("streamlit", "plotly")
PHOTO = "import matplotlib; print(matplotlib.get_data_path() + '/sample_data/grace_hopper.jpg')"


def call(*command: str | Path, folder: Path = ROOT) -> str:
    """What a command prints; whoever runs this script sees its errors."""
    # Nothing of this environment leads the other one back to the repository.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("EMOTION_", "PYTHON", "VIRTUAL_ENV"))
    }
    done = subprocess.run(list(map(str, command)), cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"'{' '.join(map(str, command))}' failed with status {done.returncode}.")
    return done.stdout


def main() -> None:
    """Build, install, predict."""
    uv = (sys.executable, "-m", "uv")
    with tempfile.TemporaryDirectory(dir=ROOT / ".ci") as temporary:
        folder = Path(temporary)
        call(*uv, "build", "--quiet", "--wheel", "--out-dir", folder / "dist", ROOT)
        [wheel] = (folder / "dist").glob("*.whl")
        call(*uv, "venv", "--quiet", "--python", sys.executable, folder / "fresh")
        programs = folder / "fresh" / ("Scripts" if os.name == "nt" else "bin")
        python = programs / "python"
        call(*uv, "pip", "install", "--quiet", "--python", python, "--constraint", ROOT / "requirements.lock", wheel)
        installed = {
            entry["name"] for entry in json.loads(call(*uv, "pip", "list", "--quiet", "--python", python, "--format", "json"))
        }
        unwanted = sorted(installed & set(LEFT_OUT))
        if unwanted:
            raise SystemExit(f"The package needs {', '.join(unwanted)}, which only the app should.")
        elsewhere = folder / "elsewhere"
        elsewhere.mkdir()
        photo = call(python, "-c", PHOTO, folder=elsewhere).strip()
        record = json.loads(call(programs / "emotion-core", "predict", photo, "--json", "--device", "cpu", folder=elsewhere))
        [face] = record["faces"]
        reading = f"{face['expression']}, valence {face['valence']:.3f}, arousal {face['arousal']:.3f}"
        size = wheel.stat().st_size / 1e6
        print(
            f"{wheel.name}, {size:.1f} MB, with {len(installed) - 1} packages: the sample photo is {reading} ({record['run']})."
        )


if __name__ == "__main__":
    main()
