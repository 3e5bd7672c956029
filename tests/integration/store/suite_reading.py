"""What every store promises of its clear tables and its log, read back."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from hub.adapters.store.application import StoreApplication
from hub.aggregates.sealing import could_kill_key
from hub.errors import UnknownKey
from hub.ports import Alongside, KeyRing, Store, View
from tests.integration.store.suite import Suite
from tests.integration.store.support import (
    NGO,
    NOW,
    changed,
    looked,
    message,
    mint,
    new_case,
    partner,
    stored_grant,
    with_partner,
)

DAY = timedelta(days=1)


class Reading(Suite):
    """The clear tables, read back."""

    def test_the_ports_are_kept(self, app: StoreApplication) -> None:
        """As far as types can tell: this test is mypy's."""
        ports: tuple[Store, KeyRing, View] = (app.store, app.keys, app.view("timeline"))
        assert len(ports[0].store_id) == 16

    def test_messages_are_numbered_by_recipient(self, app: StoreApplication) -> None:
        """From 1 without gaps, in the order given; the outbox has them all as they were committed."""
        one, two, three = message(), message(recipient="politi-oest"), message()
        position = app.commit(
            changed(new_case(app)), alongside=Alongside(now=NOW, messages=(one, two, three))
        )
        four = message()
        app.commit(alongside=Alongside(now=NOW, messages=(four,)))
        outbox = app.store.outbox(0, 10, NOW)
        assert [m.message_id for m in outbox] == [m.message_id for m in (one, two, three, four)]
        assert [(m.recipient, m.epoch, m.sequence) for m in outbox] == [
            *((NGO, 1, 1), ("politi-oest", 1, 1), (NGO, 1, 2), (NGO, 1, 3))
        ]
        assert [m.number for m in app.store.outbox(outbox[1].number, 1, NOW)] == [outbox[2].number]
        assert [m.sequence for m in app.store.messages_of(NGO, 1, 1, 10, NOW)] == [2, 3]
        assert [m.sequence for m in app.store.messages_of(NGO, 0, 99, 2, NOW)] == [1, 2]
        assert app.store.message(two.message_id, NOW) == outbox[1]
        assert app.store.message(uuid4(), NOW) is None
        assert outbox[0].sealed == one.sealed
        assert app.store.number_at(NGO, position) == (1, 3)
        assert app.store.number_at(NGO, position - 1) == (0, 0)
        app.commit(changed(new_case(app)), alongside=Alongside(now=NOW, messages=(message(),)))
        assert app.store.number_at(NGO, position) == (1, 3)
        assert app.store.number_at("ukendt", position) == (0, 0)

    def test_a_new_epoch_begins_at_one(self, app: StoreApplication) -> None:
        """After a restore, for recipients old and new."""
        app.commit(alongside=Alongside(now=NOW, messages=(message(), message())))
        assert app.store.begin_epoch() == 2
        app.commit(alongside=Alongside(now=NOW, messages=(message(), message(recipient="ny"))))
        assert [(m.recipient, m.epoch, m.sequence) for m in app.store.outbox(2, 10, NOW)] == [
            *((NGO, 2, 1), ("ny", 2, 1))
        ]
        assert [m.sequence for m in app.store.messages_of(NGO, 1, 1, 10, NOW)] == [2, 1]

    def test_what_lives(self, app: StoreApplication) -> None:
        """A message lives while any of its grants does, and a control message always."""
        with_partner(app)
        first, second = stored_grant(app, NOW + DAY), stored_grant(app)
        both = message(first)
        both = type(both)(both.message_id, NGO, both.sealed, {first: b"1", second: b"2"})
        control = message()
        app.commit(alongside=Alongside(now=NOW, messages=(both, control)))
        assert self.living(app, NOW) == [True, True]
        asked = [both.message_id, control.message_id, uuid4(), both.message_id]
        wraps = app.store.living_wraps(asked, NGO, NOW)
        assert sorted((w.wraps, w.grant_id) for w in wraps) == [(b"1", first), (b"2", second)]
        assert {w.key for w in wraps} == set(app.store.grant_keys([first, second, uuid4()]).values())
        assert all(len(app.keys.unwrap(w.key)) == 32 for w in wraps)
        app.commit(alongside=Alongside(now=NOW, ends_grants=(second,)))
        assert self.living(app, NOW) == [True, True]
        assert self.living(app, NOW + DAY) == [False, True]
        assert app.store.living_wraps([both.message_id], NGO, NOW + DAY) == []
        assert app.store.grant_keys([second]) == {}
        assert app.store.living_wraps([], NGO, NOW) == []
        assert app.store.outbox(2, 1, NOW) == []
        assert app.store.grant_keys([]) == {}

    def living(self, app: StoreApplication, now: Any) -> list[bool]:
        return [m.living for m in app.store.outbox(0, 10, now)]

    def test_wraps_are_for_their_recipient_while_it_is_active(self, app: StoreApplication) -> None:
        """Another one, a suspended one, or one that is no partner has none."""
        grant = stored_grant(app)
        told = message(grant)
        app.commit(alongside=Alongside(now=NOW, messages=(told,)))
        assert app.store.living_wraps([told.message_id], NGO, NOW) == []
        with_partner(app)
        with_partner(app, "politi-oest")
        assert len(app.store.living_wraps([told.message_id], NGO, NOW)) == 1
        assert app.store.living_wraps([told.message_id], "politi-oest", NOW) == []
        app.commit(alongside=Alongside(now=NOW, partner=partner(active=False)))
        assert app.store.living_wraps([told.message_id], NGO, NOW) == []

    def test_another_recipients_grant_opens_nothing(self, app: StoreApplication) -> None:
        """Though a wrap under it should ever have been written."""
        with_partner(app)
        with_partner(app, "politi-oest")
        grant = stored_grant(app)
        told = message(grant, recipient="politi-oest")
        app.commit(alongside=Alongside(now=NOW, messages=(told,)))
        for asks in ("politi-oest", NGO):
            assert app.store.living_wraps([told.message_id], asks, NOW) == []
        assert self.living(app, NOW) == [False]

    def test_partners(self, app: StoreApplication) -> None:
        """By slug; the last row of a slug counts."""
        with_partner(app)
        with_partner(app, "a-og-e")
        app.commit(alongside=Alongside(now=NOW, partner=partner(active=False)))
        assert app.store.partners() == [partner("a-og-e"), partner(active=False)]
        assert app.store.partner(NGO) == partner(active=False)
        assert app.store.partner("ukendt") is None

    def test_timers(self, app: StoreApplication) -> None:
        """Due ones, oldest first, until they are done; the same twice is one."""
        one, two = new_case(app), new_case(app)
        timers = ((NOW + DAY, one), (NOW, two), (NOW, two))
        app.commit(alongside=Alongside(now=NOW, timers=timers))
        app.commit(alongside=Alongside(now=NOW, timers=timers))
        assert app.store.due(NOW - DAY, 10) == []
        assert app.store.due(NOW, 10) == [(NOW, two)]
        assert app.store.due(NOW + DAY, 10) == [(NOW, two), (NOW + DAY, one)]
        assert app.store.due(NOW + DAY, 1) == [(NOW, two)]
        app.store.timer_done(NOW, two)
        app.store.timer_done(NOW, two)
        assert app.store.due(NOW + DAY, 10) == [(NOW + DAY, one)]
        app.store.timer_again(NOW, two)
        app.store.timer_again(NOW, two)
        assert app.store.due(NOW, 10) == [(NOW, two)]

    def test_the_blind_index(self, app: StoreApplication) -> None:
        """Cases under a value; the same twice is one, until it finds a case no more."""
        one, two = new_case(app), new_case(app)
        for case_id in (one, two, one):
            app.commit(alongside=Alongside(now=NOW, blind_index=((b"b" * 32, case_id),)))
        assert sorted(app.store.cases_of(b"b" * 32)) == sorted([one, two])
        assert app.store.cases_of(b"c" * 32) == []
        app.commit(alongside=Alongside(now=NOW, blind_gone=((b"b" * 32, one), (b"c" * 32, two))))
        assert app.store.cases_of(b"b" * 32) == [two]

    def test_marks_move_forward(self, app: StoreApplication) -> None:
        """And stay when an older one comes late."""
        assert app.store.position("relay") == 0
        for to, found in ((7, 7), (3, 7), (9, 9)):
            app.store.set_position("relay", to)
            assert app.store.position("relay") == found
        assert app.store.position("other") == 0

    def test_only_one_at_a_time(self, app: StoreApplication) -> None:
        """And the next when it has ended."""
        one = app.store.single
        with one("relay") as first, one("relay") as second, one("follower") as other:
            assert (first, second, other) == (True, False, True)
        with app.store.single("relay") as again:
            assert again

    def test_the_log_by_the_librarys_selections(self, app: StoreApplication) -> None:
        """As the library's recorders answer."""
        one, two = new_case(app), new_case(app)
        look = looked(two)
        app.commit(changed(one), changed(one, 2), look, changed(one, 3))

        def versions(**how: Any) -> list[int]:
            return [e.originator_version for e in app.recorder.select_events(one, **how)]

        assert versions() == [1, 2, 3]
        assert versions(gt=1, lte=2) == [2]
        assert versions(desc=True, limit=2) == [3, 2]
        assert [e.originator_version for e in app.recorder.select_events(str(one))] == [1, 2, 3]
        select = app.recorder.select_notifications
        assert [n.id for n in select(2, 10, stop=3)] == [2, 3]
        assert [n.id for n in select(2, 10, inclusive_of_start=False)] == [3, 4]
        assert [n.originator_id for n in select(None, 10, topics=["look.recorded", "x"])] == [look.id]
        assert app.recorder.max_notification_id() == 4

    def test_the_library_reads_what_we_wrote(self, app: StoreApplication) -> None:
        """Its repository folds our stream."""
        case_id = new_case(app)
        app.commit(changed(case_id), changed(case_id, 2))
        assert [e.originator_version for e in app.events.get(case_id)] == [1, 2]

    def test_one_case_key_from_another_thread(self, app: StoreApplication) -> None:
        """`could_kill_key` is a key of its own, from the case's id."""
        case_id = new_case(app)
        assert app.keys.key(case_id) != app.keys.key(could_kill_key(case_id))
        with pytest.raises(UnknownKey):
            app.keys.key(uuid4())
        mint(app, uuid4())
