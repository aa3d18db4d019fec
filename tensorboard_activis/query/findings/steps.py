"""The steps of a run up to a snapshot, and since when something holds."""

from collections.abc import Callable, Sequence

from tensorboard_activis.errors import ActiVisError, ThinnedError
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.snapshot import SnapshotReader

#: Steps that are looked back at, at most, for what must be computed at each.
MOST_STEPS = 100


def first_step(
    snapshots: Sequence[SnapshotReader], holds: Callable[[SnapshotReader], bool], most: int = MOST_STEPS
) -> int:
    """The first step of those that end with the last snapshot and over all of which something holds.

    A step that cannot be read, or that lacks what is asked for, ends the search; one that was thinned, and of which it is not
    known, is passed over.

    Arguments:
        snapshots: steps ascending; it holds at the last, which is not asked.
        holds: may raise ActiVisError.
        most: steps to look at.
    """
    step = snapshots[-1].step
    for snapshot in snapshots[-2 : -2 - most : -1]:
        check_time()
        try:
            if not holds(snapshot):
                break
        except ThinnedError:  # it was thinned before anybody asked: the steps around it say what they can
            continue
        except ActiVisError:
            break
        step = snapshot.step
    return step
