"""``evaluate`` and ``calibrate``: how good a run is, and what its probabilities mean."""

from __future__ import annotations

import argparse
import json

from emotion_core.cli.options import AddCommand, data_options, data_root, device_option
from emotion_core.results.run import find_run


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    evaluate = command("evaluate", _evaluate, "measure a run on a dataset and store the result with it")
    evaluate.add_argument("run", metavar="RUN", help="run folder, or name of a run")
    evaluate.add_argument("--dataset", required=True, help="affectnet-3999 or ferplus")
    evaluate.add_argument("--split", default="test", choices=("train", "val", "test"))
    evaluate.add_argument("--flip", action="store_true", help="average over each picture and its mirror image")
    evaluate.add_argument("--json", action="store_true", help="print the stored measures as JSON")
    data_options(evaluate)
    device_option(evaluate)

    calibrate = command("calibrate", _calibrate, "fit the temperature of a run's probabilities on the validation split")
    calibrate.add_argument("run", metavar="RUN", help="run folder, or name of a run")
    calibrate.add_argument("--dataset", required=True, help="affectnet-3999 or ferplus")
    data_options(calibrate)
    device_option(calibrate)


def _evaluate(arguments: argparse.Namespace) -> int:
    from emotion_core.evaluate import evaluate
    from emotion_core.results.card import write_card

    run = find_run(arguments.run)
    evaluation = evaluate(
        run,
        arguments.dataset,
        data_root(arguments),
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
        data_root(arguments),
        device=arguments.device,
        on_error="skip" if arguments.skip_broken else "raise",
    )
    print(f"{run.name}: temperature {run.info.temperature:.4f}. Evaluate the run again to see what it changes.")
    return 0


def _with_interval(measure: dict[str, float]) -> str:
    return f"{measure['value']:6.3f}   {measure['low']:.3f} to {measure['high']:.3f}"
