"""``app``: the pages in the browser."""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from emotion_core.cli.options import AddCommand
from emotion_core.errors import ConfigError


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    added = command("app", _app, "start the app in the browser, where there is a clone of the repository")
    added.add_argument("--port", type=int, metavar="N", help="port of the server (default: 8501, or the next free one)")


def _app(arguments: argparse.Namespace) -> int:
    script = find_app()
    missing = [name for name in ("streamlit", "plotly") if importlib.util.find_spec(name) is None]
    if missing:
        requirements = script.with_name("requirements.txt")
        raise ConfigError(f"The app needs {' and '.join(missing)}. Install what it needs: pip install -r '{requirements}'")
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    if arguments.port is not None:
        command += ["--server.port", str(arguments.port)]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - our own app


def find_app() -> Path:
    """``app.py`` of the clone that this package is, or was installed from.

    Raises:
        ConfigError: there is no clone, as after an installation from a wheel.
    """
    places = [Path(__file__).resolve().parents[2], *_installed_from()]
    for place in places:
        if (place / "app.py").is_file() and (place / "pages").is_dir():
            return place / "app.py"
    raise ConfigError(
        "The app is in the repository, and this package was not installed from a clone of it. Clone the repository, then "
        "'pip install -r requirements.txt && streamlit run app.py' in it."
    )


def _installed_from() -> list[Path]:
    """The local folder that pip installed the package from, as it notes in ``direct_url.json`` (PEP 610); none otherwise."""
    try:
        text = distribution("emotion-core").read_text("direct_url.json")
    except PackageNotFoundError:
        return []
    parts = urlsplit(json.loads(text)["url"] if text else "")
    return [Path(url2pathname(parts.path))] if parts.scheme == "file" else []
