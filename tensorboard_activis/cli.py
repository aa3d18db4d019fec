"""The command-line interface `tensorboard-activis`, with its commands demo, serve, export, check, report and doctor."""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from tensorboard_activis import __version__
from tensorboard_activis.demo import command as demo
from tensorboard_activis.errors import ActiVisError, ConfigurationError
from tensorboard_activis.printable import visible_lines
from tensorboard_activis.stores.locations import location


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; errors that are meant for users are one line on standard error.

    Returns:
        The exit status: 0 for success, 1 for an error (of `check`: damage; of `report`: a finding of `--fail-on`; of `doctor`:
        something that is not well), 2 for an invalid command line or nothing to read, 130 after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter is no reason to fail
    options = parser().parse_args(arguments)
    try:
        if options.command == "check":
            from tensorboard_activis.check.command import run_check  # only here: the demo shall start at once

            return run_check(location(options.logdir), repair=options.repair, thin=options.thin)
        if options.command == "report":
            from tensorboard_activis.report.command import run_report  # likewise

            return run_report(location(options.logdir), form=options.format, fail_on=options.fail_on)
        if options.command == "doctor":
            from tensorboard_activis.doctor.command import run_doctor  # likewise

            return run_doctor(None if options.logdir is None else location(options.logdir))
        if options.command == "serve":
            from tensorboard_activis.standalone.command import run_serve  # likewise

            return run_serve(location(options.logdir), options.port, options.host)
        if options.command == "export":
            from tensorboard_activis.export.command import run_export  # likewise

            return run_export(
                location(options.logdir),
                options.directory,
                steps=options.step,
                layers=options.layers,
                budget=options.budget,
                content=not options.no_content,
            )
        return demo.run_demo(
            options.framework,
            _local(options.logdir),
            options.epochs,
            serve=not options.no_serve,
            port=options.port,
            data=options.data,
        )
    except ActiVisError as error:
        print(visible_lines(f"tensorboard-activis: {error}"), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ntensorboard-activis: stopped", file=sys.stderr)
        return 130


def _local(text: str) -> Path:
    """A local path. Raises ConfigurationError for an address."""
    path = location(text)
    if isinstance(path, Path):
        return path
    raise ConfigurationError(f"the demo logs to a local directory, not to a store; got --logdir {path}")


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    top = argparse.ArgumentParser(prog="tensorboard-activis", description="ActiVis for TensorBoard.")
    top.add_argument("--version", action="version", version=f"tensorboard-activis {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser(
        "demo",
        help="train a small network on images of digits, or on texts, log it, open TensorBoard",
        description="Trains a small residual network on scikit-learn's digits, twice: as it should be, and with a share "
        "of wrong labels; or a transformer on sentences of docstrings. Logs a snapshot after every epoch and opens TensorBoard.",
    )
    command.add_argument(
        "--data",
        choices=("digits", "text"),
        default="digits",
        help="images of digits, or sentences by the package that they document, with PyTorch (default: %(default)s)",
    )
    command.add_argument(
        "--framework",
        choices=sorted(demo.NEEDS, reverse=True),
        default="torch",
        help="what to train with (default: %(default)s)",
    )
    command.add_argument(
        "--logdir",
        default=str(demo.DEFAULT_LOG_DIR),
        metavar="DIR",
        help="the local directory to log to (default: %(default)s)",
    )
    command.add_argument(
        "--epochs",
        type=_positive,
        metavar="N",
        help="epochs of training in each run (default: 14, with Keras 10, on texts 6)",
    )
    command.add_argument("--no-serve", action="store_true", help="train and log only")
    command.add_argument(
        "--port", type=_port, metavar="P", help="TensorBoard's port (default: 6006 or the next free one)"
    )
    command = commands.add_parser(
        "serve",
        help="show the tab alone, in a whole window, without TensorBoard around it",
        description="Serves the ActiVis tab as a page of its own, with the same addresses (the part after #) as in TensorBoard. "
        "It is reached from this machine only, unless --host says otherwise.",
    )
    command.add_argument(
        "logdir", metavar="LOGDIR", help="a log directory, or one run; also an address such as s3://bucket/runs"
    )
    command.add_argument(
        "--port", type=_port, metavar="P", help="port to listen on (default: 6006 or the next free one)"
    )
    command.add_argument(
        "--host", default="localhost", metavar="H", help="name or address to listen on (default: %(default)s)"
    )
    _add_export(commands)
    command = commands.add_parser(
        "check",
        help="verify everything that was logged below a directory",
        description="Verifies every event, file, checksum, shape and reference in the runs below a log directory, and says "
        "what is damaged and what can still be read. Status: 0 all is well, 1 something is damaged or was not thinned, 2 there is "
        "nothing to check.",
    )
    command.add_argument(
        "logdir", metavar="LOGDIR", help="a log directory, or one run; also an address such as s3://bucket/runs"
    )
    command.add_argument(
        "--repair",
        action="store_true",
        help="remove files that killed processes left behind; without this and --thin nothing is ever changed",
    )
    command.add_argument(
        "--thin",
        type=_kept,
        metavar="N",
        help="bound the disk, as the keyword keep=N does: at most N snapshots of each run, the first, the newest and others spread "
        "over the run, keep the activations of single instances; of the others, summaries, metrics and findings stay. Snapshots of "
        "at most 64 KiB of arrays, which have no file of their own, stay whole. Not where something is damaged or a "
        "logger is writing. It cannot be undone",
    )
    command = commands.add_parser(
        "report",
        help="say what is wrong with the models that were logged below a directory",
        description="Prints the findings at the latest step of every run below a log directory, each with the counts behind it. "
        "Status: 0; 1 there is a finding of a kind that --fail-on names; 2 there is nothing to read.",
    )
    command.add_argument(
        "logdir", metavar="LOGDIR", help="a log directory, or one run; also an address such as s3://bucket/runs"
    )
    command.add_argument(
        "--format",
        choices=("text", "markdown", "html", "json"),
        default="text",
        help="of the output (default: %(default)s)",
    )
    command.add_argument(
        "--fail-on",
        action="append",
        default=[],
        type=_kind,
        metavar="KIND",
        help="status 1 when there is a finding of this kind, such as dead or failing-slice; may be given several times",
    )
    command = commands.add_parser(
        "doctor",
        help="say what is installed, whether TensorBoard shows the tab, and whether a log can be read",
        description="Prints versions, whether TensorBoard sees the plugin, and what is logged: text to paste into an issue. It "
        "names no user, no host and no full path. Status: 0 all is well, 1 something is not.",
    )
    command.add_argument("logdir", nargs="?", metavar="LOGDIR", help="a log directory, or one run")
    return top


def _add_export(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "export",
        help="write a run as a folder of static files, which a browser shows without a server",
        description="Writes the ActiVis tab with one run: chosen steps and layers, for a Space, a paper's page, an attachment. "
        "The folder is opened from the disk (index.html) or from any web server. What it holds is answered in the browser; the "
        "rest says that it is not in the export. First it says what leaves this machine. Status: 0; 1 nothing was written.",
    )
    command.add_argument(
        "logdir", metavar="LOGDIR", help="one run, or a directory with one; also an address in a store"
    )
    command.add_argument("directory", type=Path, metavar="DIRECTORY", help="the folder to make, which must not exist")
    command.add_argument(
        "--step", action="extend", nargs="+", type=_step, default=[], metavar="N", help="(default: the newest step)"
    )
    command.add_argument(
        "--layers", action="extend", nargs="+", default=[], metavar="NAME", help="(default: all layers)"
    )
    command.add_argument(
        "--budget",
        type=_bytes,
        default="20MB",
        metavar="SIZE",
        help="the most that the folder may take (default: %(default)s). Details of single neurons and instances are left out "
        "where they do not fit; where the rest does not fit, nothing is written, and it is said what takes how much",
    )
    command.add_argument(
        "--no-content",
        action="store_true",
        help="leave out what instances are: images, sounds, texts, numbers, and columns of texts",
    )


def _bytes(text: str) -> int:
    from tensorboard_activis.export.budget import parse_bytes  # likewise

    try:
        return parse_bytes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _step(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"expected the number of a step, got {text!r}")
    return int(text)


def _kind(text: str) -> str:
    from tensorboard_activis.query.findings.finding import KINDS  # only here: the demo shall start at once

    if text not in KINDS:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(KINDS)}; got {text!r}")
    return text


def _kept(text: str) -> int:
    if not text.isdecimal() or len(text) > 9 or int(text) < 2:
        raise argparse.ArgumentTypeError(f"expected at least 2 snapshots, the first and the newest; got {text!r}")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number of at least 1, got {text!r}")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
