"""Somebody's network on single faces: what it says, and exact maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from emotion_core.explain.exact import normalise_maps
from emotion_core.importing.networks.measure import answers_of
from emotion_core.importing.networks.network import OwnNetwork
from emotion_core.labels import AFFECT
from emotion_core.metrics.priors import Prior


@dataclass(frozen=True, kw_only=True)
class FaceAnswer:
    """What a network says of one face.

    Attributes:
        probabilities: by expression, of those that it knows.
        affect: valence and arousal, by name.
        contributions: what each place of its last feature map adds to each output, ``(h, w)`` by name; empty without maps.
        maps: Grad-CAM of the same, in [0, 1].
    """

    probabilities: dict[str, float]
    affect: dict[str, float]
    contributions: dict[str, npt.NDArray[np.float32]]
    maps: dict[str, npt.NDArray[np.float32]]


def read_faces(
    network: OwnNetwork, crops: Sequence[npt.NDArray[np.uint8]], prior: Prior | str | None = None
) -> list[FaceAnswer]:
    """Read faces, with maps where the network gives them.

    Args:
        network: that is open.
        crops: square RGB faces, each ``(S, S, 3)``.
        prior: that probabilities are to hold under; ``None`` leaves them as they are.

    Raises:
        ConfigError: the prior cannot be had.
        ResultsError: it answers with what cannot be used.
    """
    if not crops:
        return []
    images = np.stack([network.prepare(crop) for crop in crops])
    table, columns, _ = answers_of(network, network.compute(images), [str(place) for place in range(len(crops))], prior)
    signed = network.contributions(images) if network.has_maps else {}
    warm = {name: normalise_maps(torch.from_numpy(values).relu()).numpy() for name, values in signed.items()}
    return [
        FaceAnswer(
            probabilities={name: float(table[column].iloc[place]) for name, column in columns.scores.items()},
            affect={name: float(table[columns.affect[name]].iloc[place]) for name in AFFECT if name in columns.affect},
            contributions={name: values[place] for name, values in signed.items()},
            maps={name: values[place] for name, values in warm.items()},
        )
        for place in range(len(crops))
    ]
