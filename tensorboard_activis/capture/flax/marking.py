"""Marks the module calls of a model in its jaxpr, on a copy of the model, so that nothing of the user's is touched.

A mark is an equation that gives its operand unchanged (`jax.ad_checkpoint.checkpoint_name`). Its name says which module
begins, which of its outputs the operand is, or that it ends.
"""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.ad_checkpoint import checkpoint_name

_PREFIX = "activis "
_PATH = "_activis_path"


@dataclass(frozen=True)
class Mark:
    """What the name of a mark says. `kind` is "begin", "output" or "end"; `key_path` is of the output, "" if there is one."""

    kind: str
    path: str
    key_path: str = ""


def mark_of(equation: Any) -> Mark | None:
    """The mark that an equation of a jaxpr is; None for every other equation."""
    name = equation.params.get("name") if equation.primitive.name == "name" else None
    return Mark(*json.loads(name.removeprefix(_PREFIX))) if name is not None and name.startswith(_PREFIX) else None


def modules_by_path(model: nnx.Module) -> dict[str, nnx.Module]:
    """All modules of a model, by path as in `layers.0.conv`, each once; a module comes before those inside it."""
    modules = {".".join(map(str, path)): module for path, module in nnx.iter_modules(model)}
    return dict(sorted(modules.items(), key=lambda item: item[0].count(".") + bool(item[0])))


def evaluation_copy(model: nnx.Module) -> tuple[Any, Any]:
    """A copy of the model in evaluation mode, whose calls are marked: its graph definition and its state, for `nnx.merge`.

    Dropout and the like are off, BatchNorm has its running averages. The model itself stays as it is: a pass changes variables
    and counters of the copy only.
    """
    copy = nnx.clone(model)
    copy.eval()  # type: ignore[no-untyped-call]
    copy = nnx.view(copy, raise_if_not_found=False, deterministic=True, use_running_average=True)
    for path, module in modules_by_path(copy).items():
        if callable(module):
            object.__setattr__(module, _PATH, path)
            object.__setattr__(module, "__class__", _marked(type(module)))
    definition, state = nnx.split(copy)
    return definition, state


def leaves(value: Any) -> list[tuple[str, Any]]:
    """The arrays of a nested value with their key paths, such as "[1][0]" or "[logits]"; "" for a single one."""
    paths = jax.tree_util.tree_flatten_with_path(value)[0]
    arrays = [(path, leaf) for path, leaf in paths if hasattr(leaf, "shape") and hasattr(leaf, "dtype")]
    if len(arrays) == 1:
        return [("", arrays[0][1])]
    return [("".join(f"[{_step(entry)}]" for entry in path), leaf) for path, leaf in arrays]


def describe(value: Any) -> str:
    """Shapes and types of the arrays of a nested value, for messages."""
    return ", ".join(f"{tuple(leaf.shape)} {leaf.dtype}" for _, leaf in leaves(value)) or "no array"


def place_of(error: BaseException) -> str:
    """After a pass that raised: the module that was running, and the shapes of its inputs; for messages."""
    return str(vars(error).get("_activis_place", "the model itself"))


@cache
def _marked(cls: type[nnx.Module]) -> type[nnx.Module]:
    """A subclass whose calls are marked."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        path = vars(self).get(_PATH)
        if path is None:  # made while the model runs
            return cls.__call__(self, *args, **kwargs)
        _mark(jnp.zeros(()), Mark("begin", path))
        try:
            outputs = cls.__call__(self, *args, **kwargs)
        except Exception as error:
            name = f"{path} ({cls.__name__})" if path else "the model itself"
            vars(error).setdefault("_activis_place", f"{name}, which got {describe([args, kwargs])}")
            raise
        arrays = iter([_mark(leaf, Mark("output", path, key_path)) for key_path, leaf in leaves(outputs)])
        outputs = jax.tree.map(lambda leaf: next(arrays) if hasattr(leaf, "shape") else leaf, outputs)
        _mark(jnp.zeros(()), Mark("end", path))
        return outputs

    # With the names of the class that it stands for, which models may read.
    names = {name: getattr(cls, name) for name in ("__module__", "__qualname__", "__doc__")}
    metaclass: Any = type(cls)
    marked: type[nnx.Module] = metaclass(cls.__name__, (cls,), {**names, "__call__": call})
    return marked


def _mark(value: Any, mark: Mark) -> Any:
    return checkpoint_name(value, _PREFIX + json.dumps([mark.kind, mark.path, mark.key_path]))  # type: ignore[no-untyped-call]


def _step(entry: Any) -> Any:
    return next(getattr(entry, name) for name in ("idx", "key", "name") if hasattr(entry, name))
