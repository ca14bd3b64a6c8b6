"""``evaluate`` and ``calibrate``: how good a run is, and what its probabilities mean."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from emotion_core.cli.options import (
    AddCommand,
    data_options,
    dataset_help,
    device_option,
    named_data_root,
    prior_option,
    runtime_option,
)
from emotion_core.cli.own_models import evaluate_model, model_options, store_options
from emotion_core.errors import ConfigError
from emotion_core.metrics.priors import read_prior
from emotion_core.results.files import strict_json
from emotion_core.results.find import find_run
from emotion_core.results.run import describe_selection

if TYPE_CHECKING:
    import pandas as pd

    from emotion_core.evaluate import Evaluation


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    evaluate = command("evaluate", _evaluate, "measure a run on a dataset and store the result with it")
    evaluate.add_argument("run", nargs="?", metavar="RUN", help="run folder, or name of a run")
    evaluate.add_argument("--dataset", required=True, help=dataset_help())
    evaluate.add_argument("--split", default="test", choices=("train", "val", "test"))
    evaluate.add_argument(
        "--flip", action="store_true", help="flip test-time augmentation: the mean over each picture and its mirror image"
    )
    prior_option(evaluate, "the benchmark's usual one: everyday for ferplus, balanced for all others")
    evaluate.add_argument(
        "--faces",
        choices=("given", "found"),
        help="read each picture as it is, or look for its face first (default: given where a dataset's pictures are cut around "
        "the face, found elsewhere)",
    )
    evaluate.add_argument(
        "--reviews",
        action="store_true",
        help="also without images that reviewers exclude, and with labels they correct",
    )
    evaluate.add_argument(
        "--replace", action="store_true", help="replace a stored evaluation of the same name on other images or labels"
    )
    evaluate.add_argument("--json", action="store_true", help="print the stored measures as JSON")
    data_options(evaluate)
    device_option(evaluate)
    runtime_option(evaluate)
    model_options(evaluate)
    store_options(evaluate)

    calibrate = command("calibrate", _calibrate, "fit on validation images what a run's probabilities mean")
    calibrate.add_argument("run", metavar="RUN", help="run folder, or name of a run")
    calibrate.add_argument(
        "--dataset", nargs="+", metavar="NAME", help=f"those that the run is trained on by default; {dataset_help()}"
    )
    calibrate.add_argument(
        "--flip", action="store_true", help="flip test-time augmentation: the mean over each picture and its mirror image"
    )
    data_options(calibrate)
    device_option(calibrate)


def _evaluate(arguments: argparse.Namespace) -> int:
    from emotion_core.evaluate import evaluate
    from emotion_core.results.card import write_card

    if bool(arguments.run) == bool(arguments.model):
        raise ConfigError("Name what to measure: a RUN, or a network of yours with --model.")
    if arguments.model:
        return evaluate_model(arguments)
    run = find_run(arguments.run)
    evaluation = evaluate(
        run,
        arguments.dataset,
        named_data_root(arguments),
        split=arguments.split,
        device=arguments.device,
        runtime=arguments.runtime,
        flip=arguments.flip,
        prior=None if arguments.prior is None else read_prior(arguments.prior),
        faces=arguments.faces,
        on_error="skip" if arguments.skip_broken else "raise",
        verdicts=_verdicts if arguments.reviews else None,
        replace=arguments.replace,
    )
    write_card(run)
    metrics = evaluation.metrics
    if arguments.json:
        print(strict_json(metrics, indent=2))
        return 0
    chosen = metrics["chosen_by"]
    print(f"{run.name} on {metrics['dataset']}, {metrics['split']} split: {metrics['images']} images, {metrics['fingerprint']}")
    if chosen:
        print(f"checkpoint: {describe_selection(chosen)}; seed {metrics['seed']}")
    rest = metrics.get("without_leaked")
    print(f"prior: {_prior(metrics['prior'])}; temperature {metrics['temperature']:g}")
    head = "measure              value   95 % interval over images"
    if rest is not None:
        leaked, images = rest["left_out"], rest["images"]
        print(f"{leaked:,} images also stand, pixel for pixel, in the training split; on the right, the {images:,} others")
        head = f"{head:<56}  value   95 % interval over the others"
    print(head)
    for name, measure in metrics["measures"].items():
        line = f"{name:<20} {_with_interval(measure)}"
        if rest is not None and name in rest["measures"]:
            line = f"{line:<56} {_with_interval(rest['measures'][name])}"
        print(line)
    if "accuracy" in metrics["measures"]:
        _print_classes(evaluation)
    if "sets" in metrics:
        _print_sets(metrics["sets"])
    if "reviewed" in metrics:
        _print_reviewed(metrics)
    for reason in metrics["collapse"]:
        print(f"collapsed: {reason}")
    return 0


def _calibrate(arguments: argparse.Namespace) -> int:
    from emotion_core.calibrate import calibrate
    from emotion_core.results.card import write_card

    run = calibrate(
        find_run(arguments.run),
        arguments.dataset,
        named_data_root(arguments),
        device=arguments.device,
        flip=arguments.flip,
        on_error="skip" if arguments.skip_broken else "raise",
    )
    write_card(run)
    for name, entry in run.info.calibration.items():
        print(f"{run.name} on {name}, {entry['images']:,} images: temperature {entry['temperature']:.4f}")
        for prior, verdicts in entry["verdicts"].items():
            start = "no verdict stands" if verdicts["from"] is None else f"a verdict stands from {verdicts['from']:.3f} on"
            print(f"  prior {prior}: {start} (accuracy {verdicts['accuracy']:.2f} asked for)")
    print("Evaluate the run again to see what it changes.")
    return 0


def _print_classes(evaluation: Evaluation) -> None:
    """Of the expressions that the images have; recall with its 95 % interval over them."""
    from emotion_core.metrics.intervals import wilson_interval
    from emotion_core.metrics.summary import per_class

    print(f"\n{'expression':<20} {'precision':>9} {'f1':>9} {'images':>9} {'recall':>9}  95 % interval")
    for row in per_class(evaluation.predictions).to_dict("records"):
        if row["support"]:
            low, high = wilson_interval(row["recall"], row["support"])
            shares = " ".join(f"{row[key]:9.3f}" for key in ("precision", "f1"))
            print(f"{row['expression']:<20} {shares} {row['support']:9,} {row['recall']:9.3f}  {low:.3f} to {high:.3f}")


def _verdicts(dataset: str) -> pd.DataFrame:
    from emotion_core.results.reviews import ReviewStore

    with ReviewStore() as store:
        return store.verdicts(dataset)


def _print_reviewed(metrics: dict[str, Any]) -> None:
    reviewed, left = metrics["reviewed"], metrics.get("without_reviewed_out")
    corrected = metrics.get("with_corrected_labels")
    print(f"\n{reviewed['images']:,} of the images are reviewed; reviewers of {reviewed['undecided']:,} of them do not agree")
    columns = []
    if left is not None:
        print(f"reviewers exclude {left['left_out']:,}, which leaves {left['images']:,}")
        columns.append(("without the excluded", left["measures"]))
    if corrected is not None:
        print(f"reviewers agree on another expression for {corrected['corrected']:,}")
        columns.append(("with corrected labels", corrected["measures"]))
    if not columns:
        print("nothing is excluded or corrected, so the figures stay as they are")
        return
    print(f"{'measure':<20} " + " ".join(f" {head:<34}" for head, _ in columns).rstrip())
    for name in metrics["measures"]:
        cells = [f"{_with_interval(measures[name]) if name in measures else '':<35}" for _, measures in columns]
        print(f"{name:<20} {' '.join(cells)}".rstrip())


def _prior(prior: dict[str, Any]) -> str:
    if prior["values"] is None:
        return "as trained; which mix of expressions that was is not known"
    if prior["name"] == "balanced":
        return "balanced"
    return f"{prior['name']} ({', '.join(f'{name} {share:.3f}' for name, share in prior['values'].items())})"


def _print_sets(sets: dict[str, Any]) -> None:
    print(f"\nsets for a coverage of {sets['asked']:.2f}:   {_with_interval(sets['coverage'])}, {sets['mean_size']:.2f} a set")
    right = "" if sets["accuracy_standing"] is None else f"; of these right:   {_with_interval(sets['accuracy_standing'])}"
    print(f"verdicts that stand:         {_with_interval(sets['stands'])}{right}")


def _with_interval(measure: dict[str, float]) -> str:
    return f"{measure['value']:6.3f}   {measure['low']:.3f} to {measure['high']:.3f}"
