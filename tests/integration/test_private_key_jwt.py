"""A partner's system logs in by its own key at the embedded issuer, over HTTP; nobody else does by it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.client.logins import ASSERTION_TYPE, assertion, by_key
from hub.adapters.http.tokens import EmbeddedIssuer, NotLoggedIn
from hub.aggregates.base import Actor
from hub.application.committing import Command
from tests.integration.partners.test_with_hub import Town, town
from tests.world import NGO, POLICE

__all__ = ["town"]
OPERATOR = Actor("drift", "Drift", "operator", "drift")


def endpoint(town: Town) -> str:
    return f"{town.url}/token"


def form(town: Town, **changed: Any) -> dict[str, str]:
    """The form of a good login, with claims that are changed; `None` leaves one out."""
    key = changed.pop("key", town.world.identities[NGO].signing)
    now = datetime.now(UTC)
    claims = {"iss": NGO, "sub": NGO, "aud": endpoint(town), "jti": str(uuid4()), "iat": now} | {
        "exp": now + timedelta(minutes=1)
    }
    claims = {name: value for name, value in (claims | changed).items() if value is not None}
    return asked(jwt.encode(claims, key, algorithm="EdDSA"))


def asked(text: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": NGO,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": text,
    }


def login(town: Town, said: dict[str, str]) -> httpx2.Response:
    return httpx2.post(endpoint(town), data=said)


def test_a_system_logs_in_by_the_key_that_the_municipality_registered(town: Town) -> None:
    answer = login(town, dict(by_key(NGO, endpoint(town), town.world.identities[NGO].signing)()))
    assert answer.status_code == 200
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert httpx2.get(f"{town.url}/v1/messages", headers=headers).status_code == 200
    assert httpx2.get(f"{town.url}/v1/inbox", headers=headers).status_code == 403


def test_an_assertion_is_good_once(town: Town) -> None:
    said = form(town)
    assert [login(town, said).status_code for _ in range(3)] == [200, 401, 401]
    assert login(town, form(town)).status_code == 200


WRONG: dict[str, Callable[[Town], dict[str, str]]] = {
    "for another address": lambda t: form(t, aud="https://login.example/token"),
    "for several addresses": lambda t: form(t, aud=[endpoint(t), "https://login.example/token"]),
    "for nobody in particular": lambda t: form(t, aud=None),
    "expired": lambda t: form(t, exp=datetime.now(UTC) - timedelta(seconds=1)),
    "without an end": lambda t: form(t, exp=None),
    "good for an hour": lambda t: form(t, exp=datetime.now(UTC) + timedelta(hours=1)),
    "not begun": lambda t: form(t, iat=datetime.now(UTC) + timedelta(minutes=2)),
    "without a jti": lambda t: form(t, jti=None),
    "with an empty jti": lambda t: form(t, jti=""),
    "with a jti that fills the memory": lambda t: form(t, jti="x" * 101),
    "by a key that nobody registered": lambda t: form(t, key=Ed25519PrivateKey.generate()),
    "in the name of another partner": lambda t: form(t, iss=POLICE, sub=POLICE),
    "issued by another": lambda t: form(t, iss=POLICE),
    "of somebody unknown": lambda t: form(t, iss="nobody", sub="nobody"),
    "of nobody": lambda t: form(t, sub=None),
    "no assertion at all": lambda _: asked("x.y.z"),
    "unsigned": lambda t: asked(unsigned(t)),
    "by the public key as a shared secret": lambda t: asked(by_public_key(t)),
    "of another type": lambda t: form(t) | {"client_assertion_type": "urn:x"},
}


def unsigned(town: Town) -> str:
    claims = jwt.decode(form(town)["client_assertion"], options={"verify_signature": False})
    return jwt.encode(claims, "", algorithm="none")


def by_public_key(town: Town) -> str:
    """What an unwary library takes for a good signature."""
    claims = jwt.decode(form(town)["client_assertion"], options={"verify_signature": False})
    return jwt.encode(claims, town.world.identities[NGO].public.signing, algorithm="HS256")


@pytest.mark.parametrize("why", WRONG)
def test_what_proves_nothing_lets_nobody_in_and_tells_nothing(town: Town, why: str) -> None:
    """Every refusal is the same, and the good login still works afterwards."""
    refused = login(town, WRONG[why](town))
    other = login(town, {"username": "nobody", "password": "x"})
    assert (refused.status_code, refused.json()) == (401, other.json())
    assert login(town, form(town)).status_code == 200


def test_a_suspended_partner_gets_no_token(town: Town) -> None:
    town.world.parts.hub.suspend_partner(Command(by=OPERATOR), NGO, "agreement ended")
    assert login(town, form(town)).status_code == 401


def test_without_an_address_of_its_own_the_issuer_lets_no_system_in() -> None:
    """An assertion would be for nobody."""
    issuer = EmbeddedIssuer("urn:x", "tvaers-hub", lambda: datetime.now(UTC), production=False)
    made = assertion("lysning", "", Ed25519PrivateKey.generate(), now=datetime.now(UTC), jti="x")
    with pytest.raises(NotLoggedIn):
        issuer.token_of_system(made)
