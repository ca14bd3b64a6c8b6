"""Numbers and names as people read them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


def minus(text: str) -> str:
    """Numbers with a true minus instead of a hyphen.

    Example:
        >>> minus("-0.5 [-0.7, -0.3]").count("\\N{MINUS SIGN}")
        3
    """
    return text.replace("-", "\N{MINUS SIGN}")


def plain(value: float, digits: int = 3) -> str:
    """So many decimals, with a true minus; a rounded zero has no sign.

    Example:
        >>> plain(0.25), plain(-0.0001)
        ('0.250', '0.000')
    """
    return minus(f"{round(value, digits) + 0.0:.{digits}f}")


def signed(value: float, digits: int = 3) -> str:
    """Likewise, with the sign of positive values as well.

    Example:
        >>> signed(0.25), signed(0.25, 1)
        ('+0.250', '+0.2')
    """
    return minus(f"{round(value, digits) + 0.0:+.{digits}f}")


def with_interval(value: float, low: float | None, high: float | None) -> str:
    """A value with its interval, where both ends are known.

    Example:
        >>> with_interval(0.5, 0.4, 0.6), with_interval(0.5, None, None), with_interval(float("nan"), None, None)
        ('0.500 [0.400, 0.600]', '0.500', 'not defined')
    """
    if not math.isfinite(value):
        return "not defined"
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return plain(value)
    return f"{plain(value)} [{plain(low)}, {plain(high)}]"


def p_text(p_value: float) -> str:
    """A p-value as it goes into a sentence; none is zero.

    Example:
        >>> p_text(0.0123), p_text(0.00001)
        ('p 0.012', 'p < 0.001')
    """
    return "p < 0.001" if p_value < 0.001 else f"p {p_value:.3f}"


def listing(names: Sequence[str], last: str = "and") -> str:
    """A list in words.

    Example:
        >>> listing(["sadness", "neutral", "fear"], "or"), listing(["small"])
        ('sadness, neutral or fear', 'small')
    """
    return f" {last} ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def printable(text: str, keep: str = "") -> str:
    """Text from outside without what would act on a terminal or a line: control and direction characters are replaced.

    Args:
        text: untrusted.
        keep: characters that stay all the same.

    Example:
        >>> printable("a\\x1b[2Jb")
        'a�[2Jb'
    """
    return "".join(letter if letter.isprintable() or letter in keep else "\N{REPLACEMENT CHARACTER}" for letter in text)


def shorten(text: str, length: int = 60) -> str:
    """A name on one line: :func:`printable`, the middle left out where it is long.

    What comes out is still untrusted: where markup is read, it has to be escaped.

    Example:
        >>> shorten("a_very_long_name.jpg", 12)
        'a_very_….jpg'
    """
    clean = printable(text)
    if len(clean) <= length:
        return clean
    tail = length // 3
    return f"{clean[: length - tail - 1]}\N{HORIZONTAL ELLIPSIS}{clean[-tail:]}"


def short_names(names: Iterable[str], length: int = 24) -> list[str]:
    """Names of runs as short as they can be: without the experiment where all share it, the middle left out where it is long.

    Example:
        >>> short_names(["joint/first", "joint/second"]), short_names(["joint/first", "ferplus/first"])
        (['first', 'second'], ['joint/first', 'ferplus/first'])
    """
    names = list(names)
    shared = len({name.rpartition("/")[0] for name in names}) == 1
    return [shorten(name.rpartition("/")[2] if shared else name, length) for name in names]
