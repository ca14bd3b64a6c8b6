from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from emotion_core.data.plain_csv import load_plain_csv
from emotion_core.data.table import FaceTable
from emotion_core.errors import ConfigError
from emotion_core.faces.face import Detection, Face, FaceDetector
from emotion_core.inspection.attributes import cut_attributes, measure_attributes


class TwoFaces(FaceDetector):
    """Finds a face of half the picture that looks ahead, in pictures that are not grey."""

    name = "drawn"

    def detect(self, image: np.ndarray) -> Detection:
        if np.ptp(image, axis=2).max() == 0:
            return Detection((), self.name)
        side = image.shape[0] // 2
        landmarks = ((0.0, 0.0), (10.0, 2.0), (5.0, 6.0), (2.0, 10.0), (8.0, 10.0))
        return Detection((Face((0, 0, side, side - 1), 0.9, landmarks),), self.name)


@pytest.fixture
def table(tmp_path: Path) -> FaceTable:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8))
    pictures = {
        "a.png": noise,
        "b.png": noise.filter(ImageFilter.GaussianBlur(4)),
        "c.png": noise.convert("L"),
        "d.png": noise.point(lambda value: value // 4),
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / name)
    rows = ["a.png,happy,test,12,young,1", "b.png,sad,test,61,old,2", "c.png,sad,test,,old,3", "d.png,fear,test,40,,4"]
    (tmp_path / "faces.csv").write_text("\n".join(["image,expression,split,age,group,note", *rows]))
    return load_plain_csv(tmp_path / "faces.csv")


def test_what_the_picture_shows(table: FaceTable) -> None:
    done: list[int] = []
    found = measure_attributes(table, TwoFaces(), progress=done.append)
    assert done == [1] * 4
    assert found.index.tolist() == ["a.png", "b.png", "c.png", "d.png"]
    assert found["colour"].tolist() == ["colour", "colour", "grey", "colour"]
    assert found["brightness"].to_numpy() == pytest.approx([0.5, 0.5, 0.5, 0.124], abs=0.01)
    assert found["sharpness"]["b.png"] < found["sharpness"]["a.png"] / 10
    assert found["face size"].fillna(-1).tolist() == [40, 40, -1, 40]
    assert found["roll"]["a.png"] == pytest.approx(np.degrees(np.arctan2(2, 10)))
    assert found["yaw"].isna().tolist() == [False, False, True, False]
    assert found["age"].fillna(-1).tolist() == [12, 61, -1, 40]
    assert found["group"].fillna("").tolist() == ["young", "old", "old", ""]


def test_without_a_detector_or_landmarks_there_is_no_pose(table: FaceTable) -> None:
    assert {"face size", "yaw", "roll"}.isdisjoint(measure_attributes(table, None).columns)


def test_only_what_is_asked_for(table: FaceTable) -> None:
    assert list(measure_attributes(table, None, by=["group"]).columns) == ["group"]
    assert list(measure_attributes(table, None, by=["age", "colour"]).columns) == ["colour", "age"]
    with pytest.raises(
        ConfigError, match=r"'faces@[0-9a-f]{8}' has no column 'agee'. Did you mean 'age'\? Slices are made by face size,"
    ):
        measure_attributes(table, None, by=["agee"])


def test_a_column_of_names_makes_no_slices(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    for number in range(30):
        (tmp_path / f"{number}.png").write_bytes(buffer.getvalue())
    rows = [f"{number}.png,happy,test,person {number}" for number in range(30)]
    (tmp_path / "faces.csv").write_text("\n".join(["image,expression,split,who", *rows]))
    faces = load_plain_csv(tmp_path / "faces.csv")
    assert "who" not in measure_attributes(faces, None)
    with pytest.raises(ConfigError, match=r"The column 'who' has 30 different values, which are no numbers\. Group them"):
        measure_attributes(faces, None, by=["who"])


def test_numbers_are_cut_in_thirds_and_angles_where_everybody_cuts_them() -> None:
    ages = [float(number) for number in range(1, 10)]
    yaw = [0, 10, 10.1, 25, 25.1, 80, np.nan, 3, 4]
    cut = cut_attributes(pd.DataFrame({"age": ages, "yaw": yaw, "face size": [48.0] * 8 + [np.nan], "all": ["x"] * 9}))
    assert cut["age"].tolist() == ["up to 3.67"] * 3 + ["3.67 to 6.33"] * 3 + ["above 6.33"] * 3
    assert cut["yaw"].value_counts().to_dict() == {"up to 10°": 4, "10 to 25°": 2, "above 25°": 2}
    assert cut["face size"].tolist() == ["up to 48 px"] * 8 + ["no face found"]
    assert "all" not in cut
    assert cut["age"].cat.categories.tolist()[:3] == ["up to 3.67", "3.67 to 6.33", "above 6.33"]


def test_missing_text_is_named_last() -> None:
    cut = cut_attributes(pd.DataFrame({"group": ["young", None, "old"]}))
    assert cut["group"].cat.categories.tolist() == ["old", "young", "no value"]
