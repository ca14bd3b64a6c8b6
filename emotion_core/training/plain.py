"""Settings from plain data, as TOML and JSON hold it."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from emotion_core.errors import ConfigError, did_you_mean

Settings = TypeVar("Settings")

RENAMED = {"average": "ema_decay", "wait": "patience"}
"""Settings of before, and what they are called now."""


class Group(NamedTuple):
    """What each entry of a list is.

    Attributes:
        cls: dataclass of an entry.
        named_by: setting that names an entry in messages.
        title: what all of them are called there.
    """

    cls: type[Any]
    named_by: str
    title: str


def build(cls: type[Settings], data: Mapping[str, Any], lists: Mapping[Any, Group], prefix: str = "") -> Settings:
    """A group of settings from plain data.

    Args:
        cls: dataclass of the group.
        data: values by name.
        lists: what entries of a list are, by the type of the list.
        prefix: what stands before the names in messages.

    Raises:
        ConfigError: unknown keys, wrong types or impossible values.
    """
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key not in hints:
            if RENAMED.get(key) in hints:
                raise ConfigError(f"The setting '{prefix}{key}' is called '{RENAMED[key]}' now.")
            raise ConfigError(f"Unknown setting '{prefix}{key}'.{did_you_mean(key, hints)}")
        values[key] = _read(value, hints[key], lists, f"{prefix}{key}")
    lacking = [
        entry.name
        for entry in dataclasses.fields(cls)  # type: ignore[arg-type]
        if entry.name not in values and entry.default is entry.default_factory is dataclasses.MISSING
    ]
    if lacking:
        raise ConfigError(f"The setting '{prefix}{lacking[0]}' is missing.")
    return cls(**values)


def _read(value: Any, hint: Any, lists: Mapping[Any, Group], key: str) -> Any:
    if hint in lists:
        group = lists[hint]
        if not isinstance(value, list | tuple) or not all(isinstance(entry, Mapping) for entry in value):
            raise ConfigError(f"'{key}' has to be a list of {group.title} ([[{key}]] in TOML), not {value!r}.")
        names = [entry.get(group.named_by, index) for index, entry in enumerate(value)]
        return tuple(build(group.cls, entry, lists, f"{key}.{name}.") for name, entry in zip(names, value, strict=True))
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ConfigError(f"'{key}' is a group of settings, not {value!r}.")
        return build(hint, value, lists, f"{key}.")
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list | tuple) or not all(type(entry) in (int, float) for entry in value):
            raise ConfigError(f"'{key}' has to be a list of numbers, not {value!r}.")
        return tuple(float(entry) for entry in value)
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value == "none" and type(None) in options and str not in options:
        # TOML has no word for nothing.
        return None
    if float in options and type(value) is int:
        value = float(value)
    if not isinstance(value, options) or isinstance(value, bool) != (bool in options):
        kinds = " or ".join("none" if option is type(None) else option.__name__ for option in options)
        raise ConfigError(f"'{key}' has to be of type {kinds}, not {value!r}.")
    return value
