"""What messages to a recipient say once they are open: heads, parts, control messages.

Byte layouts: BYTES.md sections 3 and 4. Readers parse with `extra="ignore"`, so that a newer minor
version may add fields; a word from a closed list that a reader doesn't know is the error `UnknownKind`.
"""

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter

from contracts.base import Contract
from contracts.fields import Id, Line, Personal
from contracts.terms import Category, ControlKind, MessageKind, Urgency
from contracts.times import Moment

Ref = Literal["referral", "other_thread", "report", "move", "emergency"]
"""What a head may point at, by an opaque id."""


class Ban(StrEnum):
    """A purpose for which a part must never be used. It goes with the part wherever it is copied."""

    CRIMINAL_INVESTIGATION = "criminal_investigation"
    """Retsplejeloven § 115: not for the investigation of crime."""


PartNumber = Annotated[int, Field(strict=True, ge=1, le=0xFFFF)]
"""Parts are counted from 1; 0 is the head."""
_PART_BYTES_MIN: Final = 28
PartBytes = Annotated[int, Field(strict=True, gt=_PART_BYTES_MIN)]


class Head(Contract):
    """What a list sorts or counts by, and nothing else: no free text, no name, nothing of the citizen."""

    kind: MessageKind
    thread: Id
    """The only name by which the recipient knows the case."""
    urgency: Urgency
    deadline: Moment | None = None
    recorded: Moment
    refs: dict[Ref, Id] = Field(default_factory=dict)
    parts: tuple[PartBytes, ...] = ()
    """The lengths of the parts in order; set by whoever builds the message."""


class PartNamed(Contract):
    """A part of a message that was sent before."""

    message: Id
    part: PartNumber


class Part(Personal):
    """One category of information, about the citizen or about one other person."""

    category: Category
    about: Id | None = None
    """The other person's random id in this case; none means the citizen."""
    bans: tuple[Ban, ...] = ()
    recorded: Moment
    corrects: Annotated[tuple[PartNamed, ...], Field(exclude_if=lambda named: not named)] = ()
    """Parts that you were told and that stand no longer: this one is in their place. Left out where none."""
    data: dict[str, Any]


# --- control messages -----------------------------------------------------------------------------


class ReceiptStatus(StrEnum):
    """How far a report has come. Received is not read, read is not acted on (domain rule 10)."""

    RECEIVED = "received"
    """A system has it. Nobody has looked."""
    READ = "read"
    """A named person has read it. Nothing is decided, and nothing is said of what becomes of it."""
    TAKEN_UP = "taken_up"
    """A named person took it up. This is a disclosure, and needs a basis: no receipt on a topic says so, a
    message of the kind `report_taken_up` does, for as long as its basis lives."""
    REFUSED = "refused"
    """It could not be taken in; the reporter corrects it and sends it as a new report."""
    FORWARDED = "forwarded"
    """The citizen lives in another municipality, which has been sent it. What you know more, send there."""
    RETRACTED = "retracted"
    """The reporter took it back; whoever was told is told so. It stays on record."""


class Receipt(Contract):
    """The answer to a reporter: its own message id with our number and the status."""

    control: Literal[ControlKind.RECEIPT] = ControlKind.RECEIPT
    report_id: Id
    number: Line
    status: ReceiptStatus
    at: Moment
    on_call: Line | None = None
    """Whom to ring when it cannot wait."""


class _Closes(Contract):
    thread: Id
    messages: tuple[Id, ...] = ()
    """Messages of which nothing may be kept."""
    parts: dict[Id, Annotated[tuple[PartNumber, ...], Field(min_length=1)]] = Field(default_factory=dict)
    """Of other messages, the parts of which nothing may be kept."""
    answer_by: Moment | None = None
    """When silence counts as silence."""


class Revoked(_Closes):
    """What these rest on has ended: drop what is listed, in whatever order things arrive, and answer."""

    control: Literal[ControlKind.REVOKED] = ControlKind.REVOKED


class Erased(_Closes):
    """The keys of what is listed are destroyed for good: drop every copy, taken over or not, and answer."""

    control: Literal[ControlKind.ERASED] = ControlKind.ERASED


class Blank(Contract):
    """Stands in the place of a message whose grants ended before it was sent: only its number is used."""

    control: Literal[ControlKind.BLANK] = ControlKind.BLANK


class Heartbeat(Contract):
    """Nothing was missed up to this number."""

    control: Literal[ControlKind.HEARTBEAT] = ControlKind.HEARTBEAT
    at: Moment


Control = Receipt | Revoked | Erased | Blank | Heartbeat
CONTROL: Final[TypeAdapter[Control]] = TypeAdapter(Annotated[Control, Field(discriminator="control")])
