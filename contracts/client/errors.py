"""What can go wrong for a partner, and whose turn it is. Each error has a slug that never changes.

    BadMessage            this message, now and for ever: put it aside, report `reason`, go on
    ├── BadEnvelope, BadSignature, SealedForSomeoneElse, Tampered, Unreadable, UnknownKind
    ClientError
    ├── HubUnreachable    nobody's fault: stop, try again later
    ├── Refused           the hub said no: `status`, `slug` and what to do stand in it
    │   └── NotLetIn, NotThere, NotNow (NotKnownYet: our own new key)
    └── MissingMessages   numbers are missing that the hub no longer gives: an alarm

No message of an error repeats what was sent or sealed.
"""

from typing import ClassVar

from contracts.envelope import BadEnvelope, BadMessage
from contracts.inbound_v1 import ProblemReason

__all__ = [
    "BadEnvelope",
    "BadMessage",
    "BadSignature",
    "ClientError",
    "HubUnreachable",
    "MissingMessages",
    "NotKnownYet",
    "NotLetIn",
    "NotNow",
    "NotThere",
    "Refused",
    "SealedForSomeoneElse",
    "Tampered",
    "UnknownKind",
    "Unreadable",
]


class BadSignature(BadMessage):
    """The signature is not the sender's over these bytes, this reader and this number."""

    slug = "bad-signature"
    reason = ProblemReason.BAD_SIGNATURE


class SealedForSomeoneElse(BadMessage):
    """Our key, municipality, name and this message id do not open it; of a data message that is no fault."""

    slug = "sealed-for-someone-else"
    reason = ProblemReason.SEALED_FOR_SOMEONE_ELSE


class Tampered(BadMessage):
    """The head or a part fails its tag: altered, moved, swapped, or opened with a key that isn't its own."""

    slug = "tampered"
    reason = ProblemReason.TAMPERED


class Unreadable(BadMessage):
    """It opened, but what is inside is not what the contract says."""

    slug = "unreadable"
    reason = ProblemReason.UNREADABLE


class UnknownKind(BadMessage):
    """It opened and says something that only a newer version of the contract knows."""

    slug = "unknown-kind"
    reason = ProblemReason.UNKNOWN_KIND


class ClientError(Exception):
    """Base of what is not the message's fault."""

    slug: ClassVar[str] = "client-error"


class HubUnreachable(ClientError):
    """The hub, its token issuer or its broker does not answer. Nothing may be assumed done: send again."""

    slug = "hub-unreachable"


class MissingMessages(ClientError):
    """The hub does not give a message whose number lies between two that it gave."""

    slug = "missing-messages"


class Refused(ClientError):
    """The hub answered no (RFC 9457). `problem` is the slug of the hub's own error."""

    slug = "refused"

    def __init__(self, status: int, problem: str, detail: str = "", pointer: str | None = None) -> None:
        super().__init__(f"{status} {problem}" + (f": {detail}" if detail else ""))
        self.status, self.problem, self.detail, self.pointer = status, problem, detail, pointer


class NotLetIn(Refused):
    """401 or 403: not logged in, suspended, or not for this organisation."""

    slug = "not-let-in"


class NotThere(Refused):
    """404: there is none, or none for you."""

    slug = "not-there"


class NotNow(Refused):
    """409 or 412: right in itself, but not now; of a replay, done before."""

    slug = "not-now"


class NotKnownYet(NotNow):
    """The hub knows another signing key of ours: keep what you send until it has the new one."""

    slug = "not-known-yet"
