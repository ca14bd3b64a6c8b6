"""Pictures in folders that say it all: ``train/angry/1.jpg``, ``test/happy/2.png``, as Kaggle passes FER-2013 on."""

from __future__ import annotations

from pathlib import PurePosixPath

from emotion_core.data.source import Source
from emotion_core.data.splits import SPLIT_WORDS
from emotion_core.data.table import FaceTable, OnError, Problem, build_frame, settle
from emotion_core.errors import DataError
from emotion_core.labels import expression_name

ENDINGS = (".jpg", ".jpeg", ".png")


def has_expression_folders(source: Source) -> bool:
    """Whether there are pictures two folders deep, the first of which names a split."""
    return any(_split_of(name) is not None for name in source.names)


def load_expression_folders(source: Source, *, name: str, on_error: OnError = "raise") -> FaceTable:
    """Read pictures whose folders name split and expression.

    Splits are called ``train``, ``val`` (or ``valid``, ``validation``) and ``test``; expressions by any usual word, such as
    ``happy`` or ``happiness``.

    Args:
        source: where they lie.
        name: of the dataset.
        on_error: ``"raise"`` refuses a folder that names no expression, ``"skip"`` leaves it out and lists it in ``problems``.

    Raises:
        DataError: no picture is usable, or a folder is not and ``on_error`` is ``"raise"``.
    """
    problems: dict[str, Problem] = {}
    rows: list[tuple[str, str, str]] = []
    for entry in sorted(source.names):
        split = _split_of(entry)
        if split is None:
            continue
        folder = PurePosixPath(entry).parent
        try:
            rows.append((entry, expression_name(folder.name), split))
        except ValueError as error:
            problems.setdefault(str(folder), Problem(path=str(folder), reason=str(error).rstrip(".")))
    kept = settle(list(problems.values()), on_error, name)
    if not rows:
        raise DataError(f"'{source.path}' has no picture in folders such as 'train/angry/'{f'; {kept[0]}' if kept else ''}.")
    ids, expressions, splits = zip(*rows, strict=True)
    return FaceTable(name=name, frame=build_frame(ids, expressions, split=splits), read_bytes=source.read, problems=kept)


def _split_of(name: str) -> str | None:
    """Split of a picture two folders deep; ``None`` for any other file, hidden ones too."""
    path = PurePosixPath(name)
    if len(path.parts) != 3 or path.suffix.lower() not in ENDINGS or path.name.startswith("."):
        return None
    return SPLIT_WORDS.get(path.parts[0].lower())
