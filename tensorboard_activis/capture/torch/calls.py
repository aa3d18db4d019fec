"""Keys of module calls and operators while a forward pass runs: the same in the graph and in every later pass."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


def key_of(path: str, call: int) -> str:
    """The key of a module's call: its path, with the call index from the second call on."""
    return f"{path}@{call}" if call else path


@dataclass(frozen=True)
class Calls:
    """What a forward pass called: how often each module, and each operator by its name, where that was counted."""

    modules: frozenset[tuple[str, int]]
    operators: frozenset[tuple[str, int]] | None = None

    @classmethod
    def of(cls, modules: Mapping[str, int], operators: Mapping[str, int] | None) -> "Calls":
        """From two counts."""
        return cls(frozenset(modules.items()), None if operators is None else frozenset(operators.items()))


@dataclass
class Frame:
    """A module that is running. `operators` counts by name what ran in it, outside the modules inside it."""

    key: str
    parent: str | None
    path: str
    call: int
    operators: Counter[str] = field(default_factory=Counter)


class CallStack:
    """The modules that are running, innermost last, and how often each was called in this pass."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.calls: Counter[str] = Counter()
        #: Modules that hold others and do not run themselves, such as ModuleList: key -> (path, call, parent).
        self.holders: dict[str, tuple[str, int, str | None]] = {}

    def reset(self) -> None:
        """Begin a pass."""
        self.frames.clear()
        self.calls.clear()
        self.holders.clear()

    def enter(self, path: str) -> Frame:
        """A module begins to run."""
        if not path and not self.frames:
            self.reset()
        call = self.calls[path]
        self.calls[path] += 1
        frame = Frame(key_of(path, call), self._enclosing(path)[0], path, call)
        self.frames.append(frame)
        return frame

    def leave(self, path: str) -> Frame | None:
        """A module ends. Frames of modules that were left by an exception, which the model caught, are dropped."""
        while self.frames:
            frame = self.frames.pop()
            if frame.path == path:
                return frame
        return None

    def operator(self, name: str) -> tuple[Frame, int] | None:
        """An operator runs: the module that it runs in and how many of its name ran there; None outside the model."""
        if not self.frames:
            return None
        frame = self.frames[-1]
        ordinal = frame.operators[name]
        frame.operators[name] += 1
        return frame, ordinal

    def _enclosing(self, path: str) -> tuple[str | None, int]:
        """Key and call index of the module around this one, by its path, in the call that is running."""
        if not path:
            return None, 0
        outer = path.rpartition(".")[0]
        for frame in reversed(self.frames):
            if frame.path == outer:
                return frame.key, frame.call
        parent, call = self._enclosing(outer)
        key = key_of(outer, call)
        self.holders.setdefault(key, (outer, call, parent))
        return key, call
