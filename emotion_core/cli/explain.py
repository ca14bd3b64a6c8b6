"""``explain``: where a run looks, and whether its heat maps can be believed."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from emotion_core.cli.options import AddCommand, data_options, dataset_help, device_option, named_data_root, runtime_option
from emotion_core.results.find import find_run


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    explain = command("explain", _explain, "mean heat maps of a run over a split, and how far heat maps can be believed")
    explain.add_argument("run", metavar="RUN", help="run folder, or name of a run; evaluated on this split before")
    explain.add_argument("--dataset", required=True, help=dataset_help())
    explain.add_argument("--split", default="test", choices=("train", "val", "test"))
    explain.add_argument("--images", type=int, metavar="N", help="faces to judge methods on, as many of each expression (200)")
    explain.add_argument("--methods", metavar="NAME", nargs="+", help="gradcam, gradcam++, eigencam, layercam, scorecam (all)")
    data_options(explain)
    device_option(explain)
    runtime_option(explain)


def _explain(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from emotion_core.explain.methods import METHODS
    from emotion_core.explain.whole_split import NUM_IMAGES, explain_split

    run = find_run(arguments.run)
    bars: dict[str, Any] = {}

    def progress(what: str, done: int, total: int) -> None:
        if what not in bars:
            bars[what] = tqdm(total=total, desc=what, unit="image", disable=not sys.stderr.isatty())
        bars[what].update(done)

    try:
        found = explain_split(
            run,
            arguments.dataset,
            named_data_root(arguments),
            split=arguments.split,
            num_images=NUM_IMAGES if arguments.images is None else arguments.images,
            methods=tuple(METHODS) if arguments.methods is None else tuple(dict.fromkeys(arguments.methods)),
            device=arguments.device,
            runtime=arguments.runtime,
            on_error="skip" if arguments.skip_broken else "raise",
            progress=progress,
        )
    finally:
        for bar in bars.values():
            bar.close()
    print(f"{run.name} on {arguments.dataset}, {arguments.split} split: mean maps of {found.maps.num_images:,} images")
    for line in describe_faithfulness(found.faithfulness):
        print(line)
    return 0


def describe_faithfulness(faithfulness: dict[str, Any]) -> list[str]:
    """A line a method, and what follows from them."""
    from emotion_core.results.explanations import findings

    lines = [
        f"judged on {faithfulness['images']:,} of {faithfulness['of']:,} images, as many of each expression as there are, in "
        f"{faithfulness['seconds']:,.0f} s; [..] is the 95 % interval over images",
        f"{'method':<12} {'images':>6} {'insertion':>10} {'deletion':>9} {'ROAD':>7} {'score':>7}   against random"
        f"{'':<12}against centre",
    ]
    for name, entry in faithfulness["methods"].items():
        against = entry["score"]["against"]
        pairs = [_paired(against[control]) if control in against else f"{'':<23}" for control in ("random", "centre")]
        lines.append(
            f"{name:<12} {entry['images']:>6} {entry['insertion']['value']:>10.3f} {entry['deletion']['value']:>9.3f} "
            f"{entry['road']['value']:>+7.3f} {entry['score']['value']:>+7.3f}   {'   '.join(pairs)}".rstrip()
        )
    lines.append("score: area under insertion minus area under deletion; deletion is better lower, all others higher")
    return [*lines, *findings(faithfulness)]


def _paired(found: dict[str, float]) -> str:
    return f"{found['value']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]"
