"""Exact Grad-CAM against the grad-cam package and against autograd."""

from __future__ import annotations

import copy
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from emotion_core.explain import cam_for_all, contributions, contributions_to_all, exact_maps, normalise_maps, resize_maps
from emotion_core.labels import OUTPUTS
from emotion_core.models.backbones import BACKBONES
from emotion_core.models.network import EmotionNetwork, Outputs

Build = Callable[..., EmotionNetwork]
TOLERANCE = 1e-4


class TenOutputs(nn.Module):
    """What the package can read: a copy of the network, hooked at its own layer, with one tensor for a result."""

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        # Frozen, and gradients asked of the images instead, which spares those of the weights.
        self.network = copy.deepcopy(network).requires_grad_(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        outputs: Outputs = self.network(images)
        return torch.cat([outputs.logits, outputs.affect], 1)


def package_maps(network: EmotionNetwork, images: torch.Tensor) -> np.ndarray:
    # The package takes seconds to import.
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model = TenOutputs(network)
    images = images.clone().requires_grad_()
    with GradCAM(model, [model.network.cam_layer]) as cam:
        maps = [cam(images, [ClassifierOutputTarget(index)] * len(images)) for index in range(len(OUTPUTS))]
    return np.stack(maps, axis=1)


def assert_maps_equal_the_package(network: EmotionNetwork, images: torch.Tensor) -> None:
    _, maps = cam_for_all(network, images)
    ours = resize_maps(normalise_maps(maps), (64, 64)).numpy()
    assert ours.shape == (2, 10, 64, 64)
    assert (ours.max(axis=(2, 3)) > 0.99).sum() >= 10, "too many empty maps to compare"
    difference = np.abs(ours - package_maps(network, images)).max(axis=(0, 2, 3))
    assert dict(zip(OUTPUTS, difference, strict=True)) == pytest.approx(dict.fromkeys(OUTPUTS, 0), abs=TOLERANCE)


def outputs_with(feature_map: torch.Tensor) -> Outputs:
    empty = torch.empty(0)
    return Outputs(feature_map, empty, empty, empty)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_maps_equal_the_package(build: Build, images: torch.Tensor, backbone: str) -> None:
    assert_maps_equal_the_package(build(backbone), images)


@pytest.mark.parametrize("backbone", ["mobilenetv2", "custom_cnn"])
def test_maps_equal_the_package_with_hidden_layers(build: Build, images: torch.Tensor, backbone: str) -> None:
    assert_maps_equal_the_package(build(backbone, 256), images)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_cam_layer_gives_the_feature_map(build: Build, images: torch.Tensor, backbone: str) -> None:
    network = build(backbone)
    seen = []
    handle = network.cam_layer.register_forward_hook(lambda module, args, output: seen.append(output.clone()))
    with handle, torch.no_grad():
        feature_map = network(images).feature_map
    assert torch.equal(seen[0], feature_map)


@pytest.mark.parametrize("hidden", [None, 256])
def test_output_gradients_equal_autograd(build: Build, hidden: int | None) -> None:
    network = copy.deepcopy(build("custom_cnn", hidden)).double()
    pooled = torch.randn(3, network.num_features, dtype=torch.double, generator=torch.Generator().manual_seed(2))

    def ten_outputs(pooled: torch.Tensor) -> torch.Tensor:
        return torch.cat([network.expression(pooled), network.affect(pooled)], 1)

    for image in range(len(pooled)):
        expected = torch.autograd.functional.jacobian(ten_outputs, pooled[image : image + 1])[0, :, 0]
        torch.testing.assert_close(network.output_gradients(pooled)[image], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("hidden", [None, 256])
def test_raw_maps_equal_autograd(build: Build, images: torch.Tensor, hidden: int | None) -> None:
    network = copy.deepcopy(build("custom_cnn", hidden)).double()
    with torch.no_grad():
        feature_map = network(images.double()).feature_map[:1]

    def ten_outputs(feature_map: torch.Tensor) -> torch.Tensor:
        pooled = feature_map.mean(dim=(2, 3))
        return torch.cat([network.expression(pooled), network.affect(pooled)], 1)

    gradients = torch.autograd.functional.jacobian(ten_outputs, feature_map)[0, :, 0]
    weights = gradients.mean(dim=(2, 3))
    expected = torch.einsum("kc,chw->khw", weights, feature_map[0]).relu()
    _, maps = cam_for_all(network, images.double())
    assert expected.max() > 0
    torch.testing.assert_close(maps[0].clone(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("hidden", [None, 256])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_contributions_and_bias_sum_to_the_output(
    build: Build, images: torch.Tensor, backbone: str, hidden: int | None
) -> None:
    network = build(backbone, hidden)
    outputs, signed = contributions_to_all(network, images)
    assert (signed < 0).any()
    with torch.inference_mode():
        sums = signed.sum(dim=(2, 3)) + network.output_biases(outputs.pooled)
    torch.testing.assert_close(sums, torch.cat([outputs.logits, outputs.affect], 1), rtol=0, atol=TOLERANCE)


def test_biases_are_what_is_left_without_features(build: Build) -> None:
    network = build("custom_cnn")
    nothing = torch.zeros(1, network.num_features)
    with torch.inference_mode():
        expected = torch.cat([network.expression(nothing), network.affect(nothing)], 1)
        torch.testing.assert_close(network.output_biases(nothing), expected)


def test_what_is_positive_of_contributions_is_grad_cam(build: Build, images: torch.Tensor) -> None:
    network = build("custom_cnn")
    _, maps = cam_for_all(network, images)
    _, signed = contributions_to_all(network, images)
    assert torch.equal(maps, signed.clamp(min=0))


def test_contributions_by_hand() -> None:
    feature_map = torch.tensor([[[[1.0, 2.0]], [[3.0, 0.0]]]])
    gradients = torch.tensor([[[1.0, 1.0], [2.0, -1.0]]])
    assert contributions(outputs_with(feature_map), gradients).tolist() == [[[[2.0, 1.0]], [[-0.5, 2.0]]]]


def test_one_forward_pass_without_graph(build: Build, images: torch.Tensor) -> None:
    network = copy.deepcopy(build("custom_cnn"))
    calls = []
    network.register_forward_hook(lambda module, args, output: calls.append(output))
    outputs, maps = cam_for_all(network, images)
    assert len(calls) == 1
    assert not maps.requires_grad
    assert outputs.logits.shape == (2, 8)
    assert maps.shape == (2, len(OUTPUTS), *outputs.feature_map.shape[2:])
    assert all(parameter.grad is None for parameter in network.parameters())


def test_maps_by_hand() -> None:
    feature_map = torch.tensor([[[[1.0, 2.0]], [[3.0, 0.0]]]])
    gradients = torch.tensor([[[1.0, 1.0], [2.0, -1.0]]])
    maps = exact_maps(outputs_with(feature_map), gradients)
    assert maps.tolist() == [[[[2.0, 1.0]], [[0.0, 2.0]]]]


def test_maps_from_arrays_of_another_runtime() -> None:
    generator = np.random.default_rng(0)
    feature_map = generator.random((2, 5, 3, 4), dtype=np.float32)
    gradients = generator.standard_normal((2, 10, 5), dtype=np.float32)
    maps = exact_maps(outputs_with(torch.from_numpy(feature_map)), torch.from_numpy(gradients)).numpy()
    expected = np.maximum(np.einsum("bkc,bcij->bkij", gradients, feature_map) / 12, 0)
    np.testing.assert_allclose(maps, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("shape", [(1, 10, 4), (2, 10, 5), (10, 4)])
def test_shapes_that_do_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"gradients \(B, K, C\)"):
        exact_maps(outputs_with(torch.zeros(1, 5, 3, 3)), torch.zeros(shape))


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e-8, 0.0])
@pytest.mark.parametrize("size", [(112, 112), (7, 9), (5, 4), (3, 2)])
def test_scaling_equals_the_package(scale: float, size: tuple[int, int]) -> None:
    from pytorch_grad_cam.utils.image import scale_cam_image

    maps = scale * torch.rand(3, 4, 7, 5, generator=torch.Generator().manual_seed(3))
    ours = resize_maps(normalise_maps(maps), size).numpy()
    expected = np.stack([scale_cam_image(scale_cam_image(image.numpy(), size[::-1])) for image in maps])
    np.testing.assert_allclose(ours, expected, atol=2e-6)


@pytest.mark.parametrize("size", [(112, 112), (56, 30), (3, 11)])
def test_interpolation_equals_opencv(size: tuple[int, int]) -> None:
    image = torch.rand(4, 7, generator=torch.Generator().manual_seed(4))
    image[0, 0], image[3, 6] = 0.0, 1.0  # at corners, which upsampling reaches: the second scaling changes nothing
    resized = cv2.resize(image.numpy(), size[::-1])
    resized -= resized.min()
    np.testing.assert_allclose(resize_maps(image, size).numpy(), resized / resized.max(), atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_constant_maps_become_zero(value: float) -> None:
    maps = normalise_maps(torch.full((2, 10, 4, 4), value))
    assert torch.equal(maps, torch.zeros(2, 10, 4, 4))
    assert torch.equal(resize_maps(maps, (9, 9)), torch.zeros(2, 10, 9, 9))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_scaled_in_single(dtype: torch.dtype) -> None:
    maps = normalise_maps(torch.tensor([[0.0, 0.5], [0.25, 2.0]], dtype=dtype))
    assert maps.dtype == torch.float32
    assert maps.flatten().tolist() == pytest.approx([0.0, 0.25, 0.125, 1.0])
    assert torch.equal(normalise_maps(torch.zeros(2, 2, dtype=dtype)), torch.zeros(2, 2))
