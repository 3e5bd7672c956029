"""The API as a server, and how its services are put together."""

import signal
import socket
import threading
import time
from contextlib import closing
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from hub.adapters.http.app import create_app
from hub.adapters.http.context import Services
from hub.adapters.http.tokens import EmbeddedIssuer, OidcVerifier, Verifier
from hub.adapters.web.issuer_login import IssuerLogin
from hub.bootstrap import Parts, build
from hub.errors import Unavailable
from hub.operating.process import end_within, settle
from hub.settings import Settings

GRACE_S = 10
START_S = 15.0


def app_of(parts: Parts, issuer: EmbeddedIssuer | None) -> FastAPI:
    """The API over a hub. Without an embedded issuer, tokens come from the OIDC issuer of the settings."""
    settings, login = parts.settings, None
    verifier: Verifier
    if issuer is not None:
        verifier = issuer
    else:
        verifier = oidc = OidcVerifier(settings.issuer, settings.audience)
        if settings.login_client_id:
            secret = settings.login_client_secret.get_secret_value()
            login = IssuerLogin(settings.login_client_id, secret, oidc.endpoint)
    services = Services(
        hub=parts.hub,
        queries=parts.queries,
        opener=parts.opener,
        inbound=parts.inbound,
        outgoing=parts.outgoing,
        store=parts.app.store,
        barring=parts.committer.barring,
        waiting=parts.waiting,
        verifier=verifier,
        keys=parts.identity.public,
        municipality=settings.municipality,
        municipality_name=settings.municipality_name,
        on_call=settings.on_call,
        production=settings.production,
        ready=parts.takes_reports,
    )
    return create_app(services, issuer, parts.measures.request, login)


class _Uvicorn(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """It finishes the requests under way; one that hangs in a thread it would wait for without end."""
        end_within()
        super().handle_exit(sig, frame)


def bound(host: str, port: int) -> socket.socket:
    """A socket with that address, 0 for any port. Raises `Unavailable`."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except (OSError, OverflowError) as error:
        found.close()
        why = (error.strerror or "no such address") if isinstance(error, OSError) else "no such port"
        raise Unavailable(f"{host}:{port} can't be served on: {why}; choose --host or --port") from error
    return found


class Server:
    """uvicorn in a thread. Access logs are off: a URL holds ids."""

    def __init__(
        self, app: FastAPI, host: str = "127.0.0.1", port: int = 0, *, on: socket.socket | None = None
    ) -> None:
        self.socket = on or bound(host, port)
        """Which others may serve on as well; `on` is one that another made."""
        self.url = "http://{}:{}".format(*self.socket.getsockname())
        config = uvicorn.Config(
            app,
            access_log=False,
            log_config=None,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
            lifespan="off",
        )
        self._server = _Uvicorn(config)
        self._thread = threading.Thread(target=self._server.run, args=([self.socket],), name="http")

    def start(self) -> None:
        """Serve, and return when the server answers."""
        self._thread.start()
        deadline = time.monotonic() + START_S
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise Unavailable("the server did not start")
            time.sleep(0.01)

    def stop(self) -> None:
        """Answer what is under way, then end."""
        self._server.should_exit = True
        self._thread.join()
        self.socket.close()

    def serve(self) -> None:
        """Serve in this thread until SIGTERM or SIGINT ends it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            # Before uvicorn looks for signals; and when it has ended it sends itself the signal once more.
            signal.signal(number, self._server.handle_exit)
        self._server.run([self.socket])
        self.socket.close()


def serve_on(on: socket.socket, settings: Settings, monitored: int | None) -> None:
    """Put a hub together and serve where others serve too, until SIGTERM or SIGINT ends it."""
    with closing(build(settings)) as parts:
        server = Server(app_of(parts, None), on=on)
        with parts.measures.answering(monitored):
            settle()
            server.serve()


def openapi() -> dict[str, Any]:
    """The OpenAPI document of the API, without a hub behind it."""
    return create_app(None).openapi()
