"""``train`` and ``presets``."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from emotion_core.cli.options import AddCommand, data_options, device_option, named_data_root, out_option
from emotion_core.errors import ConfigError
from emotion_core.results.find import find_run, out_folder

if TYPE_CHECKING:
    from emotion_core.training.config import TrainConfig


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    train = command("train", _train, "train a network; the same command again resumes an unfinished run")
    begun = train.add_mutually_exclusive_group(required=True)
    begun.add_argument("--preset", metavar="NAME", help="name of a preset (see 'presets'), or a TOML file")
    begun.add_argument("--resume", metavar="RUN", help="go on with an unfinished run, or its folder, with the settings it has")
    train.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting, such as network.backbone=resnet50 or 'phases.*.epochs=1'",
    )
    out_option(train, default="PRESET-BACKBONE")
    train.add_argument(
        "--init", metavar="FROM", help="scratch, imagenet, a run, or a .safetensors file (default: what the preset says)"
    )
    train.add_argument("--cache", type=Path, metavar="DIR", help="keep decoded pictures here, for datasets beyond memory")
    train.add_argument(
        "--workers", type=int, default=0, metavar="N", help="processes that prepare batches; they never change the result"
    )
    train.add_argument("--tensorboard", action="store_true", help="write TensorBoard's files into the run folder")
    data_options(train)
    device_option(train)
    presets = command("presets", _presets, "list the training presets, or print one to copy it")
    presets.add_argument("name", nargs="?", metavar="NAME", help="print this preset as TOML")


def _train(arguments: argparse.Namespace) -> int:
    from torch import distributed

    from emotion_core.results.card import write_card
    from emotion_core.results.run import describe_selection
    from emotion_core.training.presets import load_preset
    from emotion_core.training.trainer import train

    if arguments.workers < 0:
        raise ConfigError(f"--workers {arguments.workers} is not a number of at least 0.")
    if arguments.resume is not None:
        config, out = _begun(arguments)
    else:
        config = load_preset(arguments.preset, arguments.set)
        out = out_folder(arguments.out or _usual_name(arguments.preset, config))
    if arguments.init is not None:
        config = replace(config, init=arguments.init)
    run = train(
        config,
        named_data_root(arguments),
        out,
        device=arguments.device,
        on_error="skip" if arguments.skip_broken else "raise",
        workers=arguments.workers,
        cache=arguments.cache,
        tensorboard=arguments.tensorboard,
    )
    # Of several processes that train together, the first one speaks.
    if os.environ.get("RANK", "0") == "0":
        write_card(run)
        print(f"{run.path}: {describe_selection(run.info.selection)}")
    if distributed.is_initialized():
        # Otherwise a thread of the process group may outlive the interpreter, which aborts the process now and then.
        distributed.destroy_process_group()
    return 0


def _usual_name(preset: str, config: TrainConfig) -> str:
    stem, backbone = Path(preset).stem, config.network.backbone
    return stem if stem.startswith("report") and backbone in stem else f"{stem}-{backbone}"


def _begun(arguments: argparse.Namespace) -> tuple[TrainConfig, Path]:
    """Settings and folder of a training that was begun before."""
    from emotion_core.training.config import from_dict

    if arguments.set or arguments.out is not None:
        raise ConfigError("--resume goes on in the same folder with the same settings: leave out --set and --out.")
    run = find_run(arguments.resume)
    if not run.info.training:
        raise ConfigError(f"'{run.name}' does not say how it was trained: repeat the command that began it.")
    return from_dict(run.info.training), run.path


def _presets(arguments: argparse.Namespace) -> int:
    from emotion_core.training.presets import load_preset, preset_names, preset_text

    if arguments.name is not None:
        print(preset_text(arguments.name), end="")
        return 0
    for name in preset_names():
        config = load_preset(name)
        print(f"{name}: {config.title}{f' ({config.reproduces})' if config.reproduces else ''}")
    return 0
