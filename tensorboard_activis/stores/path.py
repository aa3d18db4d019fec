"""An address in a store, with the part of `pathlib.Path` that reading and writing a run needs."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import TypeAlias, TypeVar

from tensorboard_activis.stores.object_store import ObjectStatus, ObjectStore


class StorePath:
    """The address of an object, or of what lies below it; a store has no directories, so these need not be made.

    Status and names come from one listing of the directory, which is at most `FRESH_SECONDS` old.

    Arguments:
        key: without slashes at its ends.
    """

    def __init__(self, store: ObjectStore, key: str) -> None:
        self.store, self.key = store, key

    def __str__(self) -> str:
        return self.store.address(self.key)

    def __repr__(self) -> str:
        return f"StorePath({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StorePath) and self.store is other.store and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __lt__(self, other: "StorePath") -> bool:
        return self.key < other.key

    def __truediv__(self, name: str) -> "StorePath":
        return StorePath(self.store, f"{self.key}/{name}" if self.key else name)

    @property
    def name(self) -> str:
        """Its last part."""
        return self.key.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The end of its name, from the last dot on."""
        return Path(self.name).suffix

    @cached_property
    def parent(self) -> "StorePath":
        """What it lies in."""
        return StorePath(self.store, self.key.rpartition("/")[0])

    def with_name(self, name: str) -> "StorePath":
        """Another address beside this one."""
        return self.parent / name

    def resolve(self) -> "StorePath":
        """Itself: there are no links."""
        return self

    def is_relative_to(self, other: object) -> bool:
        """Whether it lies at or below another address."""
        return isinstance(other, StorePath) and f"{self.key}/".startswith(f"{other.key}/")

    def relative_to(self, other: object) -> Path:
        """The path from another address to this one, which lies below it. Raises ValueError."""
        if not isinstance(other, StorePath) or not self.is_relative_to(other):
            raise ValueError(f"{self} is not below {other}")
        return Path(self.key[len(other.key) :].strip("/"))

    def refresh(self) -> None:
        """Lists this directory anew. Raises OSError where the store cannot be asked."""
        self.store.listing(self.key, age=-1.0)

    def stat(self) -> ObjectStatus:
        """The status of the object. Raises FileNotFoundError, OSError."""
        status = self.store.listing(self.parent.key).files.get(self.name)
        return status if status is not None else self.store.status(self.key)

    lstat = stat

    def exists(self) -> bool:
        """Whether there is such an object, now. Raises OSError where the store cannot be asked."""
        try:
            self.store.status(self.key)
        except FileNotFoundError:
            return False
        return True

    def is_file(self) -> bool:
        """Whether there is such an object; False as well where the store cannot be asked."""
        try:
            return self.name in self.store.listing(self.parent.key).files
        except OSError:
            return False

    def is_symlink(self) -> bool:
        """False: there are no links."""
        return False

    def is_dir(self) -> bool:
        """Whether anything lies below. Raises OSError where the store cannot be asked."""
        listing = self.store.listing(self.key)
        return bool(listing.files or listing.directories)

    def iterdir(self) -> Iterator["StorePath"]:
        """The objects directly below, sorted by name. Raises OSError."""
        return iter([self / name for name in sorted(self.store.listing(self.key).files)])

    def glob(self, pattern: str) -> Iterator["StorePath"]:
        """The objects below whose names match a pattern, level by level: `*/activis/*tfevents*`. Raises OSError."""
        first, deeper, rest = pattern.partition("/")
        listing = self.store.listing(self.key)
        for name in sorted(listing.directories if deeper else listing.files):
            if fnmatchcase(name, first):
                if deeper:
                    yield from (self / name).glob(rest)
                else:
                    yield self / name

    def directories(self) -> list["StorePath"]:
        """This address and every one below that holds objects, sorted; one question for a thousand objects. Raises OSError."""
        keys = {key.rpartition("/")[0] for key in self.store.keys_below(self.key)} | {self.key}
        return [StorePath(self.store, key) for key in sorted(keys)]

    def unlink(self, missing_ok: bool = False) -> None:
        """Deletes the object. Raises FileNotFoundError unless `missing_ok`, OSError."""
        try:
            self.store.delete(self.key)
        except FileNotFoundError:
            if not missing_ok:
                raise


#: Where files of a run are: on a disk, or in a store. Both have what reading and writing needs of `pathlib.Path`.
Location: TypeAlias = Path | StorePath
#: One of the two kinds, which a function returns as it was given it.
Place = TypeVar("Place", bound=Location)
