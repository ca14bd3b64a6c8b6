"""What a run costs: milliseconds a face, multiply-adds, parameters and bytes, kept in its ``run.json``."""

from __future__ import annotations

import os
import platform
import statistics
import time
from dataclasses import replace
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from emotion_core.errors import CheckpointNotFoundError, ConfigError
from emotion_core.models.checkpoint import load_network
from emotion_core.models.device import resolve_device
from emotion_core.models.network import EmotionNetwork
from emotion_core.results.run import Run, read_run, write_info

WARM_UP = 3
"""Passes before the clock runs: memory is set aside and code paths are chosen in the first ones."""

BATCHES = (1, 32)


def profile(run: Run, *, device: str = "auto", repeats: int = 15) -> Run:
    """Measure a run's network and store the result with it.

    Times are medians over whole passes, from pixels on the device to ten outputs; finding and cropping faces is not in them.

    Args:
        run: with weights.
        device: as in :func:`~emotion_core.models.device.resolve_device`.
        repeats: passes for each batch size.

    Returns:
        The run with ``timings``: ``ms_per_face`` (one face at a time), ``ms_per_face_batch_32``, ``multiply_adds_millions``
        for a face, ``num_params_millions``, ``size_mb`` of the weights, and ``measured_on``, the device that the times hold
        for.

    Raises:
        ConfigError: the run is still training.
        CheckpointError: the run has no usable weights.
    """
    if not run.has_weights:
        raise CheckpointNotFoundError(run.weights)
    if not run.info.finished:
        raise ConfigError(f"'{run.name}' is not trained to its end. Let it finish, or resume it, and measure it then.")
    where = resolve_device(device)
    network = load_network(run.info.network, run.weights).eval()
    timings: dict[str, Any] = {
        "num_params_millions": round(sum(p.numel() for p in network.parameters()) / 1e6, 3),
        "multiply_adds_millions": round(multiply_adds(network) / 1e6, 1),
        "size_mb": round(run.weights.stat().st_size / 1e6, 2),
    }
    network.to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]
    for size in BATCHES:
        name = "ms_per_face" if size == 1 else f"ms_per_face_batch_{size}"
        timings[name] = round(milliseconds(network, size, repeats) / size, 3)
    timings["measured_on"] = (
        torch.cuda.get_device_name(where) if where.type == "cuda" else f"{_processor()}, {torch.get_num_threads()} threads"
    )
    write_info(run.path, replace(run.info, timings=timings))
    return read_run(run.path)


def multiply_adds(network: EmotionNetwork) -> int:
    """Multiply-add operations of convolutions and matrix products for one face, as papers count them.

    PyTorch's counter takes each for two operations.
    """
    config = network.config
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.zeros(1, config.in_chans, config.input_size, config.input_size))
    return int(counter.get_total_flops()) // 2


@torch.inference_mode()
def milliseconds(network: EmotionNetwork, size: int, repeats: int) -> float:
    """Median time of a pass over ``size`` faces."""
    config, device = network.config, network.mean.device
    images = torch.rand(size, config.in_chans, config.input_size, config.input_size, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    times = []
    for _ in range(WARM_UP + repeats):
        started = time.perf_counter()
        # Reading the outputs waits for a GPU to be done.
        network(network.normalise(images)).logits.cpu()
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times[WARM_UP:])


def _processor() -> str:
    """What the CPU calls itself, and how many cores there are."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), name)
    except OSError:
        pass
    return f"{name}, {os.cpu_count()} cores"
