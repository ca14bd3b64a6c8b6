"""Writes small datasets in the layouts in which they are published, with drawn noise for pictures."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from emotion_core.labels import FERPLUS_VOTES

USAGE_FOLDERS = {"Training": "FER2013Train", "PublicTest": "FER2013Valid", "PrivateTest": "FER2013Test"}
VOTES_HEADER = ",".join(["Usage", "Image name", *FERPLUS_VOTES])
AFFECTNET_HEADER = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"


def noise(count: int, seed: int = 0) -> np.ndarray:
    """Grey pictures, shape ``(count, 48, 48)``."""
    return np.random.default_rng(seed).integers(0, 256, (count, 48, 48), dtype=np.uint8)


def save(path: Path, pixels: np.ndarray | None = None) -> None:
    """A picture file: the one that is given, or one whose noise follows from its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(1, sum(path.name.encode()))[0] if pixels is None else pixels).save(path)


def fer2013_line(emotion: object, usage: str, pixels: np.ndarray) -> str:
    return f"{emotion},{' '.join(map(str, pixels.ravel()))},{usage}"


def write_fer2013_csv(path: Path, rows: Sequence[tuple[object, str]], seed: int = 0) -> np.ndarray:
    """``fer2013.csv`` with ``(emotion, usage)`` rows; returns their pictures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = noise(len(rows), seed)
    lines = [fer2013_line(*row, pixels) for row, pixels in zip(rows, pictures, strict=True)]
    path.write_text("\n".join(["emotion,pixels,Usage", *lines]) + "\n")
    return pictures


def vote_line(usage: str, image: str, votes: Mapping[str, int]) -> str:
    return ",".join([usage, image, *(str(votes.get(name, 0)) for name in FERPLUS_VOTES)])


def write_votes(path: Path, rows: Sequence[tuple[str, str, Mapping[str, int]]]) -> None:
    """``fer2013new.csv`` with ``(usage, image, votes)`` rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([VOTES_HEADER, *(vote_line(*row) for row in rows)]) + "\n")


def write_affectnet_csv(
    folder: Path, rows: Mapping[str, Sequence[tuple[str, object, object, object]]], *, header: bool = True, pictures: str = ""
) -> None:
    """AffectNet's CSV files by name, with ``(path, expression, valence, arousal)`` rows."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, entries in rows.items():
        lines = [AFFECTNET_HEADER] if header else []
        for path, expression, valence, arousal in entries:
            save(folder / pictures / path)
            lines.append(f"{path},7,8,30,31,1.5;2.5;3.5;4.5,{expression},{valence},{arousal}")
        (folder / name).write_text("\n".join(lines) + "\n")


def write_rafdb(basic: Path, labels: Mapping[str, object]) -> None:
    """RAF-DB's basic part, with labels by name such as ``train_00001``."""
    for name in labels:
        save(basic / "Image" / "aligned" / f"{name}_aligned.jpg")
    (basic / "EmoLabel").mkdir(parents=True)
    lines = [f"{name}.jpg {label}" for name, label in labels.items()]
    (basic / "EmoLabel" / "list_patition_label.txt").write_text("\n".join(lines) + "\n")


def write_folders(root: Path, counts: Mapping[str, int]) -> None:
    """Pictures in folders such as ``train/angry``, so many in each."""
    for folder, count in counts.items():
        for number in range(count):
            save(root / folder / f"{folder.replace('/', '-')}-{number}.jpg")


def zipped(folder: Path, archive: Path) -> Path:
    """The same files in an archive, in another order."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_file():
                file.write(path, path.relative_to(folder))
    return archive
