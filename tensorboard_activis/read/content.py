"""What a snapshot is stored in: its files, and a digest of all that can be read from them."""

import hashlib
from collections.abc import Sequence

from tensorboard_activis import metadata, schema
from tensorboard_activis.files import status_in
from tensorboard_activis.read.file_cache import file_version
from tensorboard_activis.stores.path import Location


def named_files(snapshot: schema.Snapshot) -> tuple[str, ...]:
    """The names of the files that a snapshot refers to, each once."""
    return tuple(dict.fromkeys((*snapshot.instances, *array_files(snapshot))))


def array_files(snapshot: schema.Snapshot) -> tuple[str, ...]:
    """The names of the files with arrays that a snapshot refers to, each once."""
    names: dict[str, None] = {}
    for array in snapshot.columns.values():
        names |= dict.fromkeys(array.files)
    others = [part.arrays for part in (snapshot.depth, snapshot.effects) if part is not None]
    for arrays in (*(layer.arrays for layer in snapshot.layers), *others):
        for array in arrays:
            names |= dict.fromkeys(array.files)
    return tuple(names)


def content_digest(
    record: str, directory: Location, files: Sequence[str], versions: dict[str, str] | None = None
) -> str:
    """Digest of a snapshot's content, for cache keys: equal only where everything that can be computed from it is equal.

    It is a hash of the record, byte by byte, and of the version of each file beside it: device, inode, size, and times of
    change. Step, session and file names would not do: a copied run has the same ones, with content that may differ. The checksums
    in the files' headers would not do unless all bytes are read to verify them, which takes as long as an answer. A file's
    time of change (`st_ctime`) cannot be set, and no two files have the same device and inode. The cost: a run that was
    copied or moved has new digests, and is computed again.

    Arguments:
        record: digest of the record, see `schema.Snapshot.digest`.
        directory, files: the run's directory, and file names in it; a missing file is part of the digest too.
        versions: what was found of files of this directory a moment ago, by name; adds to it. Hundreds of steps share a table.
    """
    versions = {} if versions is None else versions
    parts = [record]
    for name in files:
        if name not in versions:
            versions[name] = _version(directory, name) or (
                f"{name} missing, {_version(directory, metadata.stand_in(name)) or 'and nothing stands in'}"
            )
        parts.append(versions[name])
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def _version(directory: Location, name: str) -> str:
    """The name and version of a file; empty where there is none."""
    try:
        return f"{name} {file_version(status_in(directory, name))}"
    except (OSError, ValueError):
        return ""
