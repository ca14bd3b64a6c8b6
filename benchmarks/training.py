"""How much of a training step is the step, and what do stored features save?

Run with ``python -m benchmarks.training``. First, for every backbone asked for: images a second of whole training steps
(batches drawn, augmented and labelled) against the same step on one constant batch; the two take turns. Pictures are noise
there: speed does not depend on what they show. Then a frozen phase of 15 epochs on stored features, side by side with two loops
that send every image through the network in every epoch: our own, which decodes once and runs the frozen part without
gradients, and that of a textbook, which decodes a batch when its turn comes. All three give the same measures, up to the
difference that is printed.
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

from emotion_core.data.schematic import load_schematic
from emotion_core.data.table import FaceTable, build_frame
from emotion_core.data.transforms import Augmentation, decode_table, resize_square
from emotion_core.images import read_image
from emotion_core.labels import EXPRESSIONS
from emotion_core.models.inference import to_input
from emotion_core.models.network import EmotionNetwork, NetworkConfig
from emotion_core.results.run import read_history
from emotion_core.training.config import LossConfig, Phase, TrainConfig
from emotion_core.training.data import EpochSampler, Split
from emotion_core.training.freezing import freeze, make_optimiser, set_modes
from emotion_core.training.learners import Batch, ImageLearner
from emotion_core.training.losses import total_loss
from emotion_core.training.trainer import fit, make_accelerator, start_network
from emotion_core.training.validation import measure

History = list[dict[str, Any]]

STILL = Augmentation(flip=0.0, rotate=0.0, scale=0.0, shift=0.0, brightness=0.0, contrast=0.0, erase=0.0)
COMPARED = ("loss", "val_accuracy", "val_ccc_valence", "val_ccc_arousal")


def noise(count: int, size: int, seed: int) -> Split:
    """Made-up pictures and labels."""
    rng = np.random.default_rng(seed)
    names = [EXPRESSIONS[index % 8] for index in range(count)]
    frame = build_frame([f"{index}.png" for index in range(count)], names, rng.uniform(-1, 1, count), rng.uniform(-1, 1, count))
    pixels = rng.integers(0, 256, (count, 3, size, size), dtype=np.uint8)
    return Split(table=FaceTable(name="noise", frame=frame, read_bytes=lambda _: b""), pixels=pixels)


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


def drawn_faces(size: int, images: int) -> tuple[float, tuple[Split, Split]]:
    """Training and validation split of schematic faces that are JPEG files in memory, and the seconds that decoding took."""
    # Seven in ten of them are training images.
    drawn = load_schematic(count=max(80, images * 10 // 7))
    files = {}
    for name in drawn.sample_ids:
        stream = io.BytesIO()
        Image.open(io.BytesIO(drawn.read_bytes(name))).resize((224, 224)).save(stream, format="JPEG", quality=95)
        files[name] = stream.getvalue()
    table = replace(drawn, read_bytes=files.__getitem__)
    started = time.perf_counter()
    decoded = [decode_table(table.split(split), size) for split in ("train", "val")]
    seconds = time.perf_counter() - started
    first, second = (Split(table=rows, pixels=pixels) for rows, pixels in decoded)
    return seconds, (first, second)


def loop_seconds(config: TrainConfig, splits: tuple[Split, Split]) -> tuple[float, History]:
    """Seconds and measures of our trainer."""
    with tempfile.TemporaryDirectory() as folder:
        accelerator = make_accelerator("auto")
        network = settled_network(config, accelerator.device)
        run = fit(config, network, splits, Path(folder), accelerator, progress=False)
        return run.info.seconds, read_history(Path(folder))


class JpegFiles(Dataset[tuple[torch.Tensor, int]]):
    """Pictures that are decoded when they are asked for."""

    def __init__(self, table: FaceTable, network: EmotionNetwork) -> None:
        self.names, self.read_bytes, self.network = table.sample_ids, table.read_bytes, network

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        picture = resize_square(read_image(self.read_bytes(self.names[index])), self.network.config.input_size)
        return to_input(self.network, torch.from_numpy(picture.transpose(2, 0, 1).copy())[None])[0].cpu(), index


def textbook_seconds(config: TrainConfig, splits: tuple[Split, Split]) -> tuple[float, History]:
    """Seconds and measures of the loop that most would write: files decoded in every epoch, a frozen network, two layers."""
    device = make_accelerator("auto").device
    network = settled_network(config, device).to(memory_format=torch.contiguous_format).eval()
    learning = freeze(network, 0, config.outputs)
    set_modes(network, learning)
    learned, judged = (JpegFiles(split.table, network) for split in splits)
    targets, affect = (torch.from_numpy(values).to(device) for values in (splits[0].table.targets, splits[0].table.affect))
    phase, history = config.phases[0], []
    optimiser = make_optimiser(network, learning, phase, config.optimiser)
    sampler = EpochSampler(len(learned), config.seed)
    started = time.perf_counter()
    for epoch in range(phase.epochs):
        sampler.set_epoch(epoch)
        losses = 0.0
        for images, indices in DataLoader(learned, batch_size=config.batch_size, sampler=sampler):
            if len(indices) < 2:
                # Our loops leave it out as well: batch normalisation could not learn from one image.
                continue
            outputs = network(images.to(device))
            loss = torch.stack(total_loss(outputs.logits, outputs.affect, targets[indices], affect[indices], config.loss)).sum()
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([p for p in network.parameters() if p.requires_grad], config.clip_norm)
            optimiser.step()
            losses += loss.item() * len(indices)
        found = []
        with torch.no_grad():
            for images, _ in DataLoader(judged, batch_size=config.batch_size):
                outputs = network(images.to(device))
                found.append((outputs.logits.cpu().numpy(), outputs.affect.cpu().numpy()))
        logits, preds = (np.concatenate(values) for values in zip(*found, strict=True))
        every = np.ones(len(EXPRESSIONS), dtype=bool)
        measures = measure(logits, preds, splits[1].table, config.outputs, classes=every)
        history.append({"loss": losses / len(learned)} | {f"val_{name}": value for name, value in measures.items()})
    return time.perf_counter() - started, history


def largest_difference(first: History, second: History) -> float:
    """Between the measures of all epochs."""
    return max(abs(float(one[key] - other[key])) for one, other in zip(first, second, strict=True) for key in COMPARED)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbones", nargs="+", default=["efficientnet_b0", "mobilenetv2"])
    parser.add_argument("--size", type=int, default=112, help="px")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=2559, help="training images of the frozen phase")
    parser.add_argument("--epochs", type=int, default=15)
    arguments = parser.parse_args()
    print("backbone           whole step img/s   constant batch img/s   ratio")
    for backbone in arguments.backbones:
        whole, fixed = loader_ratio(backbone, arguments.size, steps=arguments.steps, rounds=arguments.rounds)
        print(f"{backbone:<18} {whole:>16.1f} {fixed:>22.1f} {whole / fixed:>7.2f}", flush=True)
    print(f"\nfrozen phase of {arguments.epochs} epochs on drawn faces, {arguments.size} px")
    decoding, splits = drawn_faces(arguments.size, arguments.images)
    counts = f"{len(splits[0].table):,} training and {len(splits[1].table):,} validation images"
    print(f"{counts}; decoding them once took {decoding:.1f} s, which the first two include")
    print("backbone           loop                 seconds   stored features are   largest difference")
    for backbone in arguments.backbones:
        phase = Phase(name="heads", epochs=arguments.epochs, lr=1e-3, stages=0, schedule="constant", warmup=0.0)
        config = settings(backbone, arguments.size, augmentation=STILL, phases=(phase,))
        stored, history = loop_seconds(replace(config, phases=(replace(phase, views=1),)), splits)
        stored += decoding
        print(f"{backbone:<18} stored features {stored:>12.1f}", flush=True)
        for name, loop in (("our loop", loop_seconds), ("textbook loop", textbook_seconds)):
            seconds, others = loop(config, splits)
            seconds += decoding if loop is loop_seconds else 0.0
            difference = largest_difference(history, others)
            print(f"{'':<18} {name:<15} {seconds:>12.1f} {seconds / stored:>12.1f} x faster {difference:>15.1e}", flush=True)


if __name__ == "__main__":
    main()
