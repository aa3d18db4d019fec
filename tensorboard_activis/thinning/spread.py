"""Which steps give way, so that those that are kept stay spread over the run."""

from collections.abc import Sequence

#: The first step and the newest.
LEAST_KEPT = 2


def given_way(steps: Sequence[int], keep: int) -> list[int]:
    """The steps that give way, in this order, until `keep` are left: always the one whose neighbours are closest together.

    Of several the earliest; never the first or the last. What is kept needs no knowledge of how long the run will be: applied after
    every new step, no gap is wider than twice that of `keep` evenly spread steps, (last − first) / (keep − 1), unless there
    was no step in between. For among the gaps of pairs of neighbours, whose sum is at most twice the way, the smallest is at most
    their mean.

    Arguments:
        steps: ascending.
        keep: at least 2.
    """
    left = list(steps)
    gone: list[int] = []
    while len(left) > max(keep, LEAST_KEPT):
        place = min(range(1, len(left) - 1), key=lambda index: left[index + 1] - left[index - 1])
        gone.append(left.pop(place))
    return gone
