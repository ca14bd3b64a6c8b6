"""Images by their names: somebody's file names found among the ids of a benchmark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emotion_core.data.splits import SPLIT_WORDS

Parts = tuple[str, ...]


HOW = {"full": "by their full names", "end": "by the ends of their names", "stem": "by their names without the ending"}
"""Ways to find an image, in words."""


@dataclass(frozen=True, kw_only=True)
class Joined:
    """Which image each name means.

    Attributes:
        ids: by row; ``None`` where the name is none of the benchmark's.
        how: how many rows were found in each of the ways in :data:`HOW`.
    """

    ids: tuple[str | None, ...]
    how: dict[str, int]


def join_names(names: Sequence[str], sample_ids: Iterable[str], split: str = "") -> Joined:
    """Find the images that names mean: the same path, else a path that ends alike, else the same without its ending.

    Upper and lower case are the same, and so are ``/`` and ``\\``. A name that fits several images fits none. One that has
    a folder of another split in it, such as ``train/7.jpg``, is none of this split's, whatever its end.

    Args:
        names: as somebody wrote them, one a row.
        sample_ids: of the benchmark.
        split: of the benchmark.

    Example:
        >>> join_names(["C:\\\\faces\\\\IMG\\\\7.JPG", "8", "train/7.jpg"], ["img/7.jpg", "img/8.jpg"], "test").ids
        ('img/7.jpg', 'img/8.jpg', None)
    """
    ids = list(sample_ids)
    full: dict[Parts, str] = {}
    ends, stems = _Ends(), _Ends()
    for one in ids:
        parts = _parts(one)
        full[parts] = one
        ends.add(parts, one)
        stems.add(_stem(parts), one)
    found: list[str | None] = []
    how = dict.fromkeys(HOW, 0)
    for name in names:
        parts = _parts(name)
        sample_id: str | None = full.get(parts)
        means = "full"
        if sample_id is None and not _other_split(parts, split):
            sample_id, means = ends.find(parts), "end"
            if sample_id is None:
                sample_id, means = stems.find(_stem(parts)), "stem"
        found.append(sample_id)
        if sample_id is not None:
            how[means] += 1
    return Joined(ids=tuple(found), how=how)


class _Ends:
    """Images by every end of their path."""

    def __init__(self) -> None:
        self._by_end: dict[Parts, str | None] = {}

    def add(self, parts: Parts, sample_id: str) -> None:
        for start in range(len(parts)):
            end = parts[start:]
            self._by_end[end] = None if self._by_end.get(end, sample_id) != sample_id else sample_id

    def find(self, parts: Parts) -> str | None:
        """The image with the longest common end; ``None`` where there is none, or several."""
        for start in range(len(parts)):
            if parts[start:] in self._by_end:
                return self._by_end[parts[start:]]
        return None


def _parts(name: str) -> Parts:
    return tuple(part for part in name.strip().replace("\\", "/").casefold().split("/") if part not in ("", "."))


def _stem(parts: Parts) -> Parts:
    """Without the ending of the file's name."""
    if not parts:
        return parts
    head, dot, ending = parts[-1].rpartition(".")
    return (*parts[:-1], head) if dot and head and len(ending) <= 5 else parts


def _other_split(parts: Parts, split: str) -> bool:
    """Whether one of the two nearest folders says that the image stands in another split."""
    said = {SPLIT_WORDS[part] for part in parts[-3:-1] if part in SPLIT_WORDS}
    return bool(said) and split not in said
