"""Graphs in ONNX that users bring along: what they say is what is computed by hand, and bad ones cost a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image

from emotion_core.apart import limited
from emotion_core.cli import main
from emotion_core.errors import ConfigError, GraphError, ResultsError
from emotion_core.evaluate import evaluate
from emotion_core.explain import contributions_to_all
from emotion_core.exporting import export_run
from emotion_core.importing.networks import Given, open_network, read_faces, read_outputs_list
from emotion_core.importing.networks.graphs import OnnxNetwork
from emotion_core.importing.networks.measure import answers_of
from emotion_core.importing.networks.network import Said
from emotion_core.labels import AFFECT, EXPRESSIONS, OUTPUTS
from emotion_core.metrics.priors import BALANCED, EVERYDAY, Prior, estimate_prior, read_prior, shift_prior
from emotion_core.models.checkpoint import load_network
from emotion_core.results.find import find_run
from tests.stored import PROBS

MakeRun = Callable[..., Path]
PLAIN = Given(mean=(0.0,), std=(1.0,))
SEVEN = read_outputs_list("fer2013")
IMAGES = [np.random.default_rng(seed).integers(0, 256, (20, 20, 3), dtype=np.uint8) for seed in range(3)]
TRAINED_ON = {name: 0.05 + 0.02 * place for place, name in enumerate(EXPRESSIONS)}
WEIGHTS = np.random.default_rng(3).normal(size=(8, 3)).astype(np.float32)


def graph(
    path: Path, nodes: list[Any], outputs: dict[str, Any], shape: tuple[Any, ...] = ("batch", 3, 16, 16), **how: Any
) -> str:
    """Writes an ONNX file with the input ``x`` and the weights ``w`` of 3 to 8."""
    weights = how.pop("weights", {"w": WEIGHTS.T})
    made = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", how.pop("kind", TensorProto.FLOAT), shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in outputs.items()],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opset = [helper.make_opsetid("", how.pop("opset", 17)), *how.pop("more", ())]
    onnx.save(helper.make_model(made, opset_imports=opset, ir_version=9), path, **how)
    return str(path)


def pooled(*, axes: tuple[int, int] = (2, 3)) -> list[Any]:
    return [helper.make_node("ReduceMean", ["x"], ["p"], axes=axes, keepdims=0), helper.make_node("MatMul", ["p", "w"], ["y"])]


def linear(path: Path, **how: Any) -> str:
    return graph(path, pooled(), {"y": ("batch", 8)}, **how)


def by_hand(images: list[np.ndarray]) -> np.ndarray:
    """What :func:`linear` gives, from the pixels."""
    small = torch.stack([torch.from_numpy(image).permute(2, 0, 1) for image in images]).float() / 255
    return small.mean(dim=(2, 3)).numpy() @ WEIGHTS.T


@pytest.fixture(autouse=True)
def in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting a process for each graph would take longer than all else; some tests are about it."""
    if "apart" not in request.fixturenames:
        monkeypatch.setattr("emotion_core.models.strange_graphs.limited", lambda: False)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run with random weights, and what our export makes of it."""
    from tests.stored import write_network

    folder = tmp_path_factory.mktemp("networks")
    run = write_network(folder / "checkpoints" / "ours", seed=3, temperature=1.4, prior=TRAINED_ON)
    export_run(find_run(run), "onnx", folder / "exported")
    return run, folder / "exported"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoints folder of its own."""
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(tmp_path / "own"))
    monkeypatch.setenv("EMOTION_SHIPPED_RUNS", "hide")
    (tmp_path / "own").mkdir()
    return tmp_path / "own"


def faces_to_read(folder: Path) -> str:
    """A CSV file with 16 test images of noise."""
    rng = np.random.default_rng(5)
    lines = ["image,expression,valence,arousal,split"]
    for number in range(16):
        Image.fromarray(rng.integers(0, 256, (30, 30, 3), dtype=np.uint8)).save(folder / f"{number}.png")
        lines.append(f"{number}.png,{EXPRESSIONS[number % 8]},{number / 20},{-number / 20},test")
    (folder / "labels.csv").write_text("\n".join(lines))
    return str(folder / "labels.csv")


def test_our_own_export_is_measured_as_the_run_itself(
    exported: tuple[Path, Path], here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, folder = exported
    file = faces_to_read(tmp_path)
    ours = evaluate(find_run(run), file, None, faces="given", store=False, device="cpu").predictions
    options = ["--dataset", file, "--faces", "given", "--name", "brought", "--licence", "MIT", "--anyway"]
    assert main(["evaluate", "--model", str(folder), *options]) == 0
    assert "imported/brought" in capsys.readouterr().out
    stored = find_run("imported/brought")
    [evaluation] = stored.stored_evaluations()
    theirs = evaluation.predictions()
    assert list(theirs["sample_id"]) == list(ours["sample_id"])
    for column in [*PROBS, *(f"pred_{name}" for name in AFFECT)]:
        np.testing.assert_allclose(theirs[column], ours[column], atol=1e-4)
    assert (stored.info.role, stored.info.input_size, stored.info.backbone) == ("imported", 48, "ONNX graph")
    assert len(stored.info.origin["weights"]) == 64
    assert str(folder.parent) not in stored.info.origin["command"]
    assert stored.info.origin["weights"] in (stored.path / "README.md").read_text()
    assert main(["evaluate", "--model", str(folder), *options]) == 1
    assert "has results on labels" in capsys.readouterr().err


def test_probabilities_hold_under_the_mix_that_is_asked_for(
    exported: tuple[Path, Path], here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, folder = exported
    rare = ",".join(f"{name}={1 + place}" for place, name in enumerate(EXPRESSIONS))
    command = ["evaluate", "--model", str(folder), "--dataset", faces_to_read(tmp_path), "--faces", "given", "--anyway"]
    for name, prior in (("trained", "trained"), ("rare", read_prior(rare))):
        ours = evaluate(find_run(run), command[4], None, prior=prior, faces="given", store=False, device="cpu").predictions
        text = rare if name == "rare" else name
        assert main([*command, "--name", name, "--prior", text]) == 0
        stored = find_run(f"imported/{name}")
        [evaluation] = stored.stored_evaluations()
        np.testing.assert_allclose(evaluation.predictions()[PROBS], ours[PROBS], atol=1e-4)
        assert f"--prior {text}" in stored.info.origin["command"]
    capsys.readouterr()
    for options, message in (
        (["--prior", "estimate"], "16 images suggest no mix of expressions; at least 30"),
        (["--prior", "balanse"], "Did you mean 'balanced'"),
        (["--own-prior", "estimate"], "--own-prior takes a mix"),
        (["--reviews"], "goes with runs of this program"),
    ):
        assert main([*command, *options]) == 1
        assert message in capsys.readouterr().err


def test_the_mix_of_other_networks_has_to_be_said(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(40, 8))
    network = open_network(linear(tmp_path / "net.onnx"), Given(classes=EXPRESSIONS, mean=(0.0,), std=(1.0,)))
    try:
        said = Said(logits, None)
        ids = [str(number) for number in range(40)]
        before = answers_of(network, said, ids)[0][PROBS].to_numpy()
        with pytest.raises(ConfigError, match=r"not known which mix .* --own-prior"):
            answers_of(network, said, ids, EVERYDAY)
        assert answers_of(network, said, ids, "trained")[0][PROBS].to_numpy() == pytest.approx(before)
        network.prior = BALANCED
        table, _, words = answers_of(network, said, ids, EVERYDAY)
        by_hand = before * np.array(EVERYDAY.values)
        np.testing.assert_allclose(table[PROBS], by_hand / by_hand.sum(axis=1, keepdims=True))
        assert words.endswith("moved from the balanced to the everyday mix of expressions.")
        estimated = estimate_prior(before, BALANCED.values).values
        found = answers_of(network, said, ids, "estimate")[0][PROBS].to_numpy()
        np.testing.assert_allclose(found, shift_prior(before, BALANCED.values, estimated))
        network.prior = Prior("given", (1.0, *[0.0] * 7))
        with pytest.raises(ConfigError, match="none of the expressions"):
            answers_of(network, said, ids, Prior("table", (0.0, 1.0, *[0.0] * 6)))
    finally:
        network.close()


def test_maps_of_a_graph_are_those_of_torch(exported: tuple[Path, Path]) -> None:
    run, folder = exported
    network = open_network(str(folder))
    try:
        images = np.stack([network.prepare(image) for image in IMAGES])
        info = find_run(run).info
        ours = load_network(info.network, run / "model.safetensors").eval()
        outputs, expected = contributions_to_all(ours, torch.from_numpy(images))
        found = network.contributions(images)
        for place, name in enumerate(OUTPUTS):
            np.testing.assert_allclose(found[name], expected[:, place], atol=1e-4)
        np.testing.assert_allclose(network.compute(images).scores, outputs.logits, atol=1e-4)
        [answer, *_] = read_faces(network, IMAGES)
        assert sum(answer.probabilities.values()) == pytest.approx(1)
        assert answer.maps["fear"].shape == tuple(expected.shape[2:])
    finally:
        network.close()


@pytest.mark.parametrize(
    ("shape", "axes", "given"),
    [
        ((None, 3, 20, 20), (2, 3), {}),
        ((2, 3, 20, 20), (2, 3), {}),
        (("n", 3, "h", "w"), (2, 3), {"size": (20, 20)}),
        ((1, 20, 20, 3), (1, 2), {}),
        (("n", "h", "w", "c"), (1, 2), {"size": (20, 20), "layout": "nhwc"}),
    ],
)
def test_the_graph_says_how_it_takes_pictures(tmp_path: Path, shape: Any, axes: Any, given: dict[str, Any]) -> None:
    path = graph(tmp_path / "net.onnx", pooled(axes=axes), {"y": (None, 8)}, shape)
    network = open_network(path, Given(classes=EXPRESSIONS, **given).or_else(PLAIN))
    said = network.compute(np.stack([network.prepare(image) for image in IMAGES]))
    np.testing.assert_allclose(said.scores, by_hand(IMAGES), atol=1e-5)
    network.close()


def test_maps_are_found_before_a_softmax_and_are_the_pixels_themselves(tmp_path: Path) -> None:
    nodes = [*pooled(), helper.make_node("Softmax", ["y"], ["s"], axis=1)]
    network = open_network(
        graph(tmp_path / "net.onnx", nodes, {"s": (None, 8)}, (None, 3, 20, 20)), Given(classes=EXPRESSIONS).or_else(PLAIN)
    )
    images = np.stack([network.prepare(image) for image in IMAGES])
    found = network.contributions(images)
    np.testing.assert_allclose(found["anger"], np.einsum("c,bchw->bhw", WEIGHTS[6], images) / 400, atol=1e-6)
    [answer, *_] = read_faces(network, IMAGES)
    shares = np.exp(by_hand(IMAGES)[0])
    assert answer.probabilities["anger"] == pytest.approx(shares[6] / shares.sum(), abs=1e-5)
    network.close()


def test_one_output_may_hold_expressions_and_affect_and_what_does_not_count(tmp_path: Path) -> None:
    classes = read_outputs_list("Happy,-,sad,valence,angry,arousal,fear,neutral")
    network = open_network(linear(tmp_path / "net.onnx"), Given(classes=classes).or_else(PLAIN))
    said = network.compute(np.stack([network.prepare(image) for image in IMAGES]))
    assert network.classes == ("happiness", "sadness", "anger", "fear", "neutral")
    whole = network._compute(np.stack([network.prepare(image) for image in IMAGES]))["y"]
    np.testing.assert_allclose(said.scores, whole[:, [0, 2, 4, 6, 7]])
    np.testing.assert_allclose(said.affect, whole[:, [3, 5]])
    assert set(network.contributions(np.stack([network.prepare(IMAGES[0])]))) == {*network.classes, "valence", "arousal"}
    network.close()


def test_what_stands_between_feature_map_and_output_is_named(tmp_path: Path) -> None:
    nodes = [*pooled(), helper.make_node("Relu", ["y"], ["z"])]
    network = open_network(graph(tmp_path / "net.onnx", nodes, {"z": (None, 8)}), Given(classes=EXPRESSIONS).or_else(PLAIN))
    assert not network.has_maps
    with pytest.raises(ResultsError, match="no exact maps: before the output stands Relu, not a linear layer"):
        network.contributions(np.zeros((1, 3, 16, 16), dtype=np.float32))
    network.close()


def test_weights_outside_the_folder_are_refused_and_those_beside_are_read(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = Path(linear(tmp_path / "in" / "net.onnx", save_as_external_data=True, location="w.bin", size_threshold=0))
    open_network(str(path), Given(classes=EXPRESSIONS).or_else(PLAIN)).close()
    model = onnx.load(path, load_external_data=False)
    (tmp_path / "in" / "w.bin").rename(tmp_path / "w.bin")
    with pytest.raises(GraphError, match=r"not beside it: there is no file 'w\.bin'"):
        open_network(str(path), PLAIN)
    (tmp_path / "in" / "link.bin").symlink_to(tmp_path / "w.bin")
    for place in ("../w.bin", str(tmp_path / "w.bin"), "link.bin", "C:\\w.bin"):
        model.graph.initializer[0].external_data[0].value = place
        path.write_bytes(model.SerializeToString())
        with pytest.raises(GraphError, match="outside its folder"):
            open_network(str(path), PLAIN)


def test_graphs_that_cannot_be_used_cost_a_sentence(tmp_path: Path) -> None:
    def refused(path: str | Path, match: str, given: Given | None = None, error: type[Exception] = GraphError) -> None:
        with pytest.raises(error, match=match):
            open_network(str(path), Given(classes=EXPRESSIONS).or_else(PLAIN) if given is None else given)

    whole = Path(linear(tmp_path / "net.onnx")).read_bytes()
    for name, content, match in (
        ("empty.onnx", b"", "is empty"),
        ("cut.onnx", whole[: len(whole) // 2], "no ONNX file, or it is cut short"),
        ("text.onnx", b"<html>no</html>" * 20, "no ONNX file"),
    ):
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, match)
    refused(tmp_path / "none.onnx", "There is no file", error=ResultsError)
    refused("x" * 5000, "There is no file", error=ResultsError)
    new = Path(linear(tmp_path / "new.onnx"))
    model = onnx.load(new)
    model.opset_import[0].version = 999
    new.write_bytes(model.SerializeToString())
    refused(new, "opset 999; up to")
    strange = [helper.make_node("Steal", ["x"], ["y"], domain="their.own")]
    more = [helper.make_opsetid("their.own", 1)]
    refused(graph(tmp_path / "own.onnx", strange, {"y": (None, 8)}, more=more), "operators of 'their.own'")
    refused(linear(tmp_path / "four.onnx", shape=(1, 4, 16, 16)), "shape 1 × 4 × 16 × 16; pictures have 3 channels")
    refused(linear(tmp_path / "flat.onnx", shape=(1, 48)), "has the shape 1 × 48; images × channels")
    refused(linear(tmp_path / "any.onnx", shape=("n", "c", "h", "w")), "are channels first or last")
    refused(linear(tmp_path / "open.onnx", shape=("n", 3, "h", "w")), "--input-size PX", error=ResultsError)
    refused(linear(tmp_path / "p.onnx"), "16 × 16 px, not 64 × 64", Given(size=(64, 64)).or_else(PLAIN), ResultsError)
    refused(tmp_path / "p.onnx", "8 outputs in 'y': which expression is which", PLAIN, ResultsError)
    refused(tmp_path / "p.onnx", "Which output holds 7 classes", Given(classes=SEVEN).or_else(PLAIN), ResultsError)
    refused(tmp_path / "p.onnx", "How does 'p.onnx' want its pictures", Given(classes=EXPRESSIONS), ResultsError)


@pytest.fixture
def apart() -> None:
    """Graphs run in processes of their own."""
    if not limited():
        pytest.skip("Processes cannot be limited here.")


def test_a_graph_runs_in_a_process_of_its_own_that_may_not_take_all_memory(tmp_path: Path, apart: None) -> None:
    network = open_network(linear(tmp_path / "net.onnx", shape=(2, 3, 20, 20)), Given(classes=EXPRESSIONS).or_else(PLAIN))
    assert isinstance(network, OnnxNetwork)
    assert network._graph._process is not None
    said = network.compute(np.stack([network.prepare(image) for image in IMAGES]))
    np.testing.assert_allclose(said.scores, by_hand(IMAGES), atol=1e-5)
    network.close()
    huge = [
        helper.make_node("ConstantOfShape", ["s"], ["c"]),
        helper.make_node("ReduceSum", ["c"], ["t"], keepdims=0),
        *pooled()[:1],
        helper.make_node("MatMul", ["p", "w"], ["a"]),
        helper.make_node("Add", ["a", "t"], ["y"]),
    ]
    sizes = {"w": WEIGHTS.T, "s": np.array([1 << 20, 1 << 20], dtype=np.int64)}
    path = graph(tmp_path / "huge.onnx", huge, {"y": (None, 8)}, weights=sizes)
    with pytest.raises(GraphError, match=r"cannot be (opened|computed)"):
        open_network(path, Given(classes=EXPRESSIONS).or_else(PLAIN))


def test_answers_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    nodes = [*pooled()[:1], helper.make_node("MatMul", ["p", "w"], ["a"]), helper.make_node("Log", ["a"], ["y"])]
    weights = {"w": -np.abs(WEIGHTS.T)}
    path = graph(tmp_path / "nan.onnx", nodes, {"y": (None, 8)}, weights=weights)
    network = open_network(path, Given(classes=EXPRESSIONS).or_else(PLAIN))
    with pytest.raises(ResultsError, match="not finite"):
        network.compute(np.ones((2, 3, 16, 16), dtype=np.float32))
    network.close()


@pytest.mark.parametrize("ending", ["bin", "pt", "pth", "pkl", "ckpt"])
def test_pickle_is_never_opened(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"weights.{ending}"
    path.write_bytes(b"cos\nsystem\n(S'touch /tmp/x'\ntR.")
    for text in (str(path), str(tmp_path), f"timm:resnet18@{path}"):
        with pytest.raises(ResultsError, match="may run code of its author"):
            open_network(text, Given(classes=EXPRESSIONS))


def test_a_damaged_preprocess_file_is_named(tmp_path: Path) -> None:
    path = linear(tmp_path / "net.onnx")
    for content in (
        "{",
        "[1]",
        '{"size": "big"}',
        '{"mean": [1e999]}',
        '{"temperature": 0}',
        '{"shift": [0]}',
        '{"prior": {"values": 1}}',
        "[" * 9999,
    ):
        (tmp_path / "preprocess.json").write_text(content)
        with pytest.raises(ResultsError, match=r"preprocess\.json' does not say"):
            open_network(path)


def test_photos_are_read_with_overlays(
    exported: tuple[Path, Path], portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", str(portrait), "--model", str(exported[1]), "--json"]
    assert main([*command, "--cam", str(tmp_path / "maps")]) == 0
    [face] = json.loads(capsys.readouterr().out)["faces"]
    assert len(face["cam"]) == 10
    assert all(Path(file).is_file() for file in face["cam"].values())
    assert main([*command, "--prior", "balanced"]) == 0
    [other] = json.loads(capsys.readouterr().out)["faces"]
    moved = {name: share / EVERYDAY.values[EXPRESSIONS.index(name)] for name, share in face["probabilities"].items()}
    assert other["probabilities"] == pytest.approx({name: share / sum(moved.values()) for name, share in moved.items()})
    assert main([*command, "--prior", "estimate"]) == 1
    assert "needs all faces at once" in capsys.readouterr().err
    assert main([*command, "--flip"]) == 1
    assert "goes with runs of this program" in capsys.readouterr().err
    assert main(["evaluate", "--dataset", "schematic"]) == 1
    assert "Name what to measure" in capsys.readouterr().err
