"""Images chosen one by one as a short text, which fits into an address: what two pages show can be the same faces.

The text names positions among all images, so it counts for these alone: it begins with a digest of their ids. Positions follow
as gaps of one or more bytes, or as one bit an image, whichever is shorter once it is packed. It comes back from an address,
so nothing in it is trusted.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import zlib

import numpy as np
import numpy.typing as npt

from emotion_core.errors import ConfigError

LONGEST = 7_000
"""Letters of the text; web servers commonly take 8,000 for an address."""

_GAPS, _BITS = b"g", b"b"
_DIGEST = 6
"""Bytes of the digest."""

Rows = npt.NDArray[np.int64]


def encode_set(rows: npt.ArrayLike, ids: npt.NDArray[np.object_]) -> str:
    """Some images as a text of letters, digits, ``-`` and ``_``.

    Args:
        rows: their positions, in any order, shape ``(M,)``.
        ids: of all images, in the order that the positions are of, shape ``(N,)``.

    Raises:
        ConfigError: the text would be longer than :data:`LONGEST`; the message says so in words.
        ValueError: a position is none.

    Example:
        >>> ids = np.array(["a", "b", "c"], dtype=object)
        >>> decode_set(encode_set([2, 0], ids), ids).tolist()
        [0, 2]
    """
    places = np.unique(np.asarray(rows, dtype=np.int64))
    if len(places) and not (places[0] >= 0 and places[-1] < len(ids)):
        raise ValueError(f"positions have to lie in 0 to {len(ids) - 1}")
    gaps = _GAPS + zlib.compress(_write_gaps(places), 9)
    member = np.zeros(len(ids), dtype=bool)
    member[places] = True
    bits = _BITS + zlib.compress(np.packbits(member).tobytes(), 9)
    text = base64.urlsafe_b64encode(_digest(ids) + min(gaps, bits, key=len)).decode().rstrip("=")
    if len(text) > LONGEST:
        raise ConfigError(f"{len(places):,} of {len(ids):,} images are too many for an address. Choose fewer, or use a filter.")
    return text


def decode_set(text: str, ids: npt.NDArray[np.object_]) -> Rows:
    """Positions that a text from :func:`encode_set` names, ascending, shape ``(M,)``.

    Args:
        text: from anybody.
        ids: of all images, in the same order.

    Raises:
        ConfigError: it is no such text, or of other images.
    """
    unreadable = ConfigError("The chosen images in this address cannot be read: it was cut off or changed. Choose them again.")
    if not text.isascii() or len(text) > LONGEST:
        raise unreadable
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise unreadable from None
    if raw[:_DIGEST] != _digest(ids):
        raise ConfigError("The images in this address were chosen among others than are shown here. Choose them again.")
    kind, packed = raw[_DIGEST : _DIGEST + 1], raw[_DIGEST + 1 :]
    # A few bytes unpack to gigabytes; more than this no list of positions takes.
    most = -(-len(ids) // 8) if kind == _BITS else 9 * len(ids)
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(packed, most + 1)
    except zlib.error:
        raise unreadable from None
    if not unpacker.eof or len(content) > most or kind not in (_GAPS, _BITS):
        raise unreadable
    places = _read_bits(content) if kind == _BITS else _read_gaps(content)
    if places is None or (len(places) and places[-1] >= len(ids)):
        raise unreadable
    return places


def _write_gaps(places: Rows) -> bytes:
    """Seven bits a byte, the lowest first; the highest bit says that more follow."""
    written = bytearray()
    for gap in np.diff(places, prepend=-1).tolist():
        while gap > 127:
            written.append(128 | gap & 127)
            gap >>= 7
        written.append(gap)
    return bytes(written)


def _read_gaps(content: bytes) -> Rows | None:
    gaps, gap, shift = [], 0, 0
    for byte in content:
        gap |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            gaps.append(gap)
            gap = shift = 0
        elif shift > 35:
            return None
    # The last has to be whole, and no image stands twice.
    return None if shift or 0 in gaps else np.cumsum(np.array(gaps, dtype=np.int64)) - 1


def _read_bits(content: bytes) -> Rows:
    return np.flatnonzero(np.unpackbits(np.frombuffer(content, dtype=np.uint8))).astype(np.int64)


def _digest(ids: npt.NDArray[np.object_]) -> bytes:
    return _digest_of(tuple(ids.tolist()))


# Tables are shared by all visitors, and 40,000 ids take 10 ms.
@functools.lru_cache(maxsize=8)
def _digest_of(ids: tuple[str, ...]) -> bytes:
    return hashlib.blake2b("\0".join(ids).encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest()
