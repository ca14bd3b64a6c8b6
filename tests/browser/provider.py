"""Somebody who vouches for people: as little of OpenID Connect as a login needs, on this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "emotion", "a secret between the two"


class Provider:
    """Listens on a port of its own; whoever comes to log in is :attr:`person`.

    Attributes:
        person: claims of the token that it gives out.
        seen: paths that were asked for, in order.
    """

    def __init__(self) -> None:
        self.person: dict[str, Any] = {}
        self.seen: list[str] = []
        self.key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"})
        self.asked: dict[str, dict[str, str]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.answer(self, urlsplit(self.path).path, parse_qs(urlsplit(self.path).query))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                provider.answer(self, urlsplit(self.path).path, parse_qs(body))

            def log_message(self, format: str, *arguments: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request: BaseHTTPRequestHandler, path: str, given: dict[str, list[str]]) -> None:
        self.seen.append(path)
        said = {key: values[0] for key, values in given.items()}
        if path == "/.well-known/openid-configuration":
            return self._json(request, self._about())
        if path == "/keys":
            return self._json(request, {"keys": [self.key.as_dict(private=False)]})
        if path == "/authorize":
            self.asked["code"] = said
            return self._redirect(request, f"{said['redirect_uri']}?{urlencode({'code': 'code', 'state': said['state']})}")
        if path == "/token":
            return self._token(request, said)
        if path == "/logout":
            return self._redirect(request, said["post_logout_redirect_uri"])
        request.send_error(404)
        return None

    def _about(self) -> dict[str, Any]:
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
            "end_session_endpoint": f"{self.address}/logout",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def _token(self, request: BaseHTTPRequestHandler, said: dict[str, str]) -> None:
        asked = self.asked.pop("code")
        given = request.headers.get("Authorization", "")
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        digest = hashlib.sha256(said["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if given != f"Basic {basic}" or challenge != asked["code_challenge"]:
            request.send_error(401)
            return
        now = int(time.time())
        claims = {"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 600, "nonce": asked["nonce"], **self.person}
        token = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)
        self._json(request, {"access_token": "x", "token_type": "Bearer", "expires_in": 600, "id_token": token})

    @staticmethod
    def _json(request: BaseHTTPRequestHandler, content: object) -> None:
        body = json.dumps(content).encode()
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    @staticmethod
    def _redirect(request: BaseHTTPRequestHandler, target: str) -> None:
        request.send_response(302)
        request.send_header("Location", target)
        request.send_header("Content-Length", "0")
        request.end_headers()
