"""Questions to a table, answered as pandas answers them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from emotion_core.errors import ImageError, ScoringError
from emotion_core.scoring.originals import face_of
from emotion_core.scoring.query import BINS, ScoredTable, Selection, find_tables
from emotion_core.scoring.table import PROBS
from tests.scoring.tables import faces, write_table


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return faces(400)


@pytest.fixture(scope="module")
def table(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> ScoredTable:
    other = faces(2).assign(face=None, expression=None, error=[None, "It is damaged."], source=["none.jpg", "bad.jpg"])
    folder = tmp_path_factory.mktemp("scores") / "mine"
    return ScoredTable(write_table(folder, frame[:300], pd.concat([frame[300:], other])))


SELECTIONS: dict[str, tuple[Selection, Any]] = {
    "all": (Selection(), lambda t: t["face"] == 0),
    "expressions": (Selection(expressions=("fear", "anger")), lambda t: t["expression"].isin(["fear", "anger"])),
    "stands": (Selection(stands=False), lambda t: ~t["stands"]),
    "confidence": (Selection(confidence=(0.3, 0.5)), lambda t: t[list(PROBS)].max(axis=1).between(0.3, 0.5)),
    "valence": (Selection(valence=(-1, 0)), lambda t: t["valence"] <= 0),
    "size": (Selection(smallest=100), lambda t: t["face_width"] >= 100),
    "words": (Selection(words="00001"), lambda t: t["source"].str.contains("00001")),
    "both": (Selection(stands=True, arousal=(0.5, 1)), lambda t: t["stands"] & (t["arousal"] >= 0.5)),
    "a quote": (Selection(words="' OR 1=1 --"), lambda t: t["face"] == 1),
}


@pytest.mark.parametrize("name", SELECTIONS)
def test_selections_are_those_of_pandas(table: ScoredTable, frame: pd.DataFrame, name: str):
    selection, mask = SELECTIONS[name]
    mine = frame[mask(frame)]
    assert table.counts(selection) == (len(mine), int(mine["stands"].sum()))
    assert {k: n for k, n in table.expressions(selection).items() if n} == mine["expression"].value_counts().to_dict()
    density, *_ = np.histogram2d(mine["arousal"], mine["valence"], bins=BINS, range=[[-1, 1], [-1, 1]])
    np.testing.assert_array_equal(table.plane(selection), density)
    assert table.export(selection)["source"].to_pylist() == mine["source"].tolist()


def test_examples_are_in_order_and_a_page_at_a_time(table: ScoredTable, frame: pd.DataFrame):
    surest = frame.assign(prob=frame[list(PROBS)].max(axis=1)).sort_values("prob", ascending=False, kind="stable")
    first = table.examples(Selection(), "surest first", count=10)
    second = table.examples(Selection(), "surest first", start=10, count=10)
    assert [*first["source"], *second["source"]] == surest["source"].head(20).tolist()
    assert table.examples(Selection(), "as listed", count=3)["source"].tolist() == frame["source"].head(3).tolist()


def test_what_has_no_face_or_could_not_be_read_is_counted(table: ScoredTable):
    assert table.outcome() == (1, 1)
    assert table.unread().to_dict("records") == [{"source": "bad.jpg", "key": "", "error": "It is damaged."}]


def test_numbers_that_are_none_leave_the_plane_whole(tmp_path: Path):
    frame = faces(4)
    frame.loc[0, "valence"], frame.loc[1, "arousal"], frame.loc[2, "valence"] = np.nan, np.inf, 7
    plane = ScoredTable(write_table(tmp_path / "mine", frame)).plane(Selection())
    assert plane.sum() == 2


def test_nothing_but_the_tables_files_can_be_read(table: ScoredTable, tmp_path: Path):
    (tmp_path / "other.csv").write_text("a\n1\n")
    for question in (f"SELECT * FROM '{tmp_path}/other.csv'", f"COPY faces TO '{tmp_path}/out.csv'", "SET threads = 1"):
        with pytest.raises(ScoringError, match="cannot be read"):
            table._ask(question, [])


@pytest.mark.parametrize("damage", ["cut", "columns", "types", "link", "empty", "manifest"])
def test_damaged_tables_are_refused_in_a_sentence(tmp_path: Path, damage: str):
    folder = write_table(tmp_path / "mine", faces(5))
    path = folder / "table" / "faces-00000.parquet"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-20])
    elif damage == "columns":
        pq.write_table(pa.table({"x": [1]}), path)
    elif damage == "types":
        whole = pq.read_table(path)
        pq.write_table(whole.set_column(whole.schema.get_field_index("valence"), "valence", pa.array(["a"] * 5)), path)
    elif damage == "link":
        (tmp_path / "elsewhere.parquet").write_bytes(path.read_bytes())
        path.unlink()
        path.symlink_to(tmp_path / "elsewhere.parquet")
    elif damage == "empty":
        path.unlink()
    else:
        (folder / "manifest.json").write_text('{"version": 7}')
    with pytest.raises(ScoringError, match=r"^'.*'.* [a-z]"):
        ScoredTable(folder)


def test_tables_are_found_below_a_folder(tmp_path: Path):
    one = write_table(tmp_path / "one", faces(1))
    two = write_table(tmp_path / "deep" / "two", faces(1))
    assert find_tables(tmp_path) == [two, one]
    assert find_tables(tmp_path / "nothing") == []


def picture(colour: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), (colour, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    root.mkdir()
    (root / "plain.png").write_bytes(picture(10))
    (tmp_path / "outside.png").write_bytes(picture(50))
    (root / "link.png").symlink_to(tmp_path / "outside.png")
    with zipfile.ZipFile(root / "a.zip", "w") as archive:
        archive.writestr("in/1.png", picture(20))
    with tarfile.open(root / "a.tar", "w") as shard:
        info = tarfile.TarInfo("1.png")
        info.size = len(picture(30))
        shard.addfile(info, io.BytesIO(picture(30)))
    pq.write_table(pa.table({"image": [picture(0), picture(40)]}), root / "a.parquet", row_group_size=1)
    return root


@pytest.mark.parametrize(
    ("source", "key", "colour"),
    [("plain.png", "", 10), ("a.zip", "in/1.png", 20), ("a.tar", "1.png", 30), ("a.parquet", "1", 40)],
)
def test_faces_are_cut_out_of_files_and_archives(data: Path, source: str, key: str, colour: int):
    for named in (source, str(data / source)):
        assert face_of(data, named, key, (5, 5, 10, 10))[0, 0].tolist() == [colour, 0, 0]


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("../outside.png", ""), ("link.png", ""), ("/etc/passwd", ""), ("gone.png", ""), ("nul\0.png", ""), ("a.zip", ""),
        ("a.zip", "gone.png"), ("a.tar", "gone.png"), ("a.parquet", "7"), ("a.parquet", "x"), ("plain.png", "1"), ("", ""),
    ],
)  # fmt: skip
def test_pictures_from_elsewhere_are_not_shown(data: Path, source: str, key: str):
    with pytest.raises(ImageError):
        face_of(data, source, key, (0, 0, 10, 10))


def test_boxes_outside_the_picture_are_drawn_in(data: Path):
    assert face_of(data, "plain.png", "", (-5, 10**6, 10**6, -3)).size > 0
