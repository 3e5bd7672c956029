"""Commands on persons of the staff: the block list of a case, and logins that are stopped altogether."""

from datetime import datetime
from uuid import UUID

from hub.aggregates.base import login_of
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.person import PersonFact, PersonResumed, PersonStopped
from hub.application.carrying import Answer, Carrier
from hub.application.committing import Change, Command
from hub.errors import Conflict


class Staff(Carrier):
    """Who is refused in one case, and who everywhere."""

    def block_person(
        self, command: Command, case_id: UUID, *, organisation: str, person: str, name: str, reason: str
    ) -> Answer:
        """Refuse a named person everything in a case and in what is matched with it, from this commit on."""
        entry = (case_id, login_of(organisation, person))

        def act(case: CitizenCase, now: datetime) -> Change:
            case.block_person(
                organisation=organisation, person=person, name=name, reason=reason, by=command.by, at=now
            )
            return Change(cases=(case,), ids={"case": str(case_id)}, blocks=(entry,), may_not_wait=True)

        return self._on(command, case_id, act)

    def unblock_person(
        self, command: Command, case_id: UUID, *, organisation: str, person: str, reason: str
    ) -> Answer:
        """Let a person in again."""
        entry = (case_id, login_of(organisation, person))

        def act(case: CitizenCase, now: datetime) -> Change:
            case.unblock_person(
                organisation=organisation, person=person, reason=reason, by=command.by, at=now
            )
            return Change(cases=(case,), ids={"case": str(case_id)}, unblocks=(entry,))

        return self._on(command, case_id, act)

    def consider_block_list(self, command: Command, case_id: UUID, reason: str) -> Answer:
        """Somebody asked whom a report's word on staff bars, and found nobody."""
        return self._do(
            command,
            case_id,
            lambda case, now: case.consider_block_list(reason=reason, by=command.by, at=now),
        )

    def stop_person(self, command: Command, organisation: str, person: str, reason: str) -> Answer:
        """Answer a login nothing any more, in every process from its next request on."""
        return self._person(command, PersonStopped, organisation, person, reason)

    def resume_person(self, command: Command, organisation: str, person: str, reason: str) -> Answer:
        """Let a login in again."""
        return self._person(command, PersonResumed, organisation, person, reason)

    def _person(
        self, command: Command, kind: type[PersonFact], organisation: str, person: str, reason: str
    ) -> Answer:
        fact_id, stops = self._new_id(), kind is PersonStopped

        def act(now: datetime) -> Change:
            self._committer.partner(organisation)
            if self._committer.barring.is_stopped(organisation, person) == stops:
                state = "stopped" if stops else "not stopped"
                raise Conflict(f"person: is {state} already; nothing to do", field="person")
            stream = self._committer.partner_id(organisation)
            fact = kind.record(
                id=fact_id,
                sealed_under=stream,
                organisation=organisation,
                person=person,
                reason=reason,
                by=command.by,
                at=now,
            )
            entry = ((stream, login_of(organisation, person)),)
            return Change(
                others=(fact,),
                blocks=entry if stops else (),
                unblocks=() if stops else entry,
                may_not_wait=True,
            )

        return self._once(command, act)
