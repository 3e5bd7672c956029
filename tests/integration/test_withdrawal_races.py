"""A withdrawal is one write, wins every race, and leaves nothing open.

Run as a program (`python -m tests.integration.test_withdrawal_races FOLDER`) this file is the second process
of the race between processes: it works on the cases whose ids come in, a line each.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from contracts.envelope import from_headers
from contracts.message_v1 import Revoked
from contracts.terms import BasisRule, Category, SafetyLevel
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import ConsentExpired, ConsentWithdrawn
from hub.aggregates.disclosure_ledger import Disclosed, RevocationReason
from hub.aggregates.disclosure_ledger import Revoked as RevokedOnRecord
from hub.aggregates.receipts import Delivered, Opened
from hub.errors import Conflict, Missing
from hub.operating.working import fire_timers
from hub.ports import StoredMessage
from hub.topics.relay import Relay
from tests.world import (
    MUNICIPALITY,
    NGO,
    NIGHT,
    PARTNERS,
    POLICE,
    SAME_WOMAN,
    SHELTER,
    TOVHOLDER,
    UNIT,
    World,
    at,
    is_blank,
)

C = Category
RACES = 500
PROCESS_RACES = 40
DATABASE = "RACES_DATABASE_URL"
"""Where the second process finds the database: an address with a password stands on no command line."""
SYSTEM = Actor("havnen-system", "havnen", "partner_system", NGO)


def revocations(world: World, recipient: str = NGO) -> list[Revoked]:
    return [c for c in world.controls_of(recipient) if isinstance(c, Revoked)]


def openable(world: World, recipient: str = NGO) -> set[tuple[UUID, int]]:
    """(message, part) of all that opens; the head is part 0."""
    return {(t.message_id, n) for t in world.told(recipient) for n in (0, *t.parts)}


# --- what a withdrawal does ---------------------------------------------------------------------------


def test_after_the_whole_is_withdrawn_nothing_opens(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case, [NGO, SHELTER], [C.INCIDENT, C.RISK, C.REFERRAL])
    world.refer(case, NGO)
    world.assess(case)
    assert world.told(NGO)
    world.withdraw(case, consent)
    for partner in (NGO, SHELTER):
        assert world.told(partner) == []
        wanted = [m.message_id for m in world.messages_of(partner)]
        assert world.parts.opener.heads(at(partner), wanted) == {}
        assert not any(m.living for m in world.messages_of(partner))
    assert world.told(UNIT)


def test_what_had_not_left_travels_as_a_blank_under_its_own_number(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case)
    world.withdraw(case, consent)
    sent = world.parts.outgoing.messages_of(NGO, 0, 0, 100)
    stored = world.stored(NGO)
    assert [(e.epoch, e.sequence) for e in sent] == [(m.epoch, m.sequence) for m in stored]
    assert is_blank(world, NGO, sent[0].value, sent[0].message_id)
    assert sent[1].value == stored[1].sealed


def test_withdrawn_from_one_recipient_the_others_keep_what_they_have(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case, [NGO, SHELTER], [C.INCIDENT])
    world.withdraw(case, consent, recipient=NGO)
    assert world.told(NGO) == []
    assert world.told_categories(SHELTER) == {C.INCIDENT}
    assert revocations(world, SHELTER) == []


def test_one_category_withdrawn_closes_its_parts_alone(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case, [NGO], [C.INCIDENT, C.IDENTITY])
    before = openable(world)
    world.withdraw(case, consent, category=C.IDENTITY)
    assert world.told_categories(NGO) == {C.INCIDENT}
    (revoked,) = revocations(world)
    assert revoked.messages == ()
    closed = {(m, n) for m, parts in revoked.parts.items() for n in parts}
    assert closed == before - openable(world)
    assert closed


def test_one_category_of_one_recipient(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case, [NGO, SHELTER], [C.INCIDENT, C.WISHES])
    world.withdraw(case, consent, recipient=SHELTER, category=C.WISHES)
    assert world.told_categories(NGO) == {C.INCIDENT, C.WISHES}
    assert world.told_categories(SHELTER) == {C.INCIDENT}


def test_what_rests_on_two_consents_stays_open_while_one_lives(world: World) -> None:
    case = world.open_case()
    first, second = (world.consent(case, [NGO], [C.RISK]) for _ in range(2))
    world.assess(case)
    world.withdraw(case, first)
    assert world.told_categories(NGO) == {C.RISK}
    assert revocations(world) == []
    world.withdraw(case, second)
    assert world.told(NGO) == []
    (revoked,) = revocations(world)
    assert set(revoked.messages) == {m.message_id for m in world.messages_of(NGO)}


def test_a_legal_basis_keeps_open_what_was_told_under_it_too(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case, [POLICE], [C.RISK])
    world.legal_basis(case, [POLICE], [C.RISK], BasisRule.RETSPLEJELOV_115)
    world.assess(case)
    world.withdraw(case, consent)
    assert [t.categories for t in world.told(POLICE)] == [{C.RISK}]


def test_a_revocation_names_exactly_what_it_closes_and_never_twice(world: World) -> None:
    case, other = world.open_case(), world.open_case(SAME_WOMAN)
    first = world.consent(case, [NGO], [C.INCIDENT, C.IDENTITY])
    world.consent(other, [NGO], [C.INCIDENT])
    world.read_free_text(case)
    second = world.consent(case, [NGO], [C.FREE_TEXT])
    named: set[UUID] = set()
    for consent, category in ((first, C.IDENTITY), (second, None), (first, None)):
        before, count = openable(world), len(revocations(world))
        world.withdraw(case, consent, category=category)
        (revoked,) = revocations(world)[count:]
        closed = before - openable(world)
        by_name = {(m, n) for m, n in before if m in revoked.messages}
        by_name |= {(m, n) for m, parts in revoked.parts.items() for n in parts}
        assert closed == by_name
        assert revoked.thread == world.thread(case, NGO)
        assert not named & set(revoked.messages)
        named |= set(revoked.messages)
    assert {t.head.thread for t in world.told(NGO)} == {world.thread(other, NGO)}


def test_a_revocation_is_on_record_with_its_reason_and_when_silence_counts(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case)
    world.withdraw(case, consent)
    (entry,) = world.facts(RevokedOnRecord)
    assert entry.reason is RevocationReason.WITHDRAWN
    assert entry.answer_by == world.clock() + timedelta(hours=24)
    assert set(entry.messages) == {m.message_id for m in world.messages_of(NGO)}


def test_a_second_withdrawal_is_heard_and_does_nothing_more(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case)
    world.withdraw(case, consent)
    length = len(world.log())
    world.withdraw(case, consent)
    assert len(world.log()) == length
    assert len(revocations(world)) == 1


def test_a_withdrawal_needs_no_version_and_hears_no_stale_one(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case)
    world.parts.hub.withdraw_consent(replace(world.command(TOVHOLDER), expected=1), case, consent)
    assert world.told(NGO) == []


def test_a_withdrawal_is_heard_while_the_inquiry_is_matched_and_while_a_partner_is_suspended(
    world: World,
) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    consent = world.consent(inquiry, [NGO], [C.INCIDENT])
    world.match(case, inquiry)
    world.suspend(NGO)
    world.withdraw(inquiry, consent)
    world.resume(NGO)
    assert world.told(NGO) == []
    assert len(revocations(world)) == 1


def test_a_withdrawn_category_that_nobody_was_told_of_sends_no_revocation(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case, [NGO], [C.REFERRAL])
    world.withdraw(case, consent)
    assert world.stored(NGO) == []


def test_a_consent_that_was_withdrawn_never_lives_again_by_a_new_one(world: World) -> None:
    case = world.open_case()
    old = world.consent(case, [NGO], [C.INCIDENT])
    (closed,) = world.messages_of(NGO)
    world.withdraw(case, old)
    world.consent(case, [NGO], [C.INCIDENT])
    (told,) = world.told(NGO)
    assert told.message_id != closed.message_id


def test_a_renewed_consent_keeps_open_what_was_told_under_the_one_before(world: World) -> None:
    case = world.open_case()
    old = world.consent(case, [NGO], [C.INCIDENT])
    world.consent(case, [NGO], [C.INCIDENT])
    world.withdraw(case, old)
    assert world.told_categories(NGO) == {C.INCIDENT}


def test_a_match_undone_closes_what_was_told_of_the_other_citizen(world: World) -> None:
    case, mistaken = world.open_case(), world.report("skadestue-mand-slaaet-af-sin-bror")
    world.consent(case, [NGO], [C.INCIDENT])
    world.match(case, mistaken)
    world.unmatch(case, mistaken)
    assert len(world.told(NGO)) == 1


def test_a_match_undone_while_the_partner_is_suspended_stays_closed_afterwards(world: World) -> None:
    case, mistaken = world.open_case(), world.report("skadestue-mand-slaaet-af-sin-bror")
    world.consent(case, [NGO], [C.INCIDENT])
    world.match(case, mistaken)
    world.suspend(NGO)
    world.unmatch(case, mistaken)
    world.resume(NGO)
    assert len(world.told(NGO)) == 1


def test_a_match_undone_closes_its_parts_of_what_was_told_together_with_the_case(world: World) -> None:
    case, mistaken = world.open_case(), world.report("skadestue-mand-slaaet-af-sin-bror")
    world.match(case, mistaken)
    world.consent(case, [NGO], [C.INCIDENT])
    assert [len(told.parts) for told in world.told(NGO)] == [2]

    world.unmatch(case, mistaken)

    assert [len(told.parts) for told in world.told(NGO)] == [1]
    (revoked,) = [c for c in world.controls_of(NGO) if isinstance(c, Revoked)]
    assert [list(parts) for parts in revoked.parts.values()] == [[2]]
    (fact,) = world.facts(RevokedOnRecord)
    assert fact.reason is RevocationReason.DISCLOSED_IN_ERROR


def test_what_was_renewed_is_dropped_when_the_last_grant_ends(world: World) -> None:
    case = world.open_case()
    old = world.consent(case, [NGO], [C.INCIDENT])
    new = world.consent(case, [NGO], [C.INCIDENT])
    told = [m.message_id for m in world.messages_of(NGO)]
    world.withdraw(case, old)
    assert not [c for c in world.controls_of(NGO) if isinstance(c, Revoked)]

    world.withdraw(case, new)

    assert world.told(NGO) == []
    (revoked,) = [c for c in world.controls_of(NGO) if isinstance(c, Revoked)]
    assert list(revoked.messages) == told


# --- an end in time -----------------------------------------------------------------------------------


def test_an_end_in_time_does_everything_that_a_withdrawal_does(world: World) -> None:
    case = world.open_case()
    world.consent(case, [NGO], [C.INCIDENT], lasts=timedelta(hours=1))
    world.clock.move(timedelta(hours=1))
    assert fire_timers(world.parts) == 1
    assert world.told(NGO) == []
    assert len(world.facts(ConsentExpired)) == 1
    (revoked,) = revocations(world)
    assert set(revoked.messages) == {m.message_id for m in world.messages_of(NGO)}
    assert fire_timers(world.parts) == 0
    world.clock.move(timedelta(hours=-1))
    assert world.told(NGO) == []


def test_a_legal_basis_ends_in_time_too(world: World) -> None:
    case = world.open_case()
    world.legal_basis(case, [POLICE], [C.INCIDENT], BasisRule.VITAL_INTEREST, lasts=timedelta(hours=1))
    assert world.told_categories(POLICE) == {C.INCIDENT}
    world.clock.move(timedelta(hours=2))
    fire_timers(world.parts)
    assert world.told(POLICE) == []
    assert [r.reason for r in world.facts(RevokedOnRecord)] == [RevocationReason.BASIS_ENDED]


def test_a_consent_withdrawn_before_its_end_expires_silently(world: World) -> None:
    case = world.open_case()
    world.withdraw(case, world.consent(case, lasts=timedelta(hours=1)))
    length = len(world.log())
    world.clock.move(timedelta(hours=2))
    fire_timers(world.parts)
    assert len(world.log()) == length


def test_an_erased_case_keeps_no_other_consent_from_ending(world: World) -> None:
    gone, other = world.open_case(), world.open_case(SAME_WOMAN)
    world.consent(gone, [NGO], [C.INCIDENT], lasts=timedelta(minutes=30))
    world.consent(other, [NGO], [C.INCIDENT], lasts=timedelta(hours=1))
    world.parts.app.keys.destroy(gone)
    world.clock.move(timedelta(hours=2))
    while fire_timers(world.parts):
        pass
    assert len(world.facts(ConsentExpired)) == 1
    assert len(revocations(world)) == 1


# --- under contention ---------------------------------------------------------------------------------


def test_a_withdrawal_under_heavy_contention_never_ends_as_a_conflict(world: World) -> None:
    case = world.open_case()
    consents = [world.consent(case, [NGO], [c]) for c in (C.INCIDENT, C.RISK, C.WISHES, C.IDENTITY)]
    stop, written = threading.Event(), [0] * 4

    def write(who: int) -> None:
        while not stop.is_set():
            try:
                world.assess(case)
            except Conflict:
                continue
            written[who] += 1

    with ThreadPoolExecutor(len(written) + len(consents)) as pool:
        writers = [pool.submit(write, n) for n in range(len(written))]
        try:
            while sum(written) < len(written) * 2:
                time.sleep(0.01)
            waiting = [pool.submit(world.withdraw, case, consent) for consent in consents]
            for withdrawal in waiting:
                withdrawal.result(timeout=60)
        finally:
            stop.set()
        for writer in writers:
            writer.result(timeout=60)
    assert sum(written) > len(written)
    assert len(world.facts(ConsentWithdrawn)) == len(consents)
    assert world.told(NGO) == []


# --- races --------------------------------------------------------------------------------------------


@dataclass
class Race:
    """One withdrawal against everything else, on one case; times are of one clock for all processes."""

    world: World
    case: UUID
    consent: UUID
    relaying: Relay
    after: int
    """The last number of the NGO's messages before the race."""
    withdrawn_at: float = float("inf")
    """When the withdrawal had returned."""
    opened_at: list[float] = field(default_factory=list)
    """When each request began that was given keys."""
    sent_at: list[float] = field(default_factory=list)
    """When each sending began that let content leave."""

    def withdraw(self) -> None:
        try:
            self.world.withdraw(self.case, self.consent)
        finally:  # also when it was refused, which fails the test and must not keep the others running
            self.withdrawn_at = time.monotonic()

    def append(self) -> None:
        for _ in range(2):
            try:
                self.world.assess(self.case)
            except Conflict:
                continue

    def open(self) -> None:
        self._until_closed(self._open_all)

    def heads(self) -> None:
        self._until_closed(self._take_heads)

    def send(self) -> None:
        self._until_closed(self._send_all)

    def relay(self) -> None:
        self.relaying.step()

    def _until_closed(self, ask: Callable[[], float | None]) -> None:
        while True:
            closed = self.withdrawn_at < time.monotonic()
            ask()
            if closed:
                return

    def _open_all(self) -> None:
        for message in self.mine():
            began = time.monotonic()
            try:
                self.world.open_message(NGO, message)
            except Missing:
                continue
            self.opened_at.append(began)

    def _take_heads(self) -> None:
        wanted = [m.message_id for m in self.mine()]
        began = time.monotonic()
        try:
            if self.world.parts.opener.heads(SYSTEM, wanted):
                self.opened_at.append(began)
        except Missing:
            pass

    def _send_all(self) -> None:
        sealed = {m.message_id: m.sealed for m in self.mine()}
        began = time.monotonic()
        sent = self.world.parts.outgoing.messages_of(NGO, 1, self.after, 100)
        if any(sealed.get(e.message_id) == e.value for e in sent):
            self.sent_at.append(began)

    def mine(self) -> list[StoredMessage]:
        """The data messages that the NGO was sent in this race."""
        store, now = self.world.parts.app.store, self.world.clock()
        return [m for m in store.messages_of(NGO, 1, self.after, 100, now) if not m.control]


def run(race: Race, pool: ThreadPoolExecutor, turn: int) -> None:
    """Let all of them go at once; who begins shifts with the turn."""
    runners = [race.withdraw, race.append, race.open, race.heads, race.send, race.relay]
    runners = runners[turn % len(runners) :] + runners[: turn % len(runners)]
    line = threading.Barrier(len(runners))

    def start(runner: Callable[[], None]) -> None:
        line.wait()
        runner()

    futures: list[Future[None]] = [pool.submit(start, runner) for runner in runners]
    for done in futures:
        done.result(timeout=120)


def judge(race: Race, position: int) -> None:
    """What must hold of the log after `position`, whoever was first."""
    world, thread = race.world, race.world.thread(race.case, NGO)
    log = world.log(position)
    (withdrawn,) = [n for n, e in log if isinstance(e, ConsentWithdrawn)]
    told = [(n, e) for n, e in world.log(position) if isinstance(e, Disclosed) and e.originator_id == thread]
    mine = {m.message_id for m in race.mine()}
    assert all(n < withdrawn for n, _ in told), "told after the withdrawal"
    assert all(n < withdrawn for n, e in log if isinstance(e, Opened) and e.message_id in mine)
    assert all(n < withdrawn for n, e in log if isinstance(e, Delivered) and mine & set(e.messages))
    assert all(began < race.withdrawn_at for began in race.opened_at), "a key after the withdrawal"
    assert all(began < race.withdrawn_at for began in race.sent_at), "content left after the withdrawal"
    stored = world.parts.app.store.messages_of(NGO, 1, race.after, 100, world.clock())
    assert not any(m.living for m in stored if not m.control)
    assert world.parts.app.store.living_wraps(sorted(mine, key=str), NGO, world.clock()) == []
    named = {m for s in stored if s.control for m in world.control(s).messages}  # type: ignore[union-attr]
    assert named == mine, "the revocation names what was told, all of it and nothing else"


class Topic:
    """The NGO's topic, read to its end time after time."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        self._reader = broker.consumer(f"{MUNICIPALITY}.to.{NGO}", f"{NGO}.races")

    def content(self, race: Race) -> int:
        """How many of the race's messages lie among what is new, with their content."""
        sealed = {m.message_id: m.sealed for m in race.mine()}
        new = [from_headers(r.headers, r.value) for r in self._reader.poll(100_000, 0)]
        return sum(sealed.get(e.message_id) == e.value for e in new)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    """Give an embedded broker with a topic for each partner."""
    with closing(EmbeddedBroker(tmp_path / "broker.db")) as found:
        found.create_topics([f"{MUNICIPALITY}.to.{slug}" for slug in PARTNERS], 1)
        yield found


@pytest.mark.timeout(600)
def test_withdraw_append_send_and_open_in_500_races(world: World, broker: EmbeddedBroker) -> None:
    store, topic, relaying = world.parts.app.store, Topic(broker), world.parts.relay(broker)
    opened = sent = relayed = told = after = 0
    with ThreadPoolExecutor(8) as pool:
        for turn in range(RACES):
            case = world.report(NIGHT if turn % 2 else SAME_WOMAN)
            consent = world.consent(case, [NGO], [C.INCIDENT, C.RISK])
            race = Race(world, case, consent, relaying, after)
            position = world.parts.app.recorder.max_notification_id() or 0
            run(race, pool, turn)
            judge(race, position)
            relayed += topic.content(race)
            relaying.step()
            assert topic.content(race) == 0, "content was relayed after the withdrawal"
            opened, sent = opened + len(race.opened_at), sent + len(race.sent_at)
            told += len(race.mine())
            after = store.messages_of(NGO, 1, after, 100, world.clock())[-1].sequence
    relaying.close()
    assert opened, "nobody was ever first to open: these were no races"
    assert sent, "nobody was ever first to send: these were no races"
    assert relayed, "the relay was never first: these were no races"
    assert told > RACES, "nobody was ever first to append: these were no races"


# --- two processes ------------------------------------------------------------------------------------


def second_process(folder: Path) -> None:
    """Send, open and append to each case named on standard input; say when began what let something out."""
    with closing(World.opened(folder, {}, os.environ[DATABASE])) as world:
        print("ready", flush=True)  # noqa: T201 (how it answers)
        for line in sys.stdin:
            case, message, until = UUID(line.split()[0]), UUID(line.split()[1]), time.monotonic() + 2.0
            stored = world.parts.app.store.message(message, world.clock())
            assert stored is not None
            opened: list[float] = []
            sent: list[float] = []
            while time.monotonic() < until:
                began = time.monotonic()
                (leaves,) = world.parts.outgoing.messages_of(NGO, 1, stored.sequence - 1, 1)
                if leaves.value == stored.sealed:
                    sent.append(began)
                began = time.monotonic()
                try:
                    world.parts.opener.open(at(NGO), message, purpose="referral")
                except Missing:
                    break
                opened.append(began)
                if len(opened) % 3 == 1:
                    try:
                        world.level(case, SafetyLevel.HIGH if len(opened) % 2 else SafetyLevel.RAISED)
                    except Conflict:
                        continue
            print(json.dumps([opened, sent]), flush=True)  # noqa: T201 (how it answers)


def test_a_withdrawal_in_one_process_closes_what_another_process_sends_and_opens(world: World) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.test_withdrawal_races", str(world.parts.settings.data_dir)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), DATABASE: world.parts.settings.database_url},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline().strip() == "ready"
        opened = sent = 0
        for turn in range(PROCESS_RACES):
            case = world.report()
            consent = world.consent(case, [NGO], [C.INCIDENT])
            message = world.messages_of(NGO)[-1]
            other.stdin.write(f"{case} {message.message_id}\n")
            other.stdin.flush()
            time.sleep(0.002 * (turn % 8))
            world.withdraw(case, consent)
            withdrawn = time.monotonic()
            keys, content = json.loads(other.stdout.readline())
            assert all(began < withdrawn for began in (*keys, *content))
            opened, sent = opened + len(keys), sent + len(content)
            log = world.log()
            (ended,) = [n for n, e in log if isinstance(e, ConsentWithdrawn) and e.originator_id == case]
            assert all(
                n < ended for n, e in log if isinstance(e, Opened) and e.message_id == message.message_id
            )
        other.stdin.close()
        assert other.wait(timeout=30) == 0
    assert opened, "the other process was never first to open: these were no races"
    assert sent, "the other process was never first to send: these were no races"


if __name__ == "__main__":
    second_process(Path(sys.argv[1]))
