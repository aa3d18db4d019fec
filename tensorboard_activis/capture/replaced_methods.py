"""Puts functions in the place of methods of the user's module, for a time."""

from collections.abc import Callable
from typing import Any


def replace_method(module: Any, name: str, function: Any) -> Callable[[], None]:
    """Calls a function in the place of a module's method, until it is taken back.

    Of several watches of one module, each may take back its own in any order.

    Returns:
        Takes the function back; safe to call twice.
    """
    function.replaced = vars(module).get(name)  # that of a compiled module, say, or of another watch
    function.taken_back = False
    setattr(module, name, function)

    def take_back() -> None:
        function.taken_back = True
        while getattr(top := vars(module).get(name), "taken_back", None) is True:
            if top.replaced is None:
                delattr(module, name)
            else:
                setattr(module, name, top.replaced)

    return take_back
