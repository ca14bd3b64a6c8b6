"""Messages for those who are not the owner of the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotion_core.errors import DatasetNotFoundError
from pages.shared import sentence
from pages.shared.sentence import readable, without_folders


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("'/srv/data/affectnet' is a folder: choose a picture.", "'…/affectnet' is a folder: choose a picture."),
        ("looked for '/a b/c' and '/d/e.zip'.", "looked for '…/c' and '…/e.zip'."),
        (r"No run at 'C:\Users\anna\runs\mine'.", "No run at '…/mine'."),
        ("cannot open /var/lib/emotion/reviews.sqlite now", "cannot open …/reviews.sqlite now"),
        ("see https://example.org/a/b and images/7.jpg, 3/4 of it", "see https://example.org/a/b and images/7.jpg, 3/4 of it"),
        ("'joint/custom_cnn' is measured on 'affectnet-96'.", "'joint/custom_cnn' is measured on 'affectnet-96'."),
    ],
)
def test_folders_are_left_out_and_names_stay(text: str, left: str) -> None:
    assert without_folders(text) == left


def test_a_known_folder_goes_whatever_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "it's anna's"
    monkeypatch.setenv("EMOTION_DATA", str(secret))
    said = without_folders(str(DatasetNotFoundError("ferplus", [secret / "ferplus", secret / "ferplus.zip"])))
    assert "anna" not in said
    assert str(tmp_path) not in said
    assert "ferplus.zip" in said


def test_the_owner_reads_where_things_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence, "may", lambda role: role == "owner")
    assert readable("'/srv/x' is gone.") == "'/srv/x' is gone."
    monkeypatch.setattr(sentence, "may", lambda role: False)
    assert readable("'/srv/x' is gone.") == "'…/x' is gone."
