"""What can be read below a log directory, one line for each run."""

from collections.abc import Iterator
from pathlib import Path

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.files import is_directory, path_below
from tensorboard_activis.metadata import RUN_DIRECTORY
from tensorboard_activis.read.run import Run, run_directories
from tensorboard_activis.stores.path import Location, StorePath

#: Runs that are looked into; a log directory may have thousands.
_MOST_RUNS = 50


def describe_logs(logdir: Location) -> Iterator[tuple[str, bool]]:
    """Lines about the runs at or below a log directory, and whether each is as it should be. Messages in them hold full paths."""
    if not is_directory(logdir):
        yield f"{short(logdir)} is no directory", False
        return
    count = 0
    for directory in run_directories(logdir):
        count += 1
        if count <= _MOST_RUNS:
            yield from _describe(directory, logdir)
    if count > _MOST_RUNS:
        yield f"and {count - _MOST_RUNS:,} more runs, which were not looked into", True
    if not count:
        yield (
            f"no run: there is no directory {RUN_DIRECTORY!r} below {short(logdir)}, so nothing was logged there",
            False,
        )


def short(path: Location) -> str:
    """A path that shows nothing of the machine: below the home directory `~/…`, else its last part; of an address its last part."""
    if isinstance(path, StorePath):
        return f"{path.store.protocol}://…/{path.name}"
    path = path.absolute()
    home = Path.home()
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else f"…/{path.name}"


def _describe(directory: Location, logdir: Location) -> Iterator[tuple[str, bool]]:
    base = directory.parent if directory.name == RUN_DIRECTORY else directory
    name = path_below(base, logdir)
    name = base.name if name == "." else name
    try:
        run = Run(directory)
    except (ActiVisError, OSError) as error:
        yield f"{name}: cannot be read: {error}", False
        return
    steps = run.steps
    if not steps:
        yield f"{name}: no snapshot", not run.problems
    else:
        latest = run.latest
        span = f"step {steps[0]}" if len(steps) == 1 else f"{len(steps):,} steps, {steps[0]} to {steps[-1]}"
        layers, kept = len(latest.layers), latest.instances.num_rows
        yield f"{name}: {span}; {layers:,} layers, {kept:,} kept instances at the last", True
    for problem in run.problems:
        yield f"{name}: {problem}", False
