"""The errors a caller may meet. Each has a slug that never changes and a kind that says whose turn it is.

    HubError
    ├── Invalid      the request itself is wrong: change it                (HTTP 400/422)
    ├── Forbidden    this caller may not                                   (HTTP 403, or 404 for a case)
    ├── Missing      there is none, or none for you                        (HTTP 404)
    ├── Conflict     right in itself, but not now: look again              (HTTP 409/412)
    ├── Unavailable  not our doing or yours: try again later               (HTTP 503)
    └── Corrupt      stored bytes are not what was stored: an alarm        (HTTP 500, one stream stops)

A message names the field, the rule and the way out, and never repeats what was sent.
"""


class HubError(Exception):
    """Base of every error of the hub. `field` is a JSON pointer or an attribute's name."""

    slug = "error"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Invalid(HubError):
    """The request itself is wrong."""

    slug = "invalid"


class Forbidden(HubError):
    """This caller may not, whatever the state."""

    slug = "forbidden"


class Missing(HubError):
    """There is none, or none for this caller; the two look alike on purpose."""

    slug = "not-found"


class Conflict(HubError):
    """Right in itself, but not in the present state."""

    slug = "conflict"


class Unavailable(HubError):
    """A part the hub stands on does not answer; nothing was done."""

    slug = "unavailable"


class NoRoom(Unavailable):
    """The disk is nearly full: what is left is kept for withdrawals."""

    slug = "no-room"


class NoTopic(Unavailable):
    """A topic is not there: one partner waits, and nobody else."""

    slug = "no-topic"

    def __init__(self) -> None:
        super().__init__("the topic does not exist: create it with `hub topics`", field="topic")


class Corrupt(HubError):
    """Stored bytes are not what was stored."""

    slug = "corrupt"


class IllegalTransition(Conflict):
    """The case's state does not allow it."""

    slug = "illegal-transition"


class StaleVersion(Conflict):
    """Somebody else changed it first (RFC 9110 If-Match)."""

    slug = "stale-version"

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(f"expected version {expected}, found {actual}: read it again", field="If-Match")
        self.expected, self.actual = expected, actual


class NoGrant(Conflict):
    """No living grant carries this to that recipient."""

    slug = "no-grant"


class SameKeyOtherBody(Invalid):
    """An Idempotency-Key was used again for another request."""

    slug = "idempotency-key-reused"


class Replayed(Conflict):
    """An inbound message id was taken in before; refused for ever."""

    slug = "replayed"


class UnknownKey(Corrupt):
    """A key that has never existed is named by stored bytes."""

    slug = "unknown-key"


class NoKek(UnknownKey):
    """A key-encryption key is not here: the bytes may be sound, and this process lacks what opens them."""


class TamperedRow(Corrupt):
    """Sealed bytes fail their tag: altered, moved or swapped."""

    slug = "tampered-row"


class KeyDestroyed(HubError):
    """The key was destroyed: what it sealed is erased (domain rule 8)."""

    slug = "erased"
