"""One HTTP request and what its answer means: done, nobody's fault, or a no (BYTES.md section 6)."""

from collections.abc import Mapping
from typing import Any, Final

import httpx2

from contracts.client.errors import HubUnreachable, NotKnownYet, NotLetIn, NotNow, NotThere, Refused

_KINDS: Final[Mapping[int, type[Refused]]] = {
    401: NotLetIn,
    403: NotLetIn,
    404: NotThere,
    410: NotThere,
    409: NotNow,
    412: NotNow,
}
_LATER: Final = frozenset({408, 425, 429})
_OTHER_KEY: Final = "bad-signature"


def sent(client: httpx2.Client, method: str, url: str, **request: Any) -> httpx2.Response:
    """The answer to a request. Raises `HubUnreachable`."""
    try:
        return client.request(method, url, **request)
    except httpx2.TransportError as error:
        raise HubUnreachable(f"no answer ({type(error).__name__})") from error


def answered(response: httpx2.Response) -> dict[str, Any]:
    """The object that was answered. Raises `HubUnreachable` and the kinds of `Refused`."""
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
    pointer = _pointer(problem)
    kind = NotKnownYet if pointer == _OTHER_KEY else _KINDS.get(status, Refused)
    raise kind(status, slug, str(problem.get("title", "")), pointer)


def not_understood() -> HubUnreachable:
    """The hub answered something else than the contract says."""
    return HubUnreachable("the hub's answer is not what the contract says")


def _pointer(problem: Mapping[str, Any]) -> str | None:
    errors = problem.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return str(errors[0].get("pointer", "")) or None
    return None
