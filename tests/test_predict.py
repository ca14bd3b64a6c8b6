"""From a photo to a reading: what the numbers are, and what bad input gets."""

from __future__ import annotations

import io
import json
import re
import struct
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from scipy.special import softmax

from emotion_core.data.transforms import resize_square
from emotion_core.errors import CheckpointError, CheckpointNotFoundError, DeviceError
from emotion_core.explain import explain
from emotion_core.faces import Detection, Face, FaceDetector
from emotion_core.labels import EXPRESSIONS, OUTPUTS
from emotion_core.models.checkpoint import load_network, load_weights
from emotion_core.models.inference import infer, to_input
from emotion_core.models.network import EmotionNetwork, NetworkConfig
from emotion_core.predict import CROP_SIDE, MAX_FACES, Predictor

MakeRun = Callable[..., Path]


class FixedDetector(FaceDetector):
    """Finds what it is told to."""

    name = "fixed"

    def __init__(self, *boxes: tuple[int, int, int, int]) -> None:
        self.faces = tuple(Face(box, score=0.9) for box in boxes)

    def detect(self, image: np.ndarray) -> Detection:
        return Detection(self.faces, self.name)


def picture(seed: int, side: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)


def jpeg(image: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def network_of(path: Path) -> EmotionNetwork:
    """The run's network, put together without the predictor."""
    info = json.loads((path / "run.json").read_text())["network"]
    network = EmotionNetwork(NetworkConfig.from_dict(info)).eval()
    load_weights(network, path / "model.safetensors")
    return network


def test_reading_equals_a_forward_pass_by_hand(make_run: MakeRun):
    path = make_run(temperature=1.7)
    crop = picture(0, 48)
    [reading] = Predictor.from_run(path, device="cpu").read([crop])

    network = network_of(path)
    images = (torch.from_numpy(crop).permute(2, 0, 1)[None] / 255 - network.mean) / network.std
    with torch.no_grad():
        outputs = network(images)
    probs = torch.softmax(outputs.logits / 1.7, 1)[0].numpy()
    assert list(reading.probabilities) == list(EXPRESSIONS)
    np.testing.assert_allclose(list(reading.probabilities.values()), probs, atol=1e-6)
    assert reading.expression == EXPRESSIONS[probs.argmax()]
    np.testing.assert_allclose([reading.valence, reading.arousal], outputs.affect[0].clamp(-1, 1), atol=1e-6)


def test_valence_and_arousal_stay_inside_their_range(make_run: MakeRun):
    path = make_run()
    state = load_file(path / "model.safetensors")
    state["affect.output.bias"] = torch.tensor([9.0, -9.0], dtype=torch.float16)
    save_file(state, path / "model.safetensors")
    [reading] = Predictor.from_run(path, device="cpu").read([picture(0)])
    assert (reading.valence, reading.arousal) == (1.0, -1.0)


def test_maps_of_a_reading_are_those_of_the_method(make_run: MakeRun):
    path = make_run()
    predictor = Predictor.from_run(path, device="cpu")
    crops = [picture(seed, 48) for seed in range(3)]
    readings = predictor.read(crops)
    assert set(readings[0].maps) == set(OUTPUTS)
    network = network_of(path)
    images = torch.stack([(torch.from_numpy(c).permute(2, 0, 1) / 255 - network.mean[0]) / network.std[0] for c in crops])
    for output in OUTPUTS:
        expected = explain(network, images, output)
        np.testing.assert_allclose(predictor.explain(crops, output), expected, atol=1e-5)
        for reading, full in zip(readings, expected, strict=True):
            # The largest value of the small map lies at the same place in the full one.
            small = reading.maps[output]
            row, column = np.unravel_index(small.argmax(), small.shape)
            step = 48 / len(small)
            area = full[int(row * step) : int((row + 1) * step), int(column * step) : int((column + 1) * step)]
            assert area.max() == pytest.approx(full.max(), abs=0.02)


def test_the_mirror_image_is_averaged_in(make_run: MakeRun):
    path = make_run(temperature=1.3)
    predictor = Predictor.from_run(path, device="cpu")
    crops = [picture(seed, 48) for seed in range(3)]
    mirrored = [np.ascontiguousarray(crop[:, ::-1]) for crop in crops]
    pixels = np.stack(crops).transpose(0, 3, 1, 2)
    logits, affect = infer(network_of(path), pixels, flip=True)
    readings = predictor.read(crops, batch_size=2, flip=True)
    for reading, one, said in zip(readings, logits, affect, strict=True):
        np.testing.assert_allclose(list(reading.probabilities.values()), softmax(one / 1.3), atol=1e-6)
        np.testing.assert_allclose([reading.valence, reading.arousal], said, atol=1e-6)
    for reading, other in zip(readings, predictor.read(mirrored, flip=True), strict=True):
        # Either way round, it is the same pair of pictures.
        np.testing.assert_allclose(list(reading.probabilities.values()), list(other.probabilities.values()), atol=1e-6)
        for output in OUTPUTS:
            np.testing.assert_allclose(reading.maps[output], other.maps[output][:, ::-1], atol=1e-5)


def test_the_map_with_a_mirror_image_is_the_mean_of_both(make_run: MakeRun):
    path = make_run()
    crop = picture(5, 48)
    [reading] = Predictor.from_run(path, device="cpu").read([crop], flip=True)
    network = network_of(path)
    images = to_input(network, torch.from_numpy(crop).permute(2, 0, 1)[None])
    both = torch.cat([images, images.flip(3)])
    for index, output in enumerate(OUTPUTS):
        feature_map = network(both).feature_map.detach().requires_grad_()
        pooled = feature_map.mean(dim=(2, 3))
        outputs = torch.cat([network.expression(pooled), network.affect(pooled)], dim=1)
        [gradient] = torch.autograd.grad(outputs.sum(dim=0)[index], feature_map)
        maps = (gradient.mean(dim=(2, 3), keepdim=True) * feature_map).sum(dim=1).detach().clamp(min=0)
        whole = (maps[0] + maps[1].flip(1)) / 2
        whole = whole - whole.min()
        np.testing.assert_allclose(reading.maps[output], whole / (whole.max() + 1e-7), atol=1e-4)


def test_batches_do_not_change_readings(make_run: MakeRun):
    predictor = Predictor.from_run(make_run(), device="cpu")
    crops = [picture(seed) for seed in range(7)]
    one_by_one = [predictor.read([crop])[0] for crop in crops]
    for reading, alone in zip(predictor.read(crops, batch_size=3), one_by_one, strict=True):
        np.testing.assert_allclose(list(reading.probabilities.values()), list(alone.probabilities.values()), atol=1e-6)


def test_network_without_valence_says_so_instead_of_inventing_it(make_run: MakeRun):
    [prediction] = Predictor.from_run(make_run(outputs=("expression",)), device="cpu", detector=FixedDetector()).predict(
        [picture(0)], whole="always"
    )
    [reading] = prediction.readings
    assert reading.valence is None
    assert reading.arousal is None
    assert set(reading.maps) == set(EXPRESSIONS)
    assert prediction.to_dict()["faces"][0]["valence"] is None


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_four_channel_networks_read_colour_photos(make_run: MakeRun, channels: int):
    run = make_run(in_chans=channels, mean=(0.5,) * channels, std=(0.25,) * channels)
    [reading] = Predictor.from_run(run, device="cpu").read([picture(0)])
    assert sum(reading.probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_faces_keep_their_order_and_crops_stay_small(make_run: MakeRun):
    detector = FixedDetector((10, 20, 300, 320), (500, 600, 40, 44))
    image = picture(1, 900)
    [prediction] = Predictor.from_run(make_run(), device="cpu", detector=detector).predict([image], names=["two"])
    assert [found.face.box for found in prediction.photo.faces] == [(10, 20, 300, 320), (500, 600, 40, 44)]
    assert len(prediction.photo.faces[0].crop) <= CROP_SIDE
    record = prediction.to_dict()
    assert (record["image"], record["width"], record["height"], record["detector"]) == ("two", 900, 900, "fixed")
    assert [face["score"] for face in record["faces"]] == [0.9, 0.9]
    json.dumps(record)


def test_no_face_is_a_result_and_the_whole_picture_can_stand_in(make_run: MakeRun):
    predictor = Predictor.from_run(make_run(), device="cpu", detector=FixedDetector())
    [nothing] = predictor.predict([picture(0)])
    assert nothing.photo.error is None
    assert nothing.readings == ()
    [whole] = predictor.predict([picture(0, 48)], whole="fallback")
    assert whole.photo.faces[0].face.box == (0, 0, 48, 48)
    [reading] = predictor.read([picture(0, 48)])
    assert whole.readings[0].probabilities == pytest.approx(reading.probabilities, abs=1e-6)


def test_whole_always_does_not_look_for_faces(make_run: MakeRun):
    predictor = Predictor.from_run(make_run(), device="cpu", detector=FixedDetector((0, 0, 10, 10)))
    [prediction] = predictor.predict([picture(0)], whole="always")
    assert prediction.photo.detector == "none"
    assert prediction.photo.faces[0].face.box == (0, 0, 64, 64)


def test_a_single_photo_is_a_list_of_one(make_run: MakeRun, tmp_path: Path):
    predictor = Predictor.from_run(make_run(), device="cpu", detector=FixedDetector((0, 0, 10, 10)))
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg(picture(0)))
    for source in (path, str(path), path.read_bytes(), picture(0)):
        [prediction] = predictor.predict(source)
        assert len(prediction.readings) == 1
    assert len(predictor.predict(np.stack([picture(0), picture(1)]))) == 2


def test_of_very_many_faces_the_largest_are_read(make_run: MakeRun):
    boxes = [(0, 0, 60 - n % 40, 60 - n % 40) for n in range(MAX_FACES + 7)]
    predictor = Predictor.from_run(make_run(), device="cpu", detector=FixedDetector(*boxes))
    [prediction] = predictor.predict(picture(0))
    assert len(prediction.readings) == MAX_FACES
    assert prediction.to_dict()["left_out"] == prediction.photo.left_out == 7


def test_real_portrait_gives_one_face_with_the_detector_named(make_run: MakeRun, portrait: Path):
    [prediction] = Predictor.from_run(make_run(), device="cpu").predict([portrait])
    assert len(prediction.photo.faces) == 1
    assert prediction.photo.detector in ("yunet", "haar")
    x, y, width, height = prediction.photo.faces[0].face.box
    # Her nose is at about (257, 190) of the 512 × 600 photo.
    assert x < 257 < x + width
    assert y < 190 < y + height


def test_threads_that_share_a_predictor_get_what_they_asked_for(make_run: MakeRun):
    predictor = Predictor.from_run(make_run(), device="cpu")
    crops = [picture(seed, 48) for seed in range(8)]
    methods = ["gradcam", "layercam"] * 4
    alone = [predictor.explain([crop], "fear", method=method) for crop, method in zip(crops, methods, strict=True)]
    together: list[np.ndarray | None] = [None] * 8

    def work(index: int) -> None:
        for _ in range(3):
            together[index] = predictor.explain([crops[index]], "fear", method=methods[index])

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for shared, expected in zip(together, alone, strict=True):
        np.testing.assert_allclose(shared, expected, atol=1e-5)


def png_that_claims(width: int, height: int) -> bytes:
    """A tiny PNG whose header declares any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


BAD = {
    "empty": (b"", "empty"),
    "truncated": (jpeg(picture(0, 200))[:900], "cut short|damaged|incomplete|truncated"),
    "text": (b"this is not a picture at all, only text", "cannot be read as a picture"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "vector|SVG"),
    "zero": (png_that_claims(0, 0), "."),
    "bomb": (png_that_claims(20_000, 20_000), "20,?000"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_file_is_one_clear_sentence_and_the_others_are_still_read(make_run: MakeRun, kind: str):
    content, reason = BAD[kind]
    predictor = Predictor.from_run(make_run(), device="cpu", detector=FixedDetector((8, 8, 40, 40)))
    before, broken, after = predictor.predict([jpeg(picture(0)), content, jpeg(picture(1))], names=["a", "b", "c"])
    assert broken.photo.error is not None
    assert re.search(reason, broken.photo.error)
    assert "\n" not in broken.photo.error
    assert "Traceback" not in broken.photo.error
    assert set(broken.to_dict()) == {"image", "error"}
    assert len(before.readings) == len(after.readings) == 1


def test_one_pixel_is_read(make_run: MakeRun):
    predictor = Predictor.from_run(make_run(), device="cpu")
    [prediction] = predictor.predict([jpeg(picture(0, 1))], whole="fallback")
    assert prediction.photo.error is None
    assert len(prediction.readings) == 1


def test_animation_and_large_photo_are_read(make_run: MakeRun, portrait: Path):
    frames = [Image.fromarray(picture(seed)) for seed in range(3)]
    gif = io.BytesIO()
    frames[0].save(gif, "GIF", save_all=True, append_images=frames[1:])
    with Image.open(portrait) as photo:
        large = io.BytesIO()
        photo.resize((3000, 4000)).save(large, "JPEG")
    predictor = Predictor.from_run(make_run(), device="cpu")
    animated, big = predictor.predict([gif.getvalue(), large.getvalue()], whole="fallback")
    assert animated.photo.error is None
    assert (big.photo.width, big.photo.height) == (3000, 4000)
    assert len(big.photo.faces) == 1


def test_two_hundred_photos_and_the_same_one_twice(make_run: MakeRun):
    predictor = Predictor.from_run(make_run(), device="cpu", detector=FixedDetector((8, 8, 40, 40)))
    content = jpeg(picture(0))
    done: list[int] = []
    predictions = predictor.predict([content] * 200, progress=done.append)
    assert len(predictions) == sum(done) == 200
    for prediction in predictions:
        assert prediction.readings[0].probabilities == pytest.approx(predictions[0].readings[0].probabilities, abs=1e-5)


def test_missing_run_says_how_to_get_one(make_run: MakeRun):
    make_run()
    with pytest.raises(CheckpointNotFoundError, match="emotion_core train"):
        Predictor.from_run("nothing-here")


def test_run_without_weights_is_named(make_run: MakeRun):
    path = make_run("results-only")
    (path / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="'results-only' holds results only"):
        Predictor.from_run("results-only", device="cpu")


def test_corrupted_weights_are_named(make_run: MakeRun):
    path = make_run()
    weights = path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        Predictor.from_run(path, device="cpu")


def test_weights_of_another_backbone_are_refused(make_run: MakeRun):
    path, other = make_run("one"), make_run("other", backbone="mobilenetv2")
    (path / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes())
    with pytest.raises(CheckpointError, match="belong to another network"):
        Predictor.from_run(path, device="cpu")


@pytest.mark.parametrize(
    "network", [{"backbone": "alexnet", "input_size": 48}, {"backbone": "custom_cnn", "input_size": 48, "x": 1}]
)
def test_network_that_cannot_be_built_is_named(make_run: MakeRun, network: dict[str, object]):
    path = make_run()
    info = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(info | {"network": network}))
    with pytest.raises(CheckpointError, match="cannot be built"):
        Predictor.from_run(path, device="cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_without_cuda_is_refused(make_run: MakeRun):
    with pytest.raises(DeviceError, match="no GPU that CUDA can use"):
        Predictor.from_run(make_run(), device="cuda")


def test_resizing_is_the_same_for_training_and_prediction():
    image = picture(3, 100)
    expected = np.asarray(Image.fromarray(image).resize((48, 48), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(resize_square(image, 48), expected)


def test_features_are_those_of_the_network(make_run: Callable[..., Path]) -> None:
    predictor = Predictor.from_run(make_run(seed=3), device="cpu")
    crops = [np.random.default_rng(seed).integers(0, 256, (48, 48, 3), dtype=np.uint8) for seed in range(5)]
    network = load_network(predictor.run.info.network, predictor.run.weights).eval()
    with torch.inference_mode():
        expected = network(to_input(network, torch.from_numpy(np.stack(crops).transpose(0, 3, 1, 2)))).pooled.numpy()
    found = predictor.features(crops, batch_size=2)
    assert found.shape == expected.shape
    assert found.astype(np.float32) == pytest.approx(expected, rel=2e-3, abs=1e-4)


def test_results_name_their_runtime_and_are_the_same_in_all(make_run: MakeRun):
    path = make_run()
    crops = [picture(seed, 48) for seed in range(3)]
    expected = Predictor.from_run(path, device="cpu", runtime="torch").read(crops, flip=True)
    detector = FixedDetector((0, 0, 48, 48))
    for name in ("torch", "onnxruntime", "openvino"):
        predictor = Predictor.from_run(path, device="cpu", runtime=name, detector=detector)
        for ours, torchs in zip(predictor.read(crops, flip=True), expected, strict=True):
            np.testing.assert_allclose(list(ours.probabilities.values()), list(torchs.probabilities.values()), atol=1e-4)
            np.testing.assert_allclose([ours.valence, ours.arousal], [torchs.valence, torchs.arousal], atol=1e-4)
            for output in OUTPUTS:
                np.testing.assert_allclose(ours.maps[output], torchs.maps[output], atol=1e-3)
        assert predictor.predict([crops[0]])[0].to_dict()["runtime"] == name


def test_one_photo_does_not_wait_for_a_graph(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("emotion_core.models.runtimes.graph_of", lambda *_, **__: pytest.fail("a graph was made"))
    [prediction] = Predictor.from_run(make_run(), device="cpu").predict([picture(0)], whole="fallback")
    assert prediction.runtime == "torch"


def test_threads_share_a_graph(make_run: MakeRun):
    predictor = Predictor.from_run(make_run(), device="cpu", runtime="openvino")
    crops = [picture(seed, 48) for seed in range(8)]
    expected = [predictor.read([crop])[0].valence for crop in crops]
    found: dict[int, float | None] = {}
    threads = [
        threading.Thread(target=lambda index=index: found.update({index: predictor.read([crops[index]])[0].valence}))
        for index in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[index] for index in range(8)] == expected
