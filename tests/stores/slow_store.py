"""A store for tests, `slow://…`: in memory, with a time that every request takes, with faults, and with a list of its requests."""

import time
from collections.abc import Callable
from typing import Any, ClassVar

import fsspec
from fsspec.implementations.memory import MemoryFileSystem


class SlowStore(MemoryFileSystem):
    """fsspec's memory file system, whose requests take time, fail, and are counted.

    Attributes:
        seconds: that each request takes.
        fault: called with operation and key before each request; raises to make it fail.
        lost_answer: of an operation that is done, and then fails.
        requests: operation, key, and bytes that were sent or received.
    """

    protocol = "slow"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    seconds: ClassVar[float] = 0.0
    fault: ClassVar[Callable[[str, str], None] | None] = None
    lost_answer: ClassVar[str] = ""
    requests: ClassVar[list[tuple[str, str, int]]] = []

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        return super()._strip_protocol(str(path).removeprefix("slow://"))

    @classmethod
    def reset(cls) -> None:
        """Empties it, and takes faults and time away."""
        cls.store.clear()
        cls.requests.clear()
        cls.seconds, cls.fault, cls.lost_answer = 0.0, None, ""

    @classmethod
    def content(cls, key: str) -> bytes:
        """The bytes of an object."""
        return bytes(cls.store[f"/{key}"].getvalue())

    @classmethod
    def replace(cls, key: str, content: bytes) -> None:
        """Puts other bytes in an object's place, as a fault of the store would."""
        fsspec.filesystem("slow", use_listings_cache=False).pipe_file_quietly(key, content)

    def _asked(self, operation: str, path: str, size: int = 0) -> None:
        cls = type(self)
        cls.requests.append((operation, path.strip("/"), size))
        if cls.seconds:
            time.sleep(cls.seconds)
        if cls.fault is not None:
            cls.fault(operation, path.strip("/"))

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        self._asked("list", path)
        return super().ls(path, detail=detail, **options)

    def find(self, path: str, *arguments: Any, **options: Any) -> Any:
        self._asked("list", path)
        prefix = f"/{path.strip('/')}/"
        return sorted(key for key in self.store if key.startswith(prefix))

    def info(self, path: str, **options: Any) -> Any:
        self._asked("status", path)
        return super().info(path, **options)

    def cat_ranges(self, paths: Any, starts: Any, ends: Any, *arguments: Any, **options: Any) -> list[bytes]:
        """All at once, as a store that is asked in parallel."""
        size = sum(end - start for start, end in zip(starts, ends, strict=True))
        self._asked("read", paths[0], size)
        if f"/{paths[0].strip('/')}" not in self.store:
            raise FileNotFoundError(paths[0])
        whole = self.content(paths[0].strip("/"))
        return [whole[start:end] for start, end in zip(starts, ends, strict=True)]

    def pipe_file(self, path: str, value: bytes, **options: Any) -> None:
        self._asked("write", path, len(value))
        self.pipe_file_quietly(path, value)
        self._lose("write")

    def put_file(self, lpath: str, rpath: str, **options: Any) -> None:
        with open(lpath, "rb") as file:
            content = file.read()
        self._asked("upload", rpath, len(content))
        self.pipe_file_quietly(rpath, content)
        self._lose("upload")

    def rm_file(self, path: str) -> None:
        self._asked("delete", path)
        super().rm_file(path)

    def pipe_file_quietly(self, path: str, value: bytes) -> None:
        """Writes without a request that counts."""
        super().pipe_file(path, value)

    def _lose(self, operation: str) -> None:
        if type(self).lost_answer == operation:
            raise ConnectionResetError("the connection was reset")


fsspec.register_implementation("slow", SlowStore, clobber=True)
