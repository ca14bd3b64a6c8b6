"""AffectNet in its per-image layout: ``images/N.jpg`` and ``annotations/N_{exp,val,aro,lnd}.npy``.

A. Mollahosseini, B. Hasani, M. H. Mahoor (2017), AffectNet: A Database for Facial Expression, Valence, and Arousal Computing
in the Wild, IEEE Transactions on Affective Computing. Non-commercial research only.
"""

from __future__ import annotations

import io
from pathlib import Path, PurePosixPath

import numpy as np

from emotion_core.data.source import Source, open_source
from emotion_core.data.splits import stratified_split
from emotion_core.data.table import FaceTable, OnError, Problem, build_frame, settle
from emotion_core.errors import DataError
from emotion_core.labels import AFFECTNET

NO_VALUE = -2.0
"""AffectNet's mark for "valence or arousal was not annotated"."""


def load_affectnet(
    data_root: str | Path, *, name: str = "affectnet-3999", seed: int = 42, on_error: OnError = "raise"
) -> FaceTable:
    """Read AffectNet's per-image layout and split it.

    Expressions 8 to 10 ("none", "uncertain", "no face") are not expressions; such images keep valence and arousal where they
    have them, belong to no split and are not broken.

    Args:
        data_root: folder that holds ``<name>/`` or ``<name>.zip``.
        name: the dataset's name there.
        seed: of :func:`~emotion_core.data.splits.stratified_split`; 42 gives the published test split.
        on_error: ``"raise"`` refuses a dataset with broken samples, ``"skip"`` leaves them out and lists them in ``problems``.

    Raises:
        DatasetNotFoundError: there is no such dataset.
        DataError: it has no images, or broken samples with ``on_error="raise"``.
    """
    source = open_source(name, data_root)
    images = [entry for entry in source.folder("images") if entry.lower().endswith((".jpg", ".jpeg", ".png"))]
    if not images:
        raise DataError(f"'{source.path}' has no pictures in 'images/', so it is not AffectNet's per-image layout.")
    problems: list[Problem] = []
    rows: list[tuple[str, str | None, float, float]] = []
    for image in images:
        stem = PurePosixPath(image).stem
        try:
            code = _read_number(source, f"annotations/{stem}_exp.npy")
            valence = _read_affect(source, f"annotations/{stem}_val.npy")
            arousal = _read_affect(source, f"annotations/{stem}_aro.npy")
            if code not in range(11):
                raise _BrokenFileError(f"annotations/{stem}_exp.npy", f"expression {code:g} is not one of 0 to 10")
        except _BrokenFileError as error:
            problems.append(error.problem)
            continue
        rows.append((image, AFFECTNET.get(int(code)), valence, arousal))
    problems += _orphans(source, {PurePosixPath(image).stem for image in images})
    kept = settle(problems, on_error, name)
    if not rows:
        raise DataError(f"None of the {len(images):,} images in '{source.path}' has usable annotations; {problems[0]}.")
    ids, expressions, valences, arousals = zip(*rows, strict=True)
    table = FaceTable(
        name=name,
        frame=build_frame(ids, expressions, valences, arousals),
        read_bytes=source.read,
        problems=kept,
    )
    labelled = table.expression_indices >= 0
    if labelled.all():
        return stratified_split(table, seed=seed)
    split = stratified_split(table.where(labelled), seed=seed).frame.set_index("sample_id")["split"]
    return table.with_split(table.frame["sample_id"].map(split).fillna("").to_numpy(dtype=object))


class _BrokenFileError(Exception):
    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason)
        self.problem = Problem(path=path, reason=reason)


def _read_number(source: Source, path: str) -> float:
    """A number that AffectNet stores as a 0-d array of text."""
    if path not in source.names:
        raise _BrokenFileError(path, "missing")
    try:
        value = np.load(io.BytesIO(source.read(path)), allow_pickle=False)
        number = float(value.item())
    except Exception as error:  # numpy raises whatever damaged bytes lead its header parser to: no list of types is complete
        raise _BrokenFileError(path, f"not a number ({error})") from error
    if not np.isfinite(number):
        raise _BrokenFileError(path, f"not finite ({number})")
    return number


def _read_affect(source: Source, path: str) -> float:
    value = _read_number(source, path)
    if value == NO_VALUE:
        return float("nan")
    if not -1.0 <= value <= 1.0:
        raise _BrokenFileError(path, f"{value:g} is outside [-1, 1]")
    return value


def _orphans(source: Source, stems: set[str]) -> list[Problem]:
    """Annotations whose image is missing."""
    annotated = {
        PurePosixPath(path).stem.removesuffix("_exp") for path in source.folder("annotations") if path.endswith("_exp.npy")
    }
    return [Problem(path=f"images/{stem}.jpg", reason="missing") for stem in sorted(annotated - stems)]
