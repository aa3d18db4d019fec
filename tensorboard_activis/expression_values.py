"""Parts of an expression while it is compiled, and how missing values are treated."""

import ast
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.column_kinds import TIME, column_kind

#: Names that are compared with one that is not there, and characters of each.
_NEAR_NAMES, _NEAR_LENGTH = 200, 40
#: Names in a message, and characters of each.
_LISTED, _SHOWN = 20, 60

UNKNOWN = pc.scalar(pa.scalar(None, pa.bool_()))
MISSING = pc.scalar(pa.scalar(None, pa.float64()))


@dataclass(frozen=True, slots=True)
class Value:
    """A part of the expression. `kind` is that of a column, or other (only isnull) or any (its type is not known).

    `single`: a column of float32; `literal`: the value, when it stands in the text.
    """

    kind: str
    expression: pc.Expression
    node: ast.expr
    literal: bool | int | float | str | datetime | None = None
    integer: bool = False
    column: str | None = None
    single: bool = False


def column_value(name: str, kind: pa.DataType, field: pc.Expression, node: ast.expr) -> Value:
    """A column by its type: narrow kinds are widened, categories become texts."""
    if pa.types.is_dictionary(kind):
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
            return Value("text", field if pa.types.is_string(kind) else field.cast(pa.string()), node, column=name)
        case "time":
            return Value("time", field.cast(TIME, safe=False), node, column=name)
        case "list" if pa.types.is_string(kind.value_type) or pa.types.is_integer(kind.value_type):
            return Value("list", field, node, column=name)
        case "list" | "category" | None:  # categories are texts by now; lists of other things are only stored
            return Value("other", field, node, column=name)


def characters(text: str, octets: int) -> int:
    """ast counts UTF-8 bytes."""
    return len(text.encode()[:octets].decode(errors="ignore"))


def balanced(
    join: Callable[[pc.Expression, pc.Expression], pc.Expression], parts: Sequence[pc.Expression]
) -> pc.Expression:
    """Joined pairwise: a thousand terms make a tree ten deep, not a thousand."""
    level = list(parts)
    while len(level) > 1:
        pairs = [join(*level[i : i + 2]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]


def nan_is_null(expression: pc.Expression) -> pc.Expression:
    """Missing numbers are null, so that comparisons with them are unknown."""
    return pc.if_else(pc.is_nan(expression), MISSING, expression)


def near_names(name: str, names: Mapping[str, object]) -> str:
    """A question that names what was perhaps meant; empty when nothing is near.

    Comparing takes time in proportion to the product of the lengths, so only short names are, and not thousands of them.
    """
    if len(name) > _NEAR_LENGTH:
        return ""
    short = list(islice((one for one in names if len(one) <= _NEAR_LENGTH), _NEAR_NAMES))
    near = difflib.get_close_matches(name, short, 3, 0.6)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def shortened(name: str) -> str:
    """A name as a message shows it."""
    return name if len(name) <= _SHOWN else f"{name[: _SHOWN - 1]}…"


def listing(names: Iterable[str]) -> str:
    """The first of these names by the alphabet, as a message shows them."""
    first = sorted(names)
    text = ", ".join(shortened(name) for name in first[:_LISTED])
    return (text or "none") + (", …" if len(first) > _LISTED else "")


def is_number(text: str) -> bool:
    """Whether the text reads as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
