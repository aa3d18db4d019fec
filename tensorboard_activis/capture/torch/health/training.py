"""Measures the health of a model in every n-th training step, by hooks that are there only in these steps."""

import math
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from tensorboard_activis.capture.health import MOST_LAYERS, HealthLog, measures_of
from tensorboard_activis.capture.isolation.interrupts import uninterrupted
from tensorboard_activis.capture.torch.health.figures import FIGURES, LayerFigures
from tensorboard_activis.capture.torch.health.routers import find_routers
from tensorboard_activis.capture.torch.health.weights import gradient_squares, movement_squares, sample
from tensorboard_activis.capture.torch.model.current_pass import is_own_work
from tensorboard_activis.capture.torch.model.modules import module_paths, type_name
from tensorboard_activis.capture.torch.model.parameters import is_lazy, is_sharded
from tensorboard_activis.errors import ConfigurationError, warn
from tensorboard_activis.health_part import HealthLayer

#: Measured steps without activations after which hooks are no longer put on layers.
_PATIENCE = 3
SHARDED = (
    "health= cannot be measured where parameters are sharded over several processes (FSDP, tensor parallel): no process has the "
    "whole of a layer. Leave health= out."
)


class TrainingHealth:
    """Counts the steps of the optimizers that hold the model's parameters, and measures every n-th.

    A layer is a module with floating-point parameters of its own. Nothing that is computed in training is changed.

    Arguments:
        module: the user's model, unwrapped.
        log: takes what is measured.
        relus: gives the names of those layers whose output goes into a ReLU, as far as is known.

    Attributes:
        step: number of optimizer steps so far; may be set, as after loading a checkpoint.

    Raises:
        ConfigurationError: the parameters are sharded over several processes.
    """

    def __init__(self, module: nn.Module, log: HealthLog, relus: Callable[[list[str]], set[str]]) -> None:
        if is_sharded(module):
            raise ConfigurationError(SHARDED)
        self.step = 0
        self._module, self._log, self._relus = module, log, relus
        self._modules: dict[str, nn.Module] = {}
        self._parameters: dict[str, list[nn.Parameter]] = {}
        self._known: weakref.WeakKeyDictionary[Optimizer, bool] = weakref.WeakKeyDictionary()
        self._leading: weakref.ref[Optimizer] | None = None
        self._handles: list[Any] = []
        self._armed = self._closed = False
        self._without_activations = 0
        self._pending: tuple[int, tuple[HealthLayer, ...], list[Any]] | None = None
        self._figures: dict[str, LayerFigures] = {}
        self._gradients: dict[str, torch.Tensor] = {}
        self._before: dict[str, list[torch.Tensor]] = {}
        self._moved: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self._loss: torch.Tensor | float = math.nan
        self._is_early = False
        # A logger that is forgotten without `close` must not be kept by torch's global hooks.
        weak = weakref.ref(self)
        self._global = [
            register_optimizer_step_pre_hook(partial(_before_step, weak)),
            register_optimizer_step_post_hook(partial(_after_step, weak)),
        ]
        weakref.finalize(self, _remove, self._global)
        uninterrupted(self._arm)

    def loss(self, loss: Any) -> None:
        """Takes the loss of the step that is running; between two steps that of the one before, if nobody said it yet."""
        done = self._pending
        ran = any(one.values for one in self._figures.values())
        late = done is not None and done[0] == self.step - 1 and not ran and _is_unknown(done[2][3])
        if not late and not self._armed:
            return
        value = loss.detach() if isinstance(loss, torch.Tensor) else loss
        value = value.clone() if isinstance(value, torch.Tensor) and value.numel() == 1 else _number(value)
        if done is not None and late:
            done[2][3] = value
        else:
            self._loss, self._is_early = value, not ran

    def loss_of(self, output: Any) -> None:
        """Takes the loss of a step from what the model returns, where that is part of it, as in Hugging Face's models."""
        loss = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
        if isinstance(loss, torch.Tensor) and loss.numel() == 1:
            self.loss(loss)

    def trains(self) -> bool:
        """Whether a forward pass that runs now is one of training."""
        return self._armed and self._module.training

    def close(self) -> None:
        """Removes all hooks, and writes what was measured; safe to call twice."""
        self._closed = True
        self._disarm()
        _remove(self._global)
        self.flush()

    def flush(self) -> None:
        """Writes what was measured."""
        self._resolve()
        self._log.flush()

    def before_step(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Before an optimizer's step. With a closure, which computes the gradients inside of the step, after its first call."""
        if not self._armed or not self._is_ours(optimizer):
            return None
        given, rest = args[:1], args[1:]  # the first is the optimizer itself
        closure = rest[0] if rest else kwargs.get("closure")
        if not callable(closure):
            self._measure_gradients(optimizer)
            return None
        done = False

        def measured(*arguments: Any, **keywords: Any) -> Any:
            nonlocal done
            loss = closure(*arguments, **keywords)
            if not done:
                done = True
                if isinstance(loss, torch.Tensor) and loss.numel() == 1 and _is_unknown(self._loss):
                    self.loss(loss)
                self._measure_gradients(optimizer)
            return loss

        return ((*given, measured, *rest[1:]), kwargs) if rest else (args, kwargs | {"closure": measured})

    def after_step(self, optimizer: Optimizer) -> None:
        """After an optimizer's step: the first optimizer that is seen counts them."""
        if self._closed or not self._is_ours(optimizer):
            return
        if self._armed:
            for name, before in self._before.items():
                if name not in self._moved:
                    self._moved[name] = movement_squares(self._parameters[name], before)
        if self._leading is None or self._leading() is None:
            self._leading = weakref.ref(optimizer)
        if self._leading() is not optimizer:
            return
        if self._armed:
            self._finish()
        self.step += 1
        if self._log.is_due(self.step):
            uninterrupted(self._arm)

    def _is_ours(self, optimizer: Optimizer) -> bool:
        known = self._known.get(optimizer)
        if known is None:
            own = {id(parameter) for parameter in self._module.parameters()}
            known = any(id(one) in own for group in optimizer.param_groups for one in group["params"])
            self._known[optimizer] = known
        return known

    def _arm(self) -> None:
        """Puts the hooks of a measured step on the layers."""
        if self._closed or is_lazy(self._module):
            return
        self._find_layers()
        self._armed = True
        if self._without_activations >= _PATIENCE:
            return
        names = list(self._modules)
        relus, routers = self._relus(names), find_routers(module_paths(self._module))
        self._figures = {}
        for name, module in self._modules.items():
            figures = LayerFigures(module, relu=name in relus, router=routers.get(name))
            self._figures[name] = figures
            self._handles.append(module.register_forward_hook(_Hook(self, name, figures)))
        self._handles.append(self._module.register_forward_hook(_Hook(self, "", None)))

    def _find_layers(self) -> None:
        """The layers with their trainable parameters, each of these once. Found anew: parameters may be frozen or replaced."""
        self._modules, self._parameters, seen = {}, {}, set[int]()
        for name, module in module_paths(self._module).items():
            own = [one for one in module._parameters.values() if one is not None and one.is_floating_point()]
            own += [one for one in _parametrized(module) if one.is_floating_point()]
            if not own:
                continue
            if len(self._modules) == MOST_LAYERS:
                self._log.note(f"The first {MOST_LAYERS:,} layers are measured; the model has more.")
                break
            self._modules[name] = module
            self._parameters[name] = [one for one in own if one.requires_grad and id(one) not in seen]
            seen |= {id(one) for one in own}

    def _disarm(self) -> None:
        self._armed = False
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _measure_gradients(self, optimizer: Optimizer) -> None:
        if is_sharded(self._module):
            warn(f"ActiVis measures no training health. {SHARDED}")
            self.close()
            return
        held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        scale = getattr(optimizer, "grad_scale", None)
        for name, parameters in self._parameters.items():
            own = [one for one in parameters if id(one) in held]
            if not own or name in self._before:
                continue
            squares = gradient_squares(own, scale)
            if squares is not None:
                self._gradients[name] = squares
            if len(own) == len(parameters):
                self._before[name] = [sample(one) for one in own]

    def _finish(self) -> None:
        """Ends a measured step. Its figures stay on their device until the next one, so that nothing waits for it."""
        self._disarm()
        self._resolve()
        ran = [name for name in self._figures if self._figures[name].values]
        self._without_activations = 0 if ran else self._without_activations + 1
        if not ran and self._without_activations == 1:
            self._log.note(
                "Activations were not measured: no layer ran uncompiled in the training steps that were measured. "
                "torch.compile runs no hooks; gradients and updates are measured."
            )
        names = [*ran, *(name for name in self._modules if name not in set(ran))][:MOST_LAYERS]
        routers = find_routers(module_paths(self._module))
        layers, devices = [], dict[torch.device, list[torch.Tensor]]()
        where, counts = [], []
        for name in names:
            module, figures = self._modules[name], self._figures.get(name)
            router = routers.get(name)
            layers.append(
                HealthLayer(name, type_name(module), *(() if router is None else (router.experts, router.count)))
            )
            device = next((one.device for one in module.parameters(recurse=False)), torch.device("cpu"))
            unknown = torch.full((), math.nan, device=device)
            sums = [unknown] * FIGURES if figures is None else figures.sums(device)
            moved, weights = self._moved.get(name, (unknown, unknown))
            scalars = [*sums, self._gradients.get(name, unknown), moved, weights]
            row = devices.setdefault(device, [])
            where.append((device, len(row)))
            row += [each.to(device, torch.float32) for each in scalars]
            seen = (0, 0) if figures is None else (figures.values, figures.instances)
            counts.append((*seen, name in self._gradients, name in self._moved))
        stacked = {device: torch.stack(row).detach() for device, row in devices.items()}
        # What was said before the step's first forward pass is of the step before it.
        loss = math.nan if self._is_early and ran else self._loss
        self._pending = self.step, tuple(layers), [stacked, where, counts, loss]
        self._figures, self._gradients, self._before, self._moved = {}, {}, {}, {}
        self._loss = math.nan

    def _resolve(self) -> None:
        """Hands on the figures of the last measured step."""
        if self._pending is None:
            return
        (step, layers, (stacked, where, counts, loss)), self._pending = self._pending, None
        read = {device: values.cpu().numpy().astype(np.float64) for device, values in stacked.items()}
        width = FIGURES + 3
        rows = np.array([read[device][at : at + width] for device, at in where]).reshape(-1, width)
        self._log.add(step, layers, measures_of(rows, np.array(counts, np.int64).reshape(-1, 4)), _number(loss))


def _is_unknown(loss: torch.Tensor | float) -> bool:
    return isinstance(loss, float) and math.isnan(loss)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        return math.nan


def _parametrized(module: nn.Module) -> list[nn.Parameter]:
    """The parameters that a module's parametrized weights are computed of."""
    lists = getattr(module, "parametrizations", None)
    return list(lists.parameters()) if isinstance(lists, nn.Module) else []


class _Hook:
    """A forward hook. A copy of it, as in a deep copy of the model, does nothing."""

    def __init__(self, health: "TrainingHealth | None", name: str, figures: LayerFigures | None) -> None:
        self._health = None if health is None else weakref.ref(health)
        self._figures = figures

    def __reduce__(self) -> tuple[Any, ...]:
        return _Hook, (None, "", None)

    def __call__(self, module: nn.Module, args: Any, output: Any) -> None:
        if torch.compiler.is_compiling() or self._health is None or not torch.is_grad_enabled():
            return
        health = self._health()
        if health is None or not health.trains() or is_own_work():
            return
        # Not in `no_grad`: Ctrl-C in its `__exit__` would leave gradients off in the user's training.
        if self._figures is not None:
            self._figures.add(output)
        else:
            health.loss_of(output)


def _before_step(weak: "weakref.ref[TrainingHealth]", optimizer: Optimizer, args: Any, kwargs: Any) -> Any:
    health = weak()
    return None if health is None else health.before_step(optimizer, args, kwargs)


def _after_step(weak: "weakref.ref[TrainingHealth]", optimizer: Optimizer, args: Any, kwargs: Any) -> None:
    health = weak()
    if health is not None:
        health.after_step(optimizer)


def _remove(handles: list[Any]) -> None:
    for handle in handles:
        handle.remove()
    handles.clear()
