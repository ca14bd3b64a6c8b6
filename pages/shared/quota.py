"""How much visitors may leave in the server's memory: an upload that would go beyond it is refused before a byte is read."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from streamlit import runtime

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

VISITOR_FILES = 1_000
"""Files that a visitor may have on the server at a time."""

VISITOR_BYTES = 400 << 20
SERVER_BYTES = 2 << 30
"""Bytes that all visitors together may have there."""

_PLACE = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+$")


def held_files() -> dict[str, list[int]]:
    """Sizes in bytes of the files that each session has on the server."""
    if not runtime.exists():
        return {}
    storage = runtime.get_instance().uploaded_file_mgr.file_storage  # type: ignore[attr-defined]
    return {session: [len(file.data) for file in list(files.values())] for session, files in list(storage.items())}


class UploadQuota:
    """Stands before the app's own routes, as ASGI middleware.

    Args:
        app: what comes next.
        held: as :func:`held_files`.
    """

    def __init__(self, app: Any, held: Callable[[], dict[str, list[int]]] = held_files) -> None:
        self.app, self.held = app, held
        self.coming: dict[int, tuple[str, int]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        place = _PLACE.search(scope.get("path", "")) if scope["type"] == "http" and scope["method"] == "PUT" else None
        if place is None:
            await self.app(scope, receive, send)
            return
        session, size = place[1], _size(scope)
        if size is None:
            await _refuse(send, 411, "An upload has to say how long it is.")
            return
        if (reason := self._beyond(session, size)) is not None:
            await _refuse(send, 413, reason)
            return
        number = id(scope)
        self.coming[number] = session, size
        try:
            await self.app(scope, receive, send)
        finally:
            del self.coming[number]

    def _beyond(self, session: str, size: int) -> str | None:
        """Why there is no room for so many bytes more; ``None`` where there is."""
        held = self.held()
        mine = held.get(session, []) + [more for who, more in self.coming.values() if who == session]
        if len(mine) >= VISITOR_FILES or sum(mine) + size > VISITOR_BYTES:
            return f"At most {VISITOR_FILES:,} files and {VISITOR_BYTES >> 20} MB at a time: remove some first."
        everybody = sum(map(sum, held.values())) + sum(more for _, more in self.coming.values())
        if everybody + size > SERVER_BYTES:
            return "This server holds as many photos of its visitors as it can: try again later."
        return None


def _size(scope: Scope) -> int | None:
    """Length that a request says it has; ``None`` where it does not say."""
    said = dict(scope["headers"]).get(b"content-length", b"")
    return int(said) if said.isdigit() and len(said) < 16 else None


async def _refuse(send: Send, status: int, reason: str) -> None:
    body = reason.encode()
    head = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    # What is still on its way is not read, so the connection serves nothing else.
    await send({"type": "http.response.start", "status": status, "headers": [*head, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})
