"""How much visitors may leave in the server's memory."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.runtime import Runtime
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from pages.shared import quota
from pages.shared.quota import SERVER_BYTES, VISITOR_BYTES, VISITOR_FILES, UploadQuota


class Server:
    """Keeps what reaches it, as Streamlit does."""

    def __init__(self) -> None:
        self.files: dict[str, list[int]] = {}
        self.quota = UploadQuota(self, lambda: self.files)
        self.reached = 0
        self.waiting: asyncio.Event | None = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        self.reached += 1
        if self.waiting is not None:
            await self.waiting.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def put(self, session: str, size: int | None, *, method: str = "PUT", path: str = "/_stcore/upload_file") -> Any:
        sent: list[MutableMapping[str, Any]] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        async def receive() -> MutableMapping[str, Any]:
            raise AssertionError("nothing is read of what is refused")

        headers = [] if size is None else [(b"content-length", str(size).encode())]
        scope = {"type": "http", "method": method, "path": f"{path}/{session}/file", "headers": headers}
        await self.quota(scope, receive, send)
        return sent[0]["status"], sent[-1].get("body", b"").decode()


@pytest.mark.parametrize(
    ("files", "size", "status", "said"),
    [
        ({}, VISITOR_BYTES, 204, ""),
        ({}, VISITOR_BYTES + 1, 413, "At most 1,000 files and 400 MB at a time"),
        ({"me": [VISITOR_BYTES - 5]}, 5, 204, ""),
        ({"me": [VISITOR_BYTES - 5]}, 6, 413, "remove some first"),
        ({"another": [VISITOR_BYTES - 5]}, 6, 204, ""),
        ({"me": [1] * (VISITOR_FILES - 1)}, 1, 204, ""),
        ({"me": [1] * VISITOR_FILES}, 1, 413, "remove some first"),
        ({str(i): [VISITOR_BYTES] for i in range(5)}, SERVER_BYTES - 5 * VISITOR_BYTES, 204, ""),
        ({str(i): [VISITOR_BYTES] for i in range(5)}, SERVER_BYTES - 5 * VISITOR_BYTES + 1, 413, "try again later"),
        ({}, None, 411, "has to say how long it is"),
    ],
)
def test_what_goes_beyond_is_refused(files: dict[str, list[int]], size: int | None, status: int, said: str) -> None:
    server = Server()
    server.files = files
    answered, words = asyncio.run(server.put("me", size))
    assert answered == status
    assert said in words
    assert server.reached == (status == 204)


@pytest.mark.parametrize("further", [{"method": "DELETE"}, {"method": "GET"}, {"path": "/_stcore/stream"}])
def test_nothing_else_is_counted(further: dict[str, str]) -> None:
    assert asyncio.run(Server().put("me", 10**12, **further))[0] == 204


def test_uploads_at_the_same_time_count_together() -> None:
    async def visit() -> list[int]:
        server = Server()
        server.waiting = asyncio.Event()
        uploads = [asyncio.create_task(server.put("me", VISITOR_BYTES // 3)) for _ in range(5)]
        await asyncio.sleep(0)
        server.waiting.set()
        statuses = [status for status, _ in await asyncio.gather(*uploads)]
        # What they held is free again: here nothing was kept.
        assert (await server.put("me", VISITOR_BYTES))[0] == 204
        return statuses

    assert sorted(asyncio.run(visit())) == [204, 204, 204, 413, 413]


def test_streamlit_still_says_what_its_visitors_have(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hasattr(Runtime, "uploaded_file_mgr")
    manager = MemoryUploadedFileManager("/_stcore/upload_file")
    manager.add_file("me", UploadedFileRec(file_id="1", name="a.jpg", type="image/jpeg", data=b"12345"))
    monkeypatch.setattr(quota.runtime, "exists", lambda: True)
    monkeypatch.setattr(quota.runtime, "get_instance", lambda: type("Any", (), {"uploaded_file_mgr": manager}))
    assert quota.held_files() == {"me": [5]}
    manager.remove_file("me", "1")
    assert quota.held_files() == {"me": []}
