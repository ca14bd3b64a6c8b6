"""Any file of results as a table; nothing that is too large, damaged or dangerous."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotion_core.errors import ResultsError
from emotion_core.importing import read_results, reading
from emotion_core.importing.reading import as_numbers

TABLE = pd.DataFrame({"image": ["a.jpg", "b.jpg"], "happy": [0.25, 1.0], "note": ["<b>", "=1+1"]})


def as_csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


def as_json(table: pd.DataFrame) -> bytes:
    return table.to_json(orient="records", lines=True).encode()


def as_parquet(table: pd.DataFrame) -> bytes:
    return table.to_parquet(None, index=False)


def as_npz(table: pd.DataFrame) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **{name: np.array(table[name].tolist()) for name in table})
    return stream.getvalue()


FORMS = {"csv": as_csv, "jsonl": as_json, "parquet": as_parquet, "npz": as_npz}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_table(form: str) -> None:
    found = read_results(FORMS[form](TABLE), f"r.{form}")
    assert list(found.columns) == list(TABLE.columns)
    assert found["image"].tolist() == TABLE["image"].tolist()
    assert found["note"].tolist() == TABLE["note"].tolist()
    assert as_numbers(found["happy"], "happy").tolist() == [0.25, 1.0]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_cut_off_is_refused(form: str) -> None:
    rows = pd.concat([TABLE] * 50, ignore_index=True)
    whole = FORMS[form](rows)
    cut = whole[: whole.rindex(b",")] if form == "csv" else whole[: len(whole) - 20]
    with pytest.raises(ResultsError, match=rf"r\.{form}"):
        read_results(cut, f"r.{form}")


@pytest.mark.parametrize("form", FORMS)
def test_a_file_without_rows_is_refused(form: str) -> None:
    with pytest.raises(ResultsError, match=r"empty|no rows|columns"):
        read_results(FORMS[form](TABLE.head(0)), "r")


@pytest.mark.parametrize("content", [b"", b"  \n\n"])
def test_an_empty_file_is_refused(content: bytes) -> None:
    with pytest.raises(ResultsError, match="'r' is empty"):
        read_results(content, "r")


@pytest.mark.parametrize("form", FORMS)
def test_too_many_rows_are_refused_before_they_are_read(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS", 10)
    with pytest.raises(ResultsError, match="10 are the most"):
        read_results(FORMS[form](pd.concat([TABLE] * 6, ignore_index=True)), "r")


def test_ten_million_rows_of_parquet_are_refused() -> None:
    stream = io.BytesIO()
    pq.write_table(pa.table({"happy": np.zeros(10_000_000, dtype=np.int8)}), stream, compression="zstd")
    with pytest.raises(ResultsError, match=r"10,000,000 rows; 1,000,000 are the most"):
        read_results(stream.getvalue(), "r")


def test_a_parquet_bomb_is_refused_by_its_own_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two megabytes of zeros that pack to almost nothing; the limit is lowered instead of making gigabytes."""
    monkeypatch.setattr(reading, "MAX_UNPACKED", 2**20)
    stream = io.BytesIO()
    zeros = pa.array([b"\0" * 2**10] * 2**11).cast(pa.string())
    pq.write_table(pa.table({"image": zeros}), stream, compression="zstd", use_dictionary=False)
    assert len(stream.getvalue()) < 2**16
    monkeypatch.setattr(pq.ParquetFile, "read", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(ResultsError, match="unpacks to 2 MB"):
        read_results(stream.getvalue(), "r")


def test_a_text_that_many_rows_repeat_takes_no_memory_for_each() -> None:
    stream = io.BytesIO()
    long = pa.DictionaryArray.from_arrays(np.zeros(100_000, dtype=np.int32), ["x" * 100_000])
    pq.write_table(pa.table({"image": long, "happy": np.zeros(100_000)}), stream)
    found = read_results(stream.getvalue(), "r")  # 10 GB, were each its own
    assert len({id(text) for text in found["image"]}) == 1


def test_an_npz_bomb_is_refused_by_its_own_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_UNPACKED", 2**20)
    stream = io.BytesIO()
    np.savez_compressed(stream, happy=np.zeros(2**18))
    with pytest.raises(ResultsError, match="unpacks to 2 MB"):
        read_results(stream.getvalue(), "r")


def test_nothing_is_unpickled() -> None:
    stream = io.BytesIO()
    np.savez(stream, image=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ResultsError, match="Arrays of objects are not read"):
        read_results(stream.getvalue(), "r.npz")
    with pytest.raises(ResultsError, match="pickled files are not read"):
        read_results(pickle.dumps({"a": np.zeros(300)}), "r.pkl")


def test_a_spreadsheet_is_refused_with_the_remedy() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(ResultsError, match="saved as CSV"):
        read_results(stream.getvalue(), "r.xlsx")


def test_vectors_become_numbered_columns() -> None:
    stream = io.BytesIO()
    np.savez(stream, files=np.array(["a", "b"]), probs=np.eye(2), classes=np.array(["happy", "sad", "fear"])[:2][:2])
    assert {"files", "probs.0", "probs.1"} <= set(read_results(stream.getvalue(), "r").columns)
    stream = io.BytesIO()
    np.savez(stream, files=np.array(["a", "b", "c"]), probs=np.ones((3, 2)) / 2, classes=np.array(["happy", "sad"]))
    assert list(read_results(stream.getvalue(), "r").columns) == ["files", "probs.happy", "probs.sad"]
    nested = "\n".join(json.dumps({"image": name, "p": {"happy": 0.5, "sad": 0.5}, "v": [0.1, 0.2]}) for name in "ab")
    assert list(read_results(nested.encode(), "r").columns) == ["image", "p.happy", "p.sad", "v.0", "v.1"]
    lists = pa.table({"image": ["a", "b"], "probs": [[0.5, 0.5], [1.0, 0.0]]})
    stream = io.BytesIO()
    pq.write_table(lists, stream)
    assert read_results(stream.getvalue(), "r")["probs.0"].tolist() == [0.5, 1.0]


def test_semicolons_mean_decimal_commas() -> None:
    found = read_results("image;happy\na,b.jpg;0,25\n".encode("utf-8-sig"), "r")
    assert found.iloc[0].tolist() == ["a,b.jpg", "0.25"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"image,happy\na.jpg,0.5\nb.jpg\n", "Row 2 of 'r' has 1 cells, and there are 2 columns. Was the file cut off"),
        (b"image,happy\na.jpg,0.5,0.5\n", "Row 1 of 'r' has 3 cells"),
        (b'image,happy\n"a.jpg,0.5\n', "not a table"),
        (b"0.1,0.9\n0.2,0.8\n", "has to name the columns"),
        (b"image,a,a\nx,1,2\n", "two columns with the name 'a'"),
        (b'{"image": "a"}\n{"image": \n', "Line 2 of 'r' is not JSON, as the last line"),
        (b"[1, 2]\n", "Line 1 of 'r' is not an object"),
        (b"image\0,happy\n", "NUL"),
        (b"\x80\x81\x82", "neither text in UTF-8"),
        (b"[" * 100_000, "not JSON"),
        (b"PAR1" + b"\0" * 100, "not a whole Parquet file"),
        (b"PK\x03\x04" + b"\0" * 100, "not a whole NPZ"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(content: bytes, message: str) -> None:
    with pytest.raises(ResultsError, match=message):
        read_results(content, "r")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["0.5", "abc"], r"Row 2 of the column 'p' holds 'abc', which is not a finite number\."),
        (["", "0.5"], "Row 1 of the column 'p' is empty"),
        (["nan", "inf"], "Row 1 .* 1 others are not"),
        (["=1+1", "0.5"], "holds '=1"),
    ],
)
def test_a_cell_that_is_no_number_is_named(cells: list[str], message: str) -> None:
    with pytest.raises(ResultsError, match=message):
        as_numbers(pd.Series(cells), "p")


def test_a_missing_or_large_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ResultsError, match=r"'no.csv' cannot be read"):
        read_results(tmp_path / "no.csv")
    monkeypatch.setattr(reading, "MAX_BYTES", 10)
    (tmp_path / "large.csv").write_bytes(b"image,happy\n")
    with pytest.raises(ResultsError, match="the most that is read"):
        read_results(tmp_path / "large.csv")


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "vectors", "npz"])
def test_cells_are_bounded_before_they_are_made(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal numbers pack to nothing, and objects that share no name make a table of mostly empty cells."""
    monkeypatch.setattr(reading, "MAX_CELLS", 99)
    square = np.zeros((10, 10))
    stream = io.BytesIO()
    if form == "parquet":
        pq.write_table(pa.table({f"c{place}": square[0] for place in range(10)}), stream)
    elif form == "vectors":
        pq.write_table(pa.table({"probs": list(square)}), stream)
    elif form == "npz":
        np.savez_compressed(stream, probs=square.astype(np.uint8))
    elif form == "csv":
        stream.write(",".join("abcdefghij").encode() + b"\n" + b"0,0,0,0,0,0,0,0,0,0\n" * 9)
    else:
        stream.write(b"".join(b'{"c%d": 1}\n' % place for place in range(10)))
    with pytest.raises(ResultsError, match="10 rows of 10 columns; 99 cells are the most"):
        read_results(stream.getvalue(), "r")


def test_vectors_are_read_from_slices_and_lengths_are_checked() -> None:
    table = pa.table({"probs": [[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]]})
    stream = io.BytesIO()
    pq.write_table(table, stream, row_group_size=2)
    assert read_results(stream.getvalue(), "r")["probs.1"].tolist() == [0.75, 0.5, 0.0]
    for wrong in ([[1.0], [1.0, 2.0]], [[1.0], None]):
        stream = io.BytesIO()
        pq.write_table(pa.table({"probs": wrong}), stream)
        with pytest.raises(ResultsError, match="vectors of different lengths"):
            read_results(stream.getvalue(), "r")
