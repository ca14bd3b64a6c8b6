"""The datasets there are, by name: whatever layout lies there, the result is one table with its splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol

from emotion_core.data.affectnet import load_affectnet
from emotion_core.data.affectnet_csv import load_affectnet_csv
from emotion_core.data.fer2013_csv import PIXELS_FILE, find_pixels, load_fer2013_csv
from emotion_core.data.ferplus import LABELS_FILE, find_labels, load_fer2013, load_ferplus
from emotion_core.data.ferplus_votes import pictures_of
from emotion_core.data.folders import has_expression_folders, load_expression_folders
from emotion_core.data.plain_csv import load_labelled, load_plain_csv
from emotion_core.data.rafdb import load_rafdb
from emotion_core.data.source import find_source, places
from emotion_core.data.splits import with_validation
from emotion_core.data.table import FaceTable, OnError
from emotion_core.errors import ConfigError, DatasetNotFoundError, did_you_mean
from emotion_core.labels import EXPRESSIONS, FER2013

Labels = Literal["distribution", "majority"]

SEVEN = tuple(name for name in EXPRESSIONS if name in FER2013.values())
"""The expressions of FER-2013 and RAF-DB: all but contempt."""

FOUR = ("fear", "disgust", "anger", "happiness")
"""Angry, disgust, fear and happy of FER-2013, on which some report results."""

VALIDATION_SHARE = 0.1
"""Of the training split, where a dataset has no validation split of its own."""

SEED = 42
"""Of every split that this package makes."""


class Loader(Protocol):
    """Reads one dataset in whichever of its layouts is there."""

    def __call__(self, data_root: str | Path, *, labels: Labels, on_error: OnError) -> FaceTable:
        """Arguments and errors as in :func:`load_dataset`; a dataset that needs no data does not look at ``data_root``."""
        ...


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """What is known of a dataset before it is read.

    Attributes:
        title: what it is, in words.
        load: its loader.
        terms: source and terms of use, one line of Markdown.
        expressions: those that its labels distinguish, in the order of ``EXPRESSIONS``.
        affect: whether it has valence and arousal.
        needs_data: whether something has to lie in the data folder.
        cut: whether its pictures are cut around one face as AffectNet's are; in others the face is looked for, as in a photo.
        measures_only: whether it is kept for measuring: no network is trained or chosen on it.
        pictures: name of the collection that its pictures come from, where other datasets have the same ones.
    """

    title: str
    load: Loader
    terms: str
    expressions: tuple[str, ...] = EXPRESSIONS
    affect: bool = False
    needs_data: bool = True
    cut: bool = True
    measures_only: bool = False
    pictures: str = ""


def load_dataset(
    name: str, data_root: str | Path | None, *, labels: Labels = "majority", on_error: OnError = "raise"
) -> FaceTable:
    """Read a dataset by name.

    Args:
        name: a key of :data:`DATASETS`, or a CSV file or ZIP archive as
            :func:`~emotion_core.data.plain_csv.load_plain_csv` reads it.
        data_root: where datasets lie; ``None`` will do for one that is drawn, and for a file's own path.
        labels: ``"distribution"`` to train on FER+: training images keep every usable distribution of votes, while validation
            and test images keep their majority; no other dataset makes a difference.
        on_error: ``"raise"`` refuses a dataset with broken samples, ``"skip"`` leaves them out and lists them in ``problems``.

    Returns:
        A table with ``train``, ``val`` and ``test`` as far as the data allow. Its name can name a folder, and that of a file
        holds a fingerprint of what is in it (:mod:`emotion_core.data.identity`). Where a dataset has no validation split, a
        tenth of its training split is drawn, every expression keeping its share (seed 42).

    Raises:
        ConfigError: unknown dataset, or no ``data_root`` where one is needed.
        DatasetNotFoundError: it is not there; the message says what was looked for.
        DataError: it is not what it should be, or has broken samples with ``on_error="raise"``.
    """
    spec = dataset_spec(name)
    if data_root is None and spec.needs_data:
        raise ConfigError(f"Where is '{name}'? Pass the folder of the datasets with --data-root, or set EMOTION_DATA.")
    table = spec.load(data_root or ".", labels=labels, on_error=on_error)
    if not is_file_name(name):
        table = replace(table, name=name)
    table = with_validation(table, seed=SEED, share=VALIDATION_SHARE)
    # After splitting: the four classes of FER-2013 keep their share of the validation split that is drawn for all seven.
    return table if spec.expressions == EXPRESSIONS else table.showing(spec.expressions)


def dataset_spec(name: str) -> DatasetSpec:
    """What is known of a dataset.

    Raises:
        ConfigError: it is neither registered nor a CSV file or ZIP archive.
    """
    if is_file_name(name):

        def load(data_root: str | Path, *, labels: Labels, on_error: OnError) -> FaceTable:
            return load_plain_csv(name, data_root, seed=SEED, on_error=on_error)

        terms = "Whoever put it together knows its terms."
        return DatasetSpec(title=f"Faces of {name}", load=load, affect=True, needs_data=False, cut=False, terms=terms)
    if name not in DATASETS:
        guess = did_you_mean(name.lower(), DATASETS, cutoff=0.6)
        raise ConfigError(f"There is no dataset '{name}'.{guess} Known: {', '.join(DATASETS)}, CSV files and ZIP archives.")
    return DATASETS[name]


def same_pictures(one: str, other: str) -> bool:
    """Whether two datasets are the same one, or have pictures of the same collection.

    Example:
        >>> same_pictures("ferplus", "fer2013-4"), same_pictures("ferplus", "sfew"), same_pictures("sfew", "sfew")
        (True, False, True)
    """
    if one == other:
        return True
    collections = [DATASETS[name].pictures for name in (one, other) if name in DATASETS]
    return len(collections) == 2 and bool(collections[0]) and collections[0] == collections[1]


def is_file_name(name: str) -> bool:
    """Whether a dataset's name is that of a CSV file or ZIP archive."""
    return name.lower().endswith((".csv", ".zip"))


def _affectnet_3999(data_root: str | Path, *, labels: Labels, on_error: OnError) -> FaceTable:
    return load_affectnet(data_root, seed=SEED, on_error=on_error)


def _affectnet(data_root: str | Path, *, labels: Labels, on_error: OnError) -> FaceTable:
    return load_affectnet_csv(data_root, seed=SEED, on_error=on_error)


def _ferplus(data_root: str | Path, *, labels: Labels, on_error: OnError) -> FaceTable:
    return load_ferplus(data_root, labels="protocol" if labels == "distribution" else "majority", on_error=on_error)


def _fer2013(data_root: str | Path, *, labels: Labels, on_error: OnError) -> FaceTable:
    return _any_fer2013(data_root, joined=False, on_error=on_error)


def _fer2013_joined(data_root: str | Path, *, labels: Labels, on_error: OnError) -> FaceTable:
    return _any_fer2013(data_root, joined=True, on_error=on_error)


def _any_fer2013(data_root: str | Path, *, joined: bool, on_error: OnError) -> FaceTable:
    """FER-2013 with its own labels: for FER+'s folders, or from its own CSV file, or from Kaggle's folders."""
    ferplus = find_source("ferplus", data_root)
    if ferplus is not None and find_labels(ferplus) is not None and pictures_of(ferplus):
        return load_fer2013(data_root, on_error=on_error)
    if find_pixels(data_root) is not None:
        return load_fer2013_csv(data_root, joined=joined, on_error=on_error)
    folders = find_source("fer2013", data_root)
    if folders is not None and has_expression_folders(folders):
        return load_expression_folders(folders, name="fer2013", on_error=on_error)
    root = Path(data_root)
    looked = [root / LABELS_FILE, *places("ferplus", root), root / PIXELS_FILE, *places("fer2013", root)]
    raise DatasetNotFoundError("fer2013", looked)


def _raf_db(data_root: str | Path, *, labels: Labels, on_error: OnError) -> FaceTable:
    return load_rafdb(data_root, on_error=on_error)


def _labelled(name: str) -> Loader:
    """Loader of a folder or ZIP archive with ``labels.csv`` in it."""

    def load(data_root: str | Path, *, labels: Labels, on_error: OnError) -> FaceTable:
        return load_labelled(name, data_root, seed=SEED, on_error=on_error)

    return load


def _schematic(data_root: str | Path, *, labels: Labels, on_error: OnError) -> FaceTable:
    # Only whoever asks for drawn faces waits for what draws them.
    from emotion_core.data.schematic import load_schematic

    return load_schematic(on_error=on_error)


_FER_PICTURES = (
    "[FER-2013](https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge) "
    "(open database licence as published)"
)
_FER2013 = f"{_FER_PICTURES}."
_AFFECTNET = "[AffectNet](http://mohammadmahoor.com/affectnet/): non-commercial research only; its images may not be passed on."

DATASETS: Mapping[str, DatasetSpec] = MappingProxyType(
    {
        "affectnet-3999": DatasetSpec(
            title="AffectNet's public validation images, split", load=_affectnet_3999, affect=True, terms=_AFFECTNET
        ),
        "affectnet": DatasetSpec(
            title="AffectNet, all of it", load=_affectnet, affect=True, pictures="affectnet", terms=_AFFECTNET
        ),
        "ferplus": DatasetSpec(
            title="FER-2013's pictures with the votes of FER+",
            load=_ferplus,
            pictures="fer2013",
            terms=f"{_FER_PICTURES} with the [FER+](https://github.com/microsoft/FERPlus) labels (MIT).",
        ),
        "fer2013": DatasetSpec(
            title="FER-2013 with its own labels", load=_fer2013, expressions=SEVEN, pictures="fer2013", terms=_FER2013
        ),
        "fer2013-4": DatasetSpec(
            title="Anger, disgust, fear and happiness of FER-2013",
            load=_fer2013_joined,
            expressions=tuple(name for name in EXPRESSIONS if name in FOUR),
            pictures="fer2013",
            terms=_FER2013,
        ),
        "raf-db": DatasetSpec(
            title="RAF-DB, basic expressions",
            load=_raf_db,
            expressions=SEVEN,
            terms="[RAF-DB](http://www.whdeng.cn/RAF/model1.html): non-commercial research only; not to be passed on.",
        ),
        "affectnet-96": DatasetSpec(
            title="AffectNet's training images at 96 pixels, some of them",
            load=_labelled("affectnet-96"),
            pictures="affectnet",
            terms=_AFFECTNET,
        ),
        "affectnet-contempt": DatasetSpec(
            title="AffectNet's training images of contempt, some of them",
            load=_labelled("affectnet-contempt"),
            expressions=("contempt",),
            pictures="affectnet",
            terms=_AFFECTNET,
        ),
        "ffhq-weak": DatasetSpec(
            title="Portraits with labels of unknown origin",
            load=_labelled("ffhq-weak"),
            expressions=("neutral", "happiness"),
            terms="Pictures of [FFHQ](https://github.com/NVlabs/ffhq-dataset) (CC BY-NC-SA 4.0); labels of unknown origin.",
        ),
        "sfew": DatasetSpec(
            title="Film stills (SFEW 2.0)",
            load=_labelled("sfew"),
            expressions=SEVEN,
            terms="SFEW 2.0 (Dhall et al. 2011): research only; its images may not be passed on.",
            cut=False,
            measures_only=True,
        ),
        "expw": DatasetSpec(
            title="Faces from web searches (ExpW)",
            load=_labelled("expw"),
            expressions=SEVEN,
            terms="[ExpW](http://mmlab.ie.cuhk.edu.hk/projects/socialrelation/index.html): research only.",
            cut=False,
            measures_only=True,
        ),
        "ckplus": DatasetSpec(
            title="Posed expressions (CK+)",
            load=_labelled("ckplus"),
            expressions=tuple(name for name in EXPRESSIONS if name != "neutral"),
            terms="CK+ (Lucey et al. 2010): research only; its images may not be passed on.",
            measures_only=True,
        ),
        "schematic": DatasetSpec(
            title="Drawn faces",
            load=_schematic,
            affect=True,
            needs_data=False,
            terms="Drawn faces are made by this program: nobody is shown, and there are no terms.",
        ),
    }
)
"""Every dataset that can be trained on, evaluated on and audited, besides CSV files and ZIP archives."""
