from __future__ import annotations

import io

import pytest
from PIL import Image

from pages.components.pictures import SIDE, pictures_root, read_picture, thumbnail, why_no_pictures


@pytest.mark.parametrize("root", [None, "/nowhere"])
def test_drawn_faces_need_no_folder(monkeypatch: pytest.MonkeyPatch, root: str | None) -> None:
    if root is None:
        monkeypatch.delenv("EMOTION_DATA", raising=False)
    else:
        monkeypatch.setenv("EMOTION_DATA", root)
    assert why_no_pictures("schematic") is None
    assert pictures_root("schematic") == ""
    content = thumbnail("schematic", "", "faces/00042.png")
    assert content is not None
    assert Image.open(io.BytesIO(content)).size == (SIDE, SIDE)
    picture = read_picture("schematic", "", "faces/00042.png")
    assert picture is not None
    assert picture.shape == (128, 128, 3)
    assert thumbnail("schematic", "", "faces/none.png") is None


def test_other_datasets_still_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMOTION_DATA", raising=False)
    assert pictures_root("ferplus") == ""
    assert why_no_pictures("ferplus") == (
        "No pictures: EMOTION_DATA is not set. Set it to the folder that holds 'ferplus/' or 'ferplus.zip', "
        "then start the app again."
    )
    monkeypatch.setenv("EMOTION_DATA", "/nowhere")
    assert pictures_root("ferplus") == "/nowhere"
    assert why_no_pictures("ferplus") == (
        "No pictures: 'ferplus' is not in '/nowhere', where EMOTION_DATA points. "
        "Set it to the folder that holds 'ferplus/' or 'ferplus.zip'."
    )
