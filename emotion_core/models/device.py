"""Where networks run."""

from __future__ import annotations

import torch

from emotion_core.errors import DeviceError


def resolve_device(name: str = "auto") -> torch.device:
    """Turn a device's name into a device.

    Args:
        name: ``"auto"`` (a GPU where there is one, else the CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.

    Raises:
        DeviceError: the name is unknown, or there is no such device here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"'{name}' is not a device. Use auto, cpu, cuda, cuda:0 or mps.") from error
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    # A very large index wraps around inside torch.device and may come out as any other number.
    if device.type == "cuda" and (str(device) != name or (device.index or 0) >= count):
        found = "no GPU that CUDA can use was found" if not count else f"only {count} GPU(s) were found"
        raise DeviceError(f"The device '{name}' was asked for, but {found}. Use --device cpu or auto.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError(f"The device '{name}' was asked for, but there is none here. Use --device cpu or auto.")
    if device.type not in ("cpu", "cuda", "mps"):
        raise DeviceError(f"'{name}' is not supported. Use auto, cpu, cuda, cuda:0 or mps.")
    return device
