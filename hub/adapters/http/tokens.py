"""Tokens: verified from any OIDC issuer, or made by the embedded one for demonstrations and tests.

Tokens live at most 10 minutes. Their claims: `sub`, `name`, `org` (slug), `roles`.
"""

import hashlib
import hmac
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.adapters.http.access import Caller, Role
from hub.adapters.http.assertions import Assertions, KeyOf, NotProven
from hub.errors import Invalid, Unavailable

LIFETIME = timedelta(minutes=10)
ISSUER_TIMEOUT_S = 5.0
DISCOVERY = "/.well-known/openid-configuration"
NO_ISSUER = "set HUB_ISSUER to the address of your OIDC issuer"
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
    person, organisation = claims["sub"], claims["org"]
    if not (isinstance(person, str) and person and isinstance(organisation, str) and organisation):
        raise NotLoggedIn
    return Caller(person, str(claims.get("name", person)), organisation, roles)


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
        if int(claims["exp"]) - int(claims["iat"]) > LIFETIME.total_seconds():
            raise NotLoggedIn
        return _caller(claims)
    except (jwt.PyJWTError, TypeError, ValueError) as error:
        # A header may name an algorithm of another kind of key; a claim may be of another type.
        raise NotLoggedIn from error


class OidcVerifier:
    """Verifies tokens of an OIDC issuer by the keys that its discovery document names.

    Nothing is asked before the first token, so the hub starts while the issuer is away.
    """

    def __init__(self, issuer: str, audience: str) -> None:
        if not issuer:
            raise Invalid(NO_ISSUER, field="HUB_ISSUER")
        self._issuer, self._audience = issuer, audience
        self._lock = threading.Lock()
        self._document: Mapping[str, Any] | None = None
        self._found: jwt.PyJWKClient | None = None

    def caller(self, token: str) -> Caller:
        """Who calls. Raises `NotLoggedIn`, or `Unavailable` where the issuer does not answer."""
        try:
            # The key with its own algorithm: what a token says of its algorithm counts for nothing.
            key = self._keys().get_signing_key_from_jwt(token)
        except (jwt.PyJWKClientConnectionError, jwt.PyJWKSetError, ValueError) as error:
            raise Unavailable("the issuer of tokens does not answer: try again") from error
        except jwt.PyJWTError as error:
            raise NotLoggedIn from error
        return _checked(token, key, self._issuer, self._audience)

    def prove(self) -> None:
        """Ask the issuer for its keys. Raises `Unavailable` with what is amiss."""
        try:
            self._keys().get_signing_keys()
        except (jwt.PyJWTError, ValueError) as error:
            raise Unavailable("the issuer gives no keys for signatures: see its jwks_uri") from error

    def endpoint(self, name: str) -> str:
        """An address that the issuer names in its discovery document. Raises `Unavailable`."""
        with self._lock:
            address = self._discovered().get(name)
        if not isinstance(address, str):
            raise Unavailable(f"the issuer names no {name}")
        return address

    def _keys(self) -> jwt.PyJWKClient:
        """The issuer's keys; kept, and asked anew for a new key."""
        with self._lock:
            if self._found is None:
                try:
                    self._found = jwt.PyJWKClient(
                        str(self._discovered().get("jwks_uri")), timeout=int(ISSUER_TIMEOUT_S)
                    )
                except jwt.PyJWKClientError as error:
                    raise Unavailable("the issuer does not say where its keys are") from error
            return self._found

    def _discovered(self) -> Mapping[str, Any]:
        """What the issuer says of itself (OpenID Connect Discovery 1.0, section 4); kept."""
        if self._document is None:
            address = self._issuer.rstrip("/") + DISCOVERY
            try:
                document = httpx2.get(address, timeout=ISSUER_TIMEOUT_S).raise_for_status().json()
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise Unavailable("the issuer of tokens does not answer: try again") from error
            except ValueError as error:
                raise Unavailable("what HUB_ISSUER names says nothing of itself as an issuer does") from error
            if not isinstance(document, dict) or document.get("issuer") != self._issuer:
                raise Unavailable("HUB_ISSUER is not the name by which the issuer knows itself")
            self._document = document
        return self._document


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
        self._assertions: Assertions | None = None

    def let_systems_in(self, endpoint: str, key_of: KeyOf) -> None:
        """From now on partners' systems log in at this address by the signing key that is registered."""
        self._assertions = Assertions(endpoint, key_of, self._clock)

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
        return self._token(login.caller)

    def token_of_system(self, assertion: str) -> str:
        """A token for a partner's system that proves itself by its key. Raises `NotLoggedIn`."""
        if self._assertions is None:
            raise NotLoggedIn
        try:
            slug = self._assertions.system(assertion)
        except NotProven as error:
            raise NotLoggedIn from error
        return self._token(Caller(slug, slug, slug, frozenset({Role.REPORTER, Role.PARTNER_SYSTEM})))

    def _token(self, caller: Caller) -> str:
        now = self._clock()
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": caller.person,
            "name": caller.name,
            "org": caller.organisation,
            "roles": sorted(caller.roles),
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
