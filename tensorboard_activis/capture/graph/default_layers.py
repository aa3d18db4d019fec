"""The layers that are recorded when nobody says which: those that a person would name.

Four rules give them:

1. The outputs of blocks, all of them. In blocks with attention, also its heads and the activation in the MLP
   (`capture/graph/transformer_layers.py`).
2. Around blocks: what enters the first (embeddings, stem), what the modules around them give in the end (an encoder after its
   last norm, a pooler), and what the logits are computed from.
3. Elsewhere every layer with weights, after its activation if it has one.
4. The outputs of the model, the logits before a softmax.

What does not depend on the input is no layer, and no output is recorded twice, as where an Identity passes it on.
"""

import re
from collections.abc import Iterable

from tensorboard_activis import schema
from tensorboard_activis.capture.graph.blocks import Blocks
from tensorboard_activis.capture.graph.heads import is_heads
from tensorboard_activis.capture.graph.transformer_layers import inside_block
from tensorboard_activis.capture.graph.view import LISTS, GraphView

#: The most layers besides blocks. If there are more, those alone are taken through which all data flow, as a block's output in a
#: graph without modules, and of these evenly spaced ones.
MOST_LAYERS = 40

#: Of a layer outside of blocks that is called so often, the last call is recorded: a cell that runs at every time step.
MANY_CALLS = 4

#: The most neurons of a layer: the logits of a vocabulary have more.
MOST_NEURONS = 8192

_ACTIVATION = re.compile(
    r"(\w*activation|relu|relu6|leakyrelu|prelu|rrelu|elu|celu|selu|gelu|silu|swish|mish|hardswish|hardtanh|tanh|sigmoid"
    r"|hardsigmoid|logsigmoid|softplus|softsign|threshold|glu|leaky_relu|hard_swish|hard_sigmoid|log_sigmoid)$"
)
_WEIGHTED = re.compile(
    r"((separable|depthwise|lazy|quantized)*conv(1d|2d|3d|lstm)?(transpose)?(1d|2d|3d)?"
    r"|linear|lineargeneral|lazylinear|nondynamicallyquantizablelinear|bilinear|dense|einsumdense"
    r"|lstm|gru|rnn|simplernn|(lstm|gru|rnn|simplernn)cell|bidirectional|embed|embedding|embeddingbag|multiheadattention"
    r"|groupqueryattention|attention)$"
)
_NORM = re.compile(r".*norm(alization)?(1d|2d|3d)?$|.*(batch|layer|group|instance|rms)norm.*")
_DROPOUT = re.compile(
    r".*(identity|dropout(1d|2d|3d)?|droppath|stochasticdepth)$|flatten|reshape|squeeze|cast|\w*dequant\w*"
)
_POOLING = re.compile(r".*pool(ing)?(1d|2d|3d)?$|(adaptive_)?(avg|max)_pool(1d|2d|3d)|mean|amax")
_AFTER_LOGITS = re.compile(r"(log_?)?softm(ax|in)$|softmax2d$|(log_?)?sigmoid$|activation$")


def is_activation(kind: str) -> bool:
    """Whether an operator or a type of modules is an activation function: `relu`, `GELU`."""
    return bool(_ACTIVATION.match(kind.lower()))


def default_layers(view: GraphView) -> list[str]:
    """Keys of the layers, in the order in which they run, of any number of neurons; empty if nothing fits the rules."""
    return _Selection(view).keys()


class _Selection:
    def __init__(self, view: GraphView) -> None:
        self._view = view
        self._blocks = Blocks(view)
        self._covered = self._within(self._blocks.keys)
        self._logits = [source for end in _main_outputs(view) for source in self._sources(end.key)]
        self._units = [*self._blocks.keys, *self._beside_blocks("")] if self._blocks.keys else []
        self._covered = self._within(self._units)

    def _within(self, keys: Iterable[str]) -> set[str]:
        return {inner for key in keys for inner in self._view.within(key)}

    def keys(self) -> list[str]:
        view = self._view
        # A module that is called again and again in other places is no block of its own: its calls are spaced.
        units = {key for unit in self._units if not view.nodes[unit].call for key in self._unit(unit)}
        repeated = {key for unit in self._units if view.nodes[unit].call for key in self._unit(unit)}
        final = [key for source in self._logits if source not in self._covered for key in self._recordable(source)]
        others = {
            key for name in (*self._boundaries(), *self._outputs(), *self._weighted()) for key in self._recordable(name)
        }
        single = {key for key in others | repeated if key not in units and key not in final} & view.depending
        most = MOST_LAYERS - len(set(final))
        if len(single) > most:
            single = self._main_path(single) or single
        ordered = evenly_spaced([key for key in view.nodes if key in single], most)
        chosen = (units & view.depending) | set(ordered) | set(final)
        blocks = [key for key in self._blocks.keys if chosen.intersection(self._unit(key))]
        chosen |= {name for key in blocks for name in inside_block(view, key, self._is_activation)} & view.depending
        chosen |= set(self._heads_elsewhere())
        return [key for key in view.nodes if key in chosen]

    def _heads_elsewhere(self) -> list[str]:
        """The heads of attention outside of blocks, unless there are too many."""
        within = self._within(self._blocks.keys)
        keys = [key for key in self._view.nodes if key not in within and key in self._view.depending]
        heads = [key for key in keys if is_heads(self._view.nodes[key])]
        return [name for key in heads for name in self._view.with_parts(key)] if len(heads) <= MOST_LAYERS else []

    def _main_path(self, keys: set[str]) -> set[str]:
        """Those of these layers that all data to the logits flow through, and sums of branches, unless an activation follows."""
        view = self._view
        path = [key for end in self._logits[:1] for key in view.bottlenecks(end) if key not in self._logits]
        merged = {key for key in path if len(view.before.get(key, ())) > 1 and not self._is_activation(self._next(key))}
        return {name for key in path for name in self._recordable(key) if name in keys or key in merged}

    def _next(self, key: str) -> str:
        """The only operation behind another; that one itself if there are several."""
        after = self._view.after.get(key, [])
        return after[0] if len(after) == 1 else key

    def _recordable(self, key: str) -> list[str]:
        return self._view.recordable(self._view.nodes[key])

    def _unit(self, key: str) -> list[str]:
        """The output of a block, or where the module itself was not called, the outputs of what it ends in."""
        own = self._recordable(key)
        if own:
            return own
        inside = self._view.within(key)
        return [name for end in self._exits(inside) for name in self._recordable(self._outermost(end, inside - {key}))]

    def _outermost(self, key: str, inside: set[str]) -> str:
        """The outermost module in which an operation is the last."""
        for up in self._view.above(key):
            if (
                up not in inside
                or not self._recordable(up)
                or any(target in self._view.within(up) for target in self._view.after.get(key, ()))
            ):
                break
            key = up
        return key

    def _exits(self, inside: set[str]) -> list[str]:
        """The operations among these whose output goes to others."""
        after = self._view.after
        return [key for key in self._view.nodes if key in inside and set(after.get(key, ())) - inside]

    def _beside_blocks(self, key: str) -> Iterable[str]:
        """Modules that contain modules, but no blocks and not the logits: embeddings, stems, poolers."""
        blocks = set(self._blocks.keys)
        for child in self._view.modules(key):
            if child.key in blocks or not self._view.is_composite(child):
                continue
            inside = self._view.within(child.key)
            whole = child.type not in LISTS and child.key not in self._blocks.around and self._recordable(child.key)
            if whole and not inside & set(self._logits):
                yield child.key
            else:
                yield from self._beside_blocks(child.key)

    def _boundaries(self) -> Iterable[str]:
        """What the modules around blocks give in the end, and what the logits are computed from."""
        for logits in self._logits if self._units else ():
            for source in map(self._passed, self._view.before.get(logits, ())):
                if source not in self._covered and self._view.nodes[source].kind == "module":
                    yield source
        for key in self._view.nodes:
            if key and key in self._blocks.around:
                inside = self._view.within(key)
                recorded = self._recordable(key)
                for end in self._exits(inside):
                    source = self._passed(end)
                    if source in inside and source not in self._covered:
                        is_module = self._view.nodes[source].kind == "module" or self._is_activation(source)
                        # Another output than the one that is recorded of it, such as cached keys and values, says nothing of it.
                        beside = end.startswith(f"{key}[") and end not in recorded
                        yield from [source] if is_module else [key] if recorded and not beside else []

    def _outputs(self) -> Iterable[str]:
        """Where the outputs of the model come from, besides the logits."""
        for node in self._view.nodes.values():
            if node.kind == "output" and node.parent == "" and node.key.count("[") <= 2:
                yield from (source for source in self._sources(node.key) if source not in self._covered)

    def _sources(self, output: str) -> list[str]:
        """The operations that give an output of the model, before a softmax."""
        sources = (self._passed(source, logits=True) for source in self._view.before.get(output, ()))
        return [source for source in sources if self._view.nodes[source].kind != "input"]

    def _passed(self, key: str, *, logits: bool = False) -> str:
        """The operation before all those that change no neuron's meaning: dropout, pooling, a bias, a division by its own norm.

        Operators are passed on the way to a module, not to another operator outside of a block.
        """
        view, passed = self._view, key
        while (source := self._only_source(key)) is not None and view.nodes[source].kind != "input":
            node = view.nodes[key]
            kind = node.type.lower()
            views = node.kind == "output" or bool(_DROPOUT.match(kind) or (logits and _AFTER_LOGITS.match(kind)))
            operator = node.kind == "operator" and not self._is_activation(key)
            if not (views or operator or _POOLING.match(kind)) or view.width(source) != view.width(key):
                break
            key = source
            if views or key in self._covered or view.nodes[key].kind == "module" or self._is_activation(key):
                passed = key
        return passed

    def _only_source(self, key: str) -> str | None:
        """The operation that all the data of another come from, through operators alone; None if there is none."""
        sources = list(self._view.before.get(key, ()))
        for _ in range(8):
            if len(sources) == 1:
                return sources[0]
            for source in sources:
                before = self._view.before.get(source, [])
                if self._view.nodes[source].kind == "operator" and len(before) == 1:
                    sources = [each for each in dict.fromkeys([*sources, before[0]]) if each != source]
                    break
            else:
                return None
        return None

    def _weighted(self) -> Iterable[str]:
        """Outside of blocks the layers with weights, after their activations, and the other modules that are activations."""
        calls: dict[str, list[str]] = {}
        for node in self._view.nodes.values():
            if node.kind != "module" or not node.calls or node.key in self._covered or self._view.is_composite(node):
                continue
            if self._is_activation(node.key):
                if not self._follows_logits(node.key):
                    yield node.key
            elif self._has_weights(node):
                calls.setdefault(node.key.partition("@")[0], []).append(node.key)
        for same in calls.values():
            yield from (self._activated(key) for key in (same[-1:] if len(same) >= MANY_CALLS else same))

    def _has_weights(self, node: schema.Node) -> bool:
        kind = node.type.lower()
        return node.key != "" and (node.parameters > 0 or bool(_WEIGHTED.match(kind))) and not _NORM.match(kind)

    def _activated(self, key: str) -> str:
        """The activation behind a layer with weights, perhaps after a norm; the layer itself if there is none."""
        end = key
        while end not in self._logits:
            ends = self._view.after.get(end, ())
            if len(ends) != 1 or ends[0] in self._covered:
                break
            end = ends[0]
            kind = self._view.nodes[end].type.lower()
            if self._is_activation(end):
                return end
            if not (_NORM.match(kind) or _DROPOUT.match(kind) or "pool" in kind):
                break
        return key

    def _follows_logits(self, key: str) -> bool:
        return self._passed(key, logits=True) != key and self._passed(key, logits=True) in self._logits

    def _is_activation(self, key: str) -> bool:
        node = self._view.nodes[key]
        kind = node.type.lower()
        own = node.attributes.get("activation", "linear").lower()
        if is_activation(kind) or own not in ("linear", "none"):
            return True
        # A function of one input with weights, such as a user's own module for x * sin(x).
        before = self._view.before.get(key, [])
        known = _NORM.match(kind) or _DROPOUT.match(kind) or _POOLING.match(kind) or _AFTER_LOGITS.match(kind)
        return (
            node.kind == "module"
            and not known
            and not self._has_weights(node)
            and not self._view.is_composite(node)
            and len(before) == 1
            and self._has_weights(self._view.nodes[before[0]])
            and [shape.sizes for shape in node.outputs]
            == [shape.sizes for shape in self._view.nodes[before[0]].outputs]
        )


def _main_outputs(view: GraphView) -> list[schema.Node]:
    """The outputs of the model that are called logits; if none is, the first."""
    ends = [node for node in view.nodes.values() if node.kind == "output" and node.parent == ""]
    return [end for end in ends if "logits" in end.key] or ends[:1]


def evenly_spaced(keys: list[str], most: int) -> list[str]:
    """At most this many keys, evenly spaced, including the first and the last."""
    if len(keys) <= most:
        return keys
    return [keys[round(index * (len(keys) - 1) / (most - 1))] for index in range(most)] if most > 1 else keys[:most]
