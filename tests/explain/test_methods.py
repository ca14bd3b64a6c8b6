"""The other CAM methods: same maps as the package, and a network that is left as it was."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from emotion_core.errors import ConfigError
from emotion_core.explain import METHODS, explain
from emotion_core.labels import OUTPUTS
from emotion_core.models.backbones import BACKBONES
from emotion_core.models.network import EmotionNetwork, Outputs

Build = Callable[..., EmotionNetwork]
CLASSES = {
    "gradcam": "GradCAM",
    "gradcam++": "GradCAMPlusPlus",
    "eigencam": "EigenCAM",
    "layercam": "LayerCAM",
    "scorecam": "ScoreCAM",
}


class TenOutputs(nn.Module):
    """What the package can read: a copy of the network, hooked at its own layer, with one tensor for a result."""

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        # Frozen, and gradients asked of the images instead, which spares those of the weights.
        self.network = copy.deepcopy(network).requires_grad_(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        outputs: Outputs = self.network(images)
        return torch.cat([outputs.logits, outputs.affect], 1)


def package_maps(network: EmotionNetwork, images: torch.Tensor, index: int, method: str) -> np.ndarray:
    # The package takes seconds to import.
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model = TenOutputs(network)
    images = images.clone().requires_grad_()
    with getattr(pytorch_grad_cam, CLASSES[method])(model, [model.network.cam_layer]) as cam:
        return cam(images, [ClassifierOutputTarget(index)] * len(images))


def num_hooks(network: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in network.modules())


@pytest.fixture
def small_images(images: torch.Tensor) -> torch.Tensor:
    """Fewer pixels, because Score-CAM takes a forward pass for each of 256 channels; 3 × 3 cells of a feature map."""
    return images[:, :, :48, :48]


@pytest.mark.parametrize(
    ("method", "output"),
    [(method, output) for method in METHODS for output in (OUTPUTS if method != "scorecam" else ("fear", "arousal"))],
)
def test_maps_equal_the_package(build: Build, small_images: torch.Tensor, method: str, output: str) -> None:
    network = build("custom_cnn", 256)
    maps = explain(network, small_images, output, method=method)
    assert maps.shape == (2, 48, 48)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, package_maps(network, small_images, OUTPUTS.index(output), method), atol=1e-4)


@pytest.mark.parametrize("method", [method for method in METHODS if method != "scorecam"])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone(build: Build, images: torch.Tensor, backbone: str, method: str) -> None:
    network = build(backbone)
    maps = explain(network, images, "valence", method=method)
    assert maps.min() >= 0
    assert maps.max() <= 1
    np.testing.assert_allclose(maps, package_maps(network, images, 8, method), atol=1e-4)


@pytest.mark.parametrize("method", [method for method in METHODS if method != "scorecam"])
def test_each_image_may_have_an_output_of_its_own(build: Build, small_images: torch.Tensor, method: str) -> None:
    network = build("custom_cnn", 256)
    maps = explain(network, small_images, ["contempt", "valence"], method=method)
    for row, output in enumerate(("contempt", "valence")):
        np.testing.assert_allclose(maps[row], explain(network, small_images, output, method=method)[row], atol=1e-5)
    with pytest.raises(ValueError, match="3 outputs for 2 images"):
        explain(network, small_images, ["fear"] * 3, method=method)
    with pytest.raises(ConfigError, match="no output 'joy'"):
        explain(network, small_images, ["fear", "joy"], method=method)


def test_outputs_differ(build: Build, small_images: torch.Tensor) -> None:
    network = build("custom_cnn")
    for method in set(METHODS) - {"eigencam"}:
        maps = [explain(network, small_images, output, method=method) for output in ("happiness", "arousal")]
        assert np.abs(maps[0] - maps[1]).max() > 1e-3, method


@pytest.mark.parametrize("method", METHODS)
def test_zero_maps_where_there_is_no_evidence(build: Build, small_images: torch.Tensor, method: str) -> None:
    network = copy.deepcopy(build("custom_cnn"))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    maps = explain(network, small_images, "anger", method=method)
    assert np.array_equal(maps, np.zeros((2, 48, 48), np.float32))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fail", [False, True])
def test_network_is_left_as_it_was(
    build: Build, small_images: torch.Tensor, monkeypatch: pytest.MonkeyPatch, method: str, fail: bool
) -> None:
    network = copy.deepcopy(build("custom_cnn", 256))
    network.train()
    network.backbone.get_submodule("stage1").eval()
    network.backbone.get_submodule("stem").requires_grad_(False)
    for parameter in network.affect.parameters():
        parameter.grad = torch.ones_like(parameter)
    hook = network.cam_layer.register_forward_hook(lambda module, args, output: None)
    training = [module.training for module in network.modules()]
    requires_grad = [parameter.requires_grad for parameter in network.parameters()]
    had_grad = [parameter.grad is not None for parameter in network.parameters()]
    state = {key: value.clone() for key, value in network.state_dict().items()}
    hooks = num_hooks(network)

    if fail:
        forward = network.backbone.forward_features

        def forward_and_fail(images: torch.Tensor) -> torch.Tensor:
            forward(images)
            raise IndexError("no such layer")

        monkeypatch.setattr(network.backbone, "forward_features", forward_and_fail)
        with pytest.raises(IndexError, match="no such layer"):
            explain(network, small_images, "fear", method=method)
    else:
        explain(network, small_images, "fear", method=method)

    assert num_hooks(network) == hooks == 1
    assert hook.id in network.cam_layer._forward_hooks
    assert [module.training for module in network.modules()] == training
    assert [parameter.requires_grad for parameter in network.parameters()] == requires_grad
    assert [parameter.grad is not None for parameter in network.parameters()] == had_grad
    assert all((parameter.grad == 1).all() for parameter in network.affect.parameters() if parameter.grad is not None)
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("method", METHODS)
def test_training_mode_does_not_change_the_maps(build: Build, small_images: torch.Tensor, method: str) -> None:
    network = build("custom_cnn")
    expected = explain(network, small_images, "sadness", method=method)
    training = copy.deepcopy(network).train()
    np.testing.assert_array_equal(explain(training, small_images, "sadness", method=method), expected)


@pytest.mark.parametrize("method", METHODS)
def test_frozen_networks_and_inference_tensors(build: Build, small_images: torch.Tensor, method: str) -> None:
    network = build("custom_cnn")
    expected = explain(network, small_images, "disgust", method=method)
    frozen = copy.deepcopy(network).requires_grad_(False)
    with torch.inference_mode():
        inference_images = small_images + 0
        inside = explain(frozen, inference_images, "disgust", method=method)
    np.testing.assert_array_equal(inside, expected)
    np.testing.assert_array_equal(explain(frozen, inference_images, "disgust", method=method), expected)
    with torch.no_grad():
        np.testing.assert_array_equal(explain(network, small_images, "disgust", method=method), expected)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_printed(
    build: Build,
    small_images: torch.Tensor,
    method: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    explain(build("custom_cnn"), small_images, "contempt", method=method)
    sys.stderr.flush()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("method", ["gradcam", "gradcam++", "layercam"])
def test_threads_share_a_network(build: Build, small_images: torch.Tensor, method: str) -> None:
    network = build("custom_cnn")
    expected = [explain(network, small_images, output, method=method) for output in OUTPUTS]
    with ThreadPoolExecutor(3) as pool:
        maps = list(pool.map(lambda output: explain(network, small_images, output, method=method), OUTPUTS))
    np.testing.assert_allclose(maps, expected, atol=1e-6)


def test_scorecam_limits_the_batch(build: Build, small_images: torch.Tensor) -> None:
    network = copy.deepcopy(build("custom_cnn"))
    sizes = []
    network.register_forward_hook(lambda module, args, output: sizes.append(len(output.logits)))
    explain(network, small_images, "surprise", method="scorecam")
    assert max(sizes) <= 32
    assert sum(sizes) == 2 + 2 * network.num_features


def test_methods_and_their_titles() -> None:
    assert set(METHODS) == set(CLASSES)
    assert METHODS["gradcam"] == "Grad-CAM"


def test_unknown_output(build: Build, small_images: torch.Tensor) -> None:
    with pytest.raises(ConfigError, match=r"no output 'hapiness'\. Did you mean 'happiness'"):
        explain(build("custom_cnn"), small_images, "hapiness")


def test_unknown_method(build: Build, small_images: torch.Tensor) -> None:
    with pytest.raises(ConfigError, match=r"no CAM method 'grad-cam'\. Did you mean 'gradcam'"):
        explain(build("custom_cnn"), small_images, "happiness", method="grad-cam")


@pytest.mark.parametrize("shape", [(3, 64, 64), (0, 3, 64, 64)])
def test_not_a_batch_of_images(build: Build, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least one image"):
        explain(build("custom_cnn"), torch.zeros(shape), "happiness")
