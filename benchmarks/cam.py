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
    "package/exact (min)",
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


def milliseconds(functions: Sequence[Callable[[], object]], repeats: int) -> list[list[float]]:
    """Times of each function; they are called in turn, ``repeats`` times, after one call each to warm up."""
    times: list[list[float]] = [[] for _ in functions]
    for repeat in range(repeats + 1):
        for function, its_times in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            if repeat:
                its_times.append(1000 * (time.perf_counter() - start))
    return times


def measure(backbone: str, *, size: int, repeats: int, hidden: int | None) -> tuple[list[str], float]:
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
        times = milliseconds((forward, exact, ten_calls, one_call), repeats)

    medians = [statistics.median(some) for some in times]
    minima = [min(some) for some in times]
    cells = [f"{median:.1f} ({minimum:.1f})" for median, minimum in zip(medians, minima, strict=True)]
    ratios = [
        f"{medians[1] / medians[0]:.2f} ({minima[1] / minima[0]:.2f})",
        f"{min(medians[2:]) / medians[1]:.1f} ({min(minima[2:]) / minima[1]:.1f})",
    ]
    return [backbone, *cells, *ratios, f"{difference:.1e}"], difference


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, and tell whether all maps agree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cam", description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=112, help="side of the image, px (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=10, help="measurements of each (default %(default)s)")
    parser.add_argument("--backbones", nargs="+", choices=tuple(BACKBONES), default=tuple(BACKBONES), metavar="NAME")
    parser.add_argument("--hidden", type=int, help="width of a dense layer in the heads (default: none)")
    arguments = parser.parse_args(argv)

    print(
        f"{arguments.size} px, batch 1, CPU, {torch.get_num_threads()} thread(s), torch {torch.__version__}; "
        f"median (minimum) of {arguments.repeats}; package: the faster of its two ways"
    )
    rows, differences = [list(HEADER)], []
    for backbone in arguments.backbones:
        row, difference = measure(backbone, size=arguments.size, repeats=arguments.repeats, hidden=arguments.hidden)
        rows.append(row)
        differences.append(difference)
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    for row in rows:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join([first.strip().ljust(widths[0]), *others]))
    if not max(differences) <= TOLERANCE:
        print(f"A map differs from the package's by {max(differences):.1e}, more than {TOLERANCE:g}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
