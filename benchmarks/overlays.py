"""What do the overlays of one page cost, and are they the grad-cam package's?

Run with ``python -m benchmarks.overlays``. A page shows 24 faces, each with the heat map of its own predicted expression. Here
they come from one batched pass of exact Grad-CAM, and from 24 calls of the grad-cam package, one a face, as a page would make
them without it. The two take turns, so that whatever else the machine does disturbs them alike. Exits with status 1 when a map
differs from the package's by more than 1e-4.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

from benchmarks.cam import TOLERANCE, milliseconds, random_network
from emotion_core.explain import explain
from emotion_core.labels import EXPRESSIONS
from emotion_core.models.backbones import BACKBONES
from emotion_core.models.checkpoint import load_network
from emotion_core.models.network import EmotionNetwork
from emotion_core.results.find import find_run

FACES = 24
"""On a page."""


class _Logits(nn.Module):
    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(images).logits
        return logits


def measure(
    network: EmotionNetwork, *, faces: int, repeats: int, clock: Callable[[], float]
) -> tuple[list[list[float]], float]:
    """Milliseconds of one batched pass, of single calls and of one call for all, and the largest difference of the maps.

    Args:
        network: in evaluation mode.
        faces: how many; smooth random pictures, which cost what faces do.
        repeats: of the package's calls; the batched pass is measured ten times as often.
        clock: gives seconds.
    """
    size = network.config.input_size
    coarse = torch.randn(faces, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    images = nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")
    with torch.inference_mode():
        said = network(images).logits.argmax(dim=1).tolist()
    names = [EXPRESSIONS[index] for index in said]
    targets = [ClassifierOutputTarget(index) for index in said]
    # On a copy, because the package's hooks would slow down ours.
    model = _Logits(copy.deepcopy(network))
    with GradCAM(model, [model.network.cam_layer]) as cam:

        def batched() -> NDArray[np.float32]:
            return explain(network, images, names)

        def single_calls() -> NDArray[np.float32]:
            return np.concatenate([cam(images[row : row + 1], [target]) for row, target in enumerate(targets)])

        def one_call() -> NDArray[np.float32]:
            maps: NDArray[np.float32] = cam(images, targets)
            return maps

        difference = float(np.abs(batched() - single_calls()).max())
        times = milliseconds([batched], [single_calls, one_call], repeats, clock)
    return times, difference


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and tell whether all maps agree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overlays", description=__doc__.splitlines()[0])
    parser.add_argument("--run", metavar="RUN", help="a trained network (default: random weights)")
    parser.add_argument("--backbones", nargs="+", choices=tuple(BACKBONES), default=("efficientnet_b0",), metavar="NAME")
    parser.add_argument("--size", type=int, default=112, help="side of the image, px (default %(default)s)")
    parser.add_argument("--faces", type=int, default=FACES, help="on a page (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="rounds (default %(default)s)")
    parser.add_argument("--cpu-time", action="store_true", help="measure time on the processor, for a busy machine")
    arguments = parser.parse_args(argv)
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    networks = {name: random_network(name, arguments.size, None) for name in arguments.backbones}
    if arguments.run:
        run = find_run(arguments.run)
        networks = {run.name: load_network(run.info.network, run.weights).eval()}
    worst = 0.0
    for name, network in networks.items():
        times, difference = measure(network, faces=arguments.faces, repeats=arguments.repeats, clock=clock)
        ours, single, one = (statistics.median(some) for some in times)
        print(
            f"{name}, {network.config.input_size} px, {arguments.faces} faces, {torch.get_num_threads()} thread(s), "
            f"{'processor' if arguments.cpu_time else 'wall'} time, median of {arguments.repeats} rounds: "
            f"one batched pass {ours:.0f} ms; grad-cam package, {arguments.faces} calls {single:.0f} ms "
            f"({single / ours:.1f} times), one call {one:.0f} ms ({one / ours:.1f} times); largest difference {difference:.1e}",
            flush=True,
        )
        worst = max(worst, difference)
    if not worst <= TOLERANCE:
        print(f"A map differs from the package's by {worst:.1e}, more than {TOLERANCE:g}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
