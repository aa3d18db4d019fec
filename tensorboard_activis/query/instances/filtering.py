"""Filters instances by an expression, within the time limits of a request."""

import numpy as np

from tensorboard_activis.query.arithmetic.workers import in_parts
from tensorboard_activis.query.limits import expression_time, time_check
from tensorboard_activis.read.snapshot import SnapshotReader


def matching(snapshot: SnapshotReader, expression: str, prefix: int | None = None) -> np.ndarray:
    """Evaluates an expression over the kept instances: a mask, bool [instances].

    The instances are computed in parts by the threads of all queries; the limits of the request are looked at between them, and
    between the functions of texts within them.

    Arguments:
        prefix: only the first so many instances.

    Raises ExpressionError, and TooLargeError when the expressions of the request take too long.
    """
    check = time_check()
    with expression_time():
        evaluation = snapshot.evaluation(expression, prefix, check)
        masks = list(in_parts(lambda part: evaluation.part_mask(part, check), evaluation.parts()))
    return np.concatenate(masks) if masks else np.zeros(0, np.bool_)
