"""Makes the location of a text: a local path, or an address in a store."""

import os
import re
from functools import cache
from pathlib import Path

from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.stores.faults import without_secrets
from tensorboard_activis.stores.object_store import ObjectStore
from tensorboard_activis.stores.path import Location, StorePath

_ADDRESS = re.compile(r"((?:[\w+.-]{2,}::)*[\w+.-]{2,})://(.*)", re.DOTALL | re.ASCII)
#: The first part of an address whose two slashes `pathlib.Path` has made one. One letter is a drive of Windows.
_BEGINNING = re.compile(r"[^/\\]{2,}:")
_LOCAL = ("file", "local")


def is_address(text: str | os.PathLike[str]) -> bool:
    """Whether a text is an address in a store rather than a local path."""
    match = _ADDRESS.fullmatch(str(text))
    return match is not None and match[1].lower() not in _LOCAL


def location(text: "str | os.PathLike[str] | StorePath") -> Location:
    """The location that a text names: `logs/run1`, `s3://bucket/run1`, `file:///logs/run1`.

    Raises:
        ConfigurationError: an address that no installed package can reach, that names no bucket, or that has credentials in it.
    """
    if isinstance(text, StorePath):
        return text
    match = _ADDRESS.fullmatch(str(text))
    if match is None:
        return _path(text)
    protocol, key = match[1].lower(), match[2].strip("/")
    if protocol in _LOCAL:
        return Path(match[2])
    if "::" in str(text) or "?" in key or re.match(r"[^/]*:[^/]*@", key):
        raise ConfigurationError(
            f"An address that begins with {protocol}:// must not contain credentials, ? or ::. Give one such as "
            f"{protocol}://bucket/run1; the store's own package takes the credentials from the environment."
        )
    if not key or any(part in ("", ".", "..") for part in key.split("/")):
        raise ConfigurationError(
            f"{protocol}://{key} does not name a place in a store. Give a bucket and a path, such as {protocol}://bucket/run1."
        )
    return StorePath(_store(protocol), key)


def _path(text: str | os.PathLike[str]) -> Path:
    """A local path. Raises ConfigurationError for what looks like an address: it would become a directory of that name."""
    path = Path(text)
    if re.search(r"[^/\\:]{2,}://", str(text)) or str(text).startswith(("://", "::")):
        raise ConfigurationError(
            f"{without_secrets(str(text))!r} is neither the address of a store nor a local path. Give one such as "
            "'s3://bucket/run1', with nothing before the name of the protocol, or a path such as 'logs/run1'."
        )
    if not path.anchor and _BEGINNING.fullmatch(path.parts[0] if path.parts else "") and not path.exists():
        raise ConfigurationError(
            f"{without_secrets(str(path))} looks like an address that has lost one of its two slashes, as in a pathlib.Path. Give "
            f"the address as text, such as 's3://bucket/run1'; give a local directory of this name as {path.absolute()}."
        )
    return path


@cache
def _store(protocol: str) -> ObjectStore:
    """The store of a protocol: one for all addresses, so that listings are shared."""
    return ObjectStore(protocol)
