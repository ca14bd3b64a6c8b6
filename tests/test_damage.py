"""Whatever happened to a file of a run folder, a sentence about that run follows: no traceback, no waiting, no lost run."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotion_core.cli import main
from emotion_core.compare import load_store
from emotion_core.errors import CheckpointError, EmotionCoreError
from emotion_core.metrics.priors import BALANCED
from emotion_core.results.attributes import attributes_path, read_attributes, write_attributes
from emotion_core.results.calibration import read_calibration
from emotion_core.results.course import make_course
from emotion_core.results.explanations import read_explanations
from emotion_core.results.feature_map import FILE as MAP
from emotion_core.results.feature_map import FeatureMap, read_feature_map, write_feature_map
from emotion_core.results.find import list_runs
from emotion_core.results.interpretation import interpret
from emotion_core.results.progress import read_progress, tail
from emotion_core.results.run import DamagedRun, Run, read_history
from emotion_core.results.slices import read_slices
from emotion_core.results.standing import standing_of
from emotion_core.results.summaries import load_summary, read_predictions
from tests.experiments import write_experiment
from tests.pages.opening import make_app
from tests.stored import PROBS, first_right, predictions, store, write_run

KEY = "faces-test"
EVALUATION = f"evaluations/{KEY}"
FILES = (
    "run.json", "history.jsonl", "progress.json", "train.log", "README.md", "calibration.npz",
    f"{EVALUATION}/metrics.json", f"{EVALUATION}/predictions.parquet", f"{EVALUATION}/summary.npz",
    f"{EVALUATION}/slices.json", f"{EVALUATION}/explanations.npz", f"{EVALUATION}/faithfulness.json",
    f"{EVALUATION}/{MAP}",
)  # fmt: skip
HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[31m\u202e=HYPERLINK(1) ${jndi} \ud83d"


def empty(path: Path) -> None:
    path.write_bytes(b"")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garbage(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(5_000))


def other_type(path: Path) -> None:
    path.write_text("[[1, 2], null]\n")


def deep(path: Path) -> None:
    path.write_text("[" * 100_000)


def huge(path: Path) -> None:
    # A hole: it takes no room on the disk.
    with path.open("r+b") as stream:
        stream.truncate(8 << 30)


def hostile(path: Path) -> None:
    path.write_text(json.dumps({HOSTILE: HOSTILE, "schema_version": HOSTILE, "measures": {HOSTILE: HOSTILE}}))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def missing(path: Path) -> None:
    path.unlink()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


GENERAL: tuple[Callable[[Path], None], ...] = (
    empty, truncated, garbage, other_type, deep, huge, hostile, pipe, link, device, missing, folder
)  # fmt: skip


def entry(file: str, *keys: str, value: Any) -> Callable[[Path], None]:
    """Replaces one entry of a JSON file."""

    def change(run: Path) -> None:
        content = json.loads((run / file).read_text())
        place = content
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = value
        (run / file).write_text(json.dumps(content).replace('"MANY DIGITS"', "9" * 400).replace('"LARGE"', "1e400"))

    return change


def column(name: str, values: Any) -> Callable[[Path], None]:
    """Replaces one column of the predictions, and the digest that vouches for them."""

    def change(run: Path) -> None:
        table = pd.read_parquet(run / EVALUATION / "predictions.parquet")
        table = table.drop(columns=name) if values is None else table.assign(**{name: values})
        _vouched(run, table)

    return change


def _vouched(run: Path, table: pd.DataFrame) -> None:
    table.to_parquet(run / EVALUATION / "predictions.parquet", index=False)
    content = json.loads((run / EVALUATION / "metrics.json").read_text())
    del content["predictions"]
    (run / EVALUATION / "metrics.json").write_text(json.dumps(content))
    (run / EVALUATION / "summary.npz").unlink()


METRICS = f"{EVALUATION}/metrics.json"
ENTRIES: dict[str, Callable[[Path], None]] = {
    **{f"info-{key}-digits": entry("run.json", key, value="MANY DIGITS") for key in ("num_params", "seconds", "seed")},
    "info-timing-digits": entry("run.json", "timings", "ms_per_face", value="MANY DIGITS"),
    "info-timing-large": entry("run.json", "timings", "ms_per_face", value="LARGE"),
    "info-timing-list": entry("run.json", "timings", "ms_per_face", value=[1]),
    "info-negative": entry("run.json", "num_params", value=-5),
    "info-size-digits": entry("run.json", "network", "input_size", value="MANY DIGITS"),
    "info-outputs": entry("run.json", "outputs", value=[1, None]),
    "info-selection": entry("run.json", "selection", value={"measure": 3, "split": []}),
    "info-training": entry("run.json", "training", value={"title": 5, "phases": [3], "members": {"a": 1}}),
    "info-phases": entry("run.json", "training", "phases", value=[{"name": "a", "epochs": "many"}]),
    "info-dataset": entry("run.json", "dataset", value={"name": 5, "train": "all", "sources": [1]}),
    "info-versions": entry("run.json", "versions", value={"torch": None}),
    "info-calibration": entry("run.json", "calibration", value={"faces": {"temperature": "hot"}}),
    "info-name": entry("run.json", "variant_of", value=HOSTILE),
    "measure-digits": entry(METRICS, "measures", "accuracy", "value", value="MANY DIGITS"),
    "measure-low-text": entry(METRICS, "measures", "accuracy", "low", value="low"),
    "measure-list": entry(METRICS, "measures", "accuracy", value=[0.5]),
    "measures-list": entry(METRICS, "measures", value=["accuracy"]),
    "measures-hostile": entry(METRICS, "measures", HOSTILE, value={"value": 0.5}),
    "collapse-numbers": entry(METRICS, "collapse", value=[1, 2]),
    "chosen-by-list": entry(METRICS, "chosen_by", value=["accuracy"]),
    "images-text": entry(METRICS, "images", value="all"),
    "images-digits": entry(METRICS, "images", value="MANY DIGITS"),
    "classes-many": entry(METRICS, "num_classes", value=9_000),
    "dataset-other": entry(METRICS, "dataset", value="../../etc"),
    "fingerprint-number": entry(METRICS, "fingerprint", value=5),
    "probabilities-text": column(PROBS[0], "high"),
    "probabilities-beyond": column(PROBS[0], 7.5),
    "probabilities-missing": column(PROBS[0], None),
    "probabilities-lists": column(PROBS[0], [[0.1, 0.2]] * 40),
    "ids-null": column("sample_id", None),
    "ids-none": column("sample_id", [None] * 40),
    "ids-numbers": column("sample_id", range(40)),
    "ids-twice": column("sample_id", "same.jpg"),
    "expressions-numbers": column("expression", 3),
    "expressions-unknown": column("expression", HOSTILE.encode(errors="replace").decode()),
    "affect-text": column("valence", "pleasant"),
    "affect-infinite": column("pred_valence", np.inf),
    "no-rows": lambda run: _vouched(run, pd.read_parquet(run / EVALUATION / "predictions.parquet").iloc[:0]),
    "history-words": lambda run: (run / "history.jsonl").write_text('{"epoch": "one", "loss": "low"}\n[1]\nnull\n'),
    "history-digits": lambda run: (run / "history.jsonl").write_text('{"epoch": %s, "loss": 1e400}\n{}\n' % ("9" * 400)),
}  # fmt: skip
DAMAGES = {f"{Path(file).name}-{change.__name__}": (file, change) for file in FILES for change in GENERAL}
NAMES = [*DAMAGES, *ENTRIES]


def sound(path: Path) -> Path:
    """A run with all that a run folder may hold."""
    write_run(path, timings={"ms_per_face": 3.0, "measured_on": "a machine"}, selection={"measure": "accuracy", "split": "val"},
              training={"title": "A training", "phases": [{"name": "all", "epochs": 2}]})  # fmt: skip
    store(path, predictions(first_right(30, 40)))
    [run] = [found for found in list_runs(path.parents[1]) if found.path == path]
    assert isinstance(run, Run)
    load_summary(run, KEY)
    (path / "history.jsonl").write_text('{"epoch": 1, "loss": 2.0}\n{"epoch": 2, "loss": 1.0}\n')
    for name in ("progress.json", "train.log", "README.md", f"{EVALUATION}/slices.json", f"{EVALUATION}/faithfulness.json"):
        (path / name).write_text("{}")
    points = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    about = {"mean": np.zeros(5), "axes": np.ones((3, 5)), "method": "pca", "kept": 1.0}
    # A map names the weights that it was made with, and is read without them as well.
    run.weights.write_bytes(b"weights")
    write_feature_map(run, KEY, FeatureMap(rows=np.arange(40), places=points[:, :2], components=points, **about))
    run.weights.unlink()
    for name in ("calibration.npz", f"{EVALUATION}/explanations.npz"):
        np.savez(path / name, about=np.array("{}"))
    return path


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of runs: a sound one, and one for each damage."""
    root = tmp_path_factory.mktemp("damaged")
    write_experiment(root, "faces", title="Faces", benchmark=KEY)
    whole = sound(root / "faces" / "sound")
    for name in NAMES:
        path = root / "faces" / name
        shutil.copytree(whole, path)
        if name in DAMAGES:
            file, change = DAMAGES[name]
            change(path / file)
        else:
            ENTRIES[name](path)
    # What pages ask for beside the runs.
    (root / "attributes-faces-test.parquet").write_bytes(b"PAR1")
    for name in ("empty", "garbage", "deep", "pipe", "device"):
        (root / name).mkdir()
        (root / name / "experiment.toml").write_text("title = 'X'")
        globals()[name](root / name / "experiment.toml")
    yield root
    shutil.rmtree(root)


def use(run: Run) -> None:
    """All that pages and commands read of a run."""
    history = read_history(run.path)
    make_course(run.name, run.info.backbone, history, training=run.info.training, selection=run.info.selection)
    standing_of(run)
    read_progress(run.path)
    tail(run.path)
    read_calibration(run)
    interpret(run, BALANCED)
    run.evaluation(KEY).metrics()
    read_predictions(run, KEY)
    load_summary(run, KEY).with_intervals()
    read_slices(run, KEY)
    read_explanations(run, KEY)
    read_feature_map(run, KEY, 40)


def test_a_sound_run_is_used_in_full(damaged: Path) -> None:
    [run] = [found for found in list_runs(damaged) if found.name == "faces/sound"]
    assert isinstance(run, Run)
    assert len(read_history(run.path)) == 2
    assert load_summary(run, KEY).measures["accuracy"] == 0.75
    assert read_feature_map(run, KEY, 40) is not None


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_run_is_used_or_refused_in_a_sentence(damaged: Path, name: str) -> None:
    [run] = [found for found in list_runs(damaged) if found.path.name == name]
    if isinstance(run, DamagedRun):
        assert run.reason.endswith(".")
        assert len(run.reason) < 2_000
        return
    # What is used after all was left out, or is said to be missing where somebody asks for it.
    with contextlib.suppress(EmotionCoreError):
        use(run)


@pytest.mark.parametrize("change", GENERAL)
def test_damaged_attributes_beside_the_runs_are_none_or_a_sentence(
    change: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(tmp_path))
    write_attributes("faces", "test", pd.DataFrame({"yaw": [1.0]}, index=["a.jpg"]))
    change(attributes_path("faces", "test"))
    with contextlib.suppress(CheckpointError):
        assert read_attributes("faces", "test") is None


def test_all_of_them_at_once_hide_none_that_is_sound(damaged: Path) -> None:
    found = load_store(damaged)
    assert "faces/sound" in {entry.name for entry in found.entries}
    # What concerns a file that is not read for a list is no problem of the list.
    assert len(found.problems) > 40
    assert all(problem.endswith(".") for problem in found.problems)


@pytest.mark.parametrize(
    "command",
    [
        ["runs"], ["runs", "--json"], ["compare"], ["compare", "--matrix"],
        *(["remeasure", "--dry-run", f"faces/{name}"] for name in ("metrics.json-pipe", "ids-none", "no-rows")),
        *(["predict", "x.jpg", "--run", f"faces/{name}"] for name in ("run.json-deep", "info-size-digits", "info-calibration")),
        *(["compare", "faces/sound", f"faces/{name}"] for name in ("predictions.parquet-truncated", "probabilities-text")),
    ],
    ids=" ".join,
)  # fmt: skip
def test_commands_end_with_a_sentence(
    damaged: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(damaged))
    try:
        status = main(command)
    except SystemExit as end:
        status = int(str(end.code))
    said = capsys.readouterr()
    assert status in (0, 1, 2)
    assert "Traceback" not in said.err
    if status:
        assert said.err.strip().endswith((".", "?"))


@pytest.mark.parametrize("page", ["predict", "compare", "affect_map", "feature_map", "errors", "pictures", "training", "about"])
def test_pages_show_the_sound_run_among_the_damaged(damaged: Path, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(damaged))
    app = make_app(page).run()
    assert not app.exception, app.exception[0].message
    assert not app.error, app.error[0].value
