"""The tail of a model: what it computes of the last block's output to get its logits, recorded in a forward pass and run again.

What is recorded are torch's functions rather than modules, so that to run them again calls no module and no hook of the user's.
"""

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Any

import torch

from tensorboard_activis.capture.torch.graph.operators import operator_name
from tensorboard_activis.capture.torch.model.current_pass import current_pass
from tensorboard_activis.capture.torch.model.modules import nested_tensors
from tensorboard_activis.capture.torch.model.thread_state import PassMode

#: These select by an index that is computed from the data, as that of the last token that is no padding.
_SELECTING = {"getitem", "index_select", "gather", "take_along_dim"}
#: These take the sizes of their result.
_SIZED = {"view", "reshape"}
#: These draw random numbers.
_DRAWING = ("rand", "bernoulli", "multinomial", "normal", "poisson", "gumbel", "rrelu")


class TailError(Exception):
    """The tail cannot be run on the output of another block; the message says why, as part of a sentence."""


@dataclass(frozen=True)
class _Slot:
    """A tensor that was computed from the last block's output: its number, and its shape when it was recorded."""

    number: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class _Step:
    """A call of a torch function; `outputs` are the slots of its results, by key path."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: Mapping[str, int]
    changes_first: bool

    @property
    def name(self) -> str:
        return operator_name(self.function)

    def taken(self) -> Iterable[_Slot]:
        """The slots of its arguments."""
        return (leaf for leaf in _leaves([self.args, self.kwargs]) if isinstance(leaf, _Slot))


class Tail:
    """The steps from the last block's output to one of the model's outputs.

    Arguments:
        steps: in the order in which they ran.
        end: number of the output's slot.
        constants: whether a tensor depends on nothing but the model.

    Raises:
        TailError: they take something that comes from elsewhere, or draw random numbers.
    """

    def __init__(self, steps: Sequence[_Step], end: int, constants: Callable[[torch.Tensor], bool]) -> None:
        needed, chosen = {end}, []
        for step in reversed(steps):
            if needed.isdisjoint(step.outputs.values()):
                continue
            chosen.append(step)
            needed.update(slot.number for slot in step.taken())
            _check(step, constants)
        self._steps, self._end = chosen[::-1], end

    def __call__(self, output: torch.Tensor) -> torch.Tensor:
        """Runs the tail.

        Arguments:
            output: of a block, as the last block gave it, but of one position.

        Raises:
            Exception: a function does not take so few positions.
        """
        values = {0: output.clone()}  # a function may change it in place
        for step in self._steps:
            args, kwargs = _filled((step.args, step.kwargs), values)
            is_padded = step.name == "to_padded_tensor" and not args[0].is_nested
            result = args[0] if is_padded else step.function(*_at_one_position(step, args), **kwargs)
            changed = args[0] if step.changes_first else result
            tensors: dict[str, Any] = dict(nested_tensors(changed))
            for key_path, number in step.outputs.items():
                values[number] = tensors[key_path]
        return values[self._end]


class TailRecorder(PassMode):
    """Records every torch function from `begin` on that takes what was computed from one tensor, in this thread.

    Arguments:
        constants: the model's parameters and buffers.
    """

    def __init__(self, constants: Iterable[torch.Tensor]) -> None:
        super().__init__()
        self._constants = {id(tensor) for tensor in constants}
        self._computed: dict[int, weakref.ref[torch.Tensor]] = {}
        self._slots: dict[int, tuple[weakref.ref[torch.Tensor], _Slot]] = {}
        self._steps: list[_Step] = []
        self._count = 0
        self._pass: tuple[int, int] | None = None
        self._error: Exception | None = None

    def begin(self, tensor: torch.Tensor) -> None:
        """Begins anew at this tensor, the last block's output."""
        self._slots, self._steps, self._count = {}, [], 0
        self._add_slot(tensor)
        self._pass = current_pass()

    def end(self) -> None:
        """Records nothing more."""
        self._pass = None

    def tail(self, output: torch.Tensor) -> Tail:
        """What leads to this tensor.

        Raises:
            TailError: it cannot be run again.
        """
        if self._error is not None:
            raise TailError(f"they could not be followed ({type(self._error).__name__}: {self._error})")
        slot = self._slot(output)
        if slot is None:
            raise TailError("they are not computed from it by functions of torch alone")
        return Tail(self._steps, slot.number, self._is_constant)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self._pass != current_pass():
            return func(*args, **kwargs)
        encoded = self._encoded((args, kwargs))
        output = func(*args, **kwargs)
        try:
            self._add(func, args, encoded, output)
        except Exception as error:
            self._error = self._error or error
        return output

    def _add(self, func: Any, args: Any, encoded: Any, output: Any) -> None:
        leaves = list(_leaves(encoded))
        changes_first = operator_name(func) == "setitem"
        made = [(path, each) for path, each in nested_tensors(args[0] if changes_first else output)]
        tensors = [(path, each) for path, each in made if isinstance(each, torch.Tensor)]
        if any(isinstance(leaf, _Slot) for leaf in leaves):
            if tensors:
                outputs = {path: self._add_slot(tensor) for path, tensor in tensors}
                self._steps.append(_Step(func, encoded[0], encoded[1], outputs, changes_first))
        elif all(self._is_constant(leaf) for leaf in leaves if isinstance(leaf, torch.Tensor)):
            self._computed.update((id(tensor), weakref.ref(tensor)) for _, tensor in tensors)

    def _add_slot(self, tensor: torch.Tensor) -> int:
        number, self._count = self._count, self._count + 1
        self._slots[id(tensor)] = weakref.ref(tensor), _Slot(number, tuple(_shape(tensor)))
        return number

    def _slot(self, tensor: torch.Tensor) -> _Slot | None:
        reference, slot = self._slots.get(id(tensor), (None, None))
        return slot if reference is not None and reference() is tensor else None

    def _is_constant(self, tensor: torch.Tensor) -> bool:
        computed = self._computed.get(id(tensor))
        return id(tensor) in self._constants or (computed is not None and computed() is tensor)

    def _encoded(self, value: Any) -> Any:
        """A nested value, with slots in place of the tensors that were computed from the last block's output."""
        return _mapped(value, lambda leaf: (self._slot(leaf) or leaf) if isinstance(leaf, torch.Tensor) else leaf)


def _check(step: _Step, constants: Callable[[torch.Tensor], bool]) -> None:
    name = step.name
    options = [*step.args[1:], *step.kwargs.values()]
    if any(word in name for word in _DRAWING) or ("dropout" in name and any(each is True for each in options)):
        raise TailError(f"{name!r} draws random numbers")
    for leaf in _leaves([step.args, step.kwargs]):
        if isinstance(leaf, torch.Tensor) and not constants(leaf):
            is_index = name in _SELECTING and not leaf.is_floating_point() and leaf.dtype != torch.bool
            if not is_index:
                raise TailError(f"{name!r} takes something else that is computed from the input as well")


def _at_one_position(step: _Step, args: Sequence[Any]) -> Sequence[Any]:
    """The arguments of a step; where it selects a position, the only one that there is."""
    first = step.args[0] if step.args else None
    if not isinstance(first, _Slot):
        return args
    now = tuple(args[0].shape)
    if step.name in _SIZED and len(args) > 1:
        return [args[0], *_only_sizes(args[1:], first.shape, now)]
    if step.name in ("getitem", "setitem") and len(args) > 1:
        return [args[0], _only_index(args[1], first.shape, now), *args[2:]]
    if step.name in ("select", "index_select", "gather", "take_along_dim") and len(args) == 3:
        axis = args[1] if isinstance(args[1], int) else -1
        if isinstance(args[1], int) and _is_reduced(axis, first.shape, now):
            return [args[0], axis, _zero(args[2])]
    return args


def _only_sizes(sizes: Sequence[Any], recorded: Sequence[int], now: Sequence[int]) -> Sequence[Any]:
    """The sizes that a tensor gets, for one position in place of several."""
    wanted = list(sizes[0]) if isinstance(sizes[0], (tuple, list)) else list(sizes)
    if not all(isinstance(size, int) for size in wanted):
        return sizes
    if len(wanted) == len(recorded) and all(size in (-1, old) for size, old in zip(wanted, recorded, strict=True)):
        return [now]
    for axis, size in enumerate(recorded):
        if _is_reduced(axis, recorded, now) and size in wanted[axis : axis + 1]:
            wanted[axis] = 1
    return [wanted]


def _only_index(index: Any, recorded: Sequence[int], now: Sequence[int]) -> Any:
    """An index that selected one of several positions, as one of the only position that there is."""
    entries = index if isinstance(index, tuple) else (index,)
    used = sum(1 for entry in entries if entry is not None and entry is not Ellipsis)
    result: list[Any] = []
    axis = 0
    for entry in entries:
        if entry is None or isinstance(entry, EllipsisType):
            axis += 0 if entry is None else len(recorded) - used
            result.append(entry)
            continue
        if _is_reduced(axis, recorded, now):
            single = isinstance(entry, slice) and len(range(*entry.indices(recorded[axis]))) == 1
            entry = slice(0, 1) if single else _zero(entry)
        result.append(entry)
        axis += 1
    return tuple(result) if isinstance(index, tuple) else result[0]


def _is_reduced(axis: int, recorded: Sequence[int], now: Sequence[int]) -> bool:
    return len(recorded) == len(now) and -len(now) <= axis < len(now) and now[axis] == 1 != recorded[axis]


def _zero(index: Any) -> Any:
    if isinstance(index, bool):
        return index
    if isinstance(index, int):
        return 0
    if isinstance(index, torch.Tensor) and not index.is_floating_point() and index.dtype != torch.bool:
        return torch.zeros_like(index)
    return index


def _filled(value: Any, values: Mapping[int, torch.Tensor]) -> Any:
    return _mapped(value, lambda leaf: values[leaf.number] if isinstance(leaf, _Slot) else leaf)


def _mapped(value: Any, function: Callable[[Any], Any]) -> Any:
    """A nested value with a function applied to all that is no list, tuple, dict or slice."""
    if isinstance(value, torch.Size):
        return function(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_mapped(each, function) for each in value))
    if isinstance(value, (list, tuple)):
        return type(value)(_mapped(each, function) for each in value)
    if isinstance(value, dict):
        return {key: _mapped(each, function) for key, each in value.items()}
    return function(value)


def _leaves(value: Any) -> list[Any]:
    found: list[Any] = []
    _mapped(value, found.append)
    return found


def _shape(tensor: torch.Tensor) -> Sequence[int]:
    return (-1,) * tensor.dim() if tensor.is_nested else tensor.shape
