"""Public names: the modules with `__all__`, the table in ARCHITECTURE.md, and what the documents for users import."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tensorboard_activis"
NAME = PACKAGE.name

#: Each public module with its public names.
PUBLIC = {
    NAME: {"open_run", "__version__"},
    f"{NAME}.errors": {
        "ActiVisError",
        "ActiVisWarning",
        "ConfigurationError",
        "ExpressionError",
        "NotFoundError",
        "QueryError",
        "ThinnedError",
        "UnreadableError",
    },
    f"{NAME}.torch": {"ActiVisLogger"},
    f"{NAME}.flax": {"ActiVisLogger"},
    f"{NAME}.keras": {"ActiVisCallback"},
    f"{NAME}.ray": {"log"},
    f"{NAME}.lightning": {"ActiVisCallback"},
    f"{NAME}.notebook": {"show"},
    f"{NAME}.transformers": {"ActiVisCallback"},
}
#: Written for users; the other documents are for developers.
FOR_USERS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def declared(path: Path) -> list[str] | None:
    """The value of a module's `__all__`, without importing the module; None when it has none."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            return list(ast.literal_eval(node.value))
    return None


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def named(text: str) -> set[str]:
    """Dotted names in a document that begin with the package, those of import statements in full."""
    dotted = set(re.findall(rf"(?<![\w/.-]){NAME}(?:\.\w+)*(?![\w/])", text))
    for module, names in re.findall(rf"from ({NAME}[\w.]*) import ([\w, ]+)", text):
        dotted |= {f"{module}.{name.strip()}" for name in names.split(",")}
    return dotted


def undocumented(text: str) -> set[str]:
    """Names of the package in a document that are not public."""
    public = set(PUBLIC) | {f"{module}.{name}" for module, names in PUBLIC.items() for name in names}
    return named(text) - public


@pytest.mark.slow
def test_modules_with_all_are_the_public_ones():
    modules = {module_name(path): set(names) for path in PACKAGE.rglob("*.py") if (names := declared(path)) is not None}
    assert modules == PUBLIC


@pytest.mark.parametrize("module", sorted(PUBLIC))
def test_public_names_are_defined_where_they_are_declared(module: str):
    place = ROOT.joinpath(*module.split("."))
    tree = ast.parse((place / "__init__.py" if place.is_dir() else place.with_suffix(".py")).read_text())
    defined = {node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    defined |= {ast.unparse(target) for node in tree.body if isinstance(node, ast.Assign) for target in node.targets}
    assert PUBLIC[module] <= defined


def test_every_error_for_users_is_public():
    classes = {
        node.name for node in ast.parse((PACKAGE / "errors.py").read_text()).body if isinstance(node, ast.ClassDef)
    }
    assert classes == PUBLIC[f"{NAME}.errors"]


def test_architecture_lists_the_public_names():
    section = (ROOT / "ARCHITECTURE.md").read_text().split("## Public names")[1].split("\n## ")[0]
    listed: dict[str, set[str]] = {}
    for row in re.findall(r"^\| (`.*) \| (.*) \|$", section, re.MULTILINE):
        modules, names = (re.findall(r"`([\w.]+)`", cell) for cell in row)
        listed |= {module: set(names) for module in modules}
    assert listed == PUBLIC


@pytest.mark.parametrize("path", FOR_USERS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_documents_for_users_name_nothing_else(path: Path):
    assert undocumented(path.read_text()) == set()


@pytest.mark.parametrize(
    "text",
    [
        f"from {NAME}.read.run import open_run",
        f"from {NAME}.torch import Recorder",
        f"see `{NAME}.query.snapshot`",
        f"import {NAME}.schema",
        f"{NAME}.find_directory(path)",
    ],
)
def test_an_internal_name_in_a_document_is_noticed(text: str):
    assert undocumented(text)
