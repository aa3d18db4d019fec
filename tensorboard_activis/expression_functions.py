"""The functions of the subset language: each checks its arguments and gives a pyarrow expression."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.expression_patterns import pattern_size
from tensorboard_activis.expression_values import Value, nan_is_null

if TYPE_CHECKING:
    from tensorboard_activis.expression import Compiler

Function: TypeAlias = "Callable[[Compiler, ast.expr, Sequence[ast.expr], int], Value]"


def search(compiler: Compiler, name: str, node: ast.expr, arguments: Sequence[ast.expr], depth: int) -> Value:
    container = compiler.value(arguments[0], depth)
    if container.kind == "list" and name == "contains":
        return compiler.holds(container, arguments[1], node)
    text = compiler.kind(arguments[0], "text", depth)
    pattern = compiler.value(arguments[1], depth)
    if not isinstance(pattern.literal, str):
        compiler.fail(
            arguments[1],
            f"{compiler.source(arguments[1])} must be a text in quotes: what to look for in "
            f"{compiler.source(arguments[0])}",
        )
    cost = 1
    if name == "matches":
        cost = pattern_size(pattern.literal)
        try:
            pc.match_substring_regex(pa.array([""]), pattern.literal)
        except pa.ArrowInvalid as error:
            compiler.fail(arguments[1], f"not a pattern that RE2 knows: {error!s:.300}")
    kinds = {
        "contains": pc.match_substring,
        "startswith": pc.starts_with,
        "endswith": pc.ends_with,
        "matches": pc.match_substring_regex,
    }
    return Value("boolean", compiler.text_step(kinds[name](text.expression, pattern.literal), cost), node)


def isnull(compiler: Compiler, node: ast.expr, arguments: Sequence[ast.expr], depth: int) -> Value:
    return Value("boolean", pc.is_null(compiler.value(arguments[0], depth).expression), node)


def length(compiler: Compiler, node: ast.expr, arguments: Sequence[ast.expr], depth: int) -> Value:
    value = compiler.value(arguments[0], depth)
    if value.kind == "list":
        return Value("number", pc.list_value_length(value.expression), node, integer=True)
    size = compiler.text_step(pc.utf8_length(compiler.kind(arguments[0], "text", depth).expression))
    return Value("number", size, node, integer=True)


def lower(compiler: Compiler, node: ast.expr, arguments: Sequence[ast.expr], depth: int) -> Value:
    text = compiler.kind(arguments[0], "text", depth).expression
    return Value("text", compiler.text_step(pc.utf8_lower(text), cost=2), node)


def sampled_share(compiler: Compiler, node: ast.expr, arguments: Sequence[ast.expr], depth: int) -> Value:
    share = compiler.kind(arguments[0], "number", depth).literal
    if not isinstance(share, (int, float)) or not 0 <= share <= 1:
        compiler.fail(arguments[0], "sampled needs a share between 0 and 1, as in sampled(0.1)")
    if compiler.types is not None and "id" not in compiler.types:
        compiler.fail(node, "sampled needs the column id, and there is none")
    compiler.sampled = True
    return Value("boolean", pc.field("u") < pc.scalar(float(share)), node)


def neuron(compiler: Compiler, node: ast.expr, arguments: Sequence[ast.expr], depth: int) -> Value:
    if not compiler.allow_neurons:
        compiler.fail(
            node, "neuron(…) works only in the tab and in open_run, where the sample's activations are at hand"
        )
    layer, index = compiler.value(arguments[0], depth).literal, compiler.value(arguments[1], depth).literal
    if not isinstance(layer, str) or not isinstance(index, int) or isinstance(index, bool) or index < 0:
        compiler.fail(
            node,
            'neuron is written neuron("layer", index), with a layer\'s name in quotes and a whole number from 0',
        )
    number = compiler.neurons.setdefault((layer, index), len(compiler.neurons))
    return Value("number", nan_is_null(pc.field(f"n{number}")), node)


def col(compiler: Compiler, node: ast.expr, arguments: Sequence[ast.expr], depth: int) -> Value:
    name = compiler.value(arguments[0], depth).literal
    if not isinstance(name, str):
        compiler.fail(node, 'col is written col("a name"), with the column\'s name in quotes')
    return compiler.column(name, node)


def _search(name: str) -> Function:
    def call(compiler: Compiler, node: ast.expr, arguments: Sequence[ast.expr], depth: int) -> Value:
        return search(compiler, name, node, arguments, depth)

    return call


def isin(compiler: Compiler, node: ast.expr, arguments: Sequence[ast.expr], depth: int) -> Value:
    return compiler.member(arguments[0], arguments[1], node, depth)


#: name: (how its arguments are written, what compiles a call)
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
