"""The HTTP profile: pull messages, ask for keys, send answers and reports. Also where the Kafka profile asks
for keys. One `HttpHub` may be shared by threads."""

import base64
import binascii
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, Self
from uuid import UUID

import httpx2

from contracts.client.errors import BadEnvelope, HubUnreachable, NotLetIn, NotNow, NotThere, Refused
from contracts.client.party import Party
from contracts.envelope import Envelope, from_json, to_json
from contracts.inbound_v1 import Inbound

_EARLY_S: Final = 30.0
_TIMEOUT_S: Final = 10.0
_KEY_BYTES: Final = 32
_UNAUTHORISED: Final = 401
_KINDS: Final[Mapping[int, type[Refused]]] = {
    401: NotLetIn,
    403: NotLetIn,
    404: NotThere,
    410: NotThere,
    409: NotNow,
    412: NotNow,
}
_LATER: Final = frozenset({408, 425, 429})


class Tokens:
    """Access tokens of one system, from an OAuth 2.0 issuer; kept until 30 s before they end."""

    def __init__(
        self,
        issuer: str,
        name: str,
        secret: str,
        *,
        grant: Literal["client_credentials", "password"] = "client_credentials",
        client: httpx2.Client | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`password` is the grant of the hub's embedded issuer, which serves demonstrations and tests."""
        self._url = issuer.rstrip("/") + "/token"
        names = ("client_id", "client_secret") if grant == "client_credentials" else ("username", "password")
        self._form = {"grant_type": grant, names[0]: name, names[1]: secret}
        self._client = client or httpx2.Client(timeout=_TIMEOUT_S)
        self._clock = clock
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def __call__(self) -> str:
        """A token that is good for some seconds more."""
        with self._lock:
            now = self._clock()
            if now >= self._until:
                found = _answer(_sent(self._client, "POST", self._url, data=self._form))
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


class HttpHub:
    """The hub's API as a partner's system calls it."""

    def __init__(
        self, url: str, party: Party, tokens: Tokens, *, client: httpx2.Client | None = None
    ) -> None:
        """Connect to nothing yet."""
        self._url = url.rstrip("/")
        self._party = party
        self._tokens = tokens
        self._client = client or httpx2.Client(timeout=_TIMEOUT_S)

    def messages(self, epoch: int, sequence: int, limit: int = 100) -> list[Envelope]:
        """Our messages after a number, in order, as they stand on our topic."""
        found = self._call("GET", "/v1/messages", params={"after": f"{epoch}.{sequence}", "limit": limit})
        try:
            return [from_json(one) for one in found["messages"]]
        except (BadEnvelope, KeyError, TypeError, AttributeError):
            raise _not_understood() from None

    def head_keys(self, message_ids: Sequence[UUID], *, rebuild: bool = False) -> dict[UUID, bytes]:
        """Keys of heads. Recorded as *delivered*; a message that may not be opened any more is left out."""
        body = {"messages": [str(one) for one in message_ids], "rebuild": rebuild}
        return {UUID(name): key for name, key in self._keys("/v1/messages/head-keys", body).items()}

    def open(
        self, message_id: UUID, person: str, name: str, purpose: str, *, taken_over: bool = False
    ) -> dict[int, bytes]:
        """Keys of a message's parts (0 is the head) for a named person. Recorded as *opened*.

        `taken_over`: our own system keeps the content as its own record from now on.
        """
        body = {"person": person, "name": name, "purpose": purpose, "taken_over": taken_over}
        return {int(part): key for part, key in self._keys(f"/v1/messages/{message_id}/open", body).items()}

    def send(self, message_id: UUID, inbound: Inbound) -> Mapping[str, Any]:
        """Send sealed and signed, as on our topic. Under the same id it happens once, however often sent."""
        return self._call("POST", "/v1/inbound", json=to_json(self._party.sealed(message_id, inbound)))

    def report(self, report_id: UUID, report: Mapping[str, Any]) -> Mapping[str, Any]:
        """Hand a social report over as the JSON object it is. Received is not yet read by a person."""
        headers = {"Idempotency-Key": str(report_id)}
        return self._call("POST", "/v1/social-reports", json=dict(report), headers=headers)

    def close(self) -> None:
        """Let go of connections, the tokens' included."""
        self._client.close()
        self._tokens.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keys(self, path: str, body: Mapping[str, Any]) -> dict[str, bytes]:
        found = self._call("POST", path, json=body)
        try:
            keys = {name: base64.b64decode(key, validate=True) for name, key in found["keys"].items()}
        except (binascii.Error, ValueError, KeyError, TypeError, AttributeError):
            raise _not_understood() from None
        if any(len(key) != _KEY_BYTES for key in keys.values()):
            raise _not_understood()
        return keys

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        own = request.pop("headers", {})
        for last in (False, True):
            headers = {**own, "Authorization": f"Bearer {self._tokens()}"}
            response = _sent(self._client, method, self._url + path, headers=headers, **request)
            if response.status_code != _UNAUTHORISED or last:
                break
            # The issuer's keys or our rights may be new; one fresh token tells.
            self._tokens.forget()
        return _answer(response)


def _sent(client: httpx2.Client, method: str, url: str, **request: Any) -> httpx2.Response:
    try:
        return client.request(method, url, **request)
    except httpx2.TransportError as error:
        raise HubUnreachable(f"no answer ({type(error).__name__})") from error


def _answer(response: httpx2.Response) -> dict[str, Any]:
    status = response.status_code
    try:
        found = response.json()
    except ValueError:
        found = None
    if response.is_success and isinstance(found, dict):
        return found
    if response.is_success or response.is_server_error or status in _LATER:
        raise HubUnreachable(f"the hub can't answer now ({status})")
    problem = found if isinstance(found, dict) else {}
    slug = str(problem.get("type", "")).rsplit("/", 1)[-1] or "unknown"
    raise _KINDS.get(status, Refused)(status, slug, str(problem.get("title", "")), _pointer(problem))


def _pointer(problem: Mapping[str, Any]) -> str | None:
    errors = problem.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return str(errors[0].get("pointer", "")) or None
    return None


def _not_understood() -> HubUnreachable:
    return HubUnreachable("the hub's answer is not what the contract says")
