"""How a partner's system logs in by its own key: `private_key_jwt` (RFC 7523), checked.

An assertion is for one address, signed by the key that the municipality registered, good for a short while
and for once. So whoever reads one on its way can do nothing with it.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LIFETIME_MAX: Final = timedelta(minutes=5)
_NAME_MAX: Final = 100

KeyOf = Callable[[str], bytes | None]
"""The Ed25519 public key (raw) of a system by its name; None for one that may not log in."""


class NotProven(Exception):
    """Raised when an assertion does not prove who asks. Why is not told: a stranger could learn by it."""


class Assertions:
    """The assertions that are good at one address, each once."""

    def __init__(self, endpoint: str, key_of: KeyOf, clock: Callable[[], datetime]) -> None:
        self._endpoint, self._key_of, self._clock = endpoint, key_of, clock
        self._lock = threading.Lock()
        self._used: dict[tuple[str, str], float] = {}
        """System and `jti`, until the assertion ends by itself."""

    def system(self, assertion: str) -> str:
        """The system that this proves. Raises `NotProven`."""
        try:
            name = jwt.decode(assertion, options={"verify_signature": False})["sub"]
            key = self._key_of(name) if isinstance(name, str) else None
            if key is None:
                raise NotProven
            claims = jwt.decode(
                assertion,
                Ed25519PublicKey.from_public_bytes(key),
                algorithms=["EdDSA"],
                audience=self._endpoint,
                issuer=name,
                options={"require": ["exp", "iat", "jti", "aud", "iss"], "strict_aud": True},
            )
            self._once(name, claims)
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            raise NotProven from error
        return str(name)

    def _once(self, name: str, claims: dict[str, Any]) -> None:
        now, ends, jti = self._clock().timestamp(), float(claims["exp"]), claims["jti"]
        if ends - now > LIFETIME_MAX.total_seconds() or not 0 < len(jti) <= _NAME_MAX:
            raise NotProven
        with self._lock:
            self._used = {used: until for used, until in self._used.items() if until > now}
            if (name, jti) in self._used:
                raise NotProven
            self._used[name, jti] = ends
