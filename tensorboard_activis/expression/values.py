"""Typed values during compilation, the treatment of missing values, and names in messages."""

import ast
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.column_kinds import TIME, column_kind

#: Number of names that are compared with an unknown name, and the longest of them in characters.
_MAX_CANDIDATES, _MAX_CANDIDATE_LENGTH = 200, 40
#: Number of names in a message, and characters of each.
_LISTED, _SHOWN = 20, 60

UNKNOWN = pc.scalar(pa.scalar(None, pa.bool_()))
MISSING = pc.scalar(pa.scalar(None, pa.float64()))
_TYPES = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}


@dataclass(frozen=True, slots=True)
class Value:
    """A part of the expression with its type.

    Attributes:
        kind: a kind of column, or other (allowed in isnull only) or any (the type is not known).
        expression: the pyarrow expression.
        node: the node of the syntax tree.
        literal: the value, when it is a literal.
        integer: whether it is an integer.
        column: the name, when it is a column.
        single: whether it is a column of float32.
        source: of a text, the column of repeated values (a dictionary in Arrow) that it is computed from, and nothing else.
    """

    kind: str
    expression: pc.Expression
    node: ast.expr
    literal: bool | int | float | str | datetime | None = None
    integer: bool = False
    column: str | None = None
    single: bool = False
    source: str | None = None


def constant(value: bool | int | float | str) -> pc.Expression:
    """The expression of a value.

    Its type is given, for where it is not, pyarrow looks for pandas each time, and where that is not installed this takes longer
    than everything else.
    """
    return pc.scalar(pa.scalar(value, _TYPES[type(value)]))


def column_value(name: str, kind: pa.DataType, field: pc.Expression, node: ast.expr) -> Value:
    """The value of a column: narrow types are widened, categories become strings."""
    source = name if pa.types.is_dictionary(kind) else None
    if source is not None:
        kind = kind.value_type
        field = field.cast(kind)
    if pa.types.is_null(kind):
        return Value("any", field, node, column=name)
    match column_kind(kind):
        case "number" if pa.types.is_integer(kind):
            return Value("number", field, node, integer=not pa.types.is_uint64(kind), column=name)
        case "number":
            wide = field if kind in (pa.float32(), pa.float64()) else field.cast(pa.float64())
            return Value("number", nan_is_null(wide), node, column=name, single=kind == pa.float32())
        case "boolean":
            return Value("boolean", field, node, column=name)
        case "text":
            text = field if pa.types.is_string(kind) else field.cast(pa.string())
            return Value("text", text, node, column=name, source=source)
        case "time":
            return Value("time", field.cast(TIME, safe=False), node, column=name)
        case "list" if pa.types.is_string(kind.value_type) or pa.types.is_integer(kind.value_type):
            return Value("list", field, node, column=name)
        case "list" | "category" | None:  # categories are texts by now; lists of other things are only stored
            return Value("other", field, node, column=name)


def characters(text: str, octets: int) -> int:
    """Converts an offset in UTF-8 bytes, as `ast` has it, to one in characters."""
    return len(text.encode()[:octets].decode(errors="ignore"))


def balanced(
    join: Callable[[pc.Expression, pc.Expression], pc.Expression], parts: Sequence[pc.Expression]
) -> pc.Expression:
    """Joins expressions pairwise to a balanced tree: a thousand terms are nested ten deep, not a thousand."""
    level = list(parts)
    while len(level) > 1:
        pairs = [join(*level[i : i + 2]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]


def nan_is_null(expression: pc.Expression) -> pc.Expression:
    """Replaces NaN by null, so that comparisons with it are unknown."""
    return pc.if_else(pc.is_nan(expression), MISSING, expression)


def similar_names(name: str, names: Mapping[str, object]) -> str:
    """Suggests names similar to an unknown one, as a sentence for an error message; empty when there are none.

    Comparing takes time in proportion to the product of the lengths, so only short names are compared, and at most 200.
    """
    if len(name) > _MAX_CANDIDATE_LENGTH:
        return ""
    short = list(islice((candidate for candidate in names if len(candidate) <= _MAX_CANDIDATE_LENGTH), _MAX_CANDIDATES))
    near = [each for each in short if each.casefold() == name.casefold()] or difflib.get_close_matches(
        name, short, 3, 0.6
    )
    return f" Did you mean {' or '.join(near)}?" if near else ""


def shortened(name: str) -> str:
    """Truncates a name for a message."""
    return name if len(name) <= _SHOWN else f"{name[: _SHOWN - 1]}…"


def sorted_names(names: Iterable[str]) -> str:
    """The first names in alphabetical order, for a message."""
    first = sorted(names)
    text = ", ".join(shortened(name) for name in first[:_LISTED])
    return (text or "none") + (", …" if len(first) > _LISTED else "")


def is_number(text: str) -> bool:
    """Whether a string can be parsed as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
