"""What has to be known of somebody's network before it can read a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from emotion_core.errors import ConfigError, ResultsError
from emotion_core.importing.columns import ORDERS, expression_of, read_classes
from emotion_core.labels import AFFECT
from emotion_core.metrics.priors import Prior, make_prior
from emotion_core.texts import listing, shorten

FILE = "preprocess.json"
"""Lies beside a graph and says how it wants pictures, as our own ``export`` writes it."""

NOTHING = "-"
"""Stands in a list of classes for an output that is no expression."""

Scores = Literal["", "logits", "probabilities"]


@dataclass(frozen=True, kw_only=True)
class Given:
    """What somebody says of a network; empty where nothing is said.

    Attributes:
        classes: what each output is, in order: an expression, ``"valence"``, ``"arousal"``, or empty for one that does not
            count.
        mean: subtracted from pictures scaled to [0, 1], a number a channel.
        std: then divided by.
        size: rows and columns, px.
        layout: ``"nchw"`` or ``"nhwc"``.
        scores: whether outputs are logits or probabilities.
        output: name of the output with the expressions.
        affect: names of the outputs with valence and arousal: one with both, or two.
        bgr: channels are blue, green, red.
        temperature: divides the logits.
        shift: then added to them, a number a class; minus infinity for one that cannot be predicted.
        prior: that the probabilities then hold under; ``None`` where it is not known.
        trained: that of the training images, likewise.
    """

    classes: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    size: tuple[int, int] | None = None
    layout: Literal["", "nchw", "nhwc"] = ""
    scores: Scores = ""
    output: str = ""
    affect: tuple[str, ...] = ()
    bgr: bool = False
    temperature: float = 1.0
    shift: tuple[float, ...] = ()
    prior: Prior | None = None
    trained: Prior | None = None

    def or_else(self, other: Given) -> Given:
        """What is said here, and for the rest what is said there."""
        # Temperature and shift belong to the logits of the file that says them.
        names = ("classes", "mean", "std", "size", "layout", "scores", "output", "affect", "prior")
        merged = {name: getattr(self, name) or getattr(other, name) for name in names}
        return replace(other, **merged, bgr=self.bgr or other.bgr)


def read_outputs_list(text: str) -> tuple[str, ...]:
    """Expressions, valence and arousal in the order of a network's outputs.

    Args:
        text: as :func:`~emotion_core.importing.columns.read_classes` takes it; in a list, ``valence`` and ``arousal`` may
            stand too, and ``-`` for an output that does not count.

    Raises:
        ResultsError: a word means nothing, or stands twice.

    Example:
        >>> read_outputs_list("happy,sad,-,valence")
        ('happiness', 'sadness', '', 'valence')
    """
    if text.strip().lower() in ORDERS:
        return read_classes(text)
    words = [word.strip() for word in text.split(",")]
    plain = [word for word in words if word.lower() not in AFFECT and word != NOTHING]
    known = dict(zip(plain, read_classes(",".join(plain)), strict=True)) if plain else {}
    found = tuple("" if word == NOTHING else known.get(word, word.lower()) for word in words)
    said = [name for name in found if name]
    if len(set(said)) < len(said):
        raise ResultsError(f"The classes '{shorten(text)}' name an output twice.")
    return found


def classes_of_labels(labels: Sequence[object], where: str) -> tuple[str, ...]:
    """Expressions that a network's own labels mean; valence and arousal stay what they are.

    Raises:
        ResultsError: one means no expression.
    """
    found = [str(label).lower() if str(label).lower() in AFFECT else expression_of(str(label)) for label in labels]
    unknown = [shorten(str(label), 30) for label, name in zip(labels, found, strict=True) if name is None]
    if unknown:
        raise ResultsError(
            f"{where} calls its outputs {listing([shorten(str(label), 30) for label in labels][:10])}, and {unknown[0]} is no "
            "expression. Say what they are, in order, with --classes; '-' stands for one that does not count."
        )
    return tuple(str(name) for name in found)


def read_preprocess(folder: Path) -> Given:
    """What ``preprocess.json`` of a folder says; nothing where there is none.

    Raises:
        ResultsError: it is damaged; the message names the entry.
    """
    path = folder / FILE
    if not path.is_file():
        return Given()
    try:
        said = json.loads(path.read_bytes()[: 1 << 20])
        if not isinstance(said, dict):
            raise ValueError("it holds no object")
        size = said.get("size")
        shift = said.get("shift") or ()
        found = Given(
            classes=classes_of_labels(said.get("classes") or (), f"'{path}'"),
            mean=_numbers(said.get("mean") or ()),
            std=_numbers(said.get("std") or ()),
            size=None if size is None else (int(size), int(size)),
            temperature=_numbers([said.get("temperature", 1.0)])[0],
            shift=tuple(-math.inf if entry is None else _numbers([entry])[0] for entry in shift),
            prior=_prior(said.get("prior")),
            trained=_prior(said.get("trained")),
        )
        if found.temperature <= 0 or (found.size and not 8 <= found.size[0] <= 4096):
            raise ValueError("the temperature or the size is none")
        if found.shift and (len(found.shift) != len(found.classes) or not np.isfinite(found.shift).any()):
            raise ValueError("the shift does not fit the classes")
    except ResultsError:
        raise
    except (OSError, ValueError, TypeError, OverflowError, RecursionError, ConfigError) as error:
        raise ResultsError(f"'{path}' does not say how pictures are prepared ({error}). Mend it, or take it away.") from error
    return found


def _prior(said: object) -> Prior | None:
    """A mix as our own export writes it: its name, and a share for each expression or nothing."""
    if not isinstance(said, Mapping) or said.get("values") is None:
        return None
    if not isinstance(said["values"], Mapping):
        raise ValueError("a mix of expressions is none")
    return make_prior(said["values"], shorten(str(said.get("name") or "given"), 20))


def _numbers(values: Sequence[Any]) -> tuple[float, ...]:
    numbers = tuple(float(value) for value in values)
    if not np.isfinite(numbers).all():
        raise ValueError("a number is not finite")
    return numbers


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """From a picture to the array that a network takes."""

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channels: int = 3
    layout: Literal["nchw", "nhwc"] = "nchw"
    bgr: bool = False
    dtype: Any = np.float32

    def __call__(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """``(H, W, 3)`` RGB to ``(C, S, S)`` or ``(S, S, C)``."""
        rows, columns = self.size
        picture = Image.fromarray(image)
        if self.channels == 1:
            picture = picture.convert("L")
        if picture.size != (columns, rows):
            picture = picture.resize((columns, rows), Image.Resampling.BILINEAR, reducing_gap=3.0)
        pixels = np.asarray(picture).reshape(rows, columns, self.channels)
        if self.bgr:
            pixels = pixels[..., ::-1]
        if self.dtype is not np.uint8:
            scaled = (pixels.astype(np.float32) / 255 - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
            pixels = scaled.astype(self.dtype)
        return np.ascontiguousarray(pixels if self.layout == "nhwc" else pixels.transpose(2, 0, 1))


def prepared_by(given: Given, *, size: tuple[int, int] | None, channels: int, name: str, **how: Any) -> Preparation:
    """How pictures are prepared for a network.

    Args:
        given: what is said.
        size: that the network asks for; ``None`` where any will do.
        channels: that it takes.
        name: of the network, for messages.
        how: further entries of :class:`Preparation`.

    Raises:
        ResultsError: something is not said, or contradicts the network.
    """
    chosen = given.size or size
    if chosen is None:
        raise ResultsError(f"'{name}' takes pictures of any size. Say which it was trained on with --input-size PX.")
    if size is not None and chosen != size:
        raise ResultsError(f"'{name}' takes {size[1]} × {size[0]} px, not {chosen[1]} × {chosen[0]}.")
    mean, std = given.mean, given.std
    if how.get("dtype") is not np.uint8:
        if not mean or not std:
            raise ResultsError(
                f"How does '{name}' want its pictures? Say --mean and --std of channels in [0, 1], such as --mean "
                f"0.485,0.456,0.406 --std 0.229,0.224,0.225 (ImageNet's) or --mean 0 --std 1, or put a {FILE} beside it."
            )
        for what, values in (("mean", mean), ("std", std)):
            if len(values) not in (1, channels):
                raise ResultsError(f"'{name}' takes {channels} channels, and the {what} has {len(values)} numbers.")
        if min(std) <= 0:
            raise ResultsError("The std has to be above 0; pictures are divided by it.")
    return Preparation(size=chosen, mean=mean, std=std, channels=channels, bgr=given.bgr, **how)


def softmax(logits: npt.NDArray[np.floating[Any]], temperature: float, shift: Sequence[float]) -> npt.NDArray[np.float64]:
    """Probabilities, ``softmax(logits / temperature + shift)``, of rows ``(B, K)``."""
    powers = logits.astype(np.float64) / temperature + (np.asarray(shift) if len(shift) else 0.0)
    powers = np.exp(powers - powers.max(axis=1, keepdims=True))
    shares: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def rows_are_shares(scores: npt.NDArray[np.floating[Any]]) -> bool:
    """Whether every row looks like probabilities: none below 0, and their sum is 1."""
    return bool((scores >= -1e-6).all() and (np.abs(scores.sum(axis=1) - 1) < 1e-3).all())
