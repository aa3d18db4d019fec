"""Takes out of a text what nobody should have to look for before pasting it: full paths, addresses, users and hosts."""

import getpass
import re
import socket
from pathlib import Path

from tensorboard_activis.stores.faults import without_secrets

_ADDRESS = re.compile(r"\b([A-Za-z][\w+.-]{0,30})://([^\s'\"<>]*[^\s'\"<>.,:;)\]])")
#: What begins an absolute path: of Windows a drive, perhaps after `\\?\`, or a share, whose backslashes may be doubled.
_WINDOWS_ROOT = r"(?:\\\\+[?.]\\+)?[A-Za-z]:[\\/]+|\\\\+(?:[?.]\\+UNC\\+)?(?=\w)"
_QUOTED = re.compile(rf"(?P<quote>['\"])(?P<path>(?:/|{_WINDOWS_ROOT})(?:(?!(?P=quote)).)*)(?P=quote)")
_POSIX = re.compile(r"(?<![\w.~…/])/+(?![/…])(?:[^\s/'\":,;]+/+)+[^\s/'\":,;]*")
#: Names of directories may hold spaces where a backslash follows; the last name, of which nobody knows where it ends, may not.
_PART = r"[^<>:\"'/\\|?*\s]"
_WINDOWS = re.compile(
    rf"(?<![\w~])(?:{_WINDOWS_ROOT})(?:{_PART}(?:[^<>:\"'/\\|?*\r\n]*{_PART})?\\+|{_PART}+/+)+(?:(?![,;]){_PART})*"
)
#: After the time, and in files of this package the session and a number, comes the host that wrote it.
_EVENT_FILE = re.compile(r"(events\.out\.tfevents\.\d+(?:\.[0-9a-f]{12}-[0-9a-f]+\.\d{6})?+)\.[^\s'\":,;/\\]*")
_HOST = re.compile(r"\b(host=)(?:'[^']*'|\"[^\"]*\")|\b(?:\d{1,3}\.){3}\d{1,3}\b")
#: Shorter names might be words, and these say nothing.
_SHORTEST = 3
_NOBODY = ("root", "user", "localhost")


def without_private_parts(text: str, home: str, users: tuple[str, ...], hosts: tuple[str, ...]) -> str:
    """The text with `~` for the home directory, `…/name` for other absolute paths (also of Windows), `s3://…/name` for addresses.

    What an address holds besides (user, password, host, port, query) goes with it; names of event files lose the host in them.

    Arguments:
        home: the home directory; "" if there is none.
        users, hosts: names that are written `<user>` and `<host>` wherever they stand as words.
    """
    text = _ADDRESS.sub(lambda match: f"{match[1]}://…{_last_part(match[2])}", text)
    if len(home) > 1:
        ways = {home, home.replace("\\", "/"), home.replace("\\", "\\\\")}
        text = re.sub(rf"(?<![\w.])(?:{'|'.join(map(re.escape, ways))})(?![\w.-])", "~", text, flags=re.IGNORECASE)
    text = _QUOTED.sub(lambda match: f"{match['quote']}{_short(match['path'])}{match['quote']}", text)
    text = _WINDOWS.sub(lambda match: _short(match[0]), text)
    text = _POSIX.sub(lambda match: _short(match[0]), text)
    text = _EVENT_FILE.sub(r"\1…", text)
    text = _HOST.sub(lambda match: f"{match[1] or ''}<host>", text)
    for names, word in ((users, "<user>"), (hosts, "<host>")):
        for name in names:
            if len(name) >= _SHORTEST and name.lower() not in _NOBODY:
                text = re.sub(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", word, text, flags=re.IGNORECASE)
    return text


def pasted(text: str) -> str:
    """The text without what is private on this machine, nor the values of environment variables that hold secrets."""
    host = socket.gethostname()
    try:
        home = str(Path.home())
    except RuntimeError:  # an account that has none
        home = ""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # an account without a name
        user = ""
    return without_private_parts(without_secrets(text), home, (user, Path(home).name), (host, host.partition(".")[0]))


def _last_part(address: str) -> str:
    """`/name` of an address without its protocol; "" if it has a host alone."""
    path = re.split(r"[?#]", address, maxsplit=1)[0].partition("/")[2].rstrip("/")
    return f"/{path.rpartition('/')[2]}" if path else ""


def _short(path: str) -> str:
    """`…/name` of an absolute path; the path itself where nothing lies between its root and its name."""
    names = [part for part in re.split(r"[\\/]+", path) if part and not part.endswith(":")]
    return f"…/{names[-1]}" if len(names) > 1 else path
