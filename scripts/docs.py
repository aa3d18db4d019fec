"""Builds the documentation site, and puts it where the plugin serves it from. A warning of Sphinx's fails it.

python scripts/docs.py build/docs

Every public name must be in its API reference, with what its docstring says. The same sources give the same bytes.
"""

import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import typing
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from sphinx.util.inventory import InventoryFile

# Before TensorFlow is imported, here and by Sphinx: its start-up notes would hide what is wrong with a page.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.shipped_docs import ship  # noqa: E402
from tensorboard_activis import errors, open_run  # noqa: E402
from tensorboard_activis.query.run import Run  # noqa: E402
from tensorboard_activis.query.snapshot import Snapshot  # noqa: E402

PACKAGE = "tensorboard_activis"
GUIDE = ROOT / "docs" / "python.md"
MODULES = ("", ".ray", ".torch", ".keras", ".flax", ".lightning", ".transformers", ".errors")


def public() -> Iterator[tuple[str, object]]:
    """Full names that a user may rely on: of modules, of a run and its snapshots, and of what their methods return."""
    for suffix in MODULES:
        module = importlib.import_module(PACKAGE + suffix)
        for name in module.__all__:
            if not name.startswith("__"):
                yield f"{PACKAGE}{suffix}.{name}", getattr(module, name)
    for face in (importlib.import_module(f"{PACKAGE}.{name}").ActiVisLogger for name in ("torch", "flax")):
        for name in ("log", "close"):
            yield f"{face.__module__}.ActiVisLogger.{name}", inspect.getattr_static(face, name)
    guide = GUIDE.read_text(encoding="utf-8")
    for owner in (Run, Snapshot):
        for name in dir(owner):
            if not name.startswith("_") and re.search(rf"\.{name}\b", guide):
                member = inspect.getattr_static(owner, name)
                yield f"{owner.__module__}.{owner.__name__}.{name}", member
                yield from ((f"{each.__module__}.{each.__qualname__}", each) for each in answers(member))


def answers(member: object) -> Iterator[type]:
    """Our own dataclasses in what a method or property returns."""
    function: Any = member
    match member:
        case property(fget=function) | cached_property(func=function):
            pass
        case staticmethod() | classmethod():
            function = member.__func__
    queue = [typing.get_type_hints(function).get("return")] if inspect.isfunction(function) else []
    while queue:
        hint = queue.pop()
        queue += typing.get_args(hint)
        if inspect.isclass(hint) and hint.__module__.startswith(PACKAGE) and "read" not in hint.__module__.split("."):
            yield hint


def build(site: Path) -> None:
    """Raises CalledProcessError where Sphinx warns of something."""
    shutil.rmtree(site, ignore_errors=True)  # what an earlier build left would be shipped
    options = ["--builder", "html", "--nitpicky", "--fail-on-warning", "--keep-going", "--quiet"]
    command = [sys.executable, "-m", "sphinx", *options, str(ROOT / "docs"), str(site)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "0"})


def undocumented(site: Path) -> int:
    """How many public names are missing in a built site; each is named."""
    with (site / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", lambda base, place: place)
    documented = {name for kind, names in inventory.items() if kind.startswith("py:") for name in names}
    names = dict(public())
    assert names[f"{PACKAGE}.open_run"] is open_run
    assert f"{errors.__name__}.ActiVisError" in names
    missing = sorted(name for name in names if name not in documented)
    silent = sorted(name for name, member in names.items() if not inspect.getdoc(member))
    for name in missing:
        print(f"{name} is public and has no place in docs/api", file=sys.stderr)
    for name in silent:
        print(f"{name} is public and has no docstring", file=sys.stderr)
    print(f"{len(names) - len(missing)} of {len(names)} public names are documented")
    return len(missing) + len(silent)


def main(site: Path) -> int:
    build(site)
    if undocumented(site):
        return 1
    ship(site)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
