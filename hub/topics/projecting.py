"""From a recipient's topic to its read models: verify, open heads, write rows and position together."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from uuid import UUID

from contracts.client.errors import Tampered
from contracts.client.inbox import Position, Received, control_of, sort, take
from contracts.client.party import Party
from contracts.client.sealed import open_head
from contracts.envelope import BadEnvelope, Envelope, from_headers
from contracts.inbound_v1 import Problem
from contracts.message_v1 import Control, Head
from hub.aggregates.base import Actor
from hub.errors import Unavailable
from hub.gates.opening import Opener
from hub.gates.outgoing import Outgoing
from hub.logs import logger
from hub.ports import Broker, Change, Record, Views
from hub.projections import hand_overs, intake, receipts, referrals, timeline
from hub.projections.base import Effect, Project, Told
from hub.topics.reader import Reader

log = logger("projecting")

PROJECTIONS: Mapping[str, Project] = {
    timeline.NAME: timeline.project,
    intake.NAME: intake.project,
    hand_overs.NAME: hand_overs.project,
    referrals.NAME: referrals.project,
    receipts.NAME: receipts.project,
}


class ReadModels:
    """One recipient's read models: the handler that its inbox hands messages to."""

    def __init__(
        self,
        *,
        party: Party,
        opener: Opener,
        views: Views,
        rebuild: bool = False,
    ) -> None:
        self._party = party
        self._opener = opener
        self._views = views
        self._rebuild = rebuild
        self._by = Actor(party.name, party.name, "projection", party.name)

    def position(self) -> Position:
        """Up to where every view has come."""
        return min(self._views.positions(self._party.name).values())

    def apply(self, received: Sequence[Received], position: Position) -> None:
        """Take these in. Head keys are asked for in one batch, and the batch is on record.

        What has a head key is data: to try our own key on it would take as long as its signature.
        """
        data = [r.envelope.message_id for r in received if r.control is None]
        keys = self._opener.heads(self._by, data, rebuild=self._rebuild) if data else {}
        told = [self._told(r, keys) for r in received]
        # Read anew and not kept: another projector, or a rebuild, moves them too.
        reached = self._views.positions(self._party.name)
        changes = {
            name: _change(PROJECTIONS[name], told, before)
            for name, before in reached.items()
            if before < position
        }
        if changes:
            self._views.apply(self._party.name, position, changes)

    def _told(self, received: Received, keys: Mapping[UUID, bytes]) -> Told:
        envelope, (epoch, sequence) = received.envelope, received.position
        head, control = None, received.control
        if control is None:
            head, control = self._opened(envelope, keys.get(envelope.message_id))
        sealed = b"" if control is not None else envelope.value
        return Told(envelope.message_id, epoch, sequence, head, control, sealed)

    def _opened(self, envelope: Envelope, key: bytes | None) -> tuple[Head | None, Control | None]:
        """The head or the control message in it; neither where nothing opens it any more."""
        party = self._party
        if key is None:
            return None, control_of(party, envelope)
        try:
            return open_head(envelope.value, key, party.municipality, party.name, envelope.message_id), None
        except Tampered:
            # A blank went in its place while its recipient was suspended, or it is none of ours.
            if (control := control_of(party, envelope)) is None:
                raise
            return None, control


def _change(project: Project, told: Iterable[Told], since: Position) -> Change:
    """What those of these messages that came after `since` do to one view."""
    effects: list[Effect] = [project(one) for one in told if (one.epoch, one.sequence) > since]
    purge = [message for effect in effects for message in effect.purge]
    gone = set(purge)
    return Change([row for e in effects for row in e.put if row.message_id not in gone], purge, since)


class Projector:
    """Reads one recipient's topic and keeps its read models."""

    def __init__(
        self,
        *,
        broker: Broker,
        party: Party,
        models: ReadModels,
        outgoing: Outgoing,
        bury: Callable[[Record, str], None],
    ) -> None:
        self._party = party
        self._models = models
        self._outgoing = outgoing
        self._bury = bury
        self._reader = Reader(lambda: broker.consumer(party.reads, f"hub.project.{party.name}"))

    def step(self, limit: int, timeout_s: float) -> int:
        """Take in at most `limit` messages; how many. A bad one is put aside and the rest go on."""
        with self._reader.records(limit, timeout_s) as records:
            if records:
                self._take_in(records, limit)
                self._reader.commit(records[-1].offset)
                log.info("read models moved", partner=self._party.name, count=len(records))
            return len(records)

    def close(self) -> None:
        """Leave the group."""
        self._reader.close()

    def _take_in(self, records: Sequence[Record], limit: int) -> None:
        by_id = {}
        batch: list[Envelope | BadEnvelope] = []
        for record in records:
            try:
                envelope = from_headers(record.headers, record.value)
                by_id[envelope.message_id] = record
                batch.append(envelope)
            except BadEnvelope as error:
                self._bury(record, error.reason.value)

        def report(problem: Problem) -> None:
            self._bury(by_id[problem.message_id], problem.reason.value)

        position = self._models.position()
        found = sort(self._party, batch, position, whole=False, unopened=True)
        position = take(found, position, self._models, report)
        while found.rest:
            position = self._fill(position, limit)
            found = sort(self._party, found.rest, position, whole=False, unopened=True)
            position = take(found, position, self._models, report)

    def _fill(self, position: Position, limit: int) -> Position:
        """What the topic does not hold (any more) comes from the store: it is the source of every re-send."""
        missing = self._outgoing.messages_of(self._party.name, *position, limit)
        found = sort(self._party, missing, position, whole=True, unopened=True)
        reached = take(found, position, self._models, lambda _: None)
        if reached == position:
            raise Unavailable("a number is missing that the store does not give now (suspended?)")
        return reached
