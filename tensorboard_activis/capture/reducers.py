"""The reducers, which make one number per neuron and instance of maps and sequences, and which layer gets which.

The computation of each is in `capture/reductions.py`, for PyTorch in `capture/torch/reduce.py`, in a table by these names.
"""

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from tensorboard_activis import schema
from tensorboard_activis.capture.graph.layers import matching
from tensorboard_activis.errors import ActiVisError, ConfigurationError

#: A user's own function: takes float32 [instances, neurons, positions], and bool [instances, positions] that is False where
#: there is no data (None: there is data everywhere); returns [instances, neurons].
Reduce = Callable[[Any, Any], Any]
Reducer = str | Reduce

#: What `reducer` may be, besides a function. "none" takes only outputs that have no positions.
REDUCERS = ("mean", "max", "std", "first", "last", "none")
DEFAULT = "mean"


def each_position(values: Any, mask: Any) -> Any:
    """The reducer of unit="position", which reduces nothing: each position is a row of its own."""
    raise NotImplementedError("It is known where layers are reduced, and never called.")


def check_reducer(reducer: object) -> None:
    """Checks the keyword `reducer`: a name, a function, a mapping of these by layer, or None for the mean.

    Raises:
        ConfigurationError: it is something else.
    """
    for choice in reducer.values() if isinstance(reducer, Mapping) else (reducer,):
        named = isinstance(choice, str) and choice in REDUCERS
        if choice is not None and not callable(choice) and not named:
            raise ConfigurationError(
                f"reducer must be one of {', '.join(REDUCERS)}, a function of (values, mask), or a dict of these by layer "
                f"name or glob; got {choice!r}."
            )


def layer_reducers(
    graph: schema.Graph, names: Sequence[str], reducer: Reducer | Mapping[str, Reducer] | None
) -> dict[str, Reducer]:
    """The reducer of every recorded layer: an exact name wins, then the first pattern that matches, else the mean.

    Arguments:
        graph: of the model.
        names: keys of the recorded layers.
        reducer: for all of them, or a mapping by layer name or glob; None is the mean.

    Raises:
        ConfigurationError: a reducer is unknown, or a name or glob is that of no recorded layer.
    """
    check_reducer(reducer)
    if not isinstance(reducer, Mapping):
        return dict.fromkeys(names, reducer or DEFAULT)
    exact: dict[str, Reducer] = {}
    by_pattern: dict[str, Reducer] = {}
    keys = {node.key for node in graph.nodes}
    for pattern, choice in reducer.items():
        same = _named(graph, names, pattern, keys)
        matched = [] if same else [name for name in names if _fits(name, pattern)]
        if not same and not matched:
            raise ConfigurationError(
                f"reducer: {pattern!r} matches none of the recorded layers, which are {', '.join(names)}."
            )
        exact.update(dict.fromkeys(same, choice or DEFAULT))
        for name in matched:
            by_pattern.setdefault(name, choice or DEFAULT)
    return {name: exact.get(name) or by_pattern.get(name) or DEFAULT for name in names}


def likely_reducer(name: str, reducer: Reducer | Mapping[str, Reducer] | None) -> Reducer:
    """The reducer of a layer of this name, as far as it shows before the graph is known; `layer_reducers` decides."""
    if not isinstance(reducer, Mapping):
        return reducer or DEFAULT
    exact = next((choice for pattern, choice in reducer.items() if pattern == name), None)
    matched = next((choice for pattern, choice in reducer.items() if _fits(name, pattern)), None)
    return exact or matched or DEFAULT


def reducer_name(reducer: Reducer, rank: int) -> str:
    """How a layer's reducer is recorded: "none" where the output [instances, neurons] has nothing to reduce.

    Arguments:
        rank: number of axes of the layer's output.
    """
    if rank <= 2 or reducer is each_position:
        return "none"
    return reducer if isinstance(reducer, str) else getattr(reducer, "__name__", type(reducer).__name__)


def _named(graph: schema.Graph, names: Sequence[str], pattern: str, keys: set[str]) -> list[str]:
    """The recorded layers of which `pattern` is the name: `lstm` names `lstm[0]` too, as it does in `layers`."""
    if pattern in names:
        return [pattern]
    if pattern not in keys and pattern.removesuffix("[0]") not in keys:
        return []
    try:
        return [name for name in matching(graph, pattern) if name in names]
    except ConfigurationError:  # an input of the model, or a layer that did not run
        return []


def _fits(name: str, pattern: str) -> bool:
    """Whether the glob matches; brackets stand for themselves first, as in `lstm[*]`."""
    return any(fnmatchcase(name, glob) for glob in (pattern.replace("[", "[[]"), pattern))


def no_positions_error(shape: Sequence[int]) -> ActiVisError:
    """The error of the reducer "none" on a layer whose output has positions.

    Arguments:
        shape: of the output.
    """
    return ActiVisError(
        f"The reducer 'none' needs outputs of two axes; this layer gives {tuple(shape)}. Use 'mean' or 'max'."
    )


def check_reduced(reducer: Reducer, values: Sequence[int | None], reduced: Sequence[int | None]) -> None:
    """Checks what a user's own reducer gave.

    Arguments:
        values: the shape of what it got, [instances, neurons, positions]; None for a size that is not known yet.
        reduced: the shape of what it gave.

    Raises:
        ActiVisError: this is not [instances, neurons].
    """
    expected = tuple(values[:2])
    if len(reduced) != 2 or any(
        None not in pair and pair[0] != pair[1] for pair in zip(reduced, expected, strict=True)
    ):
        raise ActiVisError(
            f"The reducer {reducer_name(reducer, 3)} gave {tuple(reduced)} for values of shape {tuple(values)}; "
            f"[instances, neurons] = {expected} was expected."
        )
