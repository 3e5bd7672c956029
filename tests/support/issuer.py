"""A small OIDC issuer on the loopback: discovery, its key, and tokens for the clients that it knows.

Hub and programs that run as processes of their own reach it as they would reach a municipality's.
"""

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.aggregates.base import Actor

_LIVES_S = 600


class Issuer(ThreadingHTTPServer):
    """Serves until it is closed. `secret` lets a client in; its name is its login's subject."""

    def __init__(self, audience: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._audience = audience
        self._key = Ed25519PrivateKey.generate()
        self._clients: dict[str, tuple[str, Mapping[str, Any]]] = {}
        x = base64.urlsafe_b64encode(self._key.public_key().public_bytes_raw()).rstrip(b"=").decode()
        key = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "one", "use": "sig", "alg": "EdDSA"}
        self.documents: dict[str, Mapping[str, Any]] = {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"},
            "/jwks": {"keys": [key]},
        }

    @classmethod
    @contextmanager
    def serving(cls, audience: str) -> Iterator[Self]:
        """Serve as long as the block runs."""
        with cls(audience) as issuer:
            thread = threading.Thread(target=issuer.serve_forever, args=(0.02,))
            thread.start()
            try:
                yield issuer
            finally:
                issuer.shutdown()
                thread.join()

    def add(self, who: Actor, *roles: str) -> str:
        """Let somebody in, in these roles or the one of the actor; the secret."""
        claims = {"sub": who.person, "name": who.name, "org": who.organisation, "roles": roles or [who.role]}
        secret = secrets.token_urlsafe(12)
        self._clients[who.person] = (secret, claims)
        return secret

    def token(self, client: str) -> str:
        """A token for ten minutes."""
        now = int(time.time())
        claims: dict[str, Any] = {"iss": self.url, "aud": self._audience, "iat": now, "exp": now + _LIVES_S}
        claims |= self._clients[client][1]
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": "one"})

    def granted(self, form: Mapping[str, list[str]]) -> Mapping[str, Any] | None:
        """The answer to a client's credentials (RFC 6749 section 4.4); None where they do not hold."""
        client, secret = (form.get(name, [""])[0] for name in ("client_id", "client_secret"))
        known = self._clients.get(client)
        if known is None or not secrets.compare_digest(known[0], secret):
            return None
        return {"access_token": self.token(client), "token_type": "Bearer", "expires_in": _LIVES_S}


class _Answers(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        self._answer(self.server.documents.get(self.path))

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self._answer(self.server.granted(form) if self.path == "/token" else None)

    def _answer(self, document: Mapping[str, Any] | None) -> None:
        body = json.dumps(document or {}).encode()
        self.send_response(200 if document is not None else 400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
