"""How much of a training step is the step, and what do stored features save?

Run with ``python -m benchmarks.training``. First, for every backbone asked for: images a second of whole training steps
(batches drawn, augmented and labelled) against the same step on one constant batch; the two take turns. Then a frozen phase of
15 epochs on stored features against the plain loop over images, side by side, with the largest difference between their
measures, and against the loop of a textbook: pictures decoded and resized in every epoch, one by one, then a frozen network and
a linear layer. Pictures are noise: speed does not depend on what they show.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from emotion_core.data.table import FaceTable, build_frame
from emotion_core.data.transforms import Augmentation
from emotion_core.labels import EXPRESSIONS
from emotion_core.models.network import EmotionNetwork, NetworkConfig
from emotion_core.results.run import read_history
from emotion_core.training.config import LossConfig, Phase, TrainConfig
from emotion_core.training.data import Part
from emotion_core.training.freezing import freeze, make_optimiser, set_modes
from emotion_core.training.learners import Batch, ImageLearner
from emotion_core.training.losses import total_loss
from emotion_core.training.trainer import fit, make_accelerator, start_network

STILL = Augmentation(flip=0.0, rotate=0.0, scale=0.0, shift=0.0, brightness=0.0, contrast=0.0, erase=0.0)
COMPARED = ("loss", "val_accuracy", "val_ccc_valence", "val_ccc_arousal")


def noise(count: int, size: int, seed: int) -> Part:
    """A part of made-up pictures and labels."""
    rng = np.random.default_rng(seed)
    names = [EXPRESSIONS[index % 8] for index in range(count)]
    frame = build_frame([f"{index}.png" for index in range(count)], names, rng.uniform(-1, 1, count), rng.uniform(-1, 1, count))
    pixels = rng.integers(0, 256, (count, 3, size, size), dtype=np.uint8)
    return Part(table=FaceTable(name="noise", frame=frame, read_bytes=lambda _: b""), pixels=pixels)


def settings(backbone: str, size: int, **changes: Any) -> TrainConfig:
    """The configuration that both measurements start from."""
    network = NetworkConfig(backbone=backbone, input_size=size)
    return replace(TrainConfig(network=network, loss=LossConfig(mse=2.0), select="accuracy", batch_size=32), **changes)


def settled_network(config: TrainConfig, device: torch.device) -> EmotionNetwork:
    """Random weights with statistics that fit them: otherwise activations fade with depth, and tiny numbers are slow."""
    network = start_network(config).train()
    size = config.network.input_size
    with torch.no_grad():
        for _ in range(20):
            network(torch.randn(16, 3, size, size))
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def loader_ratio(backbone: str, size: int, *, steps: int, rounds: int) -> tuple[float, float]:
    """Images a second of whole steps, and of steps on a constant batch; medians over rounds that take turns."""
    config = settings(backbone, size, augmentation=Augmentation(saturation=0.3, grey=0.1, blur=0.1))
    accelerator = make_accelerator("auto")
    network = settled_network(config, accelerator.device)
    learning = freeze(network, "all", config.outputs)
    set_modes(network, learning)
    optimiser = make_optimiser(network, learning, config.phases[0], config.optimiser)
    learner = ImageLearner(config, network, network, (noise(32 * steps, size, 0), noise(32, size, 1)), accelerator)

    def step(batch: Batch) -> None:
        logits, affect = learner.forward(batch.inputs)
        loss = sum(total_loss(logits, affect, batch.targets, batch.affect, config.loss))
        optimiser.zero_grad(set_to_none=True)
        accelerator.backward(loss)
        optimiser.step()

    def synchronise() -> None:
        if accelerator.device.type == "cuda":
            torch.cuda.synchronize()

    constant = next(learner.batches(0))
    step(constant)
    whole, fixed = [], []
    for number in range(rounds):
        synchronise()
        started = time.perf_counter()
        for batch in learner.batches(number):
            step(batch)
        synchronise()
        whole.append(time.perf_counter() - started)
        started = time.perf_counter()
        for _ in range(steps):
            step(constant)
        synchronise()
        fixed.append(time.perf_counter() - started)
    images = 32 * steps
    return images / statistics.median(whole), images / statistics.median(fixed)


def feature_ratio(backbone: str, size: int, *, images: int, epochs: int) -> tuple[float, float, float]:
    """Seconds of the plain loop, seconds on stored features, and the largest difference between their measures."""
    parts = (noise(images, size, 0), noise(images // 4, size, 1))
    seconds, histories = [], []
    with tempfile.TemporaryDirectory() as folder:
        for views in (0, 1):
            phase = Phase(name="heads", epochs=epochs, lr=1e-3, stages=0, schedule="constant", warmup=0.0, views=views)
            config = settings(backbone, size, augmentation=STILL, phases=(phase,))
            accelerator = make_accelerator("auto")
            network = settled_network(config, accelerator.device)
            out = Path(folder) / str(views)
            run = fit(config, network, parts, out, accelerator, progress=False)
            histories.append(read_history(out))
            seconds.append(run.info.seconds)
    difference = max(
        abs(first[key] - second[key]) for first, second in zip(*histories, strict=True) for key in COMPARED if key in first
    )
    return seconds[0], seconds[1], difference


class JpegPictures(Dataset[tuple[torch.Tensor, int]]):
    """Encoded pictures of twice the size, decoded when they are asked for."""

    def __init__(self, part: Part, size: int) -> None:
        self.size, self.labels = size, part.table.expression_indices
        self.encoded = []
        for pixels in part.pixels:
            stream = io.BytesIO()
            Image.fromarray(pixels.transpose(1, 2, 0)).resize((2 * size, 2 * size)).save(stream, format="JPEG")
            self.encoded.append(stream.getvalue())

    def __len__(self) -> int:
        return len(self.encoded)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        picture = Image.open(io.BytesIO(self.encoded[index])).convert("RGB").resize((self.size, self.size))
        pixels = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1).float() / 255
        return (pixels - 0.45) / 0.225, int(self.labels[index])


def textbook_seconds(backbone: str, size: int, *, images: int, epochs: int) -> float:
    """Seconds of the loop that most would write."""
    learned, judged = (JpegPictures(noise(count, size, seed), size) for seed, count in enumerate((images, images // 4)))
    network = settled_network(settings(backbone, size), torch.device("cpu")).to(memory_format=torch.contiguous_format).eval()
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    head = torch.nn.Linear(network.num_features, len(EXPRESSIONS))
    optimiser = torch.optim.Adam(head.parameters(), lr=1e-3)
    started = time.perf_counter()
    for _ in range(epochs):
        for pixels, labels in DataLoader(learned, batch_size=32, shuffle=True):
            loss = torch.nn.functional.cross_entropy(head(network(pixels).pooled), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            for pixels, _ in DataLoader(judged, batch_size=32):
                head(network(pixels).pooled).argmax(1)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbones", nargs="+", default=["efficientnet_b0", "resnet50"])
    parser.add_argument("--size", type=int, default=112, help="px")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=512, help="images of the frozen phase")
    parser.add_argument("--epochs", type=int, default=15)
    arguments = parser.parse_args()
    print("backbone           whole step img/s   constant batch img/s   ratio")
    for backbone in arguments.backbones:
        whole, fixed = loader_ratio(backbone, arguments.size, steps=arguments.steps, rounds=arguments.rounds)
        print(f"{backbone:<18} {whole:>16.1f} {fixed:>22.1f} {whole / fixed:>7.2f}", flush=True)
    print(f"\nfrozen phase, {arguments.images} images, {arguments.epochs} epochs")
    print("backbone           textbook loop s   plain loop s   stored features s   ratios   largest difference")
    for backbone in arguments.backbones:
        plain, stored, difference = feature_ratio(backbone, arguments.size, images=arguments.images, epochs=arguments.epochs)
        textbook = textbook_seconds(backbone, arguments.size, images=arguments.images, epochs=arguments.epochs)
        ratios = f"{textbook / stored:.1f}, {plain / stored:.1f}"
        print(f"{backbone:<18} {textbook:>15.1f} {plain:>14.1f} {stored:>19.1f} {ratios:>12} {difference:>16.1e}", flush=True)


if __name__ == "__main__":
    main()
