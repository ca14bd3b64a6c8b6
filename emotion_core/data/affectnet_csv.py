"""AffectNet as it was first published: ``training.csv`` and ``validation.csv`` with a row an image.

Columns: ``subDirectory_filePath, face_x, face_y, face_width, face_height, facial_landmarks, expression, valence, arousal``;
files without a line of names have these nine in this order. The pictures of that release are cut to the face already, with
some margin, so the box inside them is not used.

A. Mollahosseini, B. Hasani, M. H. Mahoor (2017), AffectNet: A Database for Facial Expression, Valence, and Arousal Computing
in the Wild, IEEE Transactions on Affective Computing. Non-commercial research only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from emotion_core.data.affectnet import NO_VALUE
from emotion_core.data.rows import find_columns, is_missing, read_affect, read_code, read_rows
from emotion_core.data.source import Source, leads_out, open_source
from emotion_core.data.splits import with_validation
from emotion_core.data.table import FaceTable, OnError, Problem, build_frame, settle
from emotion_core.errors import DataError
from emotion_core.labels import AFFECTNET

FILES = {"training.csv": "train", "validation.csv": "test"}
"""Split of each file. AffectNet's test images were never published: results are given on its validation images."""

LISTS = ("", "Manually_Annotated_file_lists/")
PICTURES = ("", "Manually_Annotated_Images/", "Manually_Annotated/Manually_Annotated_Images/")
"""Folders that hold the CSV files, and the pictures that these name."""

COLUMNS = (
    *("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks"),
    *("expression", "valence", "arousal"),
)
_NEEDED = ("subDirectory_filePath", "expression", "valence", "arousal")

NO_EXPRESSION = 8
"""AffectNet's own number for it."""

VALIDATION_SHARE = 0.05
"""Of ``training.csv``: some 14,000 images, three times as many as there are to test on."""

_Row = tuple[str, str | None, float, float]


def load_affectnet_csv(data_root: str | Path, *, seed: int = 42, on_error: OnError = "raise") -> FaceTable:
    """Read AffectNet's CSV files.

    ``validation.csv`` becomes ``test``. Of ``training.csv`` a share of 5 %, drawn with every expression keeping its share,
    becomes ``val``, the rest ``train``. One of the files is enough. Expressions 8 to 10 ("none", "uncertain", "no face") are
    not expressions; such images keep valence and arousal where they have them (-2 means none), belong to no split and are
    not broken.

    Args:
        data_root: folder that holds ``affectnet/`` or ``affectnet.zip``.
        seed: of the validation split.
        on_error: ``"raise"`` refuses a dataset with broken samples, ``"skip"`` leaves them out and lists them in ``problems``.

    Raises:
        DatasetNotFoundError: there is no such dataset.
        DataError: it holds neither file or no usable row, a file is another table, or there are broken samples with
            ``on_error="raise"``.
    """
    source = open_source("affectnet", data_root)
    found = {file: next((folder + file for folder in LISTS if source.has(folder + file)), None) for file in FILES}
    files = [(path, FILES[file]) for file, path in found.items() if path is not None]
    if not files:
        raise DataError(
            f"'{source.path}' has neither 'training.csv' nor 'validation.csv', directly or in '{LISTS[1]}', so it is not "
            "AffectNet's CSV layout. The per-image layout ('images/', 'annotations/') goes by the name 'affectnet-3999'."
        )
    problems: list[Problem] = []
    rows: dict[str, tuple[str | None, float, float, str]] = {}
    for file, split in files:
        for line, cells in _numbered_rows(source, file):
            try:
                sample_id, expression, valence, arousal = _read_row(source, cells)
                if sample_id in rows:
                    raise ValueError(f"'{sample_id}' is listed twice")
            except ValueError as error:
                problems.append(Problem(path=f"{file}:{line}", reason=str(error)))
                continue
            rows[sample_id] = expression, valence, arousal, "" if expression is None else split
    kept = settle(problems, on_error, "affectnet")
    if not rows:
        raise DataError(f"No row of '{files[0][0]}' in '{source.path}' is usable{f'; {problems[0]}' if problems else ''}.")
    expressions, valences, arousals, splits = zip(*rows.values(), strict=True)
    table = FaceTable(
        name="affectnet",
        frame=build_frame(rows, expressions, valences, arousals, splits),
        read_bytes=source.read,
        problems=kept,
    )
    return with_validation(table, seed=seed, share=VALIDATION_SHARE)


def _numbered_rows(source: Source, file: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Line numbers, and the cells that are needed by column; cells that a row lacks are missing."""
    columns: Mapping[str, int] = {}
    for line, cells in read_rows(source, file):
        if not columns:
            columns = find_columns(cells, _NEEDED)
            if len(columns) == len(_NEEDED):
                continue
            if columns or len(cells) != len(COLUMNS) or read_code(cells[COLUMNS.index("expression")]) is None:
                raise DataError(
                    f"'{file}' in '{source.path}' begins with {', '.join(cells)[:200]}; expected the columns "
                    f"{', '.join(COLUMNS)}, or rows of nine cells without names."
                )
            columns = find_columns(list(COLUMNS), _NEEDED)
        yield line, {name: cells[index] for name, index in columns.items() if index < len(cells)}


def _read_row(source: Source, cells: Mapping[str, str]) -> _Row:
    """Id and labels.

    Raises:
        ValueError: the message says what is wrong with the row.
    """
    if len(cells) < len(_NEEDED):
        raise ValueError("a cell is missing")
    path, code = cells["subDirectory_filePath"].strip().replace("\\", "/"), cells["expression"].strip()  # as Windows writes it
    if leads_out(path):
        raise ValueError(f"'{path[:200]}' leads out of the dataset")
    sample_id = next((found for folder in PICTURES if (found := source.find(folder + path)) is not None), None)
    if sample_id is None:
        raise ValueError(f"'{path[:200]}' is missing")
    number = NO_EXPRESSION if code and is_missing(code) else read_code(code)
    if number is None or number > 10:
        raise ValueError(f"expression '{code[:40]}' is not one of 0 to 10")
    valence, arousal = (read_affect(cells[name], name, missing=NO_VALUE) for name in ("valence", "arousal"))
    return sample_id, AFFECTNET.get(number), valence, arousal
