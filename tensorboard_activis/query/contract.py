"""The types that answers are made of.

An answer is a frozen dataclass. Its fields are described under "Attributes:" in its docstring, and those descriptions are the
documentation: `contract/` in the repository makes the TypeScript types and the tables of docs/http_api.md of them, and
`serve.encoding` serializes any answer. A field is a string, a number, a bool, a `Literal`, another dataclass,
`Records` or a tuple of these, a mapping from strings to these, `X | None` for what may be absent, or one of the arrays below.

A field whose name is a keyword of Python ends in an underscore (`class_`), which is dropped in JSON and TypeScript.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from operator import attrgetter
from typing import Annotated, Any, Self, TypeAlias, TypeVar, get_args, get_type_hints

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

#: A number that is NaN where it is not known: null in JSON.
MaybeNaN: TypeAlias = float
#: The id of an instance.
InstanceId: TypeAlias = str | int
#: A value of a column, as tables show it; None where it is missing.
Scalar: TypeAlias = str | float | bool | None

#: Arrays are sent as the tensors of a safetensors file.
Float32Array: TypeAlias = NDArray[np.float32]
Int32Array: TypeAlias = NDArray[np.int32]
Int64Array: TypeAlias = NDArray[np.int64]
Uint32Array: TypeAlias = NDArray[np.uint32]
Uint8Array: TypeAlias = NDArray[np.uint8]
#: A few numbers, which are sent as a JSON list.
ShortArray: TypeAlias = Annotated[NDArray[Any], "short"]

Record = TypeVar("Record")


class Records(tuple[Record, ...]):
    """A tuple of dataclasses of one type, which can be converted to a pyarrow table."""

    kind: type[Record]

    def __new__(cls, kind: type[Record], records: Iterable[Record] = ()) -> Self:
        made = super().__new__(cls, records)
        made.kind = kind
        return made

    def table(self) -> pa.Table:
        """Converts to a pyarrow table with a column per field; the fields of a nested dataclass are columns such as `own_mean`."""
        return pa.table({name: pa.array((read(one) for one in self), kind) for name, kind, read in _columns(self.kind)})


def wire_name(field: str) -> str:
    """The name of a field in JSON and TypeScript."""
    return field.rstrip("_")


_ARROW: dict[object, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def _columns(kind: type[Any], before: str = "") -> Iterator[tuple[str, pa.DataType | None, Callable[[Any], Any]]]:
    """The columns of a dataclass in a table: name, Arrow type (None: inferred from the values) and getter."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        hint, read, name = hints[field.name], attrgetter(field.name), f"{before}{wire_name(field.name)}"
        known = [each for each in get_args(hint) if each is not type(None)] or [hint]
        if len(known) == 1 and is_dataclass(known[0]):
            assert isinstance(known[0], type)
            yield from ((inner, type_, _chained(read, get)) for inner, type_, get in _columns(known[0], f"{name}_"))
        else:
            yield name, _ARROW.get(known[0]) if len(known) == 1 else None, read


def _chained(first: Callable[[Any], Any], second: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        inner = first(value)
        return None if inner is None else second(inner)

    return read
