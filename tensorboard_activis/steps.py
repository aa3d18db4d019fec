"""The number of a training step, as users give it."""

import operator
from typing import Any

from tensorboard_activis.errors import ActiVisError

#: Events hold steps in 64 bits.
HIGHEST = 2**63 - 1


def checked_step(step: Any) -> int:
    """The step as an int, see `whole_number`.

    Raises:
        ActiVisError: it is no whole number, or not from 0 to HIGHEST.
    """
    number = whole_number(step)
    if not 0 <= number <= HIGHEST:
        raise ActiVisError(f"step must be a whole number, 0 or more; got {shown_step(step)}. The highest is 2**63 - 1.")
    return number


def whole_number(step: Any) -> int:
    """The int that a step stands for: a Python or numpy integer, or an array or tensor of integers that has no axes.

    Raises:
        ActiVisError: it is something else, such as a boolean, a float or a text.
    """
    dtype = str(getattr(step, "dtype", ""))
    try:
        if not isinstance(step, bool) and "bool" not in dtype and not tuple(getattr(step, "shape", ())):
            return operator.index(step)
    except Exception:  # a tensor without values, or on a device that failed, says so in ways of its own
        pass
    hint = " Convert it with int()." if isinstance(step, float) or "float" in dtype else ""
    raise ActiVisError(f"step must be a whole number, 0 or more; got {shown_step(step)}.{hint}")


def shown_step(step: Any) -> str:
    """The step in a message, whatever it is: Python itself refuses to write integers of more than 4,300 digits."""
    try:
        text = repr(step)
    except Exception:
        return f"an object of type {type(step).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
