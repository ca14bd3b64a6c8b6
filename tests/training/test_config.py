from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emotion_core.errors import ConfigError
from emotion_core.models.backbones import BACKBONES
from emotion_core.training.config import TrainConfig, from_dict, load_preset, preset_names

PRESET = "finetune-affectnet"


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_loads(name: str) -> None:
    config = load_preset(name)
    assert config.title
    assert config.outputs
    assert from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("backbone", sorted(BACKBONES))
def test_every_backbone_can_be_set(backbone: str) -> None:
    assert load_preset(PRESET, [f"network.backbone={backbone}"]).network.backbone == backbone


@pytest.mark.parametrize(
    ("change", "read", "value"),
    [
        ("epochs=3", lambda c: c.epochs, 3),
        (" epochs = 3 ", lambda c: c.epochs, 3),
        ("lr=1", lambda c: c.lr, 1.0),
        ("lr=2e-4", lambda c: c.lr, 2e-4),
        ("select=accuracy + ccc", lambda c: c.select, "accuracy + ccc"),
        ('select="accuracy"', lambda c: c.select, "accuracy"),
        ("network.hidden=64", lambda c: c.network.hidden, 64),
        ("augmentation.erase_area=[0.1, 0.2]", lambda c: c.augmentation.erase_area, (0.1, 0.2)),
        ("augmentation.erase_area=[0, 1]", lambda c: c.augmentation.erase_area, (0.0, 1.0)),
        ("title=a = b", lambda c: c.title, "a = b"),
    ],
)
def test_single_values_can_be_changed(change: str, read: Any, value: object) -> None:
    changed = read(load_preset(PRESET, [change]))
    assert changed == value
    assert type(changed) is type(value)


def test_the_last_change_wins_and_the_rest_stays() -> None:
    config = load_preset(PRESET, ["epochs=3", "epochs=4"])
    assert config.epochs == 4
    assert config == from_dict({**load_preset(PRESET).to_dict(), "epochs": 4})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("epoch=3", r"Unknown setting 'epoch'. Did you mean 'epochs'\?"),
        ("network.droput=0.1", r"Unknown setting 'network.droput'. Did you mean 'dropout'\?"),
        ("augmentation.rotation=3", r"Unknown setting 'augmentation.rotation'. Did you mean 'rotate'\?"),
        ("zzz=1", r"Unknown setting 'zzz'\.$"),
        ("=3", "Unknown setting ''"),
        ("epochs", "'epochs' is not a change of the form key=value"),
        ("epochs=three", "'epochs' has to be of type int, not 'three'"),
        ("epochs=3.5", "'epochs' has to be of type int, not 3.5"),
        ("epochs=true", "'epochs' has to be of type int, not True"),
        ("lr=", "'lr' has to be of type float, not ''"),
        ("network=3", "'network' is a group of settings, not 3"),
        ("network.backbone.size=3", "'backbone' in 'network.backbone.size' is not a group of settings"),
        ("augmentation.erase_area=0.1", "'augmentation.erase_area' has to be a list of numbers, not 0.1"),
        ("augmentation.erase_area=['a', 'b']", "'augmentation.erase_area' has to be a list of numbers"),
        ("augmentation.erase_area=[true, 1]", "'augmentation.erase_area' has to be a list of numbers"),
    ],
)
def test_changes_that_make_no_sense(change: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_preset(PRESET, [change])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("dataset=affectnet", "dataset 'affectnet' is unknown; known: affectnet-3999"),
        ("select=loss", "select 'loss' is unknown"),
        ("network.backbone=resnet51", r"There is no backbone 'resnet51'. Did you mean 'resnet50'\?"),
        ("network.input_size=16", "network.input_size 16 is not 32 to 1024 px"),
        ("network.in_chans=2", "network.in_chans 2 is not 1, 3 or 4"),
        ("network.in_chans=1", "network.mean has 3 numbers for 1 channels"),
        ("network.std=[1.0]", "network.std has 1 numbers for 3 channels"),
        ("network.std=[1, 0, 1]", r"network.std \[1.0, 0.0, 1.0\] is not above 0"),
        ("network.hidden=0", "network.hidden 0 is not at least 1"),
        ("network.dropout=1.0", r"network.dropout 1 is not in \[0, 1\)"),
        ("network.drop_path=-0.1", r"network.drop_path -0.1 is not in \[0, 1\)"),
        ("epochs=0", "epochs 0 is not at least 1"),
        ("batch_size=1", "batch_size 1 is not at least 2"),
        ("lr=0", "lr 0 is not a number above 0"),
        ("lr=nan", "lr nan is not"),
        ("lr=inf", "lr inf is not"),
        ("warmup=1", r"warmup 1 is not in \[0, 1\)"),
        ("weight_decay=-1", "weight_decay -1 is not"),
        ("clip_norm=0", "clip_norm 0 is not above 0"),
        ("mixup=-0.1", "mixup -0.1 is not"),
        ("mixup=inf", "mixup inf is not"),
        ("average=1", r"average 1 is not in \[0, 1\)"),
        ("seed=-1", r"seed -1 is not in \[0, 2\^32\)"),
        ("seed=100000000000000000000", "seed 1"),
        ("loss.label_smoothing=1", "loss.label_smoothing 1 is not"),
        ("loss.mse=-1", "loss.mse -1 is not"),
        ("loss.ccc=nan", "loss.ccc nan is not"),
        ("loss.expression=0", r"select 'accuracy \+ ccc' needs the output 'expression', but its losses weigh 0"),
        ("augmentation.flip=1.5", r"augmentation.flip 1.5 is not in \[0, 1\]"),
        ("augmentation.scale=1", r"augmentation.scale 1 is not in \[0, 1\)"),
        ("augmentation.rotate=-5", r"augmentation.rotate -5 is not in \[0, 180\]"),
        ("augmentation.contrast=nan", "augmentation.contrast nan is not"),
        ("augmentation.erase_area=[0.5]", r"augmentation.erase_area \[0.5\] is not a range within \[0, 1\]"),
        ("augmentation.erase_area=[0.5, 0.1]", r"erase_area \[0.5, 0.1\] is not a range"),
    ],
)
def test_impossible_values_are_refused(change: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_preset(PRESET, [change])


def test_other_channels_with_their_statistics() -> None:
    changes = ["network.in_chans=1", "network.mean=[0.5]", "network.std=[0.25]"]
    assert load_preset(PRESET, changes).network.mean == (0.5,)


@pytest.mark.parametrize(
    ("weights", "outputs"),
    [
        ({"expression": 1.0}, ("expression",)),
        ({"expression": 0.0, "ccc": 1.0}, ("affect",)),
        ({"expression": 1.0, "mse": 0.5}, ("expression", "affect")),
    ],
)
def test_outputs_follow_from_the_losses(weights: dict[str, float], outputs: tuple[str, ...]) -> None:
    select = "ccc" if weights["expression"] == 0 else "accuracy"
    assert from_dict({"loss": weights, "select": select}).outputs == outputs


def test_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"There is no preset 'finetune-afectnet'. Did you mean 'finetune-affectnet'\?"):
        load_preset("finetune-afectnet")


def test_preset_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('epochs = 2\n[network]\nbackbone = "custom_cnn"\n')
    assert load_preset(str(path)) == TrainConfig(epochs=2, network=from_dict({"network": {"backbone": "custom_cnn"}}).network)
    path.write_text("epochs = = 2")
    with pytest.raises(ConfigError, match=r"mine.toml' is not valid TOML"):
        load_preset(str(path))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"mine.toml' cannot be read"):
        load_preset(str(path))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_preset(str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_preset("a\0.toml")
