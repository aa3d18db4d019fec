"""What a check found in one directory."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written: where, what is wrong, what can still be had."""

    where: str
    wrong: str
    recoverable: str


@dataclass(slots=True)
class Report:
    """One run's directory.

    Attributes:
        snapshots, superseded: steps that can be read; those among them that a newer session replaced.
        files: of ours, the event files included; `size` is theirs in bytes.
        unverified: files of arrays without checksums, written by a version that had none.
        leftovers: files that no event names.
        kept: in words, why leftovers cannot be removed now; None when they can.
    """

    directory: Path
    problems: list[Problem] = field(default_factory=list)
    snapshots: int = 0
    superseded: int = 0
    files: int = 0
    size: int = 0
    unverified: int = 0
    leftovers: list[Path] = field(default_factory=list)
    kept: str | None = None

    def add(self, where: str, wrong: str, recoverable: str) -> None:
        """Notes a problem."""
        self.problems.append(Problem(where, wrong, recoverable))
