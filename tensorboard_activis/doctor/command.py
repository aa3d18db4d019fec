"""The command `tensorboard-activis doctor`: what is installed, whether TensorBoard shows the tab, whether a log reads."""

import os
import platform
import sys
from collections.abc import Iterator
from importlib import metadata

from tensorboard_activis import __version__
from tensorboard_activis.doctor.logs import describe_logs, short
from tensorboard_activis.doctor.packages import Package, packages
from tensorboard_activis.doctor.pasting import pasted
from tensorboard_activis.doctor.plugin import plugin_problems
from tensorboard_activis.printable import visible
from tensorboard_activis.stores.path import Location

WELL, UNWELL = 0, 1


def run_doctor(logdir: Location | None = None) -> int:
    """Prints a report that can be pasted into an issue: it names no user, no host, no address and no full path.

    Arguments:
        logdir: a log directory, or one run; None: no log is looked at.

    Returns:
        0 when all is well, 1 when something is not; what that is, and what to do, is on the lines that begin with "!".
    """
    lines = [*_about_the_machine(), *_about_packages(), *_about_tensorboard()]
    if logdir is not None:
        lines += [
            ("", True),
            (pasted(f"Log {short(logdir)}"), True),
            *((f"  {pasted(line)}", well) for line, well in describe_logs(logdir)),
        ]
    for line, well in lines:
        print(visible(line if well else f"! {line.strip()}"))
    wrong = sum(not well for _, well in lines)
    print(
        "\nAll is well." if not wrong else f"\n{wrong} {'line says' if wrong == 1 else 'lines say'} what is wrong (!)."
    )
    return UNWELL if wrong else WELL


def _about_the_machine() -> Iterator[tuple[str, bool]]:
    yield f"tensorboard-activis {__version__}", True
    yield (
        (
            f"Python {platform.python_version()} ({platform.python_implementation()}), {platform.system()} {platform.machine()}, "
            f"{os.cpu_count()} processors"
        ),
        True,
    )
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        yield "tested on Python 3.11, 3.12 and 3.13 only", True


def _about_packages() -> Iterator[tuple[str, bool]]:
    yield "", True
    try:
        known = packages()
    except metadata.PackageNotFoundError:
        yield (
            "tensorboard-activis is not installed here: Python found it in the working directory. Run: pip install .",
            False,
        )
        return
    yield "Packages", True
    width = max(len(package.name) for package in known)
    for package in known:
        if package.version is not None:
            yield f"  {package.name:<{width}}  {package.version}", True
        if package.problem:
            yield package.problem, False
    missing = [_with_extras(package) for package in known if package.version is None and package.extras]
    if missing:
        yield f"  not installed, and needed by these extras only: {', '.join(missing)}", True


def _with_extras(package: Package) -> str:
    return f"{package.name} ({', '.join(package.extras)})"


def _about_tensorboard() -> Iterator[tuple[str, bool]]:
    yield "", True
    problems = plugin_problems()
    for problem in problems:
        yield pasted(problem), False
    if not problems:
        yield "TensorBoard starts, sees the plugin, and the tab is built", True
