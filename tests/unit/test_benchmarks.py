"""The arithmetic of the figures."""

import json

import pytest

from tests.benchmarks.harness import Figure, compared, percentile, rate, side_by_side


def test_a_ratio_is_the_median_of_the_rounds_and_not_of_the_sums() -> None:
    figure = compared("x", "1/s", [(50.0, 100.0), (10.0, 100.0), (90.0, 300.0)])
    assert (figure.value, figure.limit, figure.ratio) == (50.0, 100.0, 0.3)


def test_each_side_is_first_in_every_second_round() -> None:
    order: list[str] = []

    def side(name: str) -> float:
        order.append(name)
        return 1.0

    side_by_side("x", "1/s", lambda: side("ours"), lambda: side("limit"), 3)
    assert order == ["ours", "limit", "limit", "ours", "ours", "limit"]


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 2.0), (0.75, 3.0), (0.76, 4.0), (0.99, 4.0), (1.0, 4.0), (0.0, 1.0)]
)
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], share) == expected


def test_a_line_holds_the_five_fields_and_null_where_there_is_no_limit() -> None:
    line = json.loads(Figure("end_to_end_p50", 12.34567, "ms").line())
    assert line == {"name": "end_to_end_p50", "value": 12.346, "unit": "ms", "limit": None, "ratio": None}


def test_a_rate_counts_every_thread_and_hides_no_failure() -> None:
    counted = [0, 0]

    def work(place: int) -> None:
        counted[place] += 1

    assert rate([lambda: work(0), lambda: work(1)], 0.01) > 0
    assert all(counted)

    def broken() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        rate([broken, lambda: work(0)], 0.01)
