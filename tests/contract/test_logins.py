"""How the client logs in: an assertion that is made anew each time, by a key that fits."""

from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from contracts.client.errors import NotKnownYet, NotLetIn
from contracts.client.http_profile import HttpHub
from contracts.client.inbox import START
from contracts.client.keys import Identity
from contracts.client.logins import ASSERTION_TYPE, Tokens, by_key, by_secret, login_key
from contracts.client.party import Party
from tests.contract.test_envelope_http import Server, server

__all__ = ["server"]
PARTY = Party("eksempel", "lyspunktet", Identity.new(), Identity.new().public)
ENDPOINT = "https://login.example/realms/eksempel/token"


def saved(folder: Path, key: Any, mode: int = 0o600) -> Path:
    """Write a private key as its owner would."""
    path = folder / "login.pem"
    path.touch(mode=mode)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(ed25519.Ed25519PrivateKey.generate(), "EdDSA"), (ec.generate_private_key(ec.SECP256R1()), "ES256")],
)
def test_every_request_has_an_assertion_of_its_own(tmp_path: Path, key: Any, algorithm: str) -> None:
    """For this endpoint, for a minute."""
    login = by_key("lysning", ENDPOINT, login_key(saved(tmp_path, key)))
    seen = set()
    for _ in range(3):
        form = dict(login())
        said = form.pop("client_assertion")
        assert form == {
            "grant_type": "client_credentials",
            "client_id": "lysning",
            "client_assertion_type": ASSERTION_TYPE,
        }
        claims = jwt.decode(said, key.public_key(), algorithms=[algorithm], audience=ENDPOINT)
        assert (claims["iss"], claims["sub"], claims["exp"] - claims["iat"]) == ("lysning", "lysning", 60)
        seen.add(claims["jti"])
    assert len(seen) == 3


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)],
    ids=["384", "rsa"],
)
def test_another_kind_of_key_is_refused_by_its_file(tmp_path: Path, key: Any) -> None:
    """Before anything is asked of anybody."""
    with pytest.raises(TypeError, match=r"login\.pem must hold an Ed25519 or a P-256 key"):
        login_key(saved(tmp_path, key))


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """It would prove nothing."""
    with pytest.raises(PermissionError, match="chmod 600"):
        login_key(saved(tmp_path, ed25519.Ed25519PrivateKey.generate(), 0o644))


def test_a_secret_goes_as_a_form(server: Server) -> None:
    """Where an issuer knows nothing better."""
    with closing(Tokens(f"{server.url}/token", by_secret("lysning", "hemmeligt"))) as tokens:
        assert tokens() == "token-1"
    assert parse_qs(server.seen[0][3].decode())["client_secret"] == ["hemmeligt"]


def test_a_signature_that_the_hub_does_not_know_is_for_later(server: Server) -> None:
    """And what else is refused is not."""
    tokens = Tokens(f"{server.url}/token", by_secret("a", "b"))
    with HttpHub(server.url, PARTY, tokens) as hub:
        problem = {"type": "https://x/problems/invalid", "errors": [{"pointer": "bad-signature"}]}
        server.answers = lambda *_: (422, problem)
        with pytest.raises(NotKnownYet):
            hub.messages(*START)
        server.answers = lambda *_: (403, problem | {"errors": [{"pointer": "/x"}]})
        with pytest.raises(NotLetIn):
            hub.messages(*START)
