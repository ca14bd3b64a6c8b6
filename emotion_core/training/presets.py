"""Presets: TOML files in the package, or anywhere, with single values changed on the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from emotion_core.errors import ConfigError, did_you_mean
from emotion_core.training.config import TrainConfig, from_dict


def preset_names() -> list[str]:
    """Names of the presets in the package."""
    folder = resources.files("emotion_core.training") / "presets"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def preset_text(name: str) -> str:
    """The file of a preset, to be copied and changed.

    Args:
        name: of a preset in the package, or the path of a TOML file.

    Raises:
        ConfigError: there is none; the message gives the nearest.
    """
    if name.endswith(".toml"):
        try:
            return Path(name).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ConfigError(f"The preset '{name}' cannot be read ({error}).") from error
    if name not in preset_names():
        raise ConfigError(
            f"There is no preset '{name}'.{did_you_mean(name, preset_names())} Known: {', '.join(preset_names())}."
        )
    return (resources.files("emotion_core.training") / "presets" / f"{name}.toml").read_text(encoding="utf-8")


def load_preset(name: str, changes: Iterable[str] = ()) -> TrainConfig:
    """Read a preset and change single values.

    Args:
        name: as in :func:`preset_text`.
        changes: such as ``"seed=3"``, ``"network.backbone=resnet50"`` or ``"phases.heads.epochs=3"``; ``"phases.*.epochs=1"``
            is for every phase, ``"data.ferplus.share=0.4"`` for one source. Values are as TOML writes them, quotes optional.

    Raises:
        ConfigError: unknown preset or key (the message gives the nearest), or an impossible value.
    """
    try:
        data = tomllib.loads(preset_text(name))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The preset '{name}' is not valid TOML: {error}.") from error
    for change in changes:
        _change(data, change)
    _check_patience(data)
    return from_dict(data)


def _check_patience(data: dict[str, Any]) -> None:
    """Refuse ``patience`` where it does nothing: before ``stop_after`` had its name, ``patience`` ended a phase early."""
    phases = data.get("phases", [])
    for phase in phases if isinstance(phases, list) else []:
        if isinstance(phase, dict) and "patience" in phase and phase.get("schedule") != "plateau":
            raise ConfigError(
                f"phases.{phase.get('name')}.patience counts only with the schedule 'plateau'. "
                "To end the phase early, set 'stop_after'."
            )


def _change(data: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    if not equals:
        raise ConfigError(f"'{change}' is not a change of the form key=value.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    *groups, last = key.strip().split(".")
    if len(groups) == 2 and groups[0] in _NAMED_BY:
        for entry in _entries(data, *groups):
            entry[last] = value
        return
    for group in groups:
        data = data.setdefault(group, {})
        if not isinstance(data, dict):
            raise ConfigError(f"'{group}' in '{key}' is not a group of settings.")
    data[last] = value


_NAMED_BY = {"phases": ("phase", "name"), "data": ("source", "dataset")}
"""Lists of groups: what one of them is called, and the setting that a change names it by."""


def _entries(data: dict[str, Any], key: str, name: str) -> list[dict[str, Any]]:
    """The groups of a list that a change means."""
    word, named_by = _NAMED_BY[key]
    given = data.get(key, [])
    entries = [entry for entry in given if isinstance(entry, dict)] if isinstance(given, list) else []
    chosen = [entry for entry in entries if name in ("*", entry.get(named_by))]
    if not chosen:
        names = [str(entry.get(named_by)) for entry in entries]
        raise ConfigError(f"There is no {word} '{name}'.{did_you_mean(name, names)} Known: {', '.join(names) or 'none'}.")
    return chosen
