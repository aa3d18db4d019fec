"""The command `tensorboard-activis export`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.export.budget import megabytes
from tensorboard_activis.export.choice import choose, choose_run
from tensorboard_activis.export.collecting import Collection
from tensorboard_activis.export.folder import check_target, write_folder
from tensorboard_activis.export.leaving import leaving
from tensorboard_activis.export.questions import Questions, runs_of
from tensorboard_activis.export.recording import Recording
from tensorboard_activis.export.withheld import Withheld
from tensorboard_activis.files import is_directory
from tensorboard_activis.printable import visible
from tensorboard_activis.standalone.application import routes_of
from tensorboard_activis.stores.path import Location


def run_export(
    logdir: Location,
    directory: Path,
    *,
    steps: Sequence[int] = (),
    layers: Sequence[str] = (),
    budget: int,
    content: bool = True,
) -> int:
    """Writes a run as a folder of static files, and says before what leaves the machine with it.

    Arguments:
        logdir: a run, or a directory that holds one.
        directory: the folder to make; it must be empty or not exist yet.
        steps: the chosen ones; the newest where none is given.
        layers: likewise; all where none is given.
        budget: the most bytes that the folder may take.
        content: whether instances' pictures, sounds, texts and numbers are in it.

    Returns:
        The exit status: 0.

    Raises:
        ActiVisError: the directory is not empty; no run, or several; a step or layer that is not there; more than the budget; the
            disk refuses. Nothing is written then.
    """
    if not is_directory(logdir):
        raise ActiVisError(f"there is no directory {str(logdir)!r}. Name the log_dir of the callback")
    check_target(directory)
    try:
        routes, plugin = routes_of(logdir, reload_seconds=0)
    except UnicodeError as error:  # with TensorFlow it is another one than without
        raise ActiVisError(
            f"a directory at or below {logdir} has a name that is not UTF-8, which TensorBoard cannot read. Rename it"
        ) from error
    run = choose_run(runs_of(routes), str(logdir))
    questions = Questions(routes, plugin, run["name"])
    choice = choose(run, questions, steps, layers)
    withheld = Withheld(choice.snapshots.values(), content)
    name = str(run["name"]) if run["name"] != "." else _own_name(logdir)
    for line in leaving(choice, name, withheld):
        print(line, flush=True)
    recording = Recording(questions, choice, withheld)
    collection = Collection(recording, choice, name, content, budget, _progress)
    files = collection.collect()
    _progress("")
    write_folder(directory, files)
    print(f"Wrote {visible(str(directory))}: {len(files)} files, {megabytes(collection.size)}.")
    if collection.left_out:
        print("Left out, because they exceed the budget:")
        for what in collection.left_out:
            print(f"  {visible(what)}")
    print(f"Open  {visible(str(directory / 'index.html'))}  or put the folder on any web server.")
    return 0


def _own_name(logdir: Location) -> str:
    """The name of a run that is the log directory itself."""
    path = logdir.resolve() if isinstance(logdir, Path) else logdir
    return path.parent.name if path.name == "activis" else path.name


def _progress(text: str) -> None:
    """One line of a terminal, which is written over; nothing where nobody sees it."""
    if sys.stderr.isatty():
        print(f"\r\x1b[2K{visible(text)}", end="", file=sys.stderr, flush=True)
