"""ActiVis for TensorBoard: see what the neurons of a network respond to.

Logging is in `tensorboard_activis.torch` and `tensorboard_activis.keras`, which import their framework; this module
imports neither.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorboard_activis.query.run import Run

__version__ = "0.2.0"
__all__ = ["__version__", "open_run"]


def open_run(path: str | os.PathLike[str]) -> "Run":
    """Opens what was logged to a directory, for reading in Python.

    Arguments:
        path: the `log_dir` that the logger was given, e.g. `logs/run1` or `s3://bucket/run1`.

    Returns:
        The run: `steps`, `snapshot(step)`, `latest` and `graph`. A snapshot has what was recorded (`layers`, `activations`,
        `summary`, `instances`, `where`) and answers the tab's questions (`matrix`, `neuron_detail`, `subset`, `instance_detail`,
        `projection`, `table`, `column_statistics`) in numpy and pyarrow: docs/python.md.

    Raises:
        NotFoundError: nothing was logged there. What is damaged or of a newer format is named in `problems`.
    """
    from tensorboard_activis.query.run import open_run

    return open_run(path)
