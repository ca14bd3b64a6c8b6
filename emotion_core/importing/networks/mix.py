"""Somebody's probabilities under another mix of expressions, where it is known which one they hold under."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emotion_core.errors import ConfigError
from emotion_core.importing.networks.network import OwnNetwork
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.priors import ESTIMATE, MIN_FACES, TRAINED, Prior, estimate_prior, shift_prior

Array = npt.NDArray[np.float64]


def under_prior(network: OwnNetwork, shares: Array, prior: Prior | str) -> tuple[Array, str]:
    """Probabilities under a prior, and a sentence that says so; see :mod:`emotion_core.metrics.priors`.

    Args:
        network: says which expressions it knows, and under which prior its probabilities hold.
        shares: its probabilities, a column for each of ``network.classes``, shape ``(N, K)``.
        prior: as :func:`~emotion_core.metrics.priors.read_prior` gives it.

    Raises:
        ConfigError: it is not known under which prior its probabilities hold, or the wanted one rules out all of its
            expressions, or rests on too few images.
    """
    before = network.prior
    if prior == TRAINED and network.trained is None:
        return shares, ""
    if before is None:
        raise ConfigError(
            f"It is not known which mix of expressions the probabilities of '{network.name}' hold under, so that no other can "
            "take its place. Say it with --own-prior; without a correction it is that of the training images."
        )
    places = [EXPRESSIONS.index(name) for name in network.classes]
    source = before.array[places]
    if prior == ESTIMATE:
        if len(shares) < MIN_FACES:
            raise ConfigError(f"{len(shares)} images suggest no mix of expressions; at least {MIN_FACES} are needed.")
        name, target = ESTIMATE, estimate_prior(shares, source).values
    else:
        wanted = prior if isinstance(prior, Prior) else network.trained or before
        name, target = wanted.name, wanted.array[places]
    try:
        moved = shift_prior(shares, source, target)
    except ValueError as error:
        raise ConfigError(f"'{network.name}' can predict none of the expressions that this mix holds.") from error
    if np.allclose(source / source.sum(), target / target.sum(), atol=1e-6):
        return shares, f"Its probabilities hold under the {before.name} mix of expressions."
    return moved, f"Its probabilities were moved from the {before.name} to the {name} mix of expressions."
