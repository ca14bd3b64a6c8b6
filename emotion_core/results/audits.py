"""What an audit of a dataset found about single images, kept beside the runs so that pages can show it without decoding."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emotion_core.data.identity import is_name
from emotion_core.errors import CheckpointError
from emotion_core.results.checked import read_json
from emotion_core.results.files import strict_json, write_text
from emotion_core.results.find import checkpoints_folder, checkpoints_folders

if TYPE_CHECKING:
    from emotion_core.data.audit import Audit

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class StoredAudit:
    """Images of a dataset about which something is known.

    Attributes:
        dataset: its name.
        conflicts: ids of images whose pixels occur again with another label.
        leaked: ids of validation and test images whose pixels also stand in the training split.
    """

    dataset: str
    conflicts: frozenset[str]
    leaked: frozenset[str]


def audit_path(dataset: str, folder: Path | None = None) -> Path:
    """Where the audit of a dataset is kept, or would be.

    Args:
        dataset: its name.
        folder: of the runs; by default the first that has one, or the one for new runs.

    Raises:
        CheckpointError: the name would lead out of the folder.
    """
    if not is_name(dataset):
        raise CheckpointError(f"'{dataset}' cannot name an audit: letters, digits, '.', '_', '-' and '@' only.")
    paths = [root / f"audit-{dataset}.json" for root in (checkpoints_folders() if folder is None else (folder,))]
    return next((path for path in paths if path.is_file()), paths[0])


def write_audit(found: Audit, folder: Path | None = None) -> Path:
    """Keep what was found about single images.

    Args:
        found: by :func:`~emotion_core.data.audit.audit`.
        folder: of the runs; the usual one by default.

    Returns:
        The file that was written.

    Raises:
        CheckpointError: it cannot be written, or the dataset's name would lead out of the folder.
    """
    record = {
        "version": VERSION,
        "dataset": found.dataset,
        "conflicts": sorted(sample for conflict in found.conflicts for sample in conflict.labels),
        "leaked": sorted(sample for ids in found.duplicates.leaked.values() for sample in ids),
    }
    path = audit_path(found.dataset, checkpoints_folder() if folder is None else folder)
    try:
        write_text(path, strict_json(record, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise CheckpointError(
            f"'{path}' cannot be written ({error.strerror}). Make its folder writable, or set EMOTION_CHECKPOINTS."
        ) from error
    return path


def read_audit(dataset: str, folder: Path | None = None) -> StoredAudit | None:
    """The stored audit of a dataset; ``None`` when there is none.

    Args:
        dataset: its name.
        folder: of the runs; the usual one by default.

    Raises:
        CheckpointError: it is damaged, or the name would lead out of the folder.
    """
    path = audit_path(dataset, folder)
    if not path.is_file():
        return None
    remedy = f"Store it again with 'python -m emotion_core audit {dataset} --store'."
    try:
        record = read_json(path)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"'{path}' is not readable JSON ({error}). {remedy}") from error
    if not isinstance(record, dict) or record.get("version") != VERSION:
        raise CheckpointError(f"'{path}' is not an audit of version {VERSION}. {remedy}")
    ids: dict[str, frozenset[str]] = {}
    for name in ("conflicts", "leaked"):
        listed = record.get(name)
        if not isinstance(listed, list) or not all(isinstance(sample, str) for sample in listed):
            raise CheckpointError(f"'{path}' lacks the list '{name}'. {remedy}")
        ids[name] = frozenset(listed)
    return StoredAudit(dataset=dataset, **ids)
