"""Commands on the citizen's safety (seed 002 p. 9, 12)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.terms import SafetyLevel
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.terms import NotificationCause
from hub.aggregates.sealing import CouldKill
from hub.application.carrying import Answer
from hub.application.children import ChildrenAtRisk, Falling
from hub.application.committing import Change, Command


class Safety(ChildrenAtRisk):
    """Safe contact, address protection, assessments, the level."""

    def set_safe_contact(self, command: Command, case_id: UUID, rules: dict[str, Any]) -> Answer:
        """Agree with the citizen how she or he may safely be contacted (seed 002 p. 12)."""
        return self._do(
            command,
            case_id,
            lambda case, now: case.set_safe_contact(rules=CouldKill(rules), by=command.by, at=now),
        )

    def set_address_protection(
        self, command: Command, case_id: UUID, protection: str, address: dict[str, Any]
    ) -> Answer:
        """Record name and address protection with the address that it protects."""
        return self._do(
            command,
            case_id,
            lambda case, now: case.set_address_protection(
                protection=protection, address=CouldKill(address), by=command.by, at=now
            ),
        )

    def assess_safety(
        self,
        command: Command,
        case_id: UUID,
        *,
        instrument: str,
        instrument_version: str,
        answers: dict[str, str],
        judgement: SafetyLevel,
        reason: str,
        child_at_risk: bool = False,
    ) -> Answer:
        """Record a risk assessment: answers by item id, the professional's judgement, never a total."""
        assessment = self._new_id()

        def act(case: CitizenCase, now: datetime) -> Change:
            case.assess_safety(
                assessment_id=assessment,
                instrument=instrument,
                instrument_version=instrument_version,
                answers=answers,
                judgement=judgement,
                reason=reason,
                by=command.by,
                at=now,
            )
            falling = Falling()
            if child_at_risk:
                falling = self._at_risk(case, NotificationCause.ASSESSMENT, command.by, now)
            return Change(cases=(case,), ids={"assessment": str(assessment)}, timers=falling.timers)

        return self._on(command, case_id, act)

    def change_safety_level(
        self,
        command: Command,
        case_id: UUID,
        level: SafetyLevel,
        reason: str,
        *,
        child_at_risk: bool = False,
    ) -> Answer:
        """Change the safety level; whoever holds a grant for `risk` is told."""

        def act(case: CitizenCase, now: datetime) -> Change:
            case.change_safety_level(level=level, reason=reason, by=command.by, at=now)
            falling = Falling()
            if child_at_risk:
                falling = self._at_risk(case, NotificationCause.SAFETY_LEVEL, command.by, now)
            return Change(cases=(case,), ids={"case": str(case_id)}, timers=falling.timers)

        return self._on(command, case_id, act)
