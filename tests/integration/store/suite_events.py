"""What every store promises of events: sealed and opened again, and what is found when they were touched."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.application import AggregateNotFoundError

from hub.adapters.store.application import StoreApplication
from hub.adapters.store.mapper import Erased
from hub.aggregates import registry
from hub.aggregates.base import Actor, project
from hub.aggregates.citizen_case.events import InquiryOpened, ReportReceived
from hub.aggregates.disclosures import LedgerOpened
from hub.aggregates.sealing import AboutPerson, CouldKill, could_kill_key
from hub.errors import Corrupt, Missing, TamperedRow, UnknownKey
from tests.integration.store.suite import Suite
from tests.integration.store.support import (
    Place,
    changed,
    event_of,
    execute,
    looked,
    mint,
    new_case,
    put_state,
    state_of,
)

TOPICS = sorted(registry.TOPICS)


def report(app: StoreApplication, case_id: UUID, person: UUID, version: int) -> ReportReceived:
    contents = {"incident": {"violence_forms": ["physical"], "place": "Opdigtet Allé"}}
    event: ReportReceived = event_of(
        ReportReceived, case_id, case_id, person, originator_version=version, contents=contents, basis={}
    )
    app.commit(event)
    return event


def opened(app: StoreApplication) -> tuple[UUID, UUID]:
    """A case of three events, the second about another person."""
    person = uuid4()
    case_id = new_case(app, [person])
    app.commit(event_of(InquiryOpened, case_id, case_id, person))
    report(app, case_id, person, 2)
    app.commit(changed(case_id, 3))
    return case_id, person


class RoundTrip(Suite):
    """Every event class comes back as it went."""

    def test_every_class(self, app: StoreApplication) -> None:
        """With parts, without them, with what looks like a part in free content."""
        person = uuid4()
        case_id = new_case(app, [person])
        for topic in TOPICS:
            event = event_of(registry.TOPICS[topic], uuid4(), case_id, person)
            if not registry.TOPICS[topic].__dataclass_fields__.keys() & {"case_id", "sealed_under"}:
                event = event_of(registry.TOPICS[topic], uuid4(), case_id, person)
                mint(app, event.originator_id, could_kill_key(event.originator_id))
            app.commit(event)
            again = app.event(event.originator_id, 1)
            assert type(again) is type(event)
            assert again == event
            assert list(vars(again)) == [*list(vars(event))[2:], "originator_id", "originator_version"]

    def test_nothing_stands_in_the_clear(self, app: StoreApplication) -> None:
        """Not a word of the contents, and no name of whom it is about."""
        case_id, person = opened(app)
        for version in (1, 2, 3):
            state = state_of(app, case_id, version)
            for word in (b"Ber", b"Opdigtet", b"flyttet", b"witness", b"timestamp", b"case"):
                assert word not in state
        assert person.bytes in state_of(app, case_id, 2)

    def test_a_sealed_value_where_none_is_declared_is_refused(self, app: StoreApplication) -> None:
        """Else it would be sealed under the case's key alone."""
        case_id = new_case(app)
        event = event_of(ReportReceived, case_id, case_id, uuid4(), happened={"x": AboutPerson(uuid4(), {})})
        with pytest.raises(TypeError, match="AboutPerson"):
            app.commit(event)
        level = event_of(
            type(changed(case_id)), case_id, case_id, uuid4(), reason=CouldKill({"where": "her"})
        )
        with pytest.raises(TypeError, match="reason not of the type"):
            app.commit(level)

    def test_what_could_not_be_read_is_not_written(self, app: StoreApplication) -> None:
        """An attribute of another type than its class says; the error does not repeat it."""
        case_id = new_case(app)
        with pytest.raises(TypeError, match="level") as caught:
            app.commit(event_of(type(changed(case_id)), case_id, case_id, uuid4(), level="hemmeligt"))
        assert "hemmeligt" not in str(caught.value)
        nobody = Actor(None, "hemmeligt", "tovholder", "unit")  # type: ignore[arg-type]  # the misfit
        unsigned = event_of(type(changed(case_id)), case_id, case_id, uuid4(), by=nobody)
        with pytest.raises(TypeError, match="by not of the type") as caught:
            app.commit(unsigned)
        assert "hemmeligt" not in str(caught.value)
        assert app.notifications(0, 10) == []

    def test_a_class_without_a_topic_is_refused(self, app: StoreApplication) -> None:
        """Only what the registry pins may be stored."""

        class Stray(type(changed(uuid4()))):  # type: ignore[misc]
            """The topic of another."""

        with pytest.raises(TypeError, match="topic of its own"):
            app.commit(Stray(**vars(changed(new_case(app)))))

    def test_several_streams_in_one_commit(self, app: StoreApplication) -> None:
        """All of them, numbered one after the other."""
        one, two = new_case(app), new_case(app)
        position = app.commit(changed(one), changed(two), changed(one, 2), looked(two))
        found = [(n.originator_version, n.id) for n in app.notifications(0, 10)]
        assert [version for version, _ in found] == [1, 1, 2, 1]
        assert found[-1][1] == position

    def test_the_librarys_save(self, app: StoreApplication) -> None:
        """Gives its recordings, and the position."""
        case_id = new_case(app)
        saved = app.save(changed(case_id), changed(case_id, 2))
        assert [r.notification.id for r in saved] == [n for n, _, _ in _log(app)]
        assert saved.position == saved[-1].notification.id

    def test_an_older_version_is_brought_up(
        self, app: StoreApplication, monkeypatch: pytest.MonkeyPatch, place: Place
    ) -> None:
        """By the upcaster of its class, on the attributes as JSON."""
        case_id = new_case(app)
        app.commit(changed(case_id))
        event_class: Any = type(changed(case_id))
        monkeypatch.setattr(event_class, "class_version", 2, raising=False)
        monkeypatch.setattr(event_class, "upcast_v1_v2", staticmethod(_shout), raising=False)
        later = place.open()
        later.commit(changed(case_id, 2, "ny"))
        assert [later.event(case_id, v).reason for v in (1, 2)] == ["HUN ER FLYTTET.", "ny"]
        later.close()


def _shout(state: dict[str, Any]) -> None:
    state["reason"] = state["reason"].upper()


def _log(app: StoreApplication) -> list[tuple[int, UUID, int]]:
    return [(n.id, n.originator_id, n.originator_version) for n in app.notifications(0, 1000)]  # type: ignore[misc]


class Tampering(Suite):
    """What was touched is found, and nothing else suffers."""

    def test_two_versions_swapped(self, app: StoreApplication) -> None:
        """Of one stream: the version is in the associated data."""
        case_id = new_case(app)
        app.commit(changed(case_id, 1), changed(case_id, 2))
        one, two = state_of(app, case_id, 1), state_of(app, case_id, 2)
        put_state(app, case_id, 1, two)
        put_state(app, case_id, 2, one)
        for version in (1, 2):
            with pytest.raises(TamperedRow, match=str(case_id)):
                app.event(case_id, version)

    def test_two_streams_swapped(self, app: StoreApplication) -> None:
        """Of two cases, and of two streams under one key."""
        one, two = new_case(app), new_case(app)
        look, other = looked(one), looked(one, "opfølgning")
        app.commit(changed(one), changed(two), look, other)
        for a, b in ((one, two), (look.id, other.id)):
            states = state_of(app, a, 1), state_of(app, b, 1)
            put_state(app, a, 1, states[1])
            put_state(app, b, 1, states[0])
            for stream in (a, b):
                with pytest.raises(TamperedRow):
                    app.event(stream, 1)

    def test_another_topic(self, app: StoreApplication) -> None:
        """An event cannot be told as another kind, nor name a module."""
        case_id = new_case(app)
        app.commit(changed(case_id))
        for topic, error in (("case.opened", TamperedRow), ("os:system", Corrupt)):
            execute(app, "UPDATE stored_events SET topic = ?", topic)
            with pytest.raises(error):
                app.event(case_id, 1)

    def test_every_byte_counts(self, app: StoreApplication) -> None:
        """Whichever one is changed, the event does not open, and the error repeats nothing of it."""
        person = uuid4()
        case_id = new_case(app, [person])
        report(app, case_id, person, 1)
        state = state_of(app, case_id, 1)
        for at in range(0, len(state), 7):
            put_state(app, case_id, 1, state[:at] + bytes((state[at] ^ 1,)) + state[at + 1 :])
            with pytest.raises(Corrupt) as caught:
                app.event(case_id, 1)
            assert "Opdigtet" not in str(caught.value)
        for at in range(0, len(state), 11):
            put_state(app, case_id, 1, state[:at])
            with pytest.raises(Corrupt):
                app.event(case_id, 1)
        put_state(app, case_id, 1, state + b"\0")
        with pytest.raises(Corrupt):
            app.event(case_id, 1)

    def test_an_unknown_key_stops_that_stream_alone(self, app: StoreApplication, place: Place) -> None:
        """A key that has never existed is an alarm, not an erasure."""
        one, two = opened(app)[0], opened(app)[0]
        execute(app, "DELETE FROM keys WHERE key_id = ?", one)
        fresh = place.open()
        with pytest.raises(UnknownKey):
            fresh.load(one)
        assert fresh.load(two).version == 3
        fresh.close()

    def test_an_edited_row_stops_that_stream_alone(self, app: StoreApplication) -> None:
        """Followers read on behind it."""
        one, two = opened(app)[0], opened(app)[0]
        state = state_of(app, one, 2)
        put_state(app, one, 2, state[:-1] + bytes((state[-1] ^ 1,)))
        with pytest.raises(TamperedRow):
            app.load(one)
        assert app.load(two).version == 3
        found = [_opens(app, n) for n in app.notifications(0, 100)]
        assert found == [True, False, True, True, True, True]


def _opens(app: StoreApplication, notification: Any) -> bool:
    try:
        app.open(notification)
    except Corrupt:
        return False
    return True


class Erasure(Suite):
    """What was erased stays a gap that readers step over."""

    def test_an_erased_person_in_the_middle(self, app: StoreApplication) -> None:
        """Only what is about that person is gone; the case loads."""
        case_id, person = opened(app)
        app.keys.destroy(person)
        event = app.event(case_id, 2)
        assert [part.value for part in event.others] == [None, None]
        assert {part.person for part in event.others} == {person}
        assert event.could_kill == (CouldKill(None, person), CouldKill(None, person))
        assert event.reporter
        case = app.load(case_id)
        assert case.version == 3
        assert case.safety_level is not None

    def test_an_erased_address(self, app: StoreApplication) -> None:
        """The key around what could kill goes alone."""
        case_id, _ = opened(app)
        app.keys.destroy(could_kill_key(case_id))
        event = app.event(case_id, 2)
        assert [part.value for part in event.could_kill] == [None, None]
        assert all(part.value for part in event.others)

    def test_an_erased_case_in_the_middle_of_the_log(self, app: StoreApplication) -> None:
        """Its events are placeholders, its stream is as if it were not there, others are unharmed."""
        one, _ = opened(app)
        two, _ = opened(app)
        three, _ = opened(app)
        app.keys.destroy(two)
        events = [app.open(n) for n in app.notifications(0, 100)]
        assert [type(e) is Erased for e in events] == [False] * 3 + [True] * 3 + [False] * 3
        assert events[4] == Erased(two, 2, "case.report_received")
        with pytest.raises(AggregateNotFoundError):
            app.load(two)
        assert [app.load(c).version for c in (one, three)] == [3, 3]

    def test_an_erased_event_in_the_middle_of_a_stream(self, app: StoreApplication) -> None:
        """The version moves on and nothing else does."""
        kept, erased = new_case(app), new_case(app)
        ledger = uuid4()
        first = event_of(LedgerOpened, ledger, kept, uuid4(), originator_topic="ledger")
        refused = registry.TOPICS["ledger.refused"]
        app.commit(first)
        for version, case_id in ((2, erased), (3, kept)):
            app.commit(event_of(refused, ledger, case_id, uuid4(), originator_version=version))
        app.keys.destroy(erased)
        events = app._opener.open_stream(ledger, app._recorder.stream(ledger))
        assert [type(e) is Erased for e in events] == [False, True, False]
        assert app.load(ledger).version == 3
        assert project(None, events[1:2]) is None

    def test_no_such_event(self, app: StoreApplication) -> None:
        """And no such stream."""
        case_id, _ = opened(app)
        with pytest.raises(Missing):
            app.event(case_id, 4)
        with pytest.raises(AggregateNotFoundError):
            app.load(uuid4())

    def test_a_stream_of_one_event_is_no_aggregate(self, app: StoreApplication) -> None:
        """A look's id does not load."""
        look = looked(new_case(app))
        app.commit(look)
        with pytest.raises(AggregateNotFoundError):
            app.load(look.id)
