"""``--model``: networks that their users bring along, measured by ``evaluate`` and used by ``predict``."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotion_core.cli.importing import origin_options, print_findings, print_stored
from emotion_core.cli.options import named_data_root
from emotion_core.errors import ConfigError
from emotion_core.metrics.priors import ESTIMATE, Prior, read_prior
from emotion_core.results.files import strict_json
from emotion_core.texts import printable

if TYPE_CHECKING:
    from emotion_core.importing.networks import Given, OwnNetwork
    from emotion_core.importing.networks.photos import FaceAnswer
    from emotion_core.predict.photos import Photo


def model_options(command: argparse.ArgumentParser) -> None:
    """``--model``, and what has to be known of one."""
    about = command.add_argument_group(
        "a network of yours",
        "ONNX files are checked and run in a process of their own; weights are read as safetensors only, never as pickle. What "
        "a preprocess.json beside the graph, a preprocessor_config.json or a config.json says need not be said again.",
    )
    about.add_argument(
        "--model",
        metavar="FILE",
        help="FILE.onnx, timm:NAME@FILE.safetensors, the folder of a timm or Hugging Face Transformers image classifier, or "
        "hf:OWNER/NAME on the hub",
    )
    about.add_argument(
        "--classes",
        metavar="LIST",
        help="what its outputs are, in order: fer2013, affectnet, …, or a list, in which valence and arousal may stand and '-' "
        "is what does not count",
    )
    about.add_argument("--mean", metavar="R,G,B", help="subtracted from pictures in [0, 1]")
    about.add_argument("--std", metavar="R,G,B", help="then divided by")
    about.add_argument("--input-size", type=int, metavar="PX", help="side of its pictures, where any will do")
    about.add_argument("--layout", choices=("nchw", "nhwc"), help="channels first or last (default: told by the graph)")
    about.add_argument("--bgr", action="store_true", help="its channels are blue, green, red")
    about.add_argument("--scores", choices=("logits", "probabilities"), help="what it gives (default: told by their sums)")
    about.add_argument(
        "--own-prior",
        metavar="MIX",
        help="the mix of expressions that its probabilities hold under, that of its training, for --prior to lead from",
    )
    about.add_argument("--output", metavar="NAME", help="the graph's output with the expressions")
    about.add_argument(
        "--affect-output", nargs="+", default=[], metavar="NAME", help="its output with valence and arousal, or one each"
    )


def store_options(command: argparse.ArgumentParser) -> None:
    """Where the results of a network are stored, and what its card says."""
    about = origin_options(command)
    about.add_argument("--name", metavar="NAME", help="of the run of --model (default: that of its file)")
    about.add_argument(
        "--experiment", default="imported", metavar="NAME", help="that the run of --model belongs to (default: imported)"
    )
    about.add_argument("--anyway", action="store_true", help="store although something looks like a mistake")


def given_of(arguments: argparse.Namespace) -> Given:
    """What the options say of a network.

    Raises:
        ConfigError: a number is none.
        ResultsError: a class is none.
    """
    from emotion_core.importing.networks import Given, read_outputs_list

    size = arguments.input_size
    if size is not None and not 8 <= size <= 4096:
        raise ConfigError(f"Pictures have a side of 8 to 4096 px, not {size}.")
    return Given(
        classes=read_outputs_list(arguments.classes) if arguments.classes else (),
        mean=_numbers(arguments.mean, "--mean"),
        std=_numbers(arguments.std, "--std"),
        size=None if size is None else (size, size),
        layout=arguments.layout or "",
        scores=arguments.scores or "",
        output=arguments.output or "",
        affect=tuple(arguments.affect_output),
        bgr=arguments.bgr,
        prior=_own_prior(arguments.own_prior),
    )


def _own_prior(text: str | None) -> Prior | None:
    if text is None:
        return None
    found = read_prior(text)
    if isinstance(found, str):
        raise ConfigError(f"--own-prior takes a mix, such as balanced or a table of eight numbers, not '{found}'.")
    return found


def _numbers(text: str | None, option: str) -> tuple[float, ...]:
    try:
        found = tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise ConfigError(f"{option} takes numbers separated by commas, such as 0.5,0.5,0.5, not '{text}'.") from None
    if any(not -1e6 < number < 1e6 for number in found):
        raise ConfigError(f"{option} takes numbers of usual size, not '{text}'.")
    return found


def evaluate_model(arguments: argparse.Namespace) -> int:
    """Measure somebody's network and store the result as an imported run."""
    from tqdm import tqdm

    from emotion_core.importing import store_results
    from emotion_core.importing.networks import measure_network, open_network
    from emotion_core.results.find import checkpoints_folder

    if arguments.reviews:
        raise ConfigError("--reviews goes with runs of this program, not with --model.")
    prior = None if arguments.prior is None else read_prior(arguments.prior)
    network = open_network(arguments.model, given_of(arguments))
    try:
        _tell(network)
        with tqdm(unit="image", disable=not sys.stderr.isatty()) as bar:
            prepared = measure_network(
                network,
                arguments.dataset,
                named_data_root(arguments),
                split=arguments.split,
                flip=arguments.flip,
                prior=prior,
                faces=arguments.faces,
                on_error="skip" if arguments.skip_broken else "raise",
                progress=bar.update,
            )
    finally:
        network.close()
    print_findings(prepared, arguments.anyway)
    origin = {name: getattr(arguments, name) for name in ("source", "licence", "trained_on")}
    run = store_results(
        prepared,
        checkpoints_folder(),
        name=arguments.name or re.sub(r"[^\w.\-]+", "-", Path(network.name).stem).strip("-.") or "network",
        experiment=arguments.experiment,
        network={"backbone": network.backbone, "input_size": network.input_size, "num_params": network.num_params},
        origin={**origin, "command": _command(arguments), "weights": network.digest},
        replace_old=arguments.replace,
    )
    if arguments.json:
        print(strict_json(run.evaluations[prepared.truth.key], indent=2))
    else:
        print_stored(run, prepared)
    return 0


def _command(arguments: argparse.Namespace) -> str:
    """What makes the same predictions again, without the folders of this machine."""
    kind, colon, rest = arguments.model.rpartition("@") if "@" in arguments.model else ("", "", arguments.model)
    words = ["evaluate", "--model", kind + colon + (rest if rest.startswith(("hf:", "timm:")) else Path(rest).name)]
    words += ["--dataset", Path(arguments.dataset).name, "--split", arguments.split, *(["--flip"] if arguments.flip else [])]
    for name in ("classes", "mean", "std", "input_size", "layout", "scores", "output", "own_prior", "prior"):
        if getattr(arguments, name) is not None:
            words += [f"--{name.replace('_', '-')}", str(getattr(arguments, name))]
    return f"python -m emotion_core {shlex.join(words)}"


def _tell(network: OwnNetwork) -> None:
    outputs = ", ".join(name or "-" for name in network.outputs) or "no expressions"
    print(f"{network.name}: {network.input_size} px, {network.num_params:,} weights, {outputs}", file=sys.stderr)


def predict_with_model(arguments: argparse.Namespace, paths: Sequence[str]) -> int:
    """Read photos with somebody's network, a line or a JSON object a photo."""
    from emotion_core.cli.predict import Overlays
    from emotion_core.faces import load_detector
    from emotion_core.importing.networks import open_network, read_faces
    from emotion_core.predict.photos import find_faces

    for name in ("run", "flip"):
        if getattr(arguments, name):
            raise ConfigError(f"--{name} goes with runs of this program, not with --model.")
    prior = None if arguments.prior is None else read_prior(arguments.prior)
    if prior == ESTIMATE:
        raise ConfigError("--prior estimate needs all faces at once, and --model reads photo by photo.")
    network = open_network(arguments.model, given_of(arguments))
    failed = False
    try:
        _tell(network)
        overlays = None if arguments.cam is None else Overlays(arguments.cam)
        if overlays is not None and not network.has_maps:
            raise ConfigError(f"'{network.name}' gives no exact maps: {network.why_no_maps}.")
        for photo in find_faces(list(paths), load_detector(), whole=arguments.whole_image):
            failed |= photo.error is not None
            answers = read_faces(network, [found.crop for found in photo.faces], prior)
            record = _record(photo, answers, network)
            if overlays is not None:
                overlays.write_maps(photo, [answer.maps for answer in answers], record)
            print(strict_json(record) if arguments.json else _describe(record), flush=True)
    finally:
        network.close()
    return int(failed)


def _record(photo: Photo, answers: Sequence[FaceAnswer], network: OwnNetwork) -> dict[str, Any]:
    record: dict[str, Any] = {"image": photo.name, "network": network.name, "weights": network.digest}
    if photo.error is not None:
        return {**record, "error": photo.error}
    record["faces"] = [
        {"box": list(found.face.box), "probabilities": answer.probabilities, **answer.affect}
        for found, answer in zip(photo.faces, answers, strict=True)
    ]
    return record


def _describe(record: dict[str, Any]) -> str:
    name = printable(record["image"])
    if "error" in record:
        return f"{name}: {printable(record['error'])}"
    lines = []
    for face in record["faces"]:
        best = max(face["probabilities"], key=face["probabilities"].get, default=None)
        parts = [] if best is None else [f"{best} {face['probabilities'][best]:.2f}"]
        parts += [f"{axis} {face[axis]:+.2f}" for axis in ("valence", "arousal") if axis in face]
        x, y, width, height = face["box"]
        lines.append(f"{name}: {', '.join(parts)} (face of {width} × {height} px at {x}, {y})")
    return "\n".join(lines) or f"{name}: no face found (--whole-image fallback takes the picture as one)"
