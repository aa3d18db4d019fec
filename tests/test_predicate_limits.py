"""The limits of an expression: what is just allowed, what is just not, and that the message says the limit."""

import pyarrow as pa
import pytest

from tensorboard_activis.errors import ExpressionError
from tensorboard_activis.expression.compiler import MAX_DEPTH
from tensorboard_activis.expression.limits import MAX_LENGTH, MAX_LIST
from tensorboard_activis.expression.predicate import compile_expression

TABLE = pa.table({"id": pa.array([1, 2, 3]), "flag": pa.array([True, False, None])})
TYPES = {field.name: field.type for field in TABLE.schema}


def chosen(text: str) -> list[bool]:
    found: list[bool] = compile_expression(text, TYPES).mask(TABLE).tolist()
    return found


def refused(text: str, message: str) -> None:
    for columns in (TYPES, None):
        with pytest.raises(ExpressionError, match=message):
            compile_expression(text, columns)


def test_length() -> None:
    text = "id == 1" + " " * (MAX_LENGTH - len("id == 1"))
    assert chosen(text) == [True, False, False]
    refused(text + " ", f"at most {MAX_LENGTH:,} characters besides lists")


@pytest.mark.slow
def test_lists_do_not_count_as_length_but_have_a_limit_of_their_own() -> None:
    values = [1, *range(10**6, 10**6 + MAX_LIST - 1)]
    assert chosen(f"id in {values}") == [True, False, False]
    refused(f"id in {[*values, 5]}", f"at most {MAX_LIST:,} are allowed")


def test_depth() -> None:
    deep = "not " * MAX_DEPTH + "flag"
    assert chosen(deep) == [True, False, False]
    refused("not " + deep, f"at most {MAX_DEPTH} levels")
    refused("(" * 199 + "flag" + ")" * 199 + " and " + "not " * (MAX_DEPTH + 1) + "flag", f"{MAX_DEPTH} levels")


def test_many_terms_are_not_deep() -> None:
    assert chosen(" or ".join(["id == 1"] * 300)) == [True, False, False]


@pytest.mark.parametrize("number", ["9223372036854775808", "-9223372036854775809", "1" * 200])
def test_numbers_have_64_bits(number: str) -> None:
    refused(f"id == {number}", "64 bits")


def test_64_bits_are_enough() -> None:
    assert chosen("id < 9223372036854775807") == [True, True, True]
