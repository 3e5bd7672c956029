"""What every store promises when many write at once."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import IntegrityError

from hub.adapters.store.application import StoreApplication
from hub.errors import Forbidden, KeyDestroyed, Missing, NoGrant
from hub.ports import Alongside, DoneBefore, Idempotency
from tests.integration.store.suite import Suite
from tests.integration.store.support import (
    NGO,
    NOW,
    Place,
    changed,
    looked,
    message,
    new_case,
    stored_grant,
    with_partner,
)

RACES = 500
WRITERS = 8


def together(*work: Callable[[], Any]) -> list[Any]:
    """Do all at the same moment; what each returned or raised."""
    begin = threading.Barrier(len(work))

    def one(do: Callable[[], Any]) -> Any:
        begin.wait()
        try:
            return do()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(work)) as pool:
        return [future.result() for future in [pool.submit(one, do) for do in work]]


class Races(Suite):
    """In real threads, against the real database."""

    @pytest.mark.timeout(600)
    def test_nothing_is_opened_after_a_withdrawal(self, app: StoreApplication) -> None:
        """500 withdrawals, each against two openings: in the order of the log none stands behind it.

        No withdrawal is refused. Both orders must have happened often, else nothing was tried.
        """
        case_id = new_case(app)
        before = after = 0
        for version in range(1, RACES + 1):
            grant = stored_grant(app)
            withdrawal, *openings = together(
                partial(self.withdraw, app, changed(case_id, version), grant),
                *[partial(self.open, app, case_id, grant)] * 2,
            )
            assert isinstance(withdrawal, int), withdrawal
            for opened in openings:
                assert isinstance(opened, NoGrant | int)
                if isinstance(opened, int):
                    assert opened < withdrawal
                    before += 1
                else:
                    after += 1
        assert min(before, after) > RACES // 20, (before, after)

    def withdraw(self, app: StoreApplication, event: Any, grant: UUID) -> int:
        return app.commit(event, alongside=Alongside(now=NOW, ends_grants=(grant,)))

    def open(self, app: StoreApplication, case_id: UUID, grant: UUID) -> int:
        return app.commit(looked(case_id), alongside=Alongside(now=NOW, needs_grants=(grant,)))

    @pytest.mark.parametrize("guard", ["needs_grants", "needs_any_grant", "needs_keys", "needs_partners"])
    def test_a_guard_sees_what_was_committed_while_it_waited(
        self, app: StoreApplication, place: Place, guard: str
    ) -> None:
        """Another command holds the lock and ends what this one needs; this one was begun before that."""
        case_id, grant, other = new_case(app), stored_grant(app), stored_grant(app)
        with_partner(app)
        needs: dict[str, Any] = {
            "needs_grants": (other, grant),
            "needs_any_grant": ((other,), (grant,)),
            "needs_keys": (case_id,),
            "needs_partners": (NGO,),
        }
        alongside = Alongside(now=NOW, **{guard: needs[guard]})
        holder = place.open()
        uuid = app.store.database.uuid
        with ThreadPoolExecutor(1) as pool:
            with holder.store.database.transaction(append_lock=True) as run:
                waiting = pool.submit(app.commit, looked(case_id), alongside=alongside)
                time.sleep(0.2)
                assert not waiting.done()
                run("UPDATE grants SET state = 'ended', wrapped = NULL WHERE grant_id = ?", [uuid(grant)])
                run("UPDATE keys SET state = 'destroyed', wrapped = NULL WHERE key_id = ?", [uuid(case_id)])
                run("UPDATE partners SET active = ? WHERE slug = ?", [False, NGO])
            assert isinstance(waiting.exception(), NoGrant | KeyDestroyed | Forbidden)
        holder.close()
        assert app.notifications(0, 10) == []

    def test_a_block_is_seen_though_it_came_while_waiting(self, app: StoreApplication, place: Place) -> None:
        """The block list is read under the lock too."""
        case_id, holder = new_case(app), place.open()
        alongside = Alongside(now=NOW, needs_unblocked=((uuid4(), case_id), "sub-17"))
        row = [app.store.database.uuid(case_id), "sub-17"]
        with ThreadPoolExecutor(1) as pool:
            with holder.store.database.transaction(append_lock=True) as run:
                waiting = pool.submit(app.commit, looked(case_id), alongside=alongside)
                time.sleep(0.2)
                run("INSERT INTO block_list (case_id, person) VALUES (?, ?)", row)
            assert isinstance(waiting.exception(), Missing)
        holder.close()

    def test_one_version_is_written_once(self, app: StoreApplication) -> None:
        """Whoever comes second meets the library's error."""
        case_id = new_case(app)
        for version in range(1, 41):
            found = together(*[lambda v=version: app.commit(changed(case_id, v))] * 4)
            assert [isinstance(f, int) for f in found].count(True) == 1
            assert [type(f) for f in found].count(IntegrityError) == 3

    def test_one_command_is_done_once(self, app: StoreApplication) -> None:
        """Eight callers with the same key: one does it, the others hear what it answered."""
        for n in range(20):
            case_id = new_case(app)
            idempotency = Idempotency(str(n).encode(), b"body", {"n": str(n)})
            alongside = Alongside(now=NOW, idempotency=idempotency, messages=(message(),))
            found = together(*[lambda c=case_id, a=alongside: app.commit(changed(c), alongside=a)] * WRITERS)
            (position,) = (f for f in found if isinstance(f, int))
            others = [f.done for f in found if isinstance(f, DoneBefore)]
            assert [(d.position, d.ids) for d in others] == [(position, {"n": str(n)})] * (WRITERS - 1)

    def test_sequences_have_no_gaps(self, app: StoreApplication) -> None:
        """Though every third command is refused; and the outbox has each recipient's in order."""
        recipients = ["havnen", "politi-oest", "akutmodtagelsen"]

        def write(writer: int) -> None:
            for n in range(40):
                to = [message(recipient=recipients[(writer + n + k) % 3]) for k in range(2)]
                needs = (uuid4(),) if n % 3 == 0 else ()
                with suppress(NoGrant):
                    app.commit(alongside=Alongside(now=NOW, messages=tuple(to), needs_grants=needs))

        assert together(*[lambda w=w: write(w) for w in range(WRITERS)]) == [None] * WRITERS
        outbox = app.store.outbox(0, 10_000, NOW)
        assert len(outbox) == WRITERS * 26 * 2
        for recipient in recipients:
            found = [m.sequence for m in outbox if m.recipient == recipient]
            assert found == list(range(1, len(found) + 1))

    def test_a_follower_misses_nothing(self, app: StoreApplication, place: Place) -> None:
        """Eight writers, one reader that asks for what is above the last it saw, with a store of its own."""
        case_ids = [new_case(app) for _ in range(WRITERS)]
        done = threading.Event()
        seen: list[tuple[UUID | str, int]] = []

        def follow() -> None:
            other, last = place.open(), 0
            while True:
                ended = done.is_set()
                found = other.notifications(last, 17)
                seen.extend((n.originator_id, n.originator_version) for n in found)
                last = found[-1].id if found else last
                if ended and not found:
                    break
            other.close()

        def write(case_id: UUID) -> None:
            for version in range(1, 61):
                with suppress(NoGrant):
                    app.commit(changed(case_id), alongside=Alongside(now=NOW, needs_grants=(uuid4(),)))
                app.commit(changed(case_id, version))

        reader = threading.Thread(target=follow)
        reader.start()
        found = together(*[lambda c=c: write(c) for c in case_ids])
        done.set()
        reader.join()
        assert found == [None] * WRITERS
        assert len(seen) == len(set(seen))
        assert set(seen) == {(c, v) for c in case_ids for v in range(1, 61)}
