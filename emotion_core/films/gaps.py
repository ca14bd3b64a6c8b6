"""How long a film shows no face."""

from __future__ import annotations

from emotion_core.films.reading import FilmFrame

GAP = 10.0
"""s without a face from which on it is said."""


class Gaps:
    """The longest time without a face; frames are taken in one after the other."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._longest = (0.0, 0.0)
        self._faces = 0

    def update(self, frame: FilmFrame) -> None:
        """Take in a frame."""
        self._faces += len(frame.tracks)
        if frame.tracks:
            self._since = None
            return
        self._since = frame.time if self._since is None else self._since
        if frame.time - self._since > self._longest[1] - self._longest[0]:
            self._longest = self._since, frame.time

    def notes(self) -> list[str]:
        """A sentence, where there is something to say."""
        start, end = self._longest
        if not self._faces:
            return ["No face was found in the whole film."]
        return [f"No face was found from {clock(start)} to {clock(end)}."] if end - start >= GAP else []


def clock(seconds: float) -> str:
    """A time in a film.

    Example:
        >>> clock(3.25), clock(3725.0)
        ('0:03.2', '1:02:05.0')
    """
    whole = int(seconds * 10) / 10
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"
