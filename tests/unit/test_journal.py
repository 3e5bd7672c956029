"""The auditor of the kill test finds every fault that is planted, and none where there is none."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.journal import Found, Journal, faults

NOTED = [
    ("acknowledged", "a"),
    ("handed-in", "r"),
    ("ended", "short"),
    ("opened", "o"),
    ("withdrawn", "consent"),
    ("acknowledged", "b"),
]
WHOLE = Found(
    commands=["a", "b", "not-acknowledged"],
    reports=["r"],
    withdrawals=["consent"],
    ends=["short"],
    looks=["o", "o"],
    sequences={"unit": [1, 2, 3], "ngo": [1, 2]},
    told=["m", "n", "o", "p"],
    under={"m": "standing", "o": "consent", "p": "short"},
    given=[],
    on_disk=["n", "m"],
    revocations=["v"],
    purges=["v"],
    shown=[3, 1, 2],
    receipts=["r"],
)


def test_where_every_promise_held_it_says_nothing() -> None:
    """Also where more was done than was acknowledged: the answer may have been lost on its way."""
    assert faults(NOTED, WHOLE) == []


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ({"commands": ["a"]}, "a command that was acknowledged is lost"),
        ({"commands": ["a", "b", "b"]}, "a command stands there twice"),
        ({"reports": []}, "a report that was handed in is lost"),
        ({"reports": ["r", "r"]}, "a report stands there twice"),
        ({"receipts": []}, "a receipt is lost"),
        ({"withdrawals": []}, "a withdrawal that was acknowledged is lost"),
        ({"withdrawals": ["consent", "consent"]}, "a withdrawal stands there twice"),
        ({"ends": []}, "an end in time is lost"),
        ({"ends": ["short", "short"]}, "an end in time stands there twice"),
        ({"looks": []}, "a look is lost"),
        ({"on_disk": ["n", "m", "o"]}, "what rested on a consent that is no more is still on the NGO's disk"),
        ({"given": ["p"]}, "what rested on a consent that is no more is still opened by the hub"),
        ({"purges": []}, "a purge is lost"),
        ({"purges": ["v", "v"]}, "a purge stands there twice"),
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
    (told,) = faults(NOTED, replace(WHOLE, **planted))
    assert told.startswith(said)


def test_what_is_opened_after_its_withdrawal_was_acknowledged_is_a_fault() -> None:
    """Also where the hub gives no key any more when all is over."""
    (told,) = faults([*NOTED, ("opened", "o")], WHOLE)
    assert told.startswith("what rested on a consent that is no more is still opened by the hub")


def test_the_journal_is_on_disk_before_anybody_goes_on(tmp_path: Path) -> None:
    """Read by another while it is still open."""
    with closing(Journal(tmp_path / "journal")) as journal, closing(Journal(tmp_path / "journal")) as other:
        journal.write("acknowledged", "a")
        journal.write("handed-in", "r")
        assert other.noted() == [("acknowledged", "a"), ("handed-in", "r")]
