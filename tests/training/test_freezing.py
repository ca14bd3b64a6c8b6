from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from emotion_core.errors import TrainingError
from emotion_core.models.backbones import BACKBONES
from emotion_core.models.network import EmotionNetwork, NetworkConfig
from emotion_core.training.config import Optimiser, Phase
from emotion_core.training.freezing import freeze, make_optimiser, moving_tensors, set_modes

BOTH = ("expression", "affect")


def network(backbone: str = "custom_cnn") -> EmotionNetwork:
    torch.manual_seed(0)
    return EmotionNetwork(NetworkConfig(backbone=backbone, input_size=32))


def learning_names(net: EmotionNetwork) -> set[str]:
    return {name for name, parameter in net.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize("backbone", ["custom_cnn", "efficientnet_b0", "resnet50", "mobilenetv2", "densenet121"])
def test_stages_thaw_from_the_output_and_in_the_end_everything_learns(backbone: str) -> None:
    net = network(backbone)
    heads = {name for name, _ in net.named_parameters() if not name.startswith("backbone.")}
    freeze(net, 0, BOTH)
    assert learning_names(net) == heads
    stages, seen = BACKBONES[backbone].stages, heads
    for count in range(1, len(stages) + 1):
        freeze(net, count, BOTH)
        thawed = tuple(f"backbone.{name}." for stage in stages[-count:] for name in stage)
        expected = heads | {name for name, _ in net.named_parameters() if name.startswith(thawed)}
        assert learning_names(net) == expected
        assert seen < expected
        seen = expected
    assert seen == {name for name, _ in net.named_parameters()}
    freeze(net, "all", BOTH)
    assert learning_names(net) == seen


def test_a_head_that_is_not_trained_stays_as_it_is() -> None:
    net = network()
    freeze(net, "all", ("affect",))
    assert not any(name.startswith("expression.") for name in learning_names(net))
    assert any(name.startswith("affect.") for name in learning_names(net))


@pytest.mark.parametrize("stages", [0, 2, "all"])
def test_frozen_batch_normalisation_keeps_its_statistics(stages: int | str) -> None:
    net = network()
    learning = freeze(net, stages, BOTH)
    net.train()
    set_modes(net, learning)
    before = copy.deepcopy(net.state_dict())
    optimiser = make_optimiser(net, learning, Phase(name="a", epochs=1, lr=0.1), Optimiser())
    for _ in range(3):
        outputs = net(torch.randn(6, 3, 32, 32))
        (outputs.logits.square().sum() + outputs.affect.square().sum()).backward()
        optimiser.step()
    moved = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}
    # What moves is what the average of weights follows, no more and no less; statistics are among it.
    assert moved == set(moving_tensors(net, learning))
    statistics = {name for name in moved if "running_" in name}
    assert len(statistics) == sum("running_" in name and _thawed(name, stages) for name in before)


def _thawed(name: str, stages: int | str) -> bool:
    every = BACKBONES["custom_cnn"].stages
    count = len(every) if stages == "all" else int(stages)
    return name.startswith(tuple(f"backbone.{part}." for stage in every[len(every) - count :] for part in stage))


def test_rates_and_decay_by_part() -> None:
    net = network()
    learning = freeze(net, "all", BOTH)
    phase = Phase(name="a", epochs=1, lr=1e-3, backbone_lr=1e-4)
    groups = make_optimiser(net, learning, phase, Optimiser(weight_decay=0.05)).param_groups
    assert [(group["part"], group["peak"], group["weight_decay"]) for group in groups] == [
        ("heads", 1e-3, 0.05),
        ("heads", 1e-3, 0.0),
        ("backbone", 1e-4, 0.05),
        ("backbone", 1e-4, 0.0),
    ]
    names_of = {id(parameter): name for name, parameter in net.named_parameters()}
    assert sum(len(group["params"]) for group in groups) == len(names_of)
    assert {names_of[id(p)] for group in groups[:2] for p in group["params"]} == {
        name for name in names_of.values() if not name.startswith("backbone.")
    }
    spared = {names_of[id(p)] for group in groups if group["weight_decay"] == 0 for p in group["params"]}
    assert spared == {
        f"{name}.{kind}" if name else kind
        for name, module in net.named_modules()
        for kind, _ in module.named_parameters(recurse=False)
        if isinstance(module, nn.BatchNorm2d) or kind == "bias"
    }
    same = make_optimiser(net, learning, replace(phase, backbone_lr=None), Optimiser()).param_groups
    assert {group["peak"] for group in same} == {1e-3}


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD)])
def test_optimisers(name: str, kind: type) -> None:
    net = network()
    optimiser = make_optimiser(net, freeze(net, 0, BOTH), Phase(name="a", epochs=1, lr=1.0), Optimiser(name=name))
    assert type(optimiser) is kind


def test_nothing_to_learn_is_refused() -> None:
    net = network()
    with pytest.raises(TrainingError, match=r"Nothing learns in the phase 'a'. Give a loss a weight above 0"):
        make_optimiser(net, freeze(net, 0, ()), Phase(name="a", epochs=1, lr=1.0), Optimiser())
