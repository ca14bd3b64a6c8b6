"""FER-2013's pictures with the ten votes of FER+, or with FER-2013's own labels, which ``fer2013_labels.csv`` gives for FER+'s
folders (image, usage, emotion).

E. Barsoum et al. (2016), Training Deep Networks for Facial Expression Recognition with Crowd-Sourced Label Distribution, ICMI.
I. Goodfellow et al. (2013), Challenges in Representation Learning: A report on three machine learning contests, ICONIP.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from emotion_core.data.ferplus_votes import FOLDERS, find_votes, pictures_of, read_text_table, vote_distribution, vote_majority
from emotion_core.data.source import Source, open_source
from emotion_core.data.table import FaceTable, OnError, Problem, build_frame, settle
from emotion_core.errors import DataError, DatasetNotFoundError
from emotion_core.labels import EXPRESSIONS, FER2013

LABELS_FILE = "fer2013_labels.csv"


def load_ferplus(
    data_root: str | Path,
    *,
    labels: Literal["distribution", "majority", "protocol"] = "majority",
    on_error: OnError = "raise",
) -> FaceTable:
    """Read FER+ by the protocol of its authors.

    Args:
        data_root: folder that holds ``ferplus/`` or ``ferplus.zip``, or ``fer2013.csv`` and ``fer2013new.csv``.
        labels: ``"distribution"`` keeps every image with a usable distribution (for training), ``"majority"`` the images on
            which more than half of the votes agree (for testing), ``"protocol"`` goes by the former in ``train`` and by the
            latter in ``val`` and ``test``. ``expression`` is the winner in all.
        on_error: ``"raise"`` refuses a dataset with broken samples, ``"skip"`` leaves them out and lists them in ``problems``.

    Returns:
        A table with ``split`` as published and label distributions; valence and arousal are missing.

    Raises:
        DatasetNotFoundError: there is no such dataset.
        DataError: it is not FER+, or has broken samples with ``on_error="raise"``.
    """
    table, problems = find_votes(data_root, on_error=on_error)
    distributions, usable = vote_distribution(table.votes)
    majority = vote_majority(table.votes)
    by_distribution = np.full(len(usable), labels == "distribution")
    if labels == "protocol":
        by_distribution = np.array(table.split, dtype=object) == "train"
    winner = np.where(by_distribution, distributions.argmax(axis=1), majority)
    chosen = np.where(by_distribution, usable, majority >= 0)
    left_out = {table.sample_ids[index]: table.split[index] for index in np.flatnonzero(~chosen)}
    everything = FaceTable(
        name="ferplus",
        frame=build_frame(table.sample_ids, [EXPRESSIONS[index] for index in winner], split=table.split),
        distributions=distributions,
        read_bytes=table.read_bytes,
        problems=problems,
        unlabelled=left_out | table.others,
    )
    return everything.where(chosen)


def load_fer2013(
    data_root: str | Path, *, expressions: tuple[str, ...] | None = None, on_error: OnError = "raise"
) -> FaceTable:
    """Read FER-2013's own labels for the pictures of FER+.

    ``Training`` becomes ``train``; ``PublicTest`` and ``PrivateTest`` together become ``test``. There is no validation split:
    take one out of ``train``.

    Args:
        data_root: folder that holds ``ferplus/`` or ``ferplus.zip``, and ``fer2013_labels.csv``.
        expressions: only these, such as ``("anger", "disgust", "fear", "happiness")``; all seven by default.
        on_error: ``"raise"`` refuses a dataset with broken samples, ``"skip"`` leaves them out and lists them in ``problems``.

    Raises:
        DatasetNotFoundError: pictures or labels are missing.
        DataError: the labels cannot be read, or there are broken samples and ``on_error`` is ``"raise"``.
    """
    source = open_source("ferplus", data_root)
    path = find_labels(source)
    if path is None:
        raise DatasetNotFoundError("fer2013", [source.path.parent / LABELS_FILE])
    frame = read_text_table(path.read_bytes(), f"'{path}'")
    if list(frame.columns) != ["image", "usage", "emotion"]:
        raise DataError(f"'{path}' has the columns {', '.join(frame.columns)}; expected image, usage, emotion.")
    problems: list[Problem] = []
    rows: list[tuple[str, str, str]] = []
    for line, (image, usage, emotion) in enumerate(frame.to_numpy(dtype=object), start=2):
        if usage not in FOLDERS or not emotion.isdecimal() or int(emotion) not in FER2013:
            problems.append(Problem(path=f"{path.name}:{line}", reason=f"usage '{usage}' or emotion '{emotion}' is unknown"))
            continue
        folder = FOLDERS[usage][0]
        split = "train" if usage == "Training" else "test"
        if f"{folder}/{image}" not in source.names:
            problems.append(Problem(path=f"{folder}/{image}", reason="missing"))
            continue
        rows.append((f"{folder}/{image}", FER2013[int(emotion)], split))
    kept = settle(problems, on_error, "fer2013")
    if not rows:
        raise DataError(f"'{path}' has no usable row.")
    ids, names, splits = zip(*rows, strict=True)
    known = set(ids)
    table = FaceTable(
        name="fer2013",
        frame=build_frame(ids, names, split=splits),
        read_bytes=source.read,
        problems=kept,
        unlabelled={
            sample_id: "test" if split == "val" else split
            for sample_id, split in pictures_of(source).items()
            if sample_id not in known
        },
    )
    return table if expressions is None else table.showing(expressions)


def find_labels(source: Source) -> Path | None:
    """FER-2013's own labels, beside FER+'s folder or archive, or in the folder."""
    return next((path / LABELS_FILE for path in (source.path.parent, source.path) if (path / LABELS_FILE).is_file()), None)
