"""Maps the name of a TensorBoard run to its directory, and to the name that is shown to users."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.metadata import RUN_DIRECTORY
from tensorboard_activis.stores.locations import is_address, location
from tensorboard_activis.stores.path import Location

#: Directories in stores that are listed at the same time.
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Root:
    """A log directory, without `~`, or an address; the names of its runs begin with `prefix`, which may be empty."""

    prefix: str
    path: str


def roots(logdir: str, logdir_spec: str) -> list[Root]:
    """Parses the log directories that TensorBoard was started with: `--logdir`, or `--logdir_spec name:path,path`."""
    if logdir:
        return [Root("", _expanded(logdir))]
    directories = []
    for part in filter(None, (logdir_spec or "").split(",")):
        name, colon, path = part.partition(":")
        # As in TensorBoard: a URL (gs://…) has no name in front, nor has a part with a slash before the colon.
        named = bool(colon) and not path.startswith("//") and "/" not in name
        directories.append(Root(name, _expanded(path)) if named else Root("", _expanded(part)))
    return directories


def _expanded(path: str) -> str:
    return path if is_address(path) else os.path.expanduser(path)


def run_directory(run: str, log_directories: list[Root]) -> Location | None:
    """The directory of a run, given its TensorBoard name; None when there is none below the log directories."""
    for root in log_directories:
        if root.prefix and run != root.prefix and not run.startswith(f"{root.prefix}/"):
            continue
        inside = run[len(root.prefix) :].lstrip("/") if root.prefix else run
        if inside.startswith("/") or ".." in inside.split("/") or "\0" in run:
            continue
        if is_address(root.path):
            if (found := _in_store(root.path, inside)) is not None:
                return found
            continue
        directory = os.path.join(root.path, inside)
        if os.path.isdir(directory):
            return Path(directory)
    return None


def list_together(runs: Iterable[str], log_directories: list[Root]) -> None:
    """Lists the directories of runs in stores at the same time, for the questions that follow: each takes as long as the wire."""
    if any(is_address(root.path) for root in log_directories):
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="activis-store") as pool:
            list(pool.map(lambda run: run_directory(run, log_directories), runs))


def _in_store(address: str, inside: str) -> Location | None:
    """The address of a run below another; None where it cannot be asked for, as without credentials."""
    try:
        directory = location(address)
        for part in filter(None, inside.split("/")):
            directory = directory / part
        return directory if directory.is_dir() else None
    except (ActiVisError, OSError):
        return None


def why_unreachable(log_directories: list[Root]) -> str:
    """Why addresses among the log directories cannot be asked, in words; empty where they can, or none is an address."""
    reasons = []
    for root in log_directories:
        try:
            if is_address(root.path):
                location(root.path).is_dir()
        except OSError as error:
            reasons.append(f"{error.strerror or error}.")
        except ActiVisError as error:
            reasons.append(str(error))
    return " ".join(dict.fromkeys(reasons))


def shown_name(run: str) -> str:
    """The name of a run that is shown: its `log_dir`, the parent of the `activis` directory; "." for the log directory itself."""
    parts = run.split("/")
    if parts[-1] != RUN_DIRECTORY:
        return run
    return "/".join(parts[:-1]) or "."
