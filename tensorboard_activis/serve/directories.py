"""From the name of a TensorBoard run to the directory in which its files lie, and to the name that users know."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tensorboard_activis.metadata import RUN_DIRECTORY


@dataclass(frozen=True, slots=True)
class Root:
    """A log directory; its runs are named below `prefix` ("" without)."""

    prefix: str
    path: str


def roots(logdir: str, logdir_spec: str) -> list[Root]:
    """The log directories that TensorBoard was started with: `--logdir`, or `--logdir_spec name:path,path`."""
    if logdir:
        return [Root("", logdir)]
    found = []
    for part in filter(None, (logdir_spec or "").split(",")):
        name, colon, path = part.partition(":")
        # As TensorBoard does it: no name in front of an address (gs://…), nor where the path came first.
        named = bool(colon) and not path.startswith("//") and "/" not in name
        found.append(Root(name, path) if named else Root("", part))
    return found


def run_directory(run: str, among: list[Root]) -> Path | None:
    """The directory of a run as TensorBoard names it; None when there is none below the log directories."""
    for root in among:
        if root.prefix and run != root.prefix and not run.startswith(f"{root.prefix}/"):
            continue
        inside = PurePosixPath(run[len(root.prefix) :].lstrip("/") if root.prefix else run)
        if inside.is_absolute() or ".." in inside.parts or "\0" in run:
            continue
        directory = Path(root.path).expanduser() / inside
        if directory.is_dir():
            return directory
    return None


def shown_name(run: str) -> str:
    """The directory that the user logged to: the parent of our own, "." for the log directory itself."""
    parts = run.split("/")
    if parts[-1] != RUN_DIRECTORY:
        return run
    return "/".join(parts[:-1]) or "."
