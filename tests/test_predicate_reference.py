"""Random expressions over random tables, against a reference that goes row by row in plain Python with three truth values."""

import math
import re
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tensorboard_activis.errors import ExpressionError
from tensorboard_activis.expression.predicate import compile_expression

#: One row; None is missing. An expression is its text and what it is for a row: a value, or None for unknown.
Row: TypeAlias = dict[str, Any]
Expression: TypeAlias = tuple[str, Callable[[Row], Any]]

_TEXTS = st.sampled_from(["", "a", "ab", "B", "Ab", "größe", "a.b", "x y"])
_INTEGERS = st.integers(-4, 9)
#: Quarters are exact in float16, float32 and decimal notation.
_FLOATS = st.integers(-9, 9).map(lambda value: value / 4)


def _missing(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | values


TABLES = st.lists(
    st.fixed_dictionaries(
        {
            "i": _missing(_INTEGERS),
            "x": _missing(_FLOATS | st.just(math.nan)),
            "s": _missing(_FLOATS),
            "t": _missing(_TEXTS),
            "c": _missing(_TEXTS),
            "b": _missing(st.booleans()),
        }
    ),
    max_size=9,
)


def table_of(rows: list[Row]) -> pa.Table:
    def column(name: str) -> list:
        return [row[name] for row in rows]

    return pa.table(
        {
            "i": pa.array(column("i"), pa.int16()),
            "x": pa.array(column("x"), pa.float64(), from_pandas=False),
            "s": pa.array(column("s"), pa.float32()),
            "t": pa.array(column("t"), pa.string()),
            "c": pa.array(column("c"), pa.string()).dictionary_encode(),
            "b": pa.array(column("b"), pa.bool_()),
        }
    )


def known(row: Row, name: str) -> Any:
    value = row[name]
    return None if isinstance(value, float) and math.isnan(value) else value


def column(name: str) -> Expression:
    return name, lambda row: known(row, name)


def literal(value: object) -> Expression:
    return repr(value), lambda row: value


def lifted(text: str, function: Callable[..., Any], *parts: Expression) -> Expression:
    """Unknown where a part is."""

    def value(row: Row) -> Any:
        values = [part(row) for _, part in parts]
        found = None if any(one is None for one in values) else function(*values)
        return None if isinstance(found, float) and math.isnan(found) else found

    return text.format(*(part for part, _ in parts)), value


def divided(a: float, b: float) -> float:
    """As floating-point numbers have it; what is no number is unknown."""
    with np.errstate(all="ignore"):
        return float(np.float64(a) / np.float64(b))


def remainder(a: float, b: float) -> float | None:
    return None if b == 0 else a - b * math.floor(a / b)


NUMBERS = st.recursive(
    st.sampled_from(["i", "x"]).map(column)
    | (_INTEGERS | _FLOATS).map(literal)
    | st.sampled_from(["t", "c"]).map(lambda name: lifted("len({0})", len, column(name))),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: lifted("({0} + {1})", lambda a, b: a + b, *p)),
        st.tuples(inner, inner).map(lambda p: lifted("({0} - {1})", lambda a, b: a - b, *p)),
        st.tuples(inner, inner).map(lambda p: lifted("({0} * {1})", lambda a, b: a * b, *p)),
        st.tuples(inner, inner).map(lambda p: lifted("({0} / {1})", divided, *p)),
        st.tuples(inner, st.sampled_from([1, 2, 3, -3]).map(literal)).map(
            lambda p: lifted("({0} % {1})", remainder, *p)
        ),
        inner.map(lambda p: lifted("(-{0})", lambda a: -a, p)),
    ),
    max_leaves=4,
)
TEXTS = (
    st.sampled_from(["t", "c"]).map(column)
    | st.sampled_from(["t", "c"]).map(lambda name: lifted("lower({0})", str.lower, column(name)))
    | st.sampled_from(["t", "c"]).map(lambda name: (f'col("{name}")', column(name)[1]))
)
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
SIGNS = st.sampled_from(sorted(COMPARISONS))
PATTERNS = st.sampled_from(["^a", "b$", "[A-Z]", ".", "a|x", r"a\.b", "ß", "^$"])


def both(one: Expression, other: Expression) -> Expression:
    def value(row: Row) -> Any:
        a, b = one[1](row), other[1](row)
        return False if a is False or b is False else None if a is None or b is None else True

    return f"({one[0]} and {other[0]})", value


def opposite(one: Expression) -> Expression:
    def value(row: Row) -> Any:
        found = one[1](row)
        return None if found is None else not found

    return f"(not {one[0]})", value


def either(one: Expression, other: Expression) -> Expression:
    return f"({one[0]} or {other[0]})", opposite(both(opposite(one), opposite(other)))[1]


def chain(parts: tuple[Expression, str, Expression, str, Expression]) -> Expression:
    a, first, b, second, c = parts
    left, right = lifted("", COMPARISONS[first], a, b), lifted("", COMPARISONS[second], b, c)
    return f"({a[0]} {first} {b[0]} {second} {c[0]})", both(left, right)[1]


TRUTHS = st.recursive(
    st.one_of(
        st.just(column("b")),
        st.booleans().map(literal),
        st.tuples(NUMBERS, SIGNS, NUMBERS).map(
            lambda p: lifted(f"({{0}} {p[1]} {{1}})", COMPARISONS[p[1]], p[0], p[2])
        ),
        st.tuples(SIGNS, _FLOATS.map(literal)).map(
            lambda p: lifted(f"({{0}} {p[0]} {{1}})", COMPARISONS[p[0]], column("s"), p[1])
        ),
        st.tuples(TEXTS, SIGNS, TEXTS | _TEXTS.map(literal)).map(
            lambda p: lifted(f"({{0}} {p[1]} {{1}})", COMPARISONS[p[1]], p[0], p[2])
        ),
        st.tuples(NUMBERS, SIGNS, NUMBERS, SIGNS, NUMBERS).map(chain),
        st.tuples(TEXTS, st.lists(_TEXTS, max_size=4)).map(
            lambda p: lifted(f"({{0}} in {p[1]!r})", lambda a: a in p[1], p[0])
        ),
        st.tuples(TEXTS, st.lists(_TEXTS, max_size=4)).map(
            lambda p: lifted(f"isin({{0}}, {p[1]!r})", lambda a: a in p[1], p[0])
        ),
        st.lists(_INTEGERS | _FLOATS, max_size=4).map(
            lambda items: lifted(f"({{0}} not in {items!r})", lambda a: a not in items, column("i"))
        ),
        st.tuples(_TEXTS, TEXTS).map(lambda p: lifted(f"({p[0]!r} in {{0}})", lambda a: p[0] in a, p[1])),
        st.tuples(_TEXTS, TEXTS).map(lambda p: lifted(f"contains({{0}}, {p[0]!r})", lambda a: p[0] in a, p[1])),
        st.tuples(_TEXTS, TEXTS).map(
            lambda p: lifted(f"startswith({{0}}, {p[0]!r})", lambda a: a.startswith(p[0]), p[1])
        ),
        st.tuples(_TEXTS, TEXTS).map(lambda p: lifted(f"endswith({{0}}, {p[0]!r})", lambda a: a.endswith(p[0]), p[1])),
        st.tuples(PATTERNS, TEXTS).map(
            lambda p: lifted(f"matches({{0}}, {p[0]!r})", lambda a: re.search(p[0], a) is not None, p[1])
        ),
        st.sampled_from("ixstcb").map(lambda name: (f"isnull({name})", lambda row: known(row, name) is None)),
    ),
    lambda inner: st.one_of(
        inner.map(opposite),
        st.tuples(inner, inner).map(lambda p: both(*p)),
        st.tuples(inner, inner).map(lambda p: either(*p)),
    ),
    max_leaves=6,
)


@settings(max_examples=250)
@given(TRUTHS, TABLES)
@example(("(not (x > 0))", lambda row: None), [dict.fromkeys("ixstcb")])
def test_agrees_with_the_reference(expression: Expression, rows: list[Row]) -> None:
    text, reference = expression
    table = table_of(rows)
    types = {field.name: field.type for field in table.schema}
    mask = compile_expression(text, types).mask(table)
    assert mask.tolist() == [reference(row) is True for row in rows], text
    assert compile_expression(text, None).mask(table).tolist() == mask.tolist()


_watched: list[str] | None = None

# What pyarrow looks for at every value it converts, when it is not installed.
_OF_PYARROW = ("dateutil", "pandas", "pytz")


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _watched is None or (event == "import" and str(arguments[0]).partition(".")[0] in _OF_PYARROW):
        return
    if event in ("exec", "import", "open", "os.system", "subprocess.Popen", "socket.connect"):
        _watched.append(f"{event} {arguments[:1]}")


@pytest.fixture(scope="module")
def audited() -> None:
    """Python tells of everything that is executed, imported or opened, once what the first use loads is there."""
    compile_expression("id == 1", {"id": pa.int64()}).mask(pa.table({"id": [1, 2, 3]}))
    sys.addaudithook(_hook)


_PARTS = r"""( ) [ ] { } . , : = < > + - * / % @ & | ^ ~ \ ' " := ** == label score id and or not in is if else for lambda
yield await True None __import__ __class__ eval exec open print neuron sampled matches col 'os' "(a+)+$" 0.1 1 1e999
999999999999999999999"""
_WORDS = st.sampled_from(_PARTS.split()) | st.sampled_from(["\n", "not in"])


@settings(max_examples=250)
@given(st.lists(_WORDS, max_size=14).map(" ".join))
@example("__import__('os').system('true')")
@example("(lambda: exec('1'))()")
@example("[open('/dev/null') for label in [1]]")
def test_nothing_is_ever_evaluated(audited: None, text: str) -> None:
    global _watched
    types = {"label": pa.string(), "score": pa.float32(), "id": pa.int64()}
    table = pa.table({name: pa.nulls(3, kind) for name, kind in types.items()})
    _watched = []
    try:
        compile_expression(text, types, neurons=True).mask(table, lambda layer, index: np.zeros(3))
    except ExpressionError as error:
        assert 0 <= error.position <= len(text)
    finally:
        seen, _watched = _watched, None
    assert seen == []
