"""Turns what the packages of stores raise into OSError, in words without secrets."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

#: What stands before a host's name in an address: a user, or a user and a password.
_USER = re.compile(r"(?<=//)[^/@\s]+@")
#: Environment variables whose values are in no message.
_SECRET = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL", re.IGNORECASE)
#: Shorter values might be a part of any word.
_SHORTEST = 6
_LONGEST = 300


def without_secrets(text: str) -> str:
    """A text without users and passwords of addresses, and without the values of environment variables that hold secrets."""
    text = _USER.sub("", text)
    for name, value in os.environ.items():
        if len(value) >= _SHORTEST and _SECRET.search(name):
            text = text.replace(value, f"[{name}]")
    return text


@contextmanager
def store_faults(address: str) -> Iterator[None]:
    """Turns every exception of the body into an OSError that says what the store said.

    Arguments:
        address: what the body is about.

    Raises:
        FileNotFoundError: there is no such object, or no such bucket.
        PermissionError: the store refuses, or there are no credentials.
        OSError: anything else, `errno.EIO`.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, _said(error, "there is no such object"), address) from None
    except PermissionError as error:
        raise PermissionError(errno.EACCES, _said(error, "the store refuses it"), address) from None
    except Exception as error:  # each backend has exceptions of its own, often beside OSError
        reason = _said(error, type(error).__name__)
        if "credential" in f"{type(error).__name__} {reason}".lower():
            reason = f"no credentials were found where the store's package looks for them ({reason.rstrip('.')})"
            raise PermissionError(errno.EACCES, reason, address) from None
        raise OSError(errno.EIO, f"the store failed: {reason}", address) from None


def _said(error: BaseException, otherwise: str) -> str:
    """The words of an error in one line."""
    text = getattr(error, "strerror", None) or str(error)
    line = " ".join(without_secrets(str(text)).split())[:_LONGEST]
    return line.rstrip(".") or otherwise
