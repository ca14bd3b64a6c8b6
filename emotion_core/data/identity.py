"""What a dataset is called, so that two of them are never taken for one.

A published dataset goes by its name. A file of anybody's goes by the file's name and a fingerprint of what is in it, such as
``labels@3f9a2c1d``: two files ``labels.csv`` are two datasets, and a file that is renamed stays the same one.
"""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path

from emotion_core.data.table import FaceTable

MARK = "@"
"""Between name and fingerprint; no name of a file keeps it."""

DIGITS = 8
"""Hexadecimal digits of a fingerprint that a name shows."""

LONGEST = 120
"""Bytes of a name in UTF-8; with fingerprint and split, half of what file systems take."""


def safe_name(file: str) -> str:
    """A file's name without its ending as part of a folder's name: letters and digits of any script, ``.``, ``_`` and ``-``.

    Example:
        >>> safe_name("My faces (2).csv"), safe_name("été.csv"), safe_name("测试.csv"), safe_name("a@b.csv"), safe_name("?.csv")
        ('My-faces-2', 'été', '测试', 'a-b', 'file')
    """
    stem = unicodedata.normalize("NFC", Path(file).stem)
    words = "".join(letter if _usual(letter) else " " for letter in stem).split()
    name = "-".join(words).encode()[:LONGEST].decode(errors="ignore").strip("-._")
    # A mark that belongs to a letter which was cut off begins no name.
    return name if is_name(name) else "file"


def is_name(text: str) -> bool:
    """Whether a text can name a folder on any system: it begins with a letter or digit and leads nowhere else.

    Example:
        >>> is_name("sfew-test"), is_name("测试@3f9a2c1d-val"), is_name("../sfew"), is_name(".sfew")
        (True, True, False, False)
    """
    return text[:1].isalnum() and all(_usual(letter) or letter == MARK for letter in text)


def content_name(title: str, fingerprint: str) -> str:
    """The name of a dataset that is known by its content.

    Example:
        >>> content_name("labels", "3f9a2c1d4b5e6f70")
        'labels@3f9a2c1d'
    """
    return f"{title}{MARK}{fingerprint[:DIGITS]}"


def title_of(name: str) -> str:
    """What people call a dataset: its name without a fingerprint.

    Example:
        >>> title_of("labels@3f9a2c1d"), title_of("sfew")
        ('labels', 'sfew')
    """
    return name.partition(MARK)[0]


def fingerprint_in(name: str) -> str:
    """The fingerprint that a name shows; empty for datasets that go by their name.

    Example:
        >>> fingerprint_in("labels@3f9a2c1d"), fingerprint_in("sfew")
        ('3f9a2c1d', '')
    """
    return name.partition(MARK)[2]


def same_dataset(one: str, other: str) -> bool:
    """Whether two names mean one dataset: they are the same, or show the same fingerprint.

    Example:
        >>> same_dataset("labels@3f9a2c1d", "gold@3f9a2c1d"), same_dataset("labels@3f9a2c1d", "labels@00000000")
        (True, False)
    """
    return one == other or ("" != fingerprint_in(one) == fingerprint_in(other))


def content_fingerprint(table: FaceTable) -> str:
    """SHA-256 over ids, labels and pictures, independent of row order and splits, 64 hexadecimal digits.

    A picture that cannot be read counts as an empty one; whoever decodes it says so.
    """
    digest = hashlib.sha256(table.fingerprint().encode())
    for sample_id in sorted(table.sample_ids):
        try:
            content = table.read_bytes(sample_id)
        except OSError:
            content = b""
        digest.update(hashlib.blake2b(content, digest_size=16).digest())
    return digest.hexdigest()


def _usual(letter: str) -> bool:
    # Letters, the marks that some scripts write vowels with, and numbers.
    return unicodedata.category(letter)[0] in "LMN" or letter in "._-"
