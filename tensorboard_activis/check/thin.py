"""`tensorboard-activis check --thin N`: thins a finished run, and says what that frees, before and after."""

import sys
from collections.abc import Callable, Iterable
from contextlib import suppress

from tensorboard_activis.check.directory import locked
from tensorboard_activis.check.report import Report
from tensorboard_activis.files import names_in
from tensorboard_activis.stores.path import Location
from tensorboard_activis.thinning.logged import Logged, LoggedRun, read_logged
from tensorboard_activis.thinning.run import thin_run, to_thin, unneeded_tables


def thin_directory(directory: Location, keep: int, report: Report, say: Callable[[str], None]) -> bool:
    """Thins the run in a directory to `keep` snapshots with large arrays; returns whether it has no more than these now.

    It refuses, and says so, where a logger is writing, and where the check found damage: what is wrong is to be looked at first.

    Arguments:
        report: what the check found.
        say: prints a line.
    """
    if report.problems:
        say("  not thinned: something is damaged, and is left for you to look at")
        return False
    with locked(directory) as free:
        if not free:
            say("  not thinned: a logger is writing here, or the directory cannot be written to; close it first")
            return False
        run, names = read_logged(directory), set(names_in(directory))
        chosen, before = to_thin(run, names, keep), _bytes(directory)
        if not chosen and not unneeded_tables(run, names):
            small = sum(not one.arrays for one in run.current)
            say(
                f"  nothing to thin: {_whole(run, names):,} steps keep the activations of instances in files, at most {keep:,} may"
                + (f"; {small:,} more are small and lie in the event file, where they stay" if small else "")
            )
            return True
        arrays = [directory / name for one in chosen for name in one.arrays]
        say(
            f"  thinning  {len(chosen):,} of {_whole(run, names):,} snapshots with large arrays, which take "
            f"{_size(arrays):,} of {before:,} bytes; their summaries, metrics and findings stay"
        )
        try:
            done = thin_run(directory, run, keep, report=_progress(len(chosen)))
        except OSError as error:
            say(f"  not everything was thinned: {error.strerror or error}. What is there is whole; try again later")
            return False
        after = _bytes(directory)
        say(f"  thinned   {len(done.steps):,} snapshots: {before - after:,} bytes are free, {after:,} are left")
        for problem in done.problems:
            say(f"  left as it is: {problem}")
        return not done.problems


def _whole(run: LoggedRun, names: set[str]) -> int:
    return sum(one.is_whole(names) for one in (*run.current, *run.superseded))


def _bytes(directory: Location) -> int:
    return _size(path for path in directory.iterdir() if path.is_file())


def _size(paths: Iterable[Location]) -> int:
    total = 0
    for path in paths:
        with suppress(OSError):
            total += path.stat().st_size
    return total


def _progress(total: int) -> Callable[[Logged], object]:
    """On a terminal, says at which step it is: findings are looked for at each, which takes a second or so."""
    done = iter(range(1, total + 1))

    def show(one: Logged) -> None:
        if sys.stderr.isatty():
            here = next(done)
            print(
                f"\r  step {one.step}: {here:,} of {total:,}",
                end="\n" if here == total else "",
                file=sys.stderr,
                flush=True,
            )

    return show
