"""The words of the pages: both languages say everything, and nothing unknown is shown."""

import re
from datetime import datetime
from pathlib import Path

import pytest

from hub.adapters.web.facts import facts_of
from hub.adapters.web.wording import LANGUAGES, SHOWN, WORDS, Words, label_key

TEMPLATES = Path(__file__).parents[2] / "hub" / "adapters" / "web" / "templates"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_value_that_is_shown_has_a_label(language: str) -> None:
    """Each value of each closed list, in both languages; none falls back on its code."""
    words = Words(language)
    for closed in SHOWN:
        for member in closed:
            assert label_key(closed, member.value) in WORDS, f"{closed.__name__}.{member.value}"
            assert words.label(closed, member) != member.value or language == "en" or len(member.value) > 2
    assert all(text and text.strip() == text for pair in WORDS.values() for text in pair)


def test_both_languages_have_every_key_and_the_same_blanks() -> None:
    """Two texts to a key, with the same names in braces; templates use no key that isn't there."""
    for key, pair in WORDS.items():
        assert len(pair) == len(LANGUAGES), key
        danish, english = (set(re.findall(r"{(\w+)}", text)) for text in pair)
        assert danish == english or key.startswith("day."), key
    used = {
        key
        for template in TEMPLATES.glob("*.html")
        for key in re.findall(r"""w\("([a-z0-9_.]+)"[,)]""", template.read_text())
    }
    assert len(used) > 40
    assert used - WORDS.keys() == set()


def test_what_the_page_does_not_know_is_counted_and_not_shown() -> None:
    """A field that somebody added to a message slips onto no screen."""
    data = {"name": "Maja", "address": "Prøvevænget 12", "weapon": "kniv", "place_kind": "Bag ved huset 3"}
    facts, unshown = facts_of(data, Words("da"), {})
    assert [fact.value for fact in facts] == ["Maja"]
    assert unshown == 3


def test_an_organisation_is_shown_by_its_name_and_by_its_slug_where_nobody_knows_it() -> None:
    words = Words("da", {"lysning": "Krisecenter Lysning"})
    facts, _ = facts_of({"recipients": ["lysning", "havnen"], "recipient": "lysning"}, words, {})
    assert [fact.value for fact in facts] == ["Krisecenter Lysning, havnen", "Krisecenter Lysning"]


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        ("2026-11-22T02:10:00+00:00", "22.11.2026 kl. 03.10"),
        # The hour that comes twice: the clock is put back at three.
        ("2026-10-25T00:30:00+00:00", "25.10.2026 kl. 02.30"),
        ("2026-10-25T01:30:00+00:00", "25.10.2026 kl. 02.30"),
        # The hour that never comes: it is put forward at two.
        ("2027-03-28T00:59:00+00:00", "28.03.2027 kl. 01.59"),
        ("2027-03-28T01:00:00+00:00", "28.03.2027 kl. 03.00"),
    ],
)
def test_a_time_is_shown_by_the_clock_on_the_wall_in_denmark(moment: str, shown: str) -> None:
    assert Words("da").when(datetime.fromisoformat(moment)) == shown


@pytest.mark.parametrize(
    ("moment", "danish", "english"),
    [
        ("2027-05-27T22:00:00+00:00", "til og med 27.05.2027", "through 27/05/2027"),
        ("2026-12-01T23:00:00+00:00", "til og med 01.12.2026", "through 01/12/2026"),
        # The day that is 25 hours long, and the one that is 23.
        ("2026-10-25T23:00:00+00:00", "til og med 25.10.2026", "through 25/10/2026"),
        ("2027-03-28T22:00:00+00:00", "til og med 28.03.2027", "through 28/03/2027"),
        ("2027-05-28T00:00:00+00:00", "til 28.05.2027 kl. 02.00", "until 28/05/2027 at 02:00"),
        ("2027-05-27T22:00:30+00:00", "til 28.05.2027 kl. 00.00", "until 28/05/2027 at 00:00"),
    ],
)
def test_what_ends_with_a_day_is_shown_by_its_last_day(moment: str, danish: str, english: str) -> None:
    at = datetime.fromisoformat(moment)
    assert [Words(language).limit(at) for language in LANGUAGES] == [danish, english]


LIMITS = ("ends_at", "answer_by", "accept_by", "due", "contact_before", "review_at", "follow_up_until")


@pytest.mark.parametrize("field", LIMITS)
def test_every_limit_among_the_fields_is_shown_so(field: str) -> None:
    (fact,), _ = facts_of({field: "2027-05-27T22:00:00+00:00"}, Words("da"), {})
    assert fact.value == "til og med 27.05.2027"
