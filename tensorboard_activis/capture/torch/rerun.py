"""Runs instances of an evaluation again, with gradients of their margins, or with neurons changed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from tensorboard_activis.capture.distributed.processes import Processes
from tensorboard_activis.capture.effects.margins import LEAST
from tensorboard_activis.capture.effects.measuring import EffectPlan
from tensorboard_activis.capture.effects.rerun import Gradients, Parts, Repeatable, Setting
from tensorboard_activis.capture.isolation.interrupts import within
from tensorboard_activis.capture.torch.data.batch import Batch
from tensorboard_activis.capture.torch.data.scores import as_scores
from tensorboard_activis.capture.torch.held_instances import HeldBatch, Precision, batches_of
from tensorboard_activis.capture.torch.model.parameters import model_device
from tensorboard_activis.capture.torch.recorded_model import RecordedModel
from tensorboard_activis.capture.torch.taps import Tap
from tensorboard_activis.errors import ActiVisError, warn

#: Instances that run together: with gradients all outputs of layers are in memory.
_MOST = 64


def effect_plan(options: Mapping[str, Any], recorded: RecordedModel, processes: Processes) -> EffectPlan | None:
    """What is measured of errors; None: nothing, or it cannot be, which is said."""
    plan = EffectPlan.of(options)
    if plan is None or not recorded.sharded:
        return plan
    if not processes.rank:
        warn(
            "ActiVis: no effects are measured, because the model's parameters are spread over several processes, and no process "
            "can run it alone. Everything else is logged. Leave effects= out, or log a model that is whole in each process."
        )
    return None


class TorchRerun:
    """The model of an evaluation, as it is when that is over.

    Arguments:
        recorded: the model.
        model: its module, or the copy that was evaluated.
        score: gives the score, with the instances first, of an output of the model and a number of instances.
        guarded: runs a function with the model in evaluation mode, and restores what that changed.
        wanted: whether anything will be run again.
    """

    def __init__(
        self,
        recorded: RecordedModel,
        model: nn.Module,
        score: Callable[[Any, int], torch.Tensor | None],
        guarded: Callable[[Callable[[], Any]], Any],
        *,
        wanted: bool,
    ) -> None:
        self._wanted = wanted
        self._recorded, self._model, self._score, self._guarded = recorded, model, score, guarded
        self._largest = 1
        self.begin()

    def begin(self) -> None:
        """A pass begins, in the precision that this thread has now."""
        if self._wanted:
            self._precision = Precision.now(model_device(self._model).type)

    def repeatable(self, batch: Batch) -> Repeatable | None:
        """A batch as the model was called with it in the last pass; None if that is not wanted."""
        if not self._wanted:
            return None
        self._largest, precision = max(self._largest, batch.instances), self._precision
        return Repeatable(self, lambda: HeldBatch.of(batch, precision))

    def gradients(self, parts: Parts, labels: np.ndarray, *, probabilities: bool) -> Gradients:
        """See `Rerun.gradients`."""
        margins = np.full(labels.size, np.nan)
        arrays: dict[str, tuple[np.ndarray, ...]] = {}
        failures: dict[str, str] = {}

        def run() -> None:
            for held, positions in batches_of(parts, min(self._largest, _MOST)):
                taps: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
                device = model_device(self._model)

                def tap(key: str, neurons: int, count: int = held.count, taps: Any = taps, device: Any = device) -> Any:
                    if key not in taps:
                        ones = torch.ones(count, neurons, device=device, requires_grad=True)
                        taps[key] = ones, torch.zeros(count, neurons, device=device, requires_grad=True)
                    return taps[key]

                with torch.enable_grad():
                    found, activations, failed = self._run(held, labels[positions], probabilities, tap)
                    failures.update(failed)
                    by_layer = _gradients(found, {key: pair for key, pair in taps.items() if key not in failures})
                margins[positions] = found.detach().double().numpy(force=True)
                for key, pair in by_layer.items():
                    if pair is None or key not in activations:
                        failures.setdefault(key, "the score does not depend on it by a gradient.")
                        continue
                    for place, values in enumerate((pair[1], pair[0], activations[key])):
                        whole = arrays.setdefault(
                            key, tuple(np.full((labels.size, values.shape[1]), np.nan, np.float32) for _ in range(3))
                        )
                        whole[place][positions] = values.detach().float().numpy(force=True)

        self._guarded(lambda: _with_gradients(self._model, run))
        for layer in self._recorded.layers:
            if layer.name not in arrays:
                failures.setdefault(layer.name, "it did not run.")
        layers = {key: (each[0], each[1], each[2]) for key, each in arrays.items() if key not in failures}
        return Gradients(margins, layers, failures)

    def margins(self, parts: Parts, labels: np.ndarray, setting: Setting, *, probabilities: bool) -> np.ndarray:
        """See `Rerun.margins`."""
        margins = np.full(labels.size, np.nan)

        def run() -> None:
            device = model_device(self._model)
            for held, positions in batches_of(parts, self._largest):
                own = setting.of(positions)
                pair = torch.from_numpy(own.factor).to(device), torch.from_numpy(own.shift).to(device)

                def tap(key: str, neurons: int, pair: Any = pair) -> Any:
                    return pair if key == setting.layer else None

                found, _, failed = self._run(held, labels[positions], probabilities, tap)
                if setting.layer in failed:
                    raise ActiVisError(failed[setting.layer])
                margins[positions] = found.double().numpy(force=True)

        self._guarded(lambda: _with_gradients(self._model, run))
        return margins

    def _run(
        self, held: HeldBatch, labels: np.ndarray, probabilities: bool, tap: Tap
    ) -> tuple[torch.Tensor, Mapping[str, torch.Tensor], Mapping[str, str]]:
        """Margins float32 [instances], activations by layer, and what could not be changed."""
        batch = held.batch(model_device(self._model))
        hooks = self._recorded.tap_hooks(self._model, tap)
        with hooks:
            hooks.start(batch.instances, batch.mask)
            with held.precision.context():
                output = self._model(*batch.args, **batch.kwargs)
            activations = hooks.stop(output)
        scores = as_scores(self._score(output, batch.instances), batch.instances)
        if scores is None:
            raise ActiVisError("it gave no scores.")
        return _margins(scores, torch.from_numpy(labels).to(scores.device), probabilities), activations, hooks.failures


def _margins(scores: torch.Tensor, labels: torch.Tensor, probabilities: bool) -> torch.Tensor:
    """As `capture.effects.margins.margins`, with gradients."""
    scores = scores.float() if scores.dtype != torch.float64 else scores
    scores = scores[:, 0] if scores.dim() == 2 and scores.shape[1] == 1 else scores
    if scores.dim() == 1:
        scores = torch.stack([1 - scores if probabilities else torch.zeros_like(scores), scores], 1)
    if probabilities:
        scores = scores.clamp_min(LEAST).log()
    own = scores.gather(1, labels[:, None])[:, 0]
    others = scores.scatter(1, labels[:, None], -torch.inf)
    return own - others.amax(1)


def _gradients(
    margins: torch.Tensor, taps: Mapping[str, tuple[torch.Tensor, torch.Tensor]]
) -> dict[str, tuple[torch.Tensor, torch.Tensor] | None]:
    """By layer, the gradients with respect to factor and shift; None where there are none. Parameters get none."""
    tensors = [each for pair in taps.values() for each in pair]
    if not margins.requires_grad:
        return dict.fromkeys(taps)
    found = torch.autograd.grad(margins.sum(), tensors, allow_unused=True)
    pairs = zip(found[::2], found[1::2], strict=True)
    return {
        key: None if factor is None or shift is None else (factor, shift)
        for key, (factor, shift) in zip(taps, pairs, strict=True)
    }


def _with_gradients(model: nn.Module, run: Callable[[], None]) -> None:
    """Runs a function outside of inference mode; backward hooks of the user's, which are for training, do not see it."""
    within(run, torch.inference_mode(False), _without_backward_hooks(model))


@contextmanager
def _without_backward_hooks(model: nn.Module) -> Iterator[None]:
    hooked = [
        (module, name, getattr(module, name))
        for module in model.modules()
        for name in ("_backward_hooks", "_backward_pre_hooks")
        if not isinstance(module, torch.jit.ScriptModule) and getattr(module, name, None)
    ]
    try:
        for module, name, hooks in hooked:
            setattr(module, name, type(hooks)())
        yield
    finally:
        for module, name, hooks in hooked:
            setattr(module, name, hooks)
