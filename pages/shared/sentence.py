"""Messages as a visitor may read them: where things lie on this server is its owner's business."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from emotion_core.results.find import checkpoints_folders
from pages.shared.roles import may
from pages.shared.words import escape

_QUOTED = re.compile(r"'(?:/|[A-Za-z]:[\\/])[^'\n]*?([^'/\\\n]*)'")
_BARE = re.compile(r"(?<![\w:/.\\])(?:[A-Za-z]:[\\/]|/)(?:[\w.\-+@]+[\\/])+")


def sentence(error: Exception | str) -> str:
    """A message for Streamlit's Markdown; see :func:`readable`."""
    return escape(readable(error))


def readable(error: Exception | str) -> str:
    """A message, for anybody but the owner without the folders that it names; the last part of a path stays."""
    return str(error) if may("owner") else without_folders(str(error))


def without_folders(text: str) -> str:
    """A text whose paths are cut down to their last part.

    Example:
        >>> without_folders("No run at '/srv/runs/mine': see /etc/app.toml.")
        "No run at '…/mine': see …/app.toml."
    """
    # Folders that are known go first: a name with an apostrophe in it ends no quotation.
    for folder in sorted(_known(), key=len, reverse=True):
        text = text.replace(folder, "…")
    return _BARE.sub("…/", _QUOTED.sub(r"'…/\1'", text))


def _known() -> set[str]:
    places = [*checkpoints_folders(), Path.cwd(), Path.home(), Path(tempfile.gettempdir())]
    places += [Path(os.environ["EMOTION_DATA"])] if os.environ.get("EMOTION_DATA") else []
    return {str(place) for each in places for place in (each, each.absolute()) if len(each.parts) > 1}
