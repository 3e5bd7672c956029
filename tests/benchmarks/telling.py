"""Messages for the NGO, many at once: sealed, wrapped, numbered and stored as a command's are."""

from uuid import UUID

from contracts.client.sealed import build_message
from contracts.message_v1 import Head, Part
from contracts.terms import Category, MessageKind, Urgency
from hub.bootstrap import Parts
from hub.keys.wraps import PartKey, wrap
from hub.ports import Alongside, OutMessage
from tests.benchmarks.municipality import MUNICIPALITY, NGO, consented_case

AT_ONCE = 200


class Teller:
    """Tells the NGO of one case, on the grant that it has for the risk. No event stands behind a message."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        case = parts.committer.case(consented_case(parts))
        ledger = parts.committer.ledger_of(case.id, NGO)
        assert ledger is not None, "the NGO was told of the case"
        self._thread = ledger.id
        living = case.grants_of(NGO, parts.clock())
        self._grant = next(g.grant_id for g in living if g.category is Category.RISK)
        (wrapped,) = parts.app.store.grant_keys([self._grant]).values()
        self._key = parts.app.keys.unwrap(wrapped)

    def tell(self, count: int) -> None:
        """Store so many messages."""
        for first in range(0, count, AT_ONCE):
            messages = tuple(self._message() for _ in range(min(AT_ONCE, count - first)))
            self._parts.app.commit(alongside=Alongside(now=self._parts.clock(), messages=messages))

    def _message(self) -> OutMessage:
        now, message_id = self._parts.clock(), self._parts.new_id()
        reason = "Truslerne tager til efter samværet i weekenden; ny vurdering aftalt med borgeren"
        head = Head(
            kind=MessageKind.SAFETY_LEVEL_CHANGED, thread=self._thread, urgency=Urgency.URGENT, recorded=now
        )
        part = Part(category=Category.RISK, recorded=now, data={"level": "high", "reason": reason})
        sealed, keys = build_message(MUNICIPALITY, NGO, message_id, head, [part])
        wanted = [PartKey(n, key) for n, key in enumerate(keys)]
        return OutMessage(message_id, NGO, sealed, {self._grant: self._wrap(message_id, wanted)})

    def _wrap(self, message_id: UUID, wanted: list[PartKey]) -> bytes:
        return wrap(message_id, self._grant, self._key, wanted, self._parts.app.keys.key)
