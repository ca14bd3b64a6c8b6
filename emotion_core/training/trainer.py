"""One training, from pictures to a run folder; killed at any moment, it goes on from its last finished epoch."""

from __future__ import annotations

import io
import logging
import math
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from tqdm import tqdm

from emotion_core.data.affectnet import load_affectnet
from emotion_core.data.ferplus import load_fer2013, load_ferplus
from emotion_core.data.splits import stratified_split
from emotion_core.data.table import FaceTable, OnError
from emotion_core.data.transforms import augment, batches, decode_table
from emotion_core.errors import CheckpointError, ConfigError, TrainingError
from emotion_core.metrics.calibration import fit_temperature
from emotion_core.metrics.continuous import concordance_corrcoef
from emotion_core.models.checkpoint import load_backbone_weights, load_weights, save_weights
from emotion_core.models.device import resolve_device
from emotion_core.models.inference import infer, match_channels
from emotion_core.models.network import EmotionNetwork
from emotion_core.results.run import (
    WEIGHTS,
    Run,
    RunInfo,
    append_history,
    find_run,
    read_history,
    read_run,
    write_bytes,
    write_history,
    write_info,
)
from emotion_core.training.averaging import WeightAverage
from emotion_core.training.config import TrainConfig
from emotion_core.training.losses import affect_loss, expression_loss

STATE = "state.pt"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Part:
    """Decoded pictures of one split with their labels, on the training device where it fits.

    Attributes:
        table: ``N`` rows.
        pixels: uint8, shape ``(N, 1 or 3, S, S)``.
    """

    table: FaceTable
    pixels: npt.NDArray[np.uint8]


def load_parts(
    config: TrainConfig, data_root: str | Path, *, on_error: OnError = "raise", progress: bool = True
) -> tuple[Part, Part]:
    """Training and validation part of a configuration's dataset, decoded. Test images are not touched."""
    if config.dataset == "ferplus":
        train = load_ferplus(data_root, labels="distribution", on_error=on_error).part("train")
        val = load_ferplus(data_root, on_error=on_error).part("val")
    elif config.dataset == "fer2013":
        train = stratified_split(load_fer2013(data_root, on_error=on_error).part("train"), share=0.1, validation=False)
        train, val = train.part("train"), train.part("test").with_split(["val"] * len(train.part("test")))
    else:
        table = load_affectnet(data_root, name=config.dataset, on_error=on_error)
        train, val = table.part("train"), table.part("val")
    for part in (train, val):
        log.info("%s, %s", part.frame["split"].iloc[0], part.describe())
    with tqdm(total=len(train) + len(val), desc="Decoding", unit="img", disable=not progress) as bar:
        decoded = [
            decode_table(table, config.network.input_size, on_error=on_error, progress=bar.update) for table in (train, val)
        ]
    first, second = (Part(table=table, pixels=pixels) for table, pixels in decoded)
    return first, second


def learning_rate(step: int, total: int, *, peak: float, warmup: float) -> float:
    """Linear rise over the first ``warmup`` share of all steps, then half a cosine down to 0.

    Args:
        step: 0 to ``total - 1``.
        total: number of steps.
        peak: largest rate.
        warmup: in [0, 1).
    """
    rise = warmup * total
    if step < rise:
        return peak * (step + 1) / (rise + 1)
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(total - rise, 1)))


def make_optimiser(network: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices and kernels; biases and normalisation keep theirs."""
    decayed = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=config.lr,
    )


def validate(network: EmotionNetwork, part: Part, outputs: tuple[str, ...]) -> dict[str, float]:
    """The measures that choose an epoch: ``accuracy``, ``ccc_valence``, ``ccc_arousal``, as far as the part has labels."""
    logits, affect = infer(network, part.pixels)
    if not (np.isfinite(logits).all() and np.isfinite(affect).all()):
        raise TrainingError("The network's outputs on the validation part are not finite. Try a smaller learning rate.")
    measures: dict[str, float] = {}
    labels = part.table.expression_indices
    if "expression" in outputs and (labels >= 0).any():
        known = labels >= 0
        measures["accuracy"] = float((logits.argmax(axis=1)[known] == labels[known]).mean())
    if "affect" in outputs:
        for column, name in enumerate(("valence", "arousal")):
            target = part.table.affect[:, column]
            known = np.isfinite(target)
            if known.any():
                preds = np.clip(affect[known, column], -1, 1)
                measures[f"ccc_{name}"] = concordance_corrcoef(preds, target[known])
    return measures


def selection_score(measures: Mapping[str, float], select: str) -> float:
    """One number that is larger for a better epoch.

    Raises:
        ConfigError: the measures that ``select`` names are not there.
    """
    try:
        ccc = [measures["ccc_valence"], measures["ccc_arousal"]] if "ccc" in select else []
        accuracy = [measures["accuracy"]] if "accuracy" in select else []
    except KeyError as error:
        raise ConfigError(f"select = '{select}' needs {error}, which this dataset or these losses do not give.") from error
    parts = accuracy + ([float(np.mean(ccc))] if ccc else [])
    return float(np.mean(np.nan_to_num(parts)))


def train(
    config: TrainConfig,
    data_root: str | Path,
    out: Path,
    *,
    init: str = "scratch",
    device: str = "auto",
    on_error: OnError = "raise",
    progress: bool = True,
) -> Run:
    """Train one network and leave a run folder.

    The same call again on an unfinished folder goes on after its last finished epoch; on a CPU with the same number of threads,
    that ends with the same weights as one uninterrupted training.

    Args:
        config: what to do.
        data_root: where datasets lie.
        out: the run folder, made if needed.
        init: ``"scratch"``, ``"imagenet"``, a run's name or folder, or a ``.safetensors`` file.
        device: as in :func:`~emotion_core.models.device.resolve_device`.
        on_error: what to do with broken samples.
        progress: whether to draw bars on standard error.

    Raises:
        ConfigError: the folder holds a run with other settings.
        TrainingError: the loss is not finite, or the folder cannot be written.
    """
    where = resolve_device(device)
    done = _finished(out, config, init)
    if done is not None:
        # A kill at the very end may have left it behind.
        (out / STATE).unlink(missing_ok=True)
        log.info("'%s' is already finished.", out)
        return done
    network = start_network(config, init).to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]
    parts = load_parts(config, data_root, on_error=on_error, progress=progress)
    if "ccc" in config.select and not np.isfinite(parts[1].table.affect).any():
        raise ConfigError(f"select = '{config.select}' needs valence and arousal, which '{config.dataset}' does not have.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        return _Training(config, network, parts, out, init=init, device=where, progress=progress).run()
    except OSError as error:
        raise TrainingError(
            f"'{out}' cannot be written ({error.strerror or error}). Free some space or choose another folder with --out; "
            "the same command then goes on from the last finished epoch."
        ) from error


def start_network(config: TrainConfig, init: str) -> EmotionNetwork:
    """A network with the weights that training starts from; arguments and errors as in :func:`train`."""
    torch.manual_seed(config.seed)
    network = EmotionNetwork(config.network, pretrained=init == "imagenet")
    if init not in ("scratch", "imagenet"):
        weights = Path(init) if init.endswith(".safetensors") else find_run(init).weights
        load_backbone_weights(network, weights)
    return network


def _finished(out: Path, config: TrainConfig, init: str) -> Run | None:
    """The run in ``out`` when it is finished; refuses one that was trained otherwise."""
    if not (out / "run.json").is_file():
        return None
    run = read_run(out)
    # run.json holds lists where the configuration has tuples.
    if _plain(run.info.training) != _plain(config.to_dict()) or run.info.init != _init_name(init):
        raise ConfigError(f"'{out}' holds a run with other settings. Choose another folder with --out, or remove it.")
    return run if run.info.finished else None


class _Training:
    """State of one training between epochs."""

    def __init__(
        self,
        config: TrainConfig,
        network: EmotionNetwork,
        parts: tuple[Part, Part],
        out: Path,
        *,
        init: str,
        device: torch.device,
        progress: bool,
    ) -> None:
        self.config, self.network, self.out, self.device, self.progress = config, network, out, device, progress
        self.train_part, self.val_part = parts
        self.optimiser = make_optimiser(network, config)
        self.average = WeightAverage(network, config.average)
        self.pixels = torch.from_numpy(self.train_part.pixels)
        self.targets = torch.from_numpy(self.train_part.table.targets).to(device)
        self.affect = torch.from_numpy(self.train_part.table.affect).to(device)
        self.steps = math.ceil(len(self.train_part.table) / config.batch_size)
        self.epoch, self.seconds, self.best = 0, 0.0, -math.inf
        self.info = RunInfo(
            network=config.network.to_dict(),
            outputs=config.outputs,
            training=config.to_dict(),
            dataset={
                "name": config.dataset,
                **{
                    split: {"images": len(part.table), "fingerprint": part.table.fingerprint()}
                    for split, part in (("train", self.train_part), ("val", self.val_part))
                },
            },
            init=_init_name(init),
            seed=config.seed,
            num_params=sum(p.numel() for p in network.parameters()),
            device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            versions=_versions(),
        )

    def run(self) -> Run:
        self._resume()
        write_info(self.out, self.info)
        total = self.config.epochs * len(self.train_part.table)
        done = self.epoch * len(self.train_part.table)
        with tqdm(total=total, initial=done, unit="img", disable=not self.progress, smoothing=0.02) as bar:
            while self.epoch < self.config.epochs:
                self._run_epoch(bar)
        self.info = replace(self.info, finished=True, seconds=round(self.seconds, 1), temperature=self._fit_temperature())
        write_info(self.out, self.info)
        (self.out / STATE).unlink(missing_ok=True)
        return read_run(self.out)

    def _fit_temperature(self) -> float:
        """Temperature of the stored epoch's probabilities on the validation part."""
        labels = self.val_part.table.expression_indices
        if "expression" not in self.config.outputs or not (labels >= 0).any():
            return 1.0
        load_weights(self.average.network, self.out / WEIGHTS)
        logits, _ = infer(self.average.network, self.val_part.pixels)
        return round(fit_temperature(logits[labels >= 0], labels[labels >= 0]), 4)

    def _run_epoch(self, bar: tqdm[Any]) -> None:
        started = time.perf_counter()
        row: dict[str, Any] = {"epoch": self.epoch + 1, **self._learn(bar)}
        trained = time.perf_counter() - started
        measures = validate(self.average.network, self.val_part, self.config.outputs)
        score = selection_score(measures, self.config.select)
        row |= {f"val_{name}": round(value, 6) for name, value in measures.items()}
        row |= {"score": round(score, 6), "images_per_second": round(len(self.train_part.table) / trained, 1)}
        row["seconds"] = round(time.perf_counter() - started, 2)
        self.seconds += row["seconds"]
        self.epoch += 1
        if score > self.best:
            self.best = score
            save_weights(self.average.network, self.out / WEIGHTS)
            self.info = replace(
                self.info,
                seconds=round(self.seconds, 1),
                selection={
                    "measure": self.config.select,
                    "split": "val",
                    "epoch": self.epoch,
                    "value": round(score, 6),
                },
            )
            write_info(self.out, self.info)
        append_history(self.out, row)
        self._save()
        if self.progress:
            shown = "  ".join(f"{key} {value:.4g}" for key, value in row.items() if key != "epoch")
            tqdm.write(f"epoch {self.epoch}/{self.config.epochs}  {shown}{'  *' if score == self.best else ''}", sys.stderr)

    def _learn(self, bar: tqdm[Any]) -> dict[str, float]:
        """One pass over the training part; the mean loss and the last learning rate."""
        config, network = self.config, self.network.train()
        # Everything random in an epoch follows from the seed and the epoch alone, so that a resumed one is the same.
        seed = config.seed * 100_003 + self.epoch
        generator = torch.Generator().manual_seed(seed)
        mixing = np.random.default_rng(seed)
        torch.manual_seed(seed)
        losses, seen = 0.0, 0
        rate = config.lr
        for index, chosen in enumerate(batches(len(self.pixels), config.batch_size, generator)):
            if len(chosen) < 2:
                # A last batch of one image would give batch normalisation nothing to normalise by.
                bar.update(len(chosen))
                continue
            rate = learning_rate(
                self.epoch * self.steps + index, config.epochs * self.steps, peak=config.lr, warmup=config.warmup
            )
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            loss = self._step(network, chosen, generator, mixing)
            losses, seen = losses + loss * len(chosen), seen + len(chosen)
            bar.update(len(chosen))
            bar.set_postfix(epoch=self.epoch + 1, loss=f"{loss:.3f}", best=f"{max(self.best, 0):.3f}", refresh=False)
        return {"loss": round(losses / max(seen, 1), 6), "lr": rate}

    def _step(
        self, network: EmotionNetwork, chosen: torch.Tensor, generator: torch.Generator, mixing: np.random.Generator
    ) -> float:
        config = self.config
        images = self.pixels[chosen].to(self.device, non_blocking=True).float().div_(255)
        images = augment(images, config.augmentation, generator)
        targets, affect = self.targets[chosen.to(self.device)], self.affect[chosen.to(self.device)]
        if config.mixup:
            share = float(mixing.beta(config.mixup, config.mixup))
            partner = torch.randperm(len(chosen), generator=generator).to(self.device)
            images = share * images + (1 - share) * images[partner]
            targets = share * targets + (1 - share) * targets[partner]
            affect = share * affect + (1 - share) * affect[partner]
        images = network.normalise(match_channels(images, config.network.in_chans))
        images = images.contiguous(memory_format=torch.channels_last)
        # bf16 pays on a GPU; on CPUs it depends on the chip and on the backbone, so fp32 it is.
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            outputs = network(images)
        loss = config.loss.expression * expression_loss(
            outputs.logits.float(), targets, label_smoothing=config.loss.label_smoothing
        ) + affect_loss(outputs.affect.float(), affect, mse=config.loss.mse, ccc=config.loss.ccc)
        value = loss.item()
        if not math.isfinite(value):
            ids = ", ".join(self.train_part.table.sample_ids[int(i)] for i in chosen[:5])
            raise TrainingError(
                f"The loss is {value} in epoch {self.epoch + 1} at learning rate {self.optimiser.param_groups[0]['lr']:.3g}, "
                f"in the batch of {ids}, … Try a third of the learning rate; the last finished epoch is kept in '{self.out}'."
            )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
        self.optimiser.step()
        self.average.update(network)
        return value

    def _save(self) -> None:
        state = {
            "epoch": self.epoch,
            "seconds": self.seconds,
            "best": self.best,
            "selection": self.info.selection,
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "average_steps": self.average.steps,
            "optimiser": self.optimiser.state_dict(),
        }
        # Through memory, because torch's own writing raises no OSError when the disk is full.
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_bytes(self.out / STATE, buffer.getbuffer())

    def _resume(self) -> None:
        path = self.out / STATE
        if not path.is_file():
            write_history(self.out, [])
            return
        if (self.out / "run.json").is_file() and read_run(self.out).info.dataset != self.info.dataset:
            raise ConfigError(
                f"'{self.out}' was begun on other images or labels of '{self.config.dataset}'. Choose another folder "
                "with --out, or remove it."
            )
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.average.network.load_state_dict(state["average"])
            self.average.steps = state["average_steps"]
            self.optimiser.load_state_dict(state["optimiser"])
            self.epoch, self.seconds, self.best = state["epoch"], state["seconds"], state["best"]
        except Exception as error:
            raise CheckpointError(
                f"'{path}' cannot be resumed from ({type(error).__name__}). Remove it to start this training again."
            ) from error
        self.info = replace(self.info, selection=state["selection"], seconds=round(self.seconds, 1))
        # A kill between the line of an epoch and its state leaves one line too many.
        write_history(self.out, read_history(self.out)[: self.epoch])
        log.info("Going on after epoch %d of '%s'.", self.epoch, self.out)


def _init_name(init: str) -> str:
    return Path(init).name if Path(init).name != WEIGHTS else Path(init).parent.name


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value


def _versions() -> dict[str, str]:
    import timm
    import torchvision

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "timm": timm.__version__,
    }
