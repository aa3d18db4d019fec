"""Collects the files of an export within its budget: pictures first, then details of single neurons and instances."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tensorboard_activis import __version__
from tensorboard_activis.export.budget import Sizes, check_budget
from tensorboard_activis.export.choice import Choice
from tensorboard_activis.export.packs import File, Pack, script
from tensorboard_activis.export.page import fixed_files, manifest
from tensorboard_activis.export.recording import TEXTS, Recording

#: Kinds of contents that are files of their own, and how these end.
_ENDINGS = {"image": "png", "audio": "wav"}
#: So many times the budget nothing more is recorded of a kind: the rest is taken to be as large.
_ENOUGH = 1.5


@dataclass(frozen=True, slots=True)
class _Detail:
    """What is in the export where there is room: `what` it is, in words, its packs, and how many answers these have."""

    what: str
    packs: Iterator[Pack]
    count: int


class Collection:
    """The files of an export.

    Arguments:
        name: of the run, as the page shows it.
        content: whether contents are exported.
        tell: is told what is being done, in words.
    """

    def __init__(
        self, recording: Recording, choice: Choice, name: str, content: bool, budget: int, tell: Callable[[str], None]
    ) -> None:
        self._recording, self._choice, self._name, self._content = recording, choice, name, content
        self._budget, self._tell = budget, tell
        self._files: dict[str, File] = {file.name: file for file in fixed_files(name)}
        self._packs: dict[str, str] = {}
        self._contents: dict[int, list[str]] = {}
        #: What did not fit, in words.
        self.left_out: list[str] = []
        #: Bytes so far, with those of the manifest (a few more than it will have), and of what was too much to be recorded.
        self.size = sum(len(file.content) for file in self._files.values()) + len(manifest(self._manifest()).content)

    def collect(self) -> list[File]:
        """All files. Raises ActiVisError where the pictures alone exceed the budget, mostly before all of them are recorded."""
        choice, steps = self._choice, list(self._choice.snapshots)
        self._add(self._recording.run())
        fixed = self.size
        contents = [self._measured(partial(self._add_contents, step)) for step in reversed(steps)]
        sizes = Sizes(fixed, 0, contents[0], max(contents[1:], default=0), dict.fromkeys(choice.layers, 0))
        instances = max(map(self._recording.count, steps))
        for step in reversed(steps):
            own = self._measured(partial(self._add_step, step))
            sizes = replace(sizes, step=max(sizes.step, own))
            for layer in choice.layers:
                self._tell(f"step {step}: {layer}")
                own = self._measured(partial(self._add_layer, step, layer))
                sizes.layers[layer] = max(sizes.layers[layer], own)
            # Not before: what is the same at several steps is there once.
            if self.size > self._budget:
                check_budget(sizes, steps, self._budget, instances)
        self._add_what_fits([detail for step in reversed(steps) for detail in self._details(step)])
        self._files["manifest.js"] = manifest(self._manifest())
        return list(self._files.values())

    def _measured(self, add: Callable[[], None]) -> int:
        before = self.size
        add()
        return self.size - before

    def _add(self, pack: Pack) -> None:
        file = script(pack)
        self._add_file(file)
        self._packs[pack.name] = file.name
        self.size += _entry(pack.name, file.name)

    def _add_file(self, file: File) -> None:
        if file.name not in self._files:
            self._files[file.name] = file
            self.size += len(file.content)

    def _add_step(self, step: int) -> None:
        self._add(self._recording.step(step))

    def _add_layer(self, step: int, layer: str) -> None:
        if not self._has(step, layer):
            return
        least = self._recording.least(step, layer)
        if self.size + least > _ENOUGH * self._budget:
            self.size += least
        else:
            self._add(self._recording.layer(step, layer))

    def _has(self, step: int, layer: str) -> bool:
        return any(one["name"] == layer for one in self._choice.snapshots[step]["layers"])

    def _add_contents(self, step: int) -> None:
        kind, before, count = self._choice.snapshots[step]["content"], self.size, self._recording.count(step)
        if not self._content or kind is None:
            return
        if kind in _ENDINGS:
            names = self._contents[step] = list[str]()
            for index in range(count):
                self._tell(f"step {step}: {kind} {index:,}")
                names.append(self._content_file(step, index, _ENDINGS[kind]))
                self.size += _entry("", names[-1])
                if self.size > _ENOUGH * self._budget:
                    self.size = before + (self.size - before) * count // (index + 1)
                    return
        for number, pack in enumerate(self._recording.texts(step) if kind != "image" else (), 1):
            self._add(pack)
            if self.size > _ENOUGH * self._budget:
                self.size = before + (self.size - before) * count // min(count, number * TEXTS)
                return

    def _content_file(self, step: int, index: int, ending: str) -> str:
        """The name of a picture or sound, which is there once, at however many steps; "" without one."""
        answer = self._recording.content(step, index)
        if answer.failed:
            return ""
        name = f"content/{hashlib.blake2b(answer.content, digest_size=8).hexdigest()}.{ending}"
        self._add_file(File(name, answer.content))
        return name

    def _details(self, step: int) -> Iterator[_Detail]:
        """Details of neurons and instances, from the output backwards."""
        recording, count = self._recording, self._recording.count(step)
        layers = [layer for layer in reversed(self._choice.layers) if self._has(step, layer)]
        yield _Detail(f"the ladder of single instances at step {step}", recording.depth(step), count)
        for layer in layers:
            neurons = self._neurons(step, layer)
            yield _Detail(f"single neurons in {layer} at step {step}", recording.neurons(step, layer), neurons)
        for layer in layers:
            yield _Detail(f"single instances in {layer} at step {step}", recording.instances(step, layer), count)
        for layer in layers:
            yield _Detail(f"directions of subsets in {layer} at step {step}", recording.concepts(step, layer), 1)
        for layer in layers:
            what = f"which neurons of other steps are alike in {layer} at step {step}"
            yield _Detail(what, recording.pairs(step, layer), len(self._choice.snapshots) - 1)

    def _neurons(self, step: int, layer: str) -> int:
        return next(int(one["neurons"]) for one in self._choice.snapshots[step]["layers"] if one["name"] == layer)

    def _add_what_fits(self, details: list[_Detail]) -> None:
        """Adds of each detail all packs, or none where the first ones say that they are too many."""
        # What is left out is named in the manifest, too.
        reserved = sum(_entry("", detail.what) for detail in details)
        for detail in details:
            self._tell(detail.what)
            reserved -= _entry("", detail.what)
            found, new, done = dict[str, File](), 0, 0
            for pack in detail.packs:
                file = script(pack)
                found[pack.name] = file
                new += _entry(pack.name, file.name) + (0 if file.name in self._files else len(file.content))
                done += len(pack.answers)
                if self.size + reserved + new * max(1.0, detail.count / max(1, done)) > self._budget:
                    self.left_out.append(detail.what)
                    self.size += _entry("", detail.what)
                    break
            else:
                for name, file in found.items():
                    self._add_file(file)
                    self._packs[name] = file.name
                    self.size += _entry(name, file.name)

    def _manifest(self) -> dict[str, Any]:
        return {
            "version": __version__,
            "name": self._name,
            "run": {**self._choice.run, "name": self._name},
            "layers": self._choice.layers,
            "packs": self._packs,
            "contents": self._contents,
            "left_out": self.left_out,
        }


def _entry(name: str, value: str) -> int:
    """The most bytes that a name and a text take in the manifest."""
    return len(json.dumps([name, value], ensure_ascii=False).encode())
