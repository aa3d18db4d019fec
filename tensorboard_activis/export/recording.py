"""What an export records: the answers that the tab asks for, of the chosen steps and layers, as packs."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from safetensors.numpy import load

from tensorboard_activis.export.choice import Choice
from tensorboard_activis.export.packs import Pack, script
from tensorboard_activis.export.questions import Answer, Questions
from tensorboard_activis.export.withheld import Withheld, metadata_of
from tensorboard_activis.serve.encoding import encode_json, encode_safetensors

#: Neurons, instances and texts whose details are in one file; the page computes the same (`frontend/src/api/recorded.ts`).
NEURONS, INSTANCES, TEXTS = 32, 50, 200
#: Rows of a table, rows of a matrix, columns of facets and values of a column that the routes give at once.
_PAGE, _ROWS, _FACETS, _VALUES = 1_000, 1_000, 8, 200
#: Neurons by which the size of a layer is estimated.
_SOME = 8
#: Instances that the tab asks to have separated: so many, or so many per group (`frontend/src/state/separations.ts`).
_SEPARATED, _PER_GROUP = 1_000, 10
#: So many pairs of classes are compared, and of so many subsets further questions are asked.
_PAIRS, _SUBSETS = 8, 64
#: Cells of a matrix up to which all statistics are recorded, beyond it means and deviations.
_CELLS = 65_536
#: Pinned instances that are rows by default (`frontend/src/state/data.ts`), and the columns of the map of training health.
_PINNED, _COLUMNS = 8, 480
_HEADS = re.compile(r"/heads(_\d+)?(\[\w+\])?$")


class Recording:
    """Asks what is recorded of a choice.

    Arguments:
        withheld: takes out what must not leave the machine.
    """

    def __init__(self, questions: Questions, choice: Choice, withheld: Withheld) -> None:
        self._questions, self._choice, self._withheld = questions, choice, withheld
        if withheld.ids:
            for step in choice.snapshots:
                table = self._table(step)
                withheld.learn_ids(row["id"] for row in ([] if table.failed else table.json["rows"]))
            questions.change = withheld.without_ids

    def run(self) -> Pack:
        """The graph, and training health."""
        answers = {"graph": self._questions.must("graph")}
        if self._choice.run["health"] is not None:
            answers["health"] = self._questions.ask("health", columns=_COLUMNS)
        return Pack("run", answers)

    def step(self, step: int) -> Pack:
        """What is known of a snapshot and its instances, and what was found."""
        snapshot, ask = self._choice.snapshots[step], self._questions.ask
        answers = {"snapshot": Answer(encode_json(self._withheld.snapshot(snapshot)))}
        answers["strips"] = self._strips(step)
        for route in ("columns", "column_statistics"):
            answers[route] = self._withheld.answer(route, ask(route, step))
        answers["facets"] = self._withheld.answer("facets", self._facets(step))
        answers["table"] = self._table(step)
        found = self._withheld.findings(self._questions.findings(step), self._choice.layers)
        answers["findings"] = Answer(encode_json(found))
        for finding in found["findings"]:
            about = {name: finding[name] for name in ("kind", "subset", "layer", "target") if finding[name] is not None}
            answers.setdefault(_key("evidence", about), ask("evidence", step, **about))
        for expression in self._expressions(step):
            answers[_key("where", self._withheld.expression(expression))] = ask("where", step, expression=expression)
        if snapshot["depth"]:
            answers["depth_history"] = ask("depth_history", step)
        answers |= self._separations(step)
        for other in self._choice.snapshots:
            if other != step:
                answers[f"movement {other}"] = self._movement(step, other)
        return Pack(f"step/{step}", answers)

    def layer(self, step: int, layer: str) -> Pack:
        """The matrix, all activations, layouts, and what subsets do in a layer."""
        snapshot, ask = self._choice.snapshots[step], self._questions.ask
        about = next(one for one in snapshot["layers"] if one["name"] == layer)
        rows = self._declared(step)
        small = len(rows) * about["neurons"] <= _CELLS
        known = [one for one in snapshot["statistics"] if small or one["name"] in ("mean", "std")]
        thinned = any(one["thinned"] for one in self._choice.run["steps"] if one["step"] == step)
        statistics = [one["name"] for one in known if one["source"] == "exact" or not thinned]
        answers = {
            "matrix": self._matrix(step, layer, rows, statistics),
            "activations": self._activations(step, layer, range(about["neurons"])),
            "pca": ask("projection", step, layer=layer, method="pca"),
        }
        grouped = ask(
            "matrix", step, layer=layer, rows=self._first_rows(step)[:_ROWS], sort={"by": "clustered"}, statistics=[]
        )
        answers["clustered"] = _order_of(grouped)
        tsne = ask("projection", step, layer=layer, method="tsne")
        if not tsne.failed and b'"done"' in tsne.content[:4096]:
            answers["tsne"] = tsne
        for row in self._sets(step):
            for route in ("subset", "effects"):
                answers[_key(route, row)] = ask(route, step, layer=layer, row=row)
        return Pack(f"layer/{step}/{self._choice.layers.index(layer)}", answers)

    def neurons(self, step: int, layer: str) -> Iterator[Pack]:
        """Details of single neurons: what drives them, where they respond, and what heads look at."""
        snapshot, place = self._choice.snapshots[step], self._choice.layers.index(layer)
        about = next(one for one in snapshot["layers"] if one["name"] == layer)
        sample, pinned = snapshot["sample_size"], snapshot["pinned"]
        rows = [{"subset": snapshot["subsets"][0]["name"]}]  # the page makes the distributions of rows itself
        for chunk, some in _chunks(about["neurons"], NEURONS):
            answers = {}
            for neuron in some:
                answers[f"{neuron}"] = self._questions.ask("neuron", step, layer=layer, neuron=neuron, rows=rows)
                if about["positions"]:
                    found = self._questions.ask("positions", step, layer=layer, neuron=neuron)
                    answers[f"positions {neuron}"] = self._withheld.answer("positions", found)
                for index in [None, *range(sample, sample + pinned)] if _HEADS.search(layer) else ():
                    seen = self._questions.ask("attention", step, layer=layer, head=neuron, index=index)
                    name = f"attention {neuron}" if index is None else f"attention {neuron} {index}"
                    answers[name] = self._withheld.answer("attention", seen)
            yield Pack(f"neurons/{step}/{place}/{chunk}", answers)

    def instances(self, step: int, layer: str) -> Iterator[Pack]:
        """Details of single instances in a layer: neighbours, and the neurons behind a prediction."""
        place = self._choice.layers.index(layer)
        for chunk, some in _chunks(self.count(step), INSTANCES):
            ask = self._questions.ask
            answers = {f"{index}": ask("instance", step, layer=layer, index=index) for index in some}
            yield Pack(f"instances/{step}/{place}/{chunk}", answers)

    def concepts(self, step: int, layer: str) -> Iterator[Pack]:
        """Subsets as one more neuron of a layer, and the layer projected along it."""
        ask, about = self._questions.ask, {"layer": layer, "method": "direction"}
        answers = {}
        for row in self._sets(step):
            answers[_key("concept", row)] = ask("concept", step, layer=layer, row=row)
            answers[_key("direction", row)] = ask("projection", step, **about, row=row)
        yield Pack(f"concepts/{step}/{self._choice.layers.index(layer)}", answers)

    def depth(self, step: int) -> Iterator[Pack]:
        """What the last norm and head make of each block's output, by instance; nothing where that was not recorded."""
        if self._choice.snapshots[step]["depth"] and not self._withheld.texts:
            for chunk, some in _chunks(self.count(step), INSTANCES):
                answers = {f"{index}": self._questions.ask("depth", step, index=index) for index in some}
                yield Pack(f"depth/{step}/{chunk}", answers)

    def pairs(self, step: int, layer: str) -> Iterator[Pack]:
        """Which neuron of each other step is beside which of this one."""
        others = [
            other
            for other, snapshot in self._choice.snapshots.items()
            if other != step and any(one["name"] == layer for one in snapshot["layers"])
        ]
        if others:
            about = {other: {"run": self._questions.run, "step": other} for other in others}
            answers = {f"{o}": self._questions.ask("neuron_pairs", step, other=about[o], layer=layer) for o in others}
            yield Pack(f"pairs/{step}/{self._choice.layers.index(layer)}", answers)

    def least(self, step: int, layer: str) -> int:
        """About how many bytes a layer takes at a step, by the activations of some of its neurons."""
        neurons = next(int(one["neurons"]) for one in self._choice.snapshots[step]["layers"] if one["name"] == layer)
        some = range(0, neurons, max(1, neurons // _SOME))
        content = self._activations(step, layer, some).content
        return len(script(Pack("", {"": Answer(content)})).content) * neurons // max(1, len(some))

    def texts(self, step: int) -> Iterator[Pack]:
        """The contents of instances that are texts or numbers, and the sounds whose loudness is drawn."""
        for chunk, some in _chunks(self.count(step), TEXTS):
            answers = {f"{index}": self.content(step, index) for index in some}
            yield Pack(f"content/{step}/{chunk}", answers)

    def content(self, step: int, index: int) -> Answer:
        """What an instance is."""
        return self._questions.ask("content", step, index=index)

    def count(self, step: int) -> int:
        """How many instances of a step are kept one by one."""
        snapshot = self._choice.snapshots[step]
        return int(snapshot["sample_size"] + snapshot["pinned"])

    def _strips(self, step: int) -> Answer:
        """Those of the chosen layers, numbered anew."""
        answer = self._questions.ask("strips", step)
        if answer.failed:
            return answer
        every = load(answer.content)
        names = [layer["name"] for layer in self._questions.must("snapshot", step).json["layers"]]
        kept = [names.index(layer["name"]) for layer in self._choice.snapshots[step]["layers"]]
        numbered = {f"{new}{end}": every[f"{old}{end}"] for new, old in enumerate(kept) for end in ("", "/state")}
        return Answer(encode_safetensors(numbered, {}))

    def _table(self, step: int) -> Answer:
        """All rows, by their indices; as in the answer `table`."""
        rows: list[dict[str, Any]] = []
        while len(rows) < self.count(step):
            page = self._questions.ask("table", step, order="row", offset=len(rows), limit=_PAGE)
            if page.failed:
                return page
            rows += page.json["rows"]
        return Answer(encode_json({"total": len(rows), "rows": self._withheld.rows(rows)}))

    def _facets(self, step: int) -> Answer:
        """Those of all columns, of up to so many values as a route gives."""
        first = self._questions.ask("facets", step, limit=_VALUES)
        if first.failed:
            return first
        every = first.json
        left = every["names"][len(every["columns"]) :]
        for start in range(0, len(left), _FACETS):
            some = self._questions.must("facets", step, columns=left[start : start + _FACETS], limit=_VALUES)
            every["columns"] += some.json["columns"]
        return Answer(encode_json(every))

    def _matrix(self, step: int, layer: str, rows: list[dict[str, Any]], statistics: list[str]) -> Answer:
        """Of all rows; a route gives so many of them at once."""
        parts: list[Answer] = []
        for start in range(0, max(1, len(rows)), _ROWS):
            some = rows[start : start + _ROWS]
            answer = self._questions.ask("matrix", step, layer=layer, rows=some, statistics=statistics)
            if answer.failed or len(rows) <= _ROWS:
                return answer
            parts.append(answer)
        arrays, about = [load(part.content) for part in parts], metadata_of(parts[0].content)
        about["rows"] = [row for part in parts for row in metadata_of(part.content)["rows"]]
        # The neurons' order by their index is that of any part.
        joined = {name: np.concatenate([one[name] for one in arrays]) for name in arrays[0] if name != "order"}
        return Answer(encode_safetensors(joined | {"order": arrays[0]["order"]}, about))

    def _activations(self, step: int, layer: str, neurons: Iterable[int]) -> Answer:
        """float16 [neurons, instances], little-endian."""
        columns = []
        for neuron in neurons:
            answer = self._questions.ask("activation", step, layer=layer, neuron=neuron)
            if answer.failed:
                return answer
            columns.append(load(answer.content)["value"].astype("<f2"))
        return Answer(np.stack(columns).tobytes() if columns else b"")

    def _first_rows(self, step: int) -> list[dict[str, Any]]:
        """The rows that the tab shows at first."""
        snapshot = self._choice.snapshots[step]
        classes = [subset for subset in snapshot["subsets"] if subset["kind"] == "class"] or snapshot["subsets"]
        sample, pinned = snapshot["sample_size"], min(snapshot["pinned"], _PINNED)
        instances = [{"instance": index} for index in range(sample, sample + pinned)]
        return [*instances, *({"subset": subset["name"]} for subset in classes)]

    def _declared(self, step: int) -> list[dict[str, Any]]:
        return [{"subset": subset["name"]} for subset in self._choice.snapshots[step]["subsets"]]

    def _sets(self, step: int) -> list[dict[str, Any]]:
        """The rows that further questions are asked of: declared subsets, and those of findings."""
        return [*self._declared(step)[:_SUBSETS], *({"expression": one} for one in self._found(step))]

    def _found(self, step: int) -> list[str]:
        """The expressions of findings."""
        found = self._withheld.findings(self._questions.findings(step), self._choice.layers)["findings"]
        return list(dict.fromkeys(finding["subset"] for finding in found if finding["subset"] is not None))

    def _expressions(self, step: int) -> list[str]:
        """Those of the declared subsets, and of findings."""
        declared = (subset["expression"] for subset in self._choice.snapshots[step]["subsets"])
        return list(dict.fromkeys([*filter(None, declared), *self._found(step)]))

    def _separations(self, step: int) -> dict[str, Answer]:
        """How far the classes are apart, all together and two by two."""
        snapshot = self._choice.snapshots[step]
        layers = [layer["name"] for layer in snapshot["layers"]]
        classes = [subset["name"] for subset in snapshot["subsets"] if subset["kind"] == "class"]
        # Classes without names are those that are subsets (`frontend/src/state/classNames.ts`).
        count = len(snapshot["class_names"]) or len(classes)
        if snapshot["task"] != "classification" or count < 2:
            return {}

        def limit(groups: int) -> int:
            return max(_SEPARATED, _PER_GROUP * groups)

        ask = self._questions.ask
        answers = {"separation": ask("separation", step, layers=layers, limit=limit(count))}
        for pair in self._confused(step, classes):
            rows = [{"subset": name} for name in pair]
            answers[_key("separation", rows)] = ask("separation", step, rows=rows, layers=layers, limit=limit(2))
        return answers

    def _confused(self, step: int, classes: list[str]) -> list[tuple[str, ...]]:
        """The pairs of classes that are most often taken for each other, in the order of the classes."""
        table, known = self._table(step), {name: place for place, name in enumerate(classes)}
        counts: Counter[tuple[str, ...]] = Counter()
        for row in [] if table.failed else table.json["rows"]:
            pair = {str(row.get("label")), str(row.get("prediction"))}
            if len(pair) == 2 and pair <= known.keys():
                counts[tuple(sorted(pair, key=known.__getitem__))] += 1
        return [pair for pair, _ in counts.most_common(_PAIRS)]

    def _movement(self, step: int, other: int) -> Answer:
        answer = self._questions.ask("movement", step, other={"run": self._questions.run, "step": other})
        if answer.failed:
            return answer
        moved, layers = answer.json, self._choice.layers
        moved["layers"] = [layer for layer in moved["layers"] if layer["name"] in layers]
        for name in ("only_here", "only_other"):
            moved[name] = [layer for layer in moved[name] if layer in layers]
        return Answer(encode_json(moved))


def _key(route: str, about: object) -> str:
    """As the page makes it: the question in words and JSON."""
    return f"{route} {json.dumps(about, ensure_ascii=False, separators=(',', ':'))}"


def _chunks(count: int, size: int) -> Iterable[tuple[int, range]]:
    return ((chunk, range(start, min(count, start + size))) for chunk, start in enumerate(range(0, count, size)))


def _order_of(matrix: Answer) -> Answer:
    """The order of the neurons alone, as JSON."""
    return matrix if matrix.failed else Answer(encode_json(load(matrix.content)["order"].tolist()))
