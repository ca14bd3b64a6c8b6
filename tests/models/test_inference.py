from __future__ import annotations

import numpy as np
import pytest
import torch

from emotion_core.errors import DeviceError
from emotion_core.models.device import resolve_device
from emotion_core.models.inference import infer, match_channels, to_input
from emotion_core.models.network import EmotionNetwork, NetworkConfig


@pytest.fixture(scope="module")
def network() -> EmotionNetwork:
    torch.manual_seed(0)
    network = EmotionNetwork(NetworkConfig(backbone="custom_cnn", input_size=32, dropout=0.5))
    network(torch.randn(8, 3, 32, 32))
    return network.eval()


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (11, 3, 32, 32), dtype=np.uint8)


def by_hand(network: EmotionNetwork, image: np.ndarray) -> torch.Tensor:
    """The ten outputs for one picture, from the published statistics of ImageNet."""
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    values = (image.transpose(1, 2, 0) / 255.0 - mean) / std
    with torch.no_grad():
        outputs = network(torch.from_numpy(values.transpose(2, 0, 1)[None].astype(np.float32)))
    return torch.cat([outputs.logits, outputs.affect], dim=1)[0]


def test_batches_equal_one_by_one(network: EmotionNetwork, pixels: np.ndarray) -> None:
    logits, affect = infer(network, pixels)
    assert logits.shape == (11, 8)
    assert affect.shape == (11, 2)
    assert logits.dtype == affect.dtype == np.float32
    for index, image in enumerate(pixels):
        expected = by_hand(network, image).numpy()
        assert np.allclose(np.concatenate([logits[index], affect[index]]), expected, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3, 11, 64])
def test_batch_size_does_not_matter(network: EmotionNetwork, pixels: np.ndarray, batch_size: int) -> None:
    done: list[int] = []
    logits, affect = infer(network, pixels, batch_size=batch_size, progress=done.append)
    expected_logits, expected_affect = infer(network, pixels)
    assert np.allclose(logits, expected_logits, atol=1e-5)
    assert np.allclose(affect, expected_affect, atol=1e-5)
    assert sum(done) == 11


def test_flip_averages_both_mirror_images(network: EmotionNetwork, pixels: np.ndarray) -> None:
    logits, affect = infer(network, pixels, flip=True)
    straight, mirrored = infer(network, pixels), infer(network, np.ascontiguousarray(pixels[..., ::-1]))
    assert np.allclose(logits, (straight[0] + mirrored[0]) / 2, atol=1e-5)
    assert np.allclose(affect, (straight[1] + mirrored[1]) / 2, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_mode_and_statistics_are_restored(network: EmotionNetwork, pixels: np.ndarray, training: bool) -> None:
    network.train(training)
    network.backbone.stem.eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    infer(network, pixels)
    assert network.training is training
    assert network.backbone.stage4.training is training
    assert not network.backbone.stem.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    network.eval()


def test_mode_is_restored_after_an_error(network: EmotionNetwork, pixels: np.ndarray) -> None:
    network.train()
    with pytest.raises(ZeroDivisionError):
        infer(network, pixels, progress=lambda done: 1 // 0)
    assert network.training
    network.eval()


def test_grey_pictures_count_as_three_equal_channels(network: EmotionNetwork, pixels: np.ndarray) -> None:
    grey = pixels[:, :1]
    assert np.allclose(infer(network, grey)[0], infer(network, grey.repeat(3, axis=1))[0], atol=1e-6)


def test_matching_channels() -> None:
    grey, colour = torch.rand(2, 1, 4, 4), torch.rand(2, 3, 4, 4)
    assert match_channels(colour, 3) is colour
    assert torch.equal(match_channels(grey, 3), torch.cat([grey] * 3, dim=1))
    assert torch.equal(match_channels(grey, 4), torch.cat([grey] * 4, dim=1))
    luma = 0.299 * colour[:, :1] + 0.587 * colour[:, 1:2] + 0.114 * colour[:, 2:]
    assert torch.allclose(match_channels(colour, 1), luma, atol=1e-6)
    four = match_channels(colour, 4)
    assert torch.equal(four[:, :3], colour)
    assert (four[:, 3] == 0).all()


def test_input_is_scaled_before_it_is_normalised(network: EmotionNetwork) -> None:
    white = to_input(network, torch.full((1, 1, 2, 2), 255, dtype=torch.uint8))
    assert white[0, :, 0, 0].tolist() == pytest.approx([2.2489, 2.4286, 2.6400], abs=1e-4)


def test_device_that_is_there() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize(("cuda", "expected"), [(True, "cuda"), (False, "cpu")])
def test_automatic_device(monkeypatch: pytest.MonkeyPatch, cuda: bool, expected: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device("auto").type == expected


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:3"])
def test_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=f"'{name}' was asked for, but no GPU that CUDA can use was found. Use --device cpu"):
        resolve_device(name)


@pytest.mark.parametrize("name", ["cuda:2", "cuda:100", "cuda:999"])
def test_too_large_a_gpu_number(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(DeviceError, match=rf"'{name}' was asked for, but only 2 GPU\(s\) were found"):
        resolve_device(name)


def test_mps_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="'mps' was asked for, but there is none here"):
        resolve_device("mps")


@pytest.mark.parametrize("name", ["banana", "", "cuda:x", "cuda:-1", "GPU"])
def test_what_is_not_a_device(name: str) -> None:
    with pytest.raises(DeviceError, match=f"'{name}' is not a device. Use auto, cpu, cuda, cuda:0 or mps"):
        resolve_device(name)


def test_devices_that_cannot_compute() -> None:
    with pytest.raises(DeviceError, match="'meta' is not supported"):
        resolve_device("meta")
