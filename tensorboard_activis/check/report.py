"""The result of checking one run's directory."""

from dataclasses import dataclass, field

from tensorboard_activis.stores.path import Location


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: where it is, what is wrong, and what can still be recovered."""

    where: str
    wrong: str
    recoverable: str


@dataclass(slots=True)
class Report:
    """Counts and faults of one run's directory.

    Attributes:
        directory: the directory with our files.
        problems: every fault, in the order of the check.
        snapshots: snapshots that are intact.
        thinned: snapshots that lost the activations of single instances so that the disk stays bounded.
        superseded: intact snapshots that no longer count, because newer ones took their place.
        files, size: number of our files, event files included, and their size in bytes.
        unverified: files of arrays without checksums, which older versions wrote.
        leftovers: files that no event names.
        keep_reason: in words, why leftovers were not removed; None if they were or there are none.
    """

    directory: Location
    problems: list[Problem] = field(default_factory=list)
    snapshots: int = 0
    thinned: int = 0
    superseded: int = 0
    files: int = 0
    size: int = 0
    unverified: int = 0
    leftovers: list[Location] = field(default_factory=list)
    keep_reason: str | None = None

    def add(self, where: str, wrong: str, recoverable: str) -> None:
        """Adds a problem."""
        self.problems.append(Problem(where, wrong, recoverable))
