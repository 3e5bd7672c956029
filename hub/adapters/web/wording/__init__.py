"""Every word that the pages say: one dictionary, Danish first, English second. Danish is the default."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from contracts import social_report_terms_v1 as report
from contracts import terms
from contracts.terms import CancellationReason, RejectionReason
from contracts.times import COPENHAGEN
from hub.adapters.http.access import Role
from hub.adapters.web.wording.case_lists import CASE
from hub.adapters.web.wording.closed_lists import TERMS
from hub.adapters.web.wording.fields import FIELDS
from hub.adapters.web.wording.interface import INTERFACE
from hub.adapters.web.wording.report_lists import REPORT
from hub.aggregates.citizen_case import terms as own
from hub.aggregates.citizen_case.values import CaseState

LANGUAGES: Final = ("da", "en")
WORDS: Final = MappingProxyType({**INTERFACE, **FIELDS, **TERMS, **CASE, **REPORT})

SHOWN: Final[tuple[type[StrEnum], ...]] = (
    terms.OrganisationKind,
    terms.Category,
    terms.PersonRole,
    terms.ViolenceForm,
    terms.RelationKind,
    terms.BasisRule,
    terms.SafetyLevel,
    terms.ReferralStatus,
    terms.Urgency,
    terms.MessageKind,
    terms.Escalation,
    terms.MoveStatus,
    terms.MoveRefusal,
    terms.LookPurpose,
    report.Answer,
    report.HandoverRule,
    report.PatientInformed,
    report.PlaceKind,
    report.InjuryKind,
    report.BodyPart,
    report.WeaponKind,
    report.WeaponUse,
    report.StrangulationSign,
    report.ThreatTarget,
    report.EarlierSign,
    report.DoneOnTheSpot,
    report.AcceptsContact,
    report.HelpWanted,
    report.StaffTie,
    CaseState,
    own.ContactDecision,
    own.Channel,
    own.ContactOutcome,
    own.Topic,
    own.UnsafeReason,
    own.SetAsideReason,
    own.StaysPossible,
    own.ClosingReason,
    own.ClosingConversation,
    own.Found,
    own.ReopeningReason,
    own.AgeKnownBy,
    own.NotificationCause,
    own.NotificationDecision,
    own.NotNotifiedReason,
    own.HandOverReason,
    own.HandOverRefusal,
    RejectionReason,
    CancellationReason,
    terms.RetractionReason,
    Role,
)
"""The closed lists whose values the pages show. A value without a label in both languages fails a test."""

_CODE: Final = re.compile(r"[a-z][a-z0-9_-]{1,39}")
_SAME_AS: Final = {"HandoverRule": "BasisRule"}
"""A list that repeats another's values takes its labels, where it has none of its own."""


def label_key(closed: type[StrEnum], value: str) -> str:
    """The key of the label of one value of a closed list."""
    key = f"{closed.__name__}.{value}"
    return key if key in WORDS else f"{_SAME_AS.get(closed.__name__, closed.__name__)}.{value}"


class Words:
    """The words in one language, and what organisations are called, by slug, where they are shown."""

    def __init__(self, language: str, organisations: Mapping[str, str] = MappingProxyType({})) -> None:
        self.language = language if language in LANGUAGES else LANGUAGES[0]
        self._at = LANGUAGES.index(self.language)
        self._organisations = organisations

    @property
    def other(self) -> str:
        """The language one may switch to."""
        return LANGUAGES[1 - self._at]

    def __call__(self, key: str, /, **values: object) -> str:
        """The words under this key."""
        return WORDS[key][self._at].format(**values)

    def label(self, closed: type[StrEnum], value: object) -> str:
        """What a value of a closed list is called. A word newer than this page stays as it is.

        Raises `ValueError` for any other text: what is no code has no place in a closed list.
        """
        key = label_key(closed, str(value))
        if key in WORDS:
            return self(key)
        if _CODE.fullmatch(str(value)) is None:
            raise ValueError("no value of a closed list")
        return str(value)

    def organisation(self, slug: object) -> str:
        """What the organisation is called; its slug where nobody here knows."""
        return self._organisations.get(str(slug), str(slug))

    def organisations(self, slugs: object) -> str:
        """Several of them, with commas."""
        if isinstance(slugs, str) or not isinstance(slugs, Iterable):
            raise TypeError("a list was expected")
        return ", ".join(map(self.organisation, slugs))

    def labels(self, closed: type[StrEnum], values: object) -> str:
        """Several of them, with commas."""
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise TypeError("a list was expected")
        return ", ".join(self.label(closed, value) for value in values)

    def when(self, at: datetime) -> str:
        """`21.11.2026 kl. 01.20`, by the clock in Copenhagen."""
        local = at.astimezone(COPENHAGEN)
        return self(
            "when",
            day=f"{local.day:02}",
            month=f"{local.month:02}",
            year=local.year,
            hour=f"{local.hour:02}",
            minute=f"{local.minute:02}",
        )

    def limit(self, at: datetime) -> str:
        """`til 22.11.2026 kl. 03.10`; of what ends with a day, `til og med 27.05.2027`."""
        local = at.astimezone(COPENHAGEN)
        if local.time() == time():
            return self("limit.day", day=self.day(local.date() - timedelta(days=1)))
        return self("limit", when=self.when(at))

    def day(self, on: date) -> str:
        """`21.11.2026`."""
        return self("day.short", day=f"{on.day:02}", month=f"{on.month:02}", year=on.year)

    def long_day(self, on: date) -> str:
        """`Lørdag den 21. november 2026`."""
        weekday, month = self(f"weekday.{on.weekday()}"), self(f"month.{on.month}")
        return self("day.long", weekday=weekday, day=on.day, month=month, year=on.year)
