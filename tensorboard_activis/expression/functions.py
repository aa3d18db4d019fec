"""The functions of the expression language: each checks its arguments and returns a pyarrow expression."""

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.expression.context import Context
from tensorboard_activis.expression.patterns import pattern_size
from tensorboard_activis.expression.values import Value, constant, nan_is_null

Function: TypeAlias = Callable[[Context, ast.expr, Sequence[ast.expr], int], Value]


def search(context: Context, name: str, node: ast.expr, arguments: Sequence[ast.expr], depth: int) -> Value:
    container = context.value(arguments[0], depth)
    if container.kind == "list" and name == "contains":
        return context.list_contains(container, arguments[1], node)
    text = context.kind(arguments[0], "text", depth)
    pattern = context.value(arguments[1], depth)
    if not isinstance(pattern.literal, str):
        context.fail(
            arguments[1],
            f"{context.source(arguments[1])} must be a text in quotes: what to look for in "
            f"{context.source(arguments[0])}",
        )
    cost = 1
    if name == "matches":
        cost = pattern_size(pattern.literal)
        try:
            pc.match_substring_regex(pa.array([""]), pattern.literal)
        except pa.ArrowInvalid as error:
            context.fail(arguments[1], f"not a pattern that RE2 knows: {error!s:.300}")
    kinds = {
        "contains": pc.match_substring,
        "startswith": pc.starts_with,
        "endswith": pc.ends_with,
        "matches": pc.match_substring_regex,
    }
    found = kinds[name](text.expression, pattern.literal)
    return Value("boolean", context.text_step(found, cost, text.source), node)


def isnull(context: Context, node: ast.expr, arguments: Sequence[ast.expr], depth: int) -> Value:
    return Value("boolean", pc.is_null(context.value(arguments[0], depth).expression), node)


def length(context: Context, node: ast.expr, arguments: Sequence[ast.expr], depth: int) -> Value:
    value = context.value(arguments[0], depth)
    if value.kind == "list":
        return Value("number", pc.list_value_length(value.expression), node, integer=True)
    text = context.kind(arguments[0], "text", depth)
    size = context.text_step(pc.utf8_length(text.expression), source=text.source)
    return Value("number", size, node, integer=True)


def lower(context: Context, node: ast.expr, arguments: Sequence[ast.expr], depth: int) -> Value:
    text = context.kind(arguments[0], "text", depth)
    lowered = context.text_step(pc.utf8_lower(text.expression), cost=2, source=text.source)
    return Value("text", lowered if text.source is None else lowered.cast(pa.string()), node, source=text.source)


def sampled_share(context: Context, node: ast.expr, arguments: Sequence[ast.expr], depth: int) -> Value:
    share = context.kind(arguments[0], "number", depth).literal
    if not isinstance(share, (int, float)) or not 0 <= share <= 1:
        context.fail(arguments[0], "sampled needs a share between 0 and 1, as in sampled(0.1)")
    if context.types is not None and "id" not in context.types:
        context.fail(node, "sampled needs the column id, and there is none")
    context.sampled = True
    return Value("boolean", pc.field("u") < constant(float(share)), node)


def neuron(context: Context, node: ast.expr, arguments: Sequence[ast.expr], depth: int) -> Value:
    if not context.allow_neurons:
        context.fail(
            node, "neuron(…) works only in the tab and in open_run, where the sample's activations are at hand"
        )
    layer, index = context.value(arguments[0], depth).literal, context.value(arguments[1], depth).literal
    if not isinstance(layer, str) or not isinstance(index, int) or isinstance(index, bool) or index < 0:
        context.fail(
            node,
            'neuron is written neuron("layer", index), with a layer\'s name in quotes and a whole number from 0',
        )
    number = context.neurons.setdefault((layer, index), len(context.neurons))
    return Value("number", nan_is_null(pc.field(f"n{number}")), node)


def col(context: Context, node: ast.expr, arguments: Sequence[ast.expr], depth: int) -> Value:
    name = context.value(arguments[0], depth).literal
    if not isinstance(name, str):
        context.fail(node, 'col is written col("a name"), with the column\'s name in quotes')
    return context.column(name, node)


def _search(name: str) -> Function:
    def call(context: Context, node: ast.expr, arguments: Sequence[ast.expr], depth: int) -> Value:
        return search(context, name, node, arguments, depth)

    return call


def isin(context: Context, node: ast.expr, arguments: Sequence[ast.expr], depth: int) -> Value:
    return context.member(arguments[0], arguments[1], node, depth)


#: name: (how its arguments are written in messages, the function that compiles a call)
FUNCTIONS: Mapping[str, tuple[tuple[str, ...], Function]] = {
    "contains": (("text", '"part"'), _search("contains")),
    "startswith": (("text", '"start"'), _search("startswith")),
    "endswith": (("text", '"end"'), _search("endswith")),
    "matches": (("text", '"pattern"'), _search("matches")),
    "isin": (("column", "[…]"), isin),
    "isnull": (("column",), isnull),
    "len": (("text or list",), length),
    "lower": (("text",), lower),
    "sampled": (("0.1",), sampled_share),
    "neuron": (('"layer"', "index"), neuron),
    "col": (('"a name"',), col),
}
