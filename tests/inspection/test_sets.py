"""Images chosen one by one, as an address names them."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest

from emotion_core.errors import ConfigError
from emotion_core.inspection.sets import LONGEST, decode_set, encode_set

IDS = np.array([f"images/{number}.jpg" for number in range(40_000)], dtype=object)


@pytest.mark.parametrize("rows", [[], [0], [39_999], [5, 3, 3, 4], [*range(0, 40_000, 130)], [*range(20_000, 39_000)]])
def test_what_is_written_is_read(rows: list[int]) -> None:
    text = encode_set(rows, IDS)
    assert decode_set(text, IDS).tolist() == sorted(set(rows))
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def test_any_half_of_40_000_fits_into_an_address_and_few_are_short() -> None:
    half = np.random.default_rng(0).permutation(40_000)[:20_000]
    assert len(encode_set(half, IDS)) <= LONGEST
    assert len(encode_set([17, 3_000, 39_000], IDS)) < 40
    many = np.array([str(number) for number in range(100_000)], dtype=object)
    with pytest.raises(ConfigError, match="50,000 of 100,000 images are too many for an address"):
        encode_set(np.random.default_rng(0).permutation(100_000)[:50_000], many)


def test_positions_among_other_images_are_refused() -> None:
    text = encode_set([1, 2], IDS)
    with pytest.raises(ConfigError, match="chosen among others"):
        decode_set(text, IDS[:-1])
    with pytest.raises(ValueError, match="0 to 39999"):
        encode_set([40_000], IDS)


def packed(kind: bytes, content: bytes, ids: np.ndarray = IDS) -> str:
    head = base64.urlsafe_b64decode(encode_set([0], ids) + "==")[:6]
    return base64.urlsafe_b64encode(head + kind + content).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        encode_set([1, 2, 700], IDS)[:-3],
        packed(b"g", zlib.compress(b"\x00")),
        packed(b"g", zlib.compress(b"\x80")),
        packed(b"g", zlib.compress(b"\xff\xff\xff\xff\xff\xff\xff\x01")),
        packed(b"g", zlib.compress(b"\xff\xff\x7f")),
        packed(b"b", zlib.compress(bytes(5_001))),
        packed(b"b", zlib.compress(bytes(100_000_000), 9)[:4_000]),
        packed(b"g", zlib.compress(bytes(3_000_000), 9)),
        packed(b"x", zlib.compress(b"\x01")),
        packed(b"g", b"nothing"),
        packed(b"g", b""),
    ],
)
def test_what_is_no_set_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        decode_set(text, IDS)


@pytest.mark.parametrize("text", ["a", "é" * 8, "!!!!", "A" * (LONGEST + 1), "../../etc", "<script>"])
def test_any_text_of_an_address_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="Choose them again"):
        decode_set(text, IDS)


def test_a_bit_beyond_the_last_image_is_no_image() -> None:
    few = IDS[:3]
    with pytest.raises(ConfigError, match="cannot be read"):
        decode_set(packed(b"b", zlib.compress(b"\x01"), few), few)
