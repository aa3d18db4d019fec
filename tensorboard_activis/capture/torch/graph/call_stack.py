"""Follows a forward pass and names each module call and operator by a key, the same in the graph and in every later pass."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


def call_key(path: str, call: int) -> str:
    """The key of a module call: the module's path; from the second call on with the call index, as in `shared@1`."""
    return f"{path}@{call}" if call else path


@dataclass(frozen=True)
class CallCounts:
    """How often a forward pass called each module, by path, and each operator, by name; `operators` is None if not counted."""

    modules: frozenset[tuple[str, int]]
    operators: frozenset[tuple[str, int]] | None = None

    @classmethod
    def from_counters(cls, modules: Mapping[str, int], operators: Mapping[str, int] | None) -> "CallCounts":
        """Freezes two counters, so that passes can be compared."""
        return cls(frozenset(modules.items()), None if operators is None else frozenset(operators.items()))


@dataclass
class Frame:
    """A module call that is running. `operators` counts, by name, the operators that ran directly in it, not in its children."""

    key: str
    parent: str | None
    path: str
    call: int
    operators: Counter[str] = field(default_factory=Counter)


class CallStack:
    """The stack of module calls that are running, innermost last, and how often each module was called in this pass."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.calls: Counter[str] = Counter()
        #: Containers that do not run themselves, such as ModuleList: key -> (path, call index, key of the parent).
        self.containers: dict[str, tuple[str, int, str | None]] = {}

    def reset(self) -> None:
        """Begins a new forward pass."""
        self.frames.clear()
        self.calls.clear()
        self.containers.clear()

    def push(self, path: str) -> Frame:
        """Pushes a module that begins to run."""
        if not path and not self.frames:
            self.reset()
        call = self.calls[path]
        self.calls[path] += 1
        frame = Frame(call_key(path, call), self._enclosing(path)[0], path, call)
        self.frames.append(frame)
        return frame

    def pop(self, path: str) -> Frame | None:
        """Pops a module that has run; None if it was not pushed. Drops frames left by an exception that the model caught."""
        while self.frames:
            frame = self.frames.pop()
            if frame.path == path:
                return frame
        return None

    def operator(self, name: str) -> tuple[Frame, int] | None:
        """Counts an operator; gives the module call around it and how many of its name ran there before, None outside the model."""
        if not self.frames:
            return None
        frame = self.frames[-1]
        ordinal = frame.operators[name]
        frame.operators[name] += 1
        return frame, ordinal

    def _enclosing(self, path: str) -> tuple[str | None, int]:
        """Key and call index of the module that contains this path, in the call that is running."""
        if not path:
            return None, 0
        outer = path.rpartition(".")[0]
        for frame in reversed(self.frames):
            if frame.path == outer:
                return frame.key, frame.call
        parent, call = self._enclosing(outer)
        key = call_key(outer, call)
        self.containers.setdefault(key, (outer, call, parent))
        return key, call
