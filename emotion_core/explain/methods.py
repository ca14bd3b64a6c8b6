"""Several CAM methods behind one function.

Grad-CAM is :mod:`our exact one <emotion_core.explain.exact>`; the others come from the grad-cam package, which hooks
and alters the model it is given. It therefore gets a stand-in that calls the network and owns copies of the two small
heads: the network itself gets no hooks and no gradients, and threads can share one that is in evaluation mode.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from emotion_core.errors import ConfigError, did_you_mean
from emotion_core.explain.exact import exact_maps, normalise_maps, resize_maps
from emotion_core.labels import OUTPUTS
from emotion_core.models.network import EmotionNetwork

METHODS: Mapping[str, str] = MappingProxyType(
    {
        "gradcam": "Grad-CAM",
        "gradcam++": "Grad-CAM++",
        "eigencam": "Eigen-CAM",
        "layercam": "LayerCAM",
        "scorecam": "Score-CAM",
    }
)
"""Every method's title by its name in commands and pages."""


def explain(
    network: EmotionNetwork,
    images: torch.Tensor,
    output: str | Sequence[str],
    *,
    method: str = "gradcam",
    progress: Callable[[float], object] | None = None,
) -> NDArray[np.float32]:
    """Where in each image does the evidence for one output lie?

    Grad-CAM takes one forward pass for all images, also where each has an output of its own.

    Args:
        network: runs in evaluation mode and is left as it was.
        images: normalised, shape ``(B, 3, S, S)``, ``B`` at least 1, on the network's device.
        output: one of :data:`~emotion_core.labels.OUTPUTS`, or one for each image. Eigen-CAM shows the first principal
            component of the feature map, with whatever sign the decomposition gives it, and so the same map for every output.
        method: a key of :data:`METHODS`. Score-CAM takes a forward pass for every channel of the feature map.
        progress: called by Score-CAM with the share that is done, in (0, 1], after each few channels. It may raise to stop.

    Returns:
        Shape ``(B, S, S)``, each map scaled to [0, 1]; all 0 where the method finds no evidence.

    Raises:
        ConfigError: unknown output or method; the message gives the nearest.
        ValueError: ``images`` is not of that shape, or there are not as many outputs.
    """
    names = [output] * len(images) if isinstance(output, str) else list(output)
    for name in [output] if isinstance(output, str) else names:
        _check_known("output", name, OUTPUTS)
    _check_known("CAM method", method, METHODS)
    if images.ndim != 4 or len(images) == 0:
        raise ValueError(f"images must be of shape (B, 3, S, S) with at least one image, not {tuple(images.shape)}.")
    if len(names) != len(images):
        raise ValueError(f"There are {len(names)} outputs for {len(images)} images; give one, or one for each.")
    indices = [OUTPUTS.index(name) for name in names]
    with _evaluation_mode(network):
        if method == "gradcam":
            return _exact(network, images, indices)
        # Autograd cannot record inference tensors, and the caller may be in inference mode.
        with torch.inference_mode(False), torch.enable_grad():
            return _from_package(network, images.detach().clone(), indices, method, progress)


@torch.inference_mode()
def _exact(network: EmotionNetwork, images: torch.Tensor, indices: list[int]) -> NDArray[np.float32]:
    outputs = network(images)
    gradients = network.output_gradients(outputs.pooled)[torch.arange(len(indices)), indices]
    maps = exact_maps(outputs, gradients[:, None])
    resized = resize_maps(normalise_maps(maps), (images.shape[2], images.shape[3]))
    array: NDArray[np.float32] = resized[:, 0].float().cpu().numpy()
    return array


def _from_package(
    network: EmotionNetwork,
    images: torch.Tensor,
    indices: list[int],
    method: str,
    progress: Callable[[float], object] | None,
) -> NDArray[np.float32]:
    # Imported here because it loads scikit-learn and pyplot, which Grad-CAM does not need.
    from pytorch_grad_cam import EigenCAM, GradCAMPlusPlus, LayerCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    from emotion_core.explain.scorecam import ChunkedScoreCAM

    methods = {
        "gradcam++": GradCAMPlusPlus,
        "eigencam": EigenCAM,
        "layercam": LayerCAM,
        "scorecam": ChunkedScoreCAM,
    }
    stand_in = _StandIn(network)
    cam = methods[method](stand_in, [stand_in.last_feature_map])
    if isinstance(cam, ChunkedScoreCAM):
        cam.progress = progress
    # Not as a context manager: its __exit__ prints and swallows every IndexError.
    try:
        maps: NDArray[np.float32] = cam(images, [ClassifierOutputTarget(index) for index in indices])
    finally:
        cam.activations_and_grads.release()
    return maps


class _StandIn(nn.Module):
    """A network as the package wants it: one tensor of ten outputs, and a module that gives the last feature map.

    Gradients begin at the feature map, since no method reads them further down.
    """

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        # A bound method and not the module, or else the network's flags and gradients would count as this module's.
        self.call_network = network.__call__
        self.last_feature_map = nn.Identity()
        self.expression = copy.deepcopy(network.expression).float().requires_grad_(False)
        self.affect = copy.deepcopy(network.affect).float().requires_grad_(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Normalised images ``(B, 3, S, S)`` to the ten outputs ``(B, 10)``."""
        with torch.no_grad():
            feature_map = self.call_network(images).feature_map.detach().float()
        feature_map = self.last_feature_map(feature_map.requires_grad_(torch.is_grad_enabled()))
        pooled = feature_map.mean(dim=(2, 3))
        return torch.cat([self.expression(pooled), self.affect(pooled)], dim=1)


@contextmanager
def _evaluation_mode(network: nn.Module) -> Iterator[None]:
    # Module by module, because a network in training can hold frozen stages in evaluation mode.
    training = [module for module in network.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _check_known(kind: str, name: str, known: Collection[Any]) -> None:
    if name in known:
        return
    hint = did_you_mean(name, known, cutoff=0.3)
    raise ConfigError(f"There is no {kind} '{name}'.{hint} Known: {', '.join(known)}.")
