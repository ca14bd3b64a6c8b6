from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotion_core.data import cache
from emotion_core.data.cache import decode_cached
from emotion_core.data.table import FaceTable, build_frame
from emotion_core.data.transforms import decode_table
from emotion_core.errors import DataError


def encoded(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def table_of(pictures: dict[str, bytes], name: str = "made-up") -> FaceTable:
    return FaceTable(name=name, frame=build_frame(list(pictures), [None] * len(pictures)), read_bytes=pictures.__getitem__)


def pictures(count: int = 12, *, grey: bool = False) -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    shape = (10, 10) if grey else (10, 10, 3)
    return {f"{number}.png": encoded(rng.integers(0, 256, shape, dtype=np.uint8)) for number in range(count)}


@pytest.mark.parametrize("grey", [True, False])
@pytest.mark.parametrize("piece", [1, 5, 1000])
def test_what_is_kept_is_what_decoding_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grey: bool, piece: int) -> None:
    monkeypatch.setattr(cache, "PIECE_BYTES", piece * 3 * 8 * 8)
    table = table_of(pictures(grey=grey))
    _, expected = decode_table(table, 8)
    for _ in range(2):
        kept, found = decode_cached(table, 8, folder=tmp_path)
        assert np.array_equal(found, expected)
        assert found.shape == expected.shape
        assert isinstance(found, np.memmap)
        assert kept.sample_ids == table.sample_ids
    assert len(list(tmp_path.iterdir())) == 2


def test_a_late_colour_picture_among_grey_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "PIECE_BYTES", 4 * 3 * 8 * 8)
    mixed = pictures(11, grey=True) | {"last.png": pictures(1)["0.png"]}
    done: list[int] = []
    _, found = decode_cached(table_of(mixed), 8, folder=tmp_path, progress=done.append)
    assert np.array_equal(found, decode_table(table_of(mixed), 8)[1])
    assert sum(done) == 12


def test_nothing_is_decoded_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(pictures())
    decode_cached(table, 8, folder=tmp_path)

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(cache, "decode_table", refuse)
    done: list[int] = []
    decode_cached(table, 8, folder=tmp_path, progress=done.append)
    assert done == [12]


def test_other_sizes_names_and_pictures_have_their_own_files(tmp_path: Path) -> None:
    decode_cached(table_of(pictures()), 8, folder=tmp_path)
    decode_cached(table_of(pictures()), 9, folder=tmp_path)
    decode_cached(table_of(pictures(), name="another"), 8, folder=tmp_path)
    changed = pictures() | {"0.png": encoded(np.zeros((10, 10, 3), dtype=np.uint8))}
    _, found = decode_cached(table_of(changed), 8, folder=tmp_path)
    assert (found[0] == 0).all()
    assert len(list(tmp_path.glob("*.npy"))) == 4


def test_broken_pictures_are_left_out_or_refused(tmp_path: Path) -> None:
    broken = pictures() | {"3.png": b"no picture"}
    with pytest.raises(DataError, match=r"3.png"):
        decode_cached(table_of(broken), 8, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
    for _ in range(2):
        kept, found = decode_cached(table_of(broken), 8, folder=tmp_path, on_error="skip")
        assert len(kept) == len(found) == 11
        assert "3.png" not in kept.sample_ids
        expected, pixels = decode_table(table_of(broken), 8, on_error="skip")
        assert np.array_equal(found, pixels)
        assert kept.problems == expected.problems
    # What was skipped once is refused by whoever asks for whole data.
    with pytest.raises(DataError, match=r"3.png"):
        decode_cached(table_of(broken), 8, folder=tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        DataError, match=r"cannot be kept in '.*file' \(.*\). Remove the cause, name another folder with --cache"
    ):
        decode_cached(table_of(pictures()), 8, folder=tmp_path / "file")


def test_a_damaged_list_is_named(tmp_path: Path) -> None:
    table = table_of(pictures())
    decode_cached(table, 8, folder=tmp_path)
    next(tmp_path.glob("*.json")).write_text(json.dumps(["0.png"])[:-3])
    with pytest.raises(DataError, match="cannot be kept in"):
        decode_cached(table, 8, folder=tmp_path)
    next(tmp_path.glob("*.json")).write_text(json.dumps({"ids": ["0.png"], "problems": []}))
    with pytest.raises(DataError, match=r"has 12 pictures, its list 1"):
        decode_cached(table, 8, folder=tmp_path)


def test_a_dot_in_a_name_does_not_mix_files(tmp_path: Path) -> None:
    first, second = pictures(4), {f"other-{name}": content for name, content in pictures(6).items()}
    for chosen in (first, second, first):
        table = table_of(chosen, name="faces.v2")
        assert np.array_equal(decode_cached(table, 8, folder=tmp_path)[1], decode_table(table, 8)[1])
    assert len(list(tmp_path.glob("*.npy"))) == 2
