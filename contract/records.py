"""Reads the dataclasses of answers from their source, without importing them.

A build runs in an environment that has neither numpy nor pyarrow, which the modules of `query` import, so what is generated is
made of their syntax trees. What fields may be is said in `tensorboard_activis/query/contract.py`.
"""

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tensorboard_activis"
#: The vocabulary of fields, not itself an answer.
VOCABULARY = PACKAGE / "query" / "contract.py"
#: How the docstring of a function in `serve` begins that answers a route: its return type is an answer.
_ROUTE = re.compile(r"The (answer of the )?route `\w+`")


@dataclass(frozen=True)
class Field:
    """A field of an answer: its name outside of Python, its type as it is written, and what it is, in words."""

    name: str
    type: ast.expr
    text: str


@dataclass(frozen=True)
class Record:
    """A dataclass: `text` is its docstring without the attributes; `bases` are the dataclasses that it extends."""

    name: str
    text: str
    bases: tuple[str, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Contract:
    """What routes answer with, and what that is made of.

    Attributes:
        records: dataclasses by name, what they refer to before themselves.
        aliases: named types that are used in them, by name.
    """

    records: dict[str, Record]
    aliases: dict[str, ast.expr]


def read() -> Contract:
    """All answers of the routes. Raises ValueError for a field that is not described."""
    known, aliases = dict[str, Record](), dict[str, ast.expr]()
    for path in (
        PACKAGE / "column_kinds.py",
        *sorted((PACKAGE / "query").rglob("*.py")),
        PACKAGE / "serve" / "run_list.py",
    ):
        if path == VOCABULARY:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for record in filter(None, map(_record, tree.body)):
            if record.name in known:
                raise ValueError(f"{path}: there are two dataclasses {record.name}; answers need names of their own.")
            known[record.name] = record
        aliases.update(_aliases(tree))
    contract = Contract({}, {})
    for path in sorted((PACKAGE / "serve").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and _ROUTE.match(ast.get_docstring(node) or ""):
                for name in names(node.returns or ast.Constant(None)):
                    if name in known:
                        _collect(name, known, aliases, contract)
    return contract


def names(type_: ast.expr) -> Iterator[str]:
    """The names in a type, without the modules that they are of."""
    for node in ast.walk(type_):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def _collect(name: str, known: dict[str, Record], aliases: dict[str, ast.expr], contract: Contract) -> None:
    if name in contract.records or name in contract.aliases:
        return
    if name in aliases:
        parts = [aliases[name]]
    else:
        record = known[name]
        for field in record.fields:
            if not field.text:
                raise ValueError(f'{name}.{field.name} is not described under "Attributes:" in the docstring.')
        parts = [field.type for field in record.fields]
        for base in record.bases:
            _collect(base, known, aliases, contract)
    for part in parts:
        for inner in names(part):
            if inner != name and (inner in known or inner in aliases):
                _collect(inner, known, aliases, contract)
    if name in aliases:
        contract.aliases[name] = aliases[name]
    else:
        contract.records[name] = known[name]


def _record(node: ast.stmt) -> Record | None:
    if not isinstance(node, ast.ClassDef) or not any(
        isinstance(each, ast.Call) and ast.unparse(each.func) == "dataclass" for each in node.decorator_list
    ):
        return None
    text, described = _docstring(ast.get_docstring(node) or "")
    fields = (
        Field(each.target.id.rstrip("_"), each.annotation, described.get(each.target.id, ""))
        for each in node.body
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    )
    return Record(node.name, text, tuple(ast.unparse(base) for base in node.bases), tuple(fields))


def _docstring(docstring: str) -> tuple[str, dict[str, str]]:
    """What stands before the attributes as one line, and the description of each attribute."""
    text, _, attributes = docstring.partition("\nAttributes:\n")
    described: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", textwrap.dedent(attributes)):
        words = re.fullmatch(r"([\w, ]+): (.*)", " ".join(entry.split()))
        if words:
            described |= dict.fromkeys(words[1].split(", "), words[2])
    return " ".join(text.split()), described


def _aliases(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias" and node.value is not None:
            assert isinstance(node.target, ast.Name)
            yield node.target.id, node.value
