"""The command line: every use case of the library, one command each."""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotion_core import __version__
from emotion_core.errors import ConfigError, EmotionCoreError
from emotion_core.results.run import DEFAULT_RUN, DamagedRun, checkpoints_folder, find_run, list_runs

if TYPE_CHECKING:
    from emotion_core.predict import Prediction

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")

DESCRIPTION = "Train, judge and explain networks that read emotion from faces."
EPILOG = """\
first steps:
  python -m emotion_core predict photo.jpg
      find each face; print its expression, valence and arousal
  python -m emotion_core predict *.jpg --json --cam overlays/ > faces.jsonl
      one JSON object a line, and a Grad-CAM overlay for each of the ten outputs of each face
  python -m emotion_core train --preset pretrain-ferplus --data-root DIR --out checkpoints/ferplus
  python -m emotion_core train --preset finetune-affectnet --data-root DIR --init ferplus --out checkpoints/mine
      train; the same command again goes on where it was interrupted
  python -m emotion_core evaluate mine --dataset affectnet-3999 --data-root DIR --split test
      measure a run on the test images and store the result with it

environment:
  EMOTION_DATA          folder that holds the datasets; the default of --data-root
  EMOTION_CHECKPOINTS   folder that holds the runs; checkpoints/ beside the package by default
  EMOTION_FACE_MODEL    the YuNet face detector as a local file; fetched once and cached by default

`python -m emotion_core COMMAND --help` explains a command.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: arguments; those of the process by default.

    Returns:
        Exit status: 0 when all went well, 1 when something failed, 2 when the command was not understood.
    """
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for chatty in ("httpx", "huggingface_hub", "PIL", "timm"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    try:
        status: int = arguments.handler(arguments)
    except EmotionCoreError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m emotion_core", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw)
    parser.add_argument("--version", action="version", version=f"emotion_core {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, handler: Any, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", formatter_class=raw)
        added.set_defaults(handler=handler)
        return added

    def device(command: argparse.ArgumentParser) -> None:
        command.add_argument("--device", default="auto", help="auto (a GPU where there is one), cpu, cuda, cuda:0, mps")

    def data(command: argparse.ArgumentParser) -> None:
        command.add_argument("--data-root", metavar="DIR", help="folder that holds the datasets (default: EMOTION_DATA)")
        command.add_argument("--skip-broken", action="store_true", help="leave broken samples out instead of refusing them")

    predict = command("predict", _predict, "say what the faces in photos express")
    predict.add_argument("images", nargs="+", metavar="IMAGE", help="photos, or folders of photos")
    predict.add_argument("--run", help="run folder, or name of a run (default: the one that comes with the program)")
    predict.add_argument("--cam", metavar="DIR", type=Path, help="write a Grad-CAM overlay of every output of every face here")
    predict.add_argument("--json", action="store_true", help="print one JSON object a line and image")
    predict.add_argument(
        "--whole-image",
        choices=("never", "fallback", "always"),
        default="never",
        help="take the whole picture as one face: never, where no face is found, or without looking (face crops)",
    )
    device(predict)

    train = command("train", _train, "train a network; the same command again resumes an unfinished run")
    train.add_argument("--preset", required=True, metavar="NAME", help="name of a preset (see 'presets'), or a TOML file")
    train.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting, such as network.backbone=resnet50",
    )
    train.add_argument("--out", type=Path, metavar="DIR", help="run folder (default: checkpoints/PRESET-BACKBONE)")
    train.add_argument(
        "--init",
        default="scratch",
        metavar="FROM",
        help="scratch, imagenet, a run, or a .safetensors file (default: scratch)",
    )
    data(train)
    device(train)

    evaluate = command("evaluate", _evaluate, "measure a run on a dataset and store the result with it")
    evaluate.add_argument("run", metavar="RUN", help="run folder, or name of a run")
    evaluate.add_argument("--dataset", required=True, help="affectnet-3999 or ferplus")
    evaluate.add_argument("--split", default="test", choices=("train", "val", "test"))
    evaluate.add_argument("--flip", action="store_true", help="average over each picture and its mirror image")
    evaluate.add_argument("--json", action="store_true", help="print the stored measures as JSON")
    data(evaluate)
    device(evaluate)

    calibrate = command("calibrate", _calibrate, "fit the temperature of a run's probabilities on the validation split")
    calibrate.add_argument("run", metavar="RUN", help="run folder, or name of a run")
    calibrate.add_argument("--dataset", required=True, help="affectnet-3999 or ferplus")
    data(calibrate)
    device(calibrate)

    audit = command("audit", _audit, "look for broken, repeated and contradictory images in a dataset")
    audit.add_argument("dataset", metavar="DATASET", help="affectnet-3999, ferplus or fer2013")
    audit.add_argument("--data-root", metavar="DIR", help="folder that holds the datasets (default: EMOTION_DATA)")
    audit.add_argument("--json", action="store_true", help="print everything that was found, with all ids, as JSON")

    compare = command("compare", _compare, "compare runs on the same images, with intervals and paired tests")
    compare.add_argument("runs", nargs="+", metavar="RUN", help="names of evaluated runs")
    compare.add_argument("--baseline", metavar="RUN", help="show differences from this run")
    compare.add_argument("--on", metavar="DATASET-SPLIT", help="which evaluation (default: the first run's test split)")
    compare.add_argument("--measures", nargs="+", metavar="KEY", help="which measures (default: the usual ones)")
    compare.add_argument("--reported", action="store_true", help="show what others reported on this dataset beside them")
    compare.add_argument("--format", choices=("text", "csv", "json", "markdown", "latex"), default="text")
    compare.add_argument("--json", action="store_const", const="json", dest="format", help="the same as --format json")

    command("runs", _runs, "list the runs there are").add_argument("--json", action="store_true")
    command("presets", _presets, "list the training presets")
    return parser


def _predict(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from emotion_core.predict import Predictor

    paths = _expand(arguments.images)
    predictor = Predictor.from_run(arguments.run or DEFAULT_RUN, device=arguments.device)
    overlays = None if arguments.cam is None else _Overlays(arguments.cam)
    failed = False
    # A bar between lines of results would only disturb; it is for a person who waits for a file to fill.
    hidden = len(paths) < 2 or sys.stdout.isatty() or not sys.stderr.isatty()
    with tqdm(total=len(paths), unit="photo", disable=hidden) as bar:
        for prediction in predictor.iter_predict(paths, whole=arguments.whole_image, progress=bar.update):
            failed |= prediction.photo.error is not None
            record = prediction.to_dict()
            if overlays is not None:
                overlays.write(prediction, record)
            print(json.dumps(record, ensure_ascii=False) if arguments.json else _describe(record), flush=True)
    return int(failed)


def _train(arguments: argparse.Namespace) -> int:
    from emotion_core.results.card import write_card
    from emotion_core.training.config import load_preset
    from emotion_core.training.trainer import train

    config = load_preset(arguments.preset, arguments.set)
    name = f"{Path(arguments.preset).stem}-{config.network.backbone}"
    out = arguments.out if arguments.out is not None else checkpoints_folder() / name
    run = train(
        config,
        _data_root(arguments),
        out,
        init=arguments.init,
        device=arguments.device,
        on_error="skip" if arguments.skip_broken else "raise",
    )
    write_card(run)
    chosen = run.info.selection
    print(f"{run.path}: epoch {chosen['epoch']} chosen by {chosen['measure']} {chosen['value']:.3f} on {chosen['split']}")
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    from emotion_core.evaluate import evaluate
    from emotion_core.results.card import write_card

    run = find_run(arguments.run)
    evaluation = evaluate(
        run,
        arguments.dataset,
        _data_root(arguments),
        split=arguments.split,
        device=arguments.device,
        flip=arguments.flip,
        on_error="skip" if arguments.skip_broken else "raise",
    )
    write_card(run)
    metrics = evaluation.metrics
    if arguments.json:
        print(json.dumps(metrics, indent=2))
        return 0
    chosen = metrics["chosen_by"]
    print(f"{run.name} on {metrics['dataset']}, {metrics['split']} split: {metrics['images']} images, {metrics['fingerprint']}")
    if chosen:
        print(
            f"checkpoint chosen by {chosen['measure']} on the {chosen['split']} split, epoch {chosen['epoch']}; "
            f"seed {metrics['seed']}"
        )
    rest = metrics.get("without_leaked")
    head = "measure              value   95 % interval over images"
    if rest is not None:
        leaked, images = rest["left_out"], rest["images"]
        print(f"{leaked:,} images also stand, pixel for pixel, in the training part; on the right, the {images:,} others")
        head = f"{head:<56}  value   95 % interval over the others"
    print(head)
    for name, measure in metrics["measures"].items():
        line = f"{name:<20} {_with_interval(measure)}"
        if rest is not None and name in rest["measures"]:
            line = f"{line:<56} {_with_interval(rest['measures'][name])}"
        print(line)
    for reason in metrics["collapse"]:
        print(f"collapsed: {reason}")
    return 0


def _calibrate(arguments: argparse.Namespace) -> int:
    from emotion_core.evaluate import calibrate

    run = calibrate(
        find_run(arguments.run),
        arguments.dataset,
        _data_root(arguments),
        device=arguments.device,
        on_error="skip" if arguments.skip_broken else "raise",
    )
    print(f"{run.name}: temperature {run.info.temperature:.4f}. Evaluate the run again to see what it changes.")
    return 0


def _with_interval(measure: dict[str, float]) -> str:
    return f"{measure['value']:6.3f}   {measure['low']:.3f} to {measure['high']:.3f}"


def _audit(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from emotion_core.data.audit import audit
    from emotion_core.data.audit_report import describe_audit
    from emotion_core.data.audit_tables import read_dataset

    table = read_dataset(arguments.dataset, _data_root(arguments))
    with tqdm(total=len(table), unit="image", disable=not sys.stderr.isatty()) as bar:
        found = audit(table, progress=bar.update)
    human = _human_line(_data_root(arguments)) if arguments.dataset == "ferplus" else None
    if arguments.json:
        print(json.dumps({**found.to_dict(), "human_agreement": human}, indent=2, ensure_ascii=False))
        return 0
    print(describe_audit(found))
    if human is not None:
        print(
            f"human agreement on the {human['images']:,} test images with a majority: one annotator against the others "
            f"{human['accuracy']:.3f}; Krippendorff's alpha over all ten {human['krippendorff_alpha']:.3f}"
        )
    return 0


def _human_line(data_root: str) -> dict[str, float]:
    """How far the annotators of FER+ agree, on the images that networks are tested on."""
    from emotion_core.data.ferplus import read_votes, vote_majority
    from emotion_core.data.source import open_source
    from emotion_core.metrics.human import human_line

    votes, _ = read_votes(open_source("ferplus", data_root), on_error="skip")
    tested = [split == "test" and winner >= 0 for split, winner in zip(votes.split, vote_majority(votes.votes), strict=True)]
    return human_line(votes.votes[tested])


def _compare(arguments: argparse.Namespace) -> int:
    from emotion_core.compare import (
        MEASURES,
        compare,
        comparison_table,
        find_entries,
        load_store,
        render_text,
        reported_entries,
    )  # fmt: skip
    from emotion_core.results.tables import export_table

    store = load_store()
    for problem in store.problems:
        print(f"Left out: {problem}", file=sys.stderr)
    names = list(dict.fromkeys([*arguments.runs, *([arguments.baseline] if arguments.baseline else [])]))
    entries = find_entries(store, names, evaluation=arguments.on)
    if arguments.reported:
        entries += reported_entries(entries[0].dataset)
    measures = arguments.measures or [key for key in MEASURES if any(key in entry.measures for entry in entries)]
    comparison = compare(entries, measures, baseline=arguments.baseline)
    if arguments.format == "text":
        print(render_text(comparison, measures), end="")
    else:
        print(export_table(comparison_table(comparison, measures), arguments.format), end="")
    return 0


def _runs(arguments: argparse.Namespace) -> int:
    runs = list_runs()
    if arguments.json:
        rows = [
            {"run": run.name, "error": run.reason}
            if isinstance(run, DamagedRun)
            else {"run": run.name, "backbone": run.info.backbone, "weights": run.has_weights, "finished": run.info.finished,
                  "evaluations": sorted(run.evaluations)}
            for run in runs
        ]  # fmt: skip
        print(json.dumps(rows, indent=2))
        return 0
    if not runs:
        print(f"No runs in '{checkpoints_folder()}'. Train one with 'python -m emotion_core train'.")
    for run in runs:
        if isinstance(run, DamagedRun):
            print(f"{run.name}: damaged. {run.reason}")
            continue
        state = "finished" if run.info.finished else "unfinished"
        weights = "with weights" if run.has_weights else "results only"
        results = ", ".join(
            f"{key} (collapsed)" if metrics.get("collapse") else key for key, metrics in run.evaluations.items()
        )
        results = results or "not evaluated"
        print(f"{run.name}: {run.info.backbone}, {run.info.input_size} px, {state}, {weights}, {results}")
    return 0


def _presets(arguments: argparse.Namespace) -> int:
    from emotion_core.training.config import load_preset, preset_names

    for name in preset_names():
        print(f"{name}: {load_preset(name).title}")
    return 0


def _data_root(arguments: argparse.Namespace) -> str:
    root = arguments.data_root or os.environ.get("EMOTION_DATA")
    if not root:
        raise ConfigError("Where are the datasets? Pass their folder with --data-root, or set EMOTION_DATA.")
    return str(root)


def _expand(images: Sequence[str]) -> list[str]:
    """Folders become the pictures in them; everything else stays as it is, so that a wrong name gets its own error line."""
    paths: list[str] = []
    for image in images:
        if os.path.isdir(image):
            found = sorted(str(path) for path in Path(image).rglob("*") if path.suffix.lower() in PICTURES)
            if not found:
                raise ConfigError(f"The folder '{image}' holds no pictures ({', '.join(PICTURES)}).")
            paths += found
        else:
            paths.append(image)
    return paths


def _describe(record: dict[str, Any]) -> str:
    name = _printable(record["image"])
    if "error" in record:
        return f"{name}: {_printable(record['error'])}"
    if not record["faces"]:
        return f"{name}: no face found by {record['detector']} (--whole-image fallback takes the picture as one)"
    lines = []
    for face in record["faces"]:
        parts = []
        if face["expression"] is not None:
            parts.append(f"{face['expression']} {face['probabilities'][face['expression']]:.2f}")
        if face["valence"] is not None:
            parts.append(f"valence {face['valence']:+.2f}, arousal {face['arousal']:+.2f}")
        x, y, width, height = face["box"]
        lines.append(f"{name}: {', '.join(parts)} (face of {width} × {height} px at {x}, {y})")
    return "\n".join(lines)


def _printable(text: str) -> str:
    """File names are untrusted: a control character in one must not reach the terminal."""
    return "".join(character if character.isprintable() else "�" for character in text)


class _Overlays:
    """Writes overlays under names that no picture's name can lead out of the folder, or to another picture's overlay."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taken: set[str] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"The folder '{folder}' cannot be made ({error.strerror}).") from error

    def write(self, prediction: Prediction, record: dict[str, Any]) -> None:
        """Write every overlay of one photo and note the files in its record."""
        from PIL import Image

        from emotion_core.explain import overlay

        if prediction.photo.error is not None:
            return
        stem = self._stem(prediction.photo.name)
        for number, (found, reading) in enumerate(zip(prediction.photo.faces, prediction.readings, strict=True)):
            files = {}
            for output, heat in reading.maps.items():
                path = self.folder / f"{stem}-{number}-{output}.png"
                try:
                    Image.fromarray(overlay(found.crop, heat)).save(path)
                except OSError as error:
                    raise ConfigError(f"'{path}' cannot be written ({error.strerror or error}).") from error
                files[output] = str(path)
            record["faces"][number]["cam"] = files

    def _stem(self, name: str) -> str:
        plain = re.sub(r"[^\w.-]+", "_", Path(name).stem)[:80].strip(".") or "photo"
        stem, count = plain, 1
        while stem in self.taken:
            count += 1
            stem = f"{plain}-{count}"
        self.taken.add(stem)
        return stem
