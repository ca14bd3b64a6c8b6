r"""Values over time, smoothed: means over neighbouring frames whose weight falls off exponentially with time.

.. math:: \tilde x_i = \frac{\sum_j w_{ij} x_j}{\sum_j w_{ij}}, \qquad w_{ij} = e^{-|t_i - t_j| / \tau}

With times as they are, frames need no fixed rate. Means of probabilities are probabilities again. Live, the sum goes over
:math:`j \le i` alone; afterwards it goes over all frames, and what is smoothed lags no longer behind. Both take one pass each
way, since the weights multiply (E. S. Gardner 1985, Exponential smoothing: the state of the art, Journal of Forecasting 4).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

TAU = 0.4
"""s after which a frame counts e times less: a single wrong frame of five a second has a weight of a quarter."""

HOLD = 0.4
"""s for which another expression has to lead before the verdict changes."""

LEAD = 0.2
"""By so much probability it may lead to change the verdict at once."""

Array = npt.NDArray[np.float64]


class CausalSmoother:
    """The mean over past frames, one after the other.

    Args:
        tau: s after which a frame counts e times less; 0 leaves values as they are.
    """

    def __init__(self, tau: float = TAU) -> None:
        self._tau = tau
        self._time = -math.inf
        self._weight = 0.0
        self._sum: Array = np.zeros(0)

    def update(self, time: float, values: npt.ArrayLike) -> Array:
        """Take in a frame.

        Args:
            time: s, not before the last one.
            values: shape ``(K,)``, the same each time.

        Returns:
            Smoothed values, shape ``(K,)``.
        """
        now = np.asarray(values, dtype=np.float64)
        decay = _decay(time - self._time, self._tau)
        self._sum = decay * self._sum + now if self._weight else now
        self._weight = decay * self._weight + 1.0
        self._time = time
        return self._sum / self._weight


def smooth(times: npt.ArrayLike, values: npt.ArrayLike, *, tau: float = TAU) -> tuple[Array, Array]:
    """Smooth with past and future alike, and say how far values spread around it.

    Args:
        times: s, in ascending order, shape ``(N,)``.
        values: shape ``(N, K)``; all finite.
        tau: as above.

    Returns:
        Smoothed values and the weighted standard deviation of the values around them, each of shape ``(N, K)``.
    """
    t, x = np.asarray(times, dtype=np.float64), np.asarray(values, dtype=np.float64)
    both = np.hstack([x, x * x, np.ones((len(x), 1))])
    forward, backward = _sums(t, both, tau), _sums(-t[::-1], both[::-1], tau)[::-1]
    total = forward + backward - both  # each frame is in both sums
    weight = total[:, -1:]
    width = x.shape[1]
    mean = total[:, :width] / weight
    variance = total[:, width : 2 * width] / weight - mean * mean
    return mean, np.sqrt(np.clip(variance, 0.0, None))


class Hysteresis:
    """A verdict that does not blink: another expression takes over once it has led for :data:`HOLD` seconds, or leads by
    :data:`LEAD`. Only the past counts.
    """

    def __init__(self) -> None:
        self._shown = -1
        self._since = math.inf

    def update(self, time: float, probabilities: npt.ArrayLike) -> int:
        """Take in the smoothed probabilities of a frame, shape ``(K,)``, and say which of them is shown."""
        probs = np.asarray(probabilities, dtype=np.float64)
        best = int(probs.argmax())
        if self._shown < 0 or best == self._shown:
            self._shown, self._since = best, math.inf
            return self._shown
        self._since = min(self._since, time)
        # A hair of tolerance: 0.6 - 0.2 is a little less than 0.4.
        if time - self._since >= HOLD - 1e-6 or probs[best] - probs[self._shown] >= LEAD:
            self._shown, self._since = best, math.inf
        return self._shown


def _decay(gap: float, tau: float) -> float:
    return math.exp(-gap / tau) if tau > 0 else 0.0


def _sums(times: Array, values: Array, tau: float) -> Array:
    """Weighted sums over each frame and those before it."""
    sums = values.copy()
    for i in range(1, len(times)):
        sums[i] += _decay(times[i] - times[i - 1], tau) * sums[i - 1]
    return sums
