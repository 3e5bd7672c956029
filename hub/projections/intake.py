"""The inbox: reports not decided on, child notifications not answered, emergencies not reviewed.

Received is not read, and read is not acted on (domain rule 10): a report leaves the inbox only by what a
person decided (a case opened, a match, set aside, sent on, her or his no; of a minor: the notification
answered), never by being looked at. What rests comes back when it is reopened. What a reporter adds to a
report waits here too, whatever was decided on the report, until a named person has read its free text; that
a report was taken back, until a named person has seen what was built on it.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from contracts.message_v1 import Erased, Head, Revoked
from contracts.terms import MessageKind, Urgency
from hub.ports import Row
from hub.projections.base import Effect, Told, kept

NAME = "intake"

_KEPT = {
    MessageKind.REPORT_RECEIVED,
    MessageKind.REPORT_SUPPLEMENTED,
    MessageKind.REPORT_RETRACTED,
    MessageKind.FREE_TEXT_READ,
    MessageKind.CASE_OPENED,
    MessageKind.CASE_MATCHED,
    MessageKind.CASE_UNMATCHED,
    MessageKind.REPORT_NOT_OURS,
    MessageKind.REPORT_RETURNED,
    MessageKind.REPORT_SET_ASIDE,
    MessageKind.CITIZEN_DECLINED,
    MessageKind.CASE_REOPENED,
    MessageKind.MINOR_FLAGGED,
    MessageKind.CHILD_NOTIFICATION_DUE,
    MessageKind.CHILD_NOTIFICATION_ANSWERED,
    MessageKind.ESCALATED,
    MessageKind.EMERGENCY_REVIEWED,
}
_RESTS = {MessageKind.REPORT_SET_ASIDE, MessageKind.CITIZEN_DECLINED, MessageKind.REPORT_NOT_OURS}
_BACK = {MessageKind.CASE_REOPENED, MessageKind.REPORT_RETURNED}
_EMERGENCY = "emergency"
"""How a head points at what was told because a life was in danger."""
_RANK = {Urgency.ACUTE: 0, Urgency.URGENT: 1, Urgency.ROUTINE: 2}


def project(told: Told) -> Effect:
    """Keep reports and what takes them out of the inbox."""
    match told:
        case Told(head=Head(kind=kind, refs=refs) as head) if kind in _KEPT or _EMERGENCY in refs:
            return Effect(put=[kept(told, head)])
        case Told(control=(Revoked() | Erased()) as closed):
            return Effect(purge=closed.messages)
        case _:
            return Effect()


def waiting(rows: Iterable[Row], seen: Callable[[Sequence[Row]], Collection[UUID]]) -> list[Row]:
    """The reports that wait for a person, most urgent first, then oldest first.

    `seen` says of which a named person has seen that the report was taken back; it is asked once, of what was
    decided, and answers with their messages.
    On top those that nobody had read when their time was over; `escalated` says which time that was.
    """
    reports: list[Row] = []
    added: list[Row] = []
    settled: dict[UUID, int] = {}
    opened: set[UUID] = set()
    matched: set[UUID] = set()
    resting: set[UUID] = set()
    minors: set[UUID] = set()
    escalated: dict[str, str | None] = {}
    for row in rows:
        match row.clear["kind"]:
            case MessageKind.REPORT_RECEIVED | MessageKind.REPORT_RETRACTED:
                reports.append(row)
            case MessageKind.REPORT_SUPPLEMENTED:
                added.append(row)
            case MessageKind.FREE_TEXT_READ:
                settled[row.thread] = row.sequence
            case MessageKind.CASE_OPENED:
                opened.add(row.thread)
            case MessageKind.CASE_MATCHED:
                matched.add(UUID(row.clear["other_thread"]))
            case MessageKind.CASE_UNMATCHED:
                matched.discard(UUID(row.clear["other_thread"]))
                resting.discard(UUID(row.clear["other_thread"]))
            case kind if kind in _RESTS:
                resting.add(row.thread)
            case kind if kind in _BACK:
                resting.discard(row.thread)
                minors.discard(row.thread)
            case MessageKind.ESCALATED if "report" in row.clear:
                escalated[str(row.clear["report"])] = row.clear["deadline"]
            case MessageKind.MINOR_FLAGGED:
                minors.add(row.thread)
            case MessageKind.CHILD_NOTIFICATION_ANSWERED if row.thread in minors:
                resting.add(row.thread)
    gone = opened | matched | resting
    decided = [r for r in reports if r.thread in gone and r.clear["kind"] == MessageKind.REPORT_RETRACTED]
    was_seen = seen(decided)
    left = [r for r in reports if r.thread not in gone]
    left += [r for r in decided if r.message_id not in was_seen]
    left += [r for r in _still_there(added, reports) if r.sequence > settled.get(r.thread, 0)]
    told = [replace(r, clear={**r.clear, "escalated": escalated.get(str(r.clear["report"]))}) for r in left]
    return sorted(
        told,
        key=lambda r: (r.clear["escalated"] is None, _RANK[Urgency(str(r.clear["urgency"]))], r.sequence),
    )


def _still_there(added: Iterable[Row], reports: Iterable[Row]) -> list[Row]:
    """What was added and not taken back since, by itself or with the report that it was added to."""
    back = {r.clear["report"] for r in reports if r.clear["kind"] == MessageKind.REPORT_RETRACTED}
    whole = {
        r.thread
        for r in reports
        if r.clear["kind"] == MessageKind.REPORT_RECEIVED and r.clear["report"] in back
    }
    return [r for r in added if r.thread not in whole and r.clear["report"] not in back]


def notifications(rows: Iterable[Row]) -> list[Row]:
    """The child notifications that wait for a person's answer, the nearest deadline first.

    One waits at a time in a case; what is added to it keeps its deadline.
    """
    due: dict[UUID, Row] = {}
    for row in rows:
        match row.clear["kind"]:
            case MessageKind.CHILD_NOTIFICATION_DUE:
                due.setdefault(row.thread, row)
            case MessageKind.CHILD_NOTIFICATION_ANSWERED:
                due.pop(row.thread, None)
    return sorted(due.values(), key=lambda r: (str(r.clear["deadline"]), r.sequence))


def emergencies(rows: Iterable[Row]) -> list[Row]:
    """What was told because a life was in danger and waits for its review, the nearest deadline first."""
    due: dict[str, Row] = {}
    for row in rows:
        match row.clear:
            case {"kind": MessageKind.LEGAL_BASIS_RECORDED, "emergency": str(basis)}:
                due[basis] = row
            case {"kind": MessageKind.EMERGENCY_REVIEWED, "emergency": str(basis)}:
                due.pop(basis, None)
    return sorted(due.values(), key=lambda r: (str(r.clear["deadline"]), r.sequence))
