"""Which steps give way: first and newest stay, at most so many are left, and they are spread over the run however it goes on."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tensorboard_activis.thinning.spread import given_way

STEPS = st.lists(st.integers(0, 1 << 40), unique=True, max_size=120).map(sorted)


def left_of(steps: list[int], keep: int) -> list[int]:
    gone = given_way(steps, keep)
    assert len(set(gone)) == len(gone)
    return sorted(set(steps) - set(gone))


def widest(steps: list[int]) -> int:
    return max((b - a for a, b in pairwise(steps)), default=0)


@given(STEPS, st.integers(2, 30))
def test_at_most_so_many_are_left_and_the_first_and_the_newest_are_among_them(steps: list[int], keep: int) -> None:
    left = left_of(steps, keep)
    assert len(left) == min(keep, len(steps))
    if steps:
        assert left[0] == steps[0]
        assert left[-1] == steps[-1]


@given(STEPS, st.integers(2, 30))
def test_no_gap_is_wider_than_twice_an_even_one_while_a_run_grows(steps: list[int], keep: int) -> None:
    """At every moment: between steps as they were logged, or (last − first) / (keep − 1), twice."""
    left: list[int] = []
    logged: list[int] = []
    for step in steps:
        logged.append(step)
        left = left_of([*left, step], keep)
        even = (step - logged[0]) / (keep - 1)
        assert widest(left) <= max(2 * even, widest(logged))
        assert left[0] == logged[0]
        assert left[-1] == step


@given(STEPS, st.integers(2, 30))
def test_a_finished_run_is_spread_as_well(steps: list[int], keep: int) -> None:
    left = left_of(steps, keep)
    if len(steps) > keep:
        assert widest(left) <= max(2 * (steps[-1] - steps[0]) / (keep - 1), widest(steps))


def test_what_a_run_of_even_steps_keeps() -> None:
    """Worked out by hand: the earliest of those with the closest neighbours gives way."""
    assert given_way([0, 1, 2, 3], 3) == [1]
    assert given_way([0, 2, 3, 4], 3) == [3]
    assert given_way([0, 10, 11, 30], 2) == [10, 11]
    assert given_way([5, 9], 2) == []
