"""Which layer is reduced how, as the user asked for it."""

from collections.abc import Mapping, Sequence

from tensorboard_activis import schema
from tensorboard_activis.capture.layers import matching
from tensorboard_activis.capture.torch.reduce import Reducer, check_reducer
from tensorboard_activis.errors import ConfigurationError


def chosen_reducers(
    graph: schema.Graph, names: Sequence[str], reducer: Reducer | Mapping[str, Reducer] | None
) -> dict[str, Reducer]:
    """The reducer of every recorded layer; "mean" where none was asked for.

    Raises:
        ConfigurationError: a reducer or a name of a layer is none.
    """
    if not isinstance(reducer, Mapping):
        chosen: Reducer = "mean" if reducer is None else reducer
        check_reducer(chosen)
        return dict.fromkeys(names, chosen)
    found: dict[str, Reducer] = dict.fromkeys(names, "mean")
    for pattern, chosen in reducer.items():
        check_reducer(chosen)
        hits = [name for name in matching(graph, pattern) if name in found]
        if not hits:
            raise ConfigurationError(
                f"reducer: {pattern!r} matches none of the recorded layers, which are {', '.join(names)}."
            )
        found.update(dict.fromkeys(hits, chosen))
    return found
