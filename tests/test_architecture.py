"""ARCHITECTURE.md and CONTRIBUTING.md: the files that they name exist, and every package has its place. One version everywhere."""

import re
from pathlib import Path

import pytest

from tensorboard_activis import __version__
from tests.conftest import SLOW

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tensorboard_activis"
PATH = re.compile(r"`((?:[\w.-]+/)*[\w.*-]+(?:\.(?:py|tsx?|proto|md|toml)|/))`")


def paths(page: str) -> list[str]:
    """What a page names in backquotes that looks like a file or, with a slash at its end, a directory."""
    text = (ROOT / page).read_text()
    return [
        name
        for name in PATH.findall(text)
        if not name.startswith(("logs/", "activis_pb2", "serve/static", "serve/docs", "export/static"))
    ]


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_files_that_are_named_exist(page: str) -> None:
    places = (ROOT, PACKAGE, ROOT / "tests", ROOT / "frontend" / "src")
    named = paths(page)
    assert len(named) > 10
    assert [name for name in named if not any(any(place.glob(name)) for place in places)] == []


def test_every_package_has_its_place() -> None:
    packages = {f"{path.name}/" for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert packages <= set(paths("ARCHITECTURE.md"))


def test_every_shared_module_has_its_place() -> None:
    named = {path.name for name in paths("ARCHITECTURE.md") for path in PACKAGE.glob(name)}
    assert {path.name for path in PACKAGE.glob("*.py")} - named <= {"__init__.py", "activis_pb2.py"}


@pytest.mark.parametrize(
    "path", [ROOT / "CONTRIBUTING.md", *sorted((ROOT / ".github/workflows").glob("*.yml"))], ids=lambda path: path.name
)
def test_targets_of_make_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"(?:^    |`|run: )make ([a-z-]+)", path.read_text(), re.M))
    assert named
    assert named <= targets


def test_paths_of_slow_tests_exist() -> None:
    assert [path for path in SLOW if not path.exists()] == []


def test_version_is_the_same_everywhere() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    cited = re.search(r"^version: (\S+)", (ROOT / "CITATION.cff").read_text(), re.M)
    assert newest is not None
    assert cited is not None
    assert cited[1] == __version__
    assert newest[1] in (__version__, "Unreleased")
