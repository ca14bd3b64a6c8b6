"""RAF-DB's single-label part: ``basic/Image/aligned/`` and ``basic/EmoLabel/list_patition_label.txt``.

Kaggle passes the aligned pictures on in folders that are called by split and number, ``DATASET/train/1/``.

S. Li, W. Deng, J. Du (2017), Reliable Crowdsourcing and Deep Locality-Preserving Learning for Expression Recognition in the
Wild, CVPR. Non-commercial research only.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from emotion_core.data.folders import ENDINGS
from emotion_core.data.source import FolderSource, Source, find_source, places
from emotion_core.data.splits import SPLIT_WORDS
from emotion_core.data.table import FaceTable, OnError, Problem, build_frame, settle
from emotion_core.errors import DataError, DatasetNotFoundError
from emotion_core.labels import RAF_DB

LABELS = "EmoLabel/list_patition_label.txt"
"""Its authors spell it so."""

IMAGES = "Image/aligned"

CODES = {str(number) for number in RAF_DB}


def load_rafdb(data_root: str | Path, *, on_error: OnError = "raise") -> FaceTable:
    """Read RAF-DB's basic expressions, with the pictures that its authors aligned.

    A line of the label file is ``train_00001.jpg 5``, its picture ``train_00001_aligned.jpg``, which some lists name. The name
    gives the split, ``train`` or ``test``; there is no validation split. Without a label file, folders such as ``train/1/`` and
    ``DATASET/test/7/`` give both.

    Args:
        data_root: folder that holds ``raf-db/`` or ``raf-db.zip``, with ``basic/`` or its content in it; or ``basic/`` itself.
        on_error: ``"raise"`` refuses a dataset with broken samples, ``"skip"`` leaves them out and lists them in ``problems``.

    Raises:
        DatasetNotFoundError: there is no such dataset.
        DataError: its label file cannot be read or names no usable picture, or there are broken samples and ``on_error`` is
            ``"raise"``.
    """
    source, root = _find(data_root)
    if root is None:
        rows = _folder_rows(source)
        expressions, splits = zip(*rows.values(), strict=True)
        return FaceTable(name="raf-db", frame=build_frame(rows, expressions, split=splits), read_bytes=source.read)
    try:
        lines = source.read(root + LABELS).decode(errors="replace").splitlines()
    except OSError as error:
        raise DataError(f"'{root}{LABELS}' in '{source.path}' cannot be read ({error}). Fetch it again.") from error
    problems: list[Problem] = []
    rows = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            sample_id, expression, split = _read_line(source, root, line)
            if sample_id in rows:
                raise ValueError(f"'{sample_id}' is listed twice")
        except ValueError as error:
            problems.append(Problem(path=f"{PurePosixPath(LABELS).name}:{number}", reason=str(error)))
            continue
        rows[sample_id] = expression, split
    kept = settle(problems, on_error, "raf-db")
    if not rows:
        raise DataError(f"No line of '{root}{LABELS}' in '{source.path}' is usable{f'; {kept[0]}' if kept else ''}.")
    expressions, splits = zip(*rows.values(), strict=True)
    return FaceTable(name="raf-db", frame=build_frame(rows, expressions, split=splits), read_bytes=source.read, problems=kept)


def _find(data_root: str | Path) -> tuple[Source, str | None]:
    """The dataset, and where in it the basic part begins; ``None`` where it is sorted into folders."""
    folder = FolderSource(Path(os.path.expanduser(data_root)))
    source = find_source("raf-db", data_root)
    for place in [folder] if source is None else [source, folder]:
        for root in ("basic/", ""):
            if place.has(root + LABELS):
                return place, root
    if source is None:
        raise DatasetNotFoundError("raf-db", [*places("raf-db", folder.path), folder.path / LABELS])
    if _folder_rows(source):
        return source, None
    raise DataError(
        f"'{source.path}' has no 'basic/{LABELS}', no '{LABELS}' and no pictures in folders such as 'train/1/', so it is not "
        "RAF-DB's basic part."
    )


def _folder_rows(source: Source) -> dict[str, tuple[str, str]]:
    """Expression and split of every picture in a folder of Kaggle's kind."""
    rows = {}
    for name in sorted(source.names):
        *above, split, number, file = PurePosixPath(name).parts if name.count("/") > 1 else ("", "", "")
        known = split.lower() in SPLIT_WORDS and number in CODES and len(above) < 2
        if known and PurePosixPath(file).suffix.lower() in ENDINGS and not file.startswith("."):
            rows[name] = RAF_DB[int(number)], SPLIT_WORDS[split.lower()]
    return rows


def _read_line(source: Source, root: str, line: str) -> tuple[str, str, str]:
    words = line.split()
    if len(words) != 2 or words[1] not in CODES:
        raise ValueError("not a picture and a number from 1 to 7")
    name = PurePosixPath(words[0])
    part = name.name.split("_")[0].lower()
    if len(name.parts) != 1 or part not in SPLIT_WORDS:
        raise ValueError(f"'{words[0][:200]}' begins with neither 'train_' nor 'test_'")
    sample_id = f"{root}{IMAGES}/{name.stem.removesuffix('_aligned')}_aligned{name.suffix}"
    if not source.has(sample_id):
        raise ValueError(f"'{sample_id[:200]}' is missing")
    return sample_id, RAF_DB[int(words[1])], SPLIT_WORDS[part]
