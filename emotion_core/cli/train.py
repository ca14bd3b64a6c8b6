"""``train`` and ``presets``."""

from __future__ import annotations

import argparse
from pathlib import Path

from emotion_core.cli.options import AddCommand, data_options, data_root, device_option
from emotion_core.results.run import checkpoints_folder


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    train = command("train", _train, "train a network; the same command again resumes an unfinished run")
    train.add_argument("--preset", required=True, metavar="NAME", help="name of a preset (see 'presets'), or a TOML file")
    train.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting, such as network.backbone=resnet50",
    )
    train.add_argument("--out", type=Path, metavar="DIR", help="run folder (default: checkpoints/PRESET-BACKBONE)")
    train.add_argument(
        "--init",
        default="scratch",
        metavar="FROM",
        help="scratch, imagenet, a run, or a .safetensors file (default: scratch)",
    )
    data_options(train)
    device_option(train)
    command("presets", _presets, "list the training presets")


def _train(arguments: argparse.Namespace) -> int:
    from emotion_core.results.card import write_card
    from emotion_core.training.config import load_preset
    from emotion_core.training.trainer import train

    config = load_preset(arguments.preset, arguments.set)
    name = f"{Path(arguments.preset).stem}-{config.network.backbone}"
    out = arguments.out if arguments.out is not None else checkpoints_folder() / name
    run = train(
        config,
        data_root(arguments),
        out,
        init=arguments.init,
        device=arguments.device,
        on_error="skip" if arguments.skip_broken else "raise",
    )
    write_card(run)
    chosen = run.info.selection
    print(f"{run.path}: epoch {chosen['epoch']} chosen by {chosen['measure']} {chosen['value']:.3f} on {chosen['split']}")
    return 0


def _presets(arguments: argparse.Namespace) -> int:
    from emotion_core.training.config import load_preset, preset_names

    for name in preset_names():
        print(f"{name}: {load_preset(name).title}")
    return 0
