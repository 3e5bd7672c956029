"""What every store promises of one append: all or nothing, and every guard read under the lock."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import IntegrityError, Tracking

from hub.adapters.store.application import StoreApplication
from hub.errors import (
    Forbidden,
    HubError,
    KeyDestroyed,
    Missing,
    NoGrant,
    SameKeyOtherBody,
    UnknownKey,
)
from hub.ports import Alongside, Done, DoneBefore, Idempotency, NewGrant, WrappedKey
from tests.integration.store.suite import Suite
from tests.integration.store.support import (
    NGO,
    NOW,
    changed,
    execute,
    looked,
    message,
    new_case,
    new_grant,
    partner,
    stored_grant,
    with_partner,
)

DAY = timedelta(days=1)
TABLES = (
    *("stored_events", "keys", "grants", "messages", "message_wraps"),
    *("idempotency", "blind_index", "timers", "partners"),
)


def everything(app: StoreApplication) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    return {name: sorted(execute(app, f"SELECT * FROM {name}"), key=repr) for name in TABLES}  # noqa: S608 (names of our own)


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
        app.commit(alongside=Alongside(now=NOW, needs_unblocked=((case_id,), "sub-18")))
        app.commit(alongside=Alongside(now=NOW, needs_unblocked=((uuid4(),), "sub-17")))
        self.refused(app, Missing, needs_unblocked=((uuid4(), case_id), "sub-17"))

    def test_entries_of_the_block_list(self, app: StoreApplication) -> None:
        """Written and lifted with the events that say so; any of several cases is found."""
        case_id, other = sorted((uuid4(), uuid4()), key=str)
        entries = ((case_id, "ngo:sub-17"), (other, "ngo:sub-17"), (other, "ngo:sub-18"))
        app.commit(alongside=Alongside(now=NOW, blocks=entries))
        app.commit(alongside=Alongside(now=NOW, blocks=entries))
        assert app.store.block_list() == list(entries)
        assert app.store.blocked_from("ngo:sub-17") == [case_id, other]
        assert app.store.barred([case_id, uuid4()], ["ngo:sub-17", "ngo:sub-18"]) == {entries[0]}
        self.refused(app, Missing, needs_unblocked=((other,), "ngo:sub-18"))
        app.commit(alongside=Alongside(now=NOW, unblocks=entries[2:]))
        app.commit(alongside=Alongside(now=NOW, needs_unblocked=((other,), "ngo:sub-18")))
        assert app.store.block_list() == list(entries[:2])

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
