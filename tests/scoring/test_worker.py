"""Rows say what the predictor says, and do not depend on which process did which task."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from emotion_core.labels import EXPRESSIONS, OUTPUTS
from emotion_core.predict import Predictor
from emotion_core.scoring import worker
from emotion_core.scoring.plan import plan
from emotion_core.scoring.table import COLUMNS, MAPS
from emotion_core.scoring.worker import Scorer, Settings
from tests.films.films import encode, shades
from tests.portraits import two_faces

MakeRun = Callable[..., Path]


def rows(scorer: Scorer, folder: Path, *sources: Path, skip: dict[int, str] | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number, task in enumerate(plan([str(source) for source in sources])):
        scorer.do(number, task, str(folder), skip or {})
        found += pq.read_table(folder / f"{number:09d}.parquet").to_pylist()
    scorer.close()
    return found


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.png").write_bytes(two_faces())
    Image.new("RGB", (80, 80), "white").save(folder / "b.png")
    (folder / "c.jpg").write_bytes(b"no picture")
    with zipfile.ZipFile(folder / "d.zip", "w") as archive:
        archive.writestr("in/a.png", two_faces())
    return folder


def test_rows_are_the_predictors_readings(make_run: MakeRun, photos: Path, tmp_path: Path):
    run = make_run()
    scorer = Scorer(Settings(run=str(run), device="cpu", maps=True))
    found = rows(scorer, tmp_path / "parts", photos)
    assert [(Path(row["source"]).name, row["key"], row["face"]) for row in found] == [
        ("a.png", "", 0), ("a.png", "", 1), ("b.png", "", None), ("c.jpg", "", None),
        ("d.zip", "in/a.png", 0), ("d.zip", "in/a.png", 1),
    ]  # fmt: skip
    assert list(found[0]) == [*COLUMNS, MAPS]
    predictor = Predictor.from_run(run, device="cpu", runtime="torch")
    [photo] = predictor.predict([two_faces()])
    for row, face, reading in zip(found, photo.photo.faces, photo.readings, strict=False):
        assert (row["left"], row["top"], row["face_width"], row["face_height"]) == face.face.box
        assert [row[f"prob_{name}"] for name in EXPRESSIONS] == pytest.approx(list(reading.probabilities.values()), abs=1e-4)
        assert (row["valence"], row["arousal"]) == pytest.approx((reading.valence, reading.arousal), abs=1e-4)
        assert row["expression"] == reading.expression
        maps = np.concatenate([reading.contributions[name].ravel() for name in OUTPUTS])
        np.testing.assert_allclose(row[MAPS], maps, atol=1e-3)
    assert found[2]["error"] is None
    assert "cannot be read as a picture" in found[3]["error"]
    # Of the same pictures in an archive, to the last bit.
    same = [{k: v for k, v in row.items() if k not in ("source", "key")} for row in found]
    assert same[4:] == same[:2]


def test_rows_of_a_film_have_frames_and_tracks(make_run: MakeRun, tmp_path: Path):
    film = tmp_path / "film.mp4"
    film.write_bytes(encode(shades(10)))
    scorer = Scorer(Settings(run=str(make_run()), device="cpu", whole="always"))
    found = rows(scorer, tmp_path / "parts", film)
    assert len(found) == len({row["time"] for row in found}) > 1
    assert {row["face"] for row in found} == {0}
    assert all(row["track"] >= 1 for row in found)
    assert rows(scorer, tmp_path / "parts", film, skip={0: "It crashed."})[0]["error"] == "It crashed."


def test_decoding_is_bounded_in_memory_and_time(tmp_path: Path):
    code = """
import json, sys
from emotion_core.errors import ImageError
from emotion_core.scoring import worker
import io
from PIL import Image
stream = io.BytesIO()
Image.effect_noise((3000, 3000), 90).save(stream, "PNG")
worker.MEMORY = 10 << 20
try:
    worker._decode(stream.getvalue())
except ImageError as error:
    print(json.dumps(str(error)))
worker.MEMORY = 640 << 20
print(json.dumps(worker._decode(stream.getvalue()).shape))
worker.SECONDS = 0
worker.read_image = lambda content: [None for _ in iter(int, 1)]
worker._decode(b"")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(worker.__file__).parents[2], check=False
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert "too large to be decoded" in said[0]
    assert said[1] == [3000, 3000, 3]
    assert done.returncode == -24, done.stderr
