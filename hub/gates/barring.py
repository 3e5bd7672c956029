"""Who is barred: blocked from a case as one close to a party, or stopped altogether.

One table holds both: an entry is a case and a login, or an organisation's stream and a login. Who is blocked
from a case is blocked from all that is matched with it. Every door asks here, and every append once more
under its lock.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from hub.aggregates.base import Actor, login_of
from hub.aggregates.citizen_case.case import CitizenCase
from hub.errors import Corrupt, Missing
from hub.ports import Barrings, Store


@dataclass(frozen=True, slots=True)
class Barred:
    """Which of some logins are stopped in their organisation, and which blocked from a case."""

    stopped: frozenset[str]
    blocked: frozenset[str]


class Barring:
    """Reads the block list. `case` loads one, `stream` and `coordinated` name an organisation and a login."""

    def __init__(
        self,
        *,
        store: Store,
        case: Callable[[UUID], CitizenCase],
        stream: Callable[[str], UUID],
        coordinated: Callable[[str], bytes],
    ) -> None:
        self._store = store
        self._case = case
        self._stream = stream
        self._coordinated = coordinated

    def of(
        self,
        organisation: str,
        case: CitizenCase | None,
        logins: Sequence[str],
        known: Barrings | None = None,
    ) -> Barred:
        """Who of these logins of the organisation is stopped, and who is blocked from the case.

        `known` was read with the case; the block list is asked for whom it does not cover.
        """
        own = self._stream(organisation)
        streams = (own, *(family(case, self._case) if case else ()))
        if known is not None and known.logins.issuperset(logins):
            found = {entry for entry in known.entries if entry[0] in streams and entry[1] in logins}
        else:
            found = self._store.barred(streams, logins)
        return Barred(
            frozenset(login for stream, login in found if stream == own),
            frozenset(login for stream, login in found if stream != own),
        )

    def is_stopped(self, organisation: str, person: str) -> bool:
        """Whether a login is answered nothing at all."""
        return bool(self._store.barred([self._stream(organisation)], [login_of(organisation, person)]))

    def guard(self, by: Actor, cases: Iterable[CitizenCase]) -> tuple[tuple[UUID, ...], str]:
        """For an append: no entry may stand against who does this, in any of the cases or altogether."""
        streams = dict.fromkeys(one for case in cases for one in family(case, self._case))
        return (*streams, self._stream(by.organisation)), by.login

    def guard_of(self, by: Actor, case_id: UUID) -> tuple[tuple[UUID, ...], str]:
        """The same by a case's id. Where the case can't be read, the block list is asked for it alone."""
        try:
            return self.guard(by, [self._case(case_id)])
        except Corrupt:
            return (case_id, self._stream(by.organisation)), by.login

    def hidden_from(self, login: str) -> frozenset[UUID]:
        """The cases that a login is blocked from, with what is matched with them."""
        hidden = set(self._store.blocked_from(login))
        for stream in tuple(hidden):
            with suppress(Missing, Corrupt):
                hidden |= set(family(self._case(stream), self._case))
        return frozenset(hidden)

    def unanswered(self, unit: str) -> list[CitizenCase]:
        """Cases of the unit whose coordinator is stopped or blocked: nobody answers for them now."""
        own, concerned = self._stream(unit), set[UUID]()
        for stream, login in self._store.block_list():
            if stream == own:
                concerned.update(self._store.cases_of(self._coordinated(login)))
                continue
            with suppress(Missing, Corrupt):
                concerned.add(family(self._case(stream), self._case)[0])
        found = []
        for case_id in sorted(concerned, key=str):
            with suppress(Missing, Corrupt):
                case = self._case(case_id)
                if case.unit == unit and not self.is_answered(case):
                    found.append(case)
        return found

    def is_answered(self, case: CitizenCase) -> bool:
        """Whether who answers for the case is let in; one without a coordinator waits in its unit anyway."""
        if case.coordinator is None:
            return True
        barred = self.of(case.unit, case, [case.coordinator.login])
        return not barred.stopped | barred.blocked


def family(case: CitizenCase, load: Callable[[UUID], CitizenCase]) -> tuple[UUID, ...]:
    """A case, first the one that the others are matched to, and all that is matched with it."""
    main = case
    if case.matched_to is not None:
        try:
            main = load(case.matched_to)
        except (Missing, Corrupt):
            return (case.matched_to, case.id)
    return (main.id, *sorted((main.inquiries | {case.id}) - {main.id}, key=str))
