"""Compiles the syntax tree of an expression to a `pyarrow.compute` expression; node types that are not listed are refused."""

import ast
import struct
from collections.abc import Callable, Mapping
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.column_kinds import TIME, parse_time
from tensorboard_activis.expression.context import Context
from tensorboard_activis.expression.evaluation import Compiled
from tensorboard_activis.expression.functions import FUNCTIONS, search
from tensorboard_activis.expression.values import (
    UNKNOWN,
    Value,
    balanced,
    constant,
    is_number,
    nan_is_null,
    shortened,
    similar_names,
)

MAX_DEPTH = 40
#: Number of values of a list after which `check` is called.
_SOME = 100

ALLOWED = (
    'Allowed are comparisons, and/or/not, in, + - * / %, parentheses, names of columns, col("a name"), numbers, texts, '
    f"lists, and the functions {', '.join(FUNCTIONS)}."
)
_FLOAT32 = struct.Struct("f")
_LARGEST_FLOAT32 = 3.4e38
#: Columns that hold class names as strings: a class named "8" may be written as 8.
_CLASS_COLUMNS = ("label", "prediction")

_COMPARE: Mapping[type[ast.cmpop], tuple[str, Callable[[pc.Expression, pc.Expression], pc.Expression]]] = {
    ast.Eq: ("==", lambda a, b: a == b),
    ast.NotEq: ("!=", lambda a, b: a != b),
    ast.Lt: ("<", lambda a, b: a < b),
    ast.LtE: ("<=", lambda a, b: a <= b),
    ast.Gt: (">", lambda a, b: a > b),
    ast.GtE: (">=", lambda a, b: a >= b),
}
_ARITHMETIC: Mapping[type[ast.operator], Callable[[pc.Expression, pc.Expression], pc.Expression]] = {
    ast.Add: pc.add,
    ast.Sub: pc.subtract,
    ast.Mult: pc.multiply,
    ast.Div: pc.divide,
    ast.Mod: lambda a, b: pc.subtract(a, pc.multiply(pc.floor(pc.divide(a, b)), b)),  # Python's: the sign of b
}


class Compiler(Context):
    """Compiles one syntax tree against one set of columns; `check` is called regularly meanwhile."""

    def compile(self, tree: ast.expr) -> Compiled:
        """Compiles the whole expression, which must be a condition. Raises ExpressionError."""
        expression = self._truth(tree, 0)
        return Compiled(
            expression,
            tuple(self.columns),
            tuple(self.neurons),
            self.sampled,
            tuple(self.members),
            tuple(self._steps),
            self._nodes,
        )

    # Conditions

    def _truth(self, node: ast.expr, depth: int) -> pc.Expression:
        value = self.value(node, depth)
        if value.kind not in ("boolean", "any"):
            self.fail(
                node,
                f"{self.source(node)} is a {value.kind}, not true or false. Compare it, for example with == or <.",
            )
        return value.expression

    def value(self, node: ast.expr, depth: int) -> Value:
        if depth > MAX_DEPTH:
            self.fail(node, f"the expression is nested too deeply: at most {MAX_DEPTH} levels")
        depth += 1
        self._nodes += 1
        self.check()
        if isinstance(node, ast.BoolOp):
            join = pc.and_kleene if isinstance(node.op, ast.And) else pc.or_kleene
            return Value("boolean", balanced(join, [self._truth(value, depth) for value in node.values]), node)
        if isinstance(node, ast.UnaryOp):
            return self._unary(node, depth)
        if isinstance(node, ast.BinOp):
            return self._arithmetic(node, depth)
        if isinstance(node, ast.Compare):
            return self._chain(node, depth)
        if isinstance(node, ast.Call):
            return self._call(node, depth)
        if isinstance(node, ast.Name):
            return self.column(node.id, node)
        if isinstance(node, ast.Constant):
            return self.literal(node)
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            self.fail(node, "a list may only stand after `in` or in isin(…)")
        if isinstance(node, ast.Attribute):
            self.fail(
                node,
                f'found .{shortened(node.attr)}: columns have no attributes. For a column whose name holds a dot write col("…")',
            )
        self.fail(node, f"found {self.source(node)}, which is not part of the language. {ALLOWED}")

    def _unary(self, node: ast.UnaryOp, depth: int) -> Value:
        if isinstance(node.op, ast.Not):
            return Value("boolean", pc.invert(self._truth(node.operand, depth)), node)
        if not isinstance(node.op, (ast.USub, ast.UAdd)):
            self.fail(node, f"found {self.source(node)}, which is not part of the language; for the opposite write not")
        value = self.kind(node.operand, "number", depth)
        if isinstance(node.op, ast.UAdd):
            return value
        if value.literal is not None:
            return self.scalar(-value.literal, node)  # type: ignore[operator]
        return Value("number", pc.negate(value.expression.cast(pa.float64())), node)

    def _arithmetic(self, node: ast.BinOp, depth: int) -> Value:
        function = _ARITHMETIC.get(type(node.op))
        if function is None:
            hint = "; write and, or" if isinstance(node.op, (ast.BitAnd, ast.BitOr)) else ""
            self.fail(node, f"this operator is not part of the language{hint}. {ALLOWED}")
        left, right = (
            self.kind(side, "number", depth).expression.cast(pa.float64()) for side in (node.left, node.right)
        )
        return Value("number", nan_is_null(function(left, right)), node)

    def _chain(self, node: ast.Compare, depth: int) -> Value:
        parts: list[pc.Expression] = []
        left: ast.expr = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, (ast.In, ast.NotIn)):
                part = self.member(left, right, node, depth).expression
                parts.append(pc.invert(part) if isinstance(operator, ast.NotIn) else part)
            elif type(operator) in _COMPARE:
                parts.append(self._compare(operator, left, right, depth))
            else:
                self.fail(
                    right, "`is` is not part of the language: write == for equality, isnull(column) for missing values"
                )
            left = right
        return Value("boolean", balanced(pc.and_kleene, parts), node)

    def _compare(self, operator: ast.cmpop, left_node: ast.expr, right_node: ast.expr, depth: int) -> pc.Expression:
        sign, compare = _COMPARE[type(operator)]
        left, right = self.value(left_node, depth), self.value(right_node, depth)
        left, right = self._adapted(left, right, sign), self._adapted(right, left, sign)
        kinds = {left.kind, right.kind} - {"any"}
        if len(kinds) > 1 or "other" in kinds:
            self.fail(
                right_node,
                f"{self.source(left_node)} is a {left.kind} and {self.source(right_node)} a {right.kind}: "
                f"they cannot be compared with {sign}. "
                f"{self._hint(left, right)}",
            )
        if kinds == {"boolean"} and sign not in ("==", "!="):
            self.fail(right_node, f"booleans cannot be compared with {sign}, only with == and !=")
        compared = compare(left.expression, right.expression)
        source = left.source or right.source
        if source is not None and (left.literal is not None or right.literal is not None):
            return self.text_step(compared, source=source)
        return compared

    def _adapted(self, value: Value, other: Value, sign: str) -> Value:
        """Converts a literal to the type of the column that it is compared with."""
        literal = value.literal
        if isinstance(literal, str) and other.kind == "time":
            return self._time(literal, value.node)
        if isinstance(literal, bool) or not isinstance(literal, (int, float)):
            return value
        if (
            isinstance(literal, int)
            and other.kind == "text"
            and other.column in _CLASS_COLUMNS
            and sign in ("==", "!=")
        ):
            return Value("text", constant(str(literal)), value.node, literal=str(literal))
        if other.single:  # 0.9 in float32 is more than 0.9
            rounded = _FLOAT32.unpack(_FLOAT32.pack(literal))[0] if abs(literal) < _LARGEST_FLOAT32 else literal
            return Value("number", constant(rounded), value.node, literal=rounded)
        return value

    def _time(self, text: str, node: ast.expr) -> Value:
        try:
            moment = parse_time(text)
        except ValueError:
            self.fail(node, f'{self.source(node)} is no time: write "2024-05-01" or "2024-05-01T12:30:00Z"')
        return Value("time", pc.scalar(pa.scalar(moment, TIME)), node, literal=moment)

    def _hint(self, left: Value, right: Value) -> str:
        for value, other in ((left, right), (right, left)):
            if value.kind == "time":
                return 'Write a time in quotes, such as "2024-05-01" or "2024-05-01T12:30:00Z".'
            if value.kind == "list":
                return f"Write {self.source(other.node)} in {self.source(value.node)}, for what it holds."
            if isinstance(value.literal, str) and other.kind == "number" and is_number(value.literal):
                return f"Write {shortened(value.literal)} without quotes."
            if value.kind == "text" and isinstance(other.literal, (int, float)) and not isinstance(other.literal, bool):
                return f'Write "{other.literal}" in quotes.'
            if value.kind == "boolean" and other.kind != "boolean":
                return f"Write {self.source(value.node)} or not {self.source(value.node)}."
        return "Compare like with like."

    def member(self, left: ast.expr, right: ast.expr, node: ast.expr, depth: int) -> Value:
        """Compiles `x in […]` and `"part" in text`."""
        if not isinstance(right, (ast.List, ast.Tuple, ast.Set)):
            if self.types is None and isinstance(left, ast.Constant) and type(left.value) is int:
                return Value("boolean", UNKNOWN, self.value(right, depth).node)  # a list of numbers, it may turn out
            return search(self, "contains", node, (right, left), depth)
        value = self.value(left, depth)
        items: list[Value] = []
        elements = iter(right.elts)
        while some := list(islice(elements, _SOME)):
            self.check()
            items += (self._adapted(self._constant(element), value, "==") for element in some)
        for item in items:
            if item.kind != value.kind and value.kind != "any":
                self.fail(
                    item.node,
                    f"{self.source(left)} is a {value.kind}, and the list holds {self.source(item.node)}, "
                    f"a {item.kind}. {self._hint(value, item)}",
                )
        literals = [item.literal for item in items]
        if value.kind == "any":
            return Value("boolean", constant(False), node)
        expression = value.expression
        if value.kind == "number" and all(item.integer for item in items) and value.integer:
            expression, values = expression.cast(pa.int64()), pa.array(literals, pa.int64())
        elif value.kind == "number":
            expression, values = (
                expression.cast(pa.float64()),
                pa.array([float(item) for item in literals if isinstance(item, (int, float))], pa.float64()),
            )
        else:
            values = pa.array(literals, {"text": pa.string(), "time": TIME}.get(value.kind, pa.bool_()))
        # Three-valued logic: whether a missing value is in a list is unknown.
        unknown = pc.is_null(expression)
        return Value("boolean", pc.if_else(unknown, UNKNOWN, pc.is_in(expression, value_set=values)), node)

    def list_contains(self, lists: Value, item: ast.expr, node: ast.expr) -> Value:
        """Compiles `"cat" in label`, where label is a column of lists."""
        literal = self._constant(item).literal
        assert self.types is not None
        assert lists.column is not None
        texts = pa.types.is_string(self.types[lists.column].value_type)
        if texts and type(literal) is int and lists.column in _CLASS_COLUMNS:
            literal = str(literal)
        if not isinstance(literal, str if texts else int) or isinstance(literal, bool):
            self.fail(
                item,
                f"{self.source(lists.node)} holds {'texts' if texts else 'whole numbers'}; got {self.source(item)}. Write "
                + (f'"{self.source(item)}" in quotes.' if texts else "a number without quotes."),
            )
        key = (lists.column, literal)
        return Value("boolean", pc.field(f"m{self.members.setdefault(key, len(self.members))}"), node)

    # Functions

    def _call(self, node: ast.Call, depth: int) -> Value:
        arguments = list(node.args)
        if isinstance(node.func, ast.Attribute):  # text.startswith("who") is startswith(text, "who")
            name = node.func.attr
            arguments.insert(0, node.func.value)
        elif isinstance(node.func, ast.Name):
            name = node.func.id
        else:
            self.fail(node, f"only named functions can be called. {ALLOWED}")
        if name not in FUNCTIONS:
            hint = similar_names(name, FUNCTIONS)
            self.fail(node, f"there is no function {shortened(name)}.{hint} Functions: {', '.join(sorted(FUNCTIONS))}")
        parameters, function = FUNCTIONS[name]
        if (
            node.keywords
            or len(arguments) != len(parameters)
            or any(isinstance(argument, ast.Starred) for argument in arguments)
        ):
            self.fail(node, f"{name} is written {name}({', '.join(parameters)})")
        return function(self, node, arguments, depth)

    # Literals

    def _constant(self, node: ast.expr) -> Value:
        value: Value | None = None
        if isinstance(node, ast.Constant):
            value = self.literal(node)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
            value = self._unary(node, 0)
        if value is None or value.literal is None:
            self.fail(node, f"lists hold numbers and texts, not {self.source(node)}")
        return value
