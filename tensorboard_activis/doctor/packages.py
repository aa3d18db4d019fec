"""Which of the packages that this one can use are installed, and whether their versions are ones that it knows."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

DISTRIBUTION = "tensorboard-activis"
#: Extras for developers, of which users need nothing.
_FOR_DEVELOPERS = {"bench", "docs", "nightly", "release", "test"}


@dataclass(frozen=True)
class Package:
    """One package that is required, or that an extra names.

    Attributes:
        name: as on the package index.
        version: what is installed; None if nothing is.
        wanted: the versions that this package works with, such as ">=2.20,<3".
        extras: which extras name it; empty if it is always required.
    """

    name: str
    version: str | None
    wanted: str
    extras: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether the installed version is one of those wanted."""
        return self.version is not None and Requirement(f"x{self.wanted}").specifier.contains(
            self.version, prereleases=True
        )

    @property
    def problem(self) -> str:
        """What is wrong with it, and what to do; "" if nothing."""
        if self.version is None:
            if self.extras:
                return ""
            return f"{self.name} is required and not installed. Run: pip install '{self.name}{self.wanted}'"
        if self.fits:
            return ""
        return f"{self.name} {self.version} is not {self.wanted}. Run: pip install '{self.name}{self.wanted}'"


def packages() -> list[Package]:
    """All of them, the required ones first, by name. Raises PackageNotFoundError where this package is not installed."""
    by_name: dict[str, tuple[str, list[str]]] = {}
    for requirement, extra in _requirements():
        _, extras = by_name.setdefault(canonicalize_name(requirement.name), (str(requirement.specifier), []))
        if extra and extra not in extras:
            extras.append(extra)
    everything = [Package(name, _version(name), wanted, tuple(extras)) for name, (wanted, extras) in by_name.items()]
    return sorted(everything, key=lambda package: (bool(package.extras), package.name))


def _requirements() -> Iterator[tuple[Requirement, str]]:
    """Each requirement of this platform, with the extra that names it; "" for those that are always required."""
    for text in metadata.requires(DISTRIBUTION) or []:
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) == DISTRIBUTION:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement, ""
            continue
        for extra in metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or []:
            if extra not in _FOR_DEVELOPERS and requirement.marker.evaluate({"extra": extra}):
                yield requirement, extra


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
