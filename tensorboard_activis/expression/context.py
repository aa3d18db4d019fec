"""The state of a compilation, which the compiler and the functions of the language share: columns, literals, error messages."""

import ast
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.errors import ExpressionError
from tensorboard_activis.expression.evaluation import Check, TextStep
from tensorboard_activis.expression.values import (
    Value,
    characters,
    column_value,
    constant,
    shortened,
    similar_names,
    sorted_names,
)

_CAST = {"number": pa.float64(), "text": pa.string()}


class Context(ABC):
    """Resolves columns and literals, collects what the expression refers to, and raises errors with positions.

    Args:
        text: the expression as it was written; `offset` is the position in it at which the syntax tree begins.
        columns: the types of the columns by name; None when they are not known yet.
        neurons: whether `neuron(layer, index)` is allowed.
        check: called regularly during compilation; raises to stop it.
    """

    def __init__(
        self,
        text: str,
        offset: int,
        columns: Mapping[str, pa.DataType] | None,
        *,
        neurons: bool,
        check: Check = lambda: None,
    ) -> None:
        self._text = text
        self._offset = offset
        self.types = columns
        self.allow_neurons = neurons
        self.check = check
        # What the expression refers to, each with its number, in order of appearance.
        self.columns: dict[str, int] = {}
        self.neurons: dict[tuple[str, int], int] = {}
        self.members: dict[tuple[str, str | int], int] = {}
        self.sampled = False
        self._steps: list[TextStep] = []
        self._nodes = 0

    @abstractmethod
    def value(self, node: ast.expr, depth: int) -> Value:
        """Compiles a part of the expression. Raises ExpressionError."""

    @abstractmethod
    def member(self, left: ast.expr, right: ast.expr, node: ast.expr, depth: int) -> Value:
        """Compiles `left in right`, where right is a list of literals, a string or a column of lists."""

    @abstractmethod
    def list_contains(self, lists: Value, item: ast.expr, node: ast.expr) -> Value:
        """Compiles `item in lists`, where lists is a column of lists, as labels of several classes are."""

    def kind(self, node: ast.expr, kind: str, depth: int) -> Value:
        """Compiles a part of the expression that must be of one kind. Raises ExpressionError."""
        value = self.value(node, depth)
        if value.kind not in (kind, "any"):
            self.fail(node, f"{self.source(node)} is a {value.kind}, where a {kind} is needed")
        if value.kind == "any" and kind in _CAST:  # a column that holds nothing but nulls
            return Value(kind, value.expression.cast(_CAST[kind]), node, literal=value.literal)
        return value

    def text_step(self, expression: pc.Expression, cost: int = 1, source: str | None = None) -> pc.Expression:
        """Adds a string function as a step that is computed first; returns the field with its result.

        Arguments:
            expression: the function.
            cost, source: see `TextStep`.
        """
        self._steps.append(TextStep(expression, cost, source))
        return pc.field(f"s{len(self._steps) - 1}")

    def column(self, name: str, node: ast.expr) -> Value:
        """The value of a column. Raises ExpressionError, with names that are similar, when there is none."""
        if self.types is not None and name not in self.types:
            usable = {
                column: kind
                for column, kind in self.types.items()
                if column_value(column, kind, pc.field("c"), node).kind != "other"
            }
            hint = similar_names(name, usable)
            self.fail(node, f"there is no column {shortened(name)}.{hint} Columns: {sorted_names(usable)}")
        field = pc.field(f"c{self.columns.setdefault(name, len(self.columns))}")
        if self.types is None:
            return Value("any", field, node, column=name)
        return column_value(name, self.types[name], field, node)

    def literal(self, node: ast.Constant) -> Value:
        """The value of a literal in the syntax tree. Raises ExpressionError."""
        if isinstance(node.value, (bool, int, float, str)):
            return self.scalar(node.value, node)
        hint = "; write isnull(column) for missing values" if node.value is None else ""
        self.fail(node, f"{self.source(node)} is not a number, text, True or False{hint}")

    def scalar(self, value: bool | int | float | str, node: ast.expr) -> Value:
        """The value of a bool, number or string. Raises ExpressionError."""
        if isinstance(value, bool):
            return Value("boolean", constant(value), node, literal=value)
        if isinstance(value, str):
            if any("\ud800" <= character <= "\udfff" for character in value):
                self.fail(node, "this text holds half of a surrogate pair, which no text in a table can hold")
            return Value("text", constant(value), node, literal=value)
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            self.fail(node, "this number is too large: whole numbers have 64 bits")
        return Value("number", constant(value), node, literal=value, integer=isinstance(value, int))

    # Messages

    def source(self, node: ast.expr) -> str:
        """The source text of a node, shortened, for messages."""
        start = self._position(node)
        lines = len(self._text[self._offset :].encode())
        end = characters(self._text[self._offset :], min(node.end_col_offset or 0, lines)) + self._offset
        text = self._text[start:end]
        return text if len(text) <= 40 else f"{text[:37]}…"

    def _position(self, node: ast.expr) -> int:
        return characters(self._text[self._offset :], node.col_offset) + self._offset

    def fail(self, node: ast.expr, message: str) -> NoReturn:
        """Raises ExpressionError at the position of a node."""
        position = self._position(node)
        raise ExpressionError(f"At character {position + 1}: {message}", position)
