"""What every network of others can do here, whatever computes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emotion_core.errors import ResultsError
from emotion_core.importing.networks.given import Given, Scores
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.metrics.priors import Prior

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Said:
    """What a network says of ``B`` images.

    Attributes:
        scores: of its expressions, logits or probabilities, shape ``(B, K)``.
        affect: valence and arousal, shape ``(B, 2)``, NaN for one that it does not predict; ``None`` without both.
    """

    scores: Array
    affect: Array | None


class OwnNetwork(ABC):
    """A network that its user brought along.

    Attributes:
        name: for messages and tables.
        backbone: what it is built of, as far as it says.
        digest: SHA-256 of its weights.
        num_params: number of weights.
        input_size: px.
        outputs: what each column of its main output is, as :attr:`Given.classes`.
        scores: whether it gives logits or probabilities; empty where nobody said.
        temperature: divides its logits.
        shift: then added to them, a number an output, or nothing.
        prior: that its probabilities then hold under; ``None`` where it is not known.
        trained: that of its training images, likewise.
        why_no_maps: why there are no exact maps.
    """

    name: str
    backbone: str
    digest: str
    num_params: int
    input_size: int
    outputs: tuple[str, ...]
    scores: Scores
    temperature: float = 1.0
    shift: tuple[float, ...] = ()
    prior: Prior | None = None
    trained: Prior | None = None
    why_no_maps: str = "only ONNX graphs say what stands between their last feature map and their outputs"

    @property
    def classes(self) -> tuple[str, ...]:
        """The expressions that it knows, in the order of its outputs."""
        return tuple(name for name in self.outputs if name in EXPRESSIONS)

    @property
    def has_maps(self) -> bool:
        """Whether :meth:`contributions` gives any."""
        return False

    @abstractmethod
    def prepare(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """A picture ``(H, W, 3)`` as the network takes it."""

    @abstractmethod
    def compute(self, images: npt.NDArray[Any]) -> Said:
        """What it says of prepared images ``(B, …)``."""

    def mirror(self, images: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Prepared images, mirrored."""
        return images[..., ::-1]

    def contributions(self, images: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.float32]]:
        """What every place of the last feature map adds to every output, by its name, each ``(B, h, w)``.

        Raises:
            ResultsError: nothing but pooling and a linear layer may stand in between, and something does.
        """
        raise ResultsError(f"'{self.name}' gives no exact maps: {self.why_no_maps}.")

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Give back what it holds."""

    def set_classes(self, given: Given, width: int, where: str) -> None:
        """Say what the columns of an output are, and how its numbers are to be read.

        Raises:
            ResultsError: that is not known, or does not fit.
        """
        classes = given.classes if width else ()
        has = f"'{self.name}' has {width} outputs{f' in {where!r}' if where else ''}"
        if width and not classes:
            raise ResultsError(
                f"{has}: which expression is which? Name them in order with --classes, such as fer2013, affectnet, or a list."
            )
        if len(classes) != width:
            raise ResultsError(f"{has}, and {len(classes)} classes are named.")
        self.outputs, self.scores = classes, given.scores
        self.temperature, self.shift = given.temperature, given.shift
        self.prior, self.trained = given.prior, given.trained

    def take_apart(self, scores: Array, affect: Array | None) -> Said:
        """Columns of one output as expressions, and valence and arousal.

        Raises:
            ResultsError: a number is not finite.
        """
        if not np.isfinite(scores).all() or (affect is not None and not np.isfinite(affect).all()):
            raise ResultsError(f"'{self.name}' answers with numbers that are not finite, so its results cannot be used.")
        columns = [place for place, name in enumerate(self.outputs) if name in EXPRESSIONS]
        inside = {name: scores[:, place] for place, name in enumerate(self.outputs) if name in AFFECT}
        if inside:
            missing = np.full(len(scores), np.nan)
            affect = np.column_stack([inside.get(name, missing) for name in AFFECT])
        return Said(scores[:, columns], affect)
