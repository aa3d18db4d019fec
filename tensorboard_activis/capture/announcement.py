"""Says, once, where the first snapshot is and how to look at it."""

import logging
import shlex
import sys
from contextlib import suppress
from pathlib import Path

from tensorboard_activis.printable import visible
from tensorboard_activis.stores.path import Location, StorePath

#: The logger of the line, for those who configure Python's logging.
LOGGER = "tensorboard_activis"

_announced: set[str] = set()


def announce(log_dir: Location) -> None:
    """Says how to open a run's log. A directory that TensorBoard is to be given is named once in a process.

    The line goes to Python's logging at level INFO where that has been configured, else to the standard error, where it stands
    on a line of its own: progress bars stay whole.
    """
    logdir = _logdir_of(log_dir)
    key = str(logdir.resolve())
    if key in _announced:
        return
    _announced.add(key)
    text = (
        f"ActiVis: the first snapshot is in {visible(str(log_dir))}. To look at it: "
        f"tensorboard --logdir {visible(shlex.quote(str(logdir)))}, then http://localhost:6006/#activis"
    )
    logger = logging.getLogger(LOGGER)
    if logger.hasHandlers() or logger.level != logging.NOTSET:
        logger.info("%s", text)
    else:
        with suppress(OSError, ValueError):  # the standard error is closed
            _write(text)


def _logdir_of(log_dir: Location) -> Location:
    """The directory that holds this run and others, unless everything else may lie there, as in the current directory."""
    parent = log_dir.parent
    if isinstance(parent, StorePath):
        return parent if "/" in parent.key else log_dir  # TensorBoard reads no bucket as a whole
    return log_dir if parent in (Path(), Path(parent.anchor)) or _holds_anything(parent) else parent


def _holds_anything(directory: Path) -> bool:
    """Whether this is the home or the current directory. There may be no home, and the current directory may be deleted."""
    for place in (Path.home, Path.cwd):
        with suppress(OSError, RuntimeError):
            if place() in (directory, directory.resolve()):
                return True
    return False


def _write(text: str) -> None:
    stream = sys.stderr
    if stream is None:  # a Windows program without a console
        return
    tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)
    if tqdm is not None and getattr(tqdm, "_instances", None):
        tqdm.write(text, file=stream)  # above the bars
    else:
        # A bar of Keras's ends without a line break.
        stream.write(f"\n{text}\n" if stream.isatty() else f"{text}\n")
        stream.flush()
