"""What do ten exact Grad-CAM maps cost, and are they the grad-cam package's?

Run with ``python -m benchmarks.cam``. For every backbone, with random weights and one image: a plain forward pass; a
forward pass with ten exact maps, raw and normalised; and the package's ten maps, from ten calls and from one call with
the image repeated ten times. The measurements take turns, so that whatever else the machine does disturbs them alike.
Exits with status 1 when a map differs from the package's by more than 1e-4.
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

from emotion_core.explain.exact import cam_for_all, normalise_maps, resize_maps
from emotion_core.labels import OUTPUTS
from emotion_core.models.backbones import BACKBONES
from emotion_core.models.network import EmotionNetwork, NetworkConfig, Outputs

TOLERANCE = 1e-4
"""Largest difference allowed between our maps and the package's, both in [0, 1]."""

HEADER = (
    "backbone",
    "forward ms (min)",
    "exact ms (min)",
    "10 calls ms (min)",
    "1 call x 10 ms (min)",
    "exact/forward (min)",
    "10 calls/exact (min)",
    "1 call x 10/exact (min)",
    "difference",
)


class _TenOutputs(nn.Module):
    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        outputs: Outputs = self.network(images)
        return torch.cat([outputs.logits, outputs.affect], dim=1)


def random_network(backbone: str, size: int, hidden: int | None) -> EmotionNetwork:
    """A network with seeded random weights, in evaluation mode."""
    torch.manual_seed(0)
    network = EmotionNetwork(NetworkConfig(backbone=backbone, input_size=size, hidden=hidden))
    # A pass in training mode fits BatchNorm's statistics; with those of new layers activations would fade with depth.
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.randn(8, 3, size, size))
    return network.eval()


def milliseconds(
    short: Sequence[Callable[[], object]], long: Sequence[Callable[[], object]], repeats: int, clock: Callable[[], float]
) -> list[list[float]]:
    """Milliseconds of each function, called in turn after one call each to warm up.

    Long ones are called ``repeats`` times, short ones ten times as often.
    """
    functions = [*short, *long]
    times: list[list[float]] = [[] for _ in functions]
    for function in functions:
        function()
    for _ in range(repeats):
        for index in [*range(len(short))] * 10 + [*range(len(short), len(functions))]:
            start = clock()
            functions[index]()
            times[index].append(1000 * (clock() - start))
    return times


def measure(
    backbone: str, *, size: int, repeats: int, hidden: int | None, clock: Callable[[], float]
) -> tuple[list[str], float]:
    """One line of the table, and the largest difference."""
    network = random_network(backbone, size, hidden)
    image = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(1))
    images = image.expand(len(OUTPUTS), -1, -1, -1).contiguous()
    # On a copy, because the package's hooks would slow down ours.
    model = _TenOutputs(copy.deepcopy(network))
    targets = [ClassifierOutputTarget(index) for index in range(len(OUTPUTS))]

    @torch.inference_mode()
    def forward() -> Outputs:
        outputs: Outputs = network(image)
        return outputs

    def exact() -> torch.Tensor:
        return normalise_maps(cam_for_all(network, image)[1])

    with GradCAM(model, [model.network.cam_layer]) as cam:

        def ten_calls() -> NDArray[np.float32]:
            return np.concatenate([cam(image, [target]) for target in targets])

        def one_call() -> NDArray[np.float32]:
            maps: NDArray[np.float32] = cam(images, targets)
            return maps

        ours = resize_maps(exact(), (size, size))[0].numpy()
        difference = float(np.abs(ours - ten_calls()).max())
        times = milliseconds((forward, exact), (ten_calls, one_call), repeats, clock)

    medians = [statistics.median(some) for some in times]
    minima = [min(some) for some in times]
    cells = [f"{median:.1f} ({minimum:.1f})" for median, minimum in zip(medians, minima, strict=True)]
    ratios = [
        f"{medians[over] / medians[under]:.{digits}f} ({minima[over] / minima[under]:.{digits}f})"
        for over, under, digits in ((1, 0, 2), (2, 1, 1), (3, 1, 1))
    ]
    return [backbone, *cells, *ratios, f"{difference:.1e}"], difference


def print_row(cells: Sequence[str]) -> None:
    """One line of the table at once, since a backbone can take minutes."""
    first, *others = (cell.rjust(max(len(title), 15)) for cell, title in zip(cells, HEADER, strict=True))
    print("  ".join([first.strip().ljust(15), *others]), flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, and tell whether all maps agree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cam", description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=112, help="side of the image, px (default %(default)s)")
    parser.add_argument(
        "--repeats", type=int, default=10, help="rounds; in each the short two are measured ten times (default %(default)s)"
    )
    parser.add_argument("--backbones", nargs="+", choices=tuple(BACKBONES), default=tuple(BACKBONES), metavar="NAME")
    parser.add_argument("--hidden", type=int, help="width of a dense layer in the heads (default: none)")
    parser.add_argument(
        "--cpu-time", action="store_true", help="measure time on the processor instead of the wall, for a busy machine"
    )
    arguments = parser.parse_args(argv)
    clock = time.process_time if arguments.cpu_time else time.perf_counter

    print(
        f"{arguments.size} px, batch 1, CPU, {torch.get_num_threads()} thread(s), torch {torch.__version__}; "
        f"{'processor' if arguments.cpu_time else 'wall'} time, median (minimum) of {arguments.repeats} rounds"
    )
    print_row(HEADER)
    differences = []
    for backbone in arguments.backbones:
        row, difference = measure(
            backbone, size=arguments.size, repeats=arguments.repeats, hidden=arguments.hidden, clock=clock
        )
        print_row(row)
        differences.append(difference)
    if not max(differences) <= TOLERANCE:
        print(f"A map differs from the package's by {max(differences):.1e}, more than {TOLERANCE:g}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
