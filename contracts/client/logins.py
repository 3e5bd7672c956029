"""How a system logs in at a token endpoint (OAuth 2.0): by a key of its own, or by a secret it was given.

With a key nothing secret ever travels, and nothing that could be stolen lies at the issuer.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.client.answering import answered, sent
from contracts.client.errors import HubUnreachable
from contracts.client.keys import private_key_in

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIVES: Final = timedelta(minutes=1)
_EARLY_S: Final = 30.0
_TIMEOUT_S: Final = 10.0

LoginKey = Ed25519PrivateKey | EllipticCurvePrivateKey
"""Ed25519, or P-256 where an issuer knows no Ed25519."""
Login = Callable[[], Mapping[str, str]]
"""The form for the token endpoint, made anew for each request."""


def by_key(client: str, endpoint: str, key: LoginKey) -> Login:
    """`private_key_jwt` (RFC 7523): an assertion for this endpoint alone, good for a minute and for once."""

    def form() -> Mapping[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_id": client,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion(client, endpoint, key, now=datetime.now(UTC), jti=str(uuid4())),
        }

    return form


def assertion(client: str, endpoint: str, key: LoginKey, *, now: datetime, jti: str) -> str:
    """What a client says of itself at a token endpoint, signed."""
    claims = {
        "iss": client,
        "sub": client,
        "aud": endpoint,
        "jti": jti,
        "iat": int(now.timestamp()),
        "exp": int((now + ASSERTION_LIVES).timestamp()),
    }
    return jwt.encode(claims, key, algorithm="EdDSA" if isinstance(key, Ed25519PrivateKey) else "ES256")


def by_secret(client: str, secret: str) -> Login:
    """A client secret."""
    return lambda: {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}


def by_password(username: str, password: str) -> Login:
    """The hub's own token endpoint, which serves demonstrations and tests."""
    return lambda: {"grant_type": "password", "username": username, "password": password}


def login_key(path: Path) -> LoginKey:
    """The key in a PEM file of its owner's alone. Raises `TypeError` for another kind of key."""
    key = private_key_in(path)
    if isinstance(key, Ed25519PrivateKey):
        return key
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return key
    raise TypeError(f"{path.name} must hold an Ed25519 or a P-256 key")


class Tokens:
    """Access tokens of one system; each is kept until 30 s before it ends."""

    def __init__(
        self,
        endpoint: str,
        login: Login,
        *,
        client: httpx2.Client | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect to nothing yet."""
        self._endpoint, self._login = endpoint, login
        self._client = client or httpx2.Client(timeout=_TIMEOUT_S)
        self._clock = clock
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def __call__(self) -> str:
        """A token that is good for some seconds more."""
        with self._lock:
            now = self._clock()
            if now >= self._until:
                found = answered(sent(self._client, "POST", self._endpoint, data=self._login()))
                try:
                    lives_s = float(found["expires_in"])
                    self._token = str(found["access_token"])
                except (KeyError, TypeError, ValueError):
                    raise HubUnreachable("the issuer's answer is not a token") from None
                self._until = now + lives_s - _EARLY_S
            return self._token

    def forget(self) -> None:
        """Ask anew next time."""
        with self._lock:
            self._until = 0.0

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()
