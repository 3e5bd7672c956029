"""The played hub's HTTP side: a real server on the loopback that can go away and come back on its port."""

import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.client.logins import ASSERTION_TYPE
from contracts.conformance.hub import SENDS_IN, Answered, Asked, PlayedHub, number, problem

LIFETIME_S: Final = 600
ASSERTION_MAX_S: Final = 300
_OPEN: Final = frozenset({"/token", "/v1/hub"})
_BODY_MAX: Final = 2_000_000
_ERRORS: Final = 400


class Server:
    """The address of a played hub. `down` closes the port and every connection; `up` opens the same again."""

    def __init__(self, hub: PlayedHub, client: str, password: str | None) -> None:
        """Choose a port, and open it. Without a password the client logs in by its signing key."""
        self.hub = hub
        self.client, self.password = client, password
        self.assertions: set[str] = set()
        self.token = secrets.token_urlsafe()
        self.connections: set[socket.socket] = set()
        self._port = 0
        self._running: tuple[_Http, threading.Thread] | None = None
        self.up()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def token_url(self) -> str:
        """Where tokens are asked for, and what an assertion must be made for."""
        return f"{self.url}/token"

    def up(self) -> None:
        """Listen."""
        if self._running is None:
            http = _Http(("127.0.0.1", self._port), type("Routes", (_Routes,), {"server_of": self}))
            http.owner = self
            self._port = http.server_address[1]
            thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
            thread.start()
            self._running = (http, thread)

    def down(self) -> None:
        """Be gone: nobody listens, and who was connected is cut off."""
        if self._running is not None:
            http, thread = self._running
            self._running = None
            http.shutdown()
            http.server_close()
            thread.join()
            for connection in list(self.connections):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Be gone for a while."""
        self.down()
        try:
            yield
        finally:
            self.up()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: Server

    def process_request(self, request: Any, client_address: Any) -> None:
        self.owner.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.owner.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: programs that are killed leave broken connections."""


class _Routes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_of: Server

    def do_GET(self) -> None:
        length = self.headers.get("content-length", "0")
        if length.isdigit():
            self.rfile.read(
                min(int(length), _BODY_MAX)
            )  # It says nothing, and must not be read as a request.
        self._serve("GET", b"")

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > _BODY_MAX:
            self.server_of.hub.wrong.append(("section 6", "a body needs a Content-Length"))
            self.close_connection = True
            self._write(*problem(413, "too-large"))
            return
        self._serve("POST", self.rfile.read(int(length)))

    def _serve(self, method: str, body: bytes) -> None:
        server, address = self.server_of, urlsplit(self.path)
        hub, query = server.hub, parse_qs(address.query)
        status, answer = self._answer(method, address.path, query, body)
        after = number(query) if address.path == "/v1/messages" else None
        with hub.lock:
            hub.asked.append(Asked(time.monotonic(), method, address.path, after, status))
            lost = hub.lose > 0 and address.path in SENDS_IN and status < _ERRORS
            hub.lose -= lost
        if lost:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._write(status, answer)

    def _answer(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> Answered:
        server, hub = self.server_of, self.server_of.hub
        if path == "/token":
            return self._token(body)
        if hub.refuse and path not in _OPEN:
            return problem(
                hub.refuse, {401: "not-logged-in", 403: "forbidden"}.get(hub.refuse, "unavailable")
            )
        if path not in _OPEN and self.headers.get("authorization") != f"Bearer {server.token}":
            return problem(401, "not-logged-in")
        if method == "GET":
            return hub.get(path, query)
        return hub.post(path, body, self.headers.get("idempotency-key"))

    def _token(self, body: bytes) -> Answered:
        hub, form = self.server_of.hub, parse_qs(body.decode(errors="replace"))
        hub.tokens += 1
        said = {name: values[0] for name, values in form.items() if len(values) == 1}
        if wrong := self._not_proven(said):
            hub.wrong.append(("section 6", f"/token: {wrong}"))
            return problem(401, "not-logged-in")
        return 200, {"access_token": self.server_of.token, "token_type": "Bearer", "expires_in": LIFETIME_S}

    def _not_proven(self, said: dict[str, str]) -> str:
        """What is wrong with a login; nothing if it is right."""
        server = self.server_of
        if server.password is not None:
            name = said.get("username", said.get("client_id"))
            secret = said.get("password", said.get("client_secret"))
            right = (name, secret) == (server.client, server.password)
            return "" if right else "the login that was given was not sent as a form"
        asked = (said.get("grant_type"), said.get("client_assertion_type"))
        if asked != ("client_credentials", ASSERTION_TYPE):
            return "grant_type must be client_credentials, client_assertion_type the one of private_key_jwt"
        try:
            claims = jwt.decode(
                said.get("client_assertion", ""),
                Ed25519PublicKey.from_public_bytes(server.hub.partner_keys.signing),
                algorithms=["EdDSA"],
                audience=server.token_url,
                issuer=server.client,
                subject=server.client,
                options={"require": ["exp", "iat", "jti", "aud", "iss", "sub"], "strict_aud": True},
            )
        except jwt.PyJWTError as error:
            return f"client_assertion: {type(error).__name__}"
        if claims["exp"] - time.time() > ASSERTION_MAX_S:
            return f"client_assertion: exp is more than {ASSERTION_MAX_S} s ahead"
        if claims["jti"] in server.assertions:
            return "client_assertion: its jti came before; make a new one for each request"
        server.assertions.add(claims["jti"])
        return ""

    def _write(self, status: int, answer: dict[str, Any]) -> None:
        raw = json.dumps(answer).encode()
        with suppress(OSError):
            self.send_response(status)
            self.send_header(
                "content-type", "application/json" if status < _ERRORS else "application/problem+json"
            )
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (named by http.server)
        """Say nothing."""
