"""The state of the tab as the fragment of its address, and what is selected in it."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from tensorboard_activis.errors import ConfigurationError

#: What the tab shows when nothing was chosen.
START = "#activis"
_PREFIX = "p.activis."
#: What a link of the tab may hold: the fields of `frontend/src/state/url.ts`, and `panel:<layer>`.
FIELDS = (
    "run",
    "step",
    "order_of",
    "compare",
    "mode",
    "pairs",
    "modules",
    "layers",
    "rows",
    "sort",
    "order",
    "statistic",
    "scale",
    "ladder",
    "model",
    "measure",
    "expression",
    "selection",
    "detail",
    "findings",
    "finding",
    "hidden",
    "face",
    "tab",
)
#: As `encodeURIComponent` of JavaScript leaves them.
_PLAIN = "!'()*-._~"


def address_of(state: str | Mapping[str, Any]) -> str:
    """The fragment of a link, of a fragment, or of fields by name: texts as they are, all else as JSON.

    Raises:
        ConfigurationError: it is neither, a field does not exist, or a value is no JSON.
    """
    if isinstance(state, str):
        fragment = state.partition("#")[2] if "#" in state else state
        if not fragment:
            return START
        if not any(part.startswith(_PREFIX) or part == START[1:] for part in fragment.split("&")):
            raise ConfigurationError(
                f"state must be a link copied from the tab, or its part from # on, such as '#activis&{_PREFIX}step=240'; "
                f"got {state!r:.200}."
            )
        return f"#{fragment}"
    if not isinstance(state, Mapping):
        raise ConfigurationError(f"state must be a text or a dict of fields; got {type(state).__name__}.")
    return "&".join(
        [START, *(f"{_PREFIX}{_quoted(_known(name))}={_quoted(_text(name, state[name]))}" for name in state)]
    )


def fields_of(address: str) -> dict[str, str]:
    """The fields of a fragment by name; parts of it that are not the tab's are left out."""
    parts = (part.partition("=") for part in address.removeprefix("#").split("&"))
    return {unquote(name[len(_PREFIX) :]): unquote(value) for name, _, value in parts if name.startswith(_PREFIX)}


def selection_of(address: str) -> dict[str, Any]:
    """What is selected in the tab; what was not chosen is None, an empty list or an empty text.

    Returns:
        `rows`: those of the matrix, as `snapshot.matrix` takes them: names of subsets, expressions, indices of instances; empty
        while the tab shows its own; `expression`: the one in the box; `layer`, `neuron`: the selected neuron, `layer` alone that of
        the drawer; `instance`: index of the selected instance; `subset`: the selected row; `run` and `step`: None while they are
        the first run and the newest step.
    """
    fields = fields_of(address)
    chosen = _parsed(fields.get("selection"))
    selected = chosen if isinstance(chosen, dict) else {}
    kind, step = selected.get("kind"), _parsed(fields.get("step"))
    rows = _parsed(fields.get("rows"))
    neuron = kind == "neuron"
    return {
        "run": fields.get("run"),
        "step": step if isinstance(step, int) else None,
        "rows": [row for row in map(_row, rows if isinstance(rows, list) else []) if row is not None],
        "expression": fields.get("expression", ""),
        "layer": selected.get("layer") if neuron else fields.get("detail"),
        "neuron": selected.get("neuron") if neuron else None,
        "instance": selected.get("row") if kind == "instance" else None,
        "subset": _subset(selected.get("key")) if kind == "subset" else None,
    }


def _row(packed: object) -> str | int | None:
    """A row of a link: ["s", name], ["e", expression, …] or ["i", index]."""
    if not isinstance(packed, list) or len(packed) < 2:
        return None
    kind, what = packed[:2]
    return what if (kind in ("s", "e") and isinstance(what, str)) or (kind == "i" and isinstance(what, int)) else None


def _subset(key: object) -> str | int | None:
    """Name, expression or index of a row by its key in the tab: "s:" and a name, "e:" and an expression, "i:" and an index."""
    if not isinstance(key, str):
        return None
    kind, _, what = key.partition(":")
    return int(what) if kind == "i" and what.isdecimal() else what


def _known(name: object) -> str:
    if isinstance(name, str) and (name in FIELDS or name.startswith("panel:")):
        return name
    raise ConfigurationError(f"state has no field {name!r:.80}. There are: {', '.join(FIELDS)}, and 'panel:<layer>'.")


def _text(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"state[{name!r}] must be a text, or what JSON can hold: {error}.") from error


def _quoted(text: str) -> str:
    return quote(text, safe=_PLAIN)


def _parsed(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None
