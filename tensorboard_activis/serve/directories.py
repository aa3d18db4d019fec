"""Maps the name of a TensorBoard run to its directory, and to the name that is shown to users."""

import os
from dataclasses import dataclass
from pathlib import Path

from tensorboard_activis.metadata import RUN_DIRECTORY


@dataclass(frozen=True, slots=True)
class Root:
    """A log directory, without `~`; the names of its runs begin with `prefix`, which may be empty."""

    prefix: str
    path: str


def roots(logdir: str, logdir_spec: str) -> list[Root]:
    """Parses the log directories that TensorBoard was started with: `--logdir`, or `--logdir_spec name:path,path`."""
    if logdir:
        return [Root("", os.path.expanduser(logdir))]
    directories = []
    for part in filter(None, (logdir_spec or "").split(",")):
        name, colon, path = part.partition(":")
        # As in TensorBoard: a URL (gs://…) has no name in front, nor has a part with a slash before the colon.
        named = bool(colon) and not path.startswith("//") and "/" not in name
        directories.append(Root(name, os.path.expanduser(path)) if named else Root("", os.path.expanduser(part)))
    return directories


def run_directory(run: str, log_directories: list[Root]) -> Path | None:
    """The directory of a run, given its TensorBoard name; None when there is none below the log directories."""
    for root in log_directories:
        if root.prefix and run != root.prefix and not run.startswith(f"{root.prefix}/"):
            continue
        inside = run[len(root.prefix) :].lstrip("/") if root.prefix else run
        if inside.startswith("/") or ".." in inside.split("/") or "\0" in run:
            continue
        directory = os.path.join(root.path, inside)
        if os.path.isdir(directory):
            return Path(directory)
    return None


def shown_name(run: str) -> str:
    """The name of a run that is shown: its `log_dir`, the parent of the `activis` directory; "." for the log directory itself."""
    parts = run.split("/")
    if parts[-1] != RUN_DIRECTORY:
        return run
    return "/".join(parts[:-1]) or "."
