"""Each kind of check that the demonstration makes is shown a fault of that kind, planted in the parts.

The story is played as far as the first check that does not hold, which must be the one that is there for it.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from contracts.inbound_v1 import PurgeAnswer, PurgeOutcome, RetentionBasis
from contracts.terms import Category
from hub.adapters.http.access import TABLE, Relation, Role
from hub.adapters.partners.errors import NoLongerOpen
from hub.adapters.partners.ngo.adapter import Closing, Ngo
from hub.adapters.partners.ngo.desk import Opened
from hub.adapters.partners.ngo.rows import Change
from hub.aggregates.base import Actor
from hub.demo.playing import ON_CALL, Narrator, until
from hub.demo.stage import NGO, OTHER_NGO, Person, Stage
from hub.demo.story import tell
from hub.errors import Missing
from hub.gates.opening import Opener
from hub.settings import Settings

Plant = Callable[[pytest.MonkeyPatch], None]


class Caught(Exception):
    """Raised at the first check that does not hold, with its line."""


class Judge(Narrator):
    """Tells the story as far as it holds."""

    def checks(self, line: str, holds: bool) -> None:
        """Go on, or stop."""
        if not holds:
            raise Caught(line)


def caught(settings: Settings) -> str:
    """The first check of the story that does not hold."""
    with Stage(settings) as stage, pytest.raises(Caught) as found:
        tell(stage, Judge(), until)
    return str(found.value)


# --- the faults ---------------------------------------------------------------------------------------


def shows_nothing(patch: pytest.MonkeyPatch) -> None:
    """What a look opens is not shown."""
    patch.setattr(Opener, "look", lambda *_: [])


def lets_reporters_in(patch: pytest.MonkeyPatch) -> None:
    """The table of access has a role too many."""
    inbox = ("GET", "/v1/inbox")
    patch.setitem(TABLE, inbox, {**TABLE[inbox], Role.REPORTER: Relation.NONE})


def tells_havnelys_before(what: str) -> Plant:
    """The other NGO is told who it is, before Mette does something else."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        own = Person.post

        def post(person: Person, path: str, *body: Any, **why: Any) -> Any:
            if path.endswith(what):
                own(person, f"{path.partition('/consents')[0]}/consents", for_havnelys())
            return own(person, path, *body, **why)

        patch.setattr(Person, "post", post)

    return plant


def for_havnelys() -> Mapping[str, Any]:
    """A consent that the story knows nothing of."""
    now = datetime.now(UTC)
    return {
        "recipients": [OTHER_NGO],
        "categories": [Category.IDENTITY],
        "purpose": "samtalegruppe",
        "form": "oral",
        "given_at": now.isoformat(),
        "ends_at": (now + timedelta(days=1)).isoformat(),
    }


def opens_for_whoever_asks(patch: pytest.MonkeyPatch) -> None:
    """The hub does not look at whose message it is."""
    own = Opener.open

    def opened(opener: Opener, by: Actor, message: UUID, **how: Any) -> dict[int, bytes]:
        return own(opener, replace(by, organisation=NGO), message, **how)

    patch.setattr(Opener, "open", opened)


def gives_again_what_it_gave(patch: pytest.MonkeyPatch) -> None:
    """The hub asks for a living grant the first time alone."""
    own, given = Opener.open, dict[tuple[UUID, str], dict[int, bytes]]()

    def opened(opener: Opener, by: Actor, message: UUID, **how: Any) -> dict[int, bytes]:
        try:
            given[message, by.organisation] = own(opener, by, message, **how)
        except Missing:
            if (message, by.organisation) not in given:
                raise
        return given[message, by.organisation]

    patch.setattr(Opener, "open", opened)


def shows_again_what_it_showed(patch: pytest.MonkeyPatch) -> None:
    """Lysning's program keeps what it opened."""
    own, shown = Ngo.open_message, dict[UUID, Opened]()

    def opened(ngo: Ngo, message: UUID, **who: str) -> Opened:
        try:
            shown[message] = own(ngo, message, **who)
        except NoLongerOpen:
            if message not in shown:
                raise
        return shown[message]

    patch.setattr(Ngo, "open_message", opened)


def retains(patch: pytest.MonkeyPatch) -> None:
    """Lysning's program keeps what is revoked, and says so."""

    def answer(_: Ngo, revocation: UUID, closing: Closing) -> PurgeAnswer:
        return PurgeAnswer(
            revocation=revocation,
            thread=closing.thread,
            outcome=PurgeOutcome.RETAINED,
            basis=RetentionBasis.PUBLIC_RECORD,
        )

    patch.setattr(Ngo, "purge_answer", answer)


def says_purged_and_keeps(patch: pytest.MonkeyPatch) -> None:
    """Lysning's program says that it is purged, and it is not."""

    def close(ngo: Ngo, change: Change, revocation: UUID, closing: Closing) -> None:
        answer = ngo.purge_answer(revocation, closing)
        change.outgoing.append(ngo._outgoing(uuid5(revocation, "answer"), answer, purge=True))

    patch.setattr(Ngo, "close_revoked", close)


FAULTS: list[tuple[Plant, str]] = [
    (shows_nothing, "she reads whom it is about: Maja Eksempelsen"),
    (lets_reporters_in, "the police cannot see the inbox"),
    (opens_for_whoever_asks, "and cannot open Lysning's message by its id"),
    (
        gives_again_what_it_gave,
        "with Lysning's own login the hub gives out no key to message 1 of 2 any more",
    ),
    (shows_again_what_it_showed, "nor does Lysning's program open any for anybody who looks now"),
    (retains, "the disclosures show: revoked, and purged"),
    (says_purged_and_keeps, "Lysning's program holds nothing any more"),
]
TOLD_TOO_MANY = [
    ("/consents", "Havnelys, the other NGO, has received nothing"),
    ("/withdrawal", "Havnelys has received nothing to the last"),
]


@pytest.mark.parametrize(("plant", "line"), FAULTS, ids=[plant.__name__ for plant, _ in FAULTS])
def test_each_kind_of_check_catches_its_fault(
    plant: Plant, line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Reading back, a refusal, what cannot be opened, what is purged."""
    plant(monkeypatch)
    assert caught(Settings(data_dir=tmp_path, on_call=ON_CALL)) == line


@pytest.mark.parametrize(("before", "line"), TOLD_TOO_MANY, ids=["at first", "to the last"])
@pytest.mark.parametrize("profile", ["http", "kafka"])
def test_that_an_organisation_received_nothing_catches_what_it_was_sent(
    profile: str,
    before: str,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    """A message of the hub's own lies there for Havnelys, on either way that it may come."""
    tells_havnelys_before(before)(monkeypatch)
    own = {"data_dir": tmp_path, "on_call": ON_CALL}
    if profile == "kafka":
        # Topics of a broker that is shared keep what other stories left: a municipality of its own.
        own |= {
            "kafka_bootstrap": request.getfixturevalue("kafka"),
            "municipality": f"demo-{os.getpid()}-{before[1]}",
        }
    assert caught(Settings.model_validate(own)) == line
