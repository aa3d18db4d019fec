"""Names on disk: plugin, tags, format version, and the names of files, made and parsed."""

import hashlib
import re
import secrets
from collections.abc import Iterable

PLUGIN_NAME = "activis"
FORMAT_VERSION = 1

GRAPH_TAG = "activis/graph"
SNAPSHOT_TAG = "activis/snapshot"
HEALTH_TAG = "activis/health"

#: The child of the user's log_dir that belongs to this project alone: two live event files in one run directory lose data
#: under TensorBoard's Python loader.
RUN_DIRECTORY = "activis"

#: In that directory: held by the one live logger.
LOCK_FILE = ".lock"

#: In a run's directory in a store, which has no locks: says that a session lives.
_SESSION_OBJECT = re.compile(r"session-[0-9a-f]{12}-[0-9a-f]{8}\.alive")

_FILE_NAME = re.compile(r"(?:step-[0-9]{10,20}|instances)-[0-9a-z-]{1,64}\.(?:safetensors|parquet)")
_SNAPSHOT_FILE = re.compile(
    r"(?P<whole>step-(?P<step>[0-9]{10,20})-(?P<session>[0-9a-f]{12}-[0-9a-f]{8}|[0-9a-z-]+?)(?:-r[0-9]+)?)(?:-[0-9]{4,})?"
    r"\.safetensors"
)
_STAND_IN = re.compile(r"(?:step-[0-9]{10,20}|instances)-[0-9a-z-]{1,64}\.thinned\.(?:safetensors|parquet)")
_PARTIAL = re.compile(
    rf"\.(?:{_FILE_NAME.pattern}|{_STAND_IN.pattern}|events-[0-9a-z-]{{1,64}})(?:\.[0-9a-f]{{16}})?\.partial"
)
_FILE_NAME_IN_BYTES = re.compile(_FILE_NAME.pattern.encode("ascii"))


def plugin_content() -> bytes:
    """The plugin content of a summary: the format version and nothing else, because it is sent with every listing."""
    return str(FORMAT_VERSION).encode("ascii")


def format_version(content: bytes) -> int | None:
    """The format version in a summary's plugin content; None if it is not ours."""
    return int(content) if content.isdigit() and len(content) < 10 else None


def snapshot_file(step: int, session: str, part: int = 0, repeat: int = 0) -> str:
    """Name of the safetensors file with the large arrays of one snapshot.

    Arguments:
        part: which of several processes writes it.
        repeat: how often this session logged the step before. Each time has a file of its own: the older snapshot keeps
            its arrays until the newer one is announced.
    """
    repeated, parted = f"-r{repeat}" if repeat else "", f"-{part:04d}" if part else ""
    return f"step-{step:010d}-{session}{repeated}{parted}.safetensors"


def snapshot_of(name: str) -> tuple[int, str] | None:
    """Step and session in the name of a snapshot's file; None for any other name."""
    match = _SNAPSHOT_FILE.fullmatch(name)
    return (int(match["step"]), match["session"]) if match else None


def stand_in(name: str) -> str:
    """Name of the file that holds what is left of a side file after thinning; all parts of a snapshot have one in common."""
    match = _SNAPSHOT_FILE.fullmatch(name)
    stem, _, kind = name.rpartition(".")
    return f"{match['whole'] if match else stem}.thinned.{kind}"


def is_stand_in(name: str) -> bool:
    """Whether this is a name as `stand_in` makes it."""
    return _STAND_IN.fullmatch(name) is not None


def is_partial_stand_in(name: str) -> bool:
    """Whether this is a name of a stand-in while it is written."""
    return is_partial_name(name) and ".thinned." in name


def instances_file(parts: Iterable[bytes]) -> str:
    """Name of a Parquet file by its content, which comes in parts: equal tables of instances share one file over all steps."""
    content = hashlib.blake2b(digest_size=8)
    for part in parts:
        content.update(part)
    return f"instances-{content.hexdigest()}.parquet"


def partial_name(name: str) -> str:
    """A new, unpredictable name for a file while it is written: nobody can put a link there first."""
    return f".{name}.{secrets.token_hex(8)}.partial"


def partial_events_name(session: str) -> str:
    """A new name for an event file while its beginning is written; TensorBoard does not take it for an event file."""
    return partial_name(f"events-{session}")


def is_partial_name(name: str) -> bool:
    """Whether this is a name of a partial file, as made above; older versions wrote no random part."""
    return _PARTIAL.fullmatch(name) is not None


def is_file_name(name: str) -> bool:
    """Whether an event may refer to this file: a name as made above, so never one that leads out of its directory."""
    return _FILE_NAME.fullmatch(name) is not None


def file_names(content: bytes) -> set[str]:
    """All names of our files anywhere in the bytes of an event: at least those that it refers to."""
    return {name.decode("ascii") for name in _FILE_NAME_IN_BYTES.findall(content)}


def session_object(session: str) -> str:
    """Name of the object by which a session in a store says that it lives."""
    return f"session-{session}.alive"


def is_session_object(name: str) -> bool:
    """Whether this is a name as made above."""
    return _SESSION_OBJECT.fullmatch(name) is not None


def newer_version(version: int | None) -> str:
    """The message to a user whose log directory has another format version."""
    written = "an unknown format version" if version is None else f"format version {version}"
    return (
        f"Some of this was written in {written}; this installation reads version {FORMAT_VERSION}. "
        "Upgrade with: pip install -U tensorboard-activis"
    )
