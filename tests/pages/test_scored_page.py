"""The page of scored pictures."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.pages.opening import make_app, run
from tests.scoring.tables import faces, write_table


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where tables are looked for; beside it lie pictures."""
    monkeypatch.setenv("EMOTION_SCORES", str(tmp_path / "scores"))
    monkeypatch.setenv("EMOTION_DATA", str(tmp_path / "data"))
    (tmp_path / "data" / "photos").mkdir(parents=True)
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), "grey").save(stream, "JPEG")
    for number in range(30):
        (tmp_path / "data" / "photos" / f"{number:06d}.jpg").write_bytes(stream.getvalue())
    return tmp_path / "scores"


def texts(app: AppTest) -> str:
    return " ".join(str(each.value) for each in (*app.markdown, *app.caption, *app.info, *app.error))


def test_without_a_table_the_page_says_how_to_make_one(folder: Path):
    app = run(make_app("scored"))
    assert "no table of scored pictures" in texts(app)
    assert "score PHOTOS --out" in app.code[0].value


def test_faces_are_counted_shown_and_filtered(folder: Path):
    bad = faces(1).assign(face=None, expression=None, error="It is [damaged](x).", source="=bad.jpg")
    write_table(folder / "mine", pd.concat([faces(60), bad]))
    app = run(make_app("scored"))
    assert "**60 faces**" in texts(app)
    assert "0 pictures show" in texts(app)
    assert "1 could not be read" in texts(app)
    # Half of the pictures are there; those that are not are said.
    assert app.dataframe[0].value["expression"].notna().all()
    app.multiselect(key="mine-expressions").set_value(["fear"])
    run(app)
    fear = int((faces(60)["expression"] == "fear").sum())
    assert f"**{fear} faces**" in texts(app)
    assert set(app.dataframe[0].value["expression"]) == {"fear"}
    app.slider(key="mine-confidence").set_value((0.0, 0.05))
    assert "No face fits" in texts(run(app))


def test_a_damaged_table_is_a_sentence(folder: Path):
    path = write_table(folder / "mine", faces(3)) / "table" / "faces-00000.parquet"
    path.write_bytes(b"PAR1" + np.random.default_rng(0).bytes(100))
    assert "is no part of a scored table" in texts(run(make_app("scored"))).replace("\\", "")
