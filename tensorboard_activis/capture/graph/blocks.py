"""Finds the blocks of a model: modules that contain modules, repeat, and pass data from one to the next."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from tensorboard_activis import schema
from tensorboard_activis.capture.graph.view import LISTS, UNCALLED_LISTS, GraphView

#: So many modules of one type beside each other are blocks, even outside of a list of modules, and without numbers in their names.
MIN_SIBLINGS = 4


class Blocks:
    """The blocks of a model, the outermost; but of stages, which consist of blocks alone, the blocks inside.

    Blocks that run side by side, such as experts, branches or ensembles, are none: data must flow from each to the next.

    Attributes:
        keys: of the blocks.
        around: keys of the modules that contain blocks.
    """

    def __init__(self, view: GraphView) -> None:
        self._view = view
        self._repeated = set(self._find_repeated())
        self.around = {up for key in self._repeated for up in view.above(key)}
        self._stages = self._find_stages()
        self.keys = list(self._visit(""))
        self.around = {up for key in self.keys for up in view.above(key)}

    def _visit(self, key: str) -> Iterable[str]:
        children = [child for child in self._view.modules(key) if self._view.is_composite(child)]
        single = self._view.nodes[key].type in {"ModuleList", "List"} and self._is_chain(children)
        for child in children:
            is_stage = child.key in self.around if child.type in LISTS else child.type in self._stages
            if child.key in self._repeated and not is_stage:
                yield child.key
            elif child.key in self.around:
                yield from self._visit(child.key)
            elif single and child.type not in LISTS:
                yield child.key
            else:
                yield from self._visit(child.key)

    def _find_repeated(self) -> Iterable[str]:
        """Keys of the modules of one type that follow each other in the lists of a module, or beside each other."""
        view = self._view
        rows: dict[tuple[str, bool, str], list[list[schema.Node]]] = defaultdict(list)
        for parent in view.nodes.values():
            in_list = parent.type in LISTS
            by_type: dict[str, list[schema.Node]] = defaultdict(list)
            for child in view.modules(parent.key) if parent.kind == "module" else ():
                if child.type not in UNCALLED_LISTS and view.is_composite(child):
                    by_type[child.type].append(child)
            for kind, row in by_type.items():
                rows[view.owner(row[0].key), in_list, kind].append(row)
        several: set[tuple[str, str]] = set()
        single: list[tuple[str, str, str]] = []
        for (owner, in_list, kind), siblings in rows.items():
            around = view.nodes[owner].type, kind
            nodes = [node for row in siblings for node in row]
            if len(nodes) >= (2 if in_list or _are_numbered(nodes) else MIN_SIBLINGS):
                chains = [row for row in siblings if self._is_chain(row)]
                several |= {around} if chains else set()
                yield from (node.key for row in chains for node in row)
            elif in_list:
                single.append((*around, siblings[0][0].key))
        # A stage of one block, beside stages of several.
        yield from (key for *around, key in single if tuple(around) in several)

    def _is_chain(self, nodes: Sequence[schema.Node]) -> bool:
        """Whether data flow from each node to the next; also if nothing is known of what flows into the next."""
        insides = [self._view.within(node.key) for node in nodes]
        everything = self._view.within(nodes[0].parent or "") if nodes else set()
        return all(
            bool(self._view.reached(first, inside=everything) & (second - first)) or not self._has_source(second)
            for first, second in pairwise(insides)
        )

    def _has_source(self, inside: set[str]) -> bool:
        return any(source not in inside for key in inside for source in self._view.before.get(key, ()))

    def _find_stages(self) -> set[str]:
        """Types of repeated modules that consist of blocks, all of them."""
        by_type: dict[str, list[str]] = defaultdict(list)
        for key in self._repeated:
            by_type[self._view.nodes[key].type].append(key)
        return {kind for kind, keys in by_type.items() if all(self._is_stage(key) for key in keys)}

    def _is_stage(self, key: str) -> bool:
        """Whether a module consists of blocks and at most one other module that contains modules, and nothing leads around them."""
        content = self._content(key)
        inner = [child.key for child in content if child.key in self._repeated]
        if not inner or len(content) - len(inner) > 1:
            return False
        inside = self._view.within(key)
        blocks = set().union(*(self._view.within(block) for block in inner))
        behind = self._view.reached(blocks, inside=inside) - blocks
        return all(source in blocks | behind for end in behind for source in self._view.before.get(end, ()))

    def _content(self, key: str) -> list[schema.Node]:
        """The modules with modules inside that are directly in a module, or in its lists."""
        result = []
        for child in self._view.modules(key):
            if child.key in self._repeated:
                result.append(child)
            elif child.type in LISTS:
                result += self._content(child.key)
            elif self._view.is_composite(child):
                result.append(child)
        return result


def _are_numbered(nodes: Sequence[schema.Node]) -> bool:
    """Whether the names of modules differ in numbers alone: `layer1`, `layer2`."""
    return len({re.sub(r"@?\d+", "", node.name) for node in nodes}) == 1
