"""Decides which of a model's outputs is the score: the one that fits the labels, by its shape."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from tensorboard_activis.capture.graph.outputs import OutputFlow
from tensorboard_activis.capture.label_fit import REPRESENTATION, Candidate, Fit, LabelFit
from tensorboard_activis.capture.options import SharedOptions
from tensorboard_activis.errors import ConfigurationError

#: The tensors of a model's output, of any framework, with their key paths, such as "[1]" or "[logits]".
Outputs = Sequence[tuple[str, Any]]

_ADVICE = "Say which is the score by output=: a name, an index, or a function of what the model returns."


class ScoreOutput:
    """The output of a model that is its score, decided once, by the labels of a batch.

    An output fits class indices if it has more scores than the highest of them, and as many as `class_names`; numbers and labels of
    several classes, if its shape is theirs; labels of positions, if it has scores for each. Of several that fit, one that is called
    `logits` or `scores` is preferred; then one that no other fitting one is computed from; then one with just enough scores.
    If there are still several, none is the score. `output=` goes before all of that.

    Arguments:
        output: of the model for this batch.
        tensors: gives the tensors of an output.
        instances: how many the output is of.
        labels: of the batch, or of all the data: an array, texts or sets of classes, or a mapping of these by the names of outputs;
            None if there are none.
        options: of the callback.
        flow: of the model's graph.
        highest: of the class indices that are known from elsewhere; -1 if none are.
        names: of the outputs, in order, where their key paths do not have them.

    Attributes:
        path: key path of the score; None if nothing fits.
        note: what was decided and why, in words; "" where there was no choice.
        mistake: why the decision is wrong, in words, after a later batch has shown it; "" until then.
        highest: of the class indices so far.
        further: key paths of other outputs with labels, and the names of these.
        problem: why nothing was chosen, in words; "" if something was.

    Raises:
        ConfigurationError: `output=` is none of the model's outputs, or has no row per instance.
    """

    def __init__(
        self,
        output: Any,
        tensors: Callable[[Any], Outputs],
        instances: int,
        labels: Any,
        options: SharedOptions,
        flow: OutputFlow,
        highest: int = -1,
        names: Sequence[str] = (),
    ) -> None:
        self.path: str | None = None
        self._label: str | None = None
        self.further: list[tuple[str, str]] = []
        self.note = self.problem = self.mistake = ""
        self.highest = highest
        self._tied = self._is_by_width = False
        said = options["output"]
        self._tensors, self._flow = tensors, flow
        if callable(said):
            self._tensors, flow = partial(_result, said, tensors), OutputFlow(None)
            self._flow, said = flow, 0
        outputs = self._tensors(output)
        candidates = _candidates(outputs, instances, flow)
        self._axes = {each.path: each.axis for each in candidates}
        self._ranks = {each.path: len(each.shape) for each in candidates}
        self._shapes = {path: [str(size) for size in tensor.shape] for path, tensor in outputs}
        self._shapes |= {each.path: ["instances", *map(str, each.shape[1:])] for each in candidates}
        if said is not None:
            self.path = self._said(said, [path for path, _ in outputs], names)
            if self.path not in self._axes and options["task"] != "none":
                raise ConfigurationError(
                    f"output={options['output']!r} has no row per instance: {self._described([self.path])}."
                )
        if isinstance(labels, Mapping):
            self._pair(labels, [path for path, _ in outputs], names)
        if isinstance(labels, Mapping) or self.path is not None:
            return
        if len(outputs) == 1 or len(candidates) == 1 or (candidates and options["task"] == "none"):
            self.path = candidates[0].path if candidates else outputs[0][0]
            others = len(outputs) > 1 and options["task"] != "none" and "logits" not in self.path
            if others and labels is not None:
                self.note = f"The score is {self._described([self.path])}, the only output with a row per instance."
            return
        fitting = LabelFit(labels, options, highest)
        self._decide(candidates, fitting, flow)
        if self.path is None and fitting.is_wanted and options["task"] != "none":
            shapes = self._described([path for path, _ in outputs]) or "none that is a tensor"
            what = "Several outputs of the model fit" if self._tied else "No output of the model fits"
            self.problem = (
                f"{what} {fitting.described}, so there are no predictions: its outputs are {shapes}. {_ADVICE} "
                'task="none" records layers without predictions.'
            )

    @property
    def node(self) -> str | None:
        """Key of the score's node in the model's graph; None if there is none."""
        return None if self.path is None else self._flow.node(self.path)

    @property
    def notes(self) -> list[str]:
        """What a snapshot says of the decision; empty where there was no choice."""
        return [text for text in (self.note, self.problem, self.mistake) if text]

    def of(self, output: Any, instances: int, path: str | None = None) -> Any:
        """The score of a batch, with the instances as its first axis; None if the batch has none.

        Arguments:
            output: of the model.
            instances: of the batch.
            path: of one of `further`, instead of the score.
        """
        path = self.path if path is None else path
        if path is None:
            return None
        outputs = self._tensors(output)
        tensor = outputs[0][1] if len(outputs) == 1 else dict(outputs).get(path)
        if tensor is None:
            return None
        shape, rank = tuple(tensor.shape), self._ranks.get(path, 0)
        if instances == 1 and len(shape) < rank:  # squeezed, as by a model that ends in squeeze()
            return tensor.reshape((1,) * (rank - len(shape)) + shape)
        axis = self._axes.get(path, 0)
        return _with_axis_first(tensor, axis) if axis and shape[axis : axis + 1] == (instances,) else tensor

    def check(self, labels: np.ndarray | None, width: int | None) -> None:
        """Checks the class indices [instances] of a batch, if the score was chosen from several outputs by those so far."""
        if not self._is_by_width or not width or labels is None or labels.ndim != 1 or labels.dtype.kind not in "iu":
            return
        self.highest = max(self.highest, int(labels.max(initial=-1)))
        if max(width, 2) <= self.highest:
            self.mistake = (
                f"There is a label {self.highest}, and {name_of(self.path or '')!r} gives {width} scores, so it is not the score: "
                f"what this snapshot has as predictions is none, and labels from {max(width, 2)} on are unknown. {_ADVICE}"
            )

    def labels_of(self, labels: Any) -> Any:
        """The labels of the score, of the labels of a batch."""
        return labels.get(self._label or "") if isinstance(labels, Mapping) else labels

    def _said(self, said: str | int, paths: Sequence[str], names: Sequence[str]) -> str:
        """The key path of the output that the user names."""
        matching = _matching(said, paths, names)
        if len(matching) != 1:
            what = f"is several of the model's outputs, {self._described(matching)}" if matching else "is none of them"
            raise ConfigurationError(
                f"output={said!r} {what}; the model returns {self._described(paths) or 'no tensor'}. Give the name of one (with "
                "dots where it is nested), its index, or a function of what the model returns."
            )
        return matching[0]

    def _pair(self, labels: Mapping[str, Any], paths: Sequence[str], names: Sequence[str]) -> None:
        """Decides by labels that name their outputs: the first output that has some."""
        known = {name_of(path): path for path in paths} | dict(zip(names, paths, strict=False))
        if len(paths) == 1:
            known |= dict.fromkeys([*labels][:1], paths[0])
        labelled = [(path, name) for name, path in known.items() if labels.get(name) is not None]
        labelled.sort(key=lambda pair: paths.index(pair[0]))
        is_said = self.path is not None
        if labelled and not is_said:
            self.path = labelled[0][0]
        self._label = dict(labelled).get(self.path or "")
        self.further = [pair for pair in labelled if pair[0] != self.path]
        if self.further and self.path is not None and not is_said:
            named = ", ".join(repr(name) for _, name in self.further)
            self.note = (
                f"There are labels of several outputs. The score is the first of these, {self._described([self.path])}; {named} "
                "have columns of their own. output= says otherwise."
            )
        elif not labelled and any(each is not None for each in labels.values()):
            self.problem = (
                f"The labels are of {', '.join(map(repr, labels))}, and none of the model's outputs "
                f"({', '.join(repr(name) for name in known)}) is called so, so there are no predictions. {_ADVICE}"
            )

    def _decide(self, candidates: Sequence[Candidate], fitting: LabelFit, flow: OutputFlow) -> None:
        fits = {each: fit for each in candidates if (fit := fitting.of(each)) is not None}
        named = [each for each in candidates if each.name == "logits"]
        if not fits and len(named) == 1:  # what is wrong with them is said where labels and class names are checked
            fits = {named[0]: Fit(1)}
        best = min((fit.rank for fit in fits.values()), default=0)
        chosen = [each for each, fit in fits.items() if fit.rank == best]
        others = [each for each in fits if each not in chosen]
        reason = f"the only one that fits {fitting.described}"

        def is_superseded(one: Candidate) -> bool:
            later = (other for other in chosen if other is not one and (len(other.shape) > 1 or len(one.shape) == 1))
            return any(flow.feeds(one.path, other.path) for other in later)

        rules: list[tuple[str, Callable[[Candidate], bool]]] = [
            ("by its name", lambda each: each.name in ("logits", "scores")),
            ("by its name", lambda each: each.is_named_score),
            ("by the names of the others", lambda each: REPRESENTATION.search(each.path.lower()) is None),
            ("which is computed from the others that fit", lambda each: not is_superseded(each)),
            ("which has just as many scores as the labels need", lambda each: fits[each].exact),
        ]
        for why, rule in rules:
            narrowed = [each for each in chosen if rule(each)]
            if narrowed and len(narrowed) < len(chosen):
                chosen, reason = narrowed, why
        self._tied = len(chosen) > 1
        if len(chosen) != 1:
            return
        winner = chosen[0]
        if not fits[winner].exact and any(each.is_number and flow.feeds(winner.path, each.path) for each in others):
            self._tied = True  # features whose width is enough for the labels, and the number that is made of them
            return
        is_sure = winner.is_named_score or fits[winner].exact
        if fitting.are_classes and not is_sure and winner.shape[1:] in flow.input_shapes:
            return  # an input as a model has rebuilt it, with enough numbers to be scores
        self.path = winner.path
        self._is_by_width = winner.name != "logits"
        if fitting.is_wanted and (len(fits) > 1 or self._is_by_width):
            self.note = (
                f"The score is {self._described([self.path])}, {reason}; the model's outputs are "
                f"{self._described([each.path for each in candidates])}. output= says otherwise."
            )

    def _described(self, paths: Sequence[str]) -> str:
        return ", ".join(f"{name_of(path)!r} [{', '.join(self._shapes[path])}]" for path in paths)


def _matching(said: str | int, paths: Sequence[str], names: Sequence[str]) -> list[str]:
    """The key paths of the outputs that are meant by a name or an index; an index counts what the model returns at the top."""
    if isinstance(said, str):
        nested = [path for path in paths if f"{name_of(path)}.".startswith(f"{said}.")]
        return nested or [path for name, path in zip(names, paths, strict=False) if name == said]
    tops = list(dict.fromkeys(path.partition("]")[0] for path in paths))
    if said >= 0 and any(top.removeprefix("[").isdecimal() for top in tops):
        tops = [top for top in tops if top == f"[{said}"]  # a place in a tuple, of which not everything is a tensor
        said = 0
    meant = tops[said] if -len(tops) <= said < len(tops) else None
    return [path for path in paths if path.partition("]")[0] == meant]


def _result(function: Callable[[Any], Any], tensors: Callable[[Any], Outputs], output: Any) -> Outputs:
    """The one tensor that the user's function makes of the model's output.

    Raises:
        ConfigurationError: the function fails, or gives none or several.
    """
    try:
        results = tensors(function(output))
    except Exception as error:
        results, problem = (), f"fails: {type(error).__name__}: {error}"
    else:
        problem = f"gives {len(results)} tensors"
    if len(results) != 1:
        got = ", ".join(f"{name_of(path)!r} {list(tensor.shape)}" for path, tensor in tensors(output)) or "no tensor"
        raise ConfigurationError(
            f"The function output= {problem}. It must give the score, one tensor, of what the model returns, which is {got}."
        )
    return results


def name_of(path: str) -> str:
    """A key path as users write it: "[aux][logits]" is "aux.logits"."""
    return path.replace("][", ".").strip("[]")


def _candidates(outputs: Outputs, instances: int, flow: OutputFlow) -> list[Candidate]:
    """The outputs with a row per instance: of numbers that are no indices, if there are several."""
    candidates = []
    for path, tensor in outputs:
        shape = tuple(tensor.shape)
        axis = flow.axis(path)
        axis = axis if axis < len(shape) and shape[axis] == instances else 0
        if not shape or shape[axis] != instances:
            continue
        if len(outputs) == 1 or re.search("float|qint|quint", str(tensor.dtype)):
            rest = shape[:axis] + shape[axis + 1 :]
            candidates.append(Candidate(path, (instances, *rest), axis))
    if candidates or instances > 1:
        return candidates
    # One instance, whose axis the model squeezes.
    squeezed_ones = [(path, tensor) for path, tensor in outputs if len(tensor.shape) == 1 or len(outputs) == 1]
    return [Candidate(path, (1, *tensor.shape), 0) for path, tensor in squeezed_ones]


def _with_axis_first(array: Any, axis: int) -> Any:
    """The array with this axis before the others."""
    move = getattr(array, "movedim", None)  # torch
    return move(axis, 0) if move is not None else np.moveaxis(np.asarray(array), axis, 0)
