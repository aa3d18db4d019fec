"""Takes the activations of chosen layers out of forward passes, reduced."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from tensorboard_activis.capture.interrupts import within
from tensorboard_activis.capture.reducers import Reducer
from tensorboard_activis.capture.torch.call_stack import CallCounts, CallStack
from tensorboard_activis.capture.torch.layer_outputs import LayerOutput
from tensorboard_activis.capture.torch.modules import module_paths, parts
from tensorboard_activis.capture.torch.operators import is_counted, is_plumbing, operator_name
from tensorboard_activis.capture.torch.reduce import reduce_activations
from tensorboard_activis.capture.torch.thread_state import seeing
from tensorboard_activis.errors import ActiVisError


class ActivationHooks:
    """In a `with` block, every forward pass of the model leaves its layers' activations here.

    Each output is reduced in the hook itself, before an operator in place can overwrite it, so what is held is one number
    per neuron and instance.

    Arguments:
        model: the user's own model, unwrapped.
        sources: where each layer comes up.
        reducers: per layer.

    Attributes:
        calls: what the last pass called.
    """

    def __init__(self, model: nn.Module, sources: Mapping[str, LayerOutput], reducers: Mapping[str, Reducer]) -> None:
        self._paths = module_paths(model)
        self._reducers = reducers
        self._calls = CallStack()
        self._modules: dict[tuple[str, int], list[tuple[str, LayerOutput]]] = defaultdict(list)
        self._operators: dict[tuple[str, int, str, int], tuple[str, LayerOutput]] = {}
        for key, source in sources.items():
            place = source.place
            if place.operator:
                self._operators[place.module, place.call, place.operator, place.ordinal] = key, source
            else:
                self._modules[place.module, place.call].append((key, source))
        self._handles: list[RemovableHandle] = []
        self._mode: _Operators | None = None
        self._instances = 0
        self._mask: torch.Tensor | None = None
        self._taken: dict[str, torch.Tensor] = {}
        self._active = (
            False  # only in a pass of our own; a call that waited for its end may come to these hooks after it
        )
        self._ran: list[str] = []
        self._named: Counter[str] | None = None

    def __enter__(self) -> "ActivationHooks":
        self.attach()
        return self

    def attach(self) -> None:
        """Registers the hooks; the caller sees to it that they are taken away whatever happens."""
        wanted = {path for path, _ in self._modules}
        for path, module in self._paths.items():
            if isinstance(module, torch.jit.ScriptModule):
                continue
            self._handles.append(module.register_forward_pre_hook(self._seen(path)))
            # Operators are named by the module around them, so all modules have to be followed for them.
            if path in wanted or self._operators:
                self._handles.append(module.register_forward_pre_hook(self._before(path)))
                self._handles.append(module.register_forward_hook(self._after(path)))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.detach()

    def detach(self) -> None:
        """Takes the hooks away; safe to call twice."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._taken = {}

    def run(
        self,
        forward: Callable[[], Any],
        instances: int,
        mask: torch.Tensor | None = None,
        count_operators: bool = False,
    ) -> tuple[Any, dict[str, torch.Tensor]]:
        """One forward pass.

        Arguments:
            forward: makes it.
            instances: how many the batch holds.
            mask: bool [instances, positions], False where a sequence is padded.
            count_operators: have them in `calls` as well, which takes a little time.

        Returns:
            What the model answered, and per layer float32 [instances, neurons] on the device.

        Raises:
            ActiVisError: an output does not have one row per instance, or a width other than before.
        """
        self._calls.reset()
        self._instances, self._mask, self._taken = instances, mask, {}
        self._ran.clear()
        self._named = Counter() if count_operators else None
        modes = [seeing(_Operators(self._operator))] if self._operators or count_operators else []
        self._active = True
        try:
            output = within(forward, *modes)
        finally:
            self._active = False
        return output, self._taken

    @property
    def calls(self) -> CallCounts:
        return CallCounts.from_counters(Counter(self._ran), self._named)

    def _seen(self, path: str) -> Callable[..., None]:
        ran = self._ran

        def hook(module: nn.Module, args: Any) -> None:
            if self._active:
                ran.append(path)

        return hook

    def _before(self, path: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any) -> None:
            if self._active:
                self._calls.push(path)

        return hook

    def _after(self, path: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if not self._active:
                return
            frame = self._calls.pop(path)
            wanted = self._modules.get((path, frame.call)) if frame is not None else None
            if wanted:
                with torch._C.DisableTorchFunction():
                    found = dict(parts(output))
                    for key, source in wanted:
                        if source.place.part in found:
                            self._take(key, source, found[source.place.part])

        return hook

    def _operator(self, func: Any, args: Any, output: Any) -> None:
        name = operator_name(func)
        if self._named is not None and is_counted(name):
            self._named[name] += 1
        if not self._operators:
            return
        changed = args[0] if name == "setitem" and args else output
        found = {part: leaf for part, leaf in parts(changed) if isinstance(leaf, torch.Tensor)}
        if not found or is_plumbing(name, list(found.values())):
            return
        place = self._calls.operator(name)
        if place is None:
            return
        frame, ordinal = place
        wanted = self._operators.get((frame.path, frame.call, name, ordinal))
        if wanted is not None and wanted[1].place.part in found:
            self._take(*wanted, found[wanted[1].place.part])

    def _take(self, key: str, source: LayerOutput, leaf: Any) -> None:
        try:
            self._taken[key] = reduce_activations(leaf, source.axes, self._instances, self._reducers[key], self._mask)
        except ActiVisError as error:
            raise type(error)(f"Layer {key!r}: {error}") from error


class _Operators(TorchFunctionMode):
    def __init__(self, seen: Callable[[Any, Any, Any], None]) -> None:
        super().__init__()
        self._seen = seen

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        self._seen(func, args, output)
        return output
