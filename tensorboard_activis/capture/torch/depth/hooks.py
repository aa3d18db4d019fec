"""Forward hooks that keep a few tokens of every block's output, and have the tail recorded behind the last one."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from tensorboard_activis.capture.torch.depth.blocks import BlockRow
from tensorboard_activis.capture.torch.depth.tail import TailRecorder
from tensorboard_activis.capture.torch.graph.layer_outputs import LayerOutput
from tensorboard_activis.capture.torch.model.current_pass import current_pass
from tensorboard_activis.capture.torch.model.modules import module_paths, nested_tensors, output_tensors


@dataclass(frozen=True)
class Tokens:
    """The tokens that are kept of each instance, one of which the logits may be of.

    Attributes:
        names: "first", "last" (before the padding), "end" (padding or not), "label" (the last one with a label) and "before"
            (the one before that); a single "" where there are no tokens.
        places: int64 [instances, names]; negative where there is none.
    """

    names: tuple[str, ...]
    places: torch.Tensor


@dataclass(frozen=True)
class PassRows:
    """What one forward pass gave for prediction by depth.

    Attributes:
        rows: by block, [instances, tokens, neurons].
        tokens: which these are.
        recorder: with the tail of this pass; None where one is known for as many instances.
        cast: whether autocast was on behind the last block, on which device, and to which type.
        outputs: the tensors that the model returned.
    """

    rows: tuple[torch.Tensor, ...]
    tokens: Tokens
    recorder: TailRecorder | None
    cast: tuple[str, bool, torch.dtype]
    outputs: tuple[torch.Tensor, ...]

    def output(self, logits: torch.Tensor) -> torch.Tensor | None:
        """Which of the model's outputs these logits are, perhaps in another shape."""
        for is_it in (
            lambda each: each is logits,
            lambda each: each.numel() == logits.numel() and each.data_ptr() == logits.data_ptr(),
            lambda each: each.shape == logits.shape,
        ):
            for each in self.outputs:
                if is_it(each):
                    return each
        return None


class DepthHooks:
    """Forward hooks on the blocks of a model; they raise nothing. `start` and `stop` bracket a forward pass.

    Arguments:
        model: the user's own, unwrapped.
        row: its blocks.

    Attributes:
        row: as given.
        known: numbers of instances for which a tail is known, so that none is recorded.
        is_off: whether nothing is kept any more.
    """

    def __init__(self, model: nn.Module, row: BlockRow) -> None:
        self._model, self.row = model, row
        self._wanted: dict[tuple[str, int], int] = {
            (output.location.module, output.location.call): index for index, output in enumerate(row.outputs)
        }
        self._handles: list[RemovableHandle] = []
        self._pass: tuple[int, int] | None = None
        self._paused_pass: tuple[int, int] | None = None
        self._recorder: TailRecorder | None = None
        self._clear()
        self.known: set[int] = set()
        self.is_off = False

    def attach(self) -> None:
        """Registers the hooks; the caller must call `detach` whatever happens."""
        paths = module_paths(self._model)
        for path in {path for path, _ in self._wanted}:
            if not isinstance(paths[path], torch.jit.ScriptModule):
                self._handles.append(paths[path].register_forward_hook(self._hook(path)))

    def detach(self) -> None:
        """Removes the hooks; safe to call twice."""
        self.drop()
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def start(self, instances: int, mask: torch.Tensor | None, labels: Any) -> None:
        """Begins a forward pass in this thread.

        Arguments:
            instances: in the batch.
            mask: bool [instances, tokens], False in padding.
            labels: of the batch, as far as they are known already.
        """
        self.drop()
        if self.is_off:
            return
        self._instances, self._mask, self._labels = instances, mask, labels
        if instances not in self.known:
            self._recorder = TailRecorder([*self._model.parameters(), *self._model.buffers()])
            self._recorder.enter()
        self._pass = current_pass()

    def stop(self, output: Any) -> PassRows | None:
        """Ends the pass, which gave this output; None where not every block ran as when it was recorded."""
        rows, tokens, recorder, cast = self._rows, self._tokens, self._recorder, self._cast
        complete = self._pass is not None and len(rows) == len(self._wanted)
        self.drop()
        outputs = tuple(each for _, each in nested_tensors(output) if isinstance(each, torch.Tensor))
        if not complete or tokens is None or cast is None:
            return None
        return PassRows(tuple(rows[index] for index in range(len(rows))), tokens, recorder, cast, outputs)

    def drop(self) -> None:
        """Ends a pass whose results are not wanted."""
        if self._recorder is not None:
            self._recorder.end()
            self._recorder.leave()
        self._pass = self._paused_pass = None
        self._clear()

    def pause(self) -> None:
        """What the model computes from here on is not part of the pass, until `resume`."""
        self._paused_pass, self._pass = self._pass, None

    def resume(self) -> None:
        """The pass goes on, unless it has ended meanwhile."""
        self._pass, self._paused_pass = self._paused_pass, None

    def _clear(self) -> None:
        self._calls: Counter[str] = Counter()
        self._rows: dict[int, torch.Tensor] = {}
        self._tokens: Tokens | None = None
        self._recorder = None
        self._cast: tuple[str, bool, torch.dtype] | None = None
        self._instances, self._mask, self._labels = 0, None, None

    def _hook(self, path: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if self._pass != current_pass():
                return
            call = self._calls[path]
            self._calls[path] += 1
            index = self._wanted.get((path, call))
            if index is not None:
                try:
                    self._keep(index, output)
                except Exception:  # of another shape than before: the pass is not complete
                    self._rows.pop(index, None)

        return hook

    def _keep(self, index: int, output: Any) -> None:
        layer_output: LayerOutput = self.row.outputs[index]
        with torch._C.DisableTorchFunction():
            tensor: Any = dict(output_tensors(output))[layer_output.location.key_path]
            whole = tensor.detach()  # not `no_grad`: see `read_output`
            if tensor.is_nested:
                whole = torch.nested.to_padded_tensor(whole, 0.0, (self._instances, *tensor_sizes(self._mask, tensor)))
            self._rows[index] = self._selected(whole)
        if index == len(self._wanted) - 1:
            device = tensor.device.type
            self._cast = device, torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
            if self._recorder is not None:
                self._recorder.begin(tensor)

    def _selected(self, tensor: torch.Tensor) -> torch.Tensor:
        """The kept tokens of a block's output: [instances, tokens, neurons]."""
        row = self.row
        if row.positions is None:
            self._tokens = self._tokens or Tokens(("",), torch.zeros(self._instances, 1, dtype=torch.int64))
            return tensor.movedim((row.batch, row.neurons), (0, 1)).unsqueeze(1).clone()
        ordered = tensor.movedim((row.batch, row.positions, row.neurons), (0, 1, 2))
        if self._tokens is None:
            self._tokens = kept_tokens(ordered.shape[1], self._instances, self._mask, self._labels, ordered.device)
        places = self._tokens.places.clamp(min=0)
        return ordered[torch.arange(places.shape[0], device=places.device)[:, None], places]


def tensor_sizes(mask: torch.Tensor | None, tensor: torch.Tensor) -> tuple[int, ...]:
    """Tokens and neurons of a nested tensor when it is padded as its batch is."""
    longest = max((each.shape[0] for each in tensor.unbind()), default=0)
    return (longest if mask is None else mask.shape[1], tensor.size(2))


def kept_tokens(length: int, instances: int, mask: torch.Tensor | None, labels: Any, device: torch.device) -> Tokens:
    """Which tokens of sequences of this length are kept; see `Tokens`."""
    order = torch.arange(length, device=device)
    end = torch.full((instances,), length - 1, device=device)
    masked = mask is not None and mask.shape == (instances, length)
    last = _last(mask.to(device), order) if masked and mask is not None else end
    labelled = _labelled(labels, instances, length, device)
    label = last if labelled is None else _last(labelled, order)
    named = {"first": torch.zeros_like(end), "last": last, "end": end, "label": label, "before": label - 1}
    return Tokens(tuple(named), torch.stack(list(named.values()), dim=1))


def _last(mask: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """Of bool [instances, tokens], the last true token; -1 where there is none."""
    return torch.where(mask, order, -1).amax(dim=1)


def _labelled(labels: Any, instances: int, length: int, device: torch.device) -> torch.Tensor | None:
    """Which tokens have a label, bool [instances, tokens]; None if labels are something else, or not known yet."""
    if isinstance(labels, np.ndarray):
        labels = torch.from_numpy(labels) if labels.dtype.kind == "i" else None
    if not isinstance(labels, torch.Tensor) or labels.shape != (instances, length) or labels.is_floating_point():
        return None
    return (labels >= 0).to(device)
