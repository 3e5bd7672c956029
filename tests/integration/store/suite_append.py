"""What every store promises of one append: all or nothing, and every guard read under the lock."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import IntegrityError, Tracking

from hub.adapters.store.application import StoreApplication
from hub.aggregates.sealing import could_kill_key
from hub.done import DoneBefore
from hub.errors import (
    Forbidden,
    HubError,
    KeyDestroyed,
    Missing,
    NoGrant,
    SameKeyOtherBody,
    UnknownKey,
)
from hub.ports import Alongside, Done, Idempotency, NewGrant, WrappedKey
from tests.integration.store.suite_events import Suite
from tests.integration.store.support import (
    NGO,
    NOW,
    changed,
    execute,
    looked,
    message,
    mint,
    new_case,
    new_grant,
    partner,
    stored_grant,
    with_partner,
)

DAY = timedelta(days=1)
TABLES = (
    *("stored_events", "keys", "grants", "messages", "message_wraps", "recipients"),
    *("idempotency", "blind_index", "timers", "partners"),
)


def everything(app: StoreApplication) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    return {name: sorted(execute(app, f"SELECT * FROM {name}"), key=repr) for name in TABLES}  # noqa: S608


class Guards(Suite):
    """Each refuses with its own error, and nothing of the command stays."""

    def refused(self, app: StoreApplication, error: type[HubError], **alongside: Any) -> HubError:
        case_id = new_case(app)
        fresh, grant = uuid4(), new_grant(app)
        before = everything(app)
        with app.keys.minting() as minted:
            app.keys.mint(fresh)
            given: dict[str, Any] = {
                "now": NOW,
                "new_keys": minted.wrapped,
                "new_grants": (grant,),
                "messages": (message(grant.grant_id), message(recipient="politi-oest")),
                "blind_index": ((b"blind", case_id),),
                "timers": ((NOW, case_id),),
                "partner": partner("ny"),
                "idempotency": Idempotency(b"key", b"mac", {}),
                **alongside,
            }
            with pytest.raises(error) as caught:
                app.commit(changed(case_id), alongside=Alongside(**given))
        assert everything(app) == before
        with pytest.raises(UnknownKey):
            app.keys.key(fresh)
        return caught.value

    def test_an_ended_grant(self, app: StoreApplication) -> None:
        grant = stored_grant(app)
        app.commit(alongside=Alongside(now=NOW, needs_grants=(grant,)))
        app.commit(alongside=Alongside(now=NOW, ends_grants=(grant,)))
        self.refused(app, NoGrant, needs_grants=(grant,))

    def test_a_grant_that_ends_in_the_same_command(self, app: StoreApplication) -> None:
        """Ends come before guards; and the end is undone with the rest."""
        grant = stored_grant(app)
        self.refused(app, NoGrant, ends_grants=(grant,), needs_grants=(grant,))

    def test_a_grant_past_its_end_in_time(self, app: StoreApplication) -> None:
        """From the moment that it ends; one without an end lives on."""
        grant, standing = stored_grant(app, NOW + DAY), stored_grant(app, None)
        late = NOW + DAY
        app.commit(alongside=Alongside(now=late - timedelta(microseconds=1), needs_grants=(grant,)))
        app.commit(alongside=Alongside(now=late + 1000 * DAY, needs_grants=(standing,)))
        self.refused(app, NoGrant, now=late, needs_grants=(standing, grant))

    def test_one_living_grant_of_each_group(self, app: StoreApplication) -> None:
        """Unknown and ended ones do not count; an empty group is nothing to rest on."""
        living, ended = stored_grant(app), stored_grant(app)
        app.commit(alongside=Alongside(now=NOW, ends_grants=(ended,)))
        groups = ((ended, living), (living,), (uuid4(), living, living))
        app.commit(alongside=Alongside(now=NOW, needs_any_grant=groups))
        self.refused(app, NoGrant, needs_any_grant=((living,), (ended, uuid4())))
        self.refused(app, NoGrant, needs_any_grant=((living,), ()))

    def test_a_destroyed_and_an_unknown_key(self, app: StoreApplication) -> None:
        """Are two things."""
        gone, there = new_case(app), new_case(app)
        app.commit(alongside=Alongside(now=NOW, needs_keys=(gone, there)))
        app.keys.destroy(gone)
        self.refused(app, KeyDestroyed, needs_keys=(there, gone))
        self.refused(app, UnknownKey, needs_keys=(there, uuid4()))

    def test_a_suspended_and_an_unknown_partner(self, app: StoreApplication) -> None:
        """Unknown means no."""
        with_partner(app)
        app.commit(alongside=Alongside(now=NOW, needs_partners=(NGO,)))
        assert "ukendt" in str(self.refused(app, Forbidden, needs_partners=(NGO, "ukendt")))
        app.commit(alongside=Alongside(now=NOW, partner=partner(active=False)))
        self.refused(app, Forbidden, needs_partners=(NGO,))

    def test_a_blocked_person(self, app: StoreApplication) -> None:
        """Any entry of the case's block list against the person denies; it looks like no case."""
        case_id = uuid4()
        execute(app, "INSERT INTO block_list (case_id, person) VALUES (?, ?)", case_id, "sub-17")
        app.commit(alongside=Alongside(now=NOW, needs_unblocked=(case_id, "sub-18")))
        app.commit(alongside=Alongside(now=NOW, needs_unblocked=(uuid4(), "sub-17")))
        self.refused(app, Missing, needs_unblocked=(case_id, "sub-17"))

    def test_a_version_that_is_taken(self, app: StoreApplication) -> None:
        """The library's error, and nothing of the command stays."""
        case_id = new_case(app)
        app.commit(changed(case_id))
        before = everything(app)
        with pytest.raises(IntegrityError):
            app.commit(
                *(looked(case_id), changed(case_id)),
                alongside=Alongside(now=NOW, messages=(message(),), timers=((NOW, case_id),)),
            )
        assert everything(app) == before

    def test_a_key_minted_twice(self, app: StoreApplication) -> None:
        """Two commands that made the same person's key: one of them reads again."""
        key_id = new_case(app)
        twin = WrappedKey(key_id, 1, b"other")
        with pytest.raises(IntegrityError):
            app.commit(alongside=Alongside(now=NOW, new_keys=(twin,)))
        app.keys.destroy(key_id)
        with pytest.raises(KeyDestroyed):
            app.commit(alongside=Alongside(now=NOW, new_keys=(twin,)))

    def test_a_grants_key_among_the_keys(self, app: StoreApplication) -> None:
        """Would outlive its withdrawal."""
        grant = new_grant(app)
        with pytest.raises(ValueError, match="its grant's row"):
            app.commit(alongside=Alongside(now=NOW, new_grants=(grant,), new_keys=(grant.key,)))
        other = NewGrant(uuid4(), NGO, None, grant.key)
        with pytest.raises(ValueError, match="its grant's row"):
            app.commit(alongside=Alongside(now=NOW, new_grants=(other,)))

    def test_no_tracking(self, app: StoreApplication) -> None:
        """Marks are kept another way; the library's is not dropped in silence."""
        with pytest.raises(ValueError, match="set_position"):
            app.recorder.insert_events([], tracking=Tracking("x", 1))


class Repeats(Suite):
    """The same command twice is done once."""

    def command(self, app: StoreApplication, body: bytes = b"body") -> int:
        case_id = uuid4()
        idempotency = Idempotency(b"key", body, {"case": "7KQM-2RXD"})
        with app.keys.minting() as minted:
            app.keys.mint(case_id)
            alongside = Alongside(now=NOW, idempotency=idempotency, new_keys=minted.wrapped)
            return app.commit(changed(case_id), changed(case_id, 2), alongside=alongside)

    def test_done_before(self, app: StoreApplication) -> None:
        """The answer is told again and nothing is written."""
        assert app.store.done(b"key", b"body") is None
        position = self.command(app)
        before = everything(app)
        with pytest.raises(DoneBefore) as caught:
            self.command(app)
        assert caught.value.done == Done(position, {"case": "7KQM-2RXD"}) == app.store.done(b"key", b"body")
        assert everything(app) == before
        assert position == 2

    def test_another_body_under_the_same_key(self, app: StoreApplication) -> None:
        """Is refused, at append and when asked."""
        self.command(app)
        with pytest.raises(SameKeyOtherBody):
            self.command(app, b"other")
        with pytest.raises(SameKeyOtherBody):
            app.store.done(b"key", b"other")

    def test_done_before_wins_over_every_guard(self, app: StoreApplication) -> None:
        """What was done is done, though the grant has ended since."""
        grant, case_id = stored_grant(app), new_case(app)
        alongside = Alongside(now=NOW, idempotency=Idempotency(b"k", b"b", {}), needs_grants=(grant,))
        app.commit(changed(case_id), alongside=alongside)
        app.commit(alongside=Alongside(now=NOW, ends_grants=(grant,)))
        with pytest.raises(DoneBefore):
            app.commit(changed(case_id), alongside=alongside)

    def test_a_refused_command_leaves_its_key_free(self, app: StoreApplication) -> None:
        """It may be asked again when the case allows it."""
        idempotency = Idempotency(b"k", b"b", {})
        with pytest.raises(NoGrant):
            app.commit(alongside=Alongside(now=NOW, idempotency=idempotency, needs_grants=(uuid4(),)))
        assert app.store.done(b"k", b"b") is None

    def test_a_command_without_events(self, app: StoreApplication) -> None:
        """Has the position that the log had reached."""
        case_id = new_case(app)
        app.commit(changed(case_id))
        position = app.commit(alongside=Alongside(now=NOW, idempotency=Idempotency(b"k", b"b", {})))
        assert app.store.done(b"k", b"b") == Done(position, {}) == Done(1, {})


class Reading(Suite):
    """The clear tables, read back."""

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
        wraps = app.store.living_wraps([both.message_id, control.message_id, uuid4()], NGO, NOW)
        assert {(w.grant_id, w.wraps) for w in wraps} == {(first, b"1"), (second, b"2")}
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
        with_partner(app, "politi-oest")
        grant = stored_grant(app)
        told = message(grant, recipient="politi-oest")
        app.commit(alongside=Alongside(now=NOW, messages=(told,)))
        assert app.store.living_wraps([told.message_id], "politi-oest", NOW) == []
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

    def test_the_blind_index(self, app: StoreApplication) -> None:
        """Cases under a value; the same twice is one."""
        one, two = new_case(app), new_case(app)
        for case_id in (one, two, one):
            app.commit(alongside=Alongside(now=NOW, blind_index=((b"b" * 32, case_id),)))
        assert sorted(app.store.cases_of(b"b" * 32)) == sorted([one, two])
        assert app.store.cases_of(b"c" * 32) == []

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
