"""What stands in front of the app: the file for the proxy, tried with the real program."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
FRAME = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    {servers}
}}
"""


class App(BaseHTTPRequestHandler):
    """In place of the app: remembers what reached it."""

    seen: ClassVar[list[tuple[str, dict[str, str]]]] = []

    def do_GET(self) -> None:
        App.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *arguments: object) -> None:
        return


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """Ports of nginx, with TLS and without, in front of the app."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None or shutil.which("openssl") is None:
        reason = "needs nginx and openssl: apt-get install nginx-light openssl"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    folder, app = tmp_path_factory.mktemp("nginx"), ThreadingHTTPServer(("127.0.0.1", 0), App)
    threading.Thread(target=app.serve_forever, daemon=True).start()
    certificate = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    files = ["-subj", "/CN=emotion.example.org", "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(["openssl", *certificate, *files], check=True, capture_output=True)
    secure, plain = free_port(), free_port()
    servers = (REPOSITORY / "deploy" / "nginx.conf").read_text()
    for pattern, put in (
        (r"listen \[::\].*", ""),
        (r"listen 443 ssl", f"listen 127.0.0.1:{secure} ssl"),
        (r"listen 80", f"listen 127.0.0.1:{plain}"),
        (r"/etc/letsencrypt/live/emotion.example.org/fullchain.pem", str(folder / "cert.pem")),
        (r"/etc/letsencrypt/live/emotion.example.org/privkey.pem", str(folder / "key.pem")),
        (r"burst=400", "burst=5"),  # fewer are enough to see that there is a limit
        (r"127\.0\.0\.1:8501;", f"127.0.0.1:{app.server_port};"),
    ):
        servers, changed = re.subn(pattern, put, servers)
        assert changed, pattern
    (folder / "nginx.conf").write_text(FRAME.format(folder=folder, servers=servers))
    with (folder / "said").open("w") as said:
        running = subprocess.Popen([program, "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=said)
    try:
        until = time.monotonic() + 60
        while True:
            assert running.poll() is None, (folder / "said").read_text()
            assert time.monotonic() < until
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", secure), 1):
                break
            time.sleep(0.05)
        yield secure, plain
    finally:
        running.terminate()
        running.wait(20)
        app.shutdown()
        app.server_close()


def ask(port: int, path: str = "/", *, method: str = "GET", body: bytes | None = None, **headers: str) -> Any:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=trusting, timeout=60)
    try:
        connection.request(method, path, body, {"Host": "emotion.example.org", **headers})
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()


def test_every_answer_has_the_headers_that_guard_a_browser(proxy: tuple[int, int]) -> None:
    answer = ask(proxy[0])
    assert answer.status == 200
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["object-src"] == policy["frame-ancestors"] == "'none'"
    # Nothing is loaded from, or sent to, another server.
    assert not re.search(r"https?:|\*", answer.headers["Content-Security-Policy"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Server"] == "nginx"


def test_what_a_visitor_claims_of_the_way_here_counts_for_nothing(proxy: tuple[int, int]) -> None:
    ask(proxy[0], "/claimed", **{"X-Forwarded-For": "10.9.8.7", "Forwarded": "for=10.9.8.7", "X-Forwarded-Proto": "http"})
    told = next(headers for path, headers in App.seen if path == "/claimed")
    assert told["x-forwarded-for"] == "127.0.0.1"
    assert told["x-forwarded-proto"] == "https"
    assert "forwarded" not in told
    assert told["host"] == "emotion.example.org"


def test_a_page_that_is_open_gets_its_connection(proxy: tuple[int, int]) -> None:
    ask(proxy[0], "/_stcore/stream", Connection="Upgrade", Upgrade="websocket")
    told = next(headers for path, headers in App.seen if path == "/_stcore/stream")
    assert (told["upgrade"], told["connection"].lower()) == ("websocket", "upgrade")


def test_without_tls_one_is_sent_on(proxy: tuple[int, int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy[1], timeout=60)
    connection.request("GET", "/compare?run=a", headers={"Host": "emotion.example.org"})
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"]) == (301, "https://emotion.example.org/compare?run=a")
    connection.close()


def test_a_file_beyond_the_limit_never_reaches_the_app(proxy: tuple[int, int]) -> None:
    path = "/_stcore/upload_file/session/file"
    assert ask(proxy[0], path, method="PUT", body=b"x" * 1000).status == 200
    seen = len(App.seen)
    assert ask(proxy[0], path, method="PUT", **{"Content-Length": str(102 << 20)}).status == 413
    assert len(App.seen) == seen


def test_of_too_many_requests_at_once_some_are_refused(proxy: tuple[int, int]) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", proxy[0], context=trusting, timeout=60)
    statuses = []
    for _ in range(40):
        connection.request("GET", "/_stcore/upload_file/s/f", headers={"Host": "emotion.example.org"})
        with connection.getresponse() as answer:
            answer.read()
            statuses.append(answer.status)
    connection.close()
    assert statuses[:3] == [200] * 3
    assert set(statuses) == {200, 429}


def test_the_limit_of_uploads_is_the_apps_and_a_little_more() -> None:
    config = (REPOSITORY / ".streamlit" / "config.toml").read_text()
    limit = int(re.search(r"maxUploadSize = (\d+)", config)[1])  # type: ignore[index]
    said = (REPOSITORY / "deploy" / "nginx.conf").read_text()
    assert int(re.search(r"client_max_body_size (\d+)m;", said)[1]) == limit + 1  # type: ignore[index]


def test_every_command_line_names_options_that_streamlit_has() -> None:
    from streamlit import config

    for name in ("Dockerfile", "emotion.service"):
        options = re.findall(r"--((?:server|secrets)\.\w+)", (REPOSITORY / "deploy" / name).read_text())
        assert options
        for option in options:
            config.get_option(option)


def test_the_example_of_roles_is_one() -> None:
    import tomllib

    from pages.shared.roles import ROLES, grant

    table = tomllib.loads((REPOSITORY / "deploy" / "secrets.example.toml").read_text())
    assert tuple(table["roles"]) == ROLES
    assert grant(table["roles"], "anna@example.org") == set(ROLES)
    assert grant(table["roles"], "ben@example.org") == {"look", "predict", "review"}
    assert grant(table["roles"], "") == {"look"}
