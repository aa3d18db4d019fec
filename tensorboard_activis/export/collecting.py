"""Collects the files of an export within its budget: pictures first, then details of single neurons and instances."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from tensorboard_activis import __version__
from tensorboard_activis.export.budget import Sizes, check_budget
from tensorboard_activis.export.choice import Choice
from tensorboard_activis.export.packs import File, Pack, script
from tensorboard_activis.export.page import fixed_files, manifest
from tensorboard_activis.export.recording import Recording

#: Kinds of contents that are files of their own, and how these end.
_ENDINGS = {"image": "png", "audio": "wav"}
#: Bytes that a pack adds to the manifest, and room for the names of what is left out.
_PACK, _LEFT = 80, 5_000


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

    @property
    def size(self) -> int:
        """Bytes so far, the manifest's among them."""
        return sum(len(file.content) for file in self._files.values()) + len(manifest(self._manifest()).content)

    def collect(self) -> list[File]:
        """All files. Raises ActiVisError where the pictures alone exceed the budget, mostly before all of them are recorded."""
        choice, steps = self._choice, list(self._choice.snapshots)
        self._add(self._recording.run())
        fixed = self.size
        contents = [self._measured(partial(self._add_contents, step)) for step in reversed(steps)]
        sizes = Sizes(fixed, 0, contents[0], max(contents[1:], default=0), dict.fromkeys(choice.layers, 0))
        for step in reversed(steps):
            own = self._measured(partial(self._add_step, step))
            sizes = replace(sizes, step=max(sizes.step, own))
            for layer in choice.layers:
                self._tell(f"step {step}: {layer}")
                own = self._measured(partial(self._add_layer, step, layer))
                sizes.layers[layer] = max(sizes.layers[layer], own)
            if step in (steps[0], steps[-1]) or self.size > self._budget:
                check_budget(sizes, steps, self._budget)
        for step in reversed(steps):
            self._add_details(step)
        self._files["manifest.js"] = manifest(self._manifest())
        return list(self._files.values())

    def _measured(self, add: Callable[[], None]) -> int:
        before = self.size
        add()
        return self.size - before

    def _add(self, pack: Pack) -> None:
        file = script(pack)
        self._files[file.name] = file
        self._packs[pack.name] = file.name

    def _add_step(self, step: int) -> None:
        self._add(self._recording.step(step))

    def _add_layer(self, step: int, layer: str) -> None:
        if not self._has(step, layer):
            return
        self._add(self._recording.layer(step, layer))
        for other in self._choice.snapshots:
            if other != step and self._has(other, layer):
                self._add(self._recording.pairs(step, other, layer))

    def _has(self, step: int, layer: str) -> bool:
        return any(one["name"] == layer for one in self._choice.snapshots[step]["layers"])

    def _add_contents(self, step: int) -> None:
        kind = self._choice.snapshots[step]["content"]
        if not self._content or kind is None:
            return
        if kind in _ENDINGS:
            self._contents[step] = [
                self._content_file(step, index, _ENDINGS[kind]) for index in range(self._recording.count(step))
            ]
        if kind != "image":
            for pack in self._recording.texts(step):
                self._add(pack)

    def _content_file(self, step: int, index: int, ending: str) -> str:
        """The name of a picture or sound, which is there once, at however many steps; "" without one."""
        answer = self._recording.content(step, index)
        if answer.failed:
            return ""
        name = f"content/{hashlib.blake2b(answer.content, digest_size=8).hexdigest()}.{ending}"
        self._files[name] = File(name, answer.content)
        return name

    def _add_details(self, step: int) -> None:
        """Details of neurons and instances, from the output backwards, of as many layers as there is room for."""
        layers = [layer for layer in reversed(self._choice.layers) if self._has(step, layer)]
        self._add_if_it_fits(f"the ladder of single instances at step {step}", self._recording.depth(step), 1)
        every = (
            ("single neurons", self._recording.neurons, self._neurons),
            ("single instances", self._recording.instances, lambda step, _: self._recording.count(step)),
            ("directions of subsets", self._recording.concepts, lambda *_: 1),
        )
        for what, packs, count in every:
            for layer in layers:
                self._tell(f"step {step}: {what} in {layer}")
                self._add_if_it_fits(f"{what} in {layer} at step {step}", packs(step, layer), count(step, layer))

    def _neurons(self, step: int, layer: str) -> int:
        return next(int(one["neurons"]) for one in self._choice.snapshots[step]["layers"] if one["name"] == layer)

    def _add_if_it_fits(self, what: str, packs: Iterator[Pack], count: int) -> None:
        """Adds all packs, or none where the first one says that they are too many."""
        # What is left out is named in the manifest, too.
        room, files, names, done = self._budget - self.size - _LEFT, dict[str, File](), dict[str, str](), 0
        for pack in packs:
            file = script(pack)
            files[file.name], names[pack.name] = file, file.name
            done += len(pack.answers)
            if sum(_PACK + len(one.content) for one in files.values()) * max(1.0, count / done) > room:
                self.left_out.append(what)
                return
        self._files |= files
        self._packs |= names

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
