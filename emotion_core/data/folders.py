"""Pictures in folders that say it all: ``train/angry/1.jpg``, ``test/happy/2.png``, as Kaggle passes FER-2013 on.

Or in whatever folders of which one is called by an expression, as people sort their own.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from emotion_core.data.source import Source
from emotion_core.data.splits import SPLIT_WORDS
from emotion_core.data.table import FaceTable, OnError, Problem, build_frame, settle
from emotion_core.errors import DataError
from emotion_core.images import is_picture
from emotion_core.labels import EXPRESSIONS, expression_name

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


def load_class_folders(source: Source, *, name: str) -> FaceTable:
    """Read pictures one of whose folders, the innermost if there are several, is called by an expression.

    A folder around it, or in it, may name a split. What lies in no such folder is left out and listed in ``problems``, a line a
    folder.

    Args:
        source: where they lie.
        name: of the dataset.

    Returns:
        A table whose ids are the paths without a folder that all share and that names nothing; ``split`` is empty where no
        folder names one.

    Raises:
        DataError: no picture lies in such a folder.
    """
    pictures = sorted(entry for entry in source.names if is_picture(entry))
    common = _shared_folder(pictures)
    rows: list[tuple[str, str, str]] = []
    left: dict[str, int] = {}
    for entry in pictures:
        folders = entry.split("/")[:-1]
        expression = next(filter(None, map(_expression_of, reversed(folders))), None)
        if expression is None:
            place = "/".join(folders)
            left[place] = left.get(place, 0) + 1
            continue
        split = next((SPLIT_WORDS[folder.lower()] for folder in folders if folder.lower() in SPLIT_WORDS), "")
        rows.append((entry.removeprefix(common), expression, split))
    if not rows:
        raise DataError(
            f"No picture in '{source.path}' lies in a folder called by an expression, such as "
            f"'{EXPRESSIONS[1]}' or 'angry', and there is no 'labels.csv' that names their expressions."
            if pictures
            else f"'{source.path}' has no picture in it."
        )
    problems = tuple(
        Problem(path=place or "outside of folders", reason=f"no expression is called so; {count:,} left out")
        for place, count in sorted(left.items())
    )
    ids, expressions, splits = zip(*rows, strict=True)
    return FaceTable(
        name=name,
        frame=build_frame(ids, expressions, split=splits),
        read_bytes=lambda sample_id: source.read(common + sample_id),
        problems=problems,
    )


def _expression_of(folder: str) -> str | None:
    try:
        return expression_name(folder)
    except ValueError:
        return None


def _shared_folder(names: list[str]) -> str:
    """The folder, with its slash, that all lie in and that says nothing of them; empty where there is none."""
    tops = {name.split("/")[0] if "/" in name else "" for name in names}
    top = tops.pop() if len(tops) == 1 else ""
    return f"{top}/" if top and _expression_of(top) is None and top.lower() not in SPLIT_WORDS else ""
