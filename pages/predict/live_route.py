"""Where the browser sends the pictures of a running camera, and gets what is read from them.

A page gives each visitor who may predict an address that nobody can guess. Pictures come one at a time, as JPEG over the
connection that the page itself came by, so whatever lets the page through lets them through.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import anyio
import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emotion_core.errors import EmotionCoreError

if TYPE_CHECKING:
    from emotion_core.films.live import LiveReader

MAX_BYTES = 1_000_000
"""Of one picture; what the page sends has a tenth of it."""

AT_ONCE = 4
"""Pictures that are read at a time; others wait for their turn."""

READERS: WeakValueDictionary[str, LiveReader] = WeakValueDictionary()
"""By the secret of their address; visitors' sessions hold them, so that they go when a visitor goes."""

_turns = anyio.CapacityLimiter(AT_ONCE)


def address_of(reader: LiveReader, secret: str = "") -> str:
    """The secret under which pictures for a reader come in.

    Args:
        reader: that somebody holds.
        secret: the one that it has; a new one if empty.
    """
    secret = secret or secrets.token_urlsafe(24)
    READERS[secret] = reader
    return secret


async def take_picture(request: Request) -> JSONResponse:
    """Read one picture: 200 with what was read, 404 for an address that is not known, 413 and 422 for a bad picture."""
    reader = READERS.get(request.path_params["secret"])
    if reader is None:
        return _refuse(404, "This camera is no longer known: start it again.")
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MAX_BYTES:
            return _refuse(413, f"A picture may have {MAX_BYTES:,} bytes.")
    try:
        return JSONResponse(await anyio.to_thread.run_sync(_read, reader, bytes(content), limiter=_turns))
    except EmotionCoreError as error:
        return _refuse(422, str(error))


def _read(reader: LiveReader, content: bytes) -> dict[str, Any]:
    from emotion_core.apart import read_apart

    return reader.read(read_apart(content))


def _refuse(status: int, reason: str) -> JSONResponse:
    return JSONResponse({"error": reason}, status)


def path() -> str:
    """Where pictures come in, without the secret: below the path that the server answers at."""
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    return f"/{base}/live/" if base else "/live/"


def route() -> Route:
    """For the app."""
    return Route(path() + "{secret}", take_picture, methods=["POST"])
