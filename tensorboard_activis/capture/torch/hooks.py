"""Forward hooks that reduce the outputs of chosen layers to activations."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from tensorboard_activis.capture.instances.patterns import Patterns
from tensorboard_activis.capture.reducers import Reducer
from tensorboard_activis.capture.torch.attention.calls import AttentionCall, AttentionFinder
from tensorboard_activis.capture.torch.attention.figures import Heads
from tensorboard_activis.capture.torch.attention.opened import ChangeHeads, run_operator
from tensorboard_activis.capture.torch.attention.patterns import attention_patterns
from tensorboard_activis.capture.torch.depth.hooks import DepthHooks, PassRows
from tensorboard_activis.capture.torch.graph.call_stack import CallCounts, CallStack
from tensorboard_activis.capture.torch.graph.layer_outputs import HEADS, LayerOutput
from tensorboard_activis.capture.torch.graph.operators import has_no_node, is_counted, operator_name
from tensorboard_activis.capture.torch.model.current_pass import current_pass, own_work
from tensorboard_activis.capture.torch.model.modules import TensorOrPacked, module_paths, output_tensors, with_tensor
from tensorboard_activis.capture.torch.model.thread_state import PassMode, functions_state, restore_functions
from tensorboard_activis.capture.torch.positions import Grid, PositionRecorder
from tensorboard_activis.capture.torch.reduce import NoInstancesError, read_output, reduce_output
from tensorboard_activis.errors import ActiVisError


class ActivationHooks:
    """Forward hooks on a model's layers, registered in a `with` block; `start` and `stop` bracket a forward pass.

    Each output is reduced in the hook itself, before an in-place operator can overwrite it, so only one number per neuron and
    instance is stored. The hooks raise nothing: the pass may be the user's own. `stop` raises what went wrong in them.

    Arguments:
        model: the user's own model, unwrapped.
        layer_outputs: by layer, where its output is in a forward pass.
        reducers: by layer.
        depth: hooks on the blocks, for prediction by depth; None without it.
        positions: records where in the input neurons are active; the caller begins each pass of it. None: that is not recorded.
        grids: by layer, how its tokens lie in the image.

    Attributes:
        calls: how often the last pass called each module and operator.
        rows: what the last pass has for prediction by depth, if anything.
        patterns: by layer of heads, the patterns of attention of the last pass, if wanted.
        keeps_patterns: whether there are any, because instances are whole inputs.
        failures: layers that are left out from some pass on, with the reason: no row per instance, or another width.
        unplaced: by layer, for how many positions it gave no value, though they are no padding by the batch.
    """

    def __init__(
        self,
        model: nn.Module,
        layer_outputs: Mapping[str, LayerOutput],
        reducers: Mapping[str, Reducer],
        depth: DepthHooks | None = None,
        positions: PositionRecorder | None = None,
        grids: Mapping[str, Grid] | None = None,
    ) -> None:
        self.depth = depth
        self.rows: PassRows | None = None
        self._positions, self._grids = positions, grids or {}
        self._modules_by_path = module_paths(model)
        self._reducers = reducers
        self._stack = CallStack()
        self._modules: dict[tuple[str, int], list[tuple[str, LayerOutput]]] = defaultdict(list)
        self._operators: dict[tuple[str, int, str, int], tuple[str, LayerOutput]] = {}
        self._heads: dict[tuple[str, int, int], dict[str, tuple[str, LayerOutput]]] = defaultdict(dict)
        self._finder = AttentionFinder()
        self._change_heads: ChangeHeads | None = None
        for key, layer_output in layer_outputs.items():
            location = layer_output.location
            if location.operator == HEADS:
                self._heads[location.module, location.call, location.ordinal][location.key_path] = key, layer_output
            elif location.operator:
                self._operators[location.module, location.call, location.operator, location.ordinal] = key, layer_output
            else:
                self._modules[location.module, location.call].append((key, layer_output))
        self._widths = {key: layer_output.neurons for key, layer_output in layer_outputs.items()}
        self.failures: dict[str, str] = {}
        self.unplaced: Counter[str] = Counter()
        self._handles: list[RemovableHandle] = []
        self._instances = 0
        self._mask: torch.Tensor | None = None
        self._activations: dict[str, torch.Tensor] = {}
        self._wants_patterns, self.keeps_patterns = False, True
        self.patterns: dict[str, Patterns] = {}
        # The pass that is running. Calls of other threads, and of other watches' own passes, may reach these hooks as well.
        self._pass: tuple[int, int] | None = None
        self._paused_pass: tuple[int, int] | None = None
        self._error: Exception | None = None
        self._mode: _OperatorMode | None = None
        self._functions: Any = None
        self._called_paths: list[str] = []
        self._operator_counts: Counter[str] | None = None

    def __enter__(self) -> "ActivationHooks":
        self.attach()
        return self

    def attach(self) -> None:
        """Registers the hooks; the caller must call `detach` whatever happens."""
        wanted = {path for path, _ in self._modules}
        for path, module in self._modules_by_path.items():
            if isinstance(module, torch.jit.ScriptModule):
                continue
            # Operators are named by the module around them, so all modules have to be followed for them.
            followed = path in wanted or bool(self._operators or self._heads)
            self._handles.append(module.register_forward_pre_hook(self._pre_hook(path, followed=followed)))
            if followed:
                self._handles.append(module.register_forward_hook(self._forward_hook(path)))
        if self.depth is not None:
            self.depth.attach()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.detach()

    def detach(self) -> None:
        """Removes the hooks; safe to call twice."""
        self.drop()
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        if self.depth is not None:
            self.depth.detach()

    def start(
        self,
        instances: int,
        mask: torch.Tensor | None = None,
        count_operators: bool = False,
        labels: Any = None,
        patterns: bool = False,
    ) -> None:
        """Begins a forward pass in this thread; what an unfinished one gave is dropped.

        Arguments:
            instances: in the batch.
            mask: bool [instances, positions], False where a sequence is padded.
            count_operators: whether `calls` counts operators as well, which takes a little time.
            labels: of the batch, as far as they are known.
            patterns: whether `patterns` are wanted as well.
        """
        self._leave()
        self._stack.reset()
        self._instances, self._mask, self._activations, self._error = instances, mask, {}, None
        self._wants_patterns, self.patterns = patterns, {}
        self._called_paths.clear()
        self._operator_counts = Counter() if count_operators else None
        if self._operators or self._heads or count_operators:
            finder = self._finder if self._heads else None
            self._mode = _OperatorMode(self._on_operator, finder, self._change_heads)
            self._mode.enter()
        self._functions = functions_state()
        self._pass = current_pass()
        if self.depth is not None:
            self.depth.start(instances, mask, labels)

    def enter_model(self) -> None:
        """Makes the model itself the module that is running: its parts are called without it, or its call has begun already."""
        self._called_paths.append("")
        self._stack.push("")

    def stop(self, output: Any = None) -> dict[str, torch.Tensor]:
        """Ends the forward pass.

        Arguments:
            output: what the model gave.

        Returns:
            By layer float32 [instances, neurons] on the model's device.

        Raises:
            ActiVisError: an output does not have one row per instance, or a width other than before.
        """
        self.rows = None if self.depth is None else self.depth.stop(output)
        self._leave()
        if self._error is not None:
            raise self._error
        return self._activations

    def drop(self) -> None:
        """Ends the forward pass, whose activations are not wanted."""
        self._leave()
        self._activations = {}

    def pause(self) -> None:
        """What the model computes from here on is not part of the pass, until `resume`."""
        self._paused_pass, self._pass = self._pass, None
        if self.depth is not None:
            self.depth.pause()

    def resume(self) -> None:
        """The pass goes on, unless it has ended meanwhile."""
        self._pass, self._paused_pass = self._paused_pass, None
        if self.depth is not None:
            self.depth.resume()

    def _leave(self) -> None:
        if self.depth is not None:
            self.depth.drop()
        self._pass = self._paused_pass = None
        self._finder.reset()
        if self._functions is not None:
            restore_functions(self._functions)
            self._functions = None
        if self._mode is not None:
            self._mode.leave()
            self._mode = None

    @property
    def calls(self) -> CallCounts:
        return CallCounts.from_counters(Counter(self._called_paths), self._operator_counts)

    def _pre_hook(self, path: str, *, followed: bool) -> Callable[..., None]:
        """A forward pre-hook that counts the module's calls, and pushes the module onto the call stack if it is followed."""
        called_paths = self._called_paths

        def hook(module: nn.Module, args: Any) -> None:
            if self._pass == current_pass():
                called_paths.append(path)
                if followed:
                    self._stack.push(path)

        return hook

    def _forward_hook(self, path: str) -> Callable[..., None]:
        """A forward hook that pops the module off the call stack and reduces its outputs."""

        def hook(module: nn.Module, args: Any, output: Any) -> Any:
            if self._pass != current_pass():
                return None
            frame = self._stack.pop(path)
            wanted = self._modules.get((path, frame.call)) if frame is not None else None
            if not wanted:
                return None
            given = output
            with torch._C.DisableTorchFunction():
                outputs = dict(output_tensors(output))
                for key, layer_output in wanted:
                    key_path = layer_output.location.key_path
                    if key_path in outputs:
                        changed = self._take(key, layer_output, outputs[key_path])
                        if changed is not None:
                            output = with_tensor(output, outputs[key_path], changed)
                            outputs[key_path] = changed
            return None if output is given else output

        return hook

    def _on_operator(self, func: Any, args: Any, output: Any, attention: AttentionCall | None) -> Any:
        """Counts an operator, and reduces its output if it is a layer, and the heads of the attention that it completes.

        Returns:
            The output, or what stands for it from here on.
        """
        if self._pass is None:
            return output
        if attention is not None:
            self._on_attention(attention)
        name = operator_name(func)
        if self._operator_counts is not None and is_counted(name):
            self._operator_counts[name] += 1
        if not self._operators:
            return output
        changed = args[0] if name == "setitem" and args else output
        outputs = {key_path: tensor for key_path, tensor in output_tensors(changed) if isinstance(tensor, torch.Tensor)}
        if not outputs or has_no_node(name, list(outputs.values())):
            return output
        call_site = self._stack.operator(name)
        if call_site is None:
            return output
        frame, ordinal = call_site
        wanted = self._operators.get((frame.path, frame.call, name, ordinal))
        if wanted is None or wanted[1].location.key_path not in outputs:
            return output
        tensor = outputs[wanted[1].location.key_path]
        taken = self._take(*wanted, tensor)
        return output if taken is None or changed is not output else with_tensor(output, tensor, taken)

    def _take(self, key: str, layer_output: LayerOutput, tensor: Any) -> TensorOrPacked | None:
        """Takes what is wanted of a layer's output; returns what stands for it from here on, None: itself."""
        self._reduce(key, layer_output, tensor)
        return None

    def _on_attention(self, attention: AttentionCall) -> None:
        """Reduces the heads of an attention that has run, if they are layers."""
        call_site = self._stack.operator(HEADS)
        wanted = self._heads.get((call_site[0].path, call_site[0].call, call_site[1])) if call_site else None
        if not wanted:
            return
        try:
            heads = Heads.of(attention, self._instances, next(iter(wanted.values()))[1].neurons)
            if heads is None:
                raise NoInstancesError(
                    f"Its attention, of shape {tuple(attention.output.shape)}, does not have a row for each of {self._instances} "
                    "instances."
                )
            rows = heads.looks([figure for figure in wanted if figure], self._mask)
            if "" in wanted:
                rows[""] = heads.norms()
                if self._wants_patterns and heads.windows == 1 and self.keeps_patterns:
                    self.patterns[wanted[""][0]] = attention_patterns(heads, self._mask)
            for figure, (key, layer_output) in wanted.items():
                self._reduce(key, layer_output, rows[figure])
        except NoInstancesError as error:
            self.failures.update({key: str(error) for key, _ in wanted.values()})
        except Exception as error:
            self._error = self._error or error

    def _reduce(self, key: str, layer_output: LayerOutput, tensor: Any) -> None:
        if key in self.failures:
            return
        axes = layer_output.axes
        try:
            if (
                self._instances == 1
                and isinstance(tensor, torch.Tensor)
                and tensor.dim() == len(layer_output.raw_shape) - 1
            ):
                tensor = tensor.unsqueeze(axes.batch or 0)  # squeezed in a batch of one instance
            output = read_output(tensor, axes, self._instances, self._mask)
            self._activations[key] = values = reduce_output(output, self._reducers[key])
            self.unplaced[key] += output.unplaced
            width = self._widths[key]
            if values.shape[-1] != width:
                del self._activations[key]
                raise NoInstancesError(f"It had {width} neurons at first, and has {values.shape[-1]} now.")
            if self._positions is not None:
                self._positions.add(key, output, values, self._grids.get(key))
        except NoInstancesError as error:
            self.failures[key] = str(error)
        except ActiVisError as error:
            self._error = self._error or type(error)(f"Layer {key!r}: {error}")
        except Exception as error:
            self._error = self._error or error


class _OperatorMode(PassMode):
    """Calls `on_operator` after each torch function: with the function, its arguments, its output, and the attention it completed.

    What that returns is the function's output.

    Arguments:
        finder: of attention; None if none is wanted.
        change_heads: see `run_operator`.
    """

    def __init__(
        self,
        on_operator: Callable[[Any, Any, Any, AttentionCall | None], Any],
        finder: AttentionFinder | None,
        change_heads: ChangeHeads | None = None,
    ) -> None:
        super().__init__()
        self._on_operator, self._finder, self._change_heads = on_operator, finder, change_heads
        self._pass = current_pass()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if self._pass != current_pass():
            return func(*args, **(kwargs or {}))
        if self._finder is None:
            output, attention = func(*args, **(kwargs or {})), None
        else:
            output, attention = run_operator(func, args, kwargs or {}, self._finder, self._change_heads)
        with own_work():
            return self._on_operator(func, args, output, attention)
