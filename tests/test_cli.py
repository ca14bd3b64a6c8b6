"""The command line, as its user meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotion_core.cli import main
from emotion_core.labels import EXPRESSIONS, OUTPUTS

MakeRun = Callable[..., Path]
Capture = pytest.CaptureFixture[str]


def lines(capsys: Capture) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_predict_prints_one_object_a_line_and_image(make_run: MakeRun, portrait: Path, capsys: Capture, tmp_path: Path):
    make_run()
    assert main(["predict", str(portrait), "--json", "--cam", str(tmp_path / "cam"), "--device", "cpu"]) == 0
    [record] = lines(capsys)
    assert list(record) == [
        "image", "width", "height", "device", "runtime", "run", "prior", "coverage", "detector", "seconds", "left_out", "faces"
    ]  # fmt: skip
    [face] = record["faces"]
    assert list(face) == [
        "box", "score", "expression", "stands", "set", "probabilities", "valence", "arousal", "warnings", "cam"
    ]  # fmt: skip
    assert set(face["probabilities"]) == set(EXPRESSIONS)
    assert sum(face["probabilities"].values()) == pytest.approx(1, abs=0.001)
    assert set(face["cam"]) == set(OUTPUTS)
    with Image.open(face["cam"]["happiness"]) as overlay:
        assert overlay.size[0] == overlay.size[1] > 48
    assert Path(face["cam"]["happiness"]).name == "grace_hopper-0-happiness.png"


def test_failing_file_is_a_line_and_the_status_is_one(make_run: MakeRun, portrait: Path, capsys: Capture, tmp_path: Path):
    make_run()
    bad = tmp_path / "<script>alert(1)</script>.jpg".replace("/", "-")
    bad.write_text("no picture")
    missing = tmp_path / "..missing.jpg"
    assert main(["predict", str(bad), str(missing), str(portrait), "--json", "--device", "cpu"]) == 1
    first, second, third = lines(capsys)
    assert set(first) == set(second) == {"image", "error"}
    assert first["image"] == str(bad)
    assert "cannot be read as a picture" in first["error"]
    assert len(third["faces"]) == 1


@pytest.mark.parametrize("name", ["x" * 300 + ".jpg", "nul\0byte.jpg", "../../../../etc/passwd", "🙂.jpg", "-"])
def test_strange_names_are_answered_like_any_other(make_run: MakeRun, name: str, capsys: Capture):
    make_run()
    assert main(["predict", "--json", "--device", "cpu", "--", name]) == 1
    [record] = lines(capsys)
    assert record["image"] == name
    assert record["error"]


def test_control_characters_in_names_do_not_reach_the_terminal(make_run: MakeRun, capsys: Capture):
    make_run()
    main(["predict", "--device", "cpu", "\x1b[2Jboo.jpg"])
    assert "\x1b" not in capsys.readouterr().out


def test_overlays_of_pictures_with_the_same_name_do_not_overwrite_each_other(
    make_run: MakeRun, capsys: Capture, tmp_path: Path
):
    make_run()
    for folder, colour in (("a", 10), ("b", 200)):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.full((60, 60, 3), colour, np.uint8)).save(tmp_path / folder / "face.png")
    images = [str(tmp_path / folder / "face.png") for folder in ("a", "b")]
    options = ["--json", "--device", "cpu", "--whole-image", "always", "--cam", str(tmp_path / "cam")]
    assert main(["predict", *images, *options]) == 0
    first, second = ({*record["faces"][0]["cam"].values()} for record in lines(capsys))
    assert not first & second
    assert all(Path(file).is_file() for file in first | second)


def test_folder_stands_for_its_pictures(make_run: MakeRun, capsys: Capture, tmp_path: Path):
    make_run()
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    Image.new("RGB", (60, 60)).save(folder / "b.png")
    Image.new("RGB", (60, 60)).save(folder / "sub" / "a.JPG", "JPEG")
    (folder / "notes.txt").write_text("no picture")
    assert main(["predict", str(folder), "--json", "--device", "cpu"]) == 0
    assert [Path(record["image"]).name for record in lines(capsys)] == ["b.png", "a.JPG"]


def test_what_is_no_picture_in_a_folder_is_counted(make_run: MakeRun, capsys: Capture, tmp_path: Path):
    make_run()
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("b.png", "a.jfif", "c.jpe"):
        Image.new("RGB", (60, 60)).save(folder / name, "PNG")
    for name in ("notes.txt", "._b.png"):
        (folder / name).write_text("no picture")
    assert main(["predict", str(folder), "--device", "cpu"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 3
    assert f"2 of 5 files in '{folder}' are no pictures." in captured.err


def test_errors_are_one_line_without_traceback(make_run: MakeRun, capsys: Capture, portrait: Path):
    make_run()
    assert main(["predict", str(portrait), "--run", "nothing"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: No checkpoint at 'nothing'.")
    assert len(error.splitlines()) == 1


def test_runs_lists_damaged_ones_beside_the_others(make_run: MakeRun, capsys: Capture):
    make_run("good")
    damaged = make_run("worse")
    (damaged / "run.json").write_text("{")
    assert main(["runs"]) == 0
    head, good, worse = capsys.readouterr().out.splitlines()
    assert head == "Runs of no experiment"
    assert good == "  good   network; custom_cnn, 48 px, with weights; not evaluated"
    assert worse.startswith("  worse  damaged.")
    assert "not readable JSON" in worse


def test_data_root_is_asked_for(make_run: MakeRun, capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("EMOTION_DATA", raising=False)
    make_run("good")
    assert main(["evaluate", "good", "--dataset", "affectnet-3999"]) == 1
    assert "--data-root" in capsys.readouterr().err


def test_train_evaluate_and_card_from_the_command_line(
    make_run: MakeRun, write_affectnet: Callable[..., Path], tmp_path: Path, capsys: Capture
):
    generator = np.random.default_rng(0)
    rows = [(i % 8, (i % 8) / 8, -0.5, generator.integers(0, 255, (32, 32, 3), dtype=np.uint8)) for i in range(80)]
    data = write_affectnet(tmp_path / "data", rows).parent
    out = tmp_path / "checkpoints" / "mine"
    command = ["train", "--preset", "best", "--init", "scratch", "--data-root", str(data), "--out", "mine", "--device", "cpu"]
    settings = ["network.backbone=custom_cnn", "network.input_size=32", "phases.all.epochs=1", "network.drop_path=0.0"]
    make_run()
    assert main([*command, *(part for setting in settings for part in ("--set", setting))]) == 0
    assert main(["evaluate", "mine", "--dataset", "affectnet-3999", "--data-root", str(data), "--device", "cpu", "--json"]) == 0
    out_text = capsys.readouterr().out
    metrics = json.loads(out_text[out_text.index("{") :])
    assert metrics["images"] == 16
    assert metrics["chosen_by"]["split"] == "val"
    stored = json.loads((out / "evaluations" / "affectnet-3999-test" / "metrics.json").read_text())
    assert stored["measures"]["accuracy"] == metrics["measures"]["accuracy"]
    card = (out / "README.md").read_text()
    assert f"| accuracy ↑ | {metrics['measures']['accuracy']['value']:.3f} |" in card
    assert "16 images" in card
    assert "non-commercial research only" in card


def test_unknown_setting_gives_the_nearest(make_run: MakeRun, capsys: Capture):
    make_run()
    assert main(["train", "--preset", "best", "--set", "sed=3", "--data-root", "x"]) == 1
    assert "Unknown setting 'sed'. Did you mean 'seed'?" in capsys.readouterr().err


def test_help_teaches_and_needs_no_torch():
    code = (
        "import sys\nfrom emotion_core.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for word in ("predict", "train", "evaluate", "runs", "presets", "EMOTION_DATA", "first steps"):
        assert word in shown


@pytest.fixture
def small_affectnet(write_affectnet: Callable[..., Path], tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    rows = [(i % 8, (i % 5 - 2) / 2, 0.1 * (i % 7), generator.integers(0, 255, (48, 48, 3), dtype=np.uint8)) for i in range(80)]
    return write_affectnet(tmp_path / "data", rows).parent


def test_calibrate_then_evaluate_then_compare(make_run: MakeRun, small_affectnet: Path, capsys: Capture):
    data = ["--dataset", "affectnet-3999", "--data-root", str(small_affectnet), "--device", "cpu"]
    for seed, name in enumerate(("first", "second")):
        make_run(name, seed=seed)
        assert main(["calibrate", name, *data]) == 0
        assert main(["evaluate", name, *data]) == 0
    temperature = json.loads((Path(os.environ["EMOTION_CHECKPOINTS"]) / "first" / "run.json").read_text())["temperature"]
    assert f"first on affectnet-3999, 13 images: temperature {temperature:.4f}" in capsys.readouterr().out

    assert main(["compare", "first", "second", "--baseline", "first", "--measures", "accuracy", "rmse_valence", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first["accuracy_diff"] is None
    assert second["accuracy_diff"] == pytest.approx(second["accuracy"] - first["accuracy"])
    assert second["rmse_valence_diff_low"] <= second["rmse_valence_diff"] <= second["rmse_valence_diff_high"]

    assert main(["compare", "first", "second", "--reported"]) == 0
    text = capsys.readouterr().out
    assert "accuracy (higher is better)" in text
    assert "rmse_valence (lower is better)" in text
    assert "resnet50 (report-1-efficientnetb0-vs-resnet50)" in text
    assert "without its predictions nothing can be tested" in text


def test_compare_names_what_is_not_there(make_run: MakeRun, capsys: Capture):
    make_run("first")
    assert main(["compare", "first"]) == 1
    assert "'first' has no evaluation" in capsys.readouterr().err


def test_collapsed_run_is_named_where_it_appears(make_run: MakeRun, small_affectnet: Path, capsys: Capture):
    from safetensors.torch import load_file, save_file

    weights = make_run("same") / "model.safetensors"
    state = load_file(weights)
    for head in ("expression", "affect"):
        state[f"{head}.output.weight"].zero_()
    save_file(state, weights)
    data = ["--dataset", "affectnet-3999", "--data-root", str(small_affectnet), "--device", "cpu"]
    assert main(["evaluate", "same", *data]) == 0
    assert "collapsed: " in capsys.readouterr().out
    assert main(["runs"]) == 0
    assert "affectnet-3999-test (collapsed)" in capsys.readouterr().out
    assert main(["compare", "same"]) == 0
    assert "collapsed: same: " in capsys.readouterr().out


def run_command(*arguments: str, **settings: object) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", **settings.pop("env", {})}  # type: ignore[dict-item]
    command = [sys.executable, "-m", "emotion_core", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=300, **settings)  # type: ignore[call-overload]


def test_names_that_the_terminal_cannot_write_lose_no_photo(make_run: MakeRun, portrait: Path, tmp_path: Path):
    make_run()
    names = ["face-\u6d4b.jpg", "face-\udcff.jpg", "face-\u00e9.jpg"]
    for name in names:
        (tmp_path / name).write_bytes(portrait.read_bytes())
    photos = [str(tmp_path / name) for name in names]
    made = run_command("predict", *photos, "--json", "--device", "cpu", env={"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"})
    assert made.returncode == 0, made.stderr
    assert [json.loads(line)["image"] for line in made.stdout.decode("cp1252").splitlines()] == photos
    plain = run_command("predict", *photos, "--device", "cpu", env={"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"})
    assert plain.returncode == 0, plain.stderr
    assert [line.count(b"valence") for line in plain.stdout.splitlines()] == [1, 1, 1]


def test_a_reader_that_has_enough_ends_a_list_quietly(make_run: MakeRun, tmp_path: Path):
    for number in range(2_000):
        folder = tmp_path / "many" / f"run-{number:04d}"
        folder.mkdir(parents=True)
        (folder / "run.json").write_text("{")
    environment = {**os.environ, "EMOTION_CHECKPOINTS": str(tmp_path / "many")}
    command = [sys.executable, "-m", "emotion_core", "runs"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=300) == 141


def test_without_a_home_nothing_is_missing(make_run: MakeRun, portrait: Path):
    make_run()
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    made = subprocess.run(
        [sys.executable, "-m", "emotion_core", "predict", "~nobody/x.jpg", str(portrait), "--device", "cpu"],
        env=environment, capture_output=True, check=False, timeout=300,
    )  # fmt: skip
    assert made.returncode == 1
    assert b"Traceback" not in made.stderr
    assert b"valence" in made.stdout
