"""What an installation needs, and what it gives."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from emotion_core.cli import app, main
from emotion_core.results import find as find_module
from emotion_core.results.find import DEFAULT_RUN, checkpoints_folder, find_run
from emotion_core.results.run import WEIGHTS
from tests.experiments import write_experiment

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements(name: str) -> list[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [text for line in lines if (text := line.partition("#")[0].strip())]


def test_requirements_are_those_of_the_package_and_of_its_app():
    assert requirements("requirements.txt") == PROJECT["dependencies"] + PROJECT["optional-dependencies"]["app"]


def test_lock_pins_every_requirement_with_hashes_and_names_no_index():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash=)", text, re.M)
    # A pin is a line, and its hashes are the lines that it goes on over.
    pins = re.findall(r"^([A-Za-z0-9._-]+)==\S+.*((?:\\\n    --hash=sha256:[0-9a-f]{64} ?)+)$", text, re.M)
    assert len(pins) == len(re.findall(r"^[A-Za-z0-9]", text, re.M))
    asked = [re.match(r"[A-Za-z0-9_-]+", line) for line in requirements("requirements.txt")]
    assert {name[0].lower() for name in asked if name} <= {name for name, _ in pins}


def test_core_imports_and_predicts_without_streamlit_and_plotly(portrait: Path, tmp_path: Path):
    code = """
import importlib, json, pkgutil, sys
sys.modules.update({"streamlit": None, "plotly": None})
import emotion_core
for found in pkgutil.walk_packages(emotion_core.__path__, "emotion_core."):
    # Figures are plotly's.
    if not found.name.startswith(("emotion_core.figures.", "emotion_core.__main__")):
        importlib.import_module(found.name)
from emotion_core.cli import main
sys.exit(main(["predict", sys.argv[1], "--json", "--device", "cpu"]))
"""
    environment = {name: value for name, value in os.environ.items() if name != "EMOTION_CHECKPOINTS"}
    command = [sys.executable, "-c", code, str(portrait)]
    done = subprocess.run(
        command, cwd=tmp_path, env={**environment, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["run"] == DEFAULT_RUN
    assert len(record["faces"]) == 1


def test_the_default_run_predicts_without_the_packages_that_take_longest_to_import(portrait: Path):
    code = """
import sys
from emotion_core import Predictor
[prediction] = Predictor.from_run(device="cpu").predict([sys.argv[1]])
assert len(prediction.to_dict()["faces"]) == 1
loaded = {"timm", "torchvision", "torch._dynamo", "accelerate", "sklearn", "scipy.stats"} & set(sys.modules)
assert not loaded, loaded
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(portrait)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_installed_package_carries_the_default_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    carried = tmp_path / "site-packages" / "emotion_core" / "checkpoints"
    shipped = find_run(ROOT / "checkpoints" / DEFAULT_RUN).path
    write_experiment(carried)
    (carried / DEFAULT_RUN).mkdir()
    for name in ("run.json", WEIGHTS):
        (carried / DEFAULT_RUN / name).write_bytes((shipped / name).read_bytes())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(find_module, "CARRIED", carried)
    monkeypatch.setattr(find_module, "CLONED", tmp_path / "site-packages" / "checkpoints")
    monkeypatch.delenv("EMOTION_CHECKPOINTS", raising=False)
    monkeypatch.delenv("EMOTION_SHIPPED_RUNS")
    monkeypatch.chdir(elsewhere)
    assert find_run(DEFAULT_RUN).path == carried / DEFAULT_RUN
    # New runs never go into site-packages.
    assert checkpoints_folder().absolute() == elsewhere / "checkpoints"
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(tmp_path))
    assert find_run(DEFAULT_RUN).has_weights


class Installed:
    """What pip notes about an installation."""

    def __init__(self, url: str | None) -> None:
        self.url = url

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return self.url and json.dumps({"url": self.url, "dir_info": {}})


def install(monkeypatch: pytest.MonkeyPatch, package: Path, url: str | None) -> None:
    monkeypatch.setattr(app, "__file__", str(package / "cli" / "app.py"))
    monkeypatch.setattr(app, "distribution", lambda name: Installed(url))


def test_app_is_found_in_the_clone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    assert app.find_app() == ROOT / "app.py"
    install(monkeypatch, tmp_path / "site-packages" / "emotion_core", ROOT.as_uri())
    assert app.find_app() == ROOT / "app.py"


@pytest.mark.parametrize("url", [None, "https://example.org/emotion_core-0.1.0-py3-none-any.whl", "file:///nowhere/at%20all"])
def test_without_a_clone_the_command_says_where_the_app_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str | None
):
    install(monkeypatch, tmp_path / "emotion_core", url)
    assert main(["app"]) == 1
    assert "not installed from a clone" in capsys.readouterr().err


def test_a_package_that_no_one_installed_is_no_clone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def refuse(name: str) -> Installed:
        raise importlib.metadata.PackageNotFoundError(name)

    install(monkeypatch, tmp_path / "emotion_core", None)
    monkeypatch.setattr(app, "distribution", refuse)
    with pytest.raises(app.ConfigError, match="Clone the repository"):
        app.find_app()


def test_app_without_streamlit_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(app.importlib.util, "find_spec", lambda name: None if name == "streamlit" else object())
    assert main(["app"]) == 1
    error = capsys.readouterr().err
    assert "The app needs streamlit." in error
    assert str(ROOT / "requirements.txt") in error


@pytest.mark.parametrize(("options", "more"), [([], []), (["--port", "8600"], ["--server.port", "8600"])])
def test_app_is_started_by_streamlit(monkeypatch: pytest.MonkeyPatch, options: list[str], more: list[str]):
    started: list[list[str]] = []

    def start(command: list[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        started.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(app.subprocess, "run", start)
    assert main(["app", *options]) == 0
    assert started == [[sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), *more]]


@pytest.mark.parametrize(
    ("started_as", "named"), [("/usr/bin/emotion-core", "emotion-core"), ("__main__.py", "python -m emotion_core")]
)
def test_help_names_the_command_as_it_was_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], started_as: str, named: str
):
    monkeypatch.setattr(sys, "argv", [started_as])
    with pytest.raises(SystemExit):
        main(["--help"])
    assert capsys.readouterr().out.startswith(f"usage: {named} ")


def test_every_locked_package_is_on_the_page_of_licences():
    page = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| \[([^]]+)\]\(https://pypi\.org/project/\1/\) \| ([^|]+) \|", page, re.M))
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = re.findall(r"^([a-z0-9._-]+)==\S+( ;)?", lock, re.M)
    # A pin with a marker may be for another system than the one that wrote the page.
    assert {name for name, marker in pins if not marker} <= set(listed) <= {name for name, _ in pins}
    assert listed["krippendorff"].startswith("GPL-3.0")
    assert listed["tqdm"].startswith("MPL-2.0")
    assert listed["certifi"].startswith("Mozilla")


def test_the_build_carries_the_default_run_with_all_that_predicting_needs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("setuptools.setup", lambda **settings: None)
    monkeypatch.chdir(ROOT)
    built = runpy.run_path(str(ROOT / "setup.py"))
    files = {str(path) for path in built["carried_files"]()}
    run = Path("checkpoints", DEFAULT_RUN)
    stored = [path.name for path in find_run(DEFAULT_RUN).path.glob("*.npz")]
    assert files >= {str(run / name) for name in ("run.json", "README.md", WEIGHTS, *stored)}
