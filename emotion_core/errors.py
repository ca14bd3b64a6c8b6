"""Every error that a user of this package can cause or meet.

::

    EmotionCoreError
    ├── DataError                      a dataset is missing, incomplete or not what it claims to be
    │   └── DatasetNotFoundError         nothing at the place where the dataset was looked for
    ├── ImageError                     a picture cannot be used; the message says why
    │   └── FilmError                    a film cannot be used
    ├── FaceModelError                 the face detector's file is missing, altered or unreadable
    ├── WeightsUnavailableError        pre-trained weights cannot be fetched
    ├── CheckpointError                a run folder is damaged or does not fit
    │   └── CheckpointNotFoundError      no such run
    ├── ResultsError                   results of another network cannot be taken in
    ├── ConfigError                    a setting is unknown or impossible
    ├── ScoringError                   many pictures cannot be scored, or their table cannot be used
    ├── ReviewError                    a review or a saved filter is not one that can be kept
    ├── ReviewStoreError               the place where reviews are kept cannot be reached or used
    ├── FigureError                    a figure cannot be made a file; Chromium is not there, or failed
    ├── DeviceError                    the requested device is not there
    ├── GraphError                     a network cannot be exported as a graph, or its graph cannot be run
    └── TrainingError                  training cannot go on (non-finite loss, unusable data, full disk)

Messages name the file or the setting, the reason and the remedy. The command line prints them as one line and the app as
one sentence; anything else that is raised is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from pathlib import Path


class EmotionCoreError(Exception):
    """Base of all errors that this package raises on purpose."""


class DataError(EmotionCoreError, ValueError):
    """A dataset is missing, incomplete or not what it claims to be."""


class DatasetNotFoundError(DataError, FileNotFoundError):
    """Nothing lies where the dataset was looked for."""

    def __init__(self, name: str, looked: list[Path]) -> None:
        places = " and ".join(f"'{path}'" for path in looked)
        super().__init__(f"No dataset '{name}': looked for {places}. Pass its folder with --data-root, or set EMOTION_DATA.")


class ImageError(EmotionCoreError, ValueError):
    """A picture cannot be used; the message says why."""


class FilmError(ImageError):
    """A film cannot be used; the message says why."""


class FaceModelError(EmotionCoreError, RuntimeError):
    """The face detector's file is missing, altered or unreadable."""


class WeightsUnavailableError(EmotionCoreError, RuntimeError):
    """Pre-trained weights cannot be fetched."""


class CheckpointError(EmotionCoreError, ValueError):
    """A run folder is damaged, or does not fit what it is used for."""


class CheckpointNotFoundError(CheckpointError, FileNotFoundError):
    """There is no such run."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"No checkpoint at '{path}'. Train one with 'python -m emotion_core train', "
            "or list what there is with 'python -m emotion_core runs'."
        )


class ResultsError(EmotionCoreError, ValueError):
    """Results of another network cannot be taken in; nothing of them is stored."""


class ConfigError(EmotionCoreError, ValueError):
    """A setting is unknown or impossible."""


class ScoringError(EmotionCoreError, RuntimeError):
    """Many pictures cannot be scored, or the table that they were scored into cannot be used."""


class ReviewError(EmotionCoreError, ValueError):
    """A review, or a saved filter, is not one that can be kept."""


class ReviewStoreError(EmotionCoreError, RuntimeError):
    """The place where reviews are kept cannot be reached or used."""


class FigureError(EmotionCoreError, RuntimeError):
    """A figure cannot be made a file."""


class DeviceError(EmotionCoreError, RuntimeError):
    """The requested device is not there."""


class GraphError(EmotionCoreError, RuntimeError):
    """A network cannot be exported as a graph, or its graph cannot be run."""


class TrainingError(EmotionCoreError, RuntimeError):
    """Training cannot go on."""


def did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.5) -> str:
    """A question that names the nearest known word, with a space before it; empty where none is near.

    Args:
        word: what was given.
        known: what there is.
        cutoff: how alike they have to be, in [0, 1].

    Example:
        >>> did_you_mean("resnet5", ["resnet50", "vgg16"])
        " Did you mean 'resnet50'?"
    """
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f" Did you mean '{near[0]}'?" if near else ""


def write_remedy(error: OSError) -> str:
    """What to do about a file that cannot be written, as the beginning of a sentence.

    Example:
        >>> write_remedy(OSError(errno.ENOSPC, "No space left")), write_remedy(OSError(errno.EROFS, "Read-only"))
        ('Free some space', 'Make it writable')
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "Free some space"
    return "Make it writable" if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM) else "Remove the cause"
