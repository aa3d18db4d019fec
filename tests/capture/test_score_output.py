"""The score is the output that fits the labels, wherever it stands; where none or several fit, words say so."""

from typing import Any

import numpy as np
import pytest

from tensorboard_activis import schema
from tensorboard_activis.capture.graph.outputs import OutputFlow
from tensorboard_activis.capture.options import SharedOptions, check_options, options_of
from tensorboard_activis.capture.score_output import ScoreOutput, name_of
from tensorboard_activis.errors import ConfigurationError

#: Instances.
N = 7
THREE = np.array([0, 2, 1, 0, 1, 2, 2])
TWO = np.array([0, 1, 1, 0, 1, 0, 0])
NUMBERS = np.linspace(-1, 1, N)


def array(*sizes: int, dtype: str = "float32") -> np.ndarray:
    return np.zeros(sizes, dtype)


def flow(*edges: tuple[str, str], sizes: tuple[int, ...] = ()) -> OutputFlow:
    """A graph of these edges, with nodes for the outputs among them."""
    keys = sorted({key for edge in edges for key in edge})
    nodes = [schema.Node(key, "", "output" if key.startswith("/output") else "module", key, "Linear") for key in keys]
    shape = schema.Shape(sizes, "float32")
    return OutputFlow(schema.Graph("torch", "Net", tuple(nodes), tuple(schema.Edge(*edge, shape) for edge in edges)))


#: The second output is computed from the first.
CHAIN = flow(("hidden", "/output[0]"), ("hidden", "head"), ("head", "/output[1]"))
NO_GRAPH = flow()


def decided(
    outputs: Any, labels: Any, graph: OutputFlow = NO_GRAPH, instances: int = N, highest: int = -1, **options: Any
) -> ScoreOutput:
    def tensors(output: Any) -> list[tuple[str, np.ndarray]]:
        if isinstance(output, np.ndarray):
            return [("", output)]
        pairs = output.items() if isinstance(output, dict) else enumerate(output)
        return [(f"[{key}]", each) for key, each in pairs]

    return ScoreOutput(outputs, tensors, instances, labels, options_of(SharedOptions, options), graph, highest)


@pytest.mark.parametrize(
    ("outputs", "labels", "options", "path"),
    [
        ((array(), array(N, 3)), THREE, {}, "[1]"),  # a loss
        ((array(N, 3), array()), THREE, {}, "[0]"),
        ((array(N, 2), array(N, 3)), THREE, {}, "[1]"),  # too few
        ((array(N, 5), array(N, 3)), THREE, {}, "[1]"),  # just enough
        ((array(N, 5), array(N, 3)), THREE, {"class_names": ["a", "b", "c"]}, "[1]"),
        ((array(N, 5), array(N, 3)), THREE, {"class_names": list("abcde")}, "[0]"),
        ((array(N, 5), array(N, 3)), np.array(list("acbacbb")), {"class_names": ["a", "b", "c"]}, "[1]"),
        ((array(N, 3, 4), array(N, 3)), THREE, {}, "[1]"),
        ((array(N, 3, dtype="int64"), array(N, 3)), THREE, {}, "[1]"),  # indices are no scores
        ((array(9, 3), array(N, 3)), THREE, {}, "[1]"),  # no row per instance
        ((array(N, 4), array(N, 4)), THREE, {}, None),
        ((array(N, 5), array(N, 4)), THREE, {}, None),
        ((array(N, 2), array(N, 1)), THREE, {"task": "classification"}, None),
        ({"aux": array(N, 3), "logits": array(N, 3)}, THREE, {}, "[logits]"),
        ({"aux": array(N, 3), "scores": array(N, 3)}, THREE, {}, "[scores]"),
        ({"pooler_output": array(N, 3), "pred": array(N, 3)}, THREE, {}, "[pred]"),
        ({"last_hidden_state": array(N, 4, 3), "pooler_output": array(N, 3)}, THREE, {}, None),
        ((array(N, 5), array(N, 1)), TWO, {}, "[1]"),
        ((array(N, 5), array(N)), TWO, {}, "[1]"),
        ((array(N, 5), array(N, 2)), TWO, {}, "[1]"),
        ((array(N), array(N, 2)), TWO, {}, None),  # a score, or the loss of each instance
        ((array(N), array(N, 3)), THREE, {}, "[1]"),
        ((array(N, 5), array(N)), NUMBERS, {}, "[1]"),
        ((array(N, 5), array(N, 1)), NUMBERS, {}, "[1]"),
        ((array(N, 5), array(N, 1)), NUMBERS[:, None], {}, "[1]"),
        ((array(N, 5), array(N)), THREE.astype(float), {}, "[1]"),
        ((array(N, 5), array(N, 3)), THREE.astype(float), {}, "[1]"),
        ((array(N, 5), array(N)), THREE, {"task": "regression"}, "[1]"),
        ((array(N, 5), array(N, 2)), np.ones((N, 2)) / 3, {}, "[1]"),
        ((array(N, 5), array(N)), THREE, {"task": "ranking"}, "[1]"),
        ((array(N, 5), array(N, 3)), np.eye(3)[THREE], {}, "[1]"),
        ((array(N, 5), array(N, 3)), np.ones((N, 3), int), {}, "[1]"),
        ((array(N, 5), array(N, 3)), [[0, 1], [], [2], [], [], [], []], {"task": "multilabel"}, None),
        ((array(N, 5), array(N, 3)), [["a"], [], ["b"], [], [], [], []], {"class_names": ["a", "b", "c"]}, "[1]"),
        ((array(N, 6), array(N, 4, 3)), np.full((N, 4), 2), {}, "[1]"),
        ((array(N, 4, 2), array(N, 4, 3)), np.full((N, 4), 2), {}, "[1]"),
        ((array(N, 6, 3), array(N, 3, 4)), np.full((N, 4), 2), {}, "[1]"),  # classes before positions
        ((array(N, 4, 9), array(N, 4, 8)), np.full((N, 4), 2), {}, None),
        ((array(N, 5), array(N, 3)), None, {"class_names": ["a", "b", "c"]}, "[1]"),
        ((array(N, 5), array(N, 3)), None, {}, None),
        ((array(N, 5), array(N, 3)), THREE, {"task": "none"}, "[0]"),
        ({"a": array(N, 5), "b": array(N, 3)}, {"b": THREE}, {}, "[b]"),
        ({"a": array(N, 5), "b": array(N, 3)}, {"b": THREE, "a": THREE}, {}, "[a]"),
        ({"a": array(N, 5), "b": array(N, 3)}, {"c": THREE}, {}, None),
        ((), THREE, {}, None),
    ],
)
def test_what_fits_the_labels_is_the_score(
    outputs: Any, labels: Any, options: dict[str, Any], path: str | None
) -> None:
    score = decided(outputs, labels, **options)
    assert score.path == path
    if labels is not None and options.get("task") != "none":
        assert bool(score.problem) == (path is None)
        assert bool(score.note) == (path is not None) or path == "[logits]" or isinstance(labels, dict)


def test_a_single_output_is_the_score_whatever_its_shape() -> None:
    for shape in ((N, 3), (N,), (N, 2), (N, 4, 5)):
        score = decided(array(*shape), THREE)
        assert (score.path, score.notes) == ("", [])
        assert score.of(array(*shape), N).shape == shape


def test_features_as_wide_as_there_are_classes_are_told_by_the_graph() -> None:
    for width in (3, 5):
        assert decided((array(N, width), array(N, width)), THREE, CHAIN).path == "[1]"
        assert decided((array(N, width), array(N, width)), None, CHAIN, class_names=["a"] * width).path == "[1]"
    assert decided((array(N, 1), array(N, 1)), NUMBERS, CHAIN).path == "[1]"
    assert decided((array(N, 16), array(N, 1000)), THREE, CHAIN).path == "[1]"
    tokens = np.full((N, 4), 2)
    assert decided((array(N, 4, 8), array(N, 4, 8)), tokens, CHAIN).path == "[1]"


def test_features_are_not_the_classes_of_ratings() -> None:
    """The number that is made of features may be a rating, or the loss of each instance: which is not told by shapes."""
    assert decided((array(N, 16), array(N, 1)), THREE, CHAIN).path is None
    assert decided((array(N, 16), array(N, 1)), THREE, NO_GRAPH).path == "[0]"
    assert decided((array(N, 3), array(N, 1)), THREE, CHAIN).path == "[0]"


def test_a_note_says_what_was_decided_and_a_problem_what_there_is() -> None:
    score = decided((array(N, 5), array(N, 3)), THREE)
    assert score.note.startswith(
        "The score is '1' [instances, 3], which has just as many scores as the labels need; the model's outputs are "
        "'0' [instances, 5], '1' [instances, 3]."
    )
    score = decided((array(), array(N, 5), array(N, 4)), THREE, class_names=["a", "b", "c"])
    assert "'0' [], '1' [instances, 5], '2' [instances, 4]" in score.problem
    assert "labels [instances] of int64 up to 2 and the 3 class_names" in score.problem
    assert "Several outputs" in decided((array(N, 4), array(N, 4)), THREE).problem


def test_a_later_label_shows_that_the_decision_was_wrong() -> None:
    outputs = array(N, 3), array(N, 6)
    score = decided(outputs, THREE)
    score.check(THREE, 3)
    assert (score.path, score.mistake) == ("[0]", "")
    score.check(np.array([5, -1]), 3)
    assert "There is a label 5, and '0' gives 3 scores" in score.mistake
    again = decided(outputs, THREE, highest=score.highest)
    assert (again.path, again.mistake) == ("[1]", "")
    alone = decided(array(N, 3), THREE)
    alone.check(np.array([5]), 3)
    assert not alone.mistake


def test_one_instance_whose_axis_is_squeezed() -> None:
    score = decided((array(N, 5), array(N, 3)), THREE)
    assert score.of((array(5), array(3)), 1).shape == (1, 3)
    assert score.of((array(1, 5), array(1, 3)), 1).shape == (1, 3)
    assert decided((array(), array(5), array(3)), THREE[1:2], instances=1).path == "[2]"
    number = decided((array(N, 5), array(N)), NUMBERS)
    assert number.of((array(5), array()), 1).shape == (1,)


def test_the_instances_need_not_be_the_first_axis() -> None:
    """By the graph, also where there are as many positions as instances."""
    graph = flow(("a", "/output[0]"), ("b", "/output[1]"), sizes=(7, -1, 3))
    values = np.arange(N * N * 3, dtype="float32").reshape(N, N, 3)
    score = decided((array(N, N, 2), values), np.full((N, N), 2), graph)
    np.testing.assert_array_equal(score.of((array(N, N, 2), values), N), values.swapaxes(0, 1))


def test_an_output_that_a_batch_lacks_is_unknown() -> None:
    score = decided({"a": array(N, 5), "b": array(N, 3)}, THREE)
    assert score.of({"a": array(N, 5), "c": array(N, 3)}, N) is None
    assert score.of(array(N, 3), N) is not None  # alone, under any name


def test_names_of_key_paths() -> None:
    assert [name_of(path) for path in ("", "[1]", "[aux][logits]", "[a.b]")] == ["", "1", "aux.logits", "a.b"]


NESTED = {"aux": {"a": array(N, 4), "b": array(N, 4)}, "head": {"score": array(N, 4)}}


def paths_of(output: Any, at: str = "") -> list[tuple[str, Any]]:
    if isinstance(output, np.ndarray):
        return [(at, output)]
    pairs = output.items() if isinstance(output, dict) else enumerate(output or ())
    return [pair for key, each in pairs for pair in paths_of(each, f"{at}[{key}]")]


def said(output: Any, outputs: Any, labels: Any = THREE, names: tuple[str, ...] = (), **options: Any) -> ScoreOutput:
    keywords = options_of(SharedOptions, options | {"output": output})
    return ScoreOutput(outputs, paths_of, N, labels, keywords, CHAIN, names=names)


@pytest.mark.parametrize(
    ("output", "outputs", "path"),
    [
        (0, (array(N, 5), array(N, 3)), "[0]"),
        (-2, (array(N, 5), array(N, 3)), "[0]"),
        (1, (None, array(N, 5), array(N, 3)), "[1]"),
        (1, NESTED, "[head][score]"),
        (-1, NESTED, "[head][score]"),
        (0, array(N, 3), ""),
        ("aux.b", NESTED, "[aux][b]"),
        ("head", NESTED, "[head][score]"),
        ("1", (array(N, 3), array(N, 5)), "[1]"),
        ("second", (array(N, 3), array(N, 5)), "[1]"),
    ],
)
def test_the_user_says_which_it_is(output: Any, outputs: Any, path: str) -> None:
    score = said(output, outputs, names=("first", "second"))
    assert (score.path, score.notes) == (path, [])


def test_a_function_makes_the_score() -> None:
    def stacked(output: Any) -> np.ndarray:
        return np.stack([output["head"]["score"], output["aux"]["a"] + 1]).mean(0)

    score = said(stacked, NESTED)
    np.testing.assert_array_equal(score.of(NESTED, N), np.full((N, 4), 0.5))
    assert (score.node, score.notes) == (None, [])  # the graph says nothing of it
    with pytest.raises(ConfigurationError, match=r"output= fails: KeyError: 'head'.*which is 'aux' \[7, 3\]"):
        score.of({"aux": array(N, 3)}, N)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("aux", r"output='aux' is several of the model's outputs, 'aux.a' \[instances, 4\], 'aux.b' \[instances, 4\]"),
        ("au", r"output='au' is none of them; the model returns 'aux.a' .*, 'aux.b' .*, 'head.score' \[instances, 4\]"),
        (2, "output=2 is none of them; the model returns"),
        (-3, "output=-3 is none of them"),
        (lambda output: output["aux"], "The function output= gives 2 tensors.*which is 'aux.a'"),
        (lambda output: None, "The function output= gives 0 tensors"),
        (lambda output: output.logits, "The function output= fails: AttributeError"),
        (lambda output: array(9, 3), "has no row per instance"),
    ],
)
def test_what_is_none_of_the_outputs_is_refused(output: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        said(output, NESTED)


def test_labels_are_those_of_the_output_that_is_said() -> None:
    outputs, labels = {"a": array(N, 5), "b": array(N, 3)}, {"a": THREE, "b": TWO}
    assert said("b", outputs, labels).labels_of(labels) is TWO
    assert said("b", outputs, {"a": THREE}).labels_of({"a": THREE}) is None


@pytest.mark.parametrize("wrong", [True, 1.5, ["logits"]])
def test_output_is_a_name_an_index_or_a_function(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="output must be the name or the index of one of the model's outputs"):
        check_options(output=wrong)
