"""Names that stand in the store for good: the list is pinned, and only ever grows."""

import re
from pathlib import Path
from typing import Any

import pytest

from hub.aggregates.base import Event, Lone, stored_as, stream_of
from hub.aggregates.look import LookRecorded
from hub.aggregates.partner import Partner
from hub.aggregates.registry import STREAMS, TOPICS

PINNED = Path(__file__).parents[1] / "golden" / "topics.txt"
NAME = re.compile(r"[a-z]+\.[a-z]+(_[a-z]+)*")
IRREGULAR = {
    "set",
    "given",
    "read",
    "seen",
    "taken",
    "withdrawn",
    "due",
    "unsafe",
    "told",
    "ours",
    "withheld",
}


def test_every_topic_is_pinned_and_none_was_renamed_or_removed() -> None:
    """A topic is added at the end of `tests/golden/topics.txt`; no line is ever changed."""
    assert set(PINNED.read_text(encoding="utf-8").split()) == set(TOPICS)


def test_the_pinned_list_holds_each_name_once() -> None:
    names = PINNED.read_text(encoding="utf-8").split()
    assert len(names) == len(set(names))


def test_a_topic_is_a_noun_and_a_past_tense() -> None:
    assert [t for t in TOPICS if not NAME.fullmatch(t)] == []
    words = {t: t.partition(".")[2] for t in TOPICS}
    past = {t for t, w in words.items() if any(p.endswith("ed") or p in IRREGULAR for p in w.split("_"))}
    assert set(TOPICS) - past == set()


def test_topics_stand_on_the_classes_and_never_name_a_module() -> None:
    for topic, cls in TOPICS.items():
        assert topic == cls.TOPIC == cls.__dict__["TOPIC"]
        assert ":" not in topic


def test_every_event_that_can_happen_has_a_topic() -> None:
    """A class without one is a base: it stands for several events and is never made."""

    def below(cls: type[Any]) -> set[type[Any]]:
        found: set[type[Any]] = {cls}
        for sub in cls.__subclasses__():
            found |= below(sub)
        return found

    ours = {c for c in below(Event) | below(Lone) if c.__module__.startswith("hub.aggregates")}
    bases = {c for c in ours if "TOPIC" not in c.__dict__ or c in (Event, Lone)}
    assert ours - bases == set(TOPICS.values())
    assert all(c.__subclasses__() for c in bases)


def test_the_kinds_of_stream() -> None:
    assert set(STREAMS) == {"case", "ledger", "partner"}
    streams = {"case", "ledger", "partner", "person", "receipt", "look"}
    assert {t.partition(".")[0] for t in TOPICS} == streams


def test_a_topic_is_given_once() -> None:
    """What is stored under a name is read by one class for ever."""
    with pytest.raises(ValueError, match="is taken by InquiryOpened"):
        stored_as("case.inquiry_opened")(LookRecorded)
    with pytest.raises(ValueError, match="is taken by CitizenCase"):
        stream_of("case")(Partner)
