"""What every store promises of facts that a case keeps and that nobody has read yet."""

import copy
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub.adapters.store.application import StoreApplication
from hub.adapters.store.codec import Codec, Encoded
from hub.aggregates.citizen_case.events import (
    InquiryOpened,
    ReportReceived,
    SafeContactSet,
    SafetyLevelChanged,
)
from hub.aggregates.sealing import CouldKill, could_kill_key
from hub.errors import Corrupt, KeyDestroyed, TamperedRow
from tests.integration.store.suite import Suite
from tests.integration.store.suite_events import opened, report
from tests.integration.store.support import changed, event_of, new_case, put_state, state_of

SAID = "Kanariefugl"


def told(app: StoreApplication) -> tuple[UUID, UUID, list[Any]]:
    """A case of four facts, one about another person and one that could kill; and the facts as committed."""
    person = uuid4()
    case_id = new_case(app, [person])
    first = event_of(InquiryOpened, case_id, case_id, person)
    app.commit(first)
    second = report(app, case_id, person, 2)
    rules = CouldKill({"channel": "sms", "code_word": SAID})
    third = event_of(SafeContactSet, case_id, case_id, person, originator_version=3, rules=rules)
    fourth = changed(case_id, 4, reason=SAID)
    app.commit(third, fourth)
    return case_id, person, [first, second, third, fourth]


def bad(app: StoreApplication, event: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commit it as bytes that fit no class, under a tag that is right."""
    with monkeypatch.context() as patch:
        patch.setattr(Codec, "encode", lambda *_: Encoded(b'{"by": 7}', []))
        app.commit(event)


class Unread(Suite):
    """Opened when they are first looked into, and then what they were."""

    def test_until_it_is_looked_into_a_fact_holds_no_content(self, app: StoreApplication) -> None:
        """Nor does what loading another case opened; looked into, it is as it was committed."""
        case_id, _, committed = told(app)
        case = app.load(case_id)
        assert case.safety_level is committed[3].level
        assert SAID not in repr([vars(fact) for fact in case.facts[1:3]])
        assert case.facts[2].rules.value["code_word"] == SAID
        assert SAID in repr(vars(case.facts[2]))
        assert [type(fact) for fact in case.facts[1:]] != [type(fact) for fact in committed[1:]]
        assert list(case.facts) == committed
        assert committed == list(app.load(case_id).facts)
        assert [type(fact) for fact in case.facts] == [type(fact) for fact in committed]
        assert [vars(fact) for fact in case.facts] == [vars(fact) for fact in committed]

    def test_it_is_printed_and_copied_as_what_it_is(self, app: StoreApplication) -> None:
        """Whatever touches it first, nobody can tell that it was unread."""
        case_id, _, committed = told(app)
        for way in (copy.copy, copy.deepcopy):
            assert [way(fact) for fact in app.load(case_id).facts[2:]] == committed[2:]
        assert repr(app.load(case_id).facts[2]) == repr(app.event(case_id, 3))
        assert hash(app.load(case_id).facts[3]) == hash(committed[3])
        fact = app.load(case_id).facts[2]
        with pytest.raises(AttributeError, match="nothing_of_the_kind"):
            _ = fact.nothing_of_the_kind
        with pytest.raises(AttributeError):
            fact.rules = None

    def test_a_person_who_was_erased_meanwhile_reads_as_erased(self, app: StoreApplication) -> None:
        """In a case that was loaded before; the rest of the fact is there."""
        case_id, person, _ = told(app)
        case = app.load(case_id)
        app.keys.destroy(person)
        app.keys.destroy(could_kill_key(case_id))
        found = case.facts[1]
        assert [part.value for part in found.others] == [None, None]
        assert found.reporter
        assert case.persons == {person}
        assert {value.value for _, value in case.could_kill} == {None}

    def test_a_case_that_was_erased_meanwhile_says_so(self, app: StoreApplication) -> None:
        """What nobody had read yet is gone."""
        case_id, _, _ = told(app)
        case = app.load(case_id)
        app.keys.destroy(case_id)
        for fact in case.facts[1:3]:
            with pytest.raises(KeyDestroyed):
                _ = fact.by

    def test_every_part_is_checked_before_anybody_reads_it(self, app: StoreApplication) -> None:
        """A changed byte anywhere stops the load of that stream, and of no other."""
        case_id, _, _ = told(app)
        other, _ = opened(app)
        app.load(case_id)
        for version in (2, 3):
            state = state_of(app, case_id, version)
            for at in range(0, len(state), 5):
                put_state(app, case_id, version, state[:at] + bytes((state[at] ^ 1,)) + state[at + 1 :])
                with pytest.raises(Corrupt):
                    app.load(case_id)
            for damaged in (b"", state[:1], state[:-1], state + b"\0"):
                put_state(app, case_id, version, damaged)
                with pytest.raises(Corrupt):
                    app.load(case_id)
            put_state(app, case_id, version, state[:-1] + bytes((state[-1] ^ 1,)))
            with pytest.raises(TamperedRow, match=str(case_id)):
                app.load(case_id)
            put_state(app, case_id, version, state)
        assert app.load(case_id).version == 4
        assert app.load(other).version == 3

    def test_what_fits_no_class_stops_who_reads_it(
        self, app: StoreApplication, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The load where the case needs it, else whoever looks; and the error repeats nothing."""
        (one, person), (two, _) = opened(app), opened(app)
        bad(app, changed(one, 4), monkeypatch)
        for _ in range(2):
            with pytest.raises(Corrupt):
                app.load(one)
        bad(app, event_of(SafeContactSet, two, two, person, originator_version=4), monkeypatch)
        app.commit(changed(two, 5))
        case = app.load(two)
        assert case.version == 5
        for _ in range(2):
            with pytest.raises(Corrupt, match="does not fit SafeContactSet"):
                _ = case.facts[3].rules
        assert case.facts[4].reason

    def test_two_threads_look_at_once(self, app: StoreApplication) -> None:
        """Each sees the whole fact."""
        case_id, _, committed = told(app)
        for _ in range(30):
            facts, both = app.load(case_id).facts, Barrier(4)

            def look(facts: Any = facts, both: Barrier = both) -> list[Any]:
                both.wait()
                return [(fact.by, fact.timestamp, fact) for fact in facts]

            with ThreadPoolExecutor(4) as threads:
                for seen in [threads.submit(look) for _ in range(4)]:
                    assert [fact for _, _, fact in seen.result()] == committed

    def test_nothing_but_a_first_fact_is_opened_whole_by_a_load(self, app: StoreApplication) -> None:
        """Of the usual facts: else a load takes thrice as long (README: `make bench`)."""
        case_id, _, _ = told(app)
        kinds = [type(fact) for fact in app.load(case_id).facts]
        whole = (InquiryOpened, ReportReceived, SafeContactSet, SafetyLevelChanged)
        assert [kind in whole for kind in kinds] == [True, False, False, False]
