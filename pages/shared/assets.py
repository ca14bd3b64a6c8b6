"""Scripts and styles of what acts in the browser."""

from __future__ import annotations

from pathlib import Path


def read_beside(module: str, *names: str) -> str:
    """Files that lie beside a module, one after another.

    Args:
        module: its ``__file__``.
        names: of the files.
    """
    return "\n".join((Path(module).parent / name).read_text(encoding="utf-8") for name in names)
