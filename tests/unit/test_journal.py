"""The auditor of the kill test finds every fault that is planted, and none where there is none."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.journal import Found, Journal, faults

ACKNOWLEDGED, HANDED_IN = ["a", "b"], ["r"]
WHOLE = Found(
    commands=["a", "b", "not-acknowledged"],
    reports=["r"],
    sequences={"unit": [1, 2, 3], "ngo": [1, 2]},
    told=["m", "n"],
    on_disk=["n", "m"],
    shown=[3, 1, 2],
    receipts=["r"],
)


def test_where_every_promise_held_it_says_nothing() -> None:
    """Also where more was done than was acknowledged: the answer may have been lost on its way."""
    assert faults(ACKNOWLEDGED, HANDED_IN, WHOLE) == []


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ({"commands": ["a"]}, "a command that was acknowledged is lost"),
        ({"commands": ["a", "b", "b"]}, "a command stands there twice"),
        ({"reports": []}, "a report that was handed in is lost"),
        ({"reports": ["r", "r"]}, "a report stands there twice"),
        ({"receipts": []}, "a receipt is lost"),
        ({"on_disk": ["m"]}, "a message to the NGO is lost"),
        ({"on_disk": ["m", "n", "n"]}, "a message on the NGO's disk stands there twice"),
        ({"shown": [1, 2]}, "a row of the timeline is lost"),
        ({"shown": [1, 2, 3, 3]}, "a row of the timeline stands there twice"),
        ({"sequences": {"unit": [1, 2, 3], "ngo": [1, 3]}}, "the numbers of ngo have a gap"),
        (
            {"sequences": {"unit": [1, 2, 3], "ngo": [1, 2, 2]}},
            "the numbers of ngo have a gap or stand twice",
        ),
    ],
)
def test_a_planted_fault_is_found(planted: dict[str, Any], said: str) -> None:
    """One fault, one line."""
    (told,) = faults(ACKNOWLEDGED, HANDED_IN, replace(WHOLE, **planted))
    assert told.startswith(said)


def test_the_journal_is_on_disk_before_anybody_goes_on(tmp_path: Path) -> None:
    """Read by another while it is still open."""
    with closing(Journal(tmp_path / "journal")) as journal, closing(Journal(tmp_path / "journal")) as other:
        journal.write("acknowledged", "a")
        journal.write("handed-in", "r")
        assert other.noted("acknowledged") == ["a"]
