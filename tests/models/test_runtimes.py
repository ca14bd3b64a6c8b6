"""Every runtime gives what torch gives, and none that cannot is used."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from emotion_core.errors import ConfigError, GraphError
from emotion_core.explain import cam_for_all, normalise_maps
from emotion_core.models import graphs, runtimes
from emotion_core.models.backbones import BACKBONES
from emotion_core.models.checkpoint import load_network
from emotion_core.models.graphs import export_graph, graph_folder, graph_key, graph_of, kept_graph
from emotion_core.models.inference import infer, network_input, to_input
from emotion_core.models.network import EmotionNetwork, NetworkConfig
from emotion_core.models.runtimes import EXPORT_AFTER, LOAD_AFTER, SESSIONS, AutoRuntime, expect, open_runtime
from emotion_core.results.find import CLONED, DEFAULT_RUN, find_run

SIZE = 64


def random_network(backbone: str, **settings: object) -> EmotionNetwork:
    """Seeded, in evaluation mode, with the statistics of batch normalisation that pictures like those below give."""
    torch.manual_seed(0)
    network = EmotionNetwork(NetworkConfig(backbone=backbone, input_size=SIZE, **settings))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(network_input(network, torch.rand(16, 3, SIZE, SIZE)))
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def small() -> EmotionNetwork:
    return random_network("custom_cnn", hidden=8)


@pytest.fixture
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("EMOTION_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept" / "graphs"


def all_of(forward: object, network: EmotionNetwork, pixels: np.ndarray) -> dict[str, np.ndarray]:
    outputs, raw = cam_for_all(forward, to_input(network, torch.from_numpy(pixels)))
    return {
        "probabilities": outputs.logits.softmax(1).numpy(),
        "affect": outputs.affect.numpy(),
        "pooled": outputs.pooled.numpy(),
        "maps": normalise_maps(raw).numpy(),
    }


def assert_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for name, values in expected.items():
        # Features of random networks are large: theirs are compared in relation to the largest.
        size = max(1.0, float(np.abs(values).max())) if name == "pooled" else 1.0
        np.testing.assert_allclose(found[name], values, rtol=0, atol=size * (1e-3 if name == "maps" else 1e-4), err_msg=name)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_runtimes_give_what_torch_gives(backbone: str):
    network = random_network(backbone)
    rng = np.random.default_rng(0)
    batches = [rng.integers(0, 256, (size, 3, SIZE, SIZE), dtype=np.uint8) for size in (1, 2, 5)]
    expected = [all_of(network, network, pixels) for pixels in batches]
    for name in SESSIONS:
        runtime = open_runtime(network, name)
        assert runtime.name == name
        for pixels, values in zip(batches, expected, strict=True):
            assert_equal(all_of(runtime, network, pixels), values)


@pytest.mark.parametrize("name", SESSIONS)
def test_the_default_network_gives_the_same_in_every_runtime(name: str):
    run = find_run(CLONED / DEFAULT_RUN)
    network = load_network(run.info.network, run.weights).eval().requires_grad_(False)
    size = network.config.input_size
    runtime = open_runtime(network, name)
    assert runtime.name == name
    for faces in (1, 5, 16):
        pixels = np.random.default_rng(faces).integers(0, 256, (faces, 3, size, size), dtype=np.uint8)
        assert_equal(all_of(runtime, network, pixels), all_of(network, network, pixels))


@pytest.mark.parametrize("settings", [{"in_chans": 1, "mean": (0.5,), "std": (0.25,)}, {"stem_stride": 1}, {"hidden": 8}])
def test_networks_of_other_shapes_are_exported_too(settings: dict[str, object]):
    network = random_network("custom_cnn", **settings)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, SIZE, SIZE), dtype=np.uint8)
    runtime = open_runtime(network, "onnxruntime")
    assert runtime.name == "onnxruntime"
    assert_equal(all_of(runtime, network, pixels), all_of(network, network, pixels))


def test_batches_of_pictures_go_through_a_runtime(small: EmotionNetwork):
    pixels = np.random.default_rng(0).integers(0, 256, (7, 3, SIZE, SIZE), dtype=np.uint8)
    expected = infer(small, pixels, flip=True)
    found = infer(small, pixels, flip=True, batch_size=3, forward=open_runtime(small, "onnxruntime"))
    np.testing.assert_allclose(found[0], expected[0], atol=1e-4)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-4)


def test_exporting_leaves_the_network_as_it_was():
    network = random_network("custom_cnn").train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with torch.inference_mode():
        assert export_graph(network)
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_graph_is_exported_once(small: EmotionNetwork, empty_cache: Path, monkeypatch: pytest.MonkeyPatch):
    first = graph_of(small)
    [path] = empty_cache.iterdir()
    monkeypatch.setattr(graphs, "export_graph", lambda network: pytest.fail("exported again"))
    assert graph_of(small) == first == path.read_bytes()


def test_other_weights_and_other_settings_have_another_key(small: EmotionNetwork):
    other = random_network("custom_cnn", hidden=8)
    assert graph_key(other) == graph_key(small)
    other.expression.output.bias[0] += 1e-3
    assert graph_key(other) != graph_key(small)
    assert graph_key(random_network("custom_cnn", hidden=8, mean=(0.5, 0.5, 0.5))) != graph_key(small)


@pytest.mark.parametrize("damage", ["cut", "changed", "renamed"])
def test_a_damaged_graph_is_made_again(damage: str, small: EmotionNetwork, empty_cache: Path, caplog: pytest.LogCaptureFixture):
    good = graph_of(small)
    [path] = empty_cache.iterdir()
    if damage == "cut":
        path.write_bytes(good[:-100])
    elif damage == "changed":
        path.write_bytes(good[:500] + bytes([good[500] ^ 1]) + good[501:])
    else:
        # The graph of another network under this one's key.
        path.write_bytes(export_graph(random_network("custom_cnn", stem_stride=1)))
    assert kept_graph(graph_key(small)) is None
    assert "is damaged; it is made again" in caplog.text
    runtime = open_runtime(small, "onnxruntime")
    assert runtime.name == "onnxruntime"
    assert kept_graph(graph_key(small)) == good


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(
    small: EmotionNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("EMOTION_CACHE", str(tmp_path / "file"))
    assert open_runtime(small, "onnxruntime").name == "onnxruntime"
    assert "cannot be kept" in caplog.text


def test_an_export_that_fails_leaves_no_file(small: EmotionNetwork, empty_cache: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(source: str, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    assert graph_of(small)
    assert list(empty_cache.iterdir()) == []


def test_the_graphs_used_last_are_kept(small: EmotionNetwork, empty_cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(graphs, "KEPT", 2)
    monkeypatch.setattr(graphs, "export_graph", lambda network: b"graph")
    for number, key in enumerate("abc"):
        graph_of(small, key=key)
        [path] = graph_folder().glob(f"{key}-*")
        os.utime(path, (number, number))
        if key == "b":
            os.utime(next(graph_folder().glob("a-*")), (10, 10))
    assert sorted(path.name[0] for path in empty_cache.iterdir()) == ["a", "c"]


def without(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "installed", lambda name: name != package)


def test_without_an_exporter_torch_computes(
    small: EmotionNetwork, empty_cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail(*arguments: object, **settings: object) -> None:
        raise torch.onnx.OnnxExporterError("Module onnx is not installed!")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(GraphError, match=r"cannot be exported to ONNX \(Module onnx is not installed!\)"):
        export_graph(small)
    assert open_runtime(small, "onnxruntime").name == "torch"
    assert "torch computes instead; the results are the same, in more time." in caplog.text


@pytest.mark.parametrize("name", SESSIONS)
def test_a_graph_that_a_runtime_cannot_run_is_left_to_torch(
    name: str, small: EmotionNetwork, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(runtimes, "graph_of", lambda network, key=None: b"not a graph")
    assert open_runtime(small, name).name == "torch"
    assert f"{name} cannot run the network's graph" in caplog.text


def test_an_unknown_operator_is_left_to_torch(
    small: EmotionNetwork, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    import onnx

    model = onnx.load_model_from_string(export_graph(small))
    model.graph.node[0].op_type = "Convolution"
    monkeypatch.setattr(runtimes, "graph_of", lambda network, key=None: model.SerializeToString())
    assert open_runtime(small, "onnxruntime").name == "torch"
    assert "onnxruntime cannot run the network's graph" in caplog.text


def test_a_graph_of_other_weights_is_left_to_torch(
    small: EmotionNetwork, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    other = random_network("custom_cnn", hidden=8)
    other.expression.output.weight *= 1.01
    content = export_graph(other)
    monkeypatch.setattr(runtimes, "graph_of", lambda network, key=None: content)
    assert open_runtime(small, "onnxruntime").name == "torch"
    assert "differs from torch by 0.0" in caplog.text


def test_auto_takes_the_graph_when_it_has_paid(small: EmotionNetwork, empty_cache: Path):
    images = torch.randn(LOAD_AFTER // 2, 3, SIZE, SIZE)
    runtime = open_runtime(small)
    said = []
    with torch.inference_mode():
        for _ in range(2 * EXPORT_AFTER // LOAD_AFTER):
            runtime(images)
            said.append(runtime.name)
    # Nothing was kept, so the graph is exported with the batch that completes so many faces.
    assert said == ["torch"] * (len(said) - 1) + ["onnxruntime"]
    later = open_runtime(small)
    with torch.inference_mode():
        later(images)
        assert later.name == "torch"
        later(images)
        assert later.name == "onnxruntime"


def test_auto_is_ready_for_many_pictures(small: EmotionNetwork, empty_cache: Path):
    runtime = open_runtime(small)
    expect(runtime, LOAD_AFTER)
    assert runtime.name == "torch"
    expect(runtime, EXPORT_AFTER)
    assert runtime.name == "onnxruntime"


def test_auto_does_without_a_package_that_is_not_there(small: EmotionNetwork, monkeypatch: pytest.MonkeyPatch):
    without("onnxruntime", monkeypatch)
    runtime = open_runtime(small)
    assert not isinstance(runtime, AutoRuntime)
    assert runtime.name == "torch"


@pytest.mark.parametrize("name", SESSIONS)
def test_what_is_asked_for_has_to_be_installed(name: str, small: EmotionNetwork, monkeypatch: pytest.MonkeyPatch):
    without(name, monkeypatch)
    with pytest.raises(ConfigError, match=f"'{name}' is not installed. Install it with 'pip install {name}'"):
        open_runtime(small, name)


def test_the_environment_says_what_auto_means(small: EmotionNetwork, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EMOTION_RUNTIME", "onnxruntime")
    assert open_runtime(small).name == "onnxruntime"
    assert open_runtime(small, "torch").name == "torch"
    monkeypatch.setenv("EMOTION_RUNTIME", "onnx")
    with pytest.raises(ConfigError, match=r"no runtime 'onnx'\. Did you mean 'onnxruntime'"):
        open_runtime(small)


def test_graphs_compute_on_cpus(small: EmotionNetwork):
    elsewhere = random_network("custom_cnn", hidden=8).to("meta")
    assert open_runtime(elsewhere).name == "torch"
    with pytest.raises(ConfigError, match="'onnxruntime' computes on the CPU, not on 'meta'"):
        open_runtime(elsewhere, "onnxruntime")


def test_no_more_threads_than_cores():
    before = torch.get_num_threads()
    torch.set_num_threads(64)
    try:
        assert 1 <= runtimes.threads() <= (os.cpu_count() or 1)
    finally:
        torch.set_num_threads(before)
    assert runtimes.threads() >= 1


def test_nothing_is_said_where_all_goes_well(small: EmotionNetwork, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        open_runtime(small, "onnxruntime")
    assert not caplog.records
