"""The subset language: what it means (against a row-by-row reference), what it says, and that it never evaluates."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorboard_activis.errors import ExpressionError
from tensorboard_activis.expression.limits import MAX_LENGTH
from tensorboard_activis.expression.predicate import compile_expression
from tests.processor_time import at_most

TABLE = pa.table(
    {
        "id": pa.array([10, 11, 12, 13, 14, 15, 16]),
        "label": pa.array(["8", "3", "8", None, "HUM", "8", "3"]).dictionary_encode(),
        "prediction": pa.array(["8", "8", "3", "3", "HUM", None, "3"]).dictionary_encode(),
        "score": pa.array([0.1, 0.9, float("nan"), None, 0.4, 0.6, 1.0], pa.float32()),
        "correct": pa.array([True, False, False, None, True, None, True]),
        "text": pa.array(["who a", "b", "Who", "how many", None, "größe who", ""]),
        "length": pa.array([5, 1, 3, 8, None, 9, 0], pa.int16()),
        "my column": pa.array(["a", "b", "a", "c", "c", "b", None]),
        "nothing": pa.nulls(7),
        "blob": pa.array([b"x"] * 7),
    }
)
TYPES = {field.name: field.type for field in TABLE.schema}


def rows(expression: str, **keywords) -> list[int]:
    return np.flatnonzero(compile_expression(expression, TYPES, **keywords).mask(TABLE)).tolist()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('label == "8"', [0, 2, 5]),
        ("label == 8", [0, 2, 5]),
        ("8 == label", [0, 2, 5]),
        ('label in [8, "HUM"]', [0, 2, 4, 5]),
        ('label not in [8, "HUM"]', [1, 6]),
        ("prediction != label", [1, 2]),
        ("not (prediction == label)", [1, 2]),
        ("correct", [0, 4, 6]),
        ("not correct", [1, 2]),
        ("correct == False", [1, 2]),
        ("score < 0.5", [0, 4]),
        ("not score < 0.5", [1, 5, 6]),
        ("0.3 < score <= 0.9", [1, 4, 5]),
        ("isnull(score)", [2, 3]),
        ("score.isnull() and not isnull(label)", [2]),
        ('"who" in text', [0, 5]),
        ('"who" not in text', [1, 2, 3, 6]),
        ('contains(text, "ho")', [0, 2, 3, 5]),
        ('"who" in lower(text)', [0, 2, 5]),
        ('startswith(text, "who")', [0]),
        ('text.endswith("who")', [5]),
        ('matches(text, "^how (many|much)")', [3]),
        (r'matches(text, "\s\w+$")', [0, 3, 5]),
        ("len(text) == 9", [5]),
        ("length > 5 or length == 0", [3, 5, 6]),
        ("length * 2 - 1 == 5", [2]),
        ("-length < -5", [3, 5]),
        ("length / 2 == 1.5", [2]),
        ("length / 0 > 1", [0, 1, 2, 3, 5]),
        ("id % 3 == 1", [0, 3, 6]),
        ("-id % 3 == 1", [1, 4]),
        ("id in [10, 12, 99]", [0, 2]),
        ("id in [10, 11.5, 12.0]", [0, 2]),
        ("id in []", []),
        ('col("my column").isin(["a", "b"]) and not correct', [1, 2]),
        ("nothing == 3", []),
        ("isnull(nothing)", [0, 1, 2, 3, 4, 5, 6]),
        ("isnull(blob)", []),
        ("True", [0, 1, 2, 3, 4, 5, 6]),
        ("sampled(1)", [0, 1, 2, 3, 4, 5, 6]),
        ("sampled(0)", []),
        ("  score\n  < 0.5 ", [0, 4]),
        ("score > 1e999", []),
        ("score in [0.9, 1]", [1, 6]),
        ("score == 0.9", [1]),
    ],
)
def test_meaning(expression: str, expected: list[int]) -> None:
    assert rows(expression) == expected


def test_missing_values_are_unknown_in_and_or_not() -> None:
    assert rows("score < 0.5 or True") == list(range(7))
    assert rows("not (score < 0.5 and length > 4)") == [1, 2, 5, 6]  # row 2: unknown and false is false


def test_columns_are_named_and_late_binding_gives_the_same() -> None:
    early = compile_expression('score < 0.5 and col("my column") == "a" or score > 0.7', TYPES)
    late = compile_expression(early.text, None)
    assert early.columns == late.columns == ("score", "my column")
    assert late.mask(TABLE).tolist() == early.mask(TABLE).tolist() == [True, True, False, False, False, False, True]
    with pytest.raises(ExpressionError, match="there is no column score"):
        late.mask(TABLE.drop_columns(["score"]))


def test_plain_and_chunked_and_empty_tables() -> None:
    predicate = compile_expression('label == "8" and sampled(0.5)', TYPES)
    whole = predicate.mask(TABLE)
    parts = [predicate.mask(TABLE.slice(0, 3)), predicate.mask(TABLE.slice(3))]
    assert np.array_equal(np.concatenate(parts), whole)
    assert predicate.mask(TABLE.slice(0, 0)).shape == (0,)
    assert np.array_equal(predicate.mask(pa.concat_tables([TABLE.slice(0, 3), TABLE.slice(3)])), whole)


def test_sampled_is_a_uniform_share_that_is_not_a_prefix_of_the_sample() -> None:
    for ids in (pa.array(np.arange(20_000)), pa.array([f"id {i}" for i in range(20_000)])):
        table = pa.table({"id": ids})
        chosen = compile_expression("sampled(0.1)", {"id": ids.type}).mask(table)
        assert 0.09 < chosen.mean() < 0.11
        assert 0.07 < chosen[:5000].mean() < 0.13
        assert not np.any(chosen & ~compile_expression("sampled(0.2)", {"id": ids.type}).mask(table))


def test_neurons_only_where_there_are_activations() -> None:
    values = {("layer2.conv1", 3): np.array([0.0, 1, 2, np.nan, 4, 5, 6])}
    predicate = compile_expression('neuron("layer2.conv1", 3) > 1.5 and correct', TYPES, neurons=True)
    assert predicate.neurons == (("layer2.conv1", 3),)
    mask = predicate.mask(TABLE, lambda layer, index: values[layer, index])
    assert np.flatnonzero(mask).tolist() == [4, 6]
    with pytest.raises(ExpressionError, match="only in the tab and in open_run"):
        compile_expression('neuron("layer2.conv1", 3) > 1.5', TYPES)


@pytest.mark.parametrize(
    ("expression", "position", "message"),
    [
        ("lable == 8", 0, "there is no column lable. Did you mean label? Columns: "),
        ('score < 0.5 and col("scor") > 1', 16, "Did you mean score"),
        ("length(text) > 3", 0, "Did you mean len"),
        ("score", 0, "is a number, not true or false"),
        ("label == 8.5", 9, "cannot be compared"),
        ('length == "5"', 10, "Write 5 without quotes"),
        ("text == 5", 8, 'Write "5" in quotes'),
        ("label < 5", 8, "cannot be compared with <"),
        ("correct == 1", 11, "Write correct or not correct"),
        ("correct < True", 10, "only with == and !="),
        ("score == None", 9, "isnull"),
        ("score is True", 9, "write == for equality"),
        ("score < 0.5 and", 15, "Not an expression at character 16"),
        ("score = 0.5", 6, "Write == instead of =. "),
        ("length > 3 && correct", 12, "Write and instead of &&. "),
        ("correct || length > 3", 9, "Write or instead of ||. "),
        ("!correct", 0, "Write not instead of !. "),
        ("`score` > 0.5", 0, 'Write col("…") instead of `…`. '),
        ("my score > 0.5", 3, 'or col("my column") > 3'),
        ("LABEL == 8", 0, "Did you mean label? "),
        ("(score < 0.5) & correct", 0, "write and, or"),
        ('text + "a" == "b"', 0, "text is a text, where a number is needed"),
        ("label in prediction", 0, "must be a text in quotes"),
        ("id in [[1]]", 7, "lists hold numbers and texts"),
        ("[1, 2]", 0, "a list may only stand after"),
        ('matches(text, "(a+")', 14, "RE2"),
        ("matches(text)", 0, "matches is written matches(text,"),
        ("contains(text, 'a', 'b')", 0, "contains is written"),
        ("contains(text, part='a')", 0, "contains is written"),
        ("sampled(2)", 8, "between 0 and 1"),
        ("blob == 'x'", 8, "cannot be compared"),
        ("'größe' in text and x", 20, "there is no column x"),
        ("", 0, "The expression is empty"),
    ],
)
def test_errors_name_place_and_remedy(expression: str, position: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        rows(expression)
    assert message in str(caught.value)
    assert caught.value.position == position


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('true')",
        "text.__class__.__mro__",
        "text.__class__ == 'a'",
        "().__class__.__bases__[0].__subclasses__()",
        "__builtins__",
        "(lambda: True)()",
        "lambda: True",
        "[x for x in [1]]",
        "any(x for x in [1])",
        "{1: 2}",
        "f'{text}' == 'a'",
        "text[0] == 'a'",
        "(x := 5) == 5",
        "score if correct else score",
        "print('a')",
        "eval('1')",
        "compile_expression('1')",
        "text.format(1)",
        "text.encode()",
        "label == b'8'",
        "score == 1j",
        "score == ...",
        "id == 99999999999999999999999",
        "id in [99999999999999999999999]",
        "id == " + "9" * 4000,
        "2 ** 99999999 > id",
        "id << 2 == 4",
        "~id == 4",
        "*id",
        "len(*text)",
        "await score",
        "yield",
        "score; score",
        "import os",
        "score == '\x00'",
        "score == '\ud800'",
        "contains(text, '\ud800')",
        "contains(text, '\\ud800')",
        "(" * 150 + "score" + ")" * 150,
        "not " * 1000 + "correct",
        "-" * 4000 + "score",
        "1+" * 2000 + "1",
        "[" * 2000,
        "[" * 200_000,
        "lower(" * 500 + "text" + ")" * 500,
        'matches(text, "' + "(a{999}){999}" + '")',
        r'matches(text, "(?=a)")',
        r'matches(text, "(a)\\1")',
        "x" * (MAX_LENGTH + 1),
        "'" + "x" * 400_000 + "' in text",
        "id in [" + "1, " * 10_001 + "]",
        '["' * 60_000,
    ],
)
def test_hostile_input_is_refused_at_once(expression: str) -> None:
    with at_most(2):
        for columns in (TYPES, None):
            with pytest.raises(ExpressionError):
                compile_expression(expression, columns).mask(TABLE)


def test_catastrophic_patterns_run_in_linear_time() -> None:
    table = pa.table({"text": ["a" * 50_000 + "b"] * 5})
    with at_most(2):
        assert not compile_expression('matches(text, "^(a+)+$")', {"text": pa.string()}).mask(table).any()


@pytest.mark.slow
def test_long_lists_and_many_terms_are_fine() -> None:
    many = ", ".join(str(10**6 + i) for i in range(9_999))
    assert rows(f"id in [12, {many}]") == [2]
    assert rows(" or ".join(f"id == {i}" for i in range(12, 250))) == [2, 3, 4, 5, 6]


# A row-by-row reference with three truth values: True, False, None.

_PLAIN: dict[str, list] = {
    "n": [1, -2, None, 0, 7, 3],
    "x": [0.5, float("nan"), -1.25, None, 2.0, 0.0],
    "t": ["ab", "", None, "abc", "b", "ca"],
    "b": [True, False, None, True, False, None],
}
_REFERENCE_TABLE = pa.table(
    {
        "n": pa.array(_PLAIN["n"], pa.int32()),
        "x": pa.array(_PLAIN["x"], pa.float64(), from_pandas=False),
        "t": pa.array(_PLAIN["t"]).dictionary_encode(),
        "b": pa.array(_PLAIN["b"]),
    }
)


def _value(name: str, row: int):
    value = _PLAIN[name][row]
    return None if isinstance(value, float) and np.isnan(value) else value


def _both(a, b):
    if a is False or b is False:
        return False
    return None if a is None or b is None else True


def _lift(function):
    return lambda *values: None if None in values else function(*values)


_COMPARISONS = {
    "==": _lift(lambda a, b: a == b),
    "!=": _lift(lambda a, b: a != b),
    "<": _lift(lambda a, b: a < b),
    ">=": _lift(lambda a, b: a >= b),
}
_NUMBER = st.one_of(
    st.sampled_from(["n", "x"]).map(lambda name: (name, lambda row: _value(name, row))),
    st.sampled_from([-2, 0, 1, 0.5, 2.0]).map(lambda number: (repr(number), lambda row: number)),
    st.just(("len(t)", lambda row: _lift(len)(_value("t", row)))),
)
_ARITHMETIC = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b}
_NUMBERS = st.recursive(
    _NUMBER,
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(
        lambda p: (f"({p[0][0]} {p[1]} {p[2][0]})", lambda row: _lift(_ARITHMETIC[p[1]])(p[0][1](row), p[2][1](row)))
    ),
    max_leaves=4,
)
_TRUTH = st.one_of(
    st.tuples(_NUMBERS, st.sampled_from(sorted(_COMPARISONS)), _NUMBERS).map(
        lambda p: (f"({p[0][0]} {p[1]} {p[2][0]})", lambda row: _COMPARISONS[p[1]](p[0][1](row), p[2][1](row)))
    ),
    st.tuples(_NUMBERS, _NUMBERS, _NUMBERS).map(
        lambda p: (
            f"({p[0][0]} < {p[1][0]} != {p[2][0]})",
            lambda row: _both(
                _COMPARISONS["<"](p[0][1](row), p[1][1](row)), _COMPARISONS["!="](p[1][1](row), p[2][1](row))
            ),
        )
    ),
    st.sampled_from(["a", "b", "ab", ""]).map(
        lambda part: (f"({part!r} in t)", lambda row: _lift(lambda text: part in text)(_value("t", row)))
    ),
    st.lists(st.sampled_from(["ab", "b", "zz"])).map(
        lambda items: (f"(t in {items!r})", lambda row: _lift(lambda text: text in items)(_value("t", row)))
    ),
    st.lists(st.sampled_from([1, 0, -2, 0.5])).map(
        lambda items: (f"(n not in {items!r})", lambda row: _lift(lambda n: n not in items)(_value("n", row)))
    ),
    st.just(("b", lambda row: _value("b", row))),
    st.sampled_from(["n", "x", "t", "b"]).map(lambda name: (f"isnull({name})", lambda row: _value(name, row) is None)),
)
_EXPRESSIONS = st.recursive(
    _TRUTH,
    lambda inner: st.one_of(
        inner.map(lambda p: (f"(not {p[0]})", lambda row: _lift(lambda a: not a)(p[1](row)))),
        st.tuples(inner, inner).map(
            lambda p: (f"({p[0][0]} and {p[1][0]})", lambda row: _both(p[0][1](row), p[1][1](row)))
        ),
        st.tuples(inner, inner).map(
            lambda p: (
                f"({p[0][0]} or {p[1][0]})",
                lambda row: _lift(lambda a: not a)(
                    _both(_lift(lambda a: not a)(p[0][1](row)), _lift(lambda a: not a)(p[1][1](row)))
                ),
            )
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(_EXPRESSIONS)
def test_agrees_with_a_row_by_row_reference(pair) -> None:
    expression, reference = pair
    types = {field.name: field.type for field in _REFERENCE_TABLE.schema}
    mask = compile_expression(expression, types).mask(_REFERENCE_TABLE)
    assert mask.tolist() == [reference(row) is True for row in range(6)], expression


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_gives_a_mask_or_an_expression_error(text: str) -> None:
    try:
        mask = compile_expression(text, TYPES, neurons=False).mask(TABLE)
    except ExpressionError as error:
        if not 0 <= error.position <= len(text):
            raise
    else:
        assert mask.shape == (7,)


@pytest.mark.parametrize(
    "expression",
    [
        '"Paris" in text and position < 2',
        'not ("paris" in lower(text))',
        'text == "Rome" or position == 1',
        "len(text) > 5",
        'lower(text) == "rome"',
        'text in ["Rome", "x"]',
        "isnull(text)",
        "lower(text) == other",
        "text == other",
        'startswith(text, "In") and matches(text, "P.r")',
    ],
)
def test_values_that_many_instances_share_are_read_once_and_mean_the_same(expression: str) -> None:
    index = np.repeat([0, 1, 2, 0, 3], 3)
    texts = pa.array(["In Paris", "Rome", None, "rome"])
    position = pa.array(np.tile(np.arange(3), 5))
    other = pa.array(["rome", "Rome", "x"] * 5)
    repeated = pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), texts)
    shared = pa.table({"text": repeated, "position": position, "other": other})
    plain = pa.table({"text": repeated.dictionary_decode(), "position": position, "other": other})
    masks = [
        compile_expression(expression, dict(zip(table.schema.names, table.schema.types, strict=True))).mask(table)
        for table in (shared, plain)
    ]
    assert masks[0].tolist() == masks[1].tolist()
    assert masks[0].any()
