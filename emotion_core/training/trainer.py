"""One training, from pictures to a run folder; killed at any moment, it goes on from its last stored epoch."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator, DataLoaderConfiguration
from accelerate.state import AcceleratorState, GradientState

from emotion_core.data.table import OnError
from emotion_core.errors import ConfigError, TrainingError, write_remedy
from emotion_core.models.checkpoint import load_backbone_weights
from emotion_core.models.device import resolve_device
from emotion_core.models.network import EmotionNetwork
from emotion_core.results.progress import remove_progress
from emotion_core.results.run import Run, read_run
from emotion_core.training.config import TrainConfig
from emotion_core.training.data import Split, load_splits
from emotion_core.training.lock import LOCK, holding
from emotion_core.training.loop import STATE, Training
from emotion_core.training.record import plain, recorded, starting_run

log = logging.getLogger(__name__)


def train(
    config: TrainConfig,
    data_root: str | Path | None,
    out: Path,
    *,
    device: str = "auto",
    on_error: OnError = "raise",
    workers: int = 0,
    cache: Path | None = None,
    progress: bool = True,
    tensorboard: bool = False,
) -> Run:
    """Train one network and leave a run folder.

    The same call again on an unfinished folder goes on after its last stored epoch; on a CPU with the same number of threads,
    that ends with the same weights as one uninterrupted training. Started by ``accelerate launch``, several processes share
    each batch.

    Args:
        config: what to do.
        data_root: where datasets lie.
        out: the run folder, made if needed.
        device: as in :func:`~emotion_core.models.device.resolve_device`.
        on_error: what to do with broken samples.
        workers: processes that prepare batches; they change the speed, never the result.
        cache: folder for decoded pictures, memory-mapped from there; in memory by default.
        progress: whether to draw bars on standard error.
        tensorboard: whether to write TensorBoard's files into the run folder.

    Raises:
        ConfigError: the folder holds a run with other settings.
        TrainingError: the loss is not finite, nothing learns, the folder cannot be written, or another process trains in it.
    """
    done = _finished(out, config)
    # A kill at the very end may have left the lock behind: then it is taken over, and removed with it.
    if done is not None and not (out / LOCK).exists():
        return done
    accelerator = make_accelerator(device, config.precision)
    _check_processes(config, accelerator)
    with _alone(out, accelerator):
        # Another training may have come to its end between the first look and the lock.
        if (done := _finished(out, config)) is not None:
            return done
        return _train_in(
            *(config, data_root, out, accelerator),
            on_error=on_error, workers=workers, cache=cache, progress=progress, tensorboard=tensorboard,
        )  # fmt: skip


def _train_in(
    config: TrainConfig,
    data_root: str | Path | None,
    out: Path,
    accelerator: Accelerator,
    *,
    on_error: OnError,
    workers: int,
    cache: Path | None,
    progress: bool,
    tensorboard: bool,
) -> Run:
    """What :func:`train` does in a folder that is its own."""
    # A state brings its weights along; where the training once started from may be gone by now.
    network = start_network(replace(config, init="scratch") if (out / STATE).is_file() else config)
    network.to(accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    progress = progress and accelerator.is_main_process
    with accelerator.local_main_process_first() if cache is not None else nullcontext():
        splits = load_splits(config, data_root, on_error=on_error, cache=cache, progress=progress)
    return _fit(config, network, splits, out, accelerator, workers=workers, progress=progress, tensorboard=tensorboard)


def fit(
    config: TrainConfig,
    network: EmotionNetwork,
    splits: tuple[Split, Split],
    out: Path,
    accelerator: Accelerator,
    *,
    workers: int = 0,
    progress: bool = True,
    tensorboard: bool = False,
) -> Run:
    """Train a network on decoded pictures; what :func:`train` does once it has both.

    Args:
        config: what to do.
        network: on the accelerator's device, with the weights to start from.
        splits: training and validation split.
        out: the run folder, made if needed.
        accelerator: from :func:`make_accelerator`.
        workers: as in :func:`train`.
        progress: as in :func:`train`.
        tensorboard: as in :func:`train`.

    Raises:
        ConfigError: the validation split lacks what chooses the epoch, or the folder holds a run on other images.
        TrainingError: as in :func:`train`.
    """
    with _alone(out, accelerator):
        return _fit(config, network, splits, out, accelerator, workers=workers, progress=progress, tensorboard=tensorboard)


def _fit(
    config: TrainConfig,
    network: EmotionNetwork,
    splits: tuple[Split, Split],
    out: Path,
    accelerator: Accelerator,
    *,
    workers: int,
    progress: bool,
    tensorboard: bool,
) -> Run:
    """What :func:`fit` does in a folder that is its own."""
    _check_labels(config, splits)
    try:
        accelerator.wait_for_everyone()
        training = Training(config, network, splits, out, accelerator, workers=workers)
        return training.run(progress=progress, tensorboard=tensorboard)
    except OSError as error:
        raise _unwritable(out, error) from error
    finally:
        accelerator.free_memory()


@contextmanager
def _alone(out: Path, accelerator: Accelerator) -> Iterator[None]:
    """Nobody else trains in the folder meanwhile; of several processes that train together, the first one sees to that."""
    with ExitStack() as stack:
        if accelerator.is_main_process:
            try:
                stack.enter_context(holding(out))
            except OSError as error:
                raise _unwritable(out, error) from error
        yield


def _unwritable(out: Path, error: OSError) -> TrainingError:
    return TrainingError(
        f"'{out}' cannot be written ({error.strerror or error}). {write_remedy(error)}, or choose another folder with "
        "--out; the same command then goes on from the last stored epoch."
    )


def _check_labels(config: TrainConfig, splits: tuple[Split, Split]) -> None:
    """Refuse a training that would claim an output that no image is labelled with, or could not choose an epoch."""
    labelled, judged = (
        {
            "expression": bool((split.table.targets.sum(axis=1) > 0).any()),
            "affect": bool(np.isfinite(split.table.affect).all(axis=1).any()),
        }
        for split in splits
    )
    remedy = {"expression": "loss.expression=0", "affect": "loss.mse=0, loss.mae=0 and loss.ccc=0"}
    words = {"expression": "expressions", "affect": "valence and arousal"}
    for output in config.outputs:
        if not labelled[output]:
            raise ConfigError(
                f"No training image of '{config.dataset}' has {words[output]}, so this output cannot be trained. "
                f"Set {remedy[output]}."
            )
    for name, output in (("accuracy", "expression"), ("f1_macro", "expression"), ("ccc", "affect")):
        if name in config.select and len(splits[1].table) and not judged[output]:
            raise ConfigError(
                f"select = '{config.select}' needs {words[output]}, which the validation images of '{config.dataset}' do not "
                "have."
            )


def start_network(config: TrainConfig) -> EmotionNetwork:
    """A network with the weights that training starts from; errors as in :func:`train`."""
    if not config.init:
        raise ConfigError(
            "This training goes on from another one: name a run of the same backbone with --init RUN (the preset "
            "'pretrain-ferplus' makes one, 'compare-ferplus' for the presets that compare backbones), or start from random "
            "weights with --init scratch."
        )
    torch.manual_seed(config.seed)
    network = EmotionNetwork(config.network, pretrained=config.init == "imagenet")
    if config.init not in ("scratch", "imagenet"):
        run = starting_run(config.init)
        load_backbone_weights(network, Path(config.init) if run is None else run.weights)
    return network


def make_accelerator(device: str = "auto", precision: str = "auto") -> Accelerator:
    """Accelerate's view of the device, and of the other processes where there are any.

    Args:
        device: as in :func:`~emotion_core.models.device.resolve_device`.
        precision: as in :class:`~emotion_core.training.config.TrainConfig`.

    Raises:
        ConfigError: the device cannot compute in this precision.
    """
    where = resolve_device(device)
    if precision == "bf16" and where.type == "cpu" and not _computes_bf16():
        log.warning("This CPU has no instructions for bf16: imitated, it takes many times as long as fp32. Set precision=fp32.")
    if not torch.distributed.is_initialized() and "LOCAL_RANK" not in os.environ:
        # Its state outlives a training; the next one in this process may be on another device.
        AcceleratorState._reset_state(reset_partial_state=True)
        GradientState._reset_state()
        # This variable wins over every argument, also when another training has left it behind.
        os.environ["ACCELERATE_TORCH_DEVICE"] = str(where)
    try:
        return Accelerator(
            cpu=where.type == "cpu",
            # bf16 pays on a GPU; on CPUs it depends on the chip and on the backbone, so nobody gets it there unasked.
            mixed_precision="bf16" if precision == "bf16" or (precision == "auto" and where.type == "cuda") else "no",
            dataloader_config=DataLoaderConfiguration(split_batches=True, non_blocking=True),
        )
    except ValueError as error:
        raise ConfigError(f"precision = '{precision}' does not work on {where} ({error}). Set precision=fp32.") from error


def _computes_bf16() -> bool:
    """Whether the CPU multiplies bf16 numbers itself."""
    can = torch.cpu.get_capabilities()
    return any(bool(can.get(name)) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def _check_processes(config: TrainConfig, accelerator: Accelerator) -> None:
    count = accelerator.num_processes
    if config.batch_size % count or config.batch_size // count < 2:
        raise ConfigError(
            f"A batch of {config.batch_size} cannot be shared by {count} processes: each needs the same number of images, at "
            f"least 2. Set batch_size to a multiple of {count}."
        )


def _finished(out: Path, config: TrainConfig) -> Run | None:
    """The run in ``out`` when it is finished; refuses one that was trained otherwise."""
    if not (out / "run.json").is_file():
        return None
    run = read_run(out)
    # run.json holds lists where the configuration has tuples.
    if plain(run.info.training) != plain(recorded(config)):
        raise ConfigError(f"'{out}' holds a run with other settings. Choose another folder with --out, or remove it.")
    if not run.info.finished:
        return None
    # A kill at the very end may have left it behind.
    (out / STATE).unlink(missing_ok=True)
    remove_progress(out)
    log.info("'%s' is already finished.", out)
    return run
