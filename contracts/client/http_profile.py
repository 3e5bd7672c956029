"""The HTTP profile: pull messages, ask for keys, send answers and reports. Also where the Kafka profile asks
for keys. One `HttpHub` may be shared by threads."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self
from uuid import UUID

import httpx2

from contracts.client.answering import answered, not_understood, sent
from contracts.client.errors import BadEnvelope
from contracts.client.logins import Tokens
from contracts.client.party import Party
from contracts.envelope import Envelope, from_json, to_json
from contracts.inbound_v1 import Inbound

_TIMEOUT_S: Final = 10.0
_KEY_BYTES: Final = 32
_UNAUTHORISED: Final = 401


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
            raise not_understood() from None

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

    def about(self) -> Mapping[str, Any]:
        """The hub's public keys (hex) and duty number. Without a login: also for who is not let in."""
        return answered(sent(self._client, "GET", self._url + "/v1/hub"))

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
            raise not_understood() from None
        if any(len(key) != _KEY_BYTES for key in keys.values()):
            raise not_understood()
        return keys

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        own = request.pop("headers", {})
        for last in (False, True):
            headers = {**own, "Authorization": f"Bearer {self._tokens()}"}
            response = sent(self._client, method, self._url + path, headers=headers, **request)
            if response.status_code != _UNAUTHORISED or last:
                break
            # The issuer's keys or our rights may be new; one fresh token tells.
            self._tokens.forget()
        return answered(response)
