"""Checks one run's directory: its events, then the files that they name, then files that no event names."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from filelock import FileLock, Timeout

from tensorboard_activis import metadata
from tensorboard_activis.blobs import event_files
from tensorboard_activis.check.events import check_events
from tensorboard_activis.check.files import check_file
from tensorboard_activis.check.report import Report
from tensorboard_activis.check.snapshots import Table, check_snapshot
from tensorboard_activis.files import names_in
from tensorboard_activis.leftovers import leftovers, orphans
from tensorboard_activis.read.content import array_files, named_files
from tensorboard_activis.read.run import current
from tensorboard_activis.read.thinned import find_remains
from tensorboard_activis.stores.path import Location, StorePath

#: Seconds: a file that changed more recently than this may be in the middle of being copied here.
SETTLED = 60.0


def check_directory(directory: Location, repair: bool = False) -> Report:
    """Checks one directory; with `repair`, removes leftovers unless a logger is live or they are new.

    Raises:
        OSError: the directory cannot be listed.
    """
    report = Report(directory)
    events = check_events(directory, report)
    names = list(dict.fromkeys(name for snapshot in events.snapshots for name in named_files(snapshot)))
    names += [stand_in for name in names if (stand_in := metadata.stand_in(name)) not in names]
    present = [
        directory / name
        for name in dict.fromkeys(names)
        if (directory / name).is_file() and not (directory / name).is_symlink()
    ]
    bad = {path.name for path in present if not check_file(path, report)}
    counting = {id(snapshot) for snapshot in current(events.snapshots).values()}
    tables: set[Table] = set()
    for snapshot in events.snapshots:
        report.superseded += id(snapshot) not in counting
        report.thinned += find_remains(directory, array_files(snapshot)) is not None
        problems = len(report.problems)
        check_snapshot(snapshot, directory, events.nodes, tables, report)
        report.snapshots += len(report.problems) == problems and not bad & set(named_files(snapshot))
    _measure([*event_files(directory), *present], report)
    _check_leftovers(report, repair)
    return report


def _measure(paths: list[Location], report: Report) -> None:
    for path in paths:
        with suppress(OSError):
            report.size += path.stat().st_size
            report.files += 1


def _check_leftovers(report: Report, repair: bool) -> None:
    with locked(report.directory) as free:
        if free and (lost := orphans(report.directory)):
            report.add(
                f"{lost[0].name}{f' and {len(lost) - 1} more files' if len(lost) > 1 else ''}",
                "No event names them, but a killed process leaves one snapshot, not several: their event file is missing.",
                "All of it, when the event file (events.out.tfevents.…) is put back beside them.",
            )
        report.leftovers = leftovers(report.directory)
        if not report.leftovers:
            return
        if not free:
            # What a live logger has not announced yet is no leftover.
            report.leftovers = []
            return
        newest = max(_modified(path) for path in report.leftovers)
        if time.time() - newest < SETTLED:
            report.keep_reason = (
                f"touched less than {SETTLED:.0f} seconds ago, so perhaps being copied; check again later"
            )
        elif not repair:
            report.keep_reason = "--repair removes them"
        else:
            for path in report.leftovers:
                path.unlink(missing_ok=True)


@contextmanager
def locked(directory: Location) -> Iterator[bool]:
    """Takes the directory's lock for the body; yields False when a live logger has it. Leaves no new lock file behind."""
    if isinstance(directory, StorePath):  # which has no locks: a session that lives says so
        yield not any(metadata.is_session_object(name) for name in names_in(directory))
        return
    path = directory / metadata.LOCK_FILE
    there = os.path.lexists(path)
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except (Timeout, OSError, NotImplementedError):
        yield False
        return
    try:
        yield True
    finally:
        if not there:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        lock.release()


def _modified(path: Location) -> float:
    """The later of the times of content and of directory entry, in seconds since 1970: copying preserves only the former."""
    try:
        status = path.stat()
        return max(status.st_mtime, status.st_ctime)
    except OSError:
        return time.time()
