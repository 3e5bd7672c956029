"""Part keys under grants: any living grant opens, and whom a part is about can still be forgotten."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import TamperedRow
from hub.keys.sealing import new_key
from hub.keys.wraps import PartKey, unwrap, without, wrap

MESSAGE, GRANT, PERSON = uuid4(), uuid4(), uuid4()
GRANT_KEY = new_key()
PERSONS = {PERSON: new_key()}
HEAD, CITIZENS, ANOTHERS = PartKey(0, new_key()), PartKey(1, new_key()), PartKey(2, new_key(), PERSON)
PARTS = [HEAD, CITIZENS, ANOTHERS]


def wrapped(message: UUID = MESSAGE, grant: UUID = GRANT, parts: list[PartKey] = PARTS) -> bytes:
    return wrap(message, grant, GRANT_KEY, parts, PERSONS.__getitem__)


def opened(
    wraps: bytes,
    *,
    message: UUID = MESSAGE,
    grant: UUID = GRANT,
    key: bytes = GRANT_KEY,
    persons: Callable[[UUID], bytes | None] = PERSONS.get,
    only: frozenset[int] | None = None,
) -> list[PartKey]:
    return list(unwrap(message, grant, key, wraps, persons, only=only))


def test_what_is_wrapped_comes_out_again() -> None:
    assert opened(wrapped()) == PARTS


def test_nothing_wrapped_is_nothing() -> None:
    assert opened(wrapped(parts=[])) == []


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.booleans()), unique_by=lambda p: p[0], max_size=12))
def test_any_parts_come_out_again(described: list[tuple[int, bool]]) -> None:
    parts = [PartKey(n, new_key(), PERSON if personal else None) for n, personal in described]
    assert opened(wrapped(parts=parts)) == parts


def test_a_reader_of_heads_gets_the_head_key_alone() -> None:
    assert opened(wrapped(), only=frozenset({0})) == [HEAD]


def test_under_another_grants_key_nothing_opens() -> None:
    with pytest.raises(TamperedRow):
        opened(wrapped(), key=new_key())


def test_moved_to_another_message_it_does_not_open() -> None:
    with pytest.raises(TamperedRow):
        opened(wrapped(), message=uuid4())


def test_moved_to_another_grant_with_the_same_key_it_does_not_open() -> None:
    with pytest.raises(TamperedRow):
        opened(wrapped(), grant=uuid4())


@pytest.mark.parametrize("entry", range(3))
def test_a_wrap_given_another_parts_number_does_not_open(entry: int) -> None:
    starts = [0, 63, 126]
    altered = bytearray(wrapped())
    altered[starts[entry] + 1] ^= 1
    with pytest.raises(TamperedRow):
        opened(bytes(altered))


def test_two_parts_swapped_do_not_open() -> None:
    wraps = wrapped()
    head, second = wraps[:63], wraps[63:126]
    swapped = head[:3] + second[3:] + second[:3] + head[3:]
    with pytest.raises(TamperedRow):
        opened(swapped)


def test_every_altered_byte_is_found() -> None:
    wraps = wrapped()
    for at in range(len(wraps)):
        altered = bytearray(wraps)
        altered[at] ^= 0x80
        try:
            found = opened(bytes(altered))
        except TamperedRow:
            continue
        assert [p for p in found if p not in PARTS] == [], f"byte {at} was altered and something else opened"
        assert len(found) < len(PARTS), f"byte {at} was altered and nobody noticed"


def test_wraps_that_are_cut_short_are_found() -> None:
    """As damage, which spoils one row and no other."""
    wraps, whole = wrapped(), {0, 63, 126}
    for at in set(range(len(wraps))) - whole:
        with pytest.raises(TamperedRow):
            opened(wraps[:at])
        with pytest.raises(TamperedRow):
            without(wraps[:at], frozenset())


def test_a_part_without_its_person_is_not_what_was_wrapped() -> None:
    """Whoever strips the person off a wrap, to outlive her erasure, gets nothing."""
    wraps = wrapped(parts=[ANOTHERS])
    stripped = wraps[:2] + b"\0" + wraps[19:]
    with pytest.raises(TamperedRow):
        opened(stripped)


def test_a_destroyed_person_key_leaves_that_part_out_and_opens_the_rest() -> None:
    assert opened(wrapped(), persons=lambda _: None) == [HEAD, CITIZENS]


def test_another_persons_key_does_not_open_it() -> None:
    with pytest.raises(TamperedRow):
        opened(wrapped(), persons=lambda _: new_key())


def test_a_person_key_alone_opens_nothing() -> None:
    with pytest.raises(TamperedRow):
        opened(wrapped(), key=PERSONS[PERSON])


def test_any_grant_of_several_opens() -> None:
    first, second = uuid4(), uuid4()
    keys = {first: new_key(), second: new_key()}
    for grant, key in keys.items():
        wraps = wrap(MESSAGE, grant, key, PARTS, PERSONS.__getitem__)
        assert opened(wraps, grant=grant, key=key) == PARTS


def test_wrapping_twice_gives_other_bytes() -> None:
    assert wrapped() != wrapped()


def test_a_key_is_nowhere_in_what_is_stored() -> None:
    wraps = wrapped()
    assert [p for p in PARTS if p.key in wraps] == []
    assert GRANT_KEY not in wraps
