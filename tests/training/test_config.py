from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emotion_core.errors import ConfigError
from emotion_core.models.backbones import BACKBONES
from emotion_core.training.config import Phase, TrainConfig, from_dict
from emotion_core.training.presets import load_preset, preset_names, preset_text

PRESET = "best"


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
        ("seed=3", lambda c: c.seed, 3),
        (" seed = 3 ", lambda c: c.seed, 3),
        ("phases.all.epochs=3", lambda c: c.phases[0].epochs, 3),
        ("phases.*.lr=1", lambda c: c.phases[0].lr, 1.0),
        ("phases.all.lr=2e-4", lambda c: c.phases[0].lr, 2e-4),
        ("phases.all.stages=2", lambda c: c.phases[0].stages, 2),
        ("phases.all.stages=all", lambda c: c.phases[0].stages, "all"),
        ("phases.all.backbone_lr=none", lambda c: c.phases[0].backbone_lr, None),
        ("phases.all.backbone_lr=1", lambda c: c.phases[0].backbone_lr, 1.0),
        ("init=scratch", lambda c: c.init, "scratch"),
        ("network.hidden=none", lambda c: c.network.hidden, None),
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
    config = load_preset(PRESET, ["seed=3", "seed=4"])
    assert config.seed == 4
    assert config == from_dict({**load_preset(PRESET).to_dict(), "seed": 4})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("sed=3", r"Unknown setting 'sed'. Did you mean 'seed'\?"),
        ("phases.all.epoch=3", r"Unknown setting 'phases.all.epoch'. Did you mean 'epochs'\?"),
        ("phases.al.epochs=3", r"There is no phase 'al'. Did you mean 'all'\? Known: all."),
        ("phases=3", r"'phases' has to be a list of phases \(\[\[phases\]\] in TOML\), not 3"),
        ("phases=[3]", "'phases' has to be a list of phases"),
        ("phases=[{name='a', epochs=1}]", "The setting 'phases.a.lr' is missing"),
        ("network.droput=0.1", r"Unknown setting 'network.droput'. Did you mean 'dropout'\?"),
        ("augmentation.rotation=3", r"Unknown setting 'augmentation.rotation'. Did you mean 'rotate'\?"),
        ("zzz=1", r"Unknown setting 'zzz'\.$"),
        ("=3", "Unknown setting ''"),
        ("seed", "'seed' is not a change of the form key=value"),
        ("seed=three", "'seed' has to be of type int, not 'three'"),
        ("seed=3.5", "'seed' has to be of type int, not 3.5"),
        ("seed=true", "'seed' has to be of type int, not True"),
        ("seed=none", "'seed' has to be of type int, not 'none'"),
        ("clip_norm=", "'clip_norm' has to be of type float, not ''"),
        ("phases.all.stages=1.5", "'phases.all.stages' has to be of type int or str, not 1.5"),
        ("phases.all.backbone_lr=x", "'phases.all.backbone_lr' has to be of type float or none, not 'x'"),
        ("network=3", "'network' is a group of settings, not 3"),
        ("network.backbone.size=3", "'backbone' in 'network.backbone.size' is not a group of settings"),
        ("augmentation.erase_area=0.1", "'augmentation.erase_area' has to be a list of numbers, not 0.1"),
        ("augmentation.erase_area=['a', 'b']", "'augmentation.erase_area' has to be a list of numbers"),
        ("augmentation.erase_area=[true, 1]", "'augmentation.erase_area' has to be a list of numbers"),
        ("average=0.9", "The setting 'average' is called 'ema_decay' now"),
        ("phases.all.wait=2", r"The setting 'phases\.all\.wait' is called 'patience' now"),
        ("phases.all.patience=2", r"phases\.all\.patience counts only with the schedule 'plateau'\. .* set 'stop_after'"),
        ("loss.average=0.9", r"Unknown setting 'loss\.average'"),
    ],
)
def test_changes_that_make_no_sense(change: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_preset(PRESET, [change])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("dataset=", "dataset is empty"),
        ("select=loss", r"select 'loss' is unknown\. Known: accuracy, f1_macro"),
        ("select=acuracy", r"select 'acuracy' is unknown. Did you mean 'accuracy'\?"),
        ("loss.kind=focl", r"loss.kind 'focl' is unknown. Did you mean 'focal'\?"),
        ("loss.class_weights=invers", r"Did you mean 'inverse'\?"),
        ("loss.max_class_weight=0.5", "loss.max_class_weight 0.5 is not a number of at least 1"),
        ("loss.gamma=-1", "loss.gamma -1 is not a number of at least 0"),
        ("loss.valence=inf", "loss.valence inf is not"),
        ("optimiser.name=adamww", r"optimiser.name 'adamww' is unknown. Did you mean 'adamw'\?"),
        ("optimiser.momentum=1", r"optimiser.momentum 1 is not in \[0, 1\)"),
        ("accumulate=0", "accumulate 0 is not at least 1"),
        ("phases=[]", "there are 0 phases, not 1 to 20"),
        ("phases=[{name='a', epochs=1, lr=1}, {name='a', epochs=1, lr=1}]", "two phases have the same name"),
        ("phases.all.name=''", "the phase name '' is not 1 to 40 characters"),
        ("phases.all.stages=10", "phases.all.stages 10 is not 0 to 5, nor 'all'"),
        ("phases.all.stages=some", "phases.all.stages 'some' is not 0 to 5, nor 'all'"),
        ("phases.all.schedule=cosin", r"phases.all.schedule 'cosin' is unknown. Did you mean 'cosine'\?"),
        ("phases.all.factor=1", r"phases.all.factor 1 is not in \(0, 1\)"),
        ("phases=[{name='all', epochs=1, lr=1, schedule='plateau', patience=0}]", "phases.all.patience 0 is not at least 1"),
        ("phases.all.stop_after=-1", "phases.all.stop_after -1 is not at least 0"),
        ("phases.all.backbone_lr=0", "phases.all.backbone_lr 0 is not a number above 0"),
        ("phases.all.views=2", "phases.all.views needs a frozen backbone"),
        ("augmentation.blur=2", r"augmentation.blur 2 is not in \[0, 1\]"),
        ("network.backbone=resnet51", r"There is no backbone 'resnet51'. Did you mean 'resnet50'\?"),
        ("network.input_size=16", "network.input_size 16 is not 32 to 1024 px"),
        ("network.in_chans=2", "network.in_chans 2 is not 1, 3 or 4"),
        ("network.in_chans=1", "network.mean has 3 numbers for 1 channels"),
        ("network.mean=[nan, 0, 0]", r"network.mean \[nan, 0.0, 0.0\] is not finite"),
        ("network.std=[1.0]", "network.std has 1 numbers for 3 channels"),
        ("network.std=[1, 0, 1]", r"network.std \[1.0, 0.0, 1.0\] is not above 0"),
        ("network.hidden=0", "network.hidden 0 is not at least 1"),
        ("network.dropout=1.0", r"network.dropout 1 is not in \[0, 1\)"),
        ("network.drop_path=-0.1", r"network.drop_path -0.1 is not in \[0, 1\)"),
        ("phases.all.epochs=0", "phases.all.epochs 0 is not at least 1"),
        ("batch_size=1", "batch_size 1 is not at least 2"),
        ("phases.all.lr=0", "lr 0 is not a number above 0"),
        ("phases.all.lr=nan", "lr nan is not"),
        ("phases.all.lr=inf", "lr inf is not"),
        ("phases.all.warmup=1", r"warmup 1 is not in \[0, 1\)"),
        ("optimiser.weight_decay=-1", "weight_decay -1 is not"),
        ("clip_norm=0", "clip_norm 0 is not above 0"),
        ("mixing.mixup=-0.1", "mixing.mixup -0.1 is not"),
        ("mixing.cutmix=inf", "mixing.cutmix inf is not"),
        ("ema_decay=1", r"ema_decay 1 is not in \[0, 1\)"),
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
    with pytest.raises(ConfigError, match=r"There is no preset 'quickstar'. Did you mean 'quickstart'\?"):
        load_preset("quickstar")


def test_preset_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('seed = 2\n[network]\nbackbone = "custom_cnn"\n[[phases]]\nname = "a"\nepochs = 3\nlr = 1\n')
    network = from_dict({"network": {"backbone": "custom_cnn"}}).network
    assert load_preset(str(path)) == TrainConfig(seed=2, network=network, phases=(Phase(name="a", epochs=3, lr=1.0),))
    path.write_text("seed = = 2")
    with pytest.raises(ConfigError, match=r"mine.toml' is not valid TOML"):
        load_preset(str(path))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"mine.toml' cannot be read"):
        load_preset(str(path))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_preset(str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_preset("a\0.toml")


def test_views_and_mixing_exclude_each_other() -> None:
    changes = ["phases.all.stages=0", "phases.all.views=1"]
    assert load_preset(PRESET, changes).phases[0].views == 1
    with pytest.raises(ConfigError, match=r"phases.all.views needs whole images: mixing has to be off, or views 0"):
        load_preset(PRESET, [*changes, "mixing.mixup=0.2"])
    assert load_preset(PRESET, [*changes, "mixing.mixup=0.2", "mixing.share=0"]).phases[0].views == 1


def test_a_shipped_preset_can_be_copied(tmp_path: Path) -> None:
    path = tmp_path / "copy.toml"
    path.write_text(preset_text("report1-resnet50"))
    assert load_preset(str(path)) == load_preset("report1-resnet50")


# What the reports say, number by number: (preset, what, value).
RECIPES = [
    ("report1-efficientnet_b0", [(15, 1.5e-4, 0), (12, 3e-5, "all")], 2.5, None),
    ("report1-resnet50", [(12, 1.5e-4, 0), (12, 2e-5, "all")], 2.0, None),
    ("report4-resnet50", [(20, 1e-4, 0)], 1.0, 32),
    ("report4-vgg16", [(20, 1e-4, 0)], 1.0, 32),
    ("report4-efficientnet_b0", [(20, 1e-4, 0)], 1.0, 32),
]


@pytest.mark.parametrize(("name", "phases", "expression", "batch"), RECIPES)
def test_presets_hold_what_the_reports_say(name: str, phases: list[Any], expression: float, batch: int | None) -> None:
    config = load_preset(name)
    assert [(phase.epochs, phase.lr, phase.stages) for phase in config.phases] == phases
    assert config.loss.expression == expression
    # Mean of two errors times 2: each counts once.
    assert (config.loss.mse, config.loss.valence, config.loss.arousal) == (2.0, 1.0, 1.0)
    assert batch in (None, config.batch_size)
    assert {phase.schedule for phase in config.phases} == {"plateau"}
    assert (config.init, config.optimiser.name, config.network.input_size) == ("imagenet", "adam", 224)


@pytest.mark.parametrize("backbone", ["mobilenetv2", "densenet121", "custom_cnn"])
def test_the_pairs_of_report_2(backbone: str) -> None:
    classifier, regressor = (load_preset(f"report2-{backbone}-{kind}") for kind in ("classifier", "regressor"))
    assert (classifier.outputs, regressor.outputs) == (("expression",), ("affect",))
    for config in (classifier, regressor):
        assert (config.network.hidden, config.network.dropout, config.batch_size, config.optimiser.name) == (
            256,
            0.5,
            16,
            "adam",
        )
        assert [(phase.epochs, phase.lr) for phase in config.phases] == [(10, 1e-4)]
        assert config.phases[0].stages == ("all" if backbone == "custom_cnn" else 0)
        assert config.init == ("scratch" if backbone == "custom_cnn" else "imagenet")


def test_report_5_names_all_that_it_used() -> None:
    config = load_preset("report5-efficientnet_b0")
    assert (config.dataset, config.batch_size, config.network.backbone) == ("fer2013-4", 32, "efficientnet_b0")
    assert [phase.stages for phase in config.phases] == [0, 3, "all"]
    assert all(phase.backbone_lr is None or phase.backbone_lr < phase.lr for phase in config.phases)
    assert min(config.mixing.mixup, config.loss.label_smoothing, config.network.dropout, config.optimiser.weight_decay) > 0
    assert config.loss.class_weights != "none"
    assert config.augmentation.flip > 0
    assert config.augmentation.rotate > 0


def test_phases_that_are_no_list_are_refused_whatever_comes_next() -> None:
    with pytest.raises(ConfigError, match=r"There is no phase '\*'. Known: none."):
        load_preset(PRESET, ["phases=3", "phases.*.epochs=1"])


def test_only_a_stride_that_makes_sense_is_taken() -> None:
    assert from_dict({"network": {"stem_stride": 1}}).network.stem_stride == 1
    assert from_dict({"network": {"stem_stride": "none"}}).network.stem_stride is None
    with pytest.raises(ConfigError, match=r"network.stem_stride 2 is not 1 or none"):
        from_dict({"network": {"stem_stride": 2}})
