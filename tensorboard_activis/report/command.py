"""The command `tensorboard-activis report`: prints the findings of all runs below a log directory."""

import sys
from collections.abc import Collection

from tensorboard_activis import metadata
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.files import is_directory, path_below
from tensorboard_activis.printable import visible
from tensorboard_activis.query.run import Run
from tensorboard_activis.read.run import run_directories
from tensorboard_activis.report.formats import FORMATS, RunReport
from tensorboard_activis.stores.path import Location

FINE, FOUND, NOTHING = 0, 1, 2


def run_report(logdir: Location, *, form: str = "text", fail_on: Collection[str] = ()) -> int:
    """Prints the findings at the latest step of every run at or below a log directory.

    Arguments:
        logdir: a log directory, or one run.
        form: one of FORMATS.
        fail_on: kinds of findings that make the status 1.

    Returns:
        0, or 1 when there is a finding of a kind in `fail_on`; 2 when there is no run that can be read.
    """
    if not is_directory(logdir):
        return _nothing(f"{logdir} is no directory.")
    reports: list[RunReport] = []
    problems: list[str] = []
    for directory in run_directories(logdir):
        try:
            reports.append(_report(directory, logdir))
        except (ActiVisError, OSError) as error:
            problems.append(f"{directory}: {error}")
    for problem in problems:
        print(visible(f"tensorboard-activis: {problem}"), file=sys.stderr)
    if not reports:
        where = f"there is no directory {metadata.RUN_DIRECTORY!r} below {logdir}: nothing was logged there"
        return NOTHING if problems else _nothing(f"{where}.")
    print(FORMATS[form](reports))
    kinds = {one.kind for report in reports for one in report.findings.findings}
    return FOUND if kinds & set(fail_on) else FINE


def _report(directory: Location, logdir: Location) -> RunReport:
    run = Run(directory)
    snapshot = run.latest
    found = snapshot.look_for_findings()
    base = directory.parent if directory.name == metadata.RUN_DIRECTORY else directory
    name = path_below(base, logdir)
    return RunReport(name if name != "." else base.resolve().name, snapshot.step, found, run.problems)


def _nothing(message: str) -> int:
    print(visible(f"tensorboard-activis: {message}"), file=sys.stderr)
    return NOTHING
