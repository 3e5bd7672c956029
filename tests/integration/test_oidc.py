"""Tokens of an OIDC issuer, a real one over HTTP on this machine: keys that rotate, answers that fail, and
everything that is not its own refused."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hub.adapters.http import tokens
from hub.adapters.http.access import Role
from hub.adapters.http.tokens import EmbeddedIssuer, NotLoggedIn, OidcVerifier
from hub.errors import HubError, Invalid, Unavailable
from hub.operating.serving import Server, app_of
from hub.settings import Settings
from tests.world import ON_CALL, World

AUDIENCE = "tvaers-hub"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEYS: dict[str, tuple[str, Any]] = {
    "rs": ("RS256", RSA_KEY),
    "ps": ("PS256", RSA_KEY),
    "ed": ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    "es": ("ES256", ec.generate_private_key(ec.SECP256R1())),
}
ROTATED = ed25519.Ed25519PrivateKey.generate()


class Issuer(ThreadingHTTPServer):
    """A small OIDC issuer: its discovery document, its keys, and what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.name = self.url
        self.keys: dict[str, tuple[str, Any]] = dict(KEYS)
        self.documents: dict[str, bytes] = {}
        """What is answered in the place of a good document, by path."""
        self.asked: list[str] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def document(self, path: str) -> bytes | None:
        if path in self.documents:
            return self.documents[path]
        if path == "/.well-known/openid-configuration":
            return json.dumps({"issuer": self.name, "jwks_uri": f"{self.url}/keys"}).encode()
        if path == "/keys":
            return json.dumps({"keys": [_jwk(kid, *key) for kid, key in self.keys.items()]}).encode()
        return None

    def token(self, kid: str | None = "ed", key: Any = None, algorithm: str | None = None, **c: Any) -> str:
        now = datetime.now(UTC)
        claims = {
            "iss": self.name,
            "aud": AUDIENCE,
            "sub": "mette",
            "name": "Mette Tovholder",
            "org": "familieenheden",
            "roles": ["tovholder"],
            "iat": now,
            "exp": now + timedelta(minutes=10),
            **c,
        }
        own = self.keys.get(kid or "ed", KEYS["ed"])
        return jwt.encode(
            {
                name: now + value if isinstance(value, timedelta) else value
                for name, value in claims.items()
                if value != "left out"
            },
            key or own[1],
            algorithm=algorithm or own[0],
            headers={"kid": kid} if kid else {},
        )

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Answers(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        document = self.server.document(self.path)
        self.send_response(200 if document is not None else 404)
        self.send_header("Content-Length", str(len(document or b"")))
        self.end_headers()
        self.wfile.write(document or b"")

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def _jwk(kid: str, algorithm: str, key: Any) -> dict[str, Any]:
    made: dict[str, Any] = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return {**made, "kid": kid, "use": "sig", "alg": algorithm}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with closing(Issuer()) as found:
        yield found


@pytest.fixture
def verifier(issuer: Issuer) -> OidcVerifier:
    return OidcVerifier(issuer.name, AUDIENCE)


@pytest.mark.parametrize("kid", KEYS)
def test_a_good_token_says_who_calls(issuer: Issuer, verifier: OidcVerifier, kid: str) -> None:
    caller = verifier.caller(issuer.token(kid))
    assert (caller.person, caller.name, caller.organisation) == (
        "mette",
        "Mette Tovholder",
        "familieenheden",
    )
    assert caller.roles == {Role.TOVHOLDER}


def test_the_issuer_is_asked_once_and_not_before_the_first_token(issuer: Issuer) -> None:
    verifier = OidcVerifier(issuer.name, AUDIENCE)
    assert issuer.asked == []
    for _ in range(5):
        verifier.caller(issuer.token())
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


def test_a_new_key_is_found_and_an_old_one_is_forgotten(issuer: Issuer, verifier: OidcVerifier) -> None:
    old = issuer.token("ed")
    verifier.caller(old)
    issuer.keys = {"new": ("EdDSA", ROTATED)}
    asked = len(issuer.asked)
    with pytest.raises(NotLoggedIn):
        verifier.caller(issuer.token("new"))
    assert len(issuer.asked) == asked, "whoever makes up key names does not make the hub ask each time"
    client = verifier._found
    assert client is not None
    client._last_successful_fetch = time.monotonic() - client.cooldown_duration
    verifier.caller(issuer.token("new"))
    with pytest.raises(NotLoggedIn):
        verifier.caller(old)


REFUSED: dict[str, dict[str, Any]] = {
    "for somebody else": {"aud": "another-service"},
    "for nobody": {"aud": "left out"},
    "of another issuer": {"iss": "https://somebody.example"},
    "of no issuer": {"iss": "left out"},
    "ended": {
        "iat": timedelta(hours=-1),
        "exp": timedelta(minutes=-50),
    },
    "not begun": {"nbf": timedelta(hours=1)},
    "that lives eleven minutes": {"exp": timedelta(minutes=11)},
    "that lives a year": {"exp": timedelta(days=365)},
    "without an end": {"exp": "left out"},
    "without a beginning": {"iat": "left out"},
    "issued tomorrow": {
        "iat": timedelta(days=1),
        "exp": timedelta(days=1, minutes=5),
    },
    "of nobody": {"sub": "left out"},
    "of no organisation": {"org": "left out"},
    "whose roles are no list": {"roles": 7},
    "whose roles are nothing": {"roles": None},
    "whose roles are objects": {"roles": [{"tovholder": True}]},
    "whose end is a word": {"exp": "soon"},
    "whose beginning is a word": {"iat": "now"},
    "of an organisation that is none": {"org": ["familieenheden"]},
    "of an organisation without a name": {"org": ""},
    "of a person without a name": {"sub": ""},
}
"""Claims that make a token useless; a time is said from the moment at which the token is made."""


@pytest.mark.parametrize("why", REFUSED)
def test_a_token_that_is_not_for_us_now_is_refused(issuer: Issuer, verifier: OidcVerifier, why: str) -> None:
    verifier.caller(issuer.token())
    with pytest.raises(NotLoggedIn):
        verifier.caller(issuer.token(**REFUSED[why]))


def test_a_role_that_nobody_knows_is_none(issuer: Issuer, verifier: OidcVerifier) -> None:
    assert verifier.caller(issuer.token(roles=["tovholder", "administrator", "TOVHOLDER"])).roles == {
        Role.TOVHOLDER
    }
    assert verifier.caller(issuer.token(roles="left out")).roles == frozenset()
    # One word is no list: its letters are not roles, and neither is it.
    assert verifier.caller(issuer.token(roles="tovholder")).roles == frozenset()


def test_another_key_under_a_known_name_is_refused(issuer: Issuer, verifier: OidcVerifier) -> None:
    with pytest.raises(NotLoggedIn):
        verifier.caller(issuer.token("ed", key=ROTATED))
    with pytest.raises(NotLoggedIn):
        verifier.caller(issuer.token("unknown", key=ROTATED, algorithm="EdDSA"))
    with pytest.raises(NotLoggedIn):
        verifier.caller(issuer.token(None, key=ROTATED, algorithm="EdDSA"))


@pytest.mark.parametrize("kid", KEYS)
@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256", "ES256", "EdDSA", "PS256"])
def test_the_key_decides_the_algorithm_and_not_the_token(
    issuer: Issuer, verifier: OidcVerifier, kid: str, algorithm: str
) -> None:
    """A public key taken for a secret, or no signature at all: the oldest trick there is (RFC 8725, 2.1)."""
    own, key = KEYS[kid]
    if algorithm == own:
        return
    head = json.dumps({"kid": kid, "typ": "JWT", "alg": algorithm})
    signed = jwt.utils.base64url_encode(head.encode()).decode()
    claims, signature = issuer.token(kid).split(".")[1:]
    own_signature = jwt.get_algorithm_by_name(own).sign(f"{signed}.{claims}".encode(), key)
    made = jwt.utils.base64url_encode(own_signature).decode()
    tokens_made = [f"{signed}.{claims}.{signature}", f"{signed}.{claims}.", f"{signed}.{claims}.{made}"]
    if algorithm == "HS256":
        tokens_made += [_hs256(signed, claims, secret) for secret in _as_secrets(key.public_key())]
    for token in tokens_made:
        with pytest.raises(NotLoggedIn):
            verifier.caller(token)


def _as_secrets(public: Any) -> list[bytes]:
    info = PublicFormat.SubjectPublicKeyInfo
    made = [public.public_bytes(encoding, info) for encoding in (Encoding.PEM, Encoding.DER)]
    return [*made, made[0].strip()]


def _hs256(head: str, claims: str, secret: bytes) -> str:
    signature = jwt.get_algorithm_by_name("HS256").sign(f"{head}.{claims}".encode(), secret)
    return f"{head}.{claims}.{jwt.utils.base64url_encode(signature).decode()}"


def test_a_secret_among_the_keys_signs_nothing(issuer: Issuer, verifier: OidcVerifier) -> None:
    """An issuer that publishes a shared secret by mistake has not let the world in."""
    secret = b"0123456789abcdef0123456789abcdef"
    key = {"kty": "oct", "k": jwt.utils.base64url_encode(secret).decode(), "kid": "oct", "alg": "HS256"}
    issuer.documents["/keys"] = json.dumps({"keys": [key]}).encode()
    with pytest.raises((NotLoggedIn, Unavailable)):
        verifier.caller(issuer.token("oct", key=secret, algorithm="HS256"))


@pytest.mark.parametrize("token", ["", "x", "..", "a.b.c", "e30.e30.", "\x00", "x" * 100_000])
def test_what_is_no_token_is_refused_and_asks_the_issuer_nothing_it_knows(
    issuer: Issuer, verifier: OidcVerifier, token: str
) -> None:
    with pytest.raises(NotLoggedIn):
        verifier.caller(token)
    assert "/keys" not in issuer.asked[1:] or len(issuer.asked) <= 2


SPOILED: dict[str, tuple[str, bytes]] = {
    "no discovery document": ("/.well-known/openid-configuration", b"nothing"),
    "an empty one": ("/.well-known/openid-configuration", b"{}"),
    "a list": ("/.well-known/openid-configuration", b"[]"),
    "one of another issuer": (
        "/.well-known/openid-configuration",
        b'{"issuer": "https://x", "jwks_uri": "y"}',
    ),
    "no keys": ("/keys", b"nothing"),
    "keys that are none": ("/keys", b'{"keys": [{"kty": "EC"}]}'),
    "a list of keys": ("/keys", b"[]"),
    "an empty set": ("/keys", b'{"keys": []}'),
    "bytes": ("/keys", b"\xff\xfe"),
}


@pytest.mark.parametrize("why", SPOILED)
def test_an_issuer_that_talks_nonsense_lets_nobody_in_and_is_asked_again(issuer: Issuer, why: str) -> None:
    path, document = SPOILED[why]
    verifier = OidcVerifier(issuer.name, AUDIENCE)
    issuer.documents[path] = document
    for _ in range(2):
        with pytest.raises((NotLoggedIn, HubError)) as refused:
            verifier.caller(issuer.token())
        assert not isinstance(refused.value, HubError) or isinstance(refused.value, Unavailable)
    issuer.documents.clear()
    assert verifier.caller(issuer.token()).person == "mette"


def test_a_discovery_document_without_keys_is_no_answer(issuer: Issuer) -> None:
    verifier = OidcVerifier(issuer.name, AUDIENCE)
    issuer.documents["/.well-known/openid-configuration"] = json.dumps({"issuer": issuer.name}).encode()
    with pytest.raises(Unavailable):
        verifier.caller(issuer.token())


def test_an_issuer_that_is_away_is_no_verdict_on_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "ISSUER_TIMEOUT_S", 1.0)
    with closing(Issuer()) as gone:
        token, name = gone.token(), gone.name
    with pytest.raises(Unavailable):
        OidcVerifier(name, AUDIENCE).caller(token)


def test_an_issuer_must_be_named() -> None:
    with pytest.raises(Invalid, match="HUB_ISSUER"):
        OidcVerifier("", AUDIENCE)


def test_the_embedded_issuer_refuses_production() -> None:
    with pytest.raises(ValueError, match="refuses production"):
        EmbeddedIssuer("urn:x", AUDIENCE, lambda: datetime.now(UTC), production=True)


def test_no_login_of_the_embedded_issuer_is_guessed_or_told_apart() -> None:
    issuer = EmbeddedIssuer("urn:x", AUDIENCE, lambda: datetime.now(UTC), production=False)
    issuer.add("mette", "hemmelig", "Mette", "familieenheden", [Role.TOVHOLDER])
    for username, password in (("mette", ""), ("mette", "Hemmelig"), ("nobody", "hemmelig"), ("", "")):
        with pytest.raises(NotLoggedIn):
            issuer.token(username, password)
    assert issuer.caller(issuer.token("mette", "hemmelig")).person == "mette"


def test_the_api_takes_the_tokens_of_the_issuer_that_the_settings_name(
    issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """From the settings to an answer, over real sockets; and `/token` is not there in production."""
    folder = tmp_path_factory.mktemp("oidc") / "hub"
    with closing(World.built(folder)) as world:
        settings = Settings(
            municipality="eksempel",
            unit="familieenheden",
            data_dir=folder,
            issuer=issuer.name,
            on_call=ON_CALL,
        ).model_copy(update={"production": True})  # unchecked: this issuer of ours has no https
        object.__setattr__(world.parts, "settings", settings)
        server = Server(app_of(world.parts, None))
        server.start()
        try:
            with httpx2.Client(base_url=server.url) as client:
                good, bad = issuer.token(), issuer.token(aud="another")
                headers = [{"Authorization": f"Bearer {token}"} for token in (good, bad)]
                statuses = [client.get("/v1/inbox", headers=h).status_code for h in headers]
                login = client.post("/token", data={"username": "mette", "password": "x"}).status_code
        finally:
            server.stop()
    assert (statuses, login) == ([200, 401], 404)
