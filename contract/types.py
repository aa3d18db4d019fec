"""The types of fields: what they are in TypeScript, and in the words of the documentation."""

import ast
import re

from contract.records import Contract, Record

#: Types of Python and their names in TypeScript. 64-bit integers are widened when they are read.
_PLAIN = {
    "str": "string",
    "int": "number",
    "float": "number",
    "bool": "boolean",
    "None": "null",
    "object": "unknown",
    "MaybeNaN": "number | null",
    "InstanceId": "string | number",
    "Scalar": "string | number | boolean | null",
    "ShortArray": "number[]",
    "Float32Array": "Float32Array",
    "Int32Array": "Int32Array",
    "Int64Array": "Float64Array",
    "Uint32Array": "Uint32Array",
    "Uint8Array": "Uint8Array",
}
ARRAYS = {
    "Float32Array": "float32",
    "Int32Array": "int32",
    "Int64Array": "int64",
    "Uint32Array": "uint32",
    "Uint8Array": "uint8",
}


def typescript(type_: ast.expr) -> str:
    """A type in TypeScript."""
    match type_:
        case ast.Constant(value=None):
            return "null"
        case ast.BinOp(op=ast.BitOr()):
            return " | ".join(dict.fromkeys(typescript(each) for each in options(type_)))
        case ast.Subscript(value=outer, slice=inner):
            return _generic(ast.unparse(outer), inner.elts if isinstance(inner, ast.Tuple) else [inner])
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _PLAIN.get(name, name)
    raise ValueError(f"{ast.unparse(type_)} is nothing that answers are made of; see query/contract.py.")


def _generic(outer: str, inner: list[ast.expr]) -> str:
    if outer == "Literal":
        return " | ".join(
            f'"{each.value}"' for each in inner if isinstance(each, ast.Constant) and isinstance(each.value, str)
        )
    if outer == "Records" or (outer == "tuple" and ast.unparse(inner[-1]) == "..."):
        item = typescript(inner[0])
        return f"({item})[]" if " | " in item else f"{item}[]"
    if outer == "tuple":
        return f"[{', '.join(map(typescript, inner))}]"
    if outer == "Mapping":
        return f"Record<string, {typescript(inner[1])}>"
    raise ValueError(f"{outer}[…] is nothing that answers are made of; see query/contract.py.")


def options(type_: ast.expr) -> list[ast.expr]:
    """The types of a union; one for any other."""
    if isinstance(type_, ast.BinOp):
        return [*options(type_.left), *options(type_.right)]
    return [type_]


def absent(text: str, arrays: bool) -> str:
    """A description without the word of Python for what is not there: answers with arrays leave it out."""
    return re.sub(r"\bNone\b", "absent" if arrays else "null", text)


def may_be_absent(type_: ast.expr) -> bool:
    """Whether None is among the values."""
    return any(isinstance(each, ast.Constant) and each.value is None for each in options(type_))


def is_spread(type_: ast.expr) -> bool:
    """A mapping of arrays, which stand under their own names."""
    return (
        isinstance(type_, ast.Subscript)
        and ast.unparse(type_.value) == "Mapping"
        and isinstance(type_.slice, ast.Tuple)
        and is_array(type_.slice.elts[1])
    )


def is_array(type_: ast.expr) -> bool:
    """An array, or one of several kinds of arrays."""
    return any(isinstance(each, ast.Name) and each.id in ARRAYS for each in options(type_))


def fields_of(contract: Contract, record: Record) -> list[tuple[str, ast.expr, str]]:
    """Name, type and description of all fields, those of the bases first."""
    inherited = [field for base in record.bases for field in fields_of(contract, contract.records[base])]
    return [*inherited, *((field.name, field.type, field.text) for field in record.fields)]


def has_arrays(contract: Contract, record: Record) -> bool:
    """Whether an answer is sent as safetensors."""

    def arrays_in(type_: ast.expr) -> bool:
        inner = [contract.records.get(each.id) for each in options(type_) if isinstance(each, ast.Name)]
        return is_array(type_) or is_spread(type_) or any(has_arrays(contract, each) for each in inner if each)

    return any(arrays_in(type_) for _, type_, _ in fields_of(contract, record))
