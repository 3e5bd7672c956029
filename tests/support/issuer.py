"""A small OIDC issuer on the loopback: discovery, its key, tokens for the clients that it knows, and a login
page that gives a browser a code (OpenID Connect Core 1.0, section 3.1; RFC 7636).

Hub and programs that run as processes of their own reach it as they would reach a municipality's.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.aggregates.base import Actor

_LIVES_S = 600


class Issuer(ThreadingHTTPServer):
    """Serves until it is closed. `secret` lets a client in; its name is its login's subject."""

    def __init__(self, audience: str, host: str = "127.0.0.1") -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.url = f"http://{host}:{self.server_port}"
        self._audience = audience
        self._key = Ed25519PrivateKey.generate()
        self._clients: dict[str, tuple[str, Mapping[str, Any]]] = {}
        self._pages: tuple[str, str, str] | None = None
        self._codes: dict[str, tuple[str, str]] = {}
        """Of each code that nobody has used: whose it is, and the challenge."""
        x = base64.urlsafe_b64encode(self._key.public_key().public_bytes_raw()).rstrip(b"=").decode()
        key = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "one", "use": "sig", "alg": "EdDSA"}
        self.documents: dict[str, Mapping[str, Any]] = {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/jwks",
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
            },
            "/jwks": {"keys": [key]},
        }

    @classmethod
    @contextmanager
    def serving(cls, audience: str, host: str = "127.0.0.1") -> Iterator[Self]:
        """Serve as long as the block runs; by another name for this machine it is another site."""
        with cls(audience, host) as issuer:
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

    def let_pages_in(self, client: str, secret: str, back: str) -> None:
        """Register an application that sends browsers here, and where they are to be sent back."""
        self._pages = (client, secret, back)

    def code(self, asked: Mapping[str, str]) -> str | None:
        """Where a browser goes that has shown name and secret of somebody; None: nowhere."""
        known = self._clients.get(asked.get("username", ""))
        wanted = (asked.get("client_id"), asked.get("redirect_uri"), asked.get("code_challenge_method"))
        if self._pages is None or wanted != (self._pages[0], self._pages[2], "S256"):
            return None
        if known is None or not secrets.compare_digest(known[0], asked.get("password", "")):
            return f"{asked['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': asked['state']})}"
        code = secrets.token_urlsafe(12)
        self._codes[code] = (asked["username"], asked["code_challenge"])
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def granted(self, form: Mapping[str, str]) -> Mapping[str, Any] | None:
        """The answer to a client's credentials or to a code; None where they do not hold."""
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
        if form.get("grant_type") == "authorization_code":
            whose, challenge = self._codes.pop(form.get("code", ""), ("", ""))
            shown = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            proven = base64.urlsafe_b64encode(shown).rstrip(b"=").decode() == challenge
            holds = proven and (client, secret, form.get("redirect_uri")) == self._pages
        else:
            whose, known = client, self._clients.get(client)
            holds = known is not None and secrets.compare_digest(known[0], secret)
        if not holds:
            return None
        return {"access_token": self.token(whose), "token_type": "Bearer", "expires_in": _LIVES_S}


_LOGIN = """<!doctype html><title>Login</title><form method="post" action="/authorize?{asked}">
<input id="username" name="username"><input id="password" name="password" type="password">
<button id="in">Login</button></form>"""


class _Answers(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        path, _, asked = self.path.partition("?")
        if path == "/authorize":
            return self._send(200, "text/html", _LOGIN.format(asked=escape(asked)).encode())
        return self._answer(self.server.documents.get(path))

    def do_POST(self) -> None:
        path, _, asked = self.path.partition("?")
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(f"{asked}&{body}").items()}
        if path == "/authorize":
            return self._send(303 if (back := self.server.code(form)) else 400, "text/html", b"", back)
        return self._answer(self.server.granted(form) if path == "/token" else None)

    def _answer(self, document: Mapping[str, Any] | None) -> None:
        status = 200 if document is not None else 400
        self._send(status, "application/json", json.dumps(document or {}).encode())

    def _send(self, status: int, media_type: str, body: bytes, to: str | None = None) -> None:
        self.send_response(status)
        if to:
            self.send_header("Location", to)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
