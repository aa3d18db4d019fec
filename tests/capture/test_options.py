"""The keywords that faces share: listed, described, checked and complete, wherever a face takes them."""

import inspect
import re
from typing import Any, Unpack

import pytest

from tensorboard_activis.capture.face import with_options
from tensorboard_activis.capture.options import (
    DEFAULTS,
    InstanceOptions,
    LayerOptions,
    LoggerOptions,
    RecorderOptions,
    ReportOptions,
    TorchOptions,
    check_options,
    options_of,
)
from tensorboard_activis.errors import ConfigurationError


@with_options(TorchOptions)
class Face:
    """A face.

    Arguments:
        log_dir: where to.
        every: how often,
            in epochs.

    Attributes:
        options: all of them.
    """

    def __init__(self, log_dir: str, *, every: int = 1, **options: Unpack[TorchOptions]) -> None:
        self.log_dir, self.every, self.options = log_dir, every, options


def test_a_face_gets_every_option() -> None:
    face = Face("here", every=2, sample=7, id=None)
    assert (face.log_dir, face.every) == ("here", 2)
    assert set(face.options) == set(TorchOptions.__annotations__)
    assert {name: value for name, value in face.options.items() if value is not None} == {
        "sample": 7,
        "graph": "recorded",
        "positions": 16,
        "effects_share": 0.05,
        "depth": True,
        "unit": "instance",
        "strict": False,
        "health": False,
        "alerts": False,
        "scalars": False,
    }


def test_the_signature_lists_them() -> None:
    parameters = inspect.signature(Face).parameters
    assert list(parameters) == ["log_dir", "every", *TorchOptions.__annotations__]
    assert {parameters[name].kind for name in TorchOptions.__annotations__} == {inspect.Parameter.KEYWORD_ONLY}
    assert {name: parameters[name].default for name in TorchOptions.__annotations__} == {
        name: DEFAULTS.get(name) for name in TorchOptions.__annotations__
    }
    assert parameters["sample"].annotation == int | None


def test_the_docstring_describes_each_once_among_the_arguments() -> None:
    text = Face.__doc__ or ""
    arguments = re.findall(r"^ {8}(\w+): ", text[: text.index("    Attributes:")], re.MULTILINE)
    assert arguments == ["log_dir", "every", *TorchOptions.__annotations__]
    assert "            in epochs.\n        class_names: names of the classes" in text
    assert text.rstrip().endswith("options: all of them.")


def test_every_option_is_described_where_it_is_declared() -> None:
    for group in (RecorderOptions, LayerOptions, InstanceOptions, ReportOptions, TorchOptions, LoggerOptions):
        described = re.findall(r"^ {8}(\w+): ", group.__doc__ or "", re.MULTILINE)
        assert described
        assert described == list(group.__annotations__)[-len(described) :]


def test_no_docstring_at_all_is_none_either() -> None:
    class Bare:
        def __init__(self, **options: Unpack[RecorderOptions]) -> None:
            self.options = options

    assert set(with_options(RecorderOptions)(Bare)().options) == set(RecorderOptions.__annotations__)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampel": 3}, r"^Face.__init__\(\) got an unexpected keyword argument 'sampel'. Did you mean 'sample'\?$"),
        ({"evry": 3}, "'evry'. Did you mean 'every'"),
        ({"zzz": 3}, r"got an unexpected keyword argument 'zzz'$"),
        ({"texts": None}, "unexpected keyword argument 'texts'"),
    ],
)
def test_an_unknown_keyword_is_a_type_error_that_names_the_closest(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Face("here", **options)


def test_arguments_that_are_missing_are_told_as_ever() -> None:
    with pytest.raises(TypeError, match=r"Face.__init__\(\) missing 1 required positional argument: 'log_dir'"):
        Face()  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_names": "ant"}, "class_names must be a list of texts"),
        ({"class_names": ["ant", "ant"]}, "'ant' is there more than once"),
        ({"subsets": {"low": 3}}, "subsets must map names to expressions"),
        ({"sample": 0}, "sample must be a positive number"),
        ({"sample": True}, "sample must be a positive number"),
        ({"task": "guess"}, "task must be one of classification, "),
        ({"layers": "fc"}, r"write \['fc'\]"),
        ({"reducer": "median"}, "reducer must be one of mean, "),
        ({"id": 3}, "id must be a function of a batch, or a sequence"),
        ({"columns": {"id": [1]}}, "a column of ActiVis's own"),
        ({"audio": "loud"}, "audio must be the number of values per second"),
        ({"audio": True}, "audio must be the number of values per second"),
    ],
)
def test_what_needs_no_model_is_checked_first(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check_options(**options)
    with pytest.raises(ConfigurationError, match=message):
        Face("here", **options)


def test_a_group_of_options_is_taken_from_a_larger_one() -> None:
    assert options_of(RecorderOptions, {"sample": 5, "layers": ["fc"]}) == {
        "class_names": None,
        "subsets": None,
        "sample": 5,
        "task": None,
    }
