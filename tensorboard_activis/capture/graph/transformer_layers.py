"""What is recorded by default inside a block with attention: its heads, and what the last layer of its MLP reads."""

from collections.abc import Callable, Iterable

from tensorboard_activis.capture.graph.heads import is_attention, is_heads
from tensorboard_activis.capture.graph.view import GraphView


def inside_block(view: GraphView, block: str, is_activation: Callable[[str], bool]) -> Iterable[str]:
    """Keys of the layers in a block; none if there is no attention in it.

    The activation of an MLP is recorded after a gate, if it has one: act(gate) * up. Where the tokens of an MLP are routed to
    experts, so that no row belongs to one instance, the scores of the router are recorded instead.

    Arguments:
        is_activation: whether a node, by its key, is an activation function.
    """
    inside = view.within(block)
    keys = [key for key in view.nodes if key in inside]
    heads = [key for key in keys if is_heads(view.nodes[key])]
    attention = {key for key in keys if key != block and is_attention(view.nodes[key])}
    attention |= {parent for key in heads if (parent := view.nodes[key].parent) not in (None, block)}
    if not attention and not heads:
        return
    for key in heads:
        yield from view.with_parts(key)
    apart = set().union(*(view.within(key) for key in attention), *(view.within(key) for key in heads))
    found = False
    for key in keys:
        if key in apart or view.operation(key) != key or view.is_composite(view.nodes[key]) or not is_activation(key):
            continue
        for name in view.recordable(view.nodes[_gated(view, key)]):
            found = True
            yield name
    if not found:
        yield from _router(view, keys)


def _gated(view: GraphView, key: str) -> str:
    """The product of an activation and what it gates; the activation itself if it gates nothing."""
    after = view.after.get(key, [])
    product = after[0] if len(after) == 1 else key
    is_product = view.nodes[product].kind == "operator" and view.nodes[product].type == "mul"
    return product if is_product and len(view.before.get(product, ())) > 1 else key


def _router(view: GraphView, keys: Iterable[str]) -> Iterable[str]:
    for key in keys:
        if key.rpartition(".")[2] in ("gate", "router"):
            recordable = view.recordable(view.nodes[key])
            if recordable and view.width(recordable[0]) > 1:
                yield from recordable[:1]
                return
