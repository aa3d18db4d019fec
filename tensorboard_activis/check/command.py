"""The command `tensorboard-activis check`: verifies all runs below a log directory and prints a report."""

import sys
from collections.abc import Iterator
from typing import TextIO

from tensorboard_activis import metadata
from tensorboard_activis.check.directory import check_directory
from tensorboard_activis.check.report import Report
from tensorboard_activis.files import is_directory
from tensorboard_activis.printable import visible
from tensorboard_activis.read.run import run_directories
from tensorboard_activis.stores.path import Location

FINE, DAMAGED, USAGE = 0, 1, 2


def run_check(logdir: Location, *, repair: bool = False, thin: int | None = None) -> int:
    """Checks every run at or below a log directory and prints the results.

    Arguments:
        logdir: a log directory, or one run.
        repair: remove the leftovers of killed processes.
        thin: at most so many snapshots of each run keep their large arrays; None: all do.

    Returns:
        0 when everything is as it was written, 1 when something is damaged or was not thinned, 2 when there is nothing to check.
    """
    if not is_directory(logdir):
        _say(f"tensorboard-activis: {logdir} is no directory.", file=sys.stderr)
        return USAGE
    checked = damaged = refused = 0
    for directory in run_directories(logdir):
        checked += 1
        try:
            report = check_directory(directory, repair)
        except OSError as error:
            _say(f"{directory}: cannot be read: {error.strerror or error}.")
            damaged += 1
            continue
        damaged += bool(report.problems)
        for line in _lines(report, repair):
            _say(line)
        if thin is not None:
            from tensorboard_activis.check.thin import thin_directory  # only here: it imports all kinds of findings

            refused += not thin_directory(directory, thin, report, _say)
    if not checked:
        nothing = f"there is no directory {metadata.RUN_DIRECTORY!r} below {logdir}: nothing was logged there"
        _say(f"tensorboard-activis: {nothing}.", file=sys.stderr)
        return USAGE
    print(
        f"{_count(checked, 'run')} checked: "
        + (f"{damaged} damaged." if damaged else "everything is as it was written.")
    )
    return DAMAGED if damaged or refused else FINE


def _say(line: str, file: TextIO | None = None) -> None:
    """Prints a line in which names and messages of a run, which anybody may have written, do nothing to the terminal."""
    print(visible(line), file=file)


def _lines(report: Report, repair: bool) -> Iterator[str]:
    superseded = f", of which {report.superseded} superseded by newer ones" if report.superseded else ""
    thinned = f", {report.thinned} thinned" if report.thinned else ""
    yield (
        f"{report.directory}: {_count(report.snapshots - report.thinned, 'whole snapshot')}{superseded}{thinned}, "
        f"{_count(report.files, 'file')}, {report.size:,} bytes"
    )
    for problem in report.problems:
        yield f"  damaged   {problem.where}: {problem.wrong}"
        yield f"            can be read: {problem.recoverable}"
    if report.unverified:
        yield f"  note      {_count(report.unverified, 'file')} of arrays without checksums (written by an older version)"
    removed = repair and report.keep_reason is None
    for path in report.leftovers:
        yield f"  {'removed ' if removed else 'leftover'}  {path.name}: no event names it, because its process was killed"
    if report.leftovers and report.keep_reason:
        yield f"            {report.keep_reason}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
