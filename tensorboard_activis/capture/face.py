"""Makes a public face of a class or function: defaults, checks, signature and docstring of the keywords that faces share."""

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from tensorboard_activis.capture.options import (
    DEFAULTS,
    GROUPS,
    KerasOptions,
    TorchOptions,
    check_options,
    options_of,
)

F = TypeVar("F", bound=Callable[..., Any])


def with_options(group: type[Any]) -> Callable[[F], F]:
    """A decorator of a face, a class or a function, that takes `**options: Unpack[group]`.

    It gets all of them, the default where one is not given, after `check_options`. The signature lists them, and so does the
    docstring, at the end of its arguments.
    """

    def decorate(face: F) -> F:
        # A face is a class whose `__init__` is called once, or a function; mypy does not follow assignments to it.
        made: Any = face
        call = made.__init__ if isinstance(face, type) else made
        signature = inspect.signature(call)
        own = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
        types = group.__annotations__
        known = [parameter.name for parameter in own if parameter.name != "self"] + list(types)

        @functools.wraps(call)
        def complete(*args: Any, **options: Any) -> Any:
            unknown = next((name for name in options if name not in known), None)
            if unknown is not None:
                near = difflib.get_close_matches(unknown, known, n=1)
                hint = f". Did you mean '{near[0]}'?" if near else ""
                if any(unknown in each.__annotations__ for each in GROUPS):
                    others = "PyTorch and Keras" if unknown in KerasOptions.__annotations__ else "PyTorch"
                    hint = f": {unknown}= is a keyword of the faces for {others}"
                raise TypeError(f"{call.__qualname__}() got an unexpected keyword argument '{unknown}'" + hint)
            mine = {parameter.name for parameter in own} - set(types)
            checked = {name: value for name, value in options.items() if name not in mine}
            check_options(**{name: value for name, value in checked.items() if name in TorchOptions.__annotations__})
            return call(*args, **{**options_of(group, options), **options})

        keywords = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=DEFAULTS.get(name), annotation=annotation)
            for name, annotation in types.items()
        ]
        complete.__signature__ = signature.replace(parameters=[*own, *keywords])  # type: ignore[attr-defined]
        described = _with_arguments(made.__doc__ or "", types)
        if not isinstance(face, type):
            complete.__doc__ = described
            return complete  # type: ignore[return-value]
        made.__init__ = complete
        made.__doc__ = described
        return face

    return decorate


def _with_arguments(text: str, names: Mapping[str, Any]) -> str:
    """A docstring whose section of arguments ends with these keywords."""
    described: dict[str, str] = {}
    for one in GROUPS:
        for entry in re.finditer(r"^ {8}(\w+): .*\n(?: {12}.*\n)*", one.__doc__ or "", re.MULTILINE):
            described[entry[1]] = entry[0]
    section = re.search(r"^ {4}Arguments:\n(?: {8}.*\n)+", text, re.MULTILINE)
    if section is None:  # python -OO has no docstrings
        return text
    return text[: section.end()] + "".join(described[name] for name in names) + text[section.end() :]
