"""CPR numbers: a possible date and ten digits; nothing else is asked, and no error shows the number."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.cpr import birth_date, is_test, masked, normalised, refuse_test

# The last three digits are anything: no check digit, no sex.
serials = st.integers(0, 999).map("{:03}".format)
days = st.dates(date(1900, 1, 1), date(2036, 12, 31))


def written(day: date, serial: str, *, added: int = 0) -> str:
    seventh = "1" if day.year < 2000 else "4"
    return f"{day.day + added:02}{day:%m%y}{seventh}{serial}"


@given(days, serials)
def test_every_possible_date_is_accepted_with_any_serial_number(day: date, serial: str) -> None:
    cpr = written(day, serial)
    assert normalised(cpr) == cpr
    assert birth_date(cpr) == day
    assert not is_test(cpr)


@given(days, serials)
def test_sixty_added_to_the_day_is_a_test_or_replacement_number(day: date, serial: str) -> None:
    cpr = written(day, serial, added=60)
    assert birth_date(cpr) == day
    assert is_test(cpr)


@given(days, serials)
def test_a_hyphen_is_read_and_not_kept_and_the_mask_hides_the_serial(day: date, serial: str) -> None:
    cpr = written(day, serial)
    hyphenated = f"{cpr[:6]}-{cpr[6:]}"
    assert normalised(hyphenated) == cpr
    assert masked(hyphenated) == masked(cpr) == f"{cpr[:6]}-••••"


@given(st.text(max_size=14) | st.from_regex(r"[0-9]{6}-?[0-9]{4}", fullmatch=True))
def test_anything_else_is_refused_without_being_repeated(value: str) -> None:
    refused: ValueError | None = None
    try:
        digits = normalised(value)
    except ValueError as error:
        refused = error
    if refused is None:
        assert len(digits) == 10
        assert digits == value.replace("-", "")
        assert date(1858, 1, 1) <= birth_date(digits) < date(2058, 1, 1)
    else:
        assert len(value) < 4 or value not in str(refused)
        # A traceback would print a cause, and the cause quotes the day.
        assert refused.__cause__ is None
        assert refused.__suppress_context__ or refused.__context__ is None


@pytest.mark.parametrize(
    "value",
    [
        "3002901234",  # 30 February
        "0013901234",
        "0113901234",  # month 13
        "3201901234",  # day 32
        "6001901234",  # day 60 is no day with 60 added
        "9201901234",  # day 32 with 60 added
        "2902001234",  # 1900 was no leap year, and the seventh digit says 1900
        "010190-123",
        "010190 1234",
        "01019-01234",
        "0101901234\n",
        "٠١٠١٩٠١٢٣٤",  # digits, but not the ten we mean
        "050607-2AB3",  # a replacement number in another form
        "",
    ],
)
def test_impossible_numbers(value: str) -> None:
    for reader in (normalised, birth_date, is_test, masked):
        with pytest.raises(ValueError, match="a CPR number") as refused:
            reader(value)
        assert not value or value not in str(refused.value)


def test_numbers_without_modulus_11_are_numbers() -> None:
    """Ten that follow each other: at most one or two of them would pass modulus 11."""
    assert all(normalised(f"010165100{last}") for last in range(10))


def test_the_seventh_digit_and_the_year_tell_the_century() -> None:
    assert birth_date("2902004000") == date(2000, 2, 29)
    assert birth_date("0101579000") == date(1957, 1, 1)
    assert birth_date("0101575000") == date(2057, 1, 1)
    assert birth_date("0101585000") == date(1858, 1, 1)
    assert birth_date("3112999000") - birth_date("0101994000") == timedelta(days=364)


def test_a_number_with_60_added_is_a_test_number_unless_somebody_says_that_it_replaces_one() -> None:
    test, real = "6101901234", "0101901234"
    with pytest.raises(ValueError, match="test number") as refused:
        refuse_test(test, is_replacement=False)
    assert test not in str(refused.value)
    refuse_test(test, is_replacement=True)
    refuse_test(real, is_replacement=False)
