"""Tokens: verified from any OIDC issuer, or made by the embedded one for demonstrations and tests.

Tokens live at most 10 minutes. Their claims: `sub`, `name`, `org` (slug), `roles`.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.adapters.http.access import Caller, Role

LIFETIME = timedelta(minutes=10)
ALGORITHMS = ["EdDSA", "ES256", "RS256", "PS256"]


class NotLoggedIn(Exception):
    """Raised when a token is missing, expired, foreign or malformed; the four look alike."""


class Verifier(Protocol):
    """Turns a bearer token into a caller."""

    def caller(self, token: str) -> Caller:
        """Who calls. Raises `NotLoggedIn`."""


def _caller(claims: dict[str, Any]) -> Caller:
    known = {role.value for role in Role}
    roles = frozenset(Role(r) for r in claims.get("roles", ()) if r in known)
    return Caller(str(claims["sub"]), str(claims.get("name", claims["sub"])), str(claims["org"]), roles)


def _checked(token: str, key: Any, issuer: str, audience: str) -> Caller:
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            issuer=issuer,
            audience=audience,
            options={"require": ["exp", "iat", "sub", "org"]},
        )
    except jwt.PyJWTError as error:
        raise NotLoggedIn from error
    if claims["exp"] - claims["iat"] > LIFETIME.total_seconds():
        raise NotLoggedIn
    return _caller(claims)


class OidcVerifier:
    """Verifies tokens of an OIDC issuer by its published keys."""

    def __init__(self, issuer: str, audience: str) -> None:
        self._issuer, self._audience = issuer, audience
        self._keys = jwt.PyJWKClient(issuer.rstrip("/") + "/jwks", cache_keys=True)

    def caller(self, token: str) -> Caller:
        """Who calls. Raises `NotLoggedIn`."""
        try:
            key = self._keys.get_signing_key_from_jwt(token).key
        except jwt.PyJWTError as error:
            raise NotLoggedIn from error
        return _checked(token, key, self._issuer, self._audience)


@dataclass(frozen=True, slots=True)
class Login:
    """A login of the embedded issuer."""

    username: str
    salt: bytes
    digest: bytes
    caller: Caller


class EmbeddedIssuer:
    """Issues and verifies tokens in this process. Serves demonstrations and tests and refuses production."""

    def __init__(
        self, issuer: str, audience: str, clock: Callable[[], datetime], *, production: bool
    ) -> None:
        if production:
            raise ValueError("the embedded issuer refuses production: set HUB_ISSUER to an OIDC issuer")
        self._issuer, self._audience, self._clock = issuer, audience, clock
        self._key = Ed25519PrivateKey.generate()
        self._logins: dict[str, Login] = {}

    def add(self, username: str, password: str, name: str, organisation: str, roles: Sequence[Role]) -> None:
        """Let somebody log in."""
        salt = os.urandom(16)
        caller = Caller(username, name, organisation, frozenset(roles))
        self._logins[username] = Login(username, salt, self._digest(password, salt), caller)

    def logins(self) -> list[str]:
        """The usernames there are."""
        return sorted(self._logins)

    def token(self, username: str, password: str) -> str:
        """A token for a login. Raises `NotLoggedIn`."""
        login = self._logins.get(username)
        digest = self._digest(password, login.salt if login else b"no such login...")
        if login is None or not hmac.compare_digest(digest, login.digest):
            raise NotLoggedIn
        now = self._clock()
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": login.caller.person,
            "name": login.caller.name,
            "org": login.caller.organisation,
            "roles": sorted(login.caller.roles),
            "iat": now,
            "exp": now + LIFETIME,
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA")

    def caller(self, token: str) -> Caller:
        """Who calls. Raises `NotLoggedIn`."""
        return _checked(token, self._key.public_key(), self._issuer, self._audience)

    @staticmethod
    def _digest(password: str, salt: bytes) -> bytes:
        return hashlib.scrypt(password.encode(), salt=salt, n=2**12, r=8, p=1)
