"""The tab in a notebook: Jupyter, VS Code, Colab, and whatever else shows the widgets of anywidget.

from tensorboard_activis.notebook import show

show("logs/run1")
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard_activis.errors import ConfigurationError, NotFoundError, UnreadableError
from tensorboard_activis.metadata import RUN_DIRECTORY
from tensorboard_activis.notebook.address import address_of
from tensorboard_activis.notebook.answers import answers_of
from tensorboard_activis.read.run import run_directories
from tensorboard_activis.stores.locations import location
from tensorboard_activis.stores.path import Location, StorePath

try:
    from tensorboard_activis.notebook.widget import LOWEST, THEMES, ActiVisWidget
except ImportError as error:
    if (error.name or "").split(".")[0] not in ("anywidget", "ipywidgets", "traitlets"):
        raise
    raise ImportError(
        'tensorboard_activis.notebook needs anywidget: pip install "tensorboard-activis[notebook]"'
    ) from error

__all__ = ["show"]


def show(
    log_dir: str | os.PathLike[str],
    *,
    height: int = 720,
    theme: str = "auto",
    state: str | Mapping[str, Any] = "",
) -> ActiVisWidget:
    """Shows the tab in a notebook; its requests are answered by the kernel, so there is no server and no port.

    A run that grows is shown as it grows. The widget's `selection` says what is selected in it, `state` what is shown; both can be
    observed (`widget.observe(…, "selection")`), and `state` can be set.

    Arguments:
        log_dir: a run's directory, such as `logs/run1`, or a directory of runs, or the address of either in an object store.
        height: of the widget in pixels, at least 200.
        theme: "light", "dark", or "auto": that of the notebook.
        state: what to show: a link copied from the tab, the part of it from `#` on, or a dict of its fields, such as
            `{"run": "run1", "step": 240, "expression": "not correct"}`.

    Raises:
        NotFoundError: nothing was logged there.
        UnreadableError: the store cannot be asked.
        ConfigurationError: an argument is wrong.
    """
    if isinstance(height, bool) or not isinstance(height, int) or height < LOWEST:
        raise ConfigurationError(f"height must be a number of pixels, {LOWEST} or more; got {height!r}.")
    if theme not in THEMES:
        raise ConfigurationError(f"theme must be one of {', '.join(map(repr, THEMES))}; got {theme!r}.")
    logdir = location(log_dir)
    address = address_of(state)
    _check_run(logdir)
    # A notebook may change its working directory while the log directory is read on.
    lasting = logdir if isinstance(logdir, StorePath) else logdir.absolute()
    return ActiVisWidget(answers_of(lasting), str(log_dir), height=height, theme=theme, state=address)


def _check_run(logdir: Location) -> None:
    """Checks that something was logged there. Raises NotFoundError, UnreadableError."""
    try:
        found = any(any(directory.glob("*tfevents*")) for directory in run_directories(logdir))
    except OSError as error:
        raise UnreadableError(f"{logdir} cannot be read: {error.strerror or error}.") from error
    if found:
        return
    missing = not isinstance(logdir, StorePath) and not logdir.is_dir()
    what = f"There is no directory {str(logdir)!r}" if missing else f"{str(logdir)!r} holds no activations"
    place = "" if isinstance(logdir, StorePath) or logdir.is_absolute() else f" (below {str(Path.cwd())!r})"
    raise NotFoundError(
        f"{what}{place}: neither it nor what is in it has a directory {RUN_DIRECTORY!r} with events. Name the log_dir of the "
        "callback, or the directory of runs; while a first snapshot is being logged, call show again once it is written."
    )
