"""The tables of docs/http_api.md: the fields of the answers, between the markers that name them.

python -m contract.markdown         writes them anew
python -m contract.markdown --check ends with status 1 when they are out of date
"""

import ast
import re
import sys

from contract.records import ROOT, Contract, Record, read
from contract.types import ARRAYS, absent, fields_of, has_arrays, is_array, is_spread, options

DOCUMENT = ROOT / "docs" / "http_api.md"
_MARKED = re.compile(r"(<!-- fields of (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_WORDS = {
    "str": "text",
    "int": "integer",
    "float": "number",
    "bool": "true or false",
    "None": "null",
    "MaybeNaN": "number or null",
    "InstanceId": "text or integer",
    "Scalar": "text, number, true or false, or null",
    "ShortArray": "list of numbers",
}


def filled(text: str, contract: Contract) -> str:
    """The document with its tables as they should be. Raises KeyError for a marker that names no answer."""
    return _MARKED.sub(lambda found: f"{found[1]}{_table(contract, contract.records[found[2]])}{found[3]}", text)


def undocumented(text: str, contract: Contract) -> list[str]:
    """Answers and parts of answers that have no table."""
    documented = {found[2] for found in _MARKED.finditer(text)}
    bases = {base for record in contract.records.values() for base in record.bases}
    return [name for name in contract.records if name not in documented | bases]


def _table(contract: Contract, record: Record) -> str:
    numbers = has_arrays(contract, record)
    lines = ["", "| field | type | |", "| --- | --- | --- |"]
    for name, type_, text in fields_of(contract, record):
        shown = "own names" if is_spread(type_) else f"`{name}`"
        kind = _words(contract, type_)
        kind = kind.replace(" or null", " (may be missing)") if numbers and not _is_maybe_nan(type_) else kind
        lines.append(f"| {shown} | {kind} | {absent(text, numbers)} |")
    return "\n".join([*lines, "", ""])


def _is_maybe_nan(type_: ast.expr) -> bool:
    return any(isinstance(each, ast.Name) and each.id in ("MaybeNaN", "Scalar") for each in options(type_))


def _words(contract: Contract, type_: ast.expr) -> str:
    match type_:
        case ast.Constant(value=None):
            return "null"
        case ast.BinOp():
            return " or ".join(_words(contract, each) for each in options(type_))
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            values = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return ", ".join(
                f'"{each.value}"' for each in values if isinstance(each, ast.Constant) and isinstance(each.value, str)
            )
        case ast.Subscript(value=ast.Name(id="Mapping"), slice=ast.Tuple(elts=[_, inner])):
            return f"arrays of {_words(contract, inner)}" if is_array(inner) else f"by name: {_words(contract, inner)}"
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=inner)) if ast.unparse(inner[-1]) != "...":
            return f"[{', '.join(_words(contract, each) for each in inner)}]"
        case ast.Subscript(slice=ast.Tuple(elts=[inner, *_])) | ast.Subscript(slice=inner):
            return f"list of {_words(contract, inner)}"
        case ast.Name(id=name) | ast.Attribute(attr=name):
            if name in contract.aliases:
                return _words(contract, contract.aliases[name])
            return f"[{name}](#{name.lower()})" if name in contract.records else ARRAYS.get(name) or _WORDS[name]
    raise ValueError(f"{ast.unparse(type_)} is nothing that answers are made of; see query/contract.py.")


def main(arguments: list[str]) -> int:
    text, contract = DOCUMENT.read_text(encoding="utf-8"), read()
    new = filled(text, contract)
    if "--check" in arguments:
        return int(new != text)
    DOCUMENT.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
