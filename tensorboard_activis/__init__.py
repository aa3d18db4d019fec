"""ActiVis for TensorBoard: see what the neurons of a network respond to.

Logging is in `tensorboard_activis.torch` and `tensorboard_activis.keras`, which import their framework; this module
imports neither.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorboard_activis.read.run import Run

__version__ = "0.1.0"
__all__ = ["__version__", "open_run"]


def open_run(path: str | os.PathLike[str]) -> "Run":
    """Open what was logged to a directory, for reading in Python.

    Arguments:
        path: the `log_dir` that the logger was given, e.g. `logs/run1`.

    Returns:
        The run: `steps`, `snapshot(step)`, `latest` and `graph`.

    Raises:
        UnreadableError: nothing was logged there, or it is damaged or of a newer format.
    """
    from tensorboard_activis.read.run import open_run

    return open_run(path)
