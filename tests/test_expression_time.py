"""Expressions of any kind are compiled in linear time, and computed in parts between which the limits are looked at."""

import re
import time
from collections.abc import Iterator
from functools import partial
from unittest.mock import Mock

import numpy as np
import pyarrow as pa
import pytest

from tensorboard_activis.errors import ExpressionError
from tensorboard_activis.expression import limits
from tensorboard_activis.expression.evaluation import _most_size, _sizes
from tensorboard_activis.expression.limits import MAX_LENGTH, MAX_LIST
from tensorboard_activis.expression.patterns import pattern_size
from tensorboard_activis.expression.predicate import compile_expression
from tests.processor_time import at_most, slowness

COLUMNS = {"id": pa.int64(), "text": pa.string(), "score": pa.float32()} | {
    f"column {index} {'ab' * 60}": pa.float32() for index in range(3_000)
}
#: Units that are repeated until an expression has any length: quotes that are not closed, brackets, numbers, names, blanks.
UNITS = [
    *("'", '"', "\\'", "'\"", '"\'"', "'''", '"""', "'\\", "x'", "f'", "r'", "b'''"),
    *(
        "[",
        "]",
        "[]",
        "(",
        ")",
        "{",
        "}",
        "[,",
        "x in [",
        "f(",
        "not ",
        "- ",
        "-",
        "~",
        "+ ",
        "lambda:",
        "x if x else ",
    ),
    *(
        "1",
        "1,",
        "1.",
        "1e",
        ".1",
        "1_",
        "0x",
        "x",
        "x ",
        "é",
        "a<",
        "a and ",
        "a or ",
        "a.",
        "*",
        "#",
        " ",
        "\t",
        "\n",
        "\\",
        "\0",
    ),
    *(
        "x in ['",
        "x in [1,",
        "x in [1 ,",
        'x in ["a",',
        "x in [a,",
        "x in [-",
        "x in [1 1",
        "contains(text,'a')",
        "matches(text,'(((')",
        "ab",
    ),
]
TABLE = pa.table(
    {"id": pa.array(range(40)), "text": ["how many cats " * 8, ""] * 20, "score": pa.array([0.25] * 40, pa.float32())}
)


def refused_after(text: str) -> float:
    """Seconds of the processor until the expression was compiled or refused; the best of two."""
    taken = []
    for _ in range(2):
        begun = time.thread_time()
        try:
            compile_expression(text, COLUMNS)
        except ExpressionError as error:
            assert len(str(error)) < 3_000
            assert error.position is None or 0 <= error.position <= len(text)
        taken.append(time.thread_time() - begun)
    return min(taken)


@pytest.mark.parametrize("unit", UNITS)
def test_time_grows_with_the_length(unit: str) -> None:
    """A quadratic pass took 20 s for 100,000 characters."""
    for start in ("", "x in [", "'"):
        short, long = (refused_after((start + unit * length)[:length]) for length in (25_000, 100_000))
        assert long < max(6 * short, 1.5 * slowness()), (start, short, long)
        with at_most(3):  # What is short enough to be compiled.
            refused_after((start + unit * 4_096)[:4_096])


@pytest.mark.parametrize(
    "text",
    [
        "x in [" + "1" * 290_000 + "x]",
        "x in [" + " " * 290_000 + "x]",
        "x in [" + "and " * 70_000 + "]",
        "x in [" + "f(a," * 70_000 + "]",
        '"""a"b[""" and ' + "score and " * 20_000 + 'id == """]c"d"""',
        "f\"{'['}\" == " + "score and " * 20_000 + "f\"{']'}\"",
    ],
)
def test_nothing_but_the_values_of_lists_may_be_long(text: str) -> None:
    with pytest.raises(ExpressionError, match=r"too long|f before a text is not allowed"):
        compile_expression(text, COLUMNS)


def test_the_values_of_all_lists_are_counted_before_they_are_parsed() -> None:
    half = list(range(MAX_LIST // 2))
    compile_expression(f"id in {half} or id in {half}", COLUMNS)
    with pytest.raises(ExpressionError, match=f"at most {MAX_LIST:,} are allowed"):
        compile_expression(f"id in {half} or id in {[*half, 1]}", COLUMNS)
    with at_most(1.5), pytest.raises(ExpressionError, match="more than 10,000 values"):
        compile_expression("id in [" + "1," * 149_000 + "]", COLUMNS)


@pytest.mark.parametrize("unit", ["1,", ",", "'',", "[", "]", "''", "b'", "[1,]", "['a',", "0 ,"])
def test_what_is_too_long_is_not_read_to_its_end(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = []
    pattern = limits._TOKEN

    class Counting:
        def finditer(self, text: str) -> Iterator[re.Match[str]]:
            for token in pattern.finditer(text):
                tokens.append(token)
                yield token

    monkeypatch.setattr(limits, "_TOKEN", Counting())
    with pytest.raises(ExpressionError, match=r"too long|more than 10,000 values|cannot be parsed|Not an expression"):
        compile_expression("id in [" + unit * (280_000 // len(unit)), COLUMNS)
    assert len(tokens) <= 2 * (MAX_LIST + MAX_LENGTH)


def test_names_that_are_nearly_there_are_not_compared_for_ever() -> None:
    """A thousand were compared for 1.5 s, and listed in 185,000 characters."""
    columns = {f"{'ab' * 90}{index}": pa.float32() for index in range(3_000)} | {
        f"{'ba' * 15}{index}": pa.float32() for index in range(3_000)
    }
    for name in ("ab" * 90, "ba" * 95, "ba" * 15):
        with at_most(1), pytest.raises(ExpressionError, match="there is no column") as caught:
            compile_expression(f'col("{name}") > 1', columns)
        assert len(str(caught.value)) < 3_000


def test_compiling_a_long_list_asks_whether_to_go_on() -> None:
    calls = []
    compile_expression(f"id in {list(range(MAX_LIST))}", COLUMNS, check=lambda: calls.append(1))
    assert len(calls) >= MAX_LIST // 100

    class Over(Exception):
        pass

    def over() -> None:
        raise Over

    with pytest.raises(Over):
        compile_expression("score > 1", COLUMNS, check=over)


def neuron(values: np.ndarray, layer: str, index: int) -> np.ndarray:
    return values


EVERY_KIND = [
    'matches(text, "c.t")',
    'lower(text) == "how" or "ca" in lower(lower(text))',
    'startswith(text, "How") and not endswith(text, "x") and len(text) > 3',
    "sampled(0.5) and id % 3 == 1",
    "id in [1, 2, 39] or isnull(score)",
    'neuron("layer", 1) > 0.5',
    '"b" in tags or 0.1 < score < 0.5 and len(tags) == 2',
    'kind == "a" or contains(kind, "b")',
]


@pytest.mark.parametrize("expression", EVERY_KIND)
def test_parts_give_what_the_whole_gives(expression: str, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    count = 500
    texts = [f"{word} cats {index}" for index, word in enumerate(random.choice(["How", "no", ""], count))]
    table = pa.table(
        {
            "id": pa.array(range(count)),
            "text": pa.array([None if index % 7 == 0 else text for index, text in enumerate(texts)]),
            "score": pa.array(random.random(count).astype(np.float32), mask=random.random(count) < 0.1),
            "tags": pa.array([["a", "b"][: index % 3] if index % 5 else None for index in range(count)]),
            "kind": pa.array(["ab"[index % 2] if index % 9 else None for index in range(count)]).dictionary_encode(),
        }
    )
    values = random.random(count).astype(np.float16)
    types = dict(zip(table.schema.names, table.schema.types, strict=True))
    # As several chunks, and as a part of a table, too.
    for one in (table, pa.concat_tables([table.slice(0, 3), table.slice(3)]), table.slice(5, 300)):
        predicate = compile_expression(expression, types, neurons=True)
        neurons = partial(neuron, values[: one.num_rows])
        whole = predicate.mask(one, neurons)
        monkeypatch.setattr("tensorboard_activis.expression.evaluation._FIRST_WORK", 300)
        evaluation = predicate.evaluation(one, neurons)
        check = Mock()
        masks = [evaluation.part_mask(part, check) for part in evaluation.parts()]
        assert len(masks) > 1
        assert check.call_count >= len(masks)
        np.testing.assert_array_equal(np.concatenate(masks), whole)
        assert whole.any()


def test_a_part_is_small_when_texts_and_patterns_are_large() -> None:
    count, pattern = 400, "(a|b).{1,200}c" * 2
    table = pa.table({"text": ["ab" * 5_000] * count})
    types = {"text": pa.string()}
    parts = list(compile_expression(f'matches(text, "{pattern}")', types).evaluation(table).parts())
    assert len(parts) > count // 4
    assert len(list(compile_expression('contains(text, "c")', types).evaluation(table).parts())) < 10
    long = compile_expression(f'matches(text, "{pattern}")', types).evaluation(pa.table({"text": ["a" * 10_000_000]}))
    with pytest.raises(ExpressionError, match="A text of these instances is too long"):
        list(long.parts())


def test_between_the_functions_of_texts_the_limits_are_looked_at() -> None:
    expression = " or ".join(f'matches(text, "x{index}")' for index in range(30))
    calls: list[int] = []
    evaluation = compile_expression(
        expression, dict(zip(TABLE.schema.names, TABLE.schema.types, strict=True))
    ).evaluation(TABLE)
    for part in evaluation.parts():
        evaluation.part_mask(part, lambda: calls.append(1))
    assert len(calls) > 30


@pytest.mark.parametrize(
    ("pattern", "least", "most"),
    [
        ("abc", 3, 3),
        (".{1,1000}", 9_000, 12_000),
        ("(ab){10}", 20, 60),
        ("((a?){10}){10}", 100, 800),
        (r"\pL{1,20}", 7_000, 9_000),
        ("[a-z]+", 10, 30),
        (r"\(\)\[\{3\}", 5, 80),
        ("|".join(f"word{index}" for index in range(100)), 500, 900),
    ],
)
def test_sizes_of_patterns(pattern: str, least: int, most: int) -> None:
    assert least <= pattern_size(pattern) <= most


@pytest.mark.parametrize(
    "unit", ["(", ")", "[", "[^", "\\", "{", "a{9", "(?", "\\p{", "\\p", "[[:", "*", "{1,1000}", "(a{1000})", "é"]
)
def test_measuring_a_pattern_is_linear(unit: str) -> None:
    with at_most(1.5):
        assert pattern_size(unit * (300_000 // len(unit))) >= 0


@pytest.mark.parametrize(
    "column",
    [
        pa.chunked_array([["a", None, "é" * 9], ["", "b" * 40]]),
        pa.chunked_array([pa.array(["a", None, "long" * 5, "a", "a"]).dictionary_encode()]),
        pa.chunked_array([pa.array([[True] * 40, [], None, [False], [True]])]),
        pa.chunked_array([pa.array([["x", "y"], [], None, ["z"] * 9, ["x"]])]),
        pa.chunked_array([pa.array(["a", "b", "c" * 30]), pa.array(["d"] * 9)]).slice(1, 5),
        pa.chunked_array([pa.array([1.0, None, 3.0, 4.0, 5.0])]),
        pa.chunked_array([], pa.string()),
    ],
    ids=str,
)
def test_the_bound_on_the_work_holds(column: pa.ChunkedArray) -> None:
    """With less than a part has, nobody looks at each instance."""
    assert _most_size(column) >= int(_sizes(column).sum())
    table = pa.table({"text": column})
    (whole, *more) = [*compile_expression("not isnull(text)", {"text": column.type}).evaluation(table).parts(), None]
    assert whole == (slice(0, len(column)) if len(column) else None)
    assert more == ([None] if len(column) else [])
